/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks that the user names: the argument of --network. */
#ifndef LKVM_CONFIG_NETWORK_H
#define LKVM_CONFIG_NETWORK_H

#include "lkvm/util/util.h"

#define NETWORK_MAC 6 /* bytes of an address, IEEE 802 */

#define NETWORK_NO_BOOTINDEX UINT32_MAX
#define NETWORK_NO_FD	     UINT32_MAX
#define NETWORK_MAX_QUEUES   16U /* pairs */

/* INET6_ADDRSTRLEN: an address as text, with its end. */
#define NETWORK_ADDR_SIZE 46

/* What is behind the device. */
enum network_mode {
	NETWORK_NONE, /* there is no device */
	NETWORK_USER, /* passt, without privileges */
	NETWORK_TAP,  /* an interface of the host, by its name */
	NETWORK_FD,   /* one that lkvm has inherited */
};

/* Who moves frames between a tap interface and the guest's queues. */
enum network_vhost {
	NETWORK_VHOST_OFF,  /* lkvm */
	NETWORK_VHOST_ON,   /* the host's kernel, vhost-net */
	NETWORK_VHOST_AUTO, /* that if it can be had, or lkvm */
};

/* One `hostfwd=`: what comes in on a port of the host goes to the guest. */
struct network_forward {
	bool udp;
	char addr[NETWORK_ADDR_SIZE]; /* of the host, IPv4 or IPv6 */
	u16 host_port, guest_port;
};

struct network_forward_list {
	struct network_forward *items;
	unsigned int count;
};

/* One `--network mode=MODE[,opt...]`. */
struct network_config {
	enum network_mode mode;
	const char *tapif;  /* NULL: one is made */
	const char *script; /* started with the interface's name; or NULL */
	const char *downscript;
	u32 fd; /* of NETWORK_FD */
	enum network_vhost vhost;
	u32 queues; /* pairs of them, from 1 on */
	bool has_mac;
	u8 mac[NETWORK_MAC]; /* of the guest, if has_mac */
	u32 mtu;	     /* bytes; 0: not given */
	u32 bootindex;	     /* firmware tries lower ones first */
	struct network_forward_list forwards;
	char *strings; /* what the pointers point into */
};

struct network_list {
	struct network_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--network`: mode=MODE[,OPT...], see README.md. Returns
 * 0; the caller calls network_config_free() then. Else -EINVAL or -ENOMEM after
 * a message.
 */
int network_config_parse(struct network_config *config, const char *arg);

/* Frees what it has. A copy of *config has the same. */
void network_config_free(struct network_config *config);

/*
 * The address of the `n`th network device, counted from 0: what the user chose,
 * or one that stays the same. That follows from the guest's name, of which
 * another guest has another; without one (NULL) it is kvmtool's,
 * 02:15:15:15:15:15, whose last byte counts up. Locally administered, and of no
 * group (IEEE 802).
 */
void network_config_mac(const struct network_config *config, const char *name,
			unsigned int n, u8 mac[NETWORK_MAC]);

#endif
