/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of a qcow2 image, read only: QEMU, docs/interop/qcow2, versions 2
 * and 3. The image is not trusted: whatever its tables say, memory is
 * bounded by two clusters of at most 2 MiB and their compressed form, and a
 * read by the bytes requested. For one thread at a time.
 */
#ifndef LKVM_DISK_QCOW2_READ_H
#define LKVM_DISK_QCOW2_READ_H

#include "lkvm/util/util.h"

struct qcow2_reader;

/*
 * Begins to read the image in `fd`, which stays the caller's and open as long
 * as the reader is used; its position is neither used nor moved. Returns 0; or
 * -ENOTSUP with *problem, a sentence of what is wrong and what to do, for an
 * image that this reader is not for (a backing file, encryption, other
 * features) or that is damaged; or -ENOMEM or the -errno of pread(2), without.
 */
int qcow2_open(int fd, struct qcow2_reader **out, const char **problem);

/* Frees the reader; NULL is fine. */
void qcow2_close(struct qcow2_reader *reader);

/* Bytes of the content: what the guest of a disk would see. */
u64 qcow2_size(const struct qcow2_reader *reader);

/*
 * Reads [offset, offset + len), which lies in the content. *zeros is set if all
 * of it is known to be zero; nothing is put into `buf` then. Returns 0;
 * -EBADMSG if the image is corrupt or its file ends early; -ENOMEM; or the
 * -errno of pread(2).
 */
int qcow2_read(struct qcow2_reader *reader, void *buf, size_t len, u64 offset,
	       bool *zeros);

#endif
