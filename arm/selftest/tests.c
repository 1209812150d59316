/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tests of `lkvm selftest`, run one after the other on the main thread.
 * Most of them are guests: guest/ has their programs, guest.c runs them,
 * judge.c judges their output. "a64" compares interpreter and CPU in this
 * process, "costs" measures.
 *
 * A guest gets its amount of work as parameters, less of it with --quick.
 * "start" comes first in the table, as its duration is the base of the other
 * guests' time limits (guest.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "a64_compare.h"
#include "judge.h"
#include "selftest.h"

#define NS_PER_MS 1000000

/* `quick` and `whole`: parameters for the guest's command line. */
static void run_guest(struct selftest *st, struct test_result *result,
		      struct guest *guest, const char *quick, const char *whole)
{
	guest->params = st->config->quick ? quick : whole;
	guest_run(st, guest, result);
}

/* Its duration is the base of silence_limit(). */
static void run_start(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_START };
	u64 start = selftest_now();

	guest_run(st, &guest, result);
	st->start_ns = selftest_now() - start;
}

/* Once with batches, and once with KVM's ring of coalesced writes instead. */
static void run_flash(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_FLASH };

	run_guest(st, result, &guest, "rounds=2", "rounds=60");
	guest.no_batch = true;
	if (result->verdict == TEST_PASSED)
		run_guest(st, result, &guest, "rounds=2", "rounds=60");
}

/* One note for each line that the comparison has written. */
static void note_differences(struct test_result *result, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		result_note(result, "difference", "%s", line);
}

/*
 * In pieces, so that the user's end is seen, and no further than a difference.
 * A rare class of instructions may take longer to come, but not ten times as
 * long.
 */
static void compare(struct selftest *st, struct test_result *result)
{
	unsigned long count = st->config->quick ? 20000 : 500000, done = 0;

	while (!a64_compare_mismatches() &&
	       (done < count || (a64_compare_missing() && done < 10 * count))) {
		if (selftest_stopped(st, result))
			return;
		done = a64_compare_some();
	}
	result_note(result, "instructions", "%lu", done);
	if (a64_compare_mismatches())
		result_fail(result, "the interpreter differs from this CPU");
	else if (a64_compare_missing())
		result_fail(result, "no such instruction was carried out: %s",
			    a64_compare_missing());
	if (!a64_compare_refuses(20000))
		result_fail(result, "an instruction was carried out that the "
				    "interpreter does not know");
}

/*
 * Skipped, not failed, where the host forbids writable executable memory
 * (SELinux execmem).
 */
static void run_a64(struct selftest *st, struct test_result *result)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int ret = out ? a64_compare_start(st->config->seed, out) : -ENOMEM;

	if (ret) {
		result_skip(result,
			    "no memory that is writable and executable: %s",
			    strerror(-ret));
	} else {
		compare(st, result);
		a64_compare_end();
	}
	if (out)
		fclose(out);
	if (text)
		note_differences(result, text);
	free(text);
}

/* Without batches both runs of a sequence are the CPU's: that proves nothing.
 */
static void run_batch(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_BATCH };

	run_guest(st, result, &guest, "n=100", "n=5000");
	result_note(result, "batches", "%" PRIu64, guest.totals.batches);
	result_note(result, "interpreted", "%" PRIu64,
		    guest.totals.instructions);
	if (!guest.totals.instructions)
		result_skip(result, "nothing was carried out in batches here");
}

/*
 * Tests of the flash run once with batches and once with KVM's ring, because
 * the order of writes is kept by different code.
 */
static void run_litmus(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_LITMUS };

	run_guest(st, result, &guest, "n=1000 ms=100", "n=50000 ms=1000");
	result_note(result, "interpreted", "%" PRIu64,
		    guest.totals.instructions);
	if (result->verdict != TEST_PASSED)
		return;
	judge_litmus_complete(result, false, 1);
	for (unsigned int i = 0; i < 2 && result->verdict == TEST_PASSED; i++) {
		guest.no_batch = i;
		run_guest(st, result, &guest, "ring=1 n=500 ms=200",
			  "ring=1 n=10000 ms=2000");
		if (result->verdict == TEST_PASSED)
			judge_litmus_complete(result, true, i + 1);
	}
}

/* Each reset loads the program anew over code that was executed. */
static void run_icache(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_ICACHE };

	run_guest(st, result, &guest, "resets=5", "resets=50");
}

static void run_resets(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_RESETS };

	run_guest(st, result, &guest, "resets=4", "resets=50");
}

static void run_timers(struct selftest *st, struct test_result *result)
{
	struct guest guest = { .test = GUEST_TIMERS };

	run_guest(st, result, &guest, "n=10", "n=500");
}

/* Figures without a limit: they depend on the host. */
static void run_costs(struct selftest *st, struct test_result *result)
{
	struct selftest_costs costs;
	int ret = selftest_measure(st->config->kvm_dev, &costs);

	if (ret) {
		result_fail(result, "%s", strerror(-ret));
		return;
	}
	result_note(result, "exit_ns", "%" PRIu64, costs.exit_ns);
	result_note(result, "register_ns", "%" PRIu64, costs.register_ns);
	result_note(result, "coalesced_ns", "%" PRIu64, costs.coalesced_ns);
	result_note(result, "map_ns", "%" PRIu64, costs.map_ns);
	result_note(result, "unmap_ns", "%" PRIu64, costs.unmap_ns);
}

static const struct test {
	const char *name;
	void (*run)(struct selftest *st, struct test_result *result);
	const char *help;
} tests[] = {
	{ "start", run_start, "a guest starts and turns itself off" },
	{ "flash", run_flash,
	  "a flash is erased, programmed, read and executed from, with caches "
	  "on and off" },
	{ "a64", run_a64,
	  "random instructions, carried out by lkvm and by the CPU" },
	{ "batch", run_batch,
	  "the same in a guest, between accesses to a device" },
	{ "litmus", run_litmus,
	  "the order of memory, devices and flash between two vCPUs" },
	{ "icache", run_icache, "code that is loaded again by resets" },
	{ "resets", run_resets, "registers, devices and RAM after resets" },
	{ "timers", run_timers, "timers fire, not too early, and wake vCPUs" },
	{ "costs", run_costs, "what exits, registers and memory slots cost" },
};

/* Without --only all tests are. */
static bool is_wanted(const struct selftest_config *config, const char *name)
{
	for (size_t i = 0; i < config->nr_only; i++)
		if (!strcmp(config->only[i], name))
			return true;
	return !config->nr_only;
}

bool selftest_exists(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (!strcmp(tests[i].name, name))
			return true;
	return false;
}

void selftest_list(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		fprintf(out, "%-8s %s\n", tests[i].name, tests[i].help);
}

/* After a request to stop, the tests that remain are marked as stopped. */
static void run_one(struct selftest *st, const struct test *test,
		    struct test_result *result)
{
	u64 start = selftest_now();

	result->name = test->name;
	if (!selftest_stopped(st, result))
		test->run(st, result);
	result->ms = (selftest_now() - start) / NS_PER_MS;
	if (st->config->table)
		report_table_result(st->config->table, result);
}

/* The first result is facts_gather()'s. Returns the number of results. */
static size_t run_all(struct selftest *st, struct test_result *results)
{
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (is_wanted(st->config, tests[i].name))
			run_one(st, &tests[i], &results[n++]);
	return n;
}

/* The table, which grows by a line after each test. Returns the verdict. */
static enum selftest_verdict
run_with_table(struct selftest *st, struct test_result *results, size_t *n)
{
	FILE *table = st->config->table;

	if (table) {
		report_table_head(table, st->config);
		report_table_result(table, &results[0]);
	}
	*n = run_all(st, results);
	if (table)
		report_table_end(table, st->config, results, *n);
	return report_verdict(results, *n);
}

/* Without KVM there is no table, but JSON that says so. */
enum selftest_verdict selftest_run(const struct selftest_config *config)
{
	struct test_result results[ARRAY_SIZE(tests) + 1] = {
		{ .name = "host" },
	};
	enum selftest_verdict verdict = SELFTEST_IMPOSSIBLE;
	struct selftest st = { .config = config, .image_fd = -1 };
	size_t n = 1;

	if (!facts_gather(&st, &results[0]) && !guest_open_image(&st))
		verdict = run_with_table(&st, results, &n);
	else
		result_skip(&results[0], "no test can run: see the message");
	if (config->json)
		report_json(config->json, config, verdict, results, n);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		result_free(&results[i]);
	if (st.image_fd >= 0)
		close(st.image_fd);
	return verdict;
}
