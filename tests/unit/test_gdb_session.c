/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: gdb/session.c gdb/packet.c gdb/args.c gdb/data.c gdb/query.c */
/* SOURCES: gdb/resume.c gdb/stop.c gdb/description.c gdb/aarch64.c */
/* SOURCES: util/blob.c tests/unit/gdb_rig.c */
/* A debugger's session with a target that is a fake. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gdb/session.h"
#include "gdb_rig.h"
#include "lkvm/gdb/aarch64.h"

static struct gdb_rig rig;
static struct gdb_session session;

/* ---- The debugger -------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	gdb_rig_init(&rig);
	assert_int_equal(gdb_session_init(&session, &rig.target), 0);
	gdb_session_begin(&session);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gdb_session_destroy(&session);
	return 0;
}

static size_t send_bytes(const char *bytes)
{
	return gdb_session_input(&session, (const u8 *)bytes, strlen(bytes));
}

/* What is sent is taken to have arrived. */
static void expect_bytes(const char *bytes)
{
	assert_int_equal(session.out_len, strlen(bytes));
	assert_memory_equal(session.out, bytes, session.out_len);
	gdb_session_sent(&session, session.out_len);
}

/* Escapes what has to be. */
static void send_packet(const char *data)
{
	char frame[512];
	u8 sum = 0;

	for (const char *c = data; *c; c++)
		sum = (u8)(sum + (u8)*c);
	snprintf(frame, sizeof(frame), "$%s#%02x", data, sum);
	assert_int_equal(send_bytes(frame), strlen(frame));
}

static void expect_packet(const char *data)
{
	char frame[4096];
	u8 sum = 0;

	for (const char *c = data; *c; c++)
		sum = (u8)(sum + (u8)*c);
	snprintf(frame, sizeof(frame), "$%s#%02x", data, sum);
	expect_bytes(frame);
}

/* Without acknowledgements. */
static void ask(const char *data, const char *reply)
{
	send_packet(data);
	expect_packet(reply);
}

static void connect_debugger(void)
{
	send_packet("QStartNoAckMode");
	expect_bytes("+$OK#9a");
	assert_int_equal(session.state, GDB_STOPPED);
}

/* It goes on, and there is nothing to say. */
static void go(const char *data)
{
	unsigned int before = rig.resumes;

	send_packet(data);
	assert_int_equal(session.out_len, 0);
	assert_int_equal(rig.resumes, before + 1);
	assert_int_equal(session.state, GDB_RUNNING);
}

static void stop_for(unsigned int thread, enum gdb_reason reason,
		     enum gdb_break type, u64 addr)
{
	rig.stop = (struct gdb_stop) { thread, reason, type, addr };
	rig.stopped = true;
	gdb_session_poll(&session);
}

/* ---- The connection ------------------------------------------------------ */

/* Somebody who is no debugger, or none yet. */
static void nothing_happens_before_a_packet(void **state)
{
	(void)state;
	rig.stops_at_once = false;
	assert_int_equal(send_bytes("+POST / HTTP/1.0\r\n\r\n$k#6b"), 25);
	assert_int_equal(rig.stops, 0);
	assert_int_equal(rig.kills, 0);
	expect_bytes("");
	gdb_session_end(&session);
	assert_int_equal(rig.losses, 0);
	gdb_session_begin(&session);
	/* The rest waits until all is stopped. */
	assert_int_equal(send_bytes("+\3-$?#3f"), 4);
	assert_int_equal(rig.stops, 1);
	assert_false(gdb_session_takes_input(&session));
	assert_int_equal(send_bytes("?#3f"), 0);
	gdb_session_poll(&session);
	assert_false(gdb_session_takes_input(&session));
	rig.stopped = true;
	gdb_session_poll(&session);
	assert_int_equal(session.out_len, 0);
	assert_int_equal(send_bytes("?#3f"), 4);
	expect_bytes("+$T02thread:1;#d4");
}

static void acknowledgements(void **state)
{
	(void)state;
	send_packet("qC");
	expect_bytes("+$QC1#c5");
	send_bytes("-");
	expect_bytes("$QC1#c5");
	send_bytes("+$qC#00");
	expect_bytes("-");
	send_packet("QStartNoAckMode");
	expect_bytes("+$OK#9a");
	send_bytes("+-");
	expect_bytes("");
	send_bytes("$qC#00");
	expect_bytes("");
	ask("qC", "QC1");
	/* The next one begins with them. */
	gdb_session_end(&session);
	gdb_session_begin(&session);
	send_packet("qC");
	expect_bytes("+$QC1#c5");
	/* What has no reply is not repeated. */
	send_packet("c");
	expect_bytes("+");
	send_bytes("-");
	expect_bytes("");
}

static void what_it_can(void **state)
{
	(void)state;
	connect_debugger();
	ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386",
	    "PacketSize=4000;qXfer:features:read+;vContSupported+;"
	    "QStartNoAckMode+;swbreak+;hwbreak+");
	ask("vCont?", "vCont;c;C;s;S;t");
	ask("qAttached", "1");
	ask("vMustReplyEmpty", "");
	ask("qTStatus", "");
	ask("qCRC:0,1", "");
	ask("qSupportedX", "");
	ask("", "");
	ask("!", "");
	ask("qXfer:threads:read::0,1", "");
}

static void too_much(void **state)
{
	(void)state;
	connect_debugger();
	send_bytes("$");
	for (unsigned int i = 0; i < 4 * GDB_PACKET_MAX; i++)
		send_bytes("0");
	send_bytes("#00");
	expect_packet("E07");
	ask("qC", "QC1");
}

/* Who does not read is not listened to, and costs no more than this. */
static void a_reader_that_is_slow(void **state)
{
	unsigned int taken = 0;

	(void)state;
	connect_debugger();
	while (send_bytes("$m10000,1000#4b") == 15 && taken < 10)
		taken++;
	assert_int_equal(taken, 1);
	assert_true(session.out_len > SZ_4K * 2);
	assert_false(gdb_session_takes_input(&session));
	gdb_session_sent(&session, session.out_len - 1);
	assert_false(gdb_session_takes_input(&session));
	gdb_session_sent(&session, 1);
	/* There still is room for a stop. */
	memset(session.out, '+', sizeof(session.out));
	go("c");
	session.out_len = sizeof(session.out) - GDB_STOP_MAX;
	stop_for(1, GDB_REASON_WATCH, GDB_WATCH_ACCESS, UINT64_MAX);
	gdb_session_sent(&session, sizeof(session.out) - GDB_STOP_MAX);
	expect_packet("T05thread:2;awatch:ffffffffffffffff;");
}

/* ---- Registers and memory ------------------------------------------------ */

static void registers(void **state)
{
	(void)state;
	connect_debugger();
	for (unsigned int i = 0; i < 8; i++)
		rig.registers[1][GDB_PC][i] = (u8)(0x10 + i);
	ask("Hg2", "OK");
	ask("p20", "1011121314151617");
	assert_int_equal(rig.thread, 1);
	ask("P20=8877665544332211", "OK");
	ask("p20", "8877665544332211");
	ask("P21=12345678", "OK");
	ask("p21", "12345678");
	ask("p22", "00000000000000000000000000000000");
	ask("Hg0", "OK");
	ask("p20", "0000000000000000");
	assert_int_equal(rig.thread, 0);
	/* There are none of these, or not here. */
	ask("p59", "xxxxxxxxxxxxxxxx");
	ask("p5b", "E22");
	ask("p", "E22");
	ask("pffffffffffffffff", "E22");
	ask("P20", "E22");
	ask("P20=88776655443322", "E22");
	ask("P20=887766554433221x", "E22");
	ask("P59=8877665544332211", "E02");
	ask("P5b=8877665544332211", "E22");
}

/* As many bytes as the description says of them, and one that is not there. */
static void all_registers(void **state)
{
	const size_t size = 2 * (33 * 8 + 4 + 32 * 16 + 2 * 4);
	char packet[4096];

	(void)state;
	connect_debugger();
	memset(rig.registers[0][0], 0xab, 8);
	memset(rig.registers[0][GDB_FPCR], 0xcd, 4);
	send_packet("g");
	assert_int_equal(session.out_len, size + 4);
	assert_memory_equal(session.out, "$abababababababab0000", 21);
	assert_memory_equal(session.out + 1 + size - 8, "cdcdcdcd#", 9);
	assert_memory_equal(session.out + 1 + 2 * (33 * 8 + 4 + 3 * 16),
			    "xxxxxxxx", 8);
	/* What was read is written, to another thread. */
	packet[0] = 'G';
	memcpy(packet + 1, session.out + 1, size);
	packet[size + 1] = '\0';
	gdb_session_sent(&session, session.out_len);
	ask("Hg3", "OK");
	gdb_session_input(&session, (const u8 *)"$", 1);
	gdb_session_input(&session, (const u8 *)packet, size + 1);
	send_bytes("#");
	{
		char sum[3];
		u8 n = 0;

		for (size_t i = 0; i <= size; i++)
			n = (u8)(n + (u8)packet[i]);
		snprintf(sum, sizeof(sum), "%02x", n);
		send_bytes(sum);
	}
	expect_packet("OK");
	assert_memory_equal(rig.registers[2], rig.registers[0],
			    sizeof(rig.registers[0]));
	ask("G", "E22");
	ask("Gxx", "E22");
}

static void memory(void **state)
{
	(void)state;
	connect_debugger();
	memcpy(rig.memory, "0123456789", 10);
	ask("m10000,4", "30313233");
	ask("m10ffe,10", "0000");
	ask("m11000,1", "E14");
	ask("m0,1", "E14");
	ask("mffffffffffffffff,ffffffffffffffff", "E14");
	ask("m10000,0", "E22");
	ask("m10000", "E22");
	ask("M10001,2:abcd", "OK");
	ask("m10000,4", "30abcd33");
	ask("M10fff,2:abcd", "E14");
	ask("M10000,2:ab", "E22");
	ask("M10000,ffffffffffffffff:ab", "E22");
	ask("X10000,0:", "OK");
	ask("X10000,3:a}\003c", "OK");
	ask("m10000,4", "61236333");
	ask("X10000,3:ab", "E22");
	ask("X10000,3:abcd", "E22");
	ask("X11000,1:a", "E14");
	/* More than a packet holds: less is read. */
	send_packet("m10000,ffffffff");
	assert_int_equal(session.out_len, 2 * SZ_4K + 4);
}

static void breakpoints(void **state)
{
	(void)state;
	connect_debugger();
	ask("Z0,ffff800008010000,4", "OK");
	assert_true(rig.inserted);
	assert_int_equal(rig.type, GDB_BREAK_SOFTWARE);
	assert_true(rig.addr == 0xffff800008010000);
	assert_int_equal(rig.len, 4);
	ask("z4,10,8", "OK");
	assert_false(rig.inserted);
	assert_int_equal(rig.type, GDB_WATCH_ACCESS);
	rig.error = -ENOSPC;
	ask("Z1,10,4;X1,0", "E28");
	/* There are none. */
	rig.error = -ENOTSUP;
	ask("Z1,10,4", "");
	ask("Z5,10,4", "");
	ask("Z,10,4", "E22");
	ask("Z1,10", "E22");
}

/* ---- Threads ------------------------------------------------------------- */

static void threads(void **state)
{
	(void)state;
	connect_debugger();
	ask("qfThreadInfo", "m1,2,3");
	ask("qsThreadInfo", "l");
	ask("qThreadExtraInfo,3", "764350552032");
	ask("qThreadExtraInfo,4", "E22");
	ask("qThreadExtraInfo,0", "E22");
	ask("T3", "OK");
	ask("T4", "E03");
	ask("T0", "E03");
	ask("Hg4", "E22");
	ask("Hx1", "E22");
	ask("Hc-1", "OK");
	ask("Hg3", "OK");
	ask("qC", "QC3");
	/* Why it has stopped is asked for more than once. */
	ask("?", "T02thread:1;");
	ask("?", "T02thread:1;");
}

static void expect_actions(enum gdb_action a, enum gdb_action b,
			   enum gdb_action c)
{
	assert_int_equal(rig.actions[0], a);
	assert_int_equal(rig.actions[1], b);
	assert_int_equal(rig.actions[2], c);
}

static void actions_of_threads(void **state)
{
	static const struct {
		const char *packet;
		enum gdb_action actions[3];
	} cases[] = {
		{ "vCont;c", { GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE } },
		{ "vCont;c:-1", { GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE } },
		{ "vCont;s:2;c", { GDB_CONTINUE, GDB_STEP, GDB_CONTINUE } },
		{ "vCont;s:2", { GDB_STAY, GDB_STEP, GDB_STAY } },
		/* The first one counts. */
		{ "vCont;t:1;S05:3;C0b", { GDB_STAY, GDB_CONTINUE, GDB_STEP } },
		{ "vCont;s:3;c;s:1", { GDB_CONTINUE, GDB_CONTINUE, GDB_STEP } },
		{ "vCont;s:0", { GDB_STEP, GDB_STAY, GDB_STAY } },
		{ "c", { GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE } },
		{ "s", { GDB_STEP, GDB_CONTINUE, GDB_CONTINUE } },
		{ "C05", { GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE } },
		{ "S05", { GDB_STEP, GDB_CONTINUE, GDB_CONTINUE } },
	};

	(void)state;
	connect_debugger();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		go(cases[i].packet);
		expect_actions(cases[i].actions[0], cases[i].actions[1],
			       cases[i].actions[2]);
		stop_for(0, GDB_REASON_STEP, 0, 0);
		expect_packet("T05thread:1;");
	}
	ask("Hc2", "OK");
	go("s");
	expect_actions(GDB_STAY, GDB_STEP, GDB_STAY);
	stop_for(0, GDB_REASON_STEP, 0, 0);
	expect_packet("T05thread:1;");
}

static void wrong_actions(void **state)
{
	static const char *const packets[] = {
		"vCont;",   "vCont;x",	  "vCont;c:4",
		"vCont;C",  "vCont;c:",	  "vCont;s:2;",
		"c8000000", "vCont;c:1x", "vCont;r1,2",
	};

	(void)state;
	connect_debugger();
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		ask(packets[i], "E22");
	/* Nobody goes on, so nobody has to stop. */
	ask("vCont;t", "T02thread:1;");
	ask("vCont", "T02thread:1;");
	rig.error = -EIO;
	ask("c", "E05");
	assert_int_equal(rig.resumes, 0);
}

/* ---- Stops --------------------------------------------------------------- */

static void reasons(void **state)
{
	(void)state;
	connect_debugger();
	go("c");
	stop_for(2, GDB_REASON_BREAK, GDB_BREAK_SOFTWARE, 0);
	expect_packet("T05thread:3;");
	ask("qSupported:hwbreak+;swbreak+",
	    "PacketSize=4000;qXfer:features:read+;vContSupported+;"
	    "QStartNoAckMode+;swbreak+;hwbreak+");
	/* It is now the thread that others are about, whatever was. */
	ask("qC", "QC3");
	ask("Hg1", "OK");
	ask("qC", "QC1");
	go("c");
	stop_for(2, GDB_REASON_BREAK, GDB_BREAK_SOFTWARE, 0);
	expect_packet("T05thread:3;swbreak:;");
	ask("qC", "QC3");
	go("c");
	stop_for(1, GDB_REASON_BREAK, GDB_BREAK_HARDWARE, 0);
	expect_packet("T05thread:2;hwbreak:;");
	go("c");
	stop_for(1, GDB_REASON_WATCH, GDB_WATCH_WRITE, 0xffff800000000010);
	expect_packet("T05thread:2;watch:ffff800000000010;");
	go("c");
	stop_for(0, GDB_REASON_WATCH, GDB_WATCH_READ, 0x10);
	expect_packet("T05thread:1;rwatch:10;");
	ask("?", "T05thread:1;rwatch:10;");
	/* Only once. */
	gdb_session_poll(&session);
	expect_bytes("");
}

static void interrupts(void **state)
{
	(void)state;
	connect_debugger();
	ask("Hg2", "OK");
	go("c");
	rig.stops_at_once = false;
	assert_int_equal(send_bytes("\3$g#67"), 1);
	assert_int_equal(rig.stops, 2);
	expect_bytes("");
	gdb_session_poll(&session);
	expect_bytes("");
	rig.stopped = true;
	gdb_session_poll(&session);
	expect_packet("T02thread:2;");
	/* One that comes too late. */
	send_bytes("\3");
	expect_bytes("");
	assert_int_equal(rig.stops, 2);
	/* A breakpoint at the same moment is told instead. */
	go("c");
	send_bytes("\3");
	stop_for(0, GDB_REASON_BREAK, GDB_BREAK_HARDWARE, 0);
	expect_packet("T05thread:1;");
	/* And nothing else is done while it runs. */
	go("c");
	ask("m10000,1", "E.the guest is running");
	assert_int_equal(session.state, GDB_RUNNING);
}

/* ---- The end ------------------------------------------------------------- */

static void detaching(void **state)
{
	(void)state;
	connect_debugger();
	ask("D", "OK");
	assert_int_equal(rig.detaches, 1);
	assert_true(gdb_session_takes_input(&session));
	send_packet("qC");
	expect_bytes("");
	gdb_session_exited(&session, 0);
	expect_bytes("");
	gdb_session_end(&session);
	assert_int_equal(rig.losses, 0);
	gdb_session_begin(&session);
	connect_debugger();
	gdb_session_end(&session);
	assert_int_equal(rig.losses, 1);
	gdb_session_begin(&session);
	connect_debugger();
	go("c");
	gdb_session_end(&session);
	assert_int_equal(rig.losses, 2);
}

static void killing(void **state)
{
	(void)state;
	connect_debugger();
	send_packet("k");
	expect_bytes("");
	assert_int_equal(rig.kills, 1);
	gdb_session_end(&session);
	assert_int_equal(rig.losses, 0);
	gdb_session_begin(&session);
	connect_debugger();
	ask("vKill;1", "OK");
	assert_int_equal(rig.kills, 2);
}

static void the_guest_ends(void **state)
{
	(void)state;
	gdb_session_exited(&session, 3);
	expect_bytes("");
	connect_debugger();
	go("c");
	gdb_session_exited(&session, 124);
	expect_packet("W7c");
	send_packet("qC");
	expect_bytes("");
}

static void resets(void **state)
{
	char help[1024];

	(void)state;
	connect_debugger();
	assert_int_equal(send_bytes("$qRcmd,7265736574#37$qC#b4"), 20);
	assert_int_equal(rig.resets, 1);
	expect_bytes("");
	assert_false(gdb_session_takes_input(&session));
	stop_for(0, GDB_REASON_ASKED, 0, 0);
	expect_packet("OK");
	rig.error = -EPERM;
	send_packet("qRcmd,7265736574");
	assert_true(session.out_len > 100);
	gdb_session_sent(&session, session.out_len);
	assert_int_equal(session.state, GDB_STOPPED);
	send_packet("qRcmd,68656c70");
	assert_true(session.out_len < sizeof(help));
	assert_memory_equal(session.out + 1, "6d6f6e69746f722072657365", 24);
	gdb_session_sent(&session, session.out_len);
	ask("qRcmd,7", "E22");
	ask("qRcmd", "E22");
	ask("qRcmd,zz", "E22");
}

/* ---- The description ----------------------------------------------------- */

/* In pieces, some of which end within an escape. */
static void description(void **state)
{
	char *text = calloc(1, session.description.size + 1);
	size_t len = 0;
	char packet[64];

	(void)state;
	assert_non_null(text);
	connect_debugger();
	for (bool more = true; more;) {
		snprintf(packet, sizeof(packet),
			 "qXfer:features:read:target.xml:%zx,3e", len);
		send_packet(packet);
		more = session.out[1] == 'm';
		assert_true(more || session.out[1] == 'l');
		for (size_t i = 2; session.out[i] != '#'; i++) {
			u8 byte = session.out[i];

			if (byte == '}')
				byte = session.out[++i] ^ 0x20;
			assert_true(len < session.description.size);
			text[len++] = (char)byte;
		}
		gdb_session_sent(&session, session.out_len);
	}
	assert_int_equal(len, session.description.size);
	assert_memory_equal(text, session.description.data, len);
	/* GDB does without neither. */
	assert_non_null(strstr(text, "<architecture>aarch64</architecture>"));
	assert_non_null(strstr(text, "name=\"org.gnu.gdb.aarch64.core\""));
	assert_non_null(strstr(text, "<reg name=\"cpsr\" bitsize=\"32\""));
	assert_non_null(strstr(text, "<reg name=\"v31\" bitsize=\"128\""));
	assert_non_null(strstr(text, "<reg name=\"MPIDR_EL1\" bitsize=\"64\" "
				     "type=\"uint64\" group=\"system\"/>"));
	free(text);
	snprintf(packet, sizeof(packet), "qXfer:features:read:target.xml:%zx,1",
		 session.description.size);
	ask(packet, "l");
	snprintf(packet, sizeof(packet), "qXfer:features:read:target.xml:%zx,1",
		 session.description.size + 1);
	ask(packet, "E22");
	ask("qXfer:features:read:other.xml:0,10", "E22");
	ask("qXfer:features:read:target.xml:0", "E22");
}

/* Numbers and names belong together. */
static void numbers_of_registers(void **state)
{
	static const struct {
		unsigned int number;
		const char *name;
	} cases[] = {
		{ GDB_X0, "x0" },
		{ GDB_X0 + 30, "x30" },
		{ GDB_SP, "sp" },
		{ GDB_PC, "pc" },
		{ GDB_CPSR, "cpsr" },
		{ GDB_V0 + 31, "v31" },
		{ GDB_FPCR, "fpcr" },
		{ GDB_SCTLR_EL1, "SCTLR_EL1" },
		{ GDB_MPIDR_EL1, "MPIDR_EL1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(
			gdb_target_register(&rig.target, cases[i].number)->name,
			cases[i].name);
	for (unsigned int n = 0; n < GDB_AARCH64_REGISTERS; n++) {
		assert_non_null(gdb_target_register(&rig.target, n));
		assert_non_null(gdb_target_register(&rig.target, n)->name);
	}
	assert_null(gdb_target_register(&rig.target, GDB_AARCH64_REGISTERS));
}

static void too_many_threads(void **state)
{
	struct gdb_session *other = calloc(1, sizeof(*other));

	(void)state;
	rig.target.nr_threads = GDB_MAX_THREADS + 1;
	assert_int_equal(gdb_session_init(other, &rig.target), -E2BIG);
	gdb_session_destroy(other);
	rig.target.nr_threads = GDB_MAX_THREADS;
	assert_int_equal(gdb_session_init(other, &rig.target), 0);
	gdb_session_destroy(other);
	free(other);
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(nothing_happens_before_a_packet),
		SESSION_TEST(acknowledgements),
		SESSION_TEST(what_it_can),
		SESSION_TEST(too_much),
		SESSION_TEST(a_reader_that_is_slow),
		SESSION_TEST(registers),
		SESSION_TEST(all_registers),
		SESSION_TEST(memory),
		SESSION_TEST(breakpoints),
		SESSION_TEST(threads),
		SESSION_TEST(actions_of_threads),
		SESSION_TEST(wrong_actions),
		SESSION_TEST(reasons),
		SESSION_TEST(interrupts),
		SESSION_TEST(detaching),
		SESSION_TEST(killing),
		SESSION_TEST(the_guest_ends),
		SESSION_TEST(resets),
		SESSION_TEST(description),
		SESSION_TEST(numbers_of_registers),
		SESSION_TEST(too_many_threads),
	};

	return cmocka_run_group_tests_name("gdb_session", tests, NULL, NULL);
}
