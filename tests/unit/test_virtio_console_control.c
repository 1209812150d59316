/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/console.c virtio/console_control.c */
/* SOURCES: virtio/console_data.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/iothread.c */
/* SOURCES: vmm/thread.c vmm/gmem.c util/iov.c util/json.c util/log.c */
/* SOURCES: util/output.c tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/console_rig.c */
/* Control messages of a console, those of a hostile driver too. */
#include <signal.h>
#include <string.h>

#include "console_rig.h"
#include "lkvm/vmm/thread.h"

#define BAD_ID UINT32_MAX

#define DEVICE_READY VIRTIO_CONSOLE_DEVICE_READY
#define PORT_ADD     VIRTIO_CONSOLE_PORT_ADD
#define PORT_READY   VIRTIO_CONSOLE_PORT_READY
#define CONSOLE_PORT VIRTIO_CONSOLE_CONSOLE_PORT
#define RESIZE	     VIRTIO_CONSOLE_RESIZE
#define PORT_OPEN    VIRTIO_CONSOLE_PORT_OPEN
#define PORT_NAME    VIRTIO_CONSOLE_PORT_NAME

static const u8 size_80_25[] = { 80, 0, 25, 0 };

static void expect_nothing(struct con_rig *c)
{
	struct control msg;

	assert_false(con_next(c, &msg));
	assert_false(vio_needs_reset(c->r));
}

static u64 ignored(struct con_rig *c)
{
	return vio_stat(c->r, "control_ignored");
}

static void handshake(void **state)
{
	struct con_rig *c = con_create(state, 3, 7, 80, 25);

	con_start(c, MULTIPORT | F_SIZE, 30);
	expect_nothing(c);
	con_send(c, BAD_ID, DEVICE_READY, 1);
	for (u32 i = 0; i < 3; i++)
		con_expect(c, i, PORT_ADD, 1, NULL, 0);
	con_send(c, 0, PORT_READY, 1);
	con_expect(c, 0, CONSOLE_PORT, 1, NULL, 0);
	con_expect(c, 0, RESIZE, 1, size_80_25, 4);
	con_expect(c, 0, PORT_OPEN, 1, NULL, 0);
	con_send(c, 2, PORT_READY, 1);
	con_expect(c, 2, PORT_NAME, 1, "two", 3);
	con_expect(c, 2, PORT_OPEN, 1, NULL, 0);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org.one", 7);
	con_expect(c, 1, PORT_OPEN, 1, NULL, 0);
	expect_nothing(c);
	assert_int_equal(ignored(c), 0);
}

/* Of ports that there are not the driver is told nothing. */
static void absent_ports(void **state)
{
	struct con_rig *c = con_create(state, 3, 4, 0, 0);

	con_start(c, MULTIPORT, 30);
	con_send(c, BAD_ID, DEVICE_READY, 1);
	con_expect(c, 2, PORT_ADD, 1, NULL, 0);
	con_send(c, 0, PORT_READY, 1);
	con_send(c, 1, PORT_READY, 1);
	con_send(c, 1, PORT_OPEN, 1);
	expect_nothing(c);
	assert_int_equal(ignored(c), 3);
}

static void without_size(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);

	con_start(c, MULTIPORT, 30);
	con_send(c, 0, PORT_READY, 1);
	con_expect(c, 0, CONSOLE_PORT, 1, NULL, 0);
	con_expect(c, 0, PORT_OPEN, 1, NULL, 0);
	virtio_console_resize(c->r->vdev, 80, 25);
	expect_nothing(c);
	assert_int_equal(atomic_load(&c->r->config_interrupts), 0);
}

/* The driver has failed to make use of the device, or of a port. */
static void driver_fails(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);

	con_start(c, MULTIPORT, 30);
	con_send(c, BAD_ID, DEVICE_READY, 0);
	expect_nothing(c);
	con_send(c, 1, PORT_READY, 0);
	expect_nothing(c);
	assert_int_equal(ignored(c), 0);
}

/* ---- Sizes --------------------------------------------------------------- */

static u32 size_in_config(struct con_rig *c)
{
	u32 size;

	virtio_read_config(c->r->vdev, 0, &size, sizeof(size));
	return size;
}

static void resize(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 80, 25);
	static const u8 small[] = { 1, 0, 2, 0 },
			large[] = { 4, 1, 0xff, 0xfe };

	con_start(c, MULTIPORT | F_SIZE, 30);
	/* Before the port is ready it is told by the configuration alone. */
	virtio_console_resize(c->r->vdev, 1, 2);
	assert_int_equal(atomic_load(&c->r->config_interrupts), 1);
	assert_int_equal(size_in_config(c), 0x00020001);
	expect_nothing(c);
	con_send(c, 0, PORT_READY, 1);
	con_expect(c, 0, CONSOLE_PORT, 1, NULL, 0);
	con_expect(c, 0, RESIZE, 1, small, 4);
	con_expect(c, 0, PORT_OPEN, 1, NULL, 0);
	/* The same is no news. */
	virtio_console_resize(c->r->vdev, 1, 2);
	expect_nothing(c);
	virtio_console_resize(c->r->vdev, 0x104, 0xfeff);
	con_expect(c, 0, RESIZE, 1, large, 4);
	assert_int_equal(size_in_config(c), 0xfeff0104);
	assert_int_equal(atomic_load(&c->r->config_interrupts), 2);
	/* Not to the next driver before it has asked. */
	con_start(c, MULTIPORT | F_SIZE, 30);
	virtio_console_resize(c->r->vdev, 80, 25);
	expect_nothing(c);
}

static void resize_without_multiport(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 80, 25);

	con_start(c, F_SIZE, 0);
	virtio_console_resize(c->r->vdev, 1, 2);
	assert_int_equal(size_in_config(c), 0x00020001);
	assert_int_equal(atomic_load(&c->r->config_interrupts), 1);
}

/* Linux does not read it before it is told that it has changed. */
static void size_with_the_first_output(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 80, 25);

	for (unsigned int i = 0; i < 2; i++) {
		con_start(c, F_SIZE, 0);
		atomic_store(&c->r->config_interrupts, 0);
		con_write(c, 0, "first");
		assert_int_equal(atomic_load(&c->r->config_interrupts), 1);
		con_write(c, 0, "second");
		assert_int_equal(atomic_load(&c->r->config_interrupts), 1);
	}
	/* Without the feature there is no size, with messages they tell it. */
	con_start(c, 0, 0);
	atomic_store(&c->r->config_interrupts, 0);
	con_write(c, 0, "first");
	assert_int_equal(atomic_load(&c->r->config_interrupts), 0);
}

/* ---- Buffers ------------------------------------------------------------- */

/* What is asked for again and again is told once, as it is by then. */
static void late_buffers(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 80, 25);

	con_start(c, MULTIPORT | F_SIZE, 0);
	for (u32 i = 0; i < 1000; i++) {
		con_send(c, BAD_ID, DEVICE_READY, 1);
		con_send(c, 0, PORT_READY, 1);
		virtio_console_resize(c->r->vdev, 80, (u16)i);
	}
	virtio_console_resize(c->r->vdev, 80, 25);
	expect_nothing(c);
	con_give(c, CTL_IN, 2);
	con_expect(c, 0, PORT_ADD, 1, NULL, 0);
	con_expect(c, 0, CONSOLE_PORT, 1, NULL, 0);
	expect_nothing(c);
	con_give(c, CTL_IN, 10);
	con_expect(c, 0, RESIZE, 1, size_80_25, 4);
	con_expect(c, 0, PORT_OPEN, 1, NULL, 0);
	con_expect(c, 1, PORT_ADD, 1, NULL, 0);
	expect_nothing(c);
	/* A port that the driver gives up is told nothing more. */
	con_start(c, MULTIPORT | F_SIZE, 0);
	con_send(c, 1, PORT_READY, 1);
	con_send(c, 1, PORT_READY, 0);
	con_give(c, CTL_IN, 2);
	expect_nothing(c);
	/* Nor is the next driver told what this one has asked for. */
	con_start(c, MULTIPORT | F_SIZE, 0);
	con_send(c, BAD_ID, DEVICE_READY, 1);
	con_start(c, MULTIPORT | F_SIZE, 5);
	expect_nothing(c);
}

/* ---- The end of input ---------------------------------------------------- */

/* Told when the driver has what came before, and to the next driver as well. */
static void end_of_input(void **state)
{
	struct con_rig *c;
	struct chardev *chr;

	con_only_input = BIT(1);
	c = con_create(state, 3, 7, 80, 25);
	chr = &c->backends[1].chr;
	con_start(c, MULTIPORT, 40);
	con_open_all(c);
	assert_null(c->backends[0].chr.ended);
	assert_null(c->backends[2].chr.ended);
	assert_int_equal(con_type(c, 1, "text"), 4);
	assert_false(chr->ended(chr));
	expect_nothing(c);
	con_give(c, con_in(1), 1);
	assert_string_equal(con_read(c, 1), "text");
	assert_true(chr->ended(chr));
	con_expect(c, 1, PORT_OPEN, 0, NULL, 0);
	expect_nothing(c);
	con_start(c, MULTIPORT, 10);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org.one", 7);
	con_expect(c, 1, PORT_OPEN, 0, NULL, 0);
	con_send(c, 2, PORT_READY, 1);
	con_expect(c, 2, PORT_NAME, 1, "two", 3);
	con_expect(c, 2, PORT_OPEN, 1, NULL, 0);
}

/* Before there is a driver: nothing is told until it asks. */
static void end_before_the_start(void **state)
{
	struct con_rig *c;
	struct chardev *chr;

	con_only_input = BIT(1);
	c = con_create(state, 2, 3, 80, 25);
	chr = &c->backends[1].chr;
	assert_true(chr->ended(chr));
	con_start(c, MULTIPORT, 10);
	expect_nothing(c);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org.one", 7);
	con_expect(c, 1, PORT_OPEN, 0, NULL, 0);
}

/* The port is open while somebody is connected. */
static void connections(void **state)
{
	struct con_rig *c;
	struct chardev *chr;

	con_comes_and_goes = BIT(1);
	c = con_create(state, 3, 7, 0, 0);
	chr = &c->backends[1].chr;
	assert_null(c->backends[2].chr.begun);
	con_start(c, MULTIPORT, 40);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org.one", 7);
	con_expect(c, 1, PORT_OPEN, 0, NULL, 0);
	con_send(c, 1, PORT_OPEN, 1);
	for (int i = 0; i < 2; i++) {
		chr->begun(chr);
		con_expect(c, 1, PORT_OPEN, 1, NULL, 0);
		assert_int_equal(con_type(c, 1, "text"), 4);
		assert_false(chr->ended(chr));
		expect_nothing(c);
		con_give(c, con_in(1), 1);
		assert_string_equal(con_read(c, 1), "text");
		assert_true(chr->ended(chr));
		con_expect(c, 1, PORT_OPEN, 0, NULL, 0);
	}
	/* The next driver is told what is so then. */
	chr->begun(chr);
	con_start(c, MULTIPORT, 10);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org.one", 7);
	con_expect(c, 1, PORT_OPEN, 1, NULL, 0);
}

static void handle(int sig)
{
	(void)sig;
}

/* A client that does not read has no vCPU wait. */
static void output_on_a_thread(void **state)
{
	struct con_rig *c;
	struct virtq_used used;

	/* What ends the wait of a thread when the device is stopped. */
	signal(THREAD_INTERRUPT, handle);
	con_comes_and_goes = BIT(1);
	c = con_create(state, 2, 3, 0, 0);
	c->backends[1].waits = true;
	con_start(c, MULTIPORT, 10);
	vio_add_one(c->r, con_in(1) + 1, 0, 5, false);
	vio_kick(c->r, con_in(1) + 1);
	vio_await(&c->backends[1].begun);
	assert_false(vio_take(c->r, con_in(1) + 1, &used));
	sem_post(&c->backends[1].may_end);
	vio_set_status(c->r, 0);
	assert_int_equal(c->backends[1].written, 5);
}

/* A message is cut to what there is room for. */
static void small_buffers(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);
	struct virtq_buf none = { VIO_GPA, 64, false };
	struct virtq_used used;

	con_start(c, MULTIPORT, 0);
	vio_add_one(c->r, CTL_IN, 0, 11, true);
	vio_add_one(c->r, CTL_IN, 100, 3, true);
	vio_add(c->r, CTL_IN, &none, 1, false, 7);
	con_send(c, 1, PORT_READY, 1);
	con_expect(c, 1, PORT_NAME, 1, "org", 3);
	assert_int_equal(c->r->data[11], VIO_NOISE);
	assert_true(vio_take(c->r, CTL_IN, &used));
	assert_int_equal(used.len, 3);
	assert_int_equal(c->r->data[103], VIO_NOISE);
	con_send(c, 1, PORT_READY, 1);
	assert_true(vio_take(c->r, CTL_IN, &used));
	assert_int_equal(used.len, 0);
	expect_nothing(c);
}

static void interrupts(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);

	con_start(c, MULTIPORT, 3);
	virtq_driver_enable_irq(&c->r->drivers[CTL_IN]);
	con_send(c, BAD_ID, DEVICE_READY, 1);
	assert_int_equal(atomic_load(&c->r->interrupts[CTL_IN]), 1);
}

/* ---- Hostile drivers ----------------------------------------------------- */

/* `len` bytes of noise behind, or in place of, a message. */
static void send_bytes(struct con_rig *c, u32 len, bool indirect)
{
	struct virtq_buf bufs[2] = { { VIO_GPA, MIN(len, 5U), false },
				     { VIO_GPA + 5, len - MIN(len, 5U),
				       false } };
	struct virtq_used used;

	vio_add(c->r, CTL_OUT, bufs, len > 5 ? 2 : 1, indirect, 1);
	vio_kick(c->r, CTL_OUT);
	assert_true(vio_take(c->r, CTL_OUT, &used));
	assert_int_equal(used.len, 0);
}

static void messages_of_any_length(void **state)
{
	const struct virtio_console_control ready = { 0, DEVICE_READY, 1 };
	struct con_rig *c = con_create(state, 2, 3, 0, 0);
	struct virtq_buf in = { VIO_GPA, 64, true };
	struct virtq_used used;

	con_start(c, MULTIPORT, 0);
	memcpy(c->r->data, &ready, sizeof(ready));
	for (u32 len = 1; len < 8; len++)
		send_bytes(c, len, len & 1);
	assert_int_equal(ignored(c), 7);
	/* Nothing to be read at all. */
	vio_add(c->r, CTL_OUT, &in, 1, false, 1);
	vio_kick(c->r, CTL_OUT);
	assert_true(vio_take(c->r, CTL_OUT, &used));
	assert_int_equal(used.len, 0);
	assert_memory_equal(c->r->data, &ready, sizeof(ready));
	assert_int_equal(ignored(c), 8);
	send_bytes(c, VIO_DATA, false);
	assert_int_equal(ignored(c), 8);
	c->next = 8;
	con_give(c, CTL_IN, 5);
	con_expect(c, 0, PORT_ADD, 1, NULL, 0);
	con_expect(c, 1, PORT_ADD, 1, NULL, 0);
	expect_nothing(c);
}

static void unknown_ports_and_events(void **state)
{
	static const u32 ids[] = {
		3, 4, 31, 32, 64, 0xffff, INT32_MAX, BAD_ID
	};
	struct con_rig *c = con_create(state, 3, 7, 0, 0);
	u64 expected = 0;

	con_start(c, MULTIPORT, 30);
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		for (u16 event = 1; event < 20; event++, expected++)
			con_send(c, ids[i], event, 1);
	for (u16 event = 0; event < 300; event++) {
		if (event == DEVICE_READY || event == PORT_READY ||
		    event == PORT_OPEN)
			continue;
		con_send(c, event % 3, event, event);
		expected++;
	}
	con_send(c, 1, UINT16_MAX, UINT16_MAX);
	assert_int_equal(ignored(c), expected + 1);
	expect_nothing(c);
}

static void broken_control(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);
	struct gmem empty = { .nr_regions = 0 };

	con_start(c, MULTIPORT, 5);
	con_send(c, 1, PORT_OPEN, 1);
	c->r->vdev->queues[CTL_IN].q.mem = &empty;
	con_send(c, 0, DEVICE_READY, 1);
	c->r->vdev->queues[CTL_IN].q.mem = &c->r->mem;
	assert_true(vio_needs_reset(c->r));
	/* The other ports are left alone until a reset. */
	vio_add_one(c->r, con_in(1) + 1, 0, 4, false);
	vio_kick(c->r, con_in(1) + 1);
	assert_int_equal(c->backends[1].written, 0);
	con_give(c, con_in(1), 1);
	c->backends[1].chr.receive(&c->backends[1].chr, (const u8 *)"in", 2);
	assert_null(con_read(c, 1));
	con_start(c, MULTIPORT, 5);
	con_send(c, 0, DEVICE_READY, 1);
	con_expect(c, 0, PORT_ADD, 1, NULL, 0);
}

/* A driver without MULTIPORT that uses the queues all the same. */
static void not_negotiated(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);

	con_start(c, 0, 5);
	con_open_all(c);
	con_give(c, con_in(1), 1);
	con_type(c, 1, "a");
	assert_false(vio_needs_reset(c->r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CON_TEST(handshake),
		CON_TEST(absent_ports),
		CON_TEST(without_size),
		CON_TEST(driver_fails),
		CON_TEST(resize),
		CON_TEST(resize_without_multiport),
		CON_TEST(size_with_the_first_output),
		CON_TEST(late_buffers),
		CON_TEST(end_of_input),
		CON_TEST(end_before_the_start),
		CON_TEST(connections),
		CON_TEST(output_on_a_thread),
		CON_TEST(small_buffers),
		CON_TEST(interrupts),
		CON_TEST(messages_of_any_length),
		CON_TEST(unknown_ports_and_events),
		CON_TEST(broken_control),
		CON_TEST(not_negotiated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
