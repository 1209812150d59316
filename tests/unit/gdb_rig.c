/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See gdb_rig.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gdb_rig.h"
#include "lkvm/gdb/aarch64.h"

static struct gdb_rig *from_target(struct gdb_target *target)
{
	return container_of(target, struct gdb_rig, target);
}

static void rig_stop(struct gdb_target *target)
{
	struct gdb_rig *rig = from_target(target);

	rig->stops++;
	rig->stopped |= rig->stops_at_once;
}

static bool rig_stopped(struct gdb_target *target, struct gdb_stop *stop)
{
	struct gdb_rig *rig = from_target(target);

	*stop = rig->stop;
	return rig->stopped;
}

static int rig_resume(struct gdb_target *target, const enum gdb_action *actions)
{
	struct gdb_rig *rig = from_target(target);

	if (rig->error)
		return rig->error;
	rig->resumes++;
	memcpy(rig->actions, actions, sizeof(rig->actions));
	rig->stopped = false;
	memset(&rig->stop, 0, sizeof(rig->stop));
	return 0;
}

static void rig_detach(struct gdb_target *target)
{
	struct gdb_rig *rig = from_target(target);

	rig->detaches++;
	rig->stopped = false;
}

static void rig_lost(struct gdb_target *target)
{
	struct gdb_rig *rig = from_target(target);

	rig->losses++;
	rig->stopped = false;
}

static u8 *find_register(struct gdb_target *target, unsigned int thread,
			 unsigned int reg)
{
	struct gdb_rig *rig = from_target(target);

	if (thread >= RIG_THREADS || reg >= ARRAY_SIZE(rig->registers[0]))
		return NULL;
	rig->thread = thread;
	return rig->registers[thread][reg];
}

/* There is no MIDR_EL1, and no V3. */
static bool is_missing(unsigned int reg)
{
	return reg == GDB_MIDR_EL1 || reg == GDB_V0 + 3;
}

static int rig_read_register(struct gdb_target *target, unsigned int thread,
			     unsigned int reg, u8 *value)
{
	const u8 *from = find_register(target, thread, reg);

	if (!from || is_missing(reg))
		return -ENOENT;
	memcpy(value, from, GDB_REGISTER_MAX);
	return 0;
}

static int rig_write_register(struct gdb_target *target, unsigned int thread,
			      unsigned int reg, const u8 *value)
{
	u8 *to = find_register(target, thread, reg);

	if (!to || is_missing(reg))
		return -ENOENT;
	memcpy(to, value, gdb_target_register(target, reg)->bits / 8);
	return 0;
}

static ssize_t rig_read_memory(struct gdb_target *target, unsigned int thread,
			       u64 addr, u8 *buf, size_t len)
{
	struct gdb_rig *rig = from_target(target);

	rig->thread = thread;
	if (!range_within(addr, 1, RIG_MEMORY, sizeof(rig->memory)))
		return -EFAULT;
	addr -= RIG_MEMORY;
	len = MIN(len, sizeof(rig->memory) - addr);
	memcpy(buf, rig->memory + addr, len);
	return (ssize_t)len;
}

static int rig_write_memory(struct gdb_target *target, unsigned int thread,
			    u64 addr, const u8 *buf, size_t len)
{
	struct gdb_rig *rig = from_target(target);

	rig->thread = thread;
	if (!range_within(addr, len, RIG_MEMORY, sizeof(rig->memory)))
		return -EFAULT;
	memcpy(rig->memory + (addr - RIG_MEMORY), buf, len);
	return 0;
}

static int change(struct gdb_target *target, bool insert, enum gdb_break type,
		  u64 addr, u64 len)
{
	struct gdb_rig *rig = from_target(target);

	rig->inserted = insert;
	rig->type = type;
	rig->addr = addr;
	rig->len = len;
	return rig->error;
}

static int rig_insert(struct gdb_target *target, unsigned int thread,
		      enum gdb_break type, u64 addr, u64 len)
{
	(void)thread;
	return change(target, true, type, addr, len);
}

static int rig_remove(struct gdb_target *target, unsigned int thread,
		      enum gdb_break type, u64 addr, u64 len)
{
	(void)thread;
	return change(target, false, type, addr, len);
}

static int rig_reset(struct gdb_target *target)
{
	struct gdb_rig *rig = from_target(target);

	if (rig->error)
		return rig->error;
	rig->resets++;
	rig->stopped = false;
	return 0;
}

static void rig_kill(struct gdb_target *target)
{
	from_target(target)->kills++;
}

static void rig_describe(struct gdb_target *target, unsigned int thread,
			 char *buf, size_t size)
{
	(void)target;
	snprintf(buf, size, "vCPU %u", thread);
}

static const struct gdb_target_ops rig_ops = {
	.stop = rig_stop,
	.stopped = rig_stopped,
	.lost = rig_lost,
	.resume = rig_resume,
	.detach = rig_detach,
	.read_register = rig_read_register,
	.write_register = rig_write_register,
	.read_memory = rig_read_memory,
	.write_memory = rig_write_memory,
	.insert = rig_insert,
	.remove = rig_remove,
	.reset = rig_reset,
	.kill = rig_kill,
	.describe = rig_describe,
};

void gdb_rig_init(struct gdb_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->target.ops = &rig_ops;
	rig->target.nr_threads = RIG_THREADS;
	rig->stops_at_once = true;
	gdb_aarch64_describe(&rig->target);
}
