/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/judge.c chardev/d*.c util/lines.c config/watch.c */
/* SOURCES: config/pattern.c config/list.c config/console_log.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c config/script.c */
/* SOURCES: util/file.c */
/* What becomes of a run, by its console; and of ordinary guests nothing. */
#include "judge_fixture.h"

/* ---- Patterns ------------------------------------------------------------ */

static void expected(void **state)
{
	(void)state;
	expect_pattern("^PASS [0-9]+$");
	begin();
	print("no PASS 1\nPASS one\nPASS 1 ");
	pass(SECOND);
	assert_running();
	print("\nPASS 12\r\n");
	assert_verdict(OUTCOME_EXPECTED, "PASS 12");
	assert_int_equal(judge_seen(t.judge, 0), t.now);
	assert_int_equal(judge_times(t.judge)->expected, t.now);
	assert_int_equal(judge_times(t.judge)->first_byte, START);
}

/* In any order, and all. */
static void several(void **state)
{
	(void)state;
	expect_pattern("one");
	expect_pattern("two|zwei");
	begin();
	print("it is zwei\n");
	assert_running();
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_UNEXPECTED);
	assert_string_equal(judge_detail(t.judge), "not seen: one");
}

static void several_are_seen(void **state)
{
	(void)state;
	expect_pattern("one");
	expect_pattern("two");
	begin();
	print("two\nthree\none");
	assert_running();
	pass(20 * MS);
	assert_verdict(OUTCOME_EXPECTED, "one");
	/* Whatever else is told afterwards. */
	print("\none\ntwo\n");
	assert_int_equal(t.ends, 1);
}

/* Without a newline; its end is not that of a line. */
static void prompt(void **state)
{
	(void)state;
	expect_pattern("login: ");
	fail_on("login:? *$");
	begin();
	print("\033[1mhost login: ");
	assert_int_equal(t.next, START + 20 * MS);
	pass(19 * MS);
	assert_running();
	pass(MS);
	assert_verdict(OUTCOME_EXPECTED, "host login: ");
}

/* A prompt is looked at once, and again when it has grown. */
static void growing_prompt(void **state)
{
	(void)state;
	expect_pattern("abc");
	begin();
	print("a");
	pass(SECOND);
	assert_int_equal(t.next, UINT64_MAX);
	print("b");
	pass(SECOND);
	assert_running();
	print("c");
	pass(SECOND);
	assert_verdict(OUTCOME_EXPECTED, "abc");
}

/* It comes a little later, and before what was expected. */
static void failed(void **state)
{
	(void)state;
	expect_pattern("BUG|PASS");
	fail_on("^BUG: ");
	fail_on("Oops");
	begin();
	print("a BUG: no\n");
	assert_int_equal(t.ends, 1);
	teardown(NULL);
	setup(NULL);
	expect_pattern("BUG|PASS");
	fail_on("^BUG: ");
	begin();
	print("BUG: yes\nmore of it\nPASS\n");
	assert_running();
	pass(499 * MS);
	assert_running();
	pass(MS);
	assert_verdict(OUTCOME_FAIL_ON, "BUG: yes");
}

/* The end of the guest does not change that. */
static void failed_before_the_end(void **state)
{
	(void)state;
	fail_on("BUG");
	begin();
	print("BUG\n");
	assert_int_equal(ended(OUTCOME_KILLED), OUTCOME_KILLED);
	assert_int_equal(ended(OUTCOME_FAILURE), OUTCOME_FAILURE);
	assert_int_equal(ended(OUTCOME_TIMEOUT), OUTCOME_FAIL_ON);
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_FAIL_ON);
	assert_running();
}

static void last_line(void **state)
{
	(void)state;
	expect_pattern("done$");
	begin();
	print("all is done");
	assert_running();
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_EXPECTED);
}

static void not_seen(void **state)
{
	(void)state;
	expect_pattern("x");
	begin();
	assert_int_equal(ended(OUTCOME_CRASH), OUTCOME_CRASH);
	assert_string_equal(judge_detail(t.judge), "");
	assert_int_equal(ended(OUTCOME_TIMEOUT), OUTCOME_TIMEOUT);
	assert_string_equal(judge_detail(t.judge), "not seen: x");
	assert_int_equal(ended(OUTCOME_RESET), OUTCOME_UNEXPECTED);
}

static void nothing_wanted(void **state)
{
	(void)state;
	begin_detecting();
	print("text\n");
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_POWEROFF);
	assert_int_equal(ended(OUTCOME_RESET), OUTCOME_RESET);
	assert_string_equal(judge_detail(t.judge), "");
}

/* ---- Time of the first byte ---------------------------------------------- */

static void silent_boot(void **state)
{
	(void)state;
	t.config.timeout_boot = 3;
	begin();
	assert_int_equal(t.next, START + 3 * SECOND);
	pass(3 * SECOND - 1);
	assert_running();
	pass(1);
	assert_verdict(OUTCOME_BOOT_TIMEOUT, "");
}

static void late_boot(void **state)
{
	(void)state;
	t.config.timeout_boot = 3;
	begin();
	pass(3 * SECOND - 1);
	print("\0");
	print("x");
	pass(10 * SECOND);
	assert_running();
	assert_int_equal(judge_bytes(t.judge), 1);
}

/* ---- Crashes ------------------------------------------------------------- */

#define PANIC                                                                 \
	"[    1.500000] Kernel panic - not syncing: VFS: Unable to mount\r\n" \
	"[    1.500100] CPU: 0 PID: 1 Comm: swapper/0\r\n"                    \
	"[    1.500200] Call trace:\r\n"
#define PANIC_END \
	"[    1.600000] ---[ end Kernel panic - not syncing: VFS ]---\r\n"
#define PANIC_DETAIL "Kernel panic - not syncing: VFS: Unable to mount"

static void panic(void **state)
{
	(void)state;
	begin_detecting();
	t.busy = true;
	print("[    0.000000] Booting Linux on physical CPU 0x0\r\n");
	assert_int_equal(judge_times(t.judge)->kernel, START);
	pass(SECOND);
	print(PANIC);
	pass(30 * SECOND);
	assert_running();
	print(PANIC_END);
	pass(2 * SECOND - 1);
	assert_running();
	pass(1);
	assert_verdict(OUTCOME_PANIC, PANIC_DETAIL);
}

/* Among other forms of time stamps: none, and with the one who prints. */
static void panic_stamps(void **state)
{
	static const char *const stamps[] = { "", "[12345.678901] ",
					      "[    1.500000][    T1] ",
					      "[    1.500000][   C12] " };
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stamps); i++) {
		setup(NULL);
		begin_detecting();
		t.busy = true;
		snprintf(text, sizeof(text),
			 "%sKernel panic - not syncing: x\n"
			 "%s---[ end Kernel panic - not syncing: x ]---\n",
			 stamps[i], stamps[i]);
		print(text);
		pass(2 * SECOND);
		assert_verdict(OUTCOME_PANIC, "Kernel panic - not syncing: x");
		teardown(NULL);
		t.judge = NULL;
	}
}

/* panic=N: the guest starts again, and is to be left to it. */
static void panic_and_reset(void **state)
{
	(void)state;
	begin_detecting();
	t.busy = true;
	print(PANIC "[    1.6] Rebooting in 5 seconds..\r\n");
	pass(5 * SECOND);
	judge_reset(t.judge, t.now);
	print("[    0.000000] Booting Linux on physical CPU 0x0\r\n");
	pass(60 * SECOND);
	assert_running();
	assert_int_equal(judge_panics(t.judge), 1);
	assert_int_equal(ended(OUTCOME_POWEROFF), OUTCOME_POWEROFF);
}

/* With --no-reboot. */
static void panic_ends_by_reset(void **state)
{
	(void)state;
	begin_detecting();
	print(PANIC);
	assert_int_equal(ended(OUTCOME_RESET), OUTCOME_PANIC);
	assert_string_equal(judge_detail(t.judge), PANIC_DETAIL);
}

/* The guest has said it by a device: what the console shows explains it. */
static void panic_by_device(void **state)
{
	(void)state;
	expect_pattern("never");
	begin_detecting();
	print("text\n");
	assert_int_equal(ended(OUTCOME_PANIC), OUTCOME_PANIC);
	assert_string_equal(judge_detail(t.judge), "");
	print("Synchronous Exception at 0x0\n");
	assert_int_equal(ended(OUTCOME_PANIC), OUTCOME_PANIC);
	assert_string_equal(judge_detail(t.judge), "");
	teardown(NULL);
	setup(NULL);
	begin_detecting();
	print(PANIC);
	assert_int_equal(ended(OUTCOME_PANIC), OUTCOME_PANIC);
	assert_string_equal(judge_detail(t.judge), PANIC_DETAIL);
	teardown(NULL);
	setup(NULL);
	fail_on("panic");
	begin_detecting();
	print(PANIC);
	assert_int_equal(ended(OUTCOME_PANIC), OUTCOME_FAIL_ON);
}

/* A status does not take the place of what was expected. */
static void status_by_guest(void **state)
{
	(void)state;
	expect_pattern("x");
	begin_detecting();
	print(PANIC);
	assert_int_equal(ended(OUTCOME_GUEST), OUTCOME_UNEXPECTED);
	assert_string_equal(judge_detail(t.judge), "not seen: x");
	teardown(NULL);
	setup(NULL);
	begin_detecting();
	print(PANIC);
	assert_int_equal(ended(OUTCOME_GUEST), OUTCOME_GUEST);
	teardown(NULL);
	setup(NULL);
	expect_pattern("x");
	begin();
	print("x");
	assert_int_equal(ended(OUTCOME_GUEST), OUTCOME_EXPECTED);
}

static void panic_not_wanted(void **state)
{
	(void)state;
	t.config.detect = WATCH_DETECT_OFF;
	fail_on("nothing");
	begin();
	t.busy = true;
	print(PANIC PANIC_END);
	pass(60 * SECOND);
	assert_running();
	assert_int_equal(ended(OUTCOME_RESET), OUTCOME_RESET);
}

/* A log with all of it, on a guest that goes on in one way or another. */
static void ordinary(void **state)
{
	static const char *const after[] = { "# ", "next line\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
		setup(NULL);
		begin_detecting();
		t.busy = true;
		print("> " PANIC "> " PANIC_END);
		pass(60 * SECOND);
		print(PANIC PANIC_END "Synchronous Exception at 0x0\n");
		for (int j = 0; j < 10; j++) {
			pass(SECOND);
			print(after[i]);
		}
		pass(60 * SECOND);
		assert_running();
		teardown(NULL);
		t.judge = NULL;
	}
}

/* It waits for something, and computes later: nothing is dead there. */
static void idle(void **state)
{
	(void)state;
	begin_detecting();
	print(PANIC PANIC_END);
	pass(10 * SECOND);
	assert_int_equal(t.next, UINT64_MAX);
	t.busy = true;
	pass(60 * SECOND);
	assert_running();
}

/* A twentieth of the time is enough, on hosts with many of them. */
static void slow_host(void **state)
{
	(void)state;
	begin_detecting();
	print(PANIC PANIC_END);
	for (int i = 0; i < 20; i++) {
		t.cpu += 6 * MS;
		pass(100 * MS);
	}
	assert_verdict(OUTCOME_PANIC, PANIC_DETAIL);
}

static void firmware(void **state)
{
	static const char *const crashes[] = {
		"Synchronous Exception at 0x00000000BFE12345",
		"SError Exception at 0x0000000000000000",
		"ASSERT [DxeCore] /edk2/MdeModulePkg/Core/Dxe/Mem/Pool.c(123): "
		"Head->Signature == 1",
		"### ERROR ### Please RESET the board ###",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		setup(NULL);
		begin_detecting();
		t.busy = true;
		print("UEFI firmware (version 2025.02 built at 1:2:3)\r\n");
		assert_int_equal(judge_times(t.judge)->firmware, START);
		snprintf(text, sizeof(text), "\n\n%s\n", crashes[i]);
		print(text);
		pass(SECOND);
		for (int j = 0; j < 40; j++)
			print("  X0 0x0000000000000000   X1 0x0000000000000\n");
		pass(2 * SECOND - 1);
		assert_running();
		pass(1);
		assert_verdict(OUTCOME_FIRMWARE_CRASH, crashes[i]);
		teardown(NULL);
		t.judge = NULL;
	}
}

/* A kernel runs: what it shows is some log. */
static void firmware_is_over(void **state)
{
	static const char *const lines[] = {
		"EFI stub: Exiting boot services...\r\n",
		"[    0.000000] Booting Linux on physical CPU 0x00 [0x411]\r\n",
		"[    0.000000][    T0] Linux version 6.12\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		setup(NULL);
		begin_detecting();
		t.busy = true;
		print("ASSERT [X] a.c(1): x\n");
		print(lines[i]);
		print("Synchronous Exception at 0x0\nASSERT [X] a.c(1): x\n");
		pass(60 * SECOND);
		assert_running();
		teardown(NULL);
		t.judge = NULL;
	}
}

/* It has got over it. */
static void firmware_goes_on(void **state)
{
	(void)state;
	begin_detecting();
	t.busy = true;
	print("ASSERT [X] a.c(1): x\n");
	for (int i = 0; i < 401; i++) {
		pass(SECOND);
		print("a line of firmware\n");
	}
	pass(60 * SECOND);
	assert_running();
}

/* ---- Resets -------------------------------------------------------------- */

static void reset_loop(void **state)
{
	char text[64];

	(void)state;
	begin_detecting();
	for (int i = 0; i < 8; i++) {
		assert_running();
		snprintf(text, sizeof(text),
			 "U-Boot 2025.01\n\nstamp %d\nresetting ...", i * i);
		print(text);
		judge_reset(t.judge, t.now);
		pass(SECOND);
	}
	assert_verdict(OUTCOME_RESET_LOOP,
		       "8 resets in a row, with the same output in between");
}

static void silent_reset_loop(void **state)
{
	(void)state;
	begin_detecting();
	for (int i = 0; i < 7; i++)
		judge_reset(t.judge, t.now);
	assert_running();
	judge_reset(t.judge, t.now);
	judge_reset(t.judge, t.now);
	assert_verdict(OUTCOME_RESET_LOOP,
		       "8 resets in a row, with the same output in between");
}

/* Kernels that reboot, text that changes, long texts, and not asked for. */
static void ordinary_resets(void **state)
{
	(void)state;
	begin_detecting();
	for (int i = 0; i < 30; i++) {
		print("U-Boot 2025.01\n[    0.000000] Linux version 6.12\n");
		judge_reset(t.judge, t.now);
	}
	for (int i = 0; i < 30; i++) {
		print(i & 4 ? "one thing\n" : "another thing\n");
		judge_reset(t.judge, t.now);
	}
	for (int i = 0; i < 30; i++) {
		for (int j = 0; j < 201; j++)
			print("much text\n");
		judge_reset(t.judge, t.now);
	}
	assert_running();
	teardown(NULL);
	setup(NULL);
	begin();
	for (int i = 0; i < 30; i++)
		judge_reset(t.judge, t.now);
	assert_running();
}

/* ---- Bounds -------------------------------------------------------------- */

static void tail(void **state)
{
	char line[64];
	const char *rest;

	(void)state;
	begin();
	assert_string_equal(judge_tail(t.judge), "");
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		print(line);
		assert_true(strlen(judge_tail(t.judge)) <= JUDGE_TAIL);
	}
	rest = judge_tail(t.judge);
	assert_true(strlen(rest) >= JUDGE_TAIL / 2 - 16);
	assert_memory_equal(rest, "line ", 5);
	assert_string_equal(rest + strlen(rest) - 10, "line 4999\n");
}

static void endless(void **state)
{
	static u8 buf[4 * SZ_64K];

	(void)state;
	fail_on("(x+x+)+y");
	begin_detecting();
	memset(buf, 'z', sizeof(buf));
	for (int i = 0; i < 100; i++)
		t.next = judge_output(t.judge, buf, sizeof(buf), t.now);
	memset(buf, '[', sizeof(buf));
	t.next = judge_output(t.judge, buf, sizeof(buf), t.now);
	assert_running();
	assert_true(strlen(judge_tail(t.judge)) <= JUDGE_TAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(expected),
		TEST(several),
		TEST(several_are_seen),
		TEST(prompt),
		TEST(growing_prompt),
		TEST(failed),
		TEST(failed_before_the_end),
		TEST(last_line),
		TEST(not_seen),
		TEST(nothing_wanted),
		TEST(silent_boot),
		TEST(late_boot),
		TEST(panic),
		TEST(panic_stamps),
		TEST(panic_and_reset),
		TEST(panic_ends_by_reset),
		TEST(panic_by_device),
		TEST(status_by_guest),
		TEST(panic_not_wanted),
		TEST(ordinary),
		TEST(idle),
		TEST(slow_host),
		TEST(firmware),
		TEST(firmware_is_over),
		TEST(firmware_goes_on),
		TEST(reset_loop),
		TEST(silent_reset_loop),
		TEST(ordinary_resets),
		TEST(tail),
		TEST(endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
