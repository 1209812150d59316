#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that jumps to an address where there is nothing gets an instruction abort from
# KVM. Its syndrome has to be 0x86000010: ESR_EL1 has 64 bits, and those above 31 are the
# field ISS2, 0 for an instruction abort. KVM of Linux 6.1 (6.1.176) sets all of these 32
# bits: 0xffffffff86000010. The exception class 0x21 is shifted as a signed number of 32
# bits there, which becomes negative, and then goes to 64 bits with its sign. The same is
# true of all classes with their top bit set, data aborts among them (0x25): KVM's
# external aborts, which virtual machines inject for accesses to nothing. (6.12.107 is
# right.)
#
# For authors of guests (firmware, hypervisors' tests): look at fields of ESR_EL1, or at
# its lower half, not at the whole. For those who read a stopped guest's registers: the
# upper half of ESR_EL1 says nothing if the exception was KVM's.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

kvm_h
pinned k bookworm arm64 "$kernel_package"

cat >init.c <<'EOF_C'
#include "kvm.h"

#define NOTHING 0x10000000

static unsigned int ram[0x4000] __attribute__((aligned(0x10000)));

/* x0 vectors, x1 where nothing is, x4 a device */
static const unsigned int guest[] = {
	0xd518c000,	/* msr vbar_el1, x0	*/
	0xd5033fdf,	/* isb			*/
	0xd61f0020,	/* br x1		*/
};

static const unsigned int handler[] = {
	0xd5385205,	/* mrs x5, esr_el1	*/
	0xf9000085,	/* str x5, [x4]		*/
};

int main(void)
{
	struct kvm_userspace_memory_region memory = { .guest_phys_addr = RAM,
		.memory_size = sizeof(ram), .userspace_addr = (unsigned long)ram };
	struct kvm_vcpu_init cpu;
	struct utsname u;
	int kvm, vm;

	mount("none", "/dev", "devtmpfs", 0, NULL);
	uname(&u);
	printf("\nkernel %s\n", u.release);
	for (unsigned int i = 0; i < sizeof(guest) / sizeof(*guest); i++)
		ram[i] = guest[i];
	/* a synchronous exception from the current level: 0x200 into the vectors */
	for (unsigned int i = 0; i < sizeof(handler) / sizeof(*handler); i++)
		ram[(0x800 + 0x200) / 4 + i] = handler[i];
	__builtin___clear_cache((char *)ram, (char *)ram + 0x1000);
	kvm = good(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = good(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	good(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory), "KVM_SET_USER_MEMORY_REGION");
	vcpu = good(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	good(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &cpu), "KVM_ARM_PREFERRED_TARGET");
	good(ioctl(vcpu, KVM_ARM_VCPU_INIT, &cpu), "KVM_ARM_VCPU_INIT");
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	set(0, RAM + 0x800);
	set(1, NOTHING);
	set(4, DONE);
	set(PC, RAM);
	good(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DONE)
		printf("syndrome %#lx\n", *(unsigned long *)run->mmio.data);
	else
		printf("exit for reason %u\n", run->exit_reason);
	reboot(RB_POWER_OFF);
}
EOF_C
mkdir root root/dev
aarch64-linux-gnu-gcc -O1 -static -o root/init init.c ||
	cannot "the host's program does not compile"
initrd initrd.cpio root
emulated log 120 -M virt,virtualization=on,gic-version=3 -cpu cortex-a72 -m 512 \
	-kernel k/boot/vmlinuz-6.1.0-50-arm64 -initrd initrd.cpio \
	-append "console=ttyAMA0 quiet panic=-1 mitigations=off kpti=0"

seen "kernel" "kernel 6.1.0-50-arm64" "$(grep -m 1 '^kernel ' log)"
seen "ESR_EL1 in the guest" "syndrome 0xffffffff86000010" "$(grep -m 1 '^syndrome ' log)"

verdict
