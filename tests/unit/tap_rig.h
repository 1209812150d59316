/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's part of tap interfaces, played by a test: for those that wrap
 * open, ioctl, poll, readv, writev, fcntl, close, run_program, socket, bind and
 * recv.
 */
#ifndef TESTS_TAP_RIG_H
#define TESTS_TAP_RIG_H

#include <net/if.h>
#include <linux/if_tun.h>

#include "flash_fixture.h"
#include "net/net.h"

#define FD	 77
#define VHOST_FD 78
#define LINK_FD	 79

extern struct tap_kernel {
	int open, ioctl, io;   /* errno to fail with, or 0 */
	int vhost;	       /* the same, for that */
	unsigned long failing; /* this request of ioctl(2) */
	bool only_multi_queue;
	short events;
	short flags; /* of the interface that a descriptor is of */
	/* What came. */
	char path[32], asked[IFNAMSIZ], started[64];
	short asked_flags;
	int header_size, little, fd_flags, descriptor_flags, status;
	unsigned int offloads, closed, interrupted, vhosts, opened;
	unsigned int attached, detached;
	unsigned int links, link_messages;
	int link;		       /* errno of its socket, or 0 */
	unsigned int failing_after;    /* calls of `failing` that do not fail */
	unsigned int refused_offloads; /* these bits are not known */
	u8 data[70000];
	size_t len;
	bool has_frame;
} kernel;

extern struct net *net;

int tap_setup(void **state);
int tap_teardown(void **state);

/* One queue and mode tap, if that is not set; into `net`. */
int tap_open_with(const struct network_config *config);

#define OPEN(...) tap_open_with(&(struct network_config) { __VA_ARGS__ })

/* It was refused, with one message that has this. */
void assert_tap_refused(int ret, int error, const char *text);

#endif
