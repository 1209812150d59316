/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a guest of one vCPU with 64 MiB of RAM and a GICv3 that turns itself
 * off at once, with no system call but those that KVM needs for it: what is
 * left of the time of such a run is KVM's and the kernel's.
 *
 *   kvm_floor		all of it on one thread
 *   kvm_floor thread	the vCPU on a thread of its own, while the first one
 *			waits for events, as a monitor does that also has to
 *			handle signals, timers and files
 *   kvm_floor guest FILE
 *			that with what lkvm gives a guest and promises its user:
 *			the code from FILE, 3 KiB of device tree, an ITS, stolen
 *			time, signals and a timer in the loop, a terminal
 *   kvm_floor none	nothing: the process alone
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#define RAM	 0x80000000UL
#define RAM_SIZE 0x4000000UL
#define DIST	 0x3fff0000UL
#define REDIST	 0x3ffd0000UL
#define ITS	 0x3ffb0000UL

/* Where RAM has an image, a device tree and the record of stolen time. */
#define IMAGE_AT  0x80000
#define TREE_AT	  0x200000
#define TREE_SIZE 3072
#define STOLEN_AT 0x300000

/* What is there besides the guest; FILE with all that a user expects. */
static bool on_thread;
static const char *image;

/* kvm.h, "ARM64 core register": PC. */
#define REG_PC 0x6030000000100040UL

/* PSCI (DEN 0022): SYSTEM_OFF, 0x84000008. */
static const uint32_t code[] = {
	0x52800100, /* mov w0, #8 */
	0x72b08000, /* movk w0, #0x8400, lsl #16 */
	0xd4000002, /* hvc #0 */
};

static long call(int fd, unsigned long request, void *arg, const char *what)
{
	long ret = ioctl(fd, request, arg);

	if (ret >= 0)
		return ret;
	fprintf(stderr, "kvm_floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_gic(int gic, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr args = { .group = group,
					.attr = attr,
					.addr = (uintptr_t)value };

	call(gic, KVM_SET_DEVICE_ATTR, &args, "KVM_SET_DEVICE_ATTR");
}

static int create_its(int vm)
{
	struct kvm_create_device args = { .type = KVM_DEV_TYPE_ARM_VGIC_ITS };
	uint64_t addr = ITS;

	call(vm, KVM_CREATE_DEVICE, &args, "KVM_CREATE_DEVICE");
	set_gic((int)args.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE,
		&addr);
	return (int)args.fd;
}

static int create_gic(int vm)
{
	struct kvm_create_device args = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = DIST, redist = REDIST;

	call(vm, KVM_CREATE_DEVICE, &args, "KVM_CREATE_DEVICE");
	set_gic((int)args.fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
		KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	set_gic((int)args.fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
		KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	return (int)args.fd;
}

static void read_image(char *ram)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0 ||
	    read(fd, ram + IMAGE_AT, (size_t)info.st_size) != info.st_size) {
		perror(image);
		exit(1);
	}
	close(fd);
	__builtin___clear_cache(ram + IMAGE_AT, ram + IMAGE_AT + info.st_size);
	memset(ram + TREE_AT, 1, TREE_SIZE);
	memset(ram + STOLEN_AT, 0, 64);
}

static void make_ram(int vm)
{
	void *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = RAM,
		.memory_size = RAM_SIZE,
		.userspace_addr = (uintptr_t)ram,
	};

	if (ram == MAP_FAILED)
		exit(1);
	if (image) {
		read_image(ram);
	} else {
		memcpy(ram, code, sizeof(code));
		__builtin___clear_cache(ram, (char *)ram + sizeof(code));
	}
	call(vm, KVM_SET_USER_MEMORY_REGION, &region, "memory slot");
}

static int create_vcpu(int vm)
{
	int vcpu = (int)call(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	struct kvm_vcpu_init init;

	call(vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	call(vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	return vcpu;
}

static void give_stolen_time(int vcpu)
{
	uint64_t addr = RAM + STOLEN_AT;
	struct kvm_device_attr args = { .group = KVM_ARM_VCPU_PVTIME_CTRL,
					.attr = KVM_ARM_VCPU_PVTIME_IPA,
					.addr = (uintptr_t)&addr };

	call(vcpu, KVM_SET_DEVICE_ATTR, &args, "stolen time");
}

static int event_fd;

static void run_vcpu(int vcpu)
{
	call(vcpu, KVM_RUN, NULL, "KVM_RUN");
}

static void *vcpu_thread(void *arg)
{
	uint64_t one = 1;

	run_vcpu(*(int *)arg);
	if (write(event_fd, &one, sizeof(one)) < 0)
		exit(1);
	return NULL;
}

/* Signals and a time limit end a guest as events do; keys go to its console. */
static void watch_user(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct itimerspec limit = { .it_value.tv_sec = 60 };
	struct termios keys;
	sigset_t set;
	int signals, timer;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &event) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0 ||
	    timerfd_settime(timer, 0, &limit, NULL) < 0) {
		perror("kvm_floor: signals, timer");
		exit(1);
	}
	if (!tcgetattr(0, &keys))
		tcsetattr(0, TCSANOW, &keys);
}

/* Until the thread says that the guest has ended, by an event of the loop. */
static void run_on_thread(int vcpu)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	pthread_t thread;

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (image)
		watch_user(epoll);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd, &event) < 0 ||
	    pthread_create(&thread, NULL, vcpu_thread, &vcpu) ||
	    epoll_wait(epoll, &event, 1, -1) != 1 ||
	    pthread_join(thread, NULL)) {
		perror("kvm_floor: thread");
		exit(1);
	}
}

/* What a guest of lkvm has besides; before the vCPU runs. */
static int give_more(int vm, int gic, int vcpu)
{
	int its;

	if (!image) {
		set_gic(gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
			KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
		return -1;
	}
	its = create_its(vm);
	set_gic(gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
		NULL);
	set_gic(its, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
		NULL);
	give_stolen_time(vcpu);
	return its;
}

static int run_guest(void)
{
	uint64_t pc = RAM + (image ? IMAGE_AT : 0);
	struct kvm_one_reg reg = { .id = REG_PC, .addr = (uintptr_t)&pc };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = (int)call(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	int gic = create_gic(vm);
	int vcpu = create_vcpu(vm);
	size_t size = (size_t)call(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL,
				   "KVM_GET_VCPU_MMAP_SIZE");
	struct kvm_run *run =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	int its;
	bool off;

	if (run == MAP_FAILED)
		return 1;
	make_ram(vm);
	its = give_more(vm, gic, vcpu);
	call(vcpu, KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG");
	if (on_thread)
		run_on_thread(vcpu);
	else
		run_vcpu(vcpu);
	off = run->exit_reason == KVM_EXIT_SYSTEM_EVENT;
	/* As lkvm does: with the memory still there one wait is saved. */
	munmap(run, size);
	close(vcpu);
	if (its >= 0)
		close(its);
	close(gic);
	close(vm);
	return !off;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "none"))
		return 0;
	if (!strcmp(what, "guest") && argc > 2)
		image = argv[2];
	on_thread = image || !strcmp(what, "thread");
	return run_guest();
}
