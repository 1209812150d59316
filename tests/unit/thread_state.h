/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another thread of a test is up to, as the kernel has it. */
#ifndef TESTS_THREAD_STATE_H
#define TESTS_THREAD_STATE_H

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* Returns once the thread sleeps: it waits for something, a lock or a
 * condition.
 */
static inline void await_sleep(pid_t tid)
{
	char path[64], line[256] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	for (;;) {
		FILE *f = fopen(path, "r");
		const char *state = f && fgets(line, sizeof(line), f)
					    ? strrchr(line, ')')
					    : NULL;

		if (f)
			fclose(f);
		if (state && state[2] == 'S')
			return;
		sched_yield();
	}
}

#endif
