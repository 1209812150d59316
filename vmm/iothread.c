/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that serve queues. The eventfd counts kicks: those that come while
 * the thread works make it work once more.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vmm/iothread.h"
#include "lkvm/vmm/thread.h"

/* True when there is something to do. */
static bool wait_for_both(const struct iothread *thread)
{
	struct pollfd pollers[] = {
		{ .fd = thread->fd, .events = POLLIN },
		{ .fd = thread->watched, .events = POLLIN },
	};
	uint64_t kicks;

	if (poll(pollers, ARRAY_SIZE(pollers), -1) <= 0)
		return false;
	/* It does not wait: this thread alone reads kicks. */
	return !(pollers[0].revents & POLLIN) ||
	       read(thread->fd, &kicks, sizeof(kicks)) > 0;
}

static bool wait_for_kick(const struct iothread *thread)
{
	uint64_t kicks;

	return read(thread->fd, &kicks, sizeof(kicks)) > 0;
}

/*
 * `ending` comes with a kick, so the thread need not look for it. A wait that
 * is interrupted begins again.
 */
static void *iothread_run(void *arg)
{
	struct iothread *thread = arg;

	while (!atomic_load(&thread->ending)) {
		bool work = thread->watched < 0 ? wait_for_kick(thread)
						: wait_for_both(thread);

		if (work && !atomic_load(&thread->ending))
			thread->serve(thread->opaque);
	}
	return NULL;
}

/* A blocking descriptor: without another one the thread waits in read(2). */
int iothread_start(struct iothread *thread, const char *name,
		   void (*serve)(void *opaque), void *opaque)
{
	int ret;

	thread->serve = serve;
	thread->opaque = opaque;
	thread->watched = -1;
	atomic_store(&thread->ending, false);
	thread->fd = eventfd(0, EFD_CLOEXEC);
	if (thread->fd < 0)
		return -errno;
	ret = thread_create(&thread->thread, iothread_run, thread);
	if (ret) {
		close(thread->fd);
		return ret;
	}
	pthread_setname_np(thread->thread, name);
	thread->started = true;
	return 0;
}

void iothread_watch(struct iothread *thread, int fd)
{
	thread->watched = fd;
}

/* Waits only if 2^64 - 2 kicks have not been read. */
void iothread_kick(struct iothread *thread)
{
	const uint64_t one = 1;

	while (write(thread->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void iothread_let_interrupt(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, THREAD_INTERRUPT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The handler is that of the kicks of vCPUs, which does nothing here. */
void iothread_interrupt(struct iothread *thread)
{
	if (thread->started)
		pthread_kill(thread->thread, THREAD_INTERRUPT);
}

/* `serve` may be under way: it is waited for. */
void iothread_stop(struct iothread *thread)
{
	if (!thread->started)
		return;
	atomic_store(&thread->ending, true);
	iothread_kick(thread);
	pthread_join(thread->thread, NULL);
	close(thread->fd);
	thread->started = false;
}
