/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands for what a target holds: registers, memory, breakpoints. GDB's
 * manual, "Packets".
 *
 * Called by gdb/session.c while all threads are stopped, on the event loop's
 * thread. Numbers of registers, addresses and lengths come from the debugger:
 * they are checked here for what the protocol and our buffers allow, and by the
 * target for what the machine has.
 */
#include <errno.h>
#include <string.h>

#include "session.h"

/* At a time; a packet has two digits for each byte, and its own letter. */
#define MEMORY_MAX ((GDB_PACKET_MAX - 2) / 2)

const struct gdb_register *gdb_target_register(const struct gdb_target *target,
					       unsigned int reg)
{
	for (unsigned int i = 0; i < target->nr_features; i++) {
		const struct gdb_feature *feature = target->features[i];

		if (reg < feature->nr_registers)
			return &feature->registers[reg];
		reg -= feature->nr_registers;
	}
	return NULL;
}

static size_t register_size(const struct gdb_register *reg)
{
	return reg->bits / 8;
}

/* ---- Registers ----------------------------------------------------------- */

/* One that cannot be read is not available: its digits are 'x'. */
static void put_register(struct gdb_session *session, unsigned int n,
			 const struct gdb_register *reg)
{
	struct gdb_target *target = session->target;
	u8 value[GDB_REGISTER_MAX] = { 0 };

	if (!target->ops->read_register(target, gdb_general_thread(session), n,
					value)) {
		gdb_reply_hex(&session->reply, value, register_size(reg));
		return;
	}
	for (size_t i = 0; i < register_size(reg); i++)
		gdb_reply_text(&session->reply, "xx");
}

/*
 * Packet g has no register numbers, so every register has its place, also one
 * that cannot be read.
 */
static void read_registers(struct gdb_session *session, struct gdb_args *args)
{
	struct gdb_target *target = session->target;

	(void)args;
	for (unsigned int n = 0; n < target->nr_general; n++)
		put_register(session, n, gdb_target_register(target, n));
}

static int set_register(struct gdb_session *session, unsigned int n,
			struct gdb_args *args)
{
	struct gdb_target *target = session->target;
	const struct gdb_register *reg = gdb_target_register(target, n);
	u8 value[GDB_REGISTER_MAX];

	if (!reg || !gdb_take_hex(args, value, register_size(reg)))
		return -EINVAL;
	return target->ops->write_register(target, gdb_general_thread(session),
					   n, value);
}

/*
 * All that the packet has. GDB sends back what it got, so those that were not
 * available are passed over.
 */
static void write_registers(struct gdb_session *session, struct gdb_args *args)
{
	int ret = 0;

	for (unsigned int n = 0; n < session->target->nr_general && !ret; n++) {
		const struct gdb_register *reg =
			gdb_target_register(session->target, n);

		if (gdb_args_left(args) >= 2 && *args->at == 'x')
			args->at += MIN(gdb_args_left(args),
					2 * register_size(reg));
		else
			ret = set_register(session, n, args);
	}
	gdb_result(session, ret);
}

static void read_register(struct gdb_session *session, struct gdb_args *args)
{
	const struct gdb_register *reg;
	u64 n;

	reg = gdb_take_number(args, &n) && n <= UINT32_MAX
		      ? gdb_target_register(session->target, (unsigned int)n)
		      : NULL;
	if (reg)
		put_register(session, (unsigned int)n, reg);
	else
		gdb_malformed(session);
}

static void write_register(struct gdb_session *session, struct gdb_args *args)
{
	u64 n;

	if (!gdb_take_number(args, &n) || n > UINT32_MAX ||
	    !gdb_take_char(args, '='))
		gdb_malformed(session);
	else
		gdb_result(session,
			   set_register(session, (unsigned int)n, args));
}

/* ---- Memory -------------------------------------------------------------- */

/* Less than was asked for is an answer, too: the rest cannot be read. */
static void read_memory(struct gdb_session *session, struct gdb_args *args)
{
	struct gdb_target *target = session->target;
	u8 buf[MEMORY_MAX];
	u64 addr, len;
	ssize_t n;

	if (!gdb_take_range(args, &addr, &len) || !len) {
		gdb_malformed(session);
		return;
	}
	n = target->ops->read_memory(target, gdb_general_thread(session), addr,
				     buf, MIN(len, sizeof(buf)));
	if (n < 0)
		gdb_error(session, (int)n);
	else
		gdb_reply_hex(&session->reply, buf, (size_t)n);
}

/* GDB finds out by writing nothing whether there is this command. */
static int write_bytes(struct gdb_session *session, u64 addr, const u8 *buf,
		       u64 len)
{
	struct gdb_target *target = session->target;

	if (!len)
		return 0;
	return target->ops->write_memory(target, gdb_general_thread(session),
					 addr, buf, len);
}

static void write_memory(struct gdb_session *session, struct gdb_args *args)
{
	u8 buf[MEMORY_MAX];
	u64 addr, len;

	if (!gdb_take_range(args, &addr, &len) || !gdb_take_char(args, ':') ||
	    len > sizeof(buf) || !gdb_take_hex(args, buf, len))
		gdb_malformed(session);
	else
		gdb_result(session, write_bytes(session, addr, buf, len));
}

/*
 * Packet X: the decoder has unescaped the bytes already, so they are written
 * from where they are.
 */
static void write_binary(struct gdb_session *session, struct gdb_args *args)
{
	u64 addr, len;

	if (!gdb_take_range(args, &addr, &len) || !gdb_take_char(args, ':') ||
	    len != gdb_args_left(args))
		gdb_malformed(session);
	else
		gdb_result(session, write_bytes(session, addr, args->at, len));
}

/* ---- Breakpoints --------------------------------------------------------- */

/* Conditions and commands, which may follow, are not announced by qSupported.
 */
static void change_break(struct gdb_session *session, struct gdb_args *args,
			 bool insert)
{
	struct gdb_target *target = session->target;
	u64 type, addr, len;
	int ret;

	if (!gdb_take_number(args, &type) || !gdb_take_char(args, ',') ||
	    !gdb_take_range(args, &addr, &len)) {
		gdb_malformed(session);
		return;
	}
	if (type >= GDB_BREAKS)
		return;
	ret = (insert ? target->ops->insert : target->ops->remove)(
		target, gdb_general_thread(session), (enum gdb_break)type, addr,
		len);
	if (ret != -ENOTSUP)
		gdb_result(session, ret);
}

static void insert_break(struct gdb_session *session, struct gdb_args *args)
{
	change_break(session, args, true);
}

static void remove_break(struct gdb_session *session, struct gdb_args *args)
{
	change_break(session, args, false);
}

const struct gdb_command gdb_data_commands[] = {
	{ "g", read_registers }, { "G", write_registers },
	{ "p", read_register },	 { "P", write_register },
	{ "m", read_memory },	 { "M", write_memory },
	{ "X", write_binary },	 { "Z", insert_break },
	{ "z", remove_break },	 { NULL, NULL },
};
