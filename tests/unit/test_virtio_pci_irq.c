/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: tests/unit/virtio_pci_rig.c virtio/pci.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c pci/host.c pci/function.c pci/decode.c */
/* SOURCES: pci/msix.c vmm/gmem.c vmm/mmio.c vmm/fdt.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/*
 * Interrupts of a virtio device behind the PCI transport: vectors and messages
 * of MSI-X, the ISR status and INTA (virtio 1.4, "Virtio Over PCI Bus").
 */
#include <stdlib.h>

#include "virtio_pci_rig.h"

#define COMMON(reg) VIRTIO_PCI_COMMON_##reg
#define NONE	    0xffffU
#define ENABLE	    PCI_MSIX_FLAGS_ENABLE
#define MASK_ALL    PCI_MSIX_FLAGS_MASKALL
#define PBA	    (RIG_MSIX + 0x8000)

static void queue_wants(unsigned int queue)
{
	rig.vdev->transport->queue_interrupt(rig.vdev, queue);
}

static void config_wants(void)
{
	rig.vdev->transport->config_interrupt(rig.vdev);
}

static void set_queue_vector(u32 queue, u32 vector)
{
	rig_write(COMMON(Q_SELECT), queue, 2);
	rig_write(COMMON(Q_MSIX), vector, 2);
}

static u64 queue_vector(u32 queue)
{
	rig_write(COMMON(Q_SELECT), queue, 2);
	return rig_read(COMMON(Q_MSIX), 2);
}

static u64 pending(void)
{
	return mmio_bus_read(&rig.bus, PBA, 8);
}

/* As Linux does with a vector for each. */
static void use_msix(void)
{
	rig_set_msix(ENABLE | MASK_ALL);
	for (u32 i = 0; i <= RIG_QUEUES; i++)
		rig_set_entry(i, 0x1080000040 + 0x100 * i, 0x20 + i, 0);
	rig_write(COMMON(MSIX), 0, 2);
	for (u32 i = 0; i < RIG_QUEUES; i++)
		set_queue_vector(i, i + 1);
	rig_set_msix(ENABLE);
}

static void expect_message(unsigned int n, u32 vector)
{
	assert_int_equal(rig.messages, n);
	assert_int_equal(rig.address, 0x1080000040 + 0x100 * vector);
	assert_int_equal(rig.data, 0x20 + vector);
}

/* ---- Vectors ------------------------------------------------------------- */

/* Linux gives up a vector that reads back as none. */
static void vectors(void **state)
{
	(void)state;
	assert_int_equal(rig_read(COMMON(MSIX), 2), NONE);
	assert_int_equal(queue_vector(0), NONE);
	assert_int_equal(queue_vector(1), NONE);
	for (u32 v = 0; v <= RIG_QUEUES; v++) {
		rig_write(COMMON(MSIX), v, 2);
		assert_int_equal(rig_read(COMMON(MSIX), 2), v);
		set_queue_vector(0, v);
		set_queue_vector(1, RIG_QUEUES - v);
		assert_int_equal(queue_vector(0), v);
		assert_int_equal(queue_vector(1), RIG_QUEUES - v);
	}
	rig_write(COMMON(MSIX), RIG_QUEUES + 1, 2);
	assert_int_equal(rig_read(COMMON(MSIX), 2), NONE);
	set_queue_vector(0, NONE - 1);
	assert_int_equal(queue_vector(0), NONE);
	assert_int_equal(queue_vector(1), 0);
	set_queue_vector(1, NONE);
	assert_int_equal(queue_vector(1), NONE);
}

/* Also of a queue that is enabled, and of a device that runs. */
static void vectors_and_resets(void **state)
{
	(void)state;
	rig_bring_up();
	use_msix();
	assert_int_equal(queue_vector(0), 1);
	assert_int_equal(queue_vector(1), 2);
	rig_status(0);
	assert_int_equal(rig_read(COMMON(MSIX), 2), NONE);
	assert_int_equal(queue_vector(0), NONE);
	assert_int_equal(queue_vector(1), NONE);
	/* MSI-X itself is the function's, and stays on: PCI's, not virtio's. */
	rig.messages = 0;
	set_queue_vector(1, 1);
	queue_wants(1);
	expect_message(1, 1);
	rig.host->dev.ops->reset(&rig.host->dev);
	rig_place();
	assert_int_equal(queue_vector(1), NONE);
	queue_wants(1);
	assert_true(rig.high);
	rig_status(0);
}

/* ---- Messages ------------------------------------------------------------ */

static void messages(void **state)
{
	(void)state;
	rig_bring_up();
	use_msix();
	queue_wants(0);
	expect_message(1, 1);
	queue_wants(1);
	expect_message(2, 2);
	config_wants();
	expect_message(3, 0);
	/* The vector says it all. */
	assert_int_equal(rig_read(RIG_ISR, 1), 0);
	assert_int_equal(rig.edges, 0);
	/* Two may have the same. */
	set_queue_vector(0, 2);
	queue_wants(0);
	expect_message(4, 2);
}

static void no_vector(void **state)
{
	(void)state;
	rig_bring_up();
	use_msix();
	set_queue_vector(1, NONE);
	queue_wants(1);
	assert_int_equal(rig.messages, 0);
	queue_wants(0);
	assert_int_equal(rig.messages, 1);
	rig_write(COMMON(MSIX), NONE, 2);
	config_wants();
	assert_int_equal(rig.messages, 1);
	assert_int_equal(pending(), 0);
	assert_int_equal(rig.edges, 0);
}

/* Sent once when it can be. The bits can be read, not written. */
static void masked(void **state)
{
	(void)state;
	rig_bring_up();
	use_msix();
	rig_set_entry(1, 0x1080000140, 0x21, 1);
	queue_wants(0);
	queue_wants(0);
	queue_wants(1);
	expect_message(1, 2);
	assert_int_equal(pending(), 2);
	mmio_bus_write(&rig.bus, PBA, 0, 8);
	mmio_bus_write(&rig.bus, PBA + 12, 1, 4);
	assert_int_equal(pending(), 2);
	mmio_bus_write(&rig.bus, RIG_MSIX + 16 + 12, 0, 4);
	expect_message(2, 1);
	assert_int_equal(pending(), 0);
	rig_set_msix(ENABLE | MASK_ALL);
	config_wants();
	assert_int_equal(rig.messages, 2);
	assert_int_equal(pending(), 1);
	rig_set_msix(ENABLE);
	expect_message(3, 0);
	rig_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	queue_wants(1);
	assert_int_equal(rig.messages, 3);
	/* And what the model wanted while it was stopped. */
	assert_int_equal(pending(), 6);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	expect_message(5, 2);
}

/* More pending bits than are read at once. */
static void many_vectors(void **state)
{
	const struct rig_params many = { .id = 2,
					 .nr_queues = VIRTIO_MAX_QUEUES };

	(void)state;
	rig_create(&many);
	rig_place();
	rig_set_msix(ENABLE | MASK_ALL);
	rig_write(COMMON(MSIX), 64, 2);
	config_wants();
	assert_int_equal(pending(), 0);
	assert_int_equal(mmio_bus_read(&rig.bus, PBA + 8, 8), 1);
	set_queue_vector(63, 33);
	queue_wants(63);
	assert_int_equal(pending(), 1ULL << 33);
	assert_int_equal(mmio_bus_read(&rig.bus, PBA, 4), 0);
	assert_int_equal(mmio_bus_read(&rig.bus, PBA + 4, 4), 2);
	rig_destroy();
}

/* The table is where the capability says, and nothing is behind it. */
static void table(void **state)
{
	(void)state;
	use_msix();
	for (u32 i = 0; i <= RIG_QUEUES; i++) {
		u64 at = RIG_MSIX + 16 * i;

		assert_int_equal(mmio_bus_read(&rig.bus, at, 8),
				 0x1080000040 + 0x100 * i);
		assert_int_equal(mmio_bus_read(&rig.bus, at + 8, 4), 0x20 + i);
	}
	assert_int_equal(mmio_bus_read(&rig.bus, RIG_MSIX + 16 * 3 + 12, 4), 0);
	assert_int_equal(mmio_bus_read(&rig.bus, PBA - 4, 4), 0);
	assert_int_equal(mmio_bus_read(&rig.bus, RIG_MSIX + 0xfff8, 8), 0);
}

/* ---- INTA ---------------------------------------------------------------- */

static void isr(void **state)
{
	static const unsigned int others[] = { 2, 4, 8 };

	(void)state;
	rig_bring_up();
	rig.by_device = true;
	queue_wants(1);
	assert_true(rig.high);
	assert_true(rig_get(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	/* It is one byte, and only that clears it. */
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(rig_read(RIG_ISR, others[i]), 0);
	assert_int_equal(rig_read(RIG_ISR + 1, 1), 0);
	rig_write(RIG_ISR, 0xff, 1);
	assert_true(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	assert_false(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 0);
	config_wants();
	assert_int_equal(rig_read(RIG_ISR, 1), 2);
	queue_wants(0);
	config_wants();
	assert_int_equal(rig.edges, 3);
	assert_int_equal(rig_read(RIG_ISR, 1), 3);
	assert_false(rig.high);
	assert_int_equal(rig.messages, 0);
}

static void intx_disabled(void **state)
{
	(void)state;
	rig_bring_up();
	rig_set(PCI_COMMAND, RIG_DECODE | PCI_COMMAND_INTX_DISABLE, 2);
	queue_wants(0);
	assert_false(rig.high);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	assert_true(rig.high);
	rig_set(PCI_COMMAND, RIG_DECODE | PCI_COMMAND_INTX_DISABLE, 2);
	assert_false(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	assert_false(rig.high);
}

/* PCI, section 6.8.2.1: a function that uses messages drives no line. */
static void intx_ends_with_msix(void **state)
{
	(void)state;
	rig_bring_up();
	queue_wants(0);
	assert_true(rig.high);
	rig_set_msix(ENABLE);
	assert_false(rig.high);
	rig_set_msix(0);
	assert_true(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	assert_false(rig.high);
}

/*
 * Without a controller for messages. The device ID has the bit by which MSI-X
 * is enabled, where there is a capability.
 */
static void no_messages(void **state)
{
	const struct rig_params disk = { .id = 0x7000,
					 .config_size = RIG_CONFIG,
					 .no_msi = true };

	(void)state;
	rig_create(&disk);
	assert_int_equal(rig_find_msix(), 0);
	assert_true(rig_find(VIRTIO_PCI_CAP_COMMON_CFG));
	rig_set(PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
	assert_int_equal(rig_get(PCI_BASE_ADDRESS_1, 4), 0);
	rig_place();
	rig_bring_up();
	rig_write(COMMON(MSIX), 0, 2);
	assert_int_equal(rig_read(COMMON(MSIX), 2), NONE);
	set_queue_vector(0, 0);
	assert_int_equal(queue_vector(0), NONE);
	queue_wants(0);
	assert_true(rig.high);
	assert_false(pci_msix_enabled(rig.host->slots[1]));
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	rig.host->dev.ops->reset(&rig.host->dev);
	assert_false(rig.high);
	rig_destroy();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vectors),
		TEST(vectors_and_resets),
		TEST(messages),
		TEST(no_vector),
		TEST(masked),
		cmocka_unit_test(many_vectors),
		TEST(table),
		TEST(isr),
		TEST(intx_disabled),
		TEST(intx_ends_with_msix),
		cmocka_unit_test(no_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
