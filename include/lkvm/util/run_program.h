/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs that lkvm needs, started and waited for. */
#ifndef LKVM_UTIL_RUN_PROGRAM_H
#define LKVM_UTIL_RUN_PROGRAM_H

#include <sys/types.h>

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

/* One that goes on, from program_start() to program_end(). Main thread, or with
 * a lock of the caller's. */
struct program {
	pid_t pid;  /* also of its process group */
	int output; /* what it says is read from there */
	int status; /* once it has ended, else negative */
};

/* Starts it as run_program() does and returns at once: 0 or -errno. */
int program_start(struct program *program, const char *const argv[], int fd);

/*
 * Its status, as of run_program(), if it ends within `ms` milliseconds; else
 * -ETIMEDOUT.
 */
int program_wait(struct program *program, int ms);

/* The last line that it has printed since the last call; may be empty. */
void program_read(struct program *program, char output[RUN_OUTPUT]);

/* Kills it, with what it has started. */
void program_kill(const struct program *program);

/* The end: the same, unless it ends within `ms`. */
void program_end(struct program *program, int ms);

#endif
