/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several MMIO accesses for one exit. After an access the next one is often a
 * few instructions away: a driver copies words into a flash's buffer, or polls
 * a UART for each byte. Those instructions are carried out here, with the
 * accesses among them, and the guest is entered again only behind them.
 */
#ifndef ARM_BATCH_H
#define ARM_BATCH_H

struct vcpu;

/*
 * Called by the vCPU's thread once it has handled an MMIO exit. Goes on with
 * the guest's instructions where that pays; the state of the vCPU in KVM is
 * that behind the last one carried out. Returns 0, or -errno after a message
 * if that state is lost.
 */
int batch_continue(struct vcpu *vcpu);

/* Frees what batches of the vCPU needed. */
void batch_release(struct vcpu *vcpu);

#endif
