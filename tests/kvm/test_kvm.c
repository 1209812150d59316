/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM core on real KVM, where a fake would prove nothing: eventfds that
 * ring and are rung, kicks that must not be lost, nothing left behind. Prints
 * TAP. Its argument is the folder with the programs of tests/guest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/arm/machine.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"

/* As in tests/guest/irqfd.c. */
#define EDGE_DOORBELL  0x03000000
#define LEVEL_DOORBELL 0x03000010
#define LEVEL_MATCH    0x1234
#define EDGE_SPI       20
#define LEVEL_SPI      21
#define ROUNDS	       10

/* As in tests/guest/count.c. */
#define COUNTER 0x80f00000

#define KICK_ROUNDS  60
#define PAUSE_ROUNDS 100

static unsigned int count;
static bool failed;

static bool check(bool good, const char *name)
{
	printf("%sok %u - kvm: %s\n", good ? "" : "not ", ++count, name);
	fflush(stdout);
	failed |= !good;
	return good;
}

/* A machine that runs one of the bare-metal programs, with dropped output. */
static struct machine *start(struct vm_config *config, const char *dir,
			     const char *program, char *path)
{
	struct chardev *serial[MACHINE_MAX_SERIAL] = { NULL };
	struct machine *machine;

	snprintf(path, PATH_MAX, "%s/%s.bin", dir, program);
	config->name = program;
	config->kvm_dev = "/dev/kvm";
	config->boot.kernel = path;
	config->ram.size = 16 * SZ_1M;
	if (machine_create(config, &machine))
		return NULL;
	if (!machine_build(machine, serial))
		return machine;
	machine_destroy(machine);
	return NULL;
}

static void test_eventfds(const char *dir)
{
	struct vm_config config = { .cpu.nr = 1 };
	int edge = eventfd(0, EFD_CLOEXEC);
	int level = eventfd(0, EFD_CLOEXEC);
	int resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const u64 match = LEVEL_MATCH;
	struct irq_route edge_route = { 0 }, level_route = { 0 };
	struct vcpu_totals totals;
	struct machine *machine;
	char path[PATH_MAX];
	struct vm *vm;
	u64 resampled = 0;
	int ret;

	machine = start(&config, dir, "irqfd", path);
	if (!check(machine != NULL, "machine for eventfds"))
		return;
	vm = machine_vm(machine);
	ret = ioeventfd_assign(vm, EDGE_DOORBELL, 4, edge, NULL);
	check(!ret, "ioeventfd for any value");
	ret = ioeventfd_assign(vm, LEVEL_DOORBELL, 4, level, &match);
	check(!ret, "ioeventfd for one value");
	check(irq_routes_init(vm), "irqfds can be had");
	ret = irq_route_spi(vm, &edge_route, EDGE_SPI);
	if (!ret)
		ret = irq_route_bind(vm, &edge_route, edge, -1);
	check(!ret, "irqfd, edge");
	ret = irq_route_spi(vm, &level_route, LEVEL_SPI);
	if (!ret)
		ret = irq_route_bind(vm, &level_route, level, resample);
	check(!ret, "irqfd, level with resampling");
	check(vm_run(vm) == VM_EXIT_POWEROFF, "all interrupts arrived");
	vm_vcpu_totals(vm, &totals);
	check(atomic_load(&vm->bus.unclaimed) == ROUNDS,
	      "only the value that does not match left the kernel");
	ret = read(resample, &resampled, sizeof(resampled)) < 0;
	check(!ret && resampled == ROUNDS, "each end of interrupt was told");
	irq_route_unbind(vm, &edge_route);
	check(!ioeventfd_deassign(vm, EDGE_DOORBELL, 4, edge, NULL),
	      "deassigned");
	check(irq_route_bind(vm, &edge_route, -1, -1) < 0 &&
		      !irq_route_bind(vm, &edge_route, edge, -1),
	      "a descriptor that is none is refused, the same once more not");
	check(irq_route_bind(vm, &level_route, edge, -1) == -EBUSY,
	      "a descriptor raises one interrupt");
	irq_route_release(vm, &edge_route);
	irq_route_release(vm, &level_route);
	machine_destroy(machine);
	close(edge);
	close(level);
	close(resample);
}

struct stopper {
	struct vm *vm;
	long delay_ns;
};

static void *stop_soon(void *arg)
{
	struct stopper *stopper = arg;
	struct timespec delay = { .tv_nsec = stopper->delay_ns };

	nanosleep(&delay, NULL);
	vm_request_exit(stopper->vm, VM_EXIT_KILLED);
	return NULL;
}

/*
 * Stops guests that never exit by themselves, at any moment from before the
 * first KVM_RUN to well inside. A lost kick shows as a hang.
 */
static void test_kicks(const char *dir)
{
	struct vm_config config = { .cpu.nr = 3 };
	unsigned int good = 0;
	char path[PATH_MAX];

	for (int i = 0; i < KICK_ROUNDS; i++) {
		struct machine *machine = start(&config, dir, "spin", path);
		struct stopper stopper = { .delay_ns = i * 50000L };
		pthread_t thread;

		if (!machine)
			break;
		stopper.vm = machine_vm(machine);
		if (i % 3 == 0)
			stop_soon(&stopper);
		else
			pthread_create(&thread, NULL, stop_soon, &stopper);
		good += vm_run(stopper.vm) == VM_EXIT_KILLED;
		if (i % 3)
			pthread_join(thread, NULL);
		machine_destroy(machine);
	}
	check(good == KICK_ROUNDS, "no kick is lost");
}

struct pauser {
	struct vm *vm;
	pthread_t thread;
	unsigned int good;
};

/* What tests/guest/count.c counts. */
static u64 counter(struct vm *vm)
{
	const u64 *at = gmem_ptr(&vm->mem, COUNTER, sizeof(*at));

	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static bool stands_still(struct vm *vm)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	u64 before = counter(vm);

	nanosleep(&moment, NULL);
	return counter(vm) == before;
}

static void wait_for_progress(struct vm *vm)
{
	u64 before = counter(vm);

	while (counter(vm) == before)
		sched_yield();
}

static void *pause_often(void *arg)
{
	struct pauser *pauser = arg;

	for (int i = 0; i < PAUSE_ROUNDS; i++) {
		wait_for_progress(pauser->vm);
		vm_pause(pauser->vm);
		pauser->good += stands_still(pauser->vm);
		vm_resume(pauser->vm);
	}
	return NULL;
}

/* Two at it, while one vCPU counts and two are not yet started. */
static void *pause_and_end(void *arg)
{
	struct pauser *pausers = arg;

	for (int i = 0; i < 2; i++)
		pthread_create(&pausers[i].thread, NULL, pause_often,
			       &pausers[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(pausers[i].thread, NULL);
	vm_request_exit(pausers[0].vm, VM_EXIT_KILLED);
	return NULL;
}

static void test_pause(const char *dir)
{
	struct vm_config config = { .cpu.nr = 3 };
	struct pauser pausers[2] = { 0 };
	struct machine *machine;
	char path[PATH_MAX];
	pthread_t thread;

	machine = start(&config, dir, "count", path);
	if (!check(machine != NULL, "a machine to pause"))
		return;
	pausers[0].vm = pausers[1].vm = machine_vm(machine);
	pthread_create(&thread, NULL, pause_and_end, pausers);
	check(vm_run(pausers[0].vm) == VM_EXIT_KILLED, "it ran to the end");
	pthread_join(thread, NULL);
	check(pausers[0].good + pausers[1].good == 2 * PAUSE_ROUNDS,
	      "no vCPU is in the guest during a pause");
	machine_destroy(machine);
}

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A thread that was joined may be in /proc for a moment longer. */
static bool threads_fall_to(unsigned int threads)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < 5000; i++) {
		if (count_entries("/proc/self/task") == threads)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static void test_leaks(const char *dir)
{
	struct vm_config config = { .cpu.nr = 2 };
	unsigned int fds = count_entries("/proc/self/fd");
	unsigned int threads = count_entries("/proc/self/task");
	struct machine *machine;
	char path[PATH_MAX];
	bool good = true;

	for (int i = 0; i < 5; i++) {
		machine = start(&config, dir, "poweroff", path);
		good &= machine &&
			vm_run(machine_vm(machine)) == VM_EXIT_POWEROFF;
		machine_destroy(machine);
	}
	check(good, "machines in a row");
	check(count_entries("/proc/self/fd") == fds, "no descriptor is left");
	check(threads_fall_to(threads), "no thread is left");
}

#define FEW_RESETS  5
#define MANY_RESETS 100
#define RSS_SLACK   64 /* pages */

/* What the process has after so many resets. */
struct owned {
	unsigned int fds;
	unsigned long rss;
};

struct watcher {
	struct vm *vm;
	struct owned few, many;
};

static void wait_for_resets(struct vm *vm, u64 n, struct owned *owned)
{
	FILE *file;

	while (atomic_load(&vm->resets) < n)
		usleep(1000);
	owned->fds = count_entries("/proc/self/fd");
	file = fopen("/proc/self/statm", "re");
	if (!file || fscanf(file, "%*u %lu", &owned->rss) != 1)
		owned->rss = 0;
	if (file)
		fclose(file);
}

static void *watch_resets(void *arg)
{
	struct watcher *w = arg;

	wait_for_resets(w->vm, FEW_RESETS, &w->few);
	wait_for_resets(w->vm, MANY_RESETS, &w->many);
	vm_request_exit(w->vm, VM_EXIT_KILLED);
	return NULL;
}

static off_t size_of(int fd)
{
	struct stat st = { 0 };

	return fstat(fd, &st) < 0 ? -1 : st.st_size;
}

/* A guest that does nothing but reset itself. */
static void test_resets(const char *dir)
{
	unsigned int threads = count_entries("/proc/self/task");
	int dtb = memfd_create("dtb", MFD_CLOEXEC);
	char path[PATH_MAX], dtb_path[32];
	struct vm_config config = { .cpu.nr = 2, .debug.dump_dtb = dtb_path };
	struct machine *machine;
	struct watcher w = { 0 };
	pthread_t thread;

	/* The guest's RAM may get a huge page at any time. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	snprintf(dtb_path, sizeof(dtb_path), "/proc/self/fd/%d", dtb);
	machine = start(&config, dir, "reset", path);
	if (!check(machine, "a machine that resets itself"))
		return;
	check(size_of(dtb) > 0 && !ftruncate(dtb, 0), "its device tree");
	w.vm = machine_vm(machine);
	pthread_create(&thread, NULL, watch_resets, &w);
	check(vm_run(w.vm) == VM_EXIT_KILLED, "resets, until it is killed");
	pthread_join(thread, NULL);
	check(w.few.fds == w.many.fds, "resets leave no descriptor");
	check(w.few.rss && w.many.rss <= w.few.rss + RSS_SLACK,
	      "resets leave no memory");
	check(threads_fall_to(threads), "resets leave no thread");
	check(!size_of(dtb), "resets do not write the device tree to its file");
	machine_destroy(machine);
	close(dtb);
}

/* Two machines in one process share nothing. */
static void test_two(const char *dir)
{
	struct vm_config config1 = { .cpu.nr = 1 };
	struct vm_config config2 = { .cpu.nr = 1, .no_reboot = true };
	char path1[PATH_MAX], path2[PATH_MAX];
	struct machine *one = start(&config1, dir, "poweroff", path1);
	struct machine *two = start(&config2, dir, "reset", path2);

	check(one && two, "two machines at once");
	if (one && two) {
		check(vm_run(machine_vm(two)) == VM_EXIT_RESET, "the second");
		check(vm_run(machine_vm(one)) == VM_EXIT_POWEROFF, "the first");
	}
	machine_destroy(two);
	machine_destroy(one);
}

int main(int argc, char *argv[])
{
	if (argc != 2) {
		fprintf(stderr, "usage: test_kvm DIR\n");
		return 2;
	}
	log_set_level(LOG_LEVEL_ERROR);
	test_eventfds(argv[1]);
	test_kicks(argv[1]);
	test_pause(argv[1]);
	test_leaks(argv[1]);
	test_resets(argv[1]);
	test_two(argv[1]);
	printf("1..%u\n", count);
	return failed;
}
