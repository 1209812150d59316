/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "console_rig.h"

#define SEND_AT (VIO_DATA - BUF_SIZE) /* what the driver sends lies there */
#define NR_BUFS (SEND_AT / BUF_SIZE - 1)

struct con_rig con;
u32 con_only_input, con_comes_and_goes;

/* ---- Backends ------------------------------------------------------------ */

static struct backend *backend_of(struct chardev *chr)
{
	return container_of(chr, struct backend, chr);
}

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct backend *b = backend_of(chr);

	if (b->waits) {
		sem_post(&b->begun);
		while (sem_wait(&b->may_end))
			;
	}
	b->written += len;
	len = MIN(len, sizeof(b->out) - 1 - b->nr_out);
	memcpy(b->out + b->nr_out, buf, len);
	b->nr_out += len;
}

static void backend_accept(struct chardev *chr, size_t n)
{
	backend_of(chr)->accept = n;
}

static void backend_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct backend *b = backend_of(chr);

	assert_true(b->nr_back + len <= sizeof(b->back));
	memcpy(b->back + b->nr_back, buf, len);
	b->nr_back += len;
}

static void backend_destroy(struct chardev *chr)
{
	backend_of(chr)->destroyed++;
}

/* The console's is not the device's. */
static const struct chardev_ops kept_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};
static const struct chardev_ops own_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
	.destroy = backend_destroy,
};

/* ---- The device ---------------------------------------------------------- */

struct con_rig *con_create(void **state, unsigned int nr, u32 ports, u16 cols,
			   u16 rows)
{
	static const char *const names[] = { NULL, "org.one", "two" };
	struct con_rig *c = &con;
	struct virtio_console_params params = {
		.name = "console", .nr_ports = nr, .cols = cols, .rows = rows
	};
	struct virtio_device *vdev;

	memset(c, 0, sizeof(*c));
	c->r = vio_create(state);
	params.mem = &c->r->mem;
	for (unsigned int i = 0; i < nr; i++) {
		struct backend *b = &c->backends[i];

		sem_init(&b->begun, 0, 0);
		sem_init(&b->may_end, 0, 0);
		b->chr.ops = i ? &own_ops : &kept_ops;
		params.ports[i].name =
			names[i < ARRAY_SIZE(names) ? i
						    : ARRAY_SIZE(names) - 1];
		params.ports[i].only_input = con_only_input & BIT(i);
		params.ports[i].comes_and_goes = con_comes_and_goes & BIT(i);
		params.ports[i].chr = ports & BIT(i) ? &b->chr : NULL;
	}
	assert_int_equal(virtio_console_create(&params, &vdev), 0);
	vio_attach(c->r, vdev);
	return c;
}

void con_start(struct con_rig *c, u64 features, unsigned int buffers)
{
	vio_start(c->r, features);
	if (buffers)
		con_give(c, CTL_IN, buffers);
}

int con_teardown(void **state)
{
	con_only_input = con_comes_and_goes = 0;
	unsigned int nr =
		con.r && con.r->vdev ? (con.r->vdev->nr_queues - 2) / 2 : 0;
	bool present[VIRTIO_CONSOLE_MAX_PORTS];

	for (unsigned int i = 0; i < nr; i++)
		present[i] = con.backends[i].chr.front;
	vio_teardown(state);
	assert_int_equal(con.backends[0].destroyed, 0);
	for (unsigned int i = 1; i < nr; i++)
		assert_int_equal(con.backends[i].destroyed, present[i]);
	memset(&con, 0, sizeof(con));
	return 0;
}

unsigned int con_in(unsigned int port)
{
	return port ? 2 * port + 2 : 0;
}

/* ---- Control ------------------------------------------------------------- */

void con_give(struct con_rig *c, unsigned int queue, unsigned int n)
{
	while (n--)
		vio_add_one(c->r, queue, c->next++ % NR_BUFS * BUF_SIZE,
			    BUF_SIZE, true);
	vio_kick(c->r, queue);
}

void con_send(struct con_rig *c, u32 id, u16 event, u16 value)
{
	const struct virtio_console_control msg = { htole32(id), htole16(event),
						    htole16(value) };
	struct virtq_used used;

	memcpy(c->r->data + SEND_AT, &msg, sizeof(msg));
	vio_add_one(c->r, CTL_OUT, SEND_AT, sizeof(msg), false);
	vio_kick(c->r, CTL_OUT);
	assert_true(vio_take(c->r, CTL_OUT, &used));
	assert_int_equal(used.len, 0);
}

bool con_next(struct con_rig *c, struct control *msg)
{
	struct virtio_console_control head;
	struct virtq_used used;

	if (!vio_take(c->r, CTL_IN, &used))
		return false;
	assert_true(used.len >= sizeof(head));
	memcpy(&head, c->r->data + used.cookie, sizeof(head));
	msg->id = le32toh(head.id);
	msg->event = le16toh(head.event);
	msg->value = le16toh(head.value);
	msg->len = used.len - (u32)sizeof(head);
	memcpy(msg->more, c->r->data + used.cookie + sizeof(head), msg->len);
	return true;
}

void con_expect(struct con_rig *c, u32 id, u16 event, u16 value,
		const void *more, u32 len)
{
	struct control msg;

	assert_true(con_next(c, &msg));
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.event, event);
	assert_int_equal(msg.value, value);
	assert_int_equal(msg.len, len);
	if (len)
		assert_memory_equal(msg.more, more, len);
}

void con_open_all(struct con_rig *c)
{
	struct control msg;

	con_send(c, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (u32 i = 0; i < VIRTIO_CONSOLE_MAX_PORTS; i++) {
		if (!c->backends[i].chr.front)
			continue;
		con_send(c, i, VIRTIO_CONSOLE_PORT_READY, 1);
		con_send(c, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
	while (con_next(c, &msg))
		;
}

/* ---- Data ---------------------------------------------------------------- */

void con_write(struct con_rig *c, unsigned int port, const char *text)
{
	struct virtq_used used;

	memcpy(c->r->data + SEND_AT, text, strlen(text));
	vio_add_one(c->r, con_in(port) + 1, SEND_AT, (u32)strlen(text), false);
	vio_kick(c->r, con_in(port) + 1);
	assert_true(vio_take(c->r, con_in(port) + 1, &used));
	assert_int_equal(used.len, 0);
}

const char *con_output(struct con_rig *c, unsigned int port)
{
	struct backend *b = &c->backends[port];

	b->out[b->nr_out] = '\0';
	b->nr_out = 0;
	return b->out;
}

size_t con_type(struct con_rig *c, unsigned int port, const char *text)
{
	struct backend *b = &c->backends[port];
	size_t len = MIN(strlen(text), b->accept);

	b->accept -= len;
	if (len)
		b->chr.receive(&b->chr, (const u8 *)text, len);
	return len;
}

const char *con_read(struct con_rig *c, unsigned int port)
{
	static char text[BUF_SIZE + 1];
	struct virtq_used used;

	if (!vio_take(c->r, con_in(port), &used))
		return NULL;
	assert_true(used.len <= BUF_SIZE);
	memcpy(text, c->r->data + used.cookie, used.len);
	text[used.len] = '\0';
	return text;
}
