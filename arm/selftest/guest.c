/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs one guest of the self-test: a whole machine as `lkvm run` makes it, with
 * files that are in memory only. What the guest prints is collected and judged
 * when it has ended (judge.c).
 *
 * A guest that hangs is ended by a limit on silence, not on run time, as hosts
 * differ in speed by orders of magnitude: each output restarts a timer, whose
 * length is a multiple of what the first guest took for its whole run. Its
 * registers are then part of the result.
 *
 * Threads: vm_run() on the main thread, with the timer and the stop descriptor
 * in its event loop; console_write() on the vCPUs' threads, several at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../cpu.h"
#include "judge.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/chardev.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "selftest.h"

#define RAM_SIZE    (64 * SZ_1M)
#define FLASH_SIZE  SZ_1M
#define NR_CPUS	    2
#define CONSOLE_MAX SZ_64K
#define NR_X	    31U /* X0 to X30 */

/*
 * Maximum time without output: this many times the first guest's run, at least
 * SILENT_MIN_NS.
 */
#define SILENT_STARTS 40
#define SILENT_MIN_NS 10000000000ULL
/* For the first guest, before there is a measure. */
#define SILENT_FIRST_NS 60000000000ULL

extern const char selftest_image[];
extern const u64 selftest_image_size;

/* One run: the guest's console, and what ends it. */
struct watch {
	struct chardev chr;
	struct vm *vm;
	struct evloop_source stop;   /* the user */
	struct evloop_timer silence; /* the guest has printed nothing */
	u64 limit_ns;
	pthread_mutex_t lock; /* of `text`, `len` and `flooded` */
	char *text;
	size_t len;   /* below CONSOLE_MAX: a zero is added */
	bool silent;  /* ended because of that */
	bool flooded; /* it has printed more than a test does */
};

/* An unnamed file with these bytes: its descriptor, or -errno. */
static int memory_file(const char *name, const void *data, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_full(fd, data, len);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* One file for all guests, opened by each under /proc/self/fd. */
int guest_open_image(struct selftest *st)
{
	st->image_fd =
		memory_file("selftest", selftest_image, selftest_image_size);
	if (st->image_fd >= 0)
		return 0;
	pr_fatal("selftest: no memory for the guest's program: %s",
		 strerror(-st->image_fd));
	return st->image_fd;
}

/* New for each guest: no test depends on one before it. */
static int erased_flash(void)
{
	u8 *data = malloc(FLASH_SIZE);
	int fd;

	if (!data)
		return -ENOMEM;
	memset(data, 0xff, FLASH_SIZE);
	fd = memory_file("flash", data, FLASH_SIZE);
	free(data);
	return fd;
}

/* False if there is no room. */
static bool add_text(struct watch *watch, const u8 *buf, size_t len)
{
	bool fits;

	pthread_mutex_lock(&watch->lock);
	fits = len <= CONSOLE_MAX - 1 - watch->len;
	if (fits) {
		memcpy(watch->text + watch->len, buf, len);
		watch->len += len;
	}
	watch->flooded |= !fits;
	pthread_mutex_unlock(&watch->lock);
	return fits;
}

/*
 * On a vCPU's thread. UARTs write without their lock, so two vCPUs may be here
 * at once.
 */
static void console_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct watch *watch = container_of(chr, struct watch, chr);

	if (add_text(watch, buf, len))
		evloop_timer_set(&watch->silence, watch->limit_ns);
	else
		vm_request_exit(watch->vm, VM_EXIT_KILLED);
}

/* There is no input. */
static void console_accept(struct chardev *chr, size_t n)
{
	(void)chr;
	(void)n;
}

static void console_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	(void)chr;
	(void)buf;
	(void)len;
}

static const struct chardev_ops console_ops = {
	.write = console_write,
	.accept = console_accept,
	.unread = console_unread,
};

/* On the event loop's thread: vm_run() returns once the vCPUs have stopped. */
static void silent_too_long(struct evloop_timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, silence);

	watch->silent = true;
	vm_request_exit(watch->vm, VM_EXIT_KILLED);
}

/*
 * Removed from the loop, which would report it again at once; the descriptor
 * stays readable for selftest_stopped().
 */
static void stop(struct evloop_source *source, u32 events)
{
	struct watch *watch = container_of(source, struct watch, stop);

	(void)events;
	evloop_del(&watch->vm->loop, source);
	vm_request_exit(watch->vm, VM_EXIT_KILLED);
}

/* Relative to what this machine took for the first guest: it may be slow. */
static u64 silence_limit(const struct selftest *st)
{
	if (!st->start_ns)
		return SILENT_FIRST_NS;
	return MAX(SILENT_STARTS * st->start_ns, SILENT_MIN_NS);
}

/* Four general registers in a note; one that cannot be read is left out. */
static void describe_four(struct vcpu *vcpu, unsigned int first,
			  struct test_result *result)
{
	char name[32], text[VCPU_DESCRIPTION];
	size_t len = 0;
	u64 value;

	for (unsigned int n = first; n < MIN(first + 4, NR_X); n++) {
		if (cpu_read(vcpu, n, &value))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%sX%u 0x%" PRIx64, len ? ", " : "", n,
					value);
	}
	snprintf(name, sizeof(name), "vCPU %u X%u", vcpu->id, first);
	if (len)
		result_note(result, name, "%s", text);
}

/*
 * TPIDR_EL1 tells whether the vCPU has its own EL1 registers: the program has
 * the address of its struct cpu there.
 */
static void describe_all(struct vcpu *vcpu, struct test_result *result)
{
	char name[32];
	u64 value;

	for (unsigned int first = 0; first < NR_X; first += 4)
		describe_four(vcpu, first, result);
	snprintf(name, sizeof(name), "vCPU %u TPIDR_EL1", vcpu->id);
	if (!cpu_read(vcpu, CPU_TPIDR, &value))
		result_note(result, name, "0x%" PRIx64, value);
}

/* The registers of all vCPUs. They have left the guest by then. */
static void describe(struct vm *vm, struct test_result *result)
{
	char name[16], where[VCPU_DESCRIPTION];

	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		vm->arch_ops->describe(vm->vcpus[i], where, sizeof(where));
		snprintf(name, sizeof(name), "vCPU %u", i);
		result_note(result, name, "%s", where);
		describe_all(vm->vcpus[i], result);
	}
}

/* Adds why the run ended, unless the guest powered off as it should. */
static void judge_end(const struct watch *watch, enum vm_exit end,
		      struct test_result *result)
{
	if (watch->flooded) {
		result_fail(result, "the guest prints without end");
	} else if (watch->silent) {
		result_fail(result,
			    "the guest hangs: it has printed nothing for "
			    "%" PRIu64 " s",
			    watch->limit_ns / 1000000000);
		describe(watch->vm, result);
	} else if (end != VM_EXIT_POWEROFF) {
		result_fail(result, "%s", vm_exit_name(end));
		describe(watch->vm, result);
	}
}

/*
 * What may end the run beside the guest itself: silence, and the user. Leaves
 * nothing in the loop on failure.
 */
static int add_sources(struct watch *watch, int stop_fd)
{
	struct evloop *loop = &watch->vm->loop;
	int ret = evloop_timer_init(loop, &watch->silence, silent_too_long);

	if (ret)
		return ret;
	ret = evloop_timer_set(&watch->silence, watch->limit_ns);
	if (!ret && stop_fd >= 0) {
		watch->stop.fd = stop_fd;
		watch->stop.handle = stop;
		ret = evloop_add(loop, &watch->stop, EPOLLIN);
	}
	if (ret)
		evloop_timer_destroy(loop, &watch->silence);
	return ret;
}

static void remove_sources(struct watch *watch)
{
	if (watch->stop.fd >= 0)
		evloop_del(&watch->vm->loop, &watch->stop);
	evloop_timer_destroy(&watch->vm->loop, &watch->silence);
}

/* The console is complete when vm_run() returns: no vCPU thread is left. */
static void run_machine(const struct selftest *st, struct guest *guest,
			struct watch *watch, struct test_result *result)
{
	enum vm_exit end;

	if (add_sources(watch, st->config->stop_fd)) {
		result_fail(result, "no timer");
		return;
	}
	end = vm_run(watch->vm);
	watch->text[watch->len] = '\0';
	vm_vcpu_totals(watch->vm, &guest->totals);
	remove_sources(watch);
	if (selftest_stopped(st, result))
		return;
	judge_end(watch, end, result);
	judge_console(result, watch->text);
}

/* machine_create() and machine_build() have printed a message if they fail. */
static void build_and_run(const struct selftest *st, struct guest *guest,
			  const struct vm_config *config, struct watch *watch,
			  struct test_result *result)
{
	struct chardev *serial[MACHINE_MAX_SERIAL] = { &watch->chr };
	struct machine *machine;

	if (machine_create(config, &machine)) {
		result_fail(result, "no machine: see the message");
		return;
	}
	watch->vm = machine_vm(machine);
	if (machine_build(machine, serial))
		result_fail(result, "no devices: see the message");
	else
		run_machine(st, guest, watch, result);
	machine_destroy(machine);
}

/*
 * No MTE, which would veto batches (batch_veto.c). No default console, since
 * the command line is for the guest's program.
 */
static void configure(const struct selftest *st, const struct guest *guest,
		      struct vm_config *config)
{
	config->name = "selftest";
	config->kvm_dev = st->config->kvm_dev;
	config->ram.size = RAM_SIZE;
	config->cpu.nr = NR_CPUS;
	config->boot.nodefaults = true;
	config->cpu.disable_mte = true;
	config->debug.no_batch = guest->no_batch;
}

/* /proc/self/fd names the files in memory for code that opens by name. */
static void run_with_flash(const struct selftest *st, struct guest *guest,
			   int flash_fd, struct test_result *result)
{
	struct watch watch = { .chr.ops = &console_ops, .stop.fd = -1 };
	struct vm_config *config = calloc(1, sizeof(*config));
	struct flash_config bank = { 0 };
	char kernel[32], flash[32], params[128];

	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", st->image_fd);
	snprintf(flash, sizeof(flash), "/proc/self/fd/%d", flash_fd);
	snprintf(params, sizeof(params), "test=%u seed=%" PRIu64 " %s",
		 guest->test, st->config->seed,
		 guest->params ? guest->params : "");
	watch.limit_ns = silence_limit(st);
	pthread_mutex_init(&watch.lock, NULL);
	watch.text = malloc(CONSOLE_MAX);
	if (config && watch.text && !flash_config_parse(&bank, flash)) {
		config->flash = (struct flash_list) { &bank, 1 };
		config->boot.kernel = kernel;
		config->boot.params = params;
		configure(st, guest, config);
		build_and_run(st, guest, config, &watch, result);
	} else {
		result_fail(result, "out of memory");
	}
	free(watch.text);
	pthread_mutex_destroy(&watch.lock);
	flash_config_free(&bank);
	free(config);
}

void guest_run(struct selftest *st, struct guest *guest,
	       struct test_result *result)
{
	int flash_fd = erased_flash();

	if (flash_fd < 0) {
		result_fail(result, "no memory for a flash: %s",
			    strerror(-flash_fd));
		return;
	}
	run_with_flash(st, guest, flash_fd, result);
	close(flash_fd);
}
