/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: tests/unit/virtio_pci_rig.c virtio/pci.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c pci/host.c pci/function.c pci/decode.c */
/* SOURCES: pci/msix.c vmm/gmem.c vmm/mmio.c vmm/fdt.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/*
 * What a driver finds of a virtio device behind the PCI transport, and its
 * registers (virtio 1.4, "Virtio Over PCI Bus").
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "virtio_pci_rig.h"

#define COMMON(reg) VIRTIO_PCI_COMMON_##reg
#define COMMON_SIZE 60U

static const unsigned int widths[] = { 1, 2, 4, 8 };

/* ---- Discovery ----------------------------------------------------------- */

static void identity(void **state)
{
	static const struct {
		u32 id, class;
	} cases[] = {
		{ 1, 0x020000 }, { 2, 0x010000 },  { 3, 0x078000 },
		{ 4, 0x00ff00 }, { 5, 0x00ff00 },  { 8, 0x010000 },
		{ 9, 0x00ff00 }, { 26, 0x018000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rig_params params = { .id = cases[i].id };

		rig_create(&params);
		assert_int_equal(rig_get(PCI_VENDOR_ID, 2), 0x1af4);
		assert_int_equal(rig_get(PCI_DEVICE_ID, 2),
				 0x1040 + cases[i].id);
		assert_int_equal(rig_get(PCI_CLASS_REVISION, 4),
				 cases[i].class << 8 | 1);
		assert_int_equal(rig_get(PCI_SUBSYSTEM_VENDOR_ID, 2), 0x1af4);
		/* EDK2 takes what is below for a device before virtio 1.0. */
		assert_true(rig_get(PCI_SUBSYSTEM_ID, 2) >= 0x40);
		assert_int_equal(rig_get(PCI_INTERRUPT_PIN, 1), 1);
		assert_int_equal(rig_get(PCI_HEADER_TYPE, 1), 0);
		rig_destroy();
	}
}

static void base_addresses(void **state)
{
	static const u32 sizes[PCI_BARS] = {
		0, 0xffff0000, 0, 0, 0xffffc00c, 0xffffffff,
	};

	(void)state;
	rig_set(PCI_COMMAND, 0, 2);
	for (u32 i = 0; i < PCI_BARS; i++) {
		rig_set(PCI_BASE_ADDRESS_0 + 4 * i, UINT32_MAX, 4);
		assert_int_equal(rig_get(PCI_BASE_ADDRESS_0 + 4 * i, 4),
				 sizes[i]);
	}
}

struct cap {
	u8 id, type, len;
	u32 offset, length;
};

static u32 check_cap(u32 at, const struct cap *cap)
{
	assert_int_equal(rig_get(at, 1), cap->id);
	assert_int_equal(at % 4, 0);
	if (cap->id == PCI_CAP_ID_VNDR) {
		assert_int_equal(rig_get(at + VIRTIO_PCI_CAP_LEN, 1), cap->len);
		assert_int_equal(rig_get(at + VIRTIO_PCI_CAP_CFG_TYPE, 1),
				 cap->type);
		assert_int_equal(rig_get(at + VIRTIO_PCI_CAP_BAR, 4),
				 cap->length ? 4 : 0);
		assert_int_equal(rig_get(at + VIRTIO_PCI_CAP_OFFSET, 4),
				 cap->offset);
		assert_int_equal(rig_get(at + VIRTIO_PCI_CAP_LENGTH, 4),
				 cap->length);
	}
	return rig_get(at + PCI_CAP_LIST_NEXT, 1);
}

/* In this order, and none inside of another. */
static void check_caps(const struct cap *caps, size_t n)
{
	u32 at = rig_get(PCI_CAPABILITY_LIST, 1), end = 0x40;

	assert_int_equal(rig_get(PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	for (size_t i = 0; i < n; i++) {
		assert_true(at >= end);
		end = at + caps[i].len;
		assert_true(end <= PCI_CONFIG_SIZE);
		at = check_cap(at, &caps[i]);
	}
	assert_int_equal(at, 0);
}

static const struct cap caps[] = {
	{ PCI_CAP_ID_MSIX, .len = PCI_CAP_MSIX_SIZEOF },
	{ PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_COMMON_CFG, 16, 0, COMMON_SIZE },
	{ PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_ISR_CFG, 16, RIG_ISR, 1 },
	{ PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_DEVICE_CFG, 16, RIG_DEVICE,
	  RIG_CONFIG },
	{ PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG, 20, RIG_NOTIFY,
	  4 * RIG_QUEUES },
	{ PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0 },
};

static void capabilities(void **state)
{
	u32 notify = rig_find(VIRTIO_PCI_CAP_NOTIFY_CFG), msix;

	(void)state;
	check_caps(caps, ARRAY_SIZE(caps));
	assert_int_equal(rig_get(notify + VIRTIO_PCI_NOTIFY_CAP_MULT, 4), 4);
	msix = rig_find_msix();
	assert_int_equal(rig_get(msix + PCI_MSIX_FLAGS, 2), RIG_QUEUES);
	assert_int_equal(rig_get(msix + PCI_MSIX_TABLE, 4), 1);
	assert_int_equal(rig_get(msix + PCI_MSIX_PBA, 4), 0x8001);
	/* Nothing of them can be written, but the last. */
	for (u32 at = 0x40; at < rig_find(VIRTIO_PCI_CAP_PCI_CFG); at++)
		if (at != msix + PCI_MSIX_FLAGS + 1)
			rig_set(at, ~rig_get(at, 1), 1);
	check_caps(caps, ARRAY_SIZE(caps));
	assert_int_equal(rig_get(notify + VIRTIO_PCI_NOTIFY_CAP_MULT, 4), 4);
}

/* Linux does not take a capability for it whose length is 0. */
static void no_configuration(void **state)
{
	const struct rig_params entropy = { .id = 4 };
	struct cap others[ARRAY_SIZE(caps)];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].type != VIRTIO_PCI_CAP_DEVICE_CFG)
			others[n++] = caps[i];
	rig_create(&entropy);
	check_caps(others, n);
	rig_place();
	assert_int_equal(rig_read(RIG_DEVICE, 4), 0);
	rig_write(RIG_DEVICE, 1, 1);
	rig_destroy();
}

/* ---- The registers of the common configuration --------------------------- */

/* All of them; but the last two, which are 0, in a state that shows them. */
static const struct {
	u32 offset;
	unsigned int width;
	u32 value;
} registers[] = {
	{ COMMON(DFSELECT), 4, 1 },
	{ COMMON(DF), 4, 0x101 },
	{ COMMON(GFSELECT), 4, 1 },
	{ COMMON(GF), 4, 1 },
	{ COMMON(MSIX), 2, 2 },
	{ COMMON(NUMQ), 2, RIG_QUEUES },
	{ COMMON(STATUS), 1, 0xb },
	{ COMMON(CFGGENERATION), 1, 1 },
	{ COMMON(Q_SELECT), 2, 1 },
	{ COMMON(Q_SIZE), 2, RIG_SIZE / 2 },
	{ COMMON(Q_MSIX), 2, 1 },
	{ COMMON(Q_ENABLE), 2, 1 },
	{ COMMON(Q_NOFF), 2, 1 },
	{ COMMON(Q_DESCLO), 4, (u32)RIG_DESC(1) },
	{ COMMON(Q_DESCHI), 4, RIG_DESC(1) >> 32 },
	{ COMMON(Q_AVAILLO), 4, (u32)RIG_DRIVER(1) },
	{ COMMON(Q_AVAILHI), 4, RIG_DRIVER(1) >> 32 },
	{ COMMON(Q_USEDLO), 4, (u32)RIG_USED(1) },
	{ COMMON(Q_USEDHI), 4, RIG_USED(1) >> 32 },
	{ COMMON(Q_NDATA), 2, 0 },
	{ COMMON(Q_RESET), 2, 0 },
};

static void fill_registers(void)
{
	rig_negotiate(RIG_FEATURES);
	rig_write(COMMON(DFSELECT), 1, 4);
	rig_write(COMMON(MSIX), 2, 2);
	rig_set_up_queue(1);
	rig_write(COMMON(Q_MSIX), 1, 2);
	virtio_config_changed(rig.vdev);
}

static void check_registers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		assert_int_equal(rig_read(registers[i].offset,
					  registers[i].width),
				 registers[i].value);
}

static bool is_register(u32 offset, unsigned int width)
{
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		if (registers[i].offset == offset &&
		    registers[i].width == width)
			return true;
	return false;
}

/* "The driver MUST access each field using the natural width". */
static void natural_widths(void **state)
{
	(void)state;
	fill_registers();
	check_registers();
	for (u32 at = 0; at < COMMON_SIZE + 16; at++)
		for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
			if (is_register(at, widths[i]))
				continue;
			assert_int_equal(rig_read(at, widths[i]), 0);
			rig_write(at, 0, widths[i]);
			rig_write(at, 0x0505050505050505, widths[i]);
		}
	check_registers();
	assert_int_equal(rig.resets, 0);
}

/* Of the device alone, and those of a queue that is enabled. */
static void not_writable(void **state)
{
	static const u32 fixed[] = {
		COMMON(DF),	   COMMON(NUMQ),     COMMON(CFGGENERATION),
		COMMON(Q_SIZE),	   COMMON(Q_ENABLE), COMMON(Q_NOFF),
		COMMON(Q_DESCLO),  COMMON(Q_DESCHI), COMMON(Q_AVAILLO),
		COMMON(Q_AVAILHI), COMMON(Q_USEDLO), COMMON(Q_USEDHI),
		COMMON(Q_NDATA),   COMMON(Q_RESET),
	};

	(void)state;
	fill_registers();
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		for (size_t j = 0; j < ARRAY_SIZE(widths); j++) {
			if (!is_register(fixed[i], widths[j]))
				continue;
			rig_write(fixed[i], 0, widths[j]);
			rig_write(fixed[i], 4, widths[j]);
		}
	check_registers();
}

static void features(void **state)
{
	static const u32 selectors[] = { 2, 3, 4, UINT32_MAX };

	(void)state;
	assert_int_equal(rig_read(COMMON(DF), 4), RIG_FEATURE);
	rig_write(COMMON(DFSELECT), 1, 4);
	assert_int_equal(rig_read(COMMON(DF), 4), 0x101);
	rig_negotiate(RIG_FEATURES);
	rig_write(COMMON(GFSELECT), 0, 4);
	assert_int_equal(rig_read(COMMON(GF), 4), RIG_FEATURE);
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		rig_write(COMMON(DFSELECT), selectors[i], 4);
		rig_write(COMMON(GFSELECT), selectors[i], 4);
		assert_int_equal(rig_read(COMMON(DFSELECT), 4), selectors[i]);
		assert_int_equal(rig_read(COMMON(GFSELECT), 4), selectors[i]);
		assert_int_equal(rig_read(COMMON(DF), 4), 0);
		assert_int_equal(rig_read(COMMON(GF), 4), 0);
	}
	assert_int_equal(rig_read(COMMON(STATUS), 1), 0xb);
	rig_status(0);
	rig_negotiate(VIRTQ_F_VERSION_1 | 1);
	assert_int_equal(rig_read(COMMON(STATUS), 1), 3);
}

/* Nothing is there, and what is written goes to no other queue. */
static void queues_that_are_not(void **state)
{
	static const u32 selectors[] = { RIG_QUEUES, VIRTIO_MAX_QUEUES,
					 0xffff };
	const struct virtio_pci *pci = rig.vdev->transport_data;

	(void)state;
	fill_registers();
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		rig_write(COMMON(Q_SELECT), selectors[i], 2);
		assert_int_equal(rig_read(COMMON(Q_SELECT), 2), selectors[i]);
		for (u32 at = COMMON(Q_SIZE); at < COMMON_SIZE; at += 2)
			for (unsigned int len = 2; len <= 4; len += 2) {
				rig_write(at, 1, len);
				assert_int_equal(rig_read(at, len),
						 at == COMMON(Q_MSIX) &&
								 len == 2
							 ? 0xffff
							 : 0);
			}
	}
	assert_int_equal(pci->vectors[RIG_QUEUES], 0);
	rig_write(COMMON(Q_SELECT), 1, 2);
	check_registers();
	rig_write(COMMON(Q_SELECT), 0, 2);
	assert_int_equal(rig_read(COMMON(Q_SIZE), 2), RIG_SIZE);
	assert_int_equal(rig_read(COMMON(Q_DESCLO), 4), 0);
}

/* The halves of an address in either order, each queue for itself. */
static void queue_registers(void **state)
{
	static const u32 areas[] = { COMMON(Q_DESCLO), COMMON(Q_AVAILLO),
				     COMMON(Q_USEDLO) };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(areas); i++) {
		rig_write(areas[i] + 4, 0x11223340 + i, 4);
		assert_int_equal(rig_read(areas[i], 4), 0);
		rig_write(areas[i], 0x55667780 + i, 4);
		assert_int_equal(rig_read(areas[i] + 4, 4), 0x11223340 + i);
		rig_write(areas[i] + 4, 0x99aabbc0 + i, 4);
	}
	rig_write(COMMON(Q_SIZE), 4, 2);
	rig_write(COMMON(Q_SELECT), 1, 2);
	for (u32 i = 0; i < ARRAY_SIZE(areas); i++)
		assert_int_equal(rig_read(areas[i], 4), 0);
	assert_int_equal(rig_read(COMMON(Q_SIZE), 2), RIG_SIZE);
	assert_int_equal(rig_read(COMMON(Q_NOFF), 2), 1);
	rig_write(COMMON(Q_SELECT), 0, 2);
	for (u32 i = 0; i < ARRAY_SIZE(areas); i++) {
		assert_int_equal(rig_read(areas[i], 4), 0x55667780 + i);
		assert_int_equal(rig_read(areas[i] + 4, 4), 0x99aabbc0 + i);
	}
	assert_int_equal(rig_read(COMMON(Q_SIZE), 2), 4);
	assert_int_equal(rig_read(COMMON(Q_NOFF), 2), 0);
	assert_int_equal(rig.vdev->queues[0].setup.desc, 0x99aabbc055667780);
	assert_int_equal(rig.vdev->queues[0].setup.driver, 0x99aabbc155667781);
	assert_int_equal(rig.vdev->queues[0].setup.device, 0x99aabbc255667782);
}

static void enable(void **state)
{
	(void)state;
	/* Not before the features are known. */
	rig_set_up_queue(0);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
	rig_negotiate(RIG_FEATURES);
	rig_write(COMMON(Q_ENABLE), 2, 2);
	rig_write(COMMON(Q_ENABLE), 0xffff, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
	rig_write(COMMON(Q_ENABLE), 1, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
	assert_int_equal(rig.vdev->queues[0].q.size, RIG_SIZE / 2);
	assert_ptr_equal(rig.vdev->queues[0].q.device, rig.ram + 0x2000);
	/* "The driver MUST NOT write a 0". */
	rig_write(COMMON(Q_ENABLE), 0, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 1);
	rig_write(COMMON(Q_SELECT), 1, 2);
	assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
}

/* ---- Status -------------------------------------------------------------- */

static void status(void **state)
{
	(void)state;
	assert_int_equal(rig_read(COMMON(STATUS), 1), 0);
	rig_bring_up();
	assert_int_equal(rig.starts, 1);
	assert_int_equal(rig.features, RIG_FEATURES);
	rig.vdev->transport->config_interrupt(rig.vdev);
	assert_true(rig.high);
	rig_status(0);
	assert_int_equal(rig_read(COMMON(STATUS), 1), 0);
	assert_int_equal(rig.stops, 1);
	assert_int_equal(rig.resets, 1);
	/* Also what came while it was stopped. */
	assert_false(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 0);
	for (u32 i = 0; i < RIG_QUEUES; i++) {
		rig_write(COMMON(Q_SELECT), i, 2);
		assert_int_equal(rig_read(COMMON(Q_ENABLE), 2), 0);
		assert_int_equal(rig_read(COMMON(Q_SIZE), 2), RIG_SIZE);
		assert_int_equal(rig_read(COMMON(Q_DESCLO), 4), 0);
	}
	rig_bring_up();
	assert_int_equal(rig.starts, 2);
}

static void needs_reset(void **state)
{
	(void)state;
	rig_bring_up();
	virtio_needs_reset(rig.vdev, "a test");
	assert_int_equal(rig_read(COMMON(STATUS), 1),
			 RIG_ALL_STATUS | VIRTIO_S_NEEDS_RESET);
	assert_int_equal(rig_read(RIG_ISR, 1), 2);
}

/* ---- The device's configuration ------------------------------------------ */

static void configuration(void **state)
{
	(void)state;
	assert_int_equal(rig_read(RIG_DEVICE, 1), 0x10);
	assert_int_equal(rig_read(RIG_DEVICE + 3, 1), 0x13);
	assert_int_equal(rig_read(RIG_DEVICE + 2, 2), 0x1312);
	assert_int_equal(rig_read(RIG_DEVICE + 1, 4), 0x14131211);
	assert_int_equal(rig_read(RIG_DEVICE, 8), 0x1716151413121110);
	/* Beyond the end, over it, and at the end of the page. */
	assert_int_equal(rig_read(RIG_DEVICE + RIG_CONFIG, 1), 0);
	assert_int_equal(rig_read(RIG_DEVICE + RIG_CONFIG - 4, 8), 0);
	assert_int_equal(rig_read(RIG_DEVICE + 0xfff, 1), 0);
	assert_int_equal(rig_read(RIG_DEVICE + 0xfff, 2), 0);
	/* Nor is any of it in the pages around. */
	assert_int_equal(rig_read(RIG_NOTIFY, 1), 0);
	assert_int_equal(rig_read(RIG_NOTIFY, 4), 0);
	assert_int_equal(rig_read(RIG_ISR + 0x10, 4), 0);
	rig_write(RIG_DEVICE + RIG_CONFIG - 4, ~0ULL, 8);
	rig_write(RIG_DEVICE + RIG_CONFIG, 1, 4);
	rig_write(RIG_DEVICE - 1, 1, 1);
	rig_write(RIG_ISR, 1, 1);
	rig_write(RIG_DEVICE + 11, 0xab, 1);
	rig_write(RIG_DEVICE + 8, 0xcdef, 2);
	assert_int_equal(rig_read(RIG_DEVICE + 8, 4), 0xab1acdef);
	rig_write(RIG_DEVICE, 0x0123456789abcdef, 8);
	assert_int_equal(rig_read(RIG_DEVICE, 8), 0x0123456789abcdef);
}

static void generation(void **state)
{
	(void)state;
	rig_bring_up();
	for (u32 i = 1; i <= 0x102; i++) {
		virtio_config_changed(rig.vdev);
		assert_int_equal(rig_read(COMMON(CFGGENERATION), 1), (u8)i);
	}
	assert_int_equal(rig_read(RIG_ISR, 1), 2);
}

/* ---- As a device of the machine ------------------------------------------ */

static void machine_reset(void **state)
{
	(void)state;
	rig_bring_up();
	rig_write(COMMON(Q_SELECT), 1, 2);
	rig_write(COMMON(Q_MSIX), 1, 2);
	rig_write(COMMON(DFSELECT), 1, 4);
	rig_write(COMMON(GFSELECT), 1, 4);
	virtio_config_changed(rig.vdev);
	rig.host->dev.ops->reset(&rig.host->dev);
	assert_int_equal(rig.stops, 1);
	assert_int_equal(rig.resets, 1);
	assert_false(rig.high);
	assert_int_equal(rig_get(PCI_COMMAND, 2), 0);
	assert_int_equal(rig_get(PCI_BASE_ADDRESS_0 + 16, 4), 0xc);
	assert_int_equal(rig_get(PCI_BASE_ADDRESS_0 + 20, 4), 0);
	assert_int_equal(rig_read(COMMON(NUMQ), 2), 0xffff);
	rig_place();
	assert_int_equal(rig_read(COMMON(DFSELECT), 4), 0);
	assert_int_equal(rig_read(COMMON(GFSELECT), 4), 0);
	assert_int_equal(rig_read(COMMON(Q_SELECT), 2), 0);
	rig_write(COMMON(Q_SELECT), 1, 2);
	assert_int_equal(rig_read(COMMON(Q_MSIX), 2), 0xffff);
	rig_bring_up();
}

static int count(const char *text, char c)
{
	int n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void statistics(void **state)
{
	struct json_writer json = { 0 };
	char *text = NULL;
	size_t len = 0;

	(void)state;
	rig_bring_up();
	for (int i = 0; i < 3; i++)
		rig_write(RIG_NOTIFY, 0, 2);
	virtio_config_changed(rig.vdev);
	virtio_config_changed(rig.vdev);
	json.out = open_memstream(&text, &len);
	json_begin_object(&json, NULL);
	rig.host->dev.ops->stats(&rig.host->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"disk\": {"));
	assert_non_null(strstr(text, "\"interrupts\": 2"));
	assert_non_null(strstr(text, "\"notifications\": 3"));
	assert_non_null(strstr(text, "\"model\": 2"));
	assert_int_equal(count(text, '{'), 2);
	assert_int_equal(count(text, '}'), 2);
	free(text);
}

static const struct rig_params console = { .id = 3, .config_size = 8 };

/* 31 have one. The model of the last is destroyed, and no other. */
static void no_slot(void **state)
{
	(void)state;
	rig_create(&console);
	for (int i = 2; i < 32; i++)
		assert_int_equal(virtio_pci_create(rig_model(&console),
						   rig.host, NULL),
				 0);
	assert_int_equal(rig.destroyed, 0);
	assert_int_equal(virtio_pci_create(rig_model(&console), rig.host, NULL),
			 -ENOSPC);
	assert_int_equal(rig.destroyed, 1);
	rig_destroy();
	assert_int_equal(rig.destroyed, 32);
}

static void no_memory(void **state)
{
	(void)state;
	for (int i = 1; i <= 2; i++) {
		rig.fail_alloc = i;
		assert_int_equal(virtio_pci_create(rig_model(&console),
						   rig.host, NULL),
				 -ENOMEM);
		assert_int_equal(rig.destroyed, i);
		assert_null(rig.host->slots[2]);
	}
	rig.destroyed = 0;
}

/* The models of disks have no such thing: their owner destroys them. */
static void model_of_an_owner(void **state)
{
	struct virtio_model_ops ops;
	struct virtio_device *vdev;

	(void)state;
	rig_create(&console);
	vdev = rig.vdev;
	ops = *vdev->ops;
	ops.destroy = NULL;
	vdev->ops = &ops;
	rig_destroy();
	assert_int_equal(rig.destroyed, 0);
	virtio_device_destroy(vdev);
	free(vdev);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),
		TEST(base_addresses),
		TEST(capabilities),
		cmocka_unit_test(no_configuration),
		TEST(natural_widths),
		TEST(not_writable),
		TEST(features),
		TEST(queues_that_are_not),
		TEST(queue_registers),
		TEST(enable),
		TEST(status),
		TEST(needs_reset),
		TEST(configuration),
		TEST(generation),
		TEST(machine_reset),
		TEST(statistics),
		cmocka_unit_test(no_slot),
		TEST(no_memory),
		cmocka_unit_test(model_of_an_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
