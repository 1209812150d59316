/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs that lkvm needs, started and waited for. */
#ifndef LKVM_UTIL_RUN_PROGRAM_H
#define LKVM_UTIL_RUN_PROGRAM_H

/* What a program said, for messages: as much as there is of it. */
#define RUN_OUTPUT 256

/* The descriptor that a program inherits. */
#define RUN_FD 3

/*
 * Starts argv[0], which is looked for in PATH, and waits for its end. Its input
 * is empty. If `output` is not NULL it gets the last line that the program
 * printed, else that goes to stderr. If `fd` is not negative, the program
 * inherits it, as descriptor RUN_FD. Main thread, before the guest runs or
 * after that.
 *
 * Returns its exit status, 128 + n after signal n, or -errno if it could not be
 * started: -ENOENT if there is no such program.
 */
int run_program(const char *const argv[], int fd, char output[RUN_OUTPUT]);

#endif
