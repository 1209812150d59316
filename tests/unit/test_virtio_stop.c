/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: tests/unit/virtio_pci_rig.c virtio/pci.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c pci/host.c pci/function.c pci/decode.c */
/* SOURCES: pci/msix.c vmm/gmem.c vmm/mmio.c vmm/fdt.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/*
 * What stops a device, or one of its queues, other than a reset: the command
 * register (PCI, section 6.2.2) and "Virtqueue Reset" (virtio 1.4).
 */
#include <errno.h>

#include "virtio_pci_rig.h"

#define COMMON(reg) VIRTIO_PCI_COMMON_##reg

static void allow(bool master)
{
	rig_set(PCI_COMMAND,
		PCI_COMMAND_MEMORY | (master ? PCI_COMMAND_MASTER : 0), 2);
}

static void kick(u32 queue)
{
	rig_write(RIG_NOTIFY + 4 * queue, queue, 2);
}

/* ---- The bus's switch ---------------------------------------------------- */

static void stops_and_goes_on(void **state)
{
	(void)state;
	rig_bring_up();
	assert_int_equal(rig.kicks[0], 1);
	allow(false);
	assert_int_equal(rig.stops, 1);
	kick(0);
	assert_int_equal(rig.kicks[0], 1);
	/* What the driver has set up is as it was. */
	assert_int_equal(rig_read(COMMON(STATUS), 1), RIG_ALL_STATUS);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
	allow(false);
	assert_int_equal(rig.stops, 1);
	/* Each queue is looked at: there may have been notifications. */
	allow(true);
	assert_int_equal(rig.starts, 2);
	assert_int_equal(rig.kicks[0], 2);
	assert_int_equal(rig.kicks[1], 2);
	kick(1);
	assert_int_equal(rig.kicks[1], 3);
	assert_int_equal(rig.resets, 0);
}

/* Drivers that are ready before the bus is. */
static void starts_later(void **state)
{
	(void)state;
	allow(false);
	rig_bring_up();
	assert_int_equal(rig.starts, 0);
	kick(0);
	assert_int_equal(rig.kicks[0], 0);
	allow(true);
	assert_int_equal(rig.starts, 1);
	assert_int_equal(rig.kicks[0], 1);
}

/* As Linux hands a function over to the next kernel. */
static void reset_while_stopped(void **state)
{
	(void)state;
	rig_bring_up();
	allow(false);
	rig_status(0);
	assert_int_equal(rig.stops, 1);
	assert_int_equal(rig.resets, 1);
	allow(true);
	assert_int_equal(rig.starts, 1);
	rig_bring_up();
	assert_int_equal(rig.starts, 2);
}

static void broken_while_stopped(void **state)
{
	(void)state;
	rig_bring_up();
	virtio_needs_reset(rig.vdev, "a test");
	allow(false);
	allow(true);
	assert_int_equal(rig.starts, 1);
	assert_int_equal(rig.stops, 1);
}

/* After a reset of the machine the bus's switch is off again. */
static void reset_of_the_bus(void **state)
{
	(void)state;
	rig_bring_up();
	rig.host->dev.ops->reset(&rig.host->dev);
	assert_int_equal(rig.stops, 1);
	rig_place();
	allow(false);
	rig_bring_up();
	assert_int_equal(rig.starts, 1);
}

/* ---- One queue ----------------------------------------------------------- */

static void bring_up_resettable(void)
{
	rig_negotiate(RIG_FEATURES | VIRTQ_F_RING_RESET);
	for (u32 i = 0; i < RIG_QUEUES; i++) {
		rig_set_up_queue(i);
		rig_write(COMMON(Q_MSIX), i, 2);
	}
	rig_status(RIG_ALL_STATUS);
}

static void queue_reset(void **state)
{
	(void)state;
	bring_up_resettable();
	rig_write(COMMON(Q_SELECT), 0, 2);
	rig_write(COMMON(Q_RESET), 0, 2);
	rig_write(COMMON(Q_RESET), 2, 2);
	assert_int_equal(rig.queue_stops[0], 0);
	rig_write(COMMON(Q_RESET), 1, 2);
	/* 0 says that it has ended. */
	assert_int_equal(rig_read(COMMON(Q_RESET), 2), 0);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
	assert_int_equal(rig_read(COMMON(Q_SIZE), 2), RIG_SIZE);
	assert_int_equal(rig_read(COMMON(Q_DESCLO), 4), 0);
	assert_int_equal(rig_read(COMMON(Q_MSIX), 2), 0xffff);
	assert_int_equal(rig.queue_stops[0], 1);
	assert_int_equal(rig.queue_stops[1], 0);
	/* The notification while it was stopped, and this one. */
	kick(0);
	assert_int_equal(rig.kicks[0], 1);
	kick(1);
	assert_int_equal(rig.kicks[1], 2);
	assert_int_equal(rig.stops, 0);
	/* A second one has nothing to stop. */
	rig_write(COMMON(Q_RESET), 1, 2);
	assert_int_equal(rig.queue_stops[0], 1);
	rig_set_up_queue(0);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
	kick(0);
	assert_int_equal(rig.kicks[0], 2);
}

/* Where it was not negotiated a queue stays as it is. */
static void no_queue_reset(void **state)
{
	(void)state;
	rig_bring_up();
	rig_write(COMMON(Q_SELECT), 1, 2);
	rig_write(COMMON(Q_MSIX), 2, 2);
	rig_write(COMMON(Q_RESET), 1, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
	assert_int_equal(rig_read(COMMON(Q_MSIX), 2), 2);
	assert_int_equal(rig.queue_stops[1], 0);
	rig_write(COMMON(Q_SELECT), RIG_QUEUES, 2);
	rig_write(COMMON(Q_RESET), 1, 2);
	rig_write(COMMON(Q_SELECT), 0xffff, 2);
	rig_write(COMMON(Q_RESET), 1, 2);
}

/* Before the device runs there is nothing to stop. */
static void queue_reset_before(void **state)
{
	(void)state;
	rig_negotiate(RIG_FEATURES | VIRTQ_F_RING_RESET);
	rig_set_up_queue(1);
	rig_write(COMMON(Q_RESET), 1, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
	assert_int_equal(rig.queue_stops[1], 0);
	rig_set_up_queue(1);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stops_and_goes_on),   TEST(starts_later),
		TEST(reset_while_stopped), TEST(broken_while_stopped),
		TEST(reset_of_the_bus),	   TEST(queue_reset),
		TEST(no_queue_reset),	   TEST(queue_reset_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
