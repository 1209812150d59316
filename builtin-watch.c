/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console of `lkvm run` under the eyes of a judge, if the options are about
 * what it shows: a tap (chardev/tap.c) is between the port and its backend, and
 * its thread asks the judge (chardev/judge.c), who may end the run.
 *
 * builtin-run.c creates it, starts it just before the guest, and asks it for
 * the outcome afterwards. The tap's thread calls the judge, and only that
 * thread does while the guest runs; the main thread does so again when
 * tap_finish() has ended it. Where that fails, nothing that the thread uses may
 * be freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-outcome.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/judge.h"
#include "lkvm/chardev/tap.h"
#include "lkvm/chardev/transcript.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"

struct watch {
	struct device dev; /* to be told of resets */
	const struct vm_config *config;
	const struct script *script; /* NULL: there is none */
	struct machine *machine;
	struct vm *vm; /* the machine's */
	struct tap *tap;
	struct judge *judge;
	struct transcript *log; /* NULL: there is none */
	bool finished;		/* the thread is gone */
};

/* ---- On the tap's thread ------------------------------------------------- */

static void end(void *opaque)
{
	struct watch *watch = opaque;

	vm_request_exit(watch->vm, VM_EXIT_CONDITION);
}

static u64 cpu_time(void *opaque)
{
	struct watch *watch = opaque;

	return vm_cpu_time(watch->vm);
}

/* Only queues it: the guest may be slow to read its console. */
static void send_text(void *opaque, const char *text, size_t len)
{
	struct watch *watch = opaque;

	if (tap_send(watch->tap, text, len))
		pr_err("--script: no memory for what is sent");
}

static void press_power(void *opaque)
{
	struct watch *watch = opaque;

	machine_press_power(watch->machine);
}

/*
 * The log gets the bytes first, so it has the line at which the judge ends the
 * run. Returns when the judge wants to be called without output.
 */
static u64 take_output(void *opaque, const u8 *buf, size_t len, u64 now)
{
	struct watch *watch = opaque;

	if (watch->log)
		transcript_add(watch->log, buf, len, now);
	return judge_output(watch->judge, buf, len, now);
}

/*
 * The tap calls it when all that the guest wrote before the reset has been
 * looked at.
 */
static void take_reset(void *opaque, u64 now)
{
	struct watch *watch = opaque;

	judge_reset(watch->judge, now);
}

/* ---- On the main thread -------------------------------------------------- */

/*
 * Called with vCPUs stopped. The tap hands it to its thread, as the judge is
 * that one's.
 */
static void reset(struct device *dev)
{
	tap_reset(container_of(dev, struct watch, dev)->tap);
}

/* The registry's part of it is over; the rest is watch_destroy()'s. */
static void destroy(struct device *dev)
{
	(void)dev;
}

static const struct device_ops device_ops = {
	.reset = reset,
	.destroy = destroy,
};

/*
 * With a script, the tap types in place of the user, whose input is not taken.
 */
static int create_tap(struct watch *watch, struct chardev *console)
{
	static const struct tap_ops ops = { take_output, take_reset };

	watch->tap = tap_create(console, &watch->vm->stopping, &ops, watch);
	if (!watch->tap)
		return -ENOMEM;
	return watch->script ? tap_take_input(watch->tap, &watch->vm->loop) : 0;
}

/*
 * The device is added last: after an error the watch is freed, and the VM's
 * list would still have it.
 */
struct watch *watch_create(const struct watch_params *params,
			   struct chardev *console)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int ret = -ENOMEM;

	if (watch) {
		watch->config = params->config;
		watch->machine = params->machine;
		watch->vm = machine_vm(params->machine);
		watch->log = params->log;
		watch->script = params->script;
		ret = create_tap(watch, console);
	}
	if (ret) {
		pr_fatal("Unable to watch the console: %s", strerror(-ret));
		watch_destroy(watch);
		return NULL;
	}
	watch->dev.name = "watch";
	watch->dev.ops = &device_ops;
	device_add(&watch->vm->devices, &watch->dev);
	return watch;
}

struct chardev *watch_console(struct watch *watch)
{
	return tap_chardev(watch->tap);
}

/* Times of the judge begin here. */
int watch_start(struct watch *watch)
{
	static const struct judge_ops ops = { end, cpu_time, send_text,
					      press_power };
	u64 now = clock_now();
	int ret = -ENOMEM;

	if (watch->log)
		watch->log->start = now;
	watch->judge = judge_create(&watch->config->watch, watch->script, now,
				    &ops, watch);
	if (watch->judge)
		ret = tap_start(watch->tap);
	if (ret)
		pr_fatal("Unable to watch the console: %s", strerror(-ret));
	return ret;
}

/*
 * A thread that does not end is one in a regular expression that takes for
 * ever: what it would have found is not known.
 */
enum outcome watch_finish(struct watch *watch, bool by_judge,
			  enum outcome ended)
{
	watch->finished = tap_finish(watch->tap);
	if (!watch->finished) {
		pr_err("the console's last lines are still being compared with "
		       "the patterns of --expect and --fail-on");
		return OUTCOME_FAILURE;
	}
	if (by_judge)
		return judge_verdict(watch->judge);
	return judge_outcome(watch->judge, ended, clock_now());
}

/* NULL while the thread may still change it. */
const struct judge *watch_judge(const struct watch *watch)
{
	return watch->finished ? watch->judge : NULL;
}

/* Only has something to do if the run failed before watch_finish(). */
void watch_disconnect(struct watch *watch)
{
	if (watch && !watch->finished)
		watch->finished = tap_finish(watch->tap);
}

/* Before watch_start() there is neither a judge nor a thread. */
bool watch_destroy(struct watch *watch)
{
	if (!watch)
		return true;
	if (watch->judge && !watch->finished)
		return false;
	if (watch->judge)
		judge_destroy(watch->judge);
	tap_destroy(watch->tap);
	free(watch);
	return true;
}
