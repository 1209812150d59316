/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/network.c config/keyvalue.c config/list.c util/names.c */
/* SOURCES: util/parse.c tests/unit/flash_fixture.c */
/* The argument of --network, and the addresses that interfaces get. */
#include <stdio.h>
#include <string.h>

#include "lkvm/config/network.h"

#define OPTION	     "--network"
#define CONFIG	     network_config
#define CONFIG_PARSE network_config_parse
#define CONFIG_FREE  network_config_free
#include "option_fixture.h"

static void modes(void **state)
{
	(void)state;
	assert_good("mode=none");
	assert_int_equal(config.mode, NETWORK_NONE);
	assert_good("none");
	assert_int_equal(config.mode, NETWORK_NONE);
	assert_good("user,mtu=1400");
	assert_int_equal(config.mode, NETWORK_USER);
	assert_good("mode=user");
	assert_int_equal(config.mode, NETWORK_USER);
	assert_null(config.tapif);
	assert_null(config.script);
	assert_null(config.downscript);
	assert_false(config.has_mac);
	assert_int_equal(config.mtu, 0);
	assert_int_equal(config.forwards.count, 0);
	assert_int_equal(config.bootindex, NETWORK_NO_BOOTINDEX);
	assert_good("mode=tap");
	assert_int_equal(config.mode, NETWORK_TAP);
	/* As with kvmtool. */
	assert_good("tapif=tap0");
	assert_int_equal(config.mode, NETWORK_TAP);
	assert_good("mode=tap,fd=7");
	assert_int_equal(config.mode, NETWORK_FD);
	assert_bad("mode=bridge", "there are none, user, tap and fd");
	assert_bad("", "want mode=user|tap|fd|none[,OPT...]");
	assert_bad("mode=none,mtu=1400", "with mode=none there is no device");
	assert_bad("mode=none,fd=3", "with mode=none there is no device");
}

static void taps(void **state)
{
	(void)state;
	assert_good("mode=tap,tapif=a23456789012345,script=/x,,y,downscript=z");
	assert_string_equal(config.tapif, "a23456789012345");
	assert_string_equal(config.script, "/x,y");
	assert_string_equal(config.downscript, "z");
	assert_bad("mode=tap,tapif=a234567890123456", "at most 15 bytes");
	assert_bad("mode=user,tapif=x", "are for mode=tap");
	assert_bad("mode=user,script=x", "are for mode=tap");
	assert_bad("mode=fd,fd=3,downscript=x", "are for mode=tap");
}

static void descriptors(void **state)
{
	(void)state;
	assert_good("mode=fd,fd=3");
	assert_int_equal(config.fd, 3);
	assert_good("fd=2147483647,mode=fd");
	assert_int_equal(config.fd, 2147483647);
	assert_bad("mode=fd", "want fd=N");
	assert_bad("mode=fd,fd=2", "3 or more");
	assert_bad("mode=fd,fd=2147483648", "3 or more");
	assert_bad("mode=user,fd=3", "fd= is for the modes fd and tap");
}

static void numbers(void **state)
{
	(void)state;
	assert_good("mode=user,mtu=68,bootindex=0");
	assert_int_equal(config.mtu, 68);
	assert_int_equal(config.bootindex, 0);
	assert_good("mode=user,mtu=65520,bootindex=4294967294");
	assert_int_equal(config.mtu, 65520);
	assert_bad("mode=user,mtu=67", "a number from 68 to 65520");
	assert_bad("mode=user,mtu=65521", "a number from 68 to 65520");
	assert_bad("mode=user,bootindex=4294967295", "the lowest is tried");
}

static void macs(void **state)
{
	static const u8 mac[] = { 0x02, 0xab, 0xCD, 0, 0xff, 0x10 };
	static const char *const bad[] = {
		"02:ab:cd:00:ff",
		"02:ab:cd:00:ff:10:11",
		"2:ab:cd:00:ff:10",
		"02-ab-cd-00-ff-10",
		"02:ab:cd:00:ff:1",
		"02:ab:cd:00:ff:1g",
		"02:ab:cd:00:ff:10 ",
		"01:ab:cd:00:ff:10",
		"ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00",
		"02",
		":",
	};

	(void)state;
	assert_good("mode=user,guest_mac=02:ab:CD:00:ff:10");
	assert_true(config.has_mac);
	assert_memory_equal(config.mac, mac, sizeof(mac));
	/* What the vendor of a card has given. */
	assert_good("mode=user,guest_mac=00:00:00:00:00:01");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char arg[64];

		snprintf(arg, sizeof(arg), "mode=user,guest_mac=%s", bad[i]);
		assert_bad(arg, "want the address of one interface");
	}
}

static void assert_forward(unsigned int n, bool udp, const char *addr, u16 host,
			   u16 guest)
{
	const struct network_forward *forward = &config.forwards.items[n];

	assert_true(n < config.forwards.count);
	assert_int_equal(forward->udp, udp);
	assert_string_equal(forward->addr, addr);
	assert_int_equal(forward->host_port, host);
	assert_int_equal(forward->guest_port, guest);
}

/* Without an address only the host itself can connect. */
static void forwards(void **state)
{
	(void)state;
	assert_good("mode=user,hostfwd=tcp::2222-:22,hostfwd=udp:192.0.2.1:1-:"
		    "65535,hostfwd=tcp:[2001:db8::1]:65535-:1,"
		    "hostfwd=tcp:0.0.0.0:80-:80,hostfwd=udp:[::]:53-:53");
	assert_int_equal(config.forwards.count, 5);
	assert_forward(0, false, "127.0.0.1", 2222, 22);
	assert_forward(1, true, "192.0.2.1", 1, 65535);
	assert_forward(2, false, "2001:db8::1", 65535, 1);
	assert_forward(3, false, "0.0.0.0", 80, 80);
	assert_forward(4, true, "::", 53, 53);
	assert_bad("mode=tap,hostfwd=tcp::1-:1", "hostfwd= is for mode=user");
}

static void bad_forwards(void **state)
{
	static const char *const bad[] = {
		"tcp",
		"tcp:",
		"tcp:1-1",
		"tcp:1-:1",
		"tcp::1:1",
		"tcp::0-:1",
		"tcp::1-:0",
		"tcp::65536-:1",
		"tcp::1-:65536",
		"tcp::1-:1x",
		"tcp::x-:1",
		"tcp::-:1",
		"tcp::1-",
		"tcp::1-:",
		"sctp::1-:1",
		"tcp:::1:1-:1",
		"tcp:[::1]1-:1",
		"tcp:[::1:1-:1",
		"tcp:[]:1-:1",
		"tcp:[1.2.3.4]:1-:1",
		"tcp:1.2.3:1-:1",
		"tcp:host:1-:1",
		"tcp::+1-:1",
		"tcp::4294967297-:1",
		"tcp::1-1.2.3.4:1",
		"TCP::1-:1",
		"tcp:0000000000000000000000000000000000000000000000001:1-:1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char arg[128];

		/* One that is good was taken before. */
		snprintf(arg, sizeof(arg), "user,hostfwd=tcp::1-:1,hostfwd=%s",
			 bad[i]);
		assert_bad(arg, "want tcp:[ADDR]:PORT-:PORT");
	}
}

static void queues(void **state)
{
	(void)state;
	assert_good("mode=tap");
	assert_int_equal(config.queues, 1);
	assert_good("mode=tap,queues=16,vhost=on");
	assert_int_equal(config.queues, 16);
	assert_good("mode=fd,fd=3,queues=1");
	assert_good("mode=user,queues=1");
	assert_bad("mode=tap,queues=0", "from 1 to 16");
	assert_bad("mode=tap,queues=17", "from 1 to 16");
	assert_bad("mode=tap,fd=3,queues=2", "is for mode=tap, without fd=");
	assert_bad("mode=user,queues=2", "is for mode=tap, without fd=");
}

static void vhost(void **state)
{
	(void)state;
	assert_good("mode=tap");
	assert_int_equal(config.vhost, NETWORK_VHOST_OFF);
	assert_good("mode=tap,vhost=on");
	assert_int_equal(config.vhost, NETWORK_VHOST_ON);
	assert_good("mode=fd,fd=3,vhost=1");
	assert_int_equal(config.vhost, NETWORK_VHOST_ON);
	assert_good("mode=tap,vhost=on,vhost=auto");
	assert_int_equal(config.vhost, NETWORK_VHOST_AUTO);
	assert_good("mode=user,vhost=off");
	assert_int_equal(config.vhost, NETWORK_VHOST_OFF);
	assert_bad("mode=tap,vhost=2", "vhost=2: want on, off or auto");
	assert_bad("mode=tap,vhost=", "takes a value");
	assert_bad("mode=user,vhost=auto", "is for the modes tap and fd");
	assert_bad("none,vhost=on", "with mode=none there is no device");
}

/* kvmtool's, as far as they say what is done anyway. */
static void others(void **state)
{
	(void)state;
	assert_good("mode=tap,vhost=0,mq=3");
	assert_int_equal(config.queues, 3);
	assert_bad("mode=tap,trans=mmio", "--virtio-transport instead");
	assert_bad("mode=tap,host_ip=1.2.3.4", "script= can set");
	assert_bad("mode=user,guest_ip=1.2.3.4", "passt gives the host's");
	assert_bad("mode=user,host_mac=02:01:01:01:01:01", "their own");
	assert_bad("mode=user,speed=1", "unknown option \"speed\"; there are "
					"mode=, tapif=, ");
	assert_bad("mode=user,", "an option is empty");
}

/* ---- Addresses ----------------------------------------------------------- */

static u64 mac_of(const char *name, unsigned int n)
{
	u8 mac[NETWORK_MAC];
	u64 value = 0;

	network_config_mac(&config, name, n, mac);
	for (unsigned int i = 0; i < NETWORK_MAC; i++)
		value = value << 8 | mac[i];
	return value;
}

/* Constants: guests keep their addresses when lkvm changes. */
static void addresses(void **state)
{
	char name[16];

	(void)state;
	assert_good("mode=user");
	assert_int_equal(mac_of(NULL, 0), 0x021515151515);
	assert_int_equal(mac_of(NULL, 30), 0x021515151533);
	assert_int_equal(mac_of("vm1", 0), 0x127204f3229f);
	assert_int_equal(mac_of("vm1", 1), 0x127204f320ec);
	assert_int_not_equal(mac_of("vm1", 0), mac_of("vm2", 0));
	assert_int_not_equal(mac_of("", 0), mac_of(NULL, 0));
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "guest %u", i);
		assert_int_equal(mac_of(name, i) >> 40 & 3, 2);
	}
	assert_good("mode=user,guest_mac=00:00:00:00:00:01");
	assert_int_equal(mac_of("vm1", 0), 1);
	assert_int_equal(mac_of(NULL, 5), 1);
}

static void freed_twice(void **state)
{
	(void)state;
	assert_good("mode=user,hostfwd=tcp::1-:1");
	network_config_free(&config);
	assert_null(config.strings);
	network_config_free(&config);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(modes),	    TEST(taps),	  TEST(descriptors),
		TEST(numbers),	    TEST(macs),	  TEST(forwards),
		TEST(bad_forwards), TEST(others), TEST(addresses),
		TEST(freed_twice),  TEST(vhost),  TEST(queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
