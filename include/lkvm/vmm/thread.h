/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads of lkvm that are no vCPU's. */
#ifndef LKVM_VMM_THREAD_H
#define LKVM_VMM_THREAD_H

#include <pthread.h>
#include <signal.h>

/* The kick of vCPUs (vmm/vcpu.h), for threads that let it in. */
#define THREAD_INTERRUPT (SIGRTMIN)

/*
 * Creates a thread that takes no signals but those of faults, with a stack of
 * 1 MiB. Returns 0 or -errno.
 */
int thread_create(pthread_t *thread, void *(*function)(void *), void *arg);

#endif
