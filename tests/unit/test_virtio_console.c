/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/console.c virtio/console_control.c */
/* SOURCES: virtio/console_data.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/iothread.c */
/* SOURCES: vmm/thread.c vmm/gmem.c util/iov.c util/json.c util/log.c */
/* SOURCES: util/output.c tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/console_rig.c */
/* WRAP: calloc */
/* A console's configuration, its bytes in both directions, and its resets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "console_rig.h"

#define LINE 1024U /* bytes that wait for buffers */

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

/* ---- Configuration ------------------------------------------------------- */

static void configuration(void **state)
{
	struct con_rig *c = con_create(state, 3, 7, 80, 25);
	const struct virtio_console_config expected = { 80, 25, 3, 0 };
	struct virtio_console_config config;

	assert_int_equal(c->r->vdev->id, 3);
	assert_int_equal(c->r->vdev->config_size, 12);
	assert_int_equal(c->r->vdev->nr_queues, 8);
	assert_int_equal(virtio_queue_max(c->r->vdev, 7), 128);
	virtio_read_config(c->r->vdev, 0, &config, sizeof(config));
	assert_memory_equal(&config, &expected, sizeof(config));
	for (u32 i = 0; i < sizeof(config); i++)
		virtio_read_config(c->r->vdev, i, (u8 *)&config + i, 1);
	assert_memory_equal(&config, &expected, sizeof(config));
}

#define RING_FEATURES                                                  \
	(VIRTQ_F_VERSION_1 | VIRTQ_F_RING_PACKED | VIRTQ_F_EVENT_IDX | \
	 VIRTQ_F_INDIRECT_DESC)

static void features(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 80, 25);

	assert_int_equal(c->r->vdev->offered, RING_FEATURES | 7);
	assert_int_equal(c->r->vdev->nr_queues, 6);
}

/* Its size is in the configuration then, and in no message. */
static void features_of_a_console_alone(void **state)
{
	struct con_rig *c = con_create(state, 1, 1, 80, 25);

	assert_int_equal(c->r->vdev->offered, RING_FEATURES | 5);
}

static void features_without_size(void **state)
{
	struct con_rig *c = con_create(state, 1, 1, 80, 0);

	assert_int_equal(c->r->vdev->offered, RING_FEATURES | 4);
}

static void features_without_console(void **state)
{
	struct con_rig *c = con_create(state, 2, 2, 80, 25);

	assert_int_equal(c->r->vdev->offered, RING_FEATURES | 2);
}

static void all_ports(void **state)
{
	struct con_rig *c =
		con_create(state, VIRTIO_CONSOLE_MAX_PORTS, INT32_MAX, 0, 0);

	assert_int_equal(c->r->vdev->nr_queues, 64);
	con_start(c, MULTIPORT, 100);
	con_open_all(c);
	con_give(c, CTL_IN, 20);
	con_write(c, 30, "last");
	assert_string_equal(con_output(c, 30), "last");
	con_give(c, con_in(30), 1);
	assert_int_equal(con_type(c, 30, "first"), 5);
	assert_string_equal(con_read(c, 30), "first");
}

static void emergency_write(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	const u32 value = 0x61626300 + 'x';

	/* Whatever state the device is in, of any width, and nothing else. */
	virtio_write_config(c->r->vdev, 8, &value, 4);
	virtio_write_config(c->r->vdev, 8, &value, 1);
	con_start(c, MULTIPORT, 0);
	virtio_write_config(c->r->vdev, 8, &value, 2);
	virtio_write_config(c->r->vdev, 4, &value, 4);
	virtio_write_config(c->r->vdev, 0, &value, 4);
	virtio_write_config(c->r->vdev, 9, &value, 1);
	virtio_write_config(c->r->vdev, 8, &value, 8);
	assert_string_equal(con_output(c, 0), "xxx");
}

static void emergency_without_console(void **state)
{
	struct con_rig *c = con_create(state, 2, 2, 0, 0);

	virtio_write_config(c->r->vdev, 8, "x", 1);
	assert_string_equal(con_output(c, 1), "");
}

static void no_memory_for_it(void **state)
{
	struct virtio_console_params params = { .nr_ports = 2 };
	struct virtio_device *vdev;
	int ret;

	con_create(state, 2, 3, 0, 0);
	/* A backend of the device's own goes as well. */
	params.ports[0].chr = &con.backends[0].chr;
	params.ports[1].chr = &con.backends[1].chr;
	no_memory = true;
	ret = virtio_console_create(&params, &vdev);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(con.backends[0].destroyed, 0);
	assert_int_equal(con.backends[1].destroyed, 1);
	con.backends[1].destroyed = 0;
}

/* ---- Output -------------------------------------------------------------- */

static void output(void **state)
{
	struct con_rig *c = con_create(state, 3, 7, 0, 0);
	struct virtq_buf bufs[] = { { VIO_GPA, 3, false },
				    { VIO_GPA + 50, 2, false },
				    { VIO_GPA + 80, 9, true } };
	struct virtq_used used;

	con_start(c, MULTIPORT, 0);
	con_write(c, 0, "console");
	con_write(c, 1, "one");
	con_write(c, 2, "two");
	assert_string_equal(con_output(c, 0), "console");
	assert_string_equal(con_output(c, 1), "one");
	assert_string_equal(con_output(c, 2), "two");
	memcpy(c->r->data, "abc", 3);
	memcpy(c->r->data + 50, "de", 2);
	vio_add(c->r, 1, bufs, 3, true, 5);
	vio_kick(c->r, 1);
	assert_true(vio_take(c->r, 1, &used));
	assert_int_equal(used.len, 0);
	assert_string_equal(con_output(c, 0), "abcde");
	assert_int_equal(c->r->data[80], VIO_NOISE);
	assert_int_equal(vio_stat(c->r, "bytes_out"), 12);
	assert_int_equal(vio_stat(c->r, "dropped"), 0);
}

/* A driver that wants interrupts is served by the vCPU as well. */
static void output_with_interrupts(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);

	con_start(c, MULTIPORT, 0);
	virtq_driver_enable_irq(&c->r->drivers[1]);
	con_write(c, 0, "console");
	assert_string_equal(con_output(c, 0), "console");
	assert_int_equal(atomic_load(&c->r->interrupts[1]), 1);
}

static void output_to_no_port(void **state)
{
	struct con_rig *c = con_create(state, 2, 2, 0, 0);

	con_start(c, MULTIPORT, 0);
	con_write(c, 0, "nobody");
	con_write(c, 1, "one");
	assert_string_equal(con_output(c, 1), "one");
}

/* 128 buffers of 4 GiB. */
static void huge_output(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	void *ram = mmap(NULL, SZ_4G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct virtq_buf bufs[128];
	struct virtq_used used;

	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_int_equal(gmem_add(&c->r->mem, SZ_4G, SZ_4G, ram), 0);
	for (u32 i = 0; i < 128; i++)
		bufs[i] = (struct virtq_buf) { SZ_4G, 0xfffff000, false };
	con_start(c, MULTIPORT, 0);
	vio_add(c->r, 1, bufs, 128, false, 0);
	vio_kick(c->r, 1);
	assert_true(vio_take(c->r, 1, &used));
	assert_int_equal(c->backends[0].written, SZ_1M);
	assert_int_equal(vio_stat(c->r, "bytes_out"), SZ_1M);
	assert_int_equal(vio_stat(c->r, "dropped"),
			 128 * 0xfffff000ULL - SZ_1M);
	munmap(ram, SZ_4G);
}

/* ---- Input --------------------------------------------------------------- */

/* Without MULTIPORT the console needs no message to be open. */
static void input_of_the_only_port(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);

	assert_int_equal(c->backends[0].accept, 0);
	con_start(c, 0, 0);
	assert_int_equal(c->backends[0].accept, LINE);
	assert_int_equal(c->backends[1].accept, 0);
	con_give(c, 0, 2);
	assert_int_equal(con_type(c, 0, "ab"), 2);
	assert_string_equal(con_read(c, 0), "ab");
	assert_int_equal(con_type(c, 0, "c"), 1);
	assert_string_equal(con_read(c, 0), "c");
	assert_null(con_read(c, 0));
	con_write(c, 0, "out");
	assert_string_equal(con_output(c, 0), "out");
	assert_int_equal(vio_stat(c->r, "bytes_in"), 3);
}

/* One that has not been opened gets nothing, and neither does one closed. */
static void input_of_open_ports(void **state)
{
	struct con_rig *c = con_create(state, 3, 7, 0, 0);

	con_start(c, MULTIPORT, 20);
	for (u32 i = 0; i < 3; i++) {
		con_give(c, con_in(i), 4);
		assert_int_equal(c->backends[i].accept, 0);
	}
	con_send(c, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(c->backends[0].accept, 0);
	assert_int_equal(c->backends[1].accept, LINE);
	assert_int_equal(c->backends[2].accept, 0);
	con_type(c, 1, "one");
	assert_string_equal(con_read(c, 1), "one");
	con_send(c, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(c->backends[1].accept, 0);
	/* What was under way is not lost. */
	c->backends[1].chr.receive(&c->backends[1].chr, (const u8 *)"late", 4);
	assert_null(con_read(c, 1));
	con_send(c, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_string_equal(con_read(c, 1), "late");
}

/* A guest that gives no buffers stops the flow, and loses nothing. */
static void input_waits(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	struct backend *b = &c->backends[0];
	char text[LINE + 1], got[LINE + 1] = "";
	const char *part;

	for (u32 i = 0; i < LINE; i++)
		text[i] = (char)('a' + i % 23);
	text[LINE] = '\0';
	con_start(c, 0, 0);
	assert_int_equal(con_type(c, 0, text), LINE);
	assert_int_equal(b->accept, 0);
	/* More than it was told to send goes back to it. */
	b->chr.receive(&b->chr, (const u8 *)"xyz", 3);
	assert_int_equal(b->nr_back, 3);
	assert_memory_equal(b->back, "xyz", 3);
	con_give(c, 0, 5);
	assert_int_equal(b->accept, 5 * BUF_SIZE);
	con_give(c, 0, 4);
	assert_int_equal(b->accept, LINE);
	while ((part = con_read(c, 0)))
		strcat(got, part);
	assert_string_equal(got, text);
	/* One buffer of those is left. */
	assert_int_equal(con_type(c, 0, "end"), 3);
	assert_string_equal(con_read(c, 0), "end");
}

/* While nothing waits the driver need not tell of its buffers. */
static void quiet_driver(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);

	con_start(c, 0, 0);
	vio_add_one(c->r, 0, 0, BUF_SIZE, true);
	assert_false(virtq_driver_needs_kick(&c->r->drivers[0]));
	con_type(c, 0, "a");
	assert_string_equal(con_read(c, 0), "a");
	con_type(c, 0, "b");
	vio_add_one(c->r, 0, BUF_SIZE, BUF_SIZE, true);
	assert_true(virtq_driver_needs_kick(&c->r->drivers[0]));
	virtio_kick(c->r->vdev, 0);
	assert_string_equal(con_read(c, 0), "b");
	vio_add_one(c->r, 0, 0, BUF_SIZE, true);
	assert_false(virtq_driver_needs_kick(&c->r->drivers[0]));
}

static void small_buffers(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	struct virtq_buf none = { VIO_GPA, 64, false };
	struct virtq_used used;

	con_start(c, 0, 0);
	/* Nothing can be written to these. */
	for (u32 i = 0; i < 100; i++)
		vio_add(c->r, 0, &none, 1, false, i);
	for (u32 i = 0; i < 3; i++)
		vio_add_one(c->r, 0, i * 2, 1, true);
	con_type(c, 0, "abcd");
	for (u32 i = 0; i < 100; i++) {
		assert_true(vio_take(c->r, 0, &used));
		assert_int_equal(used.len, 0);
	}
	assert_string_equal(con_read(c, 0), "a");
	assert_string_equal(con_read(c, 0), "b");
	assert_string_equal(con_read(c, 0), "c");
	assert_int_equal(c->r->data[1], VIO_NOISE);
	con_give(c, 0, 1);
	assert_string_equal(con_read(c, 0), "d");
	assert_false(vio_needs_reset(c->r));
}

/* No input queue, and none for control: that is no error. */
static void absent_queues(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);

	vio_start_some(c->r, 0, BIT(1));
	assert_int_equal(con_type(c, 0, "ab"), 2);
	con_write(c, 0, "out");
	assert_string_equal(con_output(c, 0), "out");
	assert_false(vio_needs_reset(c->r));
	/* What was typed is there for a driver that takes it. */
	con_start(c, 0, 0);
	con_give(c, 0, 1);
	assert_string_equal(con_read(c, 0), "ab");
	vio_start_some(c->r, MULTIPORT, BIT(CTL_OUT) | BIT(1));
	con_send(c, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	con_send(c, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	con_send(c, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	con_type(c, 0, "cd");
	assert_false(vio_needs_reset(c->r));
}

static void broken_input(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	struct gmem empty = { .nr_regions = 0 };

	con_start(c, 0, 0);
	con_give(c, 0, 2);
	c->r->vdev->queues[0].q.mem = &empty;
	con_type(c, 0, "a");
	c->r->vdev->queues[0].q.mem = &c->r->mem;
	assert_true(vio_needs_reset(c->r));
	assert_int_equal(atomic_load(&c->r->config_interrupts), 1);
	con_type(c, 0, "b");
	assert_null(con_read(c, 0));
	con_start(c, 0, 0);
	con_give(c, 0, 1);
	assert_string_equal(con_read(c, 0), "ab");
}

/* ---- Resets -------------------------------------------------------------- */

static void reset_many_times(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 80, 25);
	struct virtq_used used;

	for (u32 i = 0; i < 100; i++) {
		con_start(c, i & 1 ? MULTIPORT : 0, 0);
		if (i & 1) {
			con_give(c, CTL_IN, 20);
			con_open_all(c);
			con_type(c, 1, "y");
		}
		assert_int_equal(con_type(c, 0, "x"), 1);
		con_give(c, 0, 1);
		assert_string_equal(con_read(c, 0), "x");
		con_write(c, 0, "o");
		con_give(c, 0, 3);
		vio_set_status(c->r, 0);
		assert_int_equal(c->backends[0].accept, 0);
		assert_int_equal(c->backends[1].accept, 0);
		/* RAM is other people's by now. */
		memset(c->r->data, 0x11, VIO_DATA);
		c->backends[1].chr.receive(&c->backends[1].chr, (const u8 *)"z",
					   1);
		virtio_console_resize(c->r->vdev, (u16)i, 1);
		for (u32 q = 0; q < 8; q++)
			virtio_kick(c->r->vdev, q);
		assert_true(is_filled(c->r->data, VIO_DATA, 0x11));
		assert_false(vio_take(c->r, 0, &used));
	}
	assert_int_equal(vio_stat(c->r, "bytes_out"), 100);
	assert_int_equal(vio_stat(c->r, "bytes_in"), 100);
}

static void set_master(struct con_rig *c, bool on)
{
	pthread_mutex_lock(&c->r->vdev->lock);
	virtio_set_master(c->r->vdev, on);
	pthread_mutex_unlock(&c->r->vdev->lock);
}

/* The device may not access memory for a while, and goes on after that. */
static void without_bus_mastering(void **state)
{
	static const u8 size[] = { 2, 0, 3, 0 };
	struct con_rig *c = con_create(state, 2, 3, 80, 25);

	con_start(c, MULTIPORT | F_SIZE, 20);
	con_open_all(c);
	con_type(c, 1, "a");
	set_master(c, false);
	assert_int_equal(c->backends[1].accept, 0);
	memset(c->r->data, 0x11, VIO_DATA);
	c->backends[1].chr.receive(&c->backends[1].chr, (const u8 *)"b", 1);
	virtio_console_resize(c->r->vdev, 2, 3);
	con_give(c, con_in(1), 2);
	assert_null(con_read(c, 1));
	assert_true(is_filled(c->r->data, VIO_DATA, 0x11));
	set_master(c, true);
	assert_string_equal(con_read(c, 1), "ab");
	con_expect(c, 0, VIRTIO_CONSOLE_RESIZE, 1, size, 4);
	assert_int_equal(c->backends[1].accept, LINE);
	con_write(c, 1, "out");
	assert_string_equal(con_output(c, 1), "out");
}

/* A driver at its end disables its queues one by one. */
static void disabled_queues(void **state)
{
	struct con_rig *c = con_create(state, 2, 3, 0, 0);

	con_start(c, MULTIPORT, 20);
	con_open_all(c);
	for (u32 i = 0; i < 6; i++) {
		con_give(c, con_in(1), i == 0);
		pthread_mutex_lock(&c->r->vdev->lock);
		virtio_queue_disable(c->r->vdev, i);
		assert_false(virtio_queue_is_enabled(c->r->vdev, i));
		pthread_mutex_unlock(&c->r->vdev->lock);
		virtio_kick(c->r->vdev, i);
	}
	memset(c->r->data, 0x11, VIO_DATA);
	con_type(c, 0, "a");
	con_type(c, 1, "a");
	assert_true(is_filled(c->r->data, VIO_DATA, 0x11));
	assert_false(vio_needs_reset(c->r));
}

static void *kick_output(void *arg)
{
	struct con_rig *c = arg;

	virtio_kick(c->r->vdev, 1);
	return NULL;
}

/* A vCPU is at the backend while another one resets the device. */
static void reset_waits_for_output(void **state)
{
	struct con_rig *c = con_create(state, 2, 1, 0, 0);
	struct backend *b = &c->backends[0];
	pthread_t vcpu;

	con_start(c, 0, 0);
	b->waits = true;
	vio_add_one(c->r, 1, 0, 4, false);
	vio_add_one(c->r, 1, 4, 4, false);
	assert_int_equal(pthread_create(&vcpu, NULL, kick_output, c), 0);
	vio_await(&b->begun);
	/* Meanwhile input goes on, and notifying the queue does not wait. */
	con_give(c, 0, 1);
	con_type(c, 0, "in");
	assert_string_equal(con_read(c, 0), "in");
	virtio_kick(c->r->vdev, 1);
	b->waits = false;
	sem_post(&b->may_end);
	vio_set_status(c->r, 0);
	memset(c->r->data, 0x11, VIO_DATA);
	assert_int_equal(pthread_join(vcpu, NULL), 0);
	assert_true(is_filled(c->r->data, VIO_DATA, 0x11));
	assert_true(b->written == 4 || b->written == 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CON_TEST(configuration),
		CON_TEST(features),
		CON_TEST(features_of_a_console_alone),
		CON_TEST(features_without_size),
		CON_TEST(features_without_console),
		CON_TEST(all_ports),
		CON_TEST(emergency_write),
		CON_TEST(emergency_without_console),
		CON_TEST(no_memory_for_it),
		CON_TEST(output),
		CON_TEST(output_with_interrupts),
		CON_TEST(output_to_no_port),
		CON_TEST(huge_output),
		CON_TEST(input_of_the_only_port),
		CON_TEST(input_of_open_ports),
		CON_TEST(input_waits),
		CON_TEST(quiet_driver),
		CON_TEST(small_buffers),
		CON_TEST(absent_queues),
		CON_TEST(broken_input),
		CON_TEST(reset_many_times),
		CON_TEST(without_bus_mastering),
		CON_TEST(disabled_queues),
		CON_TEST(reset_waits_for_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
