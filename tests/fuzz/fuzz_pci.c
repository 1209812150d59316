/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: pci/host.c pci/function.c pci/decode.c pci/msix.c */
/* SOURCES: virtio/pci.c virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/gmem.c vmm/mmio.c */
/* SOURCES: vmm/fdt.c util/json.c util/log.c util/output.c */
/*
 * A bridge with two functions, one of them a virtio device, driven by fuzz
 * input. What configuration space says decides which access a function gets,
 * where KVM takes notifications, and which interrupts there may be.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/log.h"
#include "lkvm/virtio/pci.h"
#include "lkvm/vmm/gmem.h"
#include "irqfds.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ECAM	  0x3f000000ULL
#define MMIO32	  0x10000000ULL
#define MMIO64	  0x8000000000ULL
#define IO	  0x3eff0000ULL
#define WINDOW	  (16ULL * SZ_1M)
#define SPI	  3U
#define CONFIG	  12U
#define RAM_SIZE  SZ_64K
#define NOTIFY_AT 0x3000U

#define PLAIN	 1U /* slots */
#define VIRTIO	 2U
#define NR_SLOTS 3U
#define PBA	 0x800U

#define WRITABLE_COMMAND                                            \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
	 PCI_COMMAND_INTX_DISABLE)

/* What one byte of input does; its lowest two bits are a width. */
enum action {
	CONFIG_GET = 0x00, /* of slot 0 to 3 */
	CONFIG_SET = 0x20,
	ANY_CONFIG = 0x40, /* anywhere in the ECAM */
	ANY_WINDOW = 0x60, /* anywhere in a window */
	RANGE = 0x80,	   /* near a base address */
	PLACE = 0xa0,
	EVENT = 0xc0, /* what the host does */
	RESET = 0xe0,
};

/* Of ANY_CONFIG, ANY_WINDOW and RANGE. */
#define WRITES 0x10

/* The first byte. */
enum kind {
	NO_MSI = 0x01,
	NO_NOTIFY = 0x02, /* KVM refuses */
	NO_IRQFD = 0x04,
};

/* Which function was asked for what. */
struct hit {
	struct pci_function *fn;
	unsigned int bar, len;
	u64 offset;
};

static struct {
	u8 kind;
	struct mmio_bus bus;
	struct gmem mem;
	struct pci_host *host;
	struct pci_function plain;
	struct virtio_device vdev;
	struct pci_function_ops virtio_ops; /* wrapped() ones call these */
	struct pci_function_ops wrapped;
	u8 ram[RAM_SIZE];
	u32 header[NR_SLOTS][PCI_STD_HEADER_SIZEOF / 4];
	struct hit hit;
	bool lines[PCI_INTX_LINES];
	bool running;
	bool told[QUEUES];
	u64 notified[QUEUES];
} t;

static u32 take_n(struct input *in, unsigned int n)
{
	u32 value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (u32)take(in) << 8 * i;
	return value;
}

/* ---- The host ------------------------------------------------------------ */

static u32 get(u32 slot, u32 reg, unsigned int len)
{
	return (u32)mmio_bus_read(&t.bus, ECAM + (slot << 15) + reg, len);
}

static void set(u32 slot, u32 reg, u32 value, unsigned int len)
{
	mmio_bus_write(&t.bus, ECAM + (slot << 15) + reg, value, len);
}

void irq_line_set(const struct irq_line *line, bool high)
{
	require(line->gsi >= SPI && line->gsi < SPI + PCI_INTX_LINES);
	require(t.lines[line->gsi - SPI] != high);
	t.lines[line->gsi - SPI] = high;
}

/* The bridge's lock may be held; there is only one thread. */
static void send_msi(void *opaque, u32 id, u64 address, u32 data)
{
	struct pci_function *fn = t.host->slots[id >> 3];
	u32 flags = pci_config_get(fn, fn->msix.cap + PCI_MSIX_FLAGS, 2);

	(void)address;
	(void)data;
	require(opaque == &t && !(t.kind & NO_MSI));
	require(id >> 3 == PLAIN || id >> 3 == VIRTIO);
	require(pci_config_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	require(flags & PCI_MSIX_FLAGS_ENABLE &&
		!(flags & PCI_MSIX_FLAGS_MASKALL));
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	(void)vm;
	require(!len && !match && (u32)fd < QUEUES && !t.notified[fd]);
	if (t.kind & NO_NOTIFY)
		return -ENOSPC;
	t.notified[fd] = addr;
	return 0;
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match)
{
	(void)vm;
	require(!len && !match && (u32)fd < QUEUES);
	if (t.kind & NO_NOTIFY)
		return -ENOENT;
	require(t.notified[fd] == addr);
	t.notified[fd] = 0;
	return 0;
}

/* ---- Functions ----------------------------------------------------------- */

static void note(struct pci_function *fn, unsigned int bar, u64 offset,
		 unsigned int len)
{
	require(!t.hit.fn);
	t.hit = (struct hit) { fn, bar, len, offset };
}

static u64 plain_read(struct pci_function *fn, unsigned int bar, u64 offset,
		      unsigned int len)
{
	note(fn, bar, offset, len);
	if (bar != 1)
		return offset;
	return offset < PBA ? pci_msix_read(fn, offset, len)
			    : pci_msix_read_pending(fn, offset - PBA, len);
}

static void plain_write(struct pci_function *fn, unsigned int bar, u64 offset,
			u64 value, unsigned int len)
{
	note(fn, bar, offset, len);
	if (bar == 1)
		pci_msix_write(fn, offset, value, len);
}

static const struct pci_function_ops plain_ops = {
	.read = plain_read,
	.write = plain_write,
	.destroy = pci_function_destroy,
};

static u64 virtio_read(struct pci_function *fn, unsigned int bar, u64 offset,
		       unsigned int len)
{
	note(fn, bar, offset, len);
	return t.virtio_ops.read(fn, bar, offset, len);
}

static void virtio_write(struct pci_function *fn, unsigned int bar, u64 offset,
			 u64 value, unsigned int len)
{
	note(fn, bar, offset, len);
	t.virtio_ops.write(fn, bar, offset, value, len);
}

/* ---- The model ----------------------------------------------------------- */

static void read_config(struct virtio_device *dev, u32 offset, void *buf,
			u32 len)
{
	require(dev == &t.vdev && range_within(offset, len, 0, CONFIG));
	memset(buf, 0xa5, len);
}

static void write_config(struct virtio_device *dev, u32 offset, const void *buf,
			 u32 len)
{
	(void)buf;
	require(dev == &t.vdev && range_within(offset, len, 0, CONFIG));
}

static int start(struct virtio_device *dev)
{
	require(!t.running && dev->features & VIRTQ_F_VERSION_1);
	t.running = true;
	return 0;
}

static void stop(struct virtio_device *dev)
{
	(void)dev;
	require(t.running);
	t.running = false;
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	require(t.running && queue < QUEUES && dev->queues[queue].q.enabled);
	dev->transport->queue_interrupt(dev, queue);
}

static const struct virtio_model_ops model = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.stop = stop,
	.kick = kick,
};

/* ---- What configuration space says --------------------------------------- */

static u64 bar_size(u32 slot, u32 bar)
{
	static const u64 sizes[NR_SLOTS][PCI_BARS] = {
		[PLAIN] = { 64, SZ_4K, 0, 0, SZ_64K, 0 },
		[VIRTIO] = { 0, SZ_64K, 0, 0, 0x4000, 0 },
	};

	return slot == VIRTIO && bar == 1 && t.kind & NO_MSI ? 0
							     : sizes[slot][bar];
}

static u32 bar_flags(u32 slot, u32 bar)
{
	if (bar == 4 && slot != 0)
		return PCI_BASE_ADDRESS_MEM_TYPE_64 |
		       PCI_BASE_ADDRESS_MEM_PREFETCH;
	return slot == PLAIN && bar == 0 ? PCI_BASE_ADDRESS_SPACE_IO : 0;
}

static bool is_io(u32 slot, u32 bar)
{
	return bar_flags(slot, bar) & PCI_BASE_ADDRESS_SPACE_IO;
}

/* As the guest's CPUs see it, decoded or not. */
static u64 bar_address(u32 slot, u32 bar)
{
	u32 reg = PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 at = get(slot, reg, 4) - bar_flags(slot, bar);

	if (bar_flags(slot, bar) & PCI_BASE_ADDRESS_MEM_TYPE_64)
		at |= (u64)get(slot, reg + 4, 4) << 32;
	return is_io(slot, bar) ? IO + at : at;
}

static bool bar_is_decoded(u32 slot, u32 bar)
{
	u64 at = bar_address(slot, bar), size = bar_size(slot, bar);
	u32 command = get(slot, PCI_COMMAND, 2);

	if (!size)
		return false;
	if (is_io(slot, bar))
		return command & PCI_COMMAND_IO &&
		       range_within(at, size, IO, SZ_64K);
	return command & PCI_COMMAND_MEMORY &&
	       (range_within(at, size, MMIO32, WINDOW) ||
		range_within(at, size, MMIO64, WINDOW));
}

/* The first of all has it. */
static struct hit expected(u64 addr, unsigned int len)
{
	for (u32 slot = PLAIN; slot < NR_SLOTS; slot++)
		for (u32 bar = 0; bar < PCI_BARS; bar++) {
			u64 at = bar_address(slot, bar);

			if (bar_is_decoded(slot, bar) &&
			    range_within(addr, len, at, bar_size(slot, bar)))
				return (struct hit) { t.host->slots[slot], bar,
						      len, addr - at };
		}
	return (struct hit) { 0 };
}

static bool in_a_window(u64 addr, unsigned int len)
{
	return range_within(addr, len, MMIO32, WINDOW) ||
	       range_within(addr, len, MMIO64, WINDOW) ||
	       range_within(addr, len, IO, SZ_64K);
}

/* Bits that are always the same. */
static u32 fixed_bits(u32 reg)
{
	if (reg == PCI_COMMAND)
		return ~((u32)PCI_STATUS_INTERRUPT << 16 | WRITABLE_COMMAND);
	if (reg >= PCI_BASE_ADDRESS_0 && reg < PCI_CARDBUS_CIS)
		return 0;
	return reg == PCI_INTERRUPT_LINE ? ~0xffU : UINT32_MAX;
}

static void check_header(u32 slot)
{
	for (u32 reg = 0; reg < PCI_STD_HEADER_SIZEOF; reg += 4)
		require(!((get(slot, reg, 4) ^ t.header[slot][reg / 4]) &
			  fixed_bits(reg)));
}

/* The second half of one with 64 bits is checked with the first. */
static void check_bars(u32 slot)
{
	for (u32 bar = 0; bar < PCI_BARS; bar++) {
		u64 size = bar_size(slot, bar);
		u32 value = get(slot, PCI_BASE_ADDRESS_0 + 4 * bar, 4);

		if (size)
			require((value & (size - 1)) == bar_flags(slot, bar));
		else if (bar != 5 || slot == 0)
			require(!value);
	}
}

static void check_line(u32 slot)
{
	struct pci_function *fn = t.host->slots[slot];
	bool wanted = get(slot, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT;
	u32 off = get(slot, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;

	if (fn->msix.nr)
		off |= get(slot, fn->msix.cap + PCI_MSIX_FLAGS, 2) &
		       PCI_MSIX_FLAGS_ENABLE;
	require(t.lines[slot % PCI_INTX_LINES] == (wanted && !off));
}

static void check_notifications(void)
{
	u64 at = bar_address(VIRTIO, 4) + NOTIFY_AT;

	for (u32 i = 0; i < QUEUES; i++)
		require(t.notified[i] ==
			(t.told[i] && bar_is_decoded(VIRTIO, 4) &&
					 !(t.kind & NO_NOTIFY)
				 ? at + 4 * i
				 : 0));
}

static void check(void)
{
	for (u32 slot = 0; slot < NR_SLOTS; slot++) {
		check_header(slot);
		check_bars(slot);
		check_line(slot);
	}
	check_notifications();
	check_irqfds();
}

/* ---- Actions ------------------------------------------------------------- */

static void access_range(u64 addr, unsigned int len, bool writes, u64 value)
{
	struct hit hit = expected(addr, len);
	u64 ones = UINT64_MAX >> (64 - 8 * len);

	t.hit = (struct hit) { 0 };
	if (writes)
		mmio_bus_write(&t.bus, addr, value, len);
	else
		value = mmio_bus_read(&t.bus, addr, len);
	require(t.hit.fn == hit.fn && t.hit.bar == hit.bar &&
		t.hit.offset == hit.offset && t.hit.len == hit.len);
	if (!writes && !hit.fn && in_a_window(addr, len))
		require(value == ones);
}

static void access_window(u8 byte, struct input *in)
{
	static const u64 bases[] = { MMIO32, MMIO64, IO, MMIO32 };
	u64 addr = bases[byte >> 2 & 3] + take_n(in, 3);

	access_range(addr, 1U << (byte & 3), byte & WRITES, take_n(in, 4));
}

/* From 256 bytes below its beginning on. */
static void access_near(u8 byte, struct input *in)
{
	u8 which = take(in);
	u32 slot = PLAIN + which % 2U, bar = which / 2U % PCI_BARS;
	u64 addr = bar_address(slot, bar) - 256 + take_n(in, 3);

	access_range(addr, 1U << (byte & 3), byte & WRITES, take_n(in, 4));
}

/* As firmware does it, somewhere in windows that are large enough. */
static void place(u8 byte, struct input *in)
{
	u32 slot = PLAIN + byte % 2U;
	u64 at64 = byte & 2 ? MMIO64 : MMIO32;

	at64 += (take(in) & 0x3fULL) * SZ_64K;
	set(slot, PCI_BASE_ADDRESS_0, take(in) * 64U, 4);
	set(slot, PCI_BASE_ADDRESS_1, (u32)MMIO32 + take(in) * (u32)SZ_64K, 4);
	set(slot, PCI_BASE_ADDRESS_4, (u32)at64, 4);
	set(slot, PCI_BASE_ADDRESS_5, (u32)(at64 >> 32), 4);
	set(slot, PCI_COMMAND, take(in), 2);
}

static void event(u8 byte)
{
	const struct virtio_transport_ops *ops = t.vdev.transport;
	u32 n = byte & 1;

	switch (byte >> 1 & 7) {
	case 0:
		ops->queue_interrupt(&t.vdev, n);
		break;
	case 1:
		virtio_config_changed(&t.vdev);
		break;
	case 2:
		virtio_needs_reset(&t.vdev, "fuzz");
		break;
	case 3:
		if (ops->notify(&t.vdev, n, (int)n, !t.told[n]) == 0 ||
		    t.told[n])
			t.told[n] = !t.told[n];
		break;
	case 4:
		pci_set_intx(&t.plain, n);
		break;
	case 5:
		if (t.plain.msix.nr)
			pci_msix_notify(&t.plain, n);
		break;
	case 6:
		irqfds.wanted[n] = !irqfds.wanted[n];
		ops->queue_irqfd(&t.vdev, n, irqfds.wanted[n] ? (int)n : -1);
		break;
	default:
		break;
	}
}

static void act(struct input *in)
{
	u8 byte = take(in);
	unsigned int len = 1U << (byte & 3);
	u32 slot = byte >> 2 & 3;
	u64 addr;

	switch (byte & 0xe0) {
	case CONFIG_GET:
		get(slot, take(in), len);
		break;
	case CONFIG_SET:
		addr = take(in);
		set(slot, (u32)addr, take_n(in, 4), len);
		break;
	case ANY_CONFIG:
		addr = ECAM + take_n(in, 3);
		if (byte & WRITES)
			mmio_bus_write(&t.bus, addr, take_n(in, 4), len);
		else
			mmio_bus_read(&t.bus, addr, len);
		break;
	case ANY_WINDOW:
		access_window(byte, in);
		break;
	case RANGE:
		access_near(byte, in);
		break;
	case PLACE:
		place(byte, in);
		break;
	case EVENT:
		event(byte);
		break;
	case RESET:
		t.host->dev.ops->reset(&t.host->dev);
		require(!t.running);
		break;
	}
	check();
}

/* ---- Beginning ----------------------------------------------------------- */

static void plug_plain(void)
{
	struct pci_function *fn = &t.plain;

	fn->ops = &plain_ops;
	fn->name = "plain";
	fn->vendor = 0x1af4;
	fn->device = 0x1234;
	fn->class = 0x00ff00;
	pci_function_init(fn);
	for (u32 bar = 0; bar < PCI_BARS; bar++)
		if (bar_size(PLAIN, bar))
			pci_add_bar(fn, bar, bar_size(PLAIN, bar),
				    bar_flags(PLAIN, bar));
	if (!(t.kind & NO_MSI))
		require(!pci_add_msix(fn, 3, 1, 0, PBA));
	require(!pci_plug(t.host, fn));
}

static void plug_virtio(void)
{
	struct pci_function *fn;

	require(!gmem_add(&t.mem, 0, RAM_SIZE, t.ram));
	t.vdev.ops = &model;
	t.vdev.name = "fuzz";
	t.vdev.id = 2;
	t.vdev.config_size = CONFIG;
	t.vdev.offered = VIRTQ_F_VERSION_1;
	t.vdev.nr_queues = QUEUES;
	t.vdev.queue_size = 16;
	virtio_device_init(&t.vdev, &t.mem);
	irqfds.vdev = &t.vdev;
	require(!virtio_pci_create(&t.vdev, t.host, NULL));
	fn = t.host->slots[VIRTIO];
	t.virtio_ops = t.wrapped = *fn->ops;
	t.wrapped.read = virtio_read;
	t.wrapped.write = virtio_write;
	fn->ops = &t.wrapped;
}

static void create(u8 kind)
{
	struct pci_host_params params = {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 1,
		.mmio32 = MMIO32,
		.mmio32_size = WINDOW,
		.mmio64 = MMIO64,
		.mmio64_size = WINDOW,
		.io = IO,
		.io_size = SZ_64K,
		.intx = { .gsi = SPI, .trigger = IRQ_LEVEL_HIGH },
		.send_msi = kind & NO_MSI ? NULL : send_msi,
		.route_msi = kind & NO_IRQFD ? NULL : route_msi,
		.opaque = &t,
	};

	memset(&t, 0, sizeof(t));
	memset(&irqfds, 0, sizeof(irqfds));
	t.kind = kind;
	mmio_bus_init(&t.bus);
	require(!pci_host_create(&params, &t.bus, &t.host));
	plug_plain();
	plug_virtio();
	for (u32 slot = 0; slot < NR_SLOTS; slot++)
		for (u32 i = 0; i < PCI_STD_HEADER_SIZEOF / 4; i++)
			t.header[slot][i] = get(slot, 4 * i, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	log_set_level(LOG_LEVEL_ERROR);
	create(take(&in));
	check();
	while (in.size)
		act(&in);
	t.host->dev.ops->destroy(&t.host->dev);
	require(!t.running && !t.lines[VIRTIO]);
	virtio_device_destroy(&t.vdev);
	mmio_bus_destroy(&t.bus);
	return 0;
}
