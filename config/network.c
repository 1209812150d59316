/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --network: keys are kvmtool's where it has them. Those that
 * lkvm does not have are refused with what to do instead, as a guest without
 * the network that was asked for is of no use. Whether an interface or a
 * program exists is checked when net/ opens it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/config/list.h"
#include "lkvm/config/network.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* RFC 791: each module of the internet handles so many; passt's largest. */
#define MIN_MTU 68
#define MAX_MTU 65520

#define MAC_GROUP 0x01 /* IEEE 802: bits of the first byte */
#define MAC_LOCAL 0x02

static const char *const mode_names[] = {
	[NETWORK_NONE] = "none",
	[NETWORK_USER] = "user",
	[NETWORK_TAP] = "tap",
	[NETWORK_FD] = "fd",
};

/* ---- Values -------------------------------------------------------------- */

/*
 * IEEE 802 addresses: six bytes of two digits each. A group's address, or none
 * at all, is no address of an interface.
 */
static int parse_mac(const char *value, void *item)
{
	struct network_config *config = item;
	u8 mac[NETWORK_MAC];
	bool zero = true;

	for (unsigned int i = 0; i < NETWORK_MAC; i++, value += 3) {
		bool last = i + 1 == NETWORK_MAC;
		unsigned int high = digit_value(value[0]);
		unsigned int low = high < 16 ? digit_value(value[1]) : 16;

		if (low > 15 || value[2] != (last ? '\0' : ':'))
			return -EINVAL;
		mac[i] = (u8)(high << 4 | low);
		zero &= !mac[i];
	}
	if (zero || mac[0] & MAC_GROUP)
		return -EINVAL;
	memcpy(config->mac, mac, sizeof(mac));
	config->has_mac = true;
	return 0;
}

/*
 * Copies the host's address; *at is what follows its colon. Without one it is
 * the loopback address, so that a port of the guest is not open to the network
 * unless the user says so.
 */
static int parse_host(const char **at, struct network_forward *to)
{
	bool ipv6 = **at == '[';
	const char *from = *at + ipv6;
	const char *end = strchr(from, ipv6 ? ']' : ':');
	size_t len = end ? (size_t)(end - from) : 0;
	u8 binary[16];

	if (!end || len >= sizeof(to->addr) || (ipv6 && end[1] != ':'))
		return -EINVAL;
	*at = end + 1 + ipv6;
	if (!len && !ipv6) {
		strcpy(to->addr, "127.0.0.1");
		return 0;
	}
	memcpy(to->addr, from, len);
	to->addr[len] = '\0';
	return inet_pton(ipv6 ? AF_INET6 : AF_INET, to->addr, binary) == 1
		       ? 0
		       : -EINVAL;
}

/* Decimal digits up to `end`. */
static int parse_port(const char **at, char end, u16 *port)
{
	u32 value = 0;

	for (; **at >= '0' && **at <= '9' && value <= UINT16_MAX; ++*at)
		value = value * 10 + (u32)(**at - '0');
	if (!value || value > UINT16_MAX || **at != end)
		return -EINVAL;
	*at += end != '\0';
	*port = (u16)value;
	return 0;
}

/* PROTOCOL:[HOST]:PORT-:PORT, in QEMU's notation. */
static int parse_forward(const char *value, struct network_forward *to)
{
	to->udp = !strncmp(value, "udp:", 4);
	if (!to->udp && strncmp(value, "tcp:", 4))
		return -EINVAL;
	value += 4;
	if (parse_host(&value, to) || parse_port(&value, '-', &to->host_port) ||
	    *value++ != ':')
		return -EINVAL;
	return parse_port(&value, '\0', &to->guest_port);
}

/* May be given several times, so it adds to a list. */
static int parse_hostfwd(const char *value, void *item)
{
	struct network_config *config = item;
	struct network_forward forward, *to;

	if (parse_forward(value, &forward))
		return -EINVAL;
	to = config_list_add(&config->forwards);
	if (!to)
		return -ENOMEM;
	*to = forward;
	return 0;
}

/* Numbers are kvmtool's. */
static int parse_vhost(const char *value, void *item)
{
	struct network_config *config = item;

	if (!strcmp(value, "on") || !strcmp(value, "1"))
		config->vhost = NETWORK_VHOST_ON;
	else if (!strcmp(value, "off") || !strcmp(value, "0"))
		config->vhost = NETWORK_VHOST_OFF;
	else if (!strcmp(value, "auto"))
		config->vhost = NETWORK_VHOST_AUTO;
	else
		return -EINVAL;
	return 0;
}

/* kvmtool's keys that have no meaning here. */
static int refuse(const char *value, void *item)
{
	(void)value;
	(void)item;
	return -EINVAL;
}

/* ---- The argument -------------------------------------------------------- */

#define NO_ADDRESS                                                        \
	"no addresses: in mode user passt gives the host's, in mode tap " \
	"script= can set the interface's"

/*
 * kvmtool's keys first, as far as they have a meaning here; at the end those
 * that are known only to be refused with advice.
 */
static const struct key_def keys[] = {
	KEY_ENUM("mode", struct network_config, mode, mode_names),
	KEY_STRING("tapif", struct network_config, tapif, IFNAMSIZ - 1),
	KEY_STRING("script", struct network_config, script, 0),
	KEY_STRING("downscript", struct network_config, downscript, 0),
	KEY_U32("fd", struct network_config, fd, 3, INT_MAX,
		"the number of an open descriptor, 3 or more"),
	KEY_CALLBACK("guest_mac", parse_mac,
		     "the address of one interface, such as 02:15:15:15:15:15"),
	KEY_U32("mtu", struct network_config, mtu, MIN_MTU, MAX_MTU, NULL),
	KEY_CALLBACK("hostfwd", parse_hostfwd,
		     "tcp:[ADDR]:PORT-:PORT or udp:..., the host's address and "
		     "port and the guest's port; an IPv6 address in brackets"),
	KEY_U32("bootindex", struct network_config, bootindex, 0,
		NETWORK_NO_BOOTINDEX - 1,
		"a number; the lowest is tried first"),
	KEY_CALLBACK("vhost", parse_vhost,
		     "on, off or auto: whether the host's kernel moves frames"),
	KEY_U32("queues", struct network_config, queues, 1, NETWORK_MAX_QUEUES,
		NULL),
	/* kvmtool's name */
	KEY_U32("mq", struct network_config, queues, 1, NETWORK_MAX_QUEUES,
		NULL),
	KEY_CALLBACK("trans", refuse,
		     "--virtio-transport instead, which is for all devices"),
	KEY_CALLBACK("host_mac", refuse,
		     "no address of the host: passt and the interface have "
		     "their own"),
	KEY_CALLBACK("host_ip", refuse, NO_ADDRESS),
	KEY_CALLBACK("guest_ip", refuse, NO_ADDRESS),
};

static const struct key_table table = {
	.option = "--network",
	.form = "mode=user|tap|fd|none[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.bare = true,
};

/* kvmtool has tap with fd=. */
static void choose_mode(struct network_config *config)
{
	if (config->mode == NETWORK_TAP && config->fd != NETWORK_NO_FD)
		config->mode = NETWORK_FD;
}

/* What belongs to another mode; NULL if all fits. */
static const char *problem_of(const struct network_config *config)
{
	bool tap = config->tapif || config->script || config->downscript;
	bool fd = config->fd != NETWORK_NO_FD;

	if (config->mode == NETWORK_NONE &&
	    (tap || fd || config->has_mac || config->mtu || config->vhost ||
	     config->forwards.count))
		return "with mode=none there is no device for the other "
		       "options";
	if (config->mode == NETWORK_FD && !fd)
		return "want fd=N, the number of an open descriptor";
	if (config->mode != NETWORK_FD && fd)
		return "fd= is for the modes fd and tap";
	if (config->mode != NETWORK_TAP && tap)
		return "tapif=, script= and downscript= are for mode=tap, "
		       "without fd=";
	if (config->mode == NETWORK_USER && config->vhost)
		return "vhost= is for the modes tap and fd";
	if (config->mode != NETWORK_TAP && config->queues > 1)
		return "queues= is for mode=tap, without fd=";
	if (config->mode != NETWORK_USER && config->forwards.count)
		return "hostfwd= is for mode=user";
	return NULL;
}

/* After all keys are known: kvmtool takes them in any order. */
static int check(struct network_config *config, const char *arg)
{
	const char *problem;

	choose_mode(config);
	problem = problem_of(config);
	if (problem)
		pr_fatal("--network %.256s: %s", arg, problem);
	return problem ? -EINVAL : 0;
}

/* As with kvmtool, a network without a mode is a tap. */
int network_config_parse(struct network_config *config, const char *arg)
{
	int ret;

	memset(config, 0, sizeof(*config));
	config->mode = NETWORK_TAP;
	config->fd = NETWORK_NO_FD;
	config->queues = 1;
	config->bootindex = NETWORK_NO_BOOTINDEX;
	ret = keyvalue_parse(&table, arg, config, &config->strings);
	if (!ret)
		ret = check(config, arg);
	if (ret)
		network_config_free(config);
	return ret;
}

void network_config_free(struct network_config *config)
{
	free(config->strings);
	free(config->forwards.items);
	config->strings = NULL;
	config->forwards = (struct network_forward_list) { 0 };
}

/* ---- Addresses ----------------------------------------------------------- */

/* FNV-1a of 64 bits: a name's, then the number's. */
static u64 hash(const char *name, unsigned int n)
{
	u64 sum = 0xcbf29ce484222325ULL;

	do {
		sum = (sum ^ (u8)*name) * 0x100000001b3ULL;
	} while (*name++);
	return (sum ^ n) * 0x100000001b3ULL;
}

/*
 * The same guest gets the same address at each start, so that a DHCP server and
 * the guest's own rules know it again; guests of different names have different
 * ones. Without a name it is kvmtool's, 02:15:15:15:15:15, and those after it.
 */
void network_config_mac(const struct network_config *config, const char *name,
			unsigned int n, u8 mac[NETWORK_MAC])
{
	u64 sum = name ? hash(name, n) : 0x021515151515ULL + n;

	if (config->has_mac) {
		memcpy(mac, config->mac, NETWORK_MAC);
		return;
	}
	for (unsigned int i = 0; i < NETWORK_MAC; i++)
		mac[i] = (u8)(sum >> 8 * (NETWORK_MAC - 1 - i));
	mac[0] = (u8)((mac[0] & ~MAC_GROUP) | MAC_LOCAL);
}
