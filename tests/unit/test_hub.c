/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/hub.c vmm/evloop.c */
/* Two sources of input at one port, and output for who comes late or is slow.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/chardev/hub.h"

static struct {
	struct evloop loop;
	struct chardev backend;
	struct hub *hub;
	struct chardev *chr;
	struct hub_user user;
	unsigned int changes;
	char written[64], received[64];
	size_t accepted;  /* the backend's limit */
	char returned[8]; /* to the backend */
	size_t takes;	  /* of each piece; the rest is given back */
} t;

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, &t.backend);
	strncat(t.written, (const char *)buf, len);
}

static void backend_accept(struct chardev *chr, size_t n)
{
	assert_ptr_equal(chr, &t.backend);
	t.accepted = n;
}

static void backend_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	assert_ptr_equal(chr, &t.backend);
	strncat(t.returned, (const char *)buf, len);
}

static void front_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	size_t n = MIN(len, t.takes);

	assert_ptr_equal(chr, t.chr);
	strncat(t.received, (const char *)buf, n);
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

static void front_break(struct chardev *chr)
{
	assert_ptr_equal(chr, t.chr);
	strcat(t.received, "!");
}

static void changed(struct hub_user *user)
{
	assert_ptr_equal(user, &t.user);
	t.changes++;
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.backend.ops = &backend_ops;
	t.user.changed = changed;
	t.takes = 64;
	assert_int_equal(evloop_init(&t.loop), 0);
	assert_int_equal(hub_create(&t.backend, &t.loop, &t.hub), 0);
	t.chr = hub_chardev(t.hub);
	t.chr->receive = front_receive;
	t.chr->line_break = front_break;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hub_destroy(t.hub);
	evloop_destroy(&t.loop);
	return 0;
}

static void turns(void)
{
	assert_int_equal(evloop_poll(&t.loop), 0);
}

static void guest_writes(const char *s)
{
	t.chr->ops->write(t.chr, (const u8 *)s, strlen(s));
}

static size_t sends(const char *s)
{
	return hub_send(t.hub, (const u8 *)s, strlen(s));
}

/* What is read from *at on. */
static void reads(u64 *at, const char *s, u64 lost)
{
	char buf[64] = "";
	u64 missing = 0;
	size_t n = hub_read(t.hub, at, (u8 *)buf, sizeof(buf) - 1, &missing);

	assert_int_equal(n, strlen(s));
	assert_string_equal(buf, s);
	assert_int_equal(missing, lost);
}

static void passes_all_on(void **state)
{
	(void)state;
	guest_writes("hello\n");
	assert_string_equal(t.written, "hello\n");
	t.chr->ops->accept(t.chr, 7);
	assert_int_equal(t.accepted, 7);
	t.backend.receive(&t.backend, (const u8 *)"abc", 3);
	assert_string_equal(t.received, "abc");
	/* What the front returns is the backend's again. */
	t.takes = 1;
	t.backend.receive(&t.backend, (const u8 *)"xyz", 3);
	assert_string_equal(t.received, "abcx");
	assert_string_equal(t.returned, "yz");
	assert_int_equal(t.changes, 0);
}

static void shows_what_was_before(void **state)
{
	u64 at;

	(void)state;
	guest_writes("one\n");
	at = hub_enter(t.hub, &t.user);
	assert_ptr_equal(hub_user(t.hub), &t.user);
	reads(&at, "one\n", 0);
	reads(&at, "", 0);
	guest_writes("two\n");
	turns();
	assert_int_equal(t.changes, 1);
	reads(&at, "two\n", 0);
	hub_leave(t.hub);
	assert_null(hub_user(t.hub));
	guest_writes("three\n");
	turns();
	assert_int_equal(t.changes, 1);
}

/* From the start of a line on, and no further back than it should. */
static void history_has_a_limit(void **state)
{
	char line[64] = "";
	u64 at;

	(void)state;
	hub_destroy(t.hub);
	assert_int_equal(hub_create(NULL, &t.loop, &t.hub), 0);
	t.chr = hub_chardev(t.hub);
	for (unsigned int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "%07u\n", i);
		guest_writes(line);
	}
	at = hub_enter(t.hub, &t.user);
	assert_int_equal(at, 80000 - HUB_HISTORY + 8 - HUB_HISTORY % 8);
	hub_read(t.hub, &at, (u8 *)line, 8, &(u64) { 0 });
	assert_memory_equal(line, "0007953\n", 8);
	hub_leave(t.hub);
}

/* A user who is too slow is told how much it has missed. */
static void slow_user(void **state)
{
	u64 at = hub_enter(t.hub, &t.user), lost = 0;
	static u8 much[HUB_OUTPUT + 10], seen[HUB_OUTPUT];

	(void)state;
	hub_destroy(t.hub);
	assert_int_equal(hub_create(NULL, &t.loop, &t.hub), 0);
	t.chr = hub_chardev(t.hub);
	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = (u8)(i * 7);
	t.chr->ops->write(t.chr, much, 15);
	t.chr->ops->write(t.chr, much, sizeof(much));
	assert_int_equal(hub_read(t.hub, &at, seen, 5, &lost), 5);
	assert_int_equal(lost, 25);
	assert_memory_equal(seen, much + 10, 5);
	lost = 0;
	assert_int_equal(hub_read(t.hub, &at, seen, sizeof(seen), &lost),
			 HUB_OUTPUT - 5);
	assert_int_equal(lost, 0);
	assert_memory_equal(seen, much + 15, HUB_OUTPUT - 5);
	t.chr->ops->write(t.chr, much, 3);
	assert_int_equal(hub_read(t.hub, &at, seen, sizeof(seen), &lost), 3);
	assert_int_equal(lost, 0);
}

/* The user's input goes first, and the backend waits until it is taken. */
static void two_sources(void **state)
{
	(void)state;
	hub_enter(t.hub, &t.user);
	assert_int_equal(sends("abcdef"), 6);
	turns();
	assert_string_equal(t.received, "");
	assert_int_equal(hub_waiting(t.hub), 6);
	t.chr->ops->accept(t.chr, 4);
	assert_int_equal(t.accepted, 0);
	turns();
	assert_string_equal(t.received, "abcd");
	assert_int_equal(hub_waiting(t.hub), 2);
	/* Sent before it knew: the front may return it to the backend. */
	t.takes = 0;
	t.backend.receive(&t.backend, (const u8 *)"xy", 2);
	assert_string_equal(t.returned, "xy");
	t.takes = 1;
	t.chr->ops->accept(t.chr, 4);
	/* And the user's to the user's. */
	turns();
	assert_string_equal(t.received, "abcdef");
	assert_int_equal(hub_waiting(t.hub), 0);
	/* What was given back has used up the front's limit. */
	t.chr->ops->accept(t.chr, 9);
	assert_int_equal(t.accepted, 9);
	assert_true(t.changes > 0);
}

/* Also if the user has gone. */
static void queue_has_a_limit(void **state)
{
	static u8 much[HUB_INPUT];

	(void)state;
	hub_enter(t.hub, &t.user);
	assert_int_equal(hub_send(t.hub, much, sizeof(much)), HUB_INPUT);
	assert_int_equal(sends("x"), 0);
	assert_int_equal(hub_send_break(t.hub, 'h'), -EAGAIN);
	hub_leave(t.hub);
	t.takes = HUB_INPUT;
	t.chr->ops->accept(t.chr, HUB_INPUT);
	for (unsigned int i = 0; i < HUB_INPUT / 64; i++)
		turns();
	assert_int_equal(hub_waiting(t.hub), 0);
}

static void breaks_are_in_order(void **state)
{
	(void)state;
	sends("ab");
	assert_int_equal(hub_send_break(t.hub, 'h'), 0);
	sends("c");
	t.chr->ops->accept(t.chr, 2);
	turns();
	assert_string_equal(t.received, "ab");
	t.chr->ops->accept(t.chr, 1);
	turns();
	assert_string_equal(t.received, "ab!");
	t.chr->ops->accept(t.chr, 16);
	turns();
	assert_string_equal(t.received, "ab!hc");
	t.chr->line_break = NULL;
	assert_int_equal(hub_send_break(t.hub, 'h'), -ENOTSUP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(passes_all_on),	   TEST(shows_what_was_before),
		TEST(history_has_a_limit), TEST(slow_user),
		TEST(two_sources),	   TEST(queue_has_a_limit),
		TEST(breaks_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
