/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command for which one ioctl() is answered by this program instead of
 * the kernel: shows what the command does on a system where that fails.
 *
 *	deny REQUEST[,ARG] ERRNO COMMAND [ARG]...
 *
 * REQUEST is the ioctl's number; with ARG only calls with that argument count,
 * such as KVM_CHECK_EXTENSION of one capability. They return -1 with ERRNO, or
 * 0 if ERRNO is 0. Done by seccomp, so it holds for static programs as well.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Goes on if the value is `k`, else skips `n` instructions. */
#define IF_EQUAL(k, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, n)

/* Little endian: the low words, which is all that ioctl numbers have. */
static int install(unsigned int request, unsigned int arg, int any_arg, int err)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		IF_EQUAL(__NR_ioctl, 5),
		LOAD(args[1]),
		IF_EQUAL(request, 3),
		LOAD(args[2]),
		/* never taken if any argument will do */
		BPF_JUMP(BPF_JMP | (any_arg ? BPF_JGE : BPF_JEQ) | BPF_K,
			 any_arg ? 0 : arg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO |
				 ((unsigned int)err & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char *argv[])
{
	unsigned int request, arg = 0;
	char *end;

	if (argc < 4) {
		fprintf(stderr, "usage: deny REQUEST[,ARG] ERRNO COMMAND "
				"[ARG]...\n");
		return 2;
	}
	request = (unsigned int)strtoul(argv[1], &end, 0);
	if (*end == ',')
		arg = (unsigned int)strtoul(end + 1, NULL, 0);
	if (install(request, arg, *end != ',', atoi(argv[2]))) {
		fprintf(stderr, "deny: seccomp: %s\n", strerror(errno));
		return 125;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
