/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several MMIO accesses for one exit. After an access the next one is often a
 * few instructions away: a driver copies words into a flash's buffer, or polls
 * a UART for each byte. Those instructions are carried out here, with the
 * accesses among them, and the guest is entered again only behind them.
 */
#ifndef ARM_BATCH_H
#define ARM_BATCH_H

#include "batch_veto.h"

struct json_writer;
struct machine;
struct vcpu;

/*
 * Called by the vCPU's thread once it has handled an MMIO exit, where the VM
 * has no veto. Goes on with the guest's instructions where that is worth it;
 * the state of the vCPU in KVM is that behind the last one carried out. Returns
 * 0, or -errno after a message if that state is lost.
 */
int batch_continue(struct vcpu *vcpu);

/* Frees what batches of the vCPU needed. */
void batch_release(struct vcpu *vcpu);

/* What speaks against batches in this VM, without a look at a vCPU. */
enum batch_veto batch_vm_veto(const struct machine *machine);

/* The features have been chosen: sets `batch_allowed` by the vetoes. */
void batch_setup(struct machine *machine);

/*
 * BATCH_DEBUGGER or BATCH_DIRTY_LOG has come, or has gone again. Any thread; no
 * vCPU is in a batch: see vm_pause().
 */
void batch_forbid(struct machine *machine, enum batch_veto veto, bool forbid);

/* Why there were none, or not at times: members of the object that is open. */
void batch_write_stats(const struct machine *machine, struct json_writer *json);

#endif
