/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/mmio.c virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/gmem.c vmm/mmio.c */
/* SOURCES: vmm/fdt.c util/json.c util/log.c util/output.c */
/* A device behind the MMIO transport, with a model that notes what it sees. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "lkvm/util/json.h"
#include "lkvm/virtio/mmio.h"
#include "lkvm/vmm/fdt.h"
#include "lkvm/vmm/gmem.h"

#define BASE	 0x0a000000ULL
#define RAM	 0x80000000ULL
#define RAM_SIZE SZ_64K
#define SIZE	 16
#define QUEUES	 2
#define CONFIG	 12

/* Where each queue's areas are. */
#define DESC(q)	  (RAM + 0x4000 * (q))
#define DRIVER(q) (DESC(q) + 0x1000)
#define DEVICE(q) (DESC(q) + 0x2000)

#define FEATURE (1ULL << 5)

/* virtio 1.4, "MMIO Device Register Layout" */
#define OFFERED	     0x10
#define OFFERED_SEL  0x14
#define WANTED	     0x20
#define WANTED_SEL   0x24
#define QUEUE_SEL    0x30
#define QUEUE_MAX    0x34
#define QUEUE_SIZE   0x38
#define QUEUE_READY  0x44
#define QUEUE_NOTIFY 0x50
#define IRQ_STATUS   0x60
#define IRQ_ACK	     0x64
#define STATUS	     0x70
#define QUEUE_DESC   0x80
#define QUEUE_DRIVER 0x90
#define QUEUE_DEVICE 0xa0
#define QUEUE_RESET  0xc0
#define GENERATION   0xfc
#define CONFIG_SPACE 0x100

#define ACKNOWLEDGE 1
#define DRIVER_BIT  2
#define DRIVER_OK   4
#define FEATURES_OK 8
#define NEEDS_RESET 0x40
#define FAILED	    0x80

static struct {
	struct mmio_bus bus;
	struct gmem mem;
	struct virtio_model_ops ops;
	struct virtio_device vdev;
	struct virtio_mmio *mmio;
	u8 *ram;
	u8 config[CONFIG];
	bool high;
	unsigned int edges;
	/* What the model saw. */
	unsigned int starts, stops, queue_stops, kicks[QUEUES];
	u64 features;
	int start_error;
	int notified[QUEUES]; /* queues whose notifications KVM takes */
} t;

void irq_line_set(const struct irq_line *line, bool high)
{
	assert_int_equal(line->gsi, 7);
	assert_int_not_equal(t.high, high);
	t.high = high;
	t.edges += high;
}

/* `data` is what QueueNotify has to be written with. */
int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *data)
{
	assert_ptr_equal(vm, t.mmio->irq.vm);
	assert_int_equal(addr, BASE + QUEUE_NOTIFY);
	assert_int_equal(len, 4);
	assert_int_equal(fd, 77);
	t.notified[*data]++;
	return 0;
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *data)
{
	assert_ptr_equal(vm, t.mmio->irq.vm);
	assert_int_equal(addr, BASE + QUEUE_NOTIFY);
	assert_int_equal(len, 4);
	assert_int_equal(fd, 77);
	t.notified[*data]--;
	return 0;
}

static void read_config(struct virtio_device *dev, u32 offset, void *buf,
			u32 len)
{
	assert_ptr_equal(dev, &t.vdev);
	memcpy(buf, t.config + offset, len);
}

static void write_config(struct virtio_device *dev, u32 offset, const void *buf,
			 u32 len)
{
	assert_ptr_equal(dev, &t.vdev);
	memcpy(t.config + offset, buf, len);
}

static int start(struct virtio_device *dev)
{
	t.starts++;
	t.features = dev->features;
	return t.start_error;
}

/* All that it has under way may still use its queues. */
static void stop(struct virtio_device *dev)
{
	t.stops++;
	assert_true(dev->queues[0].q.enabled || dev->queues[1].q.enabled);
	pthread_mutex_lock(&dev->queues[0].lock);
	pthread_mutex_unlock(&dev->queues[0].lock);
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	assert_true(queue < QUEUES);
	assert_int_equal(pthread_mutex_trylock(&dev->queues[queue].lock),
			 EBUSY);
	t.kicks[queue]++;
}

static void stop_queue(struct virtio_device *dev, unsigned int queue)
{
	assert_true(dev->queues[queue].q.enabled);
	t.queue_stops++;
}

static const struct virtio_model_ops model = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.stop = stop,
	.kick = kick,
};

static u32 rd(u64 offset)
{
	return (u32)mmio_bus_read(&t.bus, BASE + offset, 4);
}

static void wr(u64 offset, u32 value)
{
	mmio_bus_write(&t.bus, BASE + offset, value, 4);
}

static int setup(void **state)
{
	struct virtio_mmio_params params = {
		.base = BASE,
		.irq = { .gsi = 7, .trigger = IRQ_LEVEL_HIGH },
		.vdev = &t.vdev,
	};

	(void)state;
	memset(&t, 0, sizeof(t));
	t.ram = aligned_alloc(SZ_4K, RAM_SIZE);
	memset(t.ram, 0, RAM_SIZE);
	assert_int_equal(gmem_add(&t.mem, RAM, RAM_SIZE, t.ram), 0);
	mmio_bus_init(&t.bus);
	t.ops = model;
	t.vdev.ops = &t.ops;
	t.vdev.name = "disk";
	t.vdev.id = 2;
	t.vdev.config_size = CONFIG;
	t.vdev.offered = VIRTQ_F_VERSION_1 | FEATURE;
	t.vdev.nr_queues = QUEUES;
	t.vdev.queue_size = SIZE;
	virtio_device_init(&t.vdev, &t.mem);
	for (unsigned int i = 0; i < CONFIG; i++)
		t.config[i] = (u8)(0x10 + i);
	return virtio_mmio_create(&params, &t.bus, &t.mmio);
}

static int teardown(void **state)
{
	(void)state;
	t.mmio->dev.ops->destroy(&t.mmio->dev);
	virtio_device_destroy(&t.vdev);
	mmio_bus_destroy(&t.bus);
	free(t.ram);
	return 0;
}

static void want(u64 features)
{
	wr(WANTED_SEL, 0);
	wr(WANTED, (u32)features);
	wr(WANTED_SEL, 1);
	wr(WANTED, (u32)(features >> 32));
}

static void negotiate(u64 features)
{
	wr(STATUS, ACKNOWLEDGE);
	wr(STATUS, ACKNOWLEDGE | DRIVER_BIT);
	want(features);
	wr(STATUS, ACKNOWLEDGE | DRIVER_BIT | FEATURES_OK);
}

static void set_address(u64 reg, u64 address)
{
	wr(reg, (u32)address);
	wr(reg + 4, (u32)(address >> 32));
}

static void set_up_queue(unsigned int n)
{
	wr(QUEUE_SEL, n);
	wr(QUEUE_SIZE, SIZE);
	set_address(QUEUE_DESC, DESC(n));
	set_address(QUEUE_DRIVER, DRIVER(n));
	set_address(QUEUE_DEVICE, DEVICE(n));
	wr(QUEUE_READY, 1);
}

static void go(void)
{
	wr(STATUS, ACKNOWLEDGE | DRIVER_BIT | FEATURES_OK | DRIVER_OK);
}

/* As drivers do it. */
static void bring_up(void)
{
	negotiate(VIRTQ_F_VERSION_1 | FEATURE);
	set_up_queue(0);
	set_up_queue(1);
	go();
	assert_int_equal(rd(STATUS),
			 ACKNOWLEDGE | DRIVER_BIT | FEATURES_OK | DRIVER_OK);
}

/* ---- Registers ----------------------------------------------------------- */

static void identification(void **state)
{
	static const u8 no_register[] = { 0x18, 0x1c, 0x28, 0x3c,
					  0x54, 0x74, 0xc4, 0xf8 };

	(void)state;
	assert_int_equal(rd(0), 0x74726976);
	assert_int_equal(rd(4), 2);
	assert_int_equal(rd(8), 2);
	assert_int_equal(rd(0xc), 0x4d564b4c);
	/* A region of shared memory that is not there is as long as can be. */
	for (u64 reg = 0xb0; reg < 0xc0; reg += 4)
		assert_int_equal(rd(reg), UINT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(no_register); i++) {
		wr(no_register[i], UINT32_MAX);
		assert_int_equal(rd(no_register[i]), 0);
	}
	/* Other widths are none of theirs. */
	assert_int_equal(mmio_bus_read(&t.bus, BASE, 1), 0);
	assert_int_equal(mmio_bus_read(&t.bus, BASE, 8), 0);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + 2, 4), 0);
	mmio_bus_write(&t.bus, BASE + STATUS, 1, 1);
	assert_int_equal(rd(STATUS), 0);
}

static void features(void **state)
{
	(void)state;
	assert_int_equal(rd(OFFERED), FEATURE);
	wr(OFFERED_SEL, 1);
	assert_int_equal(rd(OFFERED), 1);
	for (u32 n = 2; n; n = n < 5 ? n + 1 : n == 5 ? UINT32_MAX : 0) {
		wr(OFFERED_SEL, n);
		assert_int_equal(rd(OFFERED), 0);
	}
	negotiate(VIRTQ_F_VERSION_1 | FEATURE);
	assert_int_equal(rd(STATUS), ACKNOWLEDGE | DRIVER_BIT | FEATURES_OK);
	/* Too late. */
	want(VIRTQ_F_VERSION_1);
	set_up_queue(0);
	go();
	assert_int_equal(t.features, VIRTQ_F_VERSION_1 | FEATURE);
}

/* What was not offered, no version 1, and words that there are not. */
static void features_that_are_refused(void **state)
{
	static const u64 bad[] = { 0, FEATURE, VIRTQ_F_VERSION_1 | 1,
				   VIRTQ_F_VERSION_1 | 1ULL << 63 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		negotiate(bad[i]);
		assert_int_equal(rd(STATUS), ACKNOWLEDGE | DRIVER_BIT);
		go();
		assert_int_equal(rd(STATUS), ACKNOWLEDGE | DRIVER_BIT);
		wr(STATUS, 0);
	}
	assert_int_equal(t.starts, 0);
	wr(WANTED_SEL, 2);
	wr(WANTED, 0);
	negotiate(VIRTQ_F_VERSION_1);
	assert_true(rd(STATUS) & FEATURES_OK);
	wr(STATUS, 0);
	wr(WANTED_SEL, 3);
	wr(WANTED, 1);
	negotiate(VIRTQ_F_VERSION_1);
	assert_false(rd(STATUS) & FEATURES_OK);
	/* Written twice, the last counts: Linux does that. */
	wr(STATUS, 0);
	want(FEATURE | 1);
	negotiate(VIRTQ_F_VERSION_1);
	assert_true(rd(STATUS) & FEATURES_OK);
}

static void status(void **state)
{
	(void)state;
	wr(STATUS, DRIVER_OK);
	assert_int_equal(rd(STATUS), 0);
	wr(STATUS, ACKNOWLEDGE | 0xffffff30);
	assert_int_equal(rd(STATUS), ACKNOWLEDGE);
	wr(STATUS, DRIVER_BIT);
	assert_int_equal(rd(STATUS), ACKNOWLEDGE | DRIVER_BIT);
	wr(STATUS, FAILED);
	assert_int_equal(rd(STATUS), ACKNOWLEDGE | DRIVER_BIT | FAILED);
	/* The device's own bit is not the driver's to set. */
	wr(STATUS, NEEDS_RESET);
	assert_false(rd(STATUS) & NEEDS_RESET);
	wr(STATUS, 0);
	assert_int_equal(rd(STATUS), 0);
	bring_up();
	go();
	assert_int_equal(t.starts, 1);
}

/* ---- Queues -------------------------------------------------------------- */

static void queues(void **state)
{
	struct virtio_queue *queue = &t.vdev.queues[1];

	(void)state;
	assert_int_equal(rd(QUEUE_MAX), SIZE);
	wr(QUEUE_SEL, QUEUES);
	assert_int_equal(rd(QUEUE_MAX), 0);
	assert_int_equal(rd(QUEUE_READY), 0);
	wr(QUEUE_READY, 1);
	wr(QUEUE_SEL, UINT32_MAX);
	assert_int_equal(rd(QUEUE_MAX), 0);
	wr(QUEUE_READY, 1);
	wr(QUEUE_DESC, 1);

	/* Not before the features are known. */
	set_up_queue(1);
	assert_int_equal(rd(QUEUE_READY), 0);
	negotiate(VIRTQ_F_VERSION_1);
	set_up_queue(1);
	assert_int_equal(rd(QUEUE_READY), 1);
	assert_ptr_equal(queue->q.desc, t.ram + (DESC(1) - RAM));
	assert_ptr_equal(queue->q.driver, t.ram + (DRIVER(1) - RAM));
	assert_ptr_equal(queue->q.device, t.ram + (DEVICE(1) - RAM));
	/* From then on it is where it is. */
	wr(QUEUE_SIZE, 8);
	wr(QUEUE_DESC, (u32)DESC(0));
	assert_int_equal(queue->setup.size, SIZE);
	assert_int_equal(queue->setup.desc, DESC(1));
	/* U-Boot takes its queues back by this. */
	wr(QUEUE_READY, 0);
	assert_int_equal(rd(QUEUE_READY), 0);
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 1);
	go();
	/* This model cannot stop a queue alone. */
	wr(QUEUE_READY, 0);
	wr(QUEUE_RESET, 1);
	assert_int_equal(rd(QUEUE_READY), 1);
	/* Nor is one enabled while the device runs. */
	set_up_queue(0);
	assert_int_equal(rd(QUEUE_READY), 0);
}

/* "Virtqueue Reset": set up anew, while the device runs. */
static void queue_reset(void **state)
{
	(void)state;
	t.ops.stop_queue = stop_queue;
	t.vdev.offered |= VIRTQ_F_RING_RESET;
	negotiate(VIRTQ_F_VERSION_1 | VIRTQ_F_RING_RESET);
	set_up_queue(1);
	go();
	wr(QUEUE_RESET, 0);
	assert_int_equal(rd(QUEUE_READY), 1);
	wr(QUEUE_RESET, 1);
	assert_int_equal(rd(QUEUE_RESET), 0);
	assert_int_equal(rd(QUEUE_READY), 0);
	assert_int_equal(t.queue_stops, 1);
	assert_int_equal(t.vdev.queues[1].setup.desc, 0);
	set_up_queue(1);
	assert_int_equal(rd(QUEUE_READY), 1);
	/* Taken back without a reset it stays where it is. */
	wr(QUEUE_READY, 0);
	assert_int_equal(rd(QUEUE_READY), 0);
	assert_int_equal(t.queue_stops, 2);
	assert_int_equal(t.vdev.queues[1].setup.desc, DESC(1));
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 1);
}

static void queues_that_cannot_be(void **state)
{
	(void)state;
	negotiate(VIRTQ_F_VERSION_1);
	set_up_queue(0);
	wr(STATUS, 0);
	negotiate(VIRTQ_F_VERSION_1);
	wr(QUEUE_SEL, 0);
	/* Nothing is left of the first time. */
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 0);
	set_address(QUEUE_DESC, RAM + RAM_SIZE - 16);
	set_address(QUEUE_DRIVER, DRIVER(0));
	set_address(QUEUE_DEVICE, DEVICE(0));
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 0);
	set_address(QUEUE_DESC, DESC(0) | 1ULL << 40);
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 0);
	set_address(QUEUE_DESC, DESC(0));
	wr(QUEUE_SIZE, SIZE + 1);
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 0);
	wr(QUEUE_SIZE, SIZE / 2);
	wr(QUEUE_READY, 1);
	assert_int_equal(rd(QUEUE_READY), 1);
	assert_int_equal(t.vdev.queues[0].q.size, SIZE / 2);
}

/* What was notified before the device runs is looked at when it does. */
static void kicks(void **state)
{
	(void)state;
	negotiate(VIRTQ_F_VERSION_1);
	set_up_queue(1);
	wr(QUEUE_NOTIFY, 1);
	assert_int_equal(t.kicks[1], 0);
	go();
	assert_int_equal(t.kicks[1], 1);
	assert_int_equal(t.kicks[0], 0);
	wr(QUEUE_NOTIFY, 1);
	assert_int_equal(t.kicks[1], 2);
	wr(QUEUE_NOTIFY, 0);
	wr(QUEUE_NOTIFY, QUEUES);
	wr(QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(t.kicks[0], 0);
	virtio_needs_reset(&t.vdev, "a test");
	wr(QUEUE_NOTIFY, 1);
	assert_int_equal(t.kicks[1], 2);
}

static void reset(void **state)
{
	(void)state;
	bring_up();
	virtio_config_changed(&t.vdev);
	assert_true(t.high);
	wr(STATUS, 0);
	assert_int_equal(t.stops, 1);
	assert_false(t.high);
	assert_int_equal(rd(IRQ_STATUS), 0);
	assert_int_equal(rd(STATUS), 0);
	wr(QUEUE_SEL, 0);
	assert_int_equal(rd(QUEUE_READY), 0);
	wr(QUEUE_NOTIFY, 0);
	assert_int_equal(t.kicks[0], 1);
	/* One that does not run is not stopped. */
	wr(STATUS, 0);
	assert_int_equal(t.stops, 1);
	bring_up();
	assert_int_equal(t.starts, 2);
	t.mmio->dev.ops->reset(&t.mmio->dev);
	assert_int_equal(t.stops, 2);
	assert_int_equal(rd(STATUS), 0);
	assert_int_equal(rd(OFFERED), FEATURE);
}

static void start_fails(void **state)
{
	(void)state;
	negotiate(VIRTQ_F_VERSION_1);
	set_up_queue(0);
	t.start_error = -EIO;
	go();
	assert_true(rd(STATUS) & NEEDS_RESET);
	assert_true(t.high);
	assert_int_equal(rd(IRQ_STATUS), 2);
	wr(QUEUE_NOTIFY, 0);
	assert_int_equal(t.kicks[0], 0);
	wr(STATUS, 0);
	assert_int_equal(t.stops, 0);
	assert_false(rd(STATUS) & NEEDS_RESET);
}

/* ---- Interrupts ---------------------------------------------------------- */

static void offer_and_use(unsigned int n)
{
	struct virtio_queue *queue = &t.vdev.queues[n];
	struct iovec iov;
	struct virtq_chain chain = { .iov = &iov, .max_iov = 1 };
	u64 *desc = (u64 *)(void *)(t.ram + (DESC(n) - RAM));
	u16 *avail = (u16 *)(void *)(t.ram + (DRIVER(n) - RAM));

	desc[0] = RAM + 0xf000;
	desc[1] = 64;
	avail[2 + avail[1] % SIZE] = 0;
	avail[1]++;
	pthread_mutex_lock(&queue->lock);
	assert_int_equal(virtq_pop(&queue->q, &chain), 1);
	virtq_push(&queue->q, &chain, 0);
	virtio_queue_done(&t.vdev, n);
	pthread_mutex_unlock(&queue->lock);
}

static void interrupts(void **state)
{
	u16 *avail = (u16 *)(void *)(t.ram + (DRIVER(0) - RAM));

	(void)state;
	bring_up();
	offer_and_use(0);
	assert_true(t.high);
	assert_int_equal(rd(IRQ_STATUS), 1);
	offer_and_use(1);
	virtio_config_changed(&t.vdev);
	assert_int_equal(rd(IRQ_STATUS), 3);
	assert_int_equal(t.edges, 1);
	wr(IRQ_ACK, 1);
	assert_true(t.high);
	wr(IRQ_ACK, 3);
	assert_false(t.high);
	wr(IRQ_ACK, 3);
	assert_int_equal(rd(IRQ_STATUS), 0);
	/* The driver can do without. */
	avail[0] = 1;
	offer_and_use(0);
	assert_false(t.high);
}

/* ---- Configuration ------------------------------------------------------- */

static void configuration(void **state)
{
	(void)state;
	assert_int_equal(rd(CONFIG_SPACE), 0x13121110);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + CONFIG_SPACE + 3, 1),
			 0x13);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + CONFIG_SPACE + 2, 2),
			 0x1312);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + CONFIG_SPACE, 8),
			 0x1716151413121110);
	/* Beyond the end, and over it. */
	assert_int_equal(rd(CONFIG_SPACE + CONFIG), 0);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + CONFIG_SPACE + 8, 8), 0);
	assert_int_equal(mmio_bus_read(&t.bus, BASE + 0x1f8, 8), 0);
	mmio_bus_write(&t.bus, BASE + CONFIG_SPACE + 8, ~0ULL, 8);
	wr(CONFIG_SPACE + CONFIG, 1);
	mmio_bus_write(&t.bus, BASE + CONFIG_SPACE + 11, 0xab, 1);
	assert_int_equal(rd(CONFIG_SPACE + 8), 0xab1a1918);
	/* Before DRIVER_OK the driver has not read it yet. */
	virtio_config_changed(&t.vdev);
	assert_int_equal(rd(GENERATION), 1);
	assert_false(t.high);
	bring_up();
	assert_int_equal(rd(GENERATION), 1);
	virtio_config_changed(&t.vdev);
	assert_int_equal(rd(GENERATION), 2);
	assert_int_equal(rd(IRQ_STATUS), 2);
}

/* ---- As a device of the machine ------------------------------------------ */

static void statistics(void **state)
{
	struct json_writer json = { 0 };
	char *text = NULL;
	size_t len = 0;

	(void)state;
	bring_up();
	wr(QUEUE_NOTIFY, 0);
	virtio_config_changed(&t.vdev);
	json.out = open_memstream(&text, &len);
	json_begin_object(&json, NULL);
	t.mmio->dev.ops->stats(&t.mmio->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"interrupts\": 1"));
	assert_non_null(strstr(text, "\"notifications\": 1"));
	free(text);
}

static void place_taken(void **state)
{
	struct virtio_device other = t.vdev;
	struct virtio_mmio_params params = { .base = BASE + 0x100,
					     .vdev = &other };
	struct virtio_mmio *mmio;

	(void)state;
	virtio_device_init(&other, &t.mem);
	assert_int_equal(virtio_mmio_create(&params, &t.bus, &mmio), -EEXIST);
	virtio_device_destroy(&other);
}

static void kvm_notifies(void **state)
{
	const struct virtio_transport_ops *ops = t.vdev.transport;

	(void)state;
	assert_int_equal(ops->notify(&t.vdev, 1, 77, true), 0);
	assert_int_equal(t.notified[0], 0);
	assert_int_equal(t.notified[1], 1);
	assert_int_equal(ops->notify(&t.vdev, 1, 77, false), 0);
	assert_int_equal(t.notified[1], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identification),
		TEST(features),
		TEST(features_that_are_refused),
		TEST(status),
		TEST(queues),
		TEST(queue_reset),
		TEST(queues_that_cannot_be),
		TEST(kicks),
		TEST(reset),
		TEST(start_fails),
		TEST(interrupts),
		TEST(configuration),
		TEST(statistics),
		TEST(place_taken),
		TEST(kvm_notifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
