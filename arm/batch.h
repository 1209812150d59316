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
 * Called by the vCPU's thread after it has handled an MMIO exit, unless the VM
 * has a veto. Continues with the guest's instructions where that saves time;
 * the state of the vCPU in KVM is then that after the last one interpreted.
 * Returns 0, or -errno after a message if that state is lost.
 */
int batch_continue(struct vcpu *vcpu);

/*
 * Called by the vCPU's thread for an exit without syndrome, at a device's
 * address: carries out the instruction there, if it is a load or store of one
 * general-purpose register. Returns 0 if that is done, or if the guest is to
 * try again; -ENOTSUP if nothing has changed; another -errno as above.
 */
int batch_access(struct vcpu *vcpu);

/* Frees what batches of the vCPU have allocated; its thread has ended. */
void batch_release(struct vcpu *vcpu);

/* The veto that holds for all vCPUs, or BATCH_ALLOWED. Any thread. */
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
