/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM without its vCPUs: opening /dev/kvm, capabilities, RAM, and the reason
 * why a run ends. It calls no other part of the core that deals with vCPUs:
 * vmm/run.c combines them.
 *
 * vm_open() and vm_create() are separate because the type of the VM (the size
 * of its address space) depends on capabilities of /dev/kvm. All functions but
 * vm_request_exit() are called on the thread that owns the VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"
#include "vcpu.h"

/* At most, for all devices together; threads are created when there is work. */
#define NR_WORKERS 4

static const char *const exit_names[] = {
	[VM_EXIT_NONE] = "still running",
	[VM_EXIT_POWEROFF] = "guest powered off",
	[VM_EXIT_RESET] = "guest asked for a reset",
	[VM_EXIT_CRASH] = "guest reported a crash",
	[VM_EXIT_FAILURE] = "KVM or a device failed",
	[VM_EXIT_TIMEOUT] = "timeout",
	[VM_EXIT_KILLED] = "killed by the user",
	[VM_EXIT_POWER_CUT] = "power cut in the middle of a flash operation",
	[VM_EXIT_CONDITION] = "a condition of the options",
	[VM_EXIT_PANIC] = "guest reported a panic",
	[VM_EXIT_STATUS] = "guest has set an exit status",
};

const char *vm_exit_name(enum vm_exit reason)
{
	return exit_names[reason];
}

/*
 * What no supported kernel lacks is checked once, here, with a message that
 * names it.
 */
static int check_kvm(struct vm *vm, const char *dev)
{
	int version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	int size;

	if (version != KVM_API_VERSION) {
		pr_fatal("%s is not a KVM device (API version %d, expected %d)",
			 dev, version, KVM_API_VERSION);
		return -ENODEV;
	}
	size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		pr_fatal("%s: KVM_GET_VCPU_MMAP_SIZE says %d", dev, size);
		return -ENODEV;
	}
	vm->vcpu_map_size = (size_t)size;
	if (vm_check_cap(vm, KVM_CAP_IMMEDIATE_EXIT) <= 0) {
		pr_fatal("this kernel's KVM is too old: it has no "
			 "KVM_CAP_IMMEDIATE_EXIT (Linux 4.11 or newer needed)");
		return -ENOTSUP;
	}
	return 0;
}

/* The message names what the user can do about the usual causes. */
static void explain_open_error(const char *dev, int err)
{
	if (err == ENOENT)
		pr_fatal("Unable to open %s: %s (no KVM: the kernel lacks it, "
			 "or this machine offers no virtualization)",
			 dev, strerror(err));
	else if (err == EACCES)
		pr_fatal("Unable to open %s: %s (is your user in the group "
			 "that may use it, often \"kvm\"?)",
			 dev, strerror(err));
	else
		pr_fatal("Unable to open %s: %s", dev, strerror(err));
}

int vm_open(struct vm *vm, const char *dev)
{
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->kvm_fd = open(dev, O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0) {
		ret = -errno;
		explain_open_error(dev, errno);
		return ret;
	}
	ret = check_kvm(vm, dev);
	if (ret)
		goto err_close;
	ret = evloop_init(&vm->loop);
	if (ret) {
		pr_fatal("Unable to create the event loop: %s", strerror(-ret));
		goto err_close;
	}
	worker_init(&vm->worker, "lkvm-worker", NR_WORKERS);
	memslots_init(&vm->slots);
	mmio_bus_init(&vm->bus);
	device_list_init(&vm->devices);
	pthread_mutex_init(&vm->pauser_lock, NULL);
	pthread_mutex_init(&vm->pause_lock, NULL);
	pthread_cond_init(&vm->pause_changed, NULL);
	return 0;

err_close:
	close(vm->kvm_fd);
	return ret;
}

/* KVM_CREATE_VM can be interrupted by a signal. */
int vm_create(struct vm *vm, unsigned long type)
{
	int ret;

	do {
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, type);
	} while (vm->fd < 0 && errno == EINTR);
	vm->slots.vm_fd = vm->fd;
	if (vm->fd >= 0)
		return 0;
	ret = -errno;
	pr_fatal("KVM_CREATE_VM (type 0x%lx) failed: %s", type,
		 strerror(errno));
	return ret;
}

/*
 * Some capabilities depend on the VM; the VM is asked once there is one. An
 * error counts as 0: not there.
 */
int vm_check_cap(const struct vm *vm, int cap)
{
	int fd = vm->fd >= 0 ? vm->fd : vm->kvm_fd;
	int ret = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

int vm_enable_cap(struct vm *vm, u32 cap, u64 arg0)
{
	struct kvm_enable_cap args = { .cap = cap, .args = { arg0 } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &args) < 0 ? -errno : 0;
}

unsigned int vm_recommended_vcpus(const struct vm *vm)
{
	int n = vm_check_cap(vm, KVM_CAP_NR_VCPUS);

	/* api.rst, 4.4: without the capability assume four. */
	return n > 0 ? (unsigned int)n : 4;
}

unsigned int vm_max_vcpus(const struct vm *vm)
{
	int n = vm_check_cap(vm, KVM_CAP_MAX_VCPUS);

	return n > 0 ? (unsigned int)n : vm_recommended_vcpus(vm);
}

/*
 * The slot is never unmapped before the VM is destroyed, so its structure is
 * not kept.
 */
int vm_add_ram(struct vm *vm, u64 gpa, u64 size, void *hva)
{
	struct memslot slot;
	int ret = memslot_init(&slot, &vm->slots, gpa, size, hva, false);

	if (!ret)
		ret = memslot_map(&slot);
	if (!ret)
		ret = gmem_add(&vm->mem, gpa, size, hva);
	if (ret)
		pr_fatal("Unable to map 0x%" PRIx64
			 " bytes of RAM at 0x%" PRIx64 ": %s",
			 size, gpa, strerror(-ret));
	return ret;
}

/* Whether a reset that the guest requests starts it again. */
bool vm_can_reset(const struct vm *vm)
{
	return !vm->no_reboot && vm->arch_ops && vm->arch_ops->reset;
}

/*
 * The first reason counts, except that a reset which does not end the run gives
 * way to any other: else a guest that resets itself all the time could not be
 * ended.
 */
void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	int old = VM_EXIT_NONE;

	/* A reset that has just been done makes it VM_EXIT_NONE again. */
	while (!atomic_compare_exchange_strong(&vm->exit_reason, &old,
					       (int)reason))
		if (old != VM_EXIT_NONE &&
		    (old != VM_EXIT_RESET || !vm_can_reset(vm)))
			break;
	evloop_stop(&vm->loop);
}
