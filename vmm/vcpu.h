/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of vCPU handling that only vmm/ calls. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

struct vm;

/* Starts a thread per vCPU. 0, or -errno after a message. */
int vcpus_start(struct vm *vm);

/* Makes all vCPU threads end and waits for them. */
void vcpus_stop(struct vm *vm);

/* Frees all vCPUs; none runs. */
void vcpus_destroy(struct vm *vm);

#endif
