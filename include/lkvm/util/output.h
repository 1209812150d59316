/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output to a descriptor whose reader may be slow, or stopped for good. */
#ifndef LKVM_UTIL_OUTPUT_H
#define LKVM_UTIL_OUTPUT_H

#include "lkvm/util/util.h"

/*
 * Writes `len` bytes to `fd`, and waits no longer than `ms` milliseconds in all
 * for the reader of a pipe, a socket or a terminal, however it takes them: bit
 * by bit, or not at all. The flags of `fd`, which other processes may share,
 * stay as they are. Any thread.
 *
 * Returns 0; -EAGAIN if the reader did not take all of it in time; or the
 * -errno of write(2), -EPIPE if the reader is gone. *written, if it is not
 * NULL, says how many bytes went out in each case.
 */
int output_write(int fd, const void *buf, size_t len, unsigned int ms,
		 size_t *written);

#endif
