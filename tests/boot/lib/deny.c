/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command for which one ioctl() of KVM is answered by this program: it
 * shows what the command does where the kernel refuses or lacks something.
 *
 *	deny REQUEST[,ARG] ERROR COMMAND [ARG]...
 *
 * REQUEST, ERROR, and ARG if it is no number, are names of <linux/kvm.h> and
 * <errno.h>. With ARG only calls with that argument count. They return -1 with
 * ERROR, or 0 if that is 0. Done by seccomp, so that it holds for any program.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME(name)          \
	{                   \
#name, name \
	}

static const struct {
	const char *name;
	unsigned int value;
} names[] = {
	NAME(KVM_GET_API_VERSION),
	NAME(KVM_CREATE_VM),
	NAME(KVM_CHECK_EXTENSION),
	NAME(KVM_GET_VCPU_MMAP_SIZE),
	NAME(KVM_CREATE_VCPU),
	NAME(KVM_RUN),
	NAME(KVM_SET_USER_MEMORY_REGION),
	NAME(KVM_ENABLE_CAP),
	NAME(KVM_GET_ONE_REG),
	NAME(KVM_SET_ONE_REG),
	NAME(KVM_ARM_VCPU_INIT),
	NAME(KVM_ARM_PREFERRED_TARGET),
	NAME(KVM_CREATE_DEVICE),
	NAME(KVM_SET_DEVICE_ATTR),
	NAME(KVM_HAS_DEVICE_ATTR),
	NAME(KVM_IRQ_LINE),
	NAME(KVM_CAP_NR_VCPUS),
	NAME(KVM_CAP_MAX_VCPUS),
	NAME(KVM_CAP_ARM_EL1_32BIT),
	NAME(KVM_CAP_ARM_PSCI_0_2),
	NAME(KVM_CAP_ARM_PMU_V3),
	NAME(KVM_CAP_IMMEDIATE_EXIT),
	NAME(KVM_CAP_ARM_VM_IPA_SIZE),
	NAME(KVM_CAP_STEAL_TIME),
	NAME(EIO),
	NAME(ENXIO),
	NAME(ENOMEM),
	NAME(EFAULT),
	NAME(ENODEV),
	NAME(EINVAL),
};

/* The value of a name or number of `len` bytes. */
static unsigned int value_of(const char *text, size_t len)
{
	unsigned long value;
	char *end;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len &&
		    !strncmp(names[i].name, text, len))
			return names[i].value;
	value = strtoul(text, &end, 0);
	if (end != text + len || !len) {
		fprintf(stderr, "deny: no such name: %.*s\n", (int)len, text);
		exit(2);
	}
	return (unsigned int)value;
}

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Goes on if the value fits, else skips `n` instructions. */
#define UNLESS(test, k, n) BPF_JUMP(BPF_JMP | (test) | BPF_K, k, 0, n)

/* Low words only: the arguments are little endian and have nothing above. */
static int install(unsigned int request, bool any_arg, unsigned int arg,
		   unsigned int error)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		UNLESS(BPF_JEQ, __NR_ioctl, 5),
		LOAD(args[1]),
		UNLESS(BPF_JEQ, request, 3),
		LOAD(args[2]),
		UNLESS(any_arg ? BPF_JGE : BPF_JEQ, any_arg ? 0 : arg, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
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
	const char *comma;

	if (argc < 4) {
		fprintf(stderr,
			"usage: deny REQUEST[,ARG] ERROR COMMAND [ARG]...\n");
		return 2;
	}
	comma = strchr(argv[1], ',');
	request = value_of(argv[1], strcspn(argv[1], ","));
	if (comma)
		arg = value_of(comma + 1, strlen(comma + 1));
	if (install(request, !comma, arg, value_of(argv[2], strlen(argv[2])))) {
		fprintf(stderr, "deny: seccomp: %s\n", strerror(errno));
		return 125;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
