#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Stolen time on arm64 (Arm DEN0057, PV_TIME_ST) is a sum that only grows. KVM of Linux
# 6.1 (6.1.176; the same with 6.12.107) adds to it how much longer the current thread has
# waited for a processor than the thread that ran the vCPU before had waited in all. When
# a vCPU goes on in another thread that has waited less, the difference is negative: the
# guest's record shows less than before, or, as here, wraps to nearly 2^64 ns, 584 years.
# It stays wrong until the guest asks for the record again, which sets it to 0.
#
# For authors of virtual machines: a vCPU should stay in one thread, also when the
# machine is reset or was paused; or the record, which is in the guest's memory, has to
# be corrected when the thread changes. For users who see a guest with 100 % of stolen
# time after a reset or a restore: this is one way to it.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

kvm_h
pinned k bookworm arm64 "$kernel_package"

# The first process of an arm64 host with one processor.
cat >init.c <<'EOF_C'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include "kvm.h"

#define RECORD 0x8000		/* within the RAM */

/* x0 the function to call, x4 a device: writes to it leave the guest */
static const unsigned int guest[] = {
	0xd4000002,	/*    hvc #0		*/
	0xf9000080,	/*    str x0, [x4]	*/
	0xb900009f,	/* 1: str wzr, [x4]	*/
	0x17ffffff,	/*    b 1b		*/
};

static unsigned char ram[0x10000] __attribute__((aligned(0x10000)));
static volatile unsigned long *const stolen = (void *)(ram + RECORD + 8);

/* How long this thread has waited for a processor, in ns. */
static unsigned long waited(void)
{
	unsigned long ran = 0, ns = 0;
	char name[80];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%ld/schedstat", syscall(SYS_gettid));
	f = fopen(name, "r");
	if (!f || fscanf(f, "%lu %lu", &ran, &ns) != 2)
		perror(name);
	if (f)
		fclose(f);
	return ns;
}

/* Until this thread has waited long behind another process. */
static void wait_long(void)
{
	pid_t other = fork();

	if (!other)
		for (;;)
			;
	while (waited() < 500000000)
		;
	kill(other, SIGKILL);
}

/* To the guest's next write; the host's tasks change in between. */
static void enter(void)
{
	usleep(10000);
	good(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DONE)
		return;
	printf("exit for reason %u at %#llx\n", run->exit_reason, run->mmio.phys_addr);
	reboot(RB_POWER_OFF);
}

static void report(const char *where)
{
	long ns = *stolen;

	printf("%s: %s\n", where, ns < 0 ? "negative" : ns < 500000000 ? "little" : "much");
}

static void *another(void *arg)
{
	printf("another thread has waited %s\n", waited() < 250000000 ? "less" : "more");
	enter();
	enter();
	report("in another thread");
	printf("a long time: %d\n", *stolen / 1000000000 > 1000000000ul);
	return arg;
}

static void *asks_again(void *arg)
{
	run->immediate_exit = 1;	/* completes the write */
	ioctl(vcpu, KVM_RUN, 0);
	run->immediate_exit = 0;
	set(0, 0xc5000021);
	set(PC, RAM);
	enter();
	enter();
	report("asked for again");
	return arg;
}

static void in_thread(void *(*f)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, f, NULL))
		reboot(RB_POWER_OFF);
	pthread_join(thread, NULL);
}

static void start(void)
{
	struct kvm_vcpu_init cpu;
	unsigned long ipa = RAM + RECORD;
	struct kvm_device_attr attr = { .group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA, .addr = (unsigned long)&ipa };
	struct kvm_userspace_memory_region memory = { .guest_phys_addr = RAM,
		.memory_size = sizeof(ram), .userspace_addr = (unsigned long)ram };
	int kvm = good(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = good(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");

	for (unsigned int i = 0; i < sizeof(guest) / sizeof(*guest); i++)
		((unsigned int *)ram)[i] = guest[i];
	__builtin___clear_cache((char *)ram, (char *)ram + sizeof(guest));
	good(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory), "KVM_SET_USER_MEMORY_REGION");
	vcpu = good(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	good(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &cpu), "KVM_ARM_PREFERRED_TARGET");
	cpu.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	good(ioctl(vcpu, KVM_ARM_VCPU_INIT, &cpu), "KVM_ARM_VCPU_INIT");
	good(ioctl(vcpu, KVM_SET_DEVICE_ATTR, &attr), "KVM_ARM_VCPU_PVTIME_IPA");
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	set(0, 0xc5000021);	/* PV_TIME_ST */
	set(4, DONE);
	set(PC, RAM);
}

int main(void)
{
	struct utsname u;

	mount("none", "/dev", "devtmpfs", 0, NULL);
	mount("none", "/proc", "proc", 0, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	uname(&u);
	printf("\nkernel %s\n", u.release);
	wait_long();
	start();
	enter();
	printf("record %#lx\n", *(unsigned long *)run->mmio.data);
	enter();
	enter();
	report("in the first thread");
	in_thread(another);
	in_thread(asks_again);
	reboot(RB_POWER_OFF);
}
EOF_C
mkdir root root/proc root/dev
aarch64-linux-gnu-gcc -O1 -static -pthread -o root/init init.c ||
	cannot "the host's program does not compile"
initrd initrd.cpio root
emulated log 180 -M virt,virtualization=on,gic-version=3 -cpu cortex-a72 -m 512 \
	-kernel k/boot/vmlinuz-6.1.0-50-arm64 -initrd initrd.cpio \
	-append "console=ttyAMA0 quiet panic=-1 mitigations=off kpti=0"

# says WHAT: of the program
says() {
	sed -n "s/^$1: //p" log
}

seen "kernel" "kernel 6.1.0-50-arm64" "$(grep -m 1 '^kernel ' log)"
seen "PV_TIME_ST" "record 0x40008000" "$(grep -m 1 '^record ' log)"
seen "stolen in the first thread" "little" "$(says 'in the first thread')"
seen "the other one" "another thread has waited less" "$(grep -m 1 '^another' log)"
seen "stolen in another thread" "negative" "$(says 'in another thread')"
seen "as an unsigned number, 1e9 seconds or more" "1" "$(says 'a long time')"
seen "when the guest asks again" "little" "$(says 'asked for again')"

verdict
