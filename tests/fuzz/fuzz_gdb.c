/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: gdb/session.c gdb/packet.c gdb/args.c gdb/data.c gdb/query.c */
/* SOURCES: gdb/resume.c gdb/stop.c gdb/description.c gdb/aarch64.c */
/* SOURCES: util/blob.c tests/unit/gdb_rig.c */
/*
 * What a debugger sends, all of the input, to a target that is a fake. The byte
 * 0xf0 makes the target stop, 0xf1 is another connection, 0xf2 takes what was
 * sent back. Frames need not have a right sum: '#' and two 'x' are given one.
 * Whatever it is, replies are whole packets, and each has its turn.
 */
#include <stdlib.h>
#include <string.h>

#include "gdb/session.h"
#include "tests/unit/gdb_rig.h"

#define MAX_INPUT 8192U

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct gdb_rig rig;
static struct gdb_session session;
static struct gdb_decoder reader;

static void require(bool what)
{
	if (!what)
		abort();
}

/* As the debugger reads it. */
static void read_back(void)
{
	for (size_t i = 0; i < session.out_len; i++) {
		enum gdb_event event = gdb_decode(&reader, session.out[i]);

		require(event != GDB_BROKEN && event != GDB_TOO_LONG &&
			event != GDB_BREAK);
	}
	/* Packets are not cut. */
	require(reader.state == GDB_BETWEEN);
	gdb_session_sent(&session, session.out_len);
}

static void check(void)
{
	require(session.out_len <= sizeof(session.out));
	require(session.general >= -1 && session.general <= RIG_THREADS);
	require(session.resumed >= -1 && session.resumed <= RIG_THREADS);
	require(session.state != GDB_STOPPED || rig.stopped);
}

static void stop(u8 how)
{
	rig.stop = (struct gdb_stop) {
		.thread = how % RIG_THREADS,
		.reason = (enum gdb_reason)(how / 4 % 4),
		.type = (enum gdb_break)(how / 16 % GDB_BREAKS),
		.addr = how,
	};
	rig.stopped = true;
	gdb_session_poll(&session);
}

static void another_connection(void)
{
	gdb_session_end(&session);
	rig.stopped |= session.state == GDB_LEAVING;
	gdb_session_poll(&session);
	require(session.state == GDB_APART);
	gdb_session_begin(&session);
	memset(&reader, 0, sizeof(reader));
}

/* "#xx" behind a packet gets its sum: a fuzzer cannot find it. */
static void feed(u8 byte)
{
	static const char digits[] = "0123456789abcdef";

	if (session.in.state == GDB_SUM_1 && byte == 'x')
		byte = (u8)digits[session.in.sum >> 4];
	else if (session.in.state == GDB_SUM_2 && byte == 'x')
		byte = (u8)digits[session.in.sum & 15];
	if (!gdb_session_input(&session, &byte, 1))
		read_back();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size > MAX_INPUT)
		return -1;
	gdb_rig_init(&rig);
	memset(&reader, 0, sizeof(reader));
	require(!gdb_session_init(&session, &rig.target));
	gdb_session_begin(&session);
	rig.stops_at_once = size & 1;
	for (size_t i = 0; i < size; i++) {
		if (data[i] == 0xf0 && i + 1 < size)
			stop(data[++i]);
		else if (data[i] == 0xf1)
			another_connection();
		else if (data[i] == 0xf2)
			read_back();
		else
			feed(data[i]);
		check();
	}
	read_back();
	gdb_session_end(&session);
	gdb_session_destroy(&session);
	return 0;
}
