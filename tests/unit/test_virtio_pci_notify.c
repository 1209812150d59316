/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: tests/unit/virtio_pci_rig.c virtio/pci.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c pci/host.c pci/function.c pci/decode.c */
/* SOURCES: pci/msix.c vmm/gmem.c vmm/mmio.c vmm/fdt.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/*
 * Notifications of a virtio device behind the PCI transport, by exits and by
 * KVM, which is told where they are; and the capability that reaches registers
 * through configuration space (virtio 1.4, "Virtio Over PCI Bus").
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/util/log.h"
#include "virtio_pci_rig.h"

#define COMMON(reg) VIRTIO_PCI_COMMON_##reg

static const unsigned int widths[] = { 1, 2, 4, 8 };

/* ---- By exits ------------------------------------------------------------ */

/* Linux writes 16 bits, EDK2 as well; the place says which queue it is. */
static void kicks(void **state)
{
	(void)state;
	rig_bring_up();
	rig.kicks[0] = rig.kicks[1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		rig_write(RIG_NOTIFY + 4, 0, widths[i]);
		assert_int_equal(rig.kicks[1], i + 1);
		assert_int_equal(rig.kicks[0], 0);
	}
	rig_write(RIG_NOTIFY, 1, 2);
	assert_int_equal(rig.kicks[0], 1);
	assert_int_equal(rig.kicks[1], 4);
	/* Beyond the last queue, and the page before. */
	rig_write(RIG_NOTIFY + 8, 0, 2);
	rig_write(RIG_NOTIFY + 0xffe, 0, 2);
	rig_write(RIG_NOTIFY - 2, 0, 2);
	assert_int_equal(rig.kicks[0] + rig.kicks[1], 5);
}

static void kick_before_start(void **state)
{
	(void)state;
	rig_negotiate(RIG_FEATURES);
	rig_set_up_queue(1);
	rig_write(RIG_NOTIFY + 4, 1, 2);
	assert_int_equal(rig.kicks[1], 0);
	rig_status(RIG_ALL_STATUS);
	assert_int_equal(rig.kicks[1], 1);
}

/* ---- By KVM -------------------------------------------------------------- */

static int tell(unsigned int queue, bool on)
{
	return rig.vdev->transport->notify(rig.vdev, queue, RIG_FD + (int)queue,
					   on);
}

/* Where both queues are notified; 0: nowhere. */
static void expect_at(u64 registers)
{
	for (u32 i = 0; i < RIG_QUEUES; i++)
		assert_int_equal(rig.notified[i],
				 registers ? registers + RIG_NOTIFY + 4 * i
					   : 0);
}

static void told(void **state)
{
	(void)state;
	assert_int_equal(tell(1, true), 0);
	assert_int_equal(rig.notified[1], RIG_REGISTERS + RIG_NOTIFY + 4);
	assert_int_equal(rig.notified[0], 0);
	assert_int_equal(tell(0, true), 0);
	expect_at(RIG_REGISTERS);
	assert_int_equal(tell(1, false), 0);
	assert_int_equal(rig.notified[1], 0);
	assert_int_equal(rig.notified[0], RIG_REGISTERS + RIG_NOTIFY);
	/* What is off stays so. */
	rig_move(RIG_REGISTERS + SZ_1M);
	assert_int_equal(rig.notified[1], 0);
	assert_int_equal(tell(0, false), 0);
	rig_move(RIG_REGISTERS);
	expect_at(0);
	assert_int_equal(rig.bad_deassigns, 0);
}

static void told_of_moves(void **state)
{
	(void)state;
	assert_int_equal(tell(0, true), 0);
	assert_int_equal(tell(1, true), 0);
	rig_set(PCI_BASE_ADDRESS_4, (u32)RIG_REGISTERS + SZ_64K, 4);
	expect_at(RIG_REGISTERS + SZ_64K);
	/* Out of all windows between the halves. */
	rig_set(PCI_BASE_ADDRESS_5, 0, 4);
	expect_at(0);
	rig_set(PCI_BASE_ADDRESS_4, RIG_MMIO32 + 2 * SZ_1M, 4);
	expect_at(RIG_MMIO32 + 2 * SZ_1M);
	/* The same once more, and what has nothing to do with it. */
	rig_set(PCI_BASE_ADDRESS_4, RIG_MMIO32 + 2 * SZ_1M, 4);
	rig_set(PCI_BASE_ADDRESS_1, RIG_MMIO32 + 3 * SZ_1M, 4);
	expect_at(RIG_MMIO32 + 2 * SZ_1M);
	assert_int_equal(rig.bad_deassigns, 0);
}

static void told_of_decoding(void **state)
{
	(void)state;
	assert_int_equal(tell(0, true), 0);
	rig_set(PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	expect_at(0);
	/* Wanted, or not, while there is nothing to be told. */
	assert_int_equal(tell(1, true), 0);
	expect_at(0);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	expect_at(RIG_REGISTERS);
	rig_set(PCI_COMMAND, 0, 2);
	assert_int_equal(tell(0, false), 0);
	assert_int_equal(tell(1, false), 0);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	expect_at(0);
	assert_int_equal(rig.bad_deassigns, 0);
}

static void told_of_reset(void **state)
{
	(void)state;
	assert_int_equal(tell(0, true), 0);
	rig.host->dev.ops->reset(&rig.host->dev);
	expect_at(0);
	assert_int_equal(rig.bad_deassigns, 0);
}

/* Nowhere, until the driver has said where. */
static void told_before_it_is_placed(void **state)
{
	const struct rig_params disk = { .id = 2, .config_size = RIG_CONFIG };

	(void)state;
	rig_create(&disk);
	assert_int_equal(tell(0, true), 0);
	assert_int_equal(tell(1, true), 0);
	expect_at(0);
	rig_place();
	expect_at(RIG_REGISTERS);
	assert_int_equal(rig.bad_deassigns, 0);
	rig_destroy();
}

/* The runner is told that, and has vCPUs exit. */
static void refused(void **state)
{
	(void)state;
	rig.refused = RIG_REGISTERS + RIG_NOTIFY;
	assert_int_equal(tell(0, true), -ENOSPC);
	assert_int_equal(tell(1, true), 0);
	rig.refused = 0;
	/* The runner does not expect it any more. */
	rig_move(RIG_REGISTERS + SZ_1M);
	assert_int_equal(rig.notified[0], 0);
	assert_int_equal(rig.notified[1],
			 RIG_REGISTERS + SZ_1M + RIG_NOTIFY + 4);
	assert_int_equal(rig.bad_deassigns, 0);
}

/* The other queue is not affected, and exits do what KVM did. */
static void refused_after_a_move(void **state)
{
	unsigned int kicks_before;

	(void)state;
	rig_bring_up();
	assert_int_equal(tell(0, true), 0);
	assert_int_equal(tell(1, true), 0);
	rig.refused = RIG_MMIO32 + RIG_NOTIFY;
	rig_set(PCI_BASE_ADDRESS_5, 0, 4);
	rig_set(PCI_BASE_ADDRESS_4, RIG_MMIO32, 4);
	assert_int_equal(rig.notified[0], 0);
	assert_int_equal(rig.notified[1], RIG_MMIO32 + RIG_NOTIFY + 4);
	kicks_before = rig.kicks[0];
	mmio_bus_write(&rig.bus, RIG_MMIO32 + RIG_NOTIFY, 0, 2);
	assert_int_equal(rig.kicks[0], kicks_before + 1);
	/* At the next place it is tried again. */
	rig_move(RIG_REGISTERS);
	expect_at(RIG_REGISTERS);
	tell(0, false);
	tell(1, false);
	expect_at(0);
}

/* A guest may move it for ever: what is said of that has a limit. */
static void refused_again_and_again(void **state)
{
	(void)state;
	rig_bring_up();
	assert_int_equal(tell(0, true), 0);
	rig.refused = RIG_MMIO32 + RIG_NOTIFY;
	for (unsigned int i = 0; i < 2 * RATELIMIT_BURST; i++) {
		rig_move(RIG_REGISTERS);
		rig_move(RIG_MMIO32);
	}
	assert_true(atomic_load(&rig.vdev->messages.printed) > 0);
	assert_true(atomic_load(&rig.vdev->messages.dropped) > 0);
	tell(0, false);
}

/* As many queues as there can be, and one more. */
static void all_queues(void **state)
{
	const struct rig_params many = { .id = 2,
					 .config_size = RIG_CONFIG,
					 .nr_queues = VIRTIO_MAX_QUEUES };
	const u32 last = VIRTIO_MAX_QUEUES - 1;
	const struct virtio_transport_ops *ops;

	(void)state;
	rig_create(&many);
	rig_place();
	ops = rig.vdev->transport;
	assert_int_equal(ops->notify(rig.vdev, last, RIG_FD, true), 0);
	rig_move(RIG_REGISTERS + SZ_1M);
	assert_int_equal(rig.notified[0],
			 RIG_REGISTERS + SZ_1M + RIG_NOTIFY + 4 * last);
	rig_move(RIG_REGISTERS);
	assert_int_equal(ops->notify(rig.vdev, last, RIG_FD, false), 0);
	rig_write(COMMON(MSIX), last + 1, 2);
	for (u32 i = last; i <= last + 1; i++) {
		rig_write(COMMON(Q_SELECT), i, 2);
		rig_write(COMMON(Q_MSIX), i, 2);
		assert_int_equal(rig_read(COMMON(Q_MSIX), 2),
				 i == last ? last : 0xffff);
	}
	assert_int_equal(rig_read(COMMON(MSIX), 2), last + 1);
	rig_status(0);
	assert_int_equal(rig_read(COMMON(MSIX), 2), 0xffff);
	assert_int_equal(rig.bad_deassigns, 0);
	rig_destroy();
}

/* ---- Through configuration space ----------------------------------------- */

static u32 access_cap(void)
{
	return rig_find(VIRTIO_PCI_CAP_PCI_CFG);
}

static u32 data(void)
{
	return access_cap() + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

static void aim(u32 bar, u32 offset, u32 length)
{
	rig_set(access_cap() + VIRTIO_PCI_CAP_BAR, bar, 1);
	rig_set(access_cap() + VIRTIO_PCI_CAP_OFFSET, offset, 4);
	rig_set(access_cap() + VIRTIO_PCI_CAP_LENGTH, length, 4);
}

static u32 get(u32 offset, u32 len)
{
	aim(4, offset, len);
	return rig_get(data(), len);
}

static void put(u32 offset, u32 value, u32 len)
{
	aim(4, offset, len);
	rig_set(data(), value, len);
}

/* Firmware that cannot map the range: its decoding is off. */
static void by_config_space(void **state)
{
	(void)state;
	rig_set(PCI_COMMAND, 0, 2);
	assert_int_equal(get(COMMON(NUMQ), 2), RIG_QUEUES);
	put(COMMON(DFSELECT), 1, 4);
	assert_int_equal(get(COMMON(DF), 4), 0x101);
	put(COMMON(STATUS), VIRTIO_S_ACKNOWLEDGE, 1);
	assert_int_equal(get(COMMON(STATUS), 1), VIRTIO_S_ACKNOWLEDGE);
	put(COMMON(Q_SELECT), 1, 2);
	put(COMMON(Q_SIZE), 4, 2);
	assert_int_equal(get(COMMON(Q_SIZE), 2), 4);
	assert_int_equal(rig.vdev->queues[1].setup.size, 4);
	assert_int_equal(get(RIG_DEVICE + 8, 4), 0x1b1a1918);
	put(RIG_DEVICE + 8, 0xa1b2c3d4, 4);
	put(RIG_DEVICE + 10, 0x5566, 2);
	put(RIG_DEVICE + 11, 0x77, 1);
	assert_int_equal(get(RIG_DEVICE + 8, 4), 0x7766c3d4);
	assert_int_equal(rig_get(access_cap() + VIRTIO_PCI_CAP_LENGTH, 4), 4);
	assert_int_equal(rig_get(access_cap() + VIRTIO_PCI_CAP_OFFSET, 4),
			 RIG_DEVICE + 8);
}

/* What has effects has them here, too. */
static void effects_by_config_space(void **state)
{
	(void)state;
	rig_bring_up();
	rig.vdev->transport->queue_interrupt(rig.vdev, 0);
	assert_int_equal(get(RIG_ISR, 1), 1);
	assert_false(rig.high);
	rig.kicks[1] = 0;
	put(RIG_NOTIFY + 4, 1, 2);
	assert_int_equal(rig.kicks[1], 1);
	assert_int_equal(tell(0, true), 0);
	put(COMMON(STATUS), 0, 1);
	assert_int_equal(rig.stops, 1);
	assert_int_equal(rig_read(COMMON(STATUS), 1), 0);
	assert_int_equal(tell(0, false), 0);
}

/* Nothing happens but when the data is accessed, all of it or a part. */
static void only_by_data(void **state)
{
	(void)state;
	rig_bring_up();
	rig.vdev->transport->queue_interrupt(rig.vdev, 0);
	aim(4, RIG_ISR, 1);
	rig_get(data() - 4, 4);
	rig_get(access_cap(), 4);
	rig_set(data() - 4, 1, 4);
	for (u32 at = data() + 4; at < PCI_CONFIG_SIZE; at += 4)
		rig_get(at, 4);
	assert_true(rig.high);
	assert_int_equal(rig_get(data(), 1), 1);
	assert_false(rig.high);
	aim(4, COMMON(STATUS), 1);
	rig_set(data(), 0, 1);
	assert_int_equal(rig.stops, 1);
	rig_bring_up();
	rig.vdev->transport->queue_interrupt(rig.vdev, 0);
	aim(4, RIG_ISR, 1);
	rig_get(data() + 3, 1);
	assert_false(rig.high);
}

/* "cap.length to 1, 2 or 4 and cap.offset to a multiple of cap.length". */
static void bad_accesses(void **state)
{
	static const struct {
		u32 bar, offset, length;
	} cases[] = {
		{ 0, COMMON(STATUS), 1 },
		{ 1, COMMON(STATUS), 1 },
		{ 5, COMMON(STATUS), 1 },
		{ 255, COMMON(STATUS), 1 },
		{ 4, COMMON(STATUS), 0 },
		{ 4, COMMON(STATUS), 3 },
		{ 4, COMMON(STATUS), 8 },
		{ 4, COMMON(STATUS), 0x101 },
		{ 4, COMMON(STATUS), UINT32_MAX },
		{ 4, RIG_NOTIFY + 1, 2 },
		{ 4, RIG_NOTIFY + 2, 4 },
		{ 4, RIG_DEVICE + 1, 4 },
		{ 4, RIG_REG_SIZE, 4 },
		{ 4, RIG_REG_SIZE + COMMON(STATUS), 1 },
		{ 4, 0x80000000U + COMMON(STATUS), 1 },
		{ 4, UINT32_MAX, 1 },
		{ 4, UINT32_MAX - 3, 4 },
	};

	(void)state;
	rig_bring_up();
	rig.kicks[0] = rig.kicks[1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		aim(cases[i].bar, cases[i].offset, cases[i].length);
		rig_set(data(), 0, 4);
		/* The data is what was written, as nothing is read. */
		assert_int_equal(rig_get(data(), 4), 0);
		rig_set(data(), 0x12345678, 4);
		assert_int_equal(rig_get(data(), 4), 0x12345678);
	}
	assert_int_equal(rig.stops, 0);
	assert_int_equal(rig.kicks[0] + rig.kicks[1], 0);
	assert_int_equal(rig_read(COMMON(STATUS), 1), RIG_ALL_STATUS);
	assert_int_equal(rig_read(RIG_DEVICE, 4), 0x13121110);
	/* The last of the range is no register, and no queue's. */
	assert_int_equal(get(RIG_REG_SIZE - 4, 4), 0);
	put(RIG_REG_SIZE - 4, 1, 4);
	assert_int_equal(rig.kicks[0] + rig.kicks[1], 0);
}

/* Only what was asked for is in the data; a reset has it all 0. */
static void width_of_data(void **state)
{
	(void)state;
	aim(4, COMMON(NUMQ), 1);
	rig_set(data(), 0xffffffff, 4);
	assert_int_equal(rig_get(data(), 4), 0xffffff00);
	aim(4, COMMON(NUMQ), 2);
	assert_int_equal(rig_get(data(), 4), 0xffff0002);
	rig.host->dev.ops->reset(&rig.host->dev);
	assert_int_equal(rig_get(access_cap() + VIRTIO_PCI_CAP_BAR, 4), 0);
	assert_int_equal(rig_get(access_cap() + VIRTIO_PCI_CAP_LENGTH, 4), 0);
	assert_int_equal(rig_get(data(), 4), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kicks),
		TEST(kick_before_start),
		TEST(told),
		TEST(told_of_moves),
		TEST(told_of_decoding),
		TEST(told_of_reset),
		cmocka_unit_test(told_before_it_is_placed),
		TEST(refused),
		TEST(refused_after_a_move),
		TEST(refused_again_and_again),
		cmocka_unit_test(all_queues),
		TEST(by_config_space),
		TEST(effects_by_config_space),
		TEST(only_by_data),
		TEST(bad_accesses),
		TEST(width_of_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
