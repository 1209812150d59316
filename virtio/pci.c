/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over PCI, modern devices only (virtio 1.4, "Virtio Over PCI Bus").
 *
 * Layout, as QEMU has it: MSI-X in the range of base address 1, all else in
 * that of 4, a page for each structure. Registers are accessed with the
 * device's lock, but for notifications. Interrupts are pci_irq.c's. What KVM is
 * told about notifications has a lock of its own:
 * the range that they are in may be moved while queues are in use.
 *
 * The bridge's lock may be held by whoever accesses a range (by the capability
 * for that), so nothing here takes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/pci.h"
#include "pci_irq.h"

/* virtio 1.4, "PCI Device Discovery". EDK2 wants a subsystem ID from 0x40 on.
 */
#define VENDOR	     0x1af4
#define DEVICE_BASE  0x1040
#define SUBSYSTEM    0x1100
#define REVISION     1
#define SYSTEM_CLASS 0x00ff00 /* a device of no class */

#define BAR_MSIX      1
#define BAR_REGISTERS 4

#define MSIX_SIZE  SZ_64K
#define MSIX_TABLE 0
#define MSIX_PBA   (SZ_64K / 2)

#define REGISTERS_SIZE 0x4000
#define AT_COMMON      0x0000
#define AT_ISR	       0x1000
#define AT_DEVICE      0x2000
#define AT_NOTIFY      0x3000
#define PAGE	       0x1000

/* What comes behind the reset of a queue belongs to other features. */
#define COMMON_SIZE	  60
#define NOTIFY_MULTIPLIER 4U

static struct virtio_pci *from_function(struct pci_function *fn)
{
	return container_of(fn, struct virtio_pci, fn);
}

/* ---- Notifications that KVM passes on ------------------------------------ */

static u64 notify_address(const struct virtio_pci *pci, unsigned int queue)
{
	return pci->notify_base + AT_NOTIFY + queue * NOTIFY_MULTIPLIER;
}

/* With notify_lock. Without an address there is nothing to be told. */
static int tell_kvm(struct virtio_pci *pci, unsigned int queue, int fd, bool on)
{
	u64 addr = notify_address(pci, queue);

	if (pci->notify_base == PCI_NO_ADDRESS)
		return 0;
	return (on ? ioeventfd_assign : ioeventfd_deassign)(pci->vm, addr, 0,
							    fd, NULL);
}

/* What KVM refuses comes as exits, so it is not remembered. */
static int notify(struct virtio_device *vdev, unsigned int queue, int fd,
		  bool on)
{
	struct virtio_pci *pci = vdev->transport_data;
	int ret;

	pthread_mutex_lock(&pci->notify_lock);
	ret = tell_kvm(pci, queue, fd, on);
	pci->notify_fds[queue] = on && !ret ? fd : -1;
	pthread_mutex_unlock(&pci->notify_lock);
	return ret;
}

/*
 * A queue whose notifications KVM does not take at the new address, as another
 * one's are there, is notified by exits.
 */
static void moved(struct pci_function *fn, unsigned int bar, u64 from, u64 to)
{
	struct virtio_pci *pci = from_function(fn);

	(void)from;
	if (bar != BAR_REGISTERS)
		return;
	pthread_mutex_lock(&pci->notify_lock);
	for (unsigned int i = 0; i < pci->vdev->nr_queues; i++)
		if (pci->notify_fds[i] >= 0)
			tell_kvm(pci, i, pci->notify_fds[i], false);
	pci->notify_base = to;
	for (unsigned int i = 0; i < pci->vdev->nr_queues; i++)
		if (pci->notify_fds[i] >= 0 &&
		    tell_kvm(pci, i, pci->notify_fds[i], true))
			pr_guest(&pci->vdev->messages,
				 "%s: notifications of queue %u take exits",
				 pci->vdev->name, i);
	pthread_mutex_unlock(&pci->notify_lock);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = virtio_pci_queue_interrupt,
	.config_interrupt = virtio_pci_config_interrupt,
	.reset = virtio_pci_reset_interrupts,
	.notify = notify,
	.queue_irqfd = virtio_pci_queue_irqfd,
};

/* ---- Common configuration ------------------------------------------------ */

/* Of the selected queue; all of it is 0 for one that there is not. */
static u32 read_queue(struct virtio_pci *pci, u64 offset)
{
	const struct virtq_setup *setup =
		virtio_queue_setup(pci->vdev, pci->queue_sel);

	if (!setup)
		return offset == VIRTIO_PCI_COMMON_Q_MSIX ? VIRTIO_MSI_NO_VECTOR
							  : 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return setup->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return virtio_pci_get_vector(pci,
					     &pci->vectors[pci->queue_sel]);
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return virtio_queue_is_enabled(pci->vdev, pci->queue_sel);
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return pci->queue_sel;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return (u32)setup->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return (u32)(setup->desc >> 32);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return (u32)setup->driver;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return (u32)(setup->driver >> 32);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return (u32)setup->device;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return (u32)(setup->device >> 32);
	default:
		return 0;
	}
}

/* Registers of the device; those of a queue are read_queue()'s. */
static u32 read_common(struct virtio_pci *pci, u64 offset)
{
	struct virtio_device *vdev = pci->vdev;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return pci->offered_sel;
	case VIRTIO_PCI_COMMON_DF:
		return virtio_get_offered(vdev, pci->offered_sel);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return pci->wanted_sel;
	case VIRTIO_PCI_COMMON_GF:
		return virtio_get_wanted(vdev, pci->wanted_sel);
	case VIRTIO_PCI_COMMON_MSIX:
		return virtio_pci_get_vector(pci, &pci->config_vector);
	case VIRTIO_PCI_COMMON_NUMQ:
		return vdev->nr_queues;
	case VIRTIO_PCI_COMMON_STATUS:
		return virtio_get_status(vdev);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return (u8)atomic_load(&vdev->generation);
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return pci->queue_sel;
	default:
		return read_queue(pci, offset);
	}
}

/* What a queue is set up with can be written while it is not enabled. */
static void write_setup(struct virtio_pci *pci, u64 offset, u32 value)
{
	struct virtq_setup *setup = virtio_setup(pci->vdev, pci->queue_sel);
	bool high = offset & 4;

	if (!setup)
		return;
	switch (offset & ~4ULL) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		setup->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		virtq_set_half(&setup->desc, high, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		virtq_set_half(&setup->driver, high, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		virtq_set_half(&setup->device, high, value);
		break;
	}
}

/* Reading 0 then says that it has ended. The vector is as it was at first. */
static void reset_queue(struct virtio_pci *pci)
{
	if (pci->queue_sel >= pci->vdev->nr_queues ||
	    !(pci->vdev->features & VIRTQ_F_RING_RESET))
		return;
	virtio_queue_reset(pci->vdev, pci->queue_sel);
	virtio_pci_set_vector(pci, pci->queue_sel, VIRTIO_MSI_NO_VECTOR);
}

/* A vector may be changed at any time, all else before the queue is enabled. */
static void write_queue(struct virtio_pci *pci, u64 offset, u32 value)
{
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
		if (pci->queue_sel < pci->vdev->nr_queues)
			virtio_pci_set_vector(pci, pci->queue_sel, (u16)value);
	} else if (offset == VIRTIO_PCI_COMMON_Q_ENABLE) {
		/* "The driver MUST NOT write a 0". */
		if (value == 1)
			virtio_queue_enable(pci->vdev, pci->queue_sel);
	} else if (offset == VIRTIO_PCI_COMMON_Q_RESET) {
		if (value == 1)
			reset_queue(pci);
	} else {
		write_setup(pci, offset, value);
	}
}

/* The selectors are no state of the device: no reset changes them. */
static void write_common(struct virtio_pci *pci, u64 offset, u32 value)
{
	struct virtio_device *vdev = pci->vdev;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		pci->offered_sel = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		pci->wanted_sel = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		virtio_set_wanted(vdev, pci->wanted_sel, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		virtio_pci_set_config_vector(pci, (u16)value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		virtio_set_status(vdev, value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		pci->queue_sel = (u16)value;
		break;
	default:
		write_queue(pci, offset, value);
		break;
	}
}

/*
 * "The driver MUST access each field using the natural method": how wide the
 * field at `offset` is, 0 if none begins there. Addresses are two of 32 bits.
 */
static unsigned int common_width(u64 offset)
{
	if (offset == VIRTIO_PCI_COMMON_STATUS ||
	    offset == VIRTIO_PCI_COMMON_CFGGENERATION)
		return 1;
	if (offset >= COMMON_SIZE)
		return 0;
	if (offset < VIRTIO_PCI_COMMON_MSIX ||
	    (offset >= VIRTIO_PCI_COMMON_Q_DESCLO &&
	     offset < VIRTIO_PCI_COMMON_Q_NDATA))
		return IS_ALIGNED(offset, 4) ? 4 : 0;
	return IS_ALIGNED(offset, 2) ? 2 : 0;
}

/* ---- Ranges -------------------------------------------------------------- */

static u64 read_registers(struct virtio_pci *pci, u64 offset, unsigned int len)
{
	u64 value = 0;

	if (offset == AT_ISR && len == 1)
		return virtio_pci_read_isr(pci);
	pthread_mutex_lock(&pci->vdev->lock);
	if (len == common_width(offset))
		value = read_common(pci, offset);
	else if (offset >= AT_DEVICE && offset < AT_NOTIFY)
		virtio_read_config(pci->vdev, offset - AT_DEVICE, &value, len);
	pthread_mutex_unlock(&pci->vdev->lock);
	return value;
}

/* A notification may take long, and takes no lock of the device's. */
static void write_registers(struct virtio_pci *pci, u64 offset, u64 value,
			    unsigned int len)
{
	if (offset >= AT_NOTIFY) {
		atomic_fetch_add_explicit(&pci->kicks, 1, memory_order_relaxed);
		virtio_kick(pci->vdev, (unsigned int)((offset - AT_NOTIFY) /
						      NOTIFY_MULTIPLIER));
		return;
	}
	pthread_mutex_lock(&pci->vdev->lock);
	if (len == common_width(offset))
		write_common(pci, offset, (u32)value);
	else if (offset >= AT_DEVICE)
		virtio_write_config(pci->vdev, offset - AT_DEVICE, &value, len);
	pthread_mutex_unlock(&pci->vdev->lock);
}

/* MSI-X has a range of its own, as QEMU has it. */
static u64 range_read(struct pci_function *fn, unsigned int bar, u64 offset,
		      unsigned int len)
{
	if (bar == BAR_REGISTERS)
		return read_registers(from_function(fn), offset, len);
	if (offset >= MSIX_PBA)
		return pci_msix_read_pending(fn, offset - MSIX_PBA, len);
	return pci_msix_read(fn, offset - MSIX_TABLE, len);
}

static void range_write(struct pci_function *fn, unsigned int bar, u64 offset,
			u64 value, unsigned int len)
{
	if (bar == BAR_REGISTERS)
		write_registers(from_function(fn), offset, value, len);
	else if (offset < MSIX_PBA)
		pci_msix_write(fn, offset - MSIX_TABLE, value, len);
}

/* ---- The capability to access ranges by ---------------------------------- */

/* Where it leads, if it is an access to the registers that is allowed. */
static bool access_is_good(struct pci_function *fn, u32 *offset, u32 *len)
{
	u32 cap = from_function(fn)->access;
	u32 bar = pci_config_get(fn, cap + offsetof(struct virtio_pci_cap, bar),
				 1);

	*offset = pci_config_get(
		fn, cap + offsetof(struct virtio_pci_cap, offset), 4);
	*len = pci_config_get(fn, cap + offsetof(struct virtio_pci_cap, length),
			      4);
	return bar == BAR_REGISTERS && (*len == 1 || *len == 2 || *len == 4) &&
	       IS_ALIGNED(*offset, *len) && *offset < REGISTERS_SIZE;
}

/* True if an access of configuration space has a part of the data register. */
static bool touches_data(struct pci_function *fn, u32 offset, u32 len, u32 *at)
{
	*at = from_function(fn)->access +
	      offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	return range_overlaps(offset, len, *at, sizeof(u32));
}

/* The value is fetched before the register is read. */
static void config_read(struct pci_function *fn, u32 offset, u32 len)
{
	u32 at, from, n;

	if (touches_data(fn, offset, len, &at) && access_is_good(fn, &from, &n))
		pci_config_set(fn, at, n,
			       (u32)range_read(fn, BAR_REGISTERS, from, n));
}

/* The register holds the value by then. */
static void config_written(struct pci_function *fn, u32 offset, u32 len)
{
	u32 at, to, n;

	if (touches_data(fn, offset, len, &at) && access_is_good(fn, &to, &n))
		range_write(fn, BAR_REGISTERS, to, pci_config_get(fn, at, n),
			    n);
}

/* ---- The function -------------------------------------------------------- */

static void function_reset(struct pci_function *fn)
{
	struct virtio_pci *pci = from_function(fn);

	pthread_mutex_lock(&pci->vdev->lock);
	virtio_set_status(pci->vdev, 0);
	pci->offered_sel = pci->wanted_sel = 0;
	pci->queue_sel = 0;
	pthread_mutex_unlock(&pci->vdev->lock);
}

static void function_stats(struct pci_function *fn, struct json_writer *json)
{
	struct virtio_pci *pci = from_function(fn);

	pthread_mutex_lock(&pci->irq_lock);
	json_u64(json, "interrupts", pci->interrupts);
	pthread_mutex_unlock(&pci->irq_lock);
	if (pci->irqfds)
		json_u64(json, "irqfds", pci_irqfd_binds(fn));
	json_u64(json, "notifications", atomic_load(&pci->kicks));
	if (pci->vdev->ops->stats)
		pci->vdev->ops->stats(pci->vdev, json);
}

static void destroy_model(struct virtio_device *vdev)
{
	if (vdev->ops->destroy)
		vdev->ops->destroy(vdev);
}

/* The bridge's lock is held, and no other that is taken here. */
static void set_master(struct pci_function *fn, bool on)
{
	struct virtio_pci *pci = from_function(fn);

	pthread_mutex_lock(&pci->vdev->lock);
	virtio_set_master(pci->vdev, on);
	pthread_mutex_unlock(&pci->vdev->lock);
}

/* The model goes first: its threads use the function's interrupts. */
static void function_destroy(struct pci_function *fn)
{
	struct virtio_pci *pci = from_function(fn);

	function_reset(fn);
	destroy_model(pci->vdev);
	virtio_pci_free_irqfds(pci);
	pci_function_destroy(fn);
	pthread_mutex_destroy(&pci->notify_lock);
	pthread_mutex_destroy(&pci->irq_lock);
	free(pci);
}

static const struct pci_function_ops function_ops = {
	.read = range_read,
	.write = range_write,
	.moved = moved,
	.set_master = set_master,
	.config_read = config_read,
	.config_written = config_written,
	.reset = function_reset,
	.stats = function_stats,
	.destroy = function_destroy,
};

/* PCI Code and ID Assignment 1.11: what installers and udev go by. */
static u32 class_of(u32 id)
{
	switch (id) {
	case VIRTIO_ID_NET:
		return 0x020000;
	case VIRTIO_ID_BLOCK:
	case VIRTIO_ID_SCSI:
		return 0x010000;
	case VIRTIO_ID_CONSOLE:
		return 0x078000;
	case VIRTIO_ID_FS:
		return 0x018000;
	default:
		return SYSTEM_CLASS;
	}
}

/* "Virtio Structure PCI Capabilities" */
static u32 add_cap(struct pci_function *fn, u8 type, u32 offset, u32 length,
		   u32 size)
{
	u32 cap = pci_add_cap(fn, PCI_CAP_ID_VNDR, size);

	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, cap_len), 1,
		       size);
	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, cfg_type), 1,
		       type);
	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, bar), 1,
		       BAR_REGISTERS);
	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, offset), 4,
		       offset);
	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, length), 4,
		       length);
	return cap;
}

/* Linux takes no device with an empty configuration of its own. */
static void add_caps(struct virtio_pci *pci)
{
	struct pci_function *fn = &pci->fn;
	u32 notify_size = pci->vdev->nr_queues * NOTIFY_MULTIPLIER, cap;

	add_cap(fn, VIRTIO_PCI_CAP_COMMON_CFG, AT_COMMON, COMMON_SIZE,
		sizeof(struct virtio_pci_cap));
	add_cap(fn, VIRTIO_PCI_CAP_ISR_CFG, AT_ISR, 1,
		sizeof(struct virtio_pci_cap));
	if (pci->vdev->config_size)
		add_cap(fn, VIRTIO_PCI_CAP_DEVICE_CFG, AT_DEVICE,
			pci->vdev->config_size, sizeof(struct virtio_pci_cap));
	cap = add_cap(fn, VIRTIO_PCI_CAP_NOTIFY_CFG, AT_NOTIFY, notify_size,
		      sizeof(struct virtio_pci_notify_cap));
	pci_config_set(fn,
		       cap + offsetof(struct virtio_pci_notify_cap,
				      notify_off_multiplier),
		       4, NOTIFY_MULTIPLIER);
	cap = add_cap(fn, VIRTIO_PCI_CAP_PCI_CFG, 0, 0,
		      sizeof(struct virtio_pci_cfg_cap));
	pci->access = cap;
	/* As after a reset, which clears what the driver can write. */
	pci_config_set(fn, cap + offsetof(struct virtio_pci_cap, bar), 1, 0);
	pci_config_writable(fn, cap + offsetof(struct virtio_pci_cap, bar), 1,
			    UINT8_MAX);
	pci_config_writable(fn, cap + offsetof(struct virtio_pci_cap, offset),
			    4, UINT32_MAX);
	pci_config_writable(fn, cap + offsetof(struct virtio_pci_cap, length),
			    4, UINT32_MAX);
	pci_config_writable(
		fn, cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), 4,
		UINT32_MAX);
}

/* One vector for each queue and one for the configuration. */
static int add_msix(struct virtio_pci *pci, const struct pci_host *host)
{
	unsigned int nr_queues = pci->vdev->nr_queues;
	int ret;

	pci_add_bar(&pci->fn, BAR_MSIX, MSIX_SIZE, 0);
	ret = pci_add_msix(&pci->fn, nr_queues + 1, BAR_MSIX, MSIX_TABLE,
			   MSIX_PBA);
	if (ret || !host->params.route_msi)
		return ret;
	pci->irqfds = calloc(nr_queues, sizeof(*pci->irqfds));
	return pci->irqfds ? 0 : -ENOMEM;
}

static int fill(struct virtio_pci *pci, const struct pci_host *host)
{
	struct pci_function *fn = &pci->fn;
	int ret = 0;

	fn->ops = &function_ops;
	fn->name = pci->vdev->name;
	fn->vendor = fn->subsystem_vendor = VENDOR;
	fn->device = (u16)(DEVICE_BASE + pci->vdev->id);
	fn->subsystem = SUBSYSTEM;
	fn->revision = REVISION;
	fn->class = class_of(pci->vdev->id);
	pci_function_init(fn);
	if (host->params.send_msi)
		ret = add_msix(pci, host);
	pci_add_bar(fn, BAR_REGISTERS, REGISTERS_SIZE,
		    PCI_BASE_ADDRESS_MEM_TYPE_64 |
			    PCI_BASE_ADDRESS_MEM_PREFETCH);
	add_caps(pci);
	return ret;
}

/* Without a vector at first, like after each reset. */
int virtio_pci_create(struct virtio_device *vdev, struct pci_host *host,
		      u32 *slot)
{
	struct virtio_pci *pci = calloc(1, sizeof(*pci));
	int ret;

	if (!pci) {
		destroy_model(vdev);
		return -ENOMEM;
	}
	pci->vdev = vdev;
	pci->vm = host->params.intx.vm;
	pci->notify_base = PCI_NO_ADDRESS;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		pci->notify_fds[i] = -1;
	pthread_mutex_init(&pci->irq_lock, NULL);
	pthread_mutex_init(&pci->notify_lock, NULL);
	vdev->transport = &transport_ops;
	vdev->transport_data = pci;
	virtio_set_master(vdev, false);
	pci->fn.host = host;
	ret = fill(pci, host);
	if (!ret)
		ret = pci_plug(host, &pci->fn);
	virtio_pci_reset_interrupts(vdev);
	if (ret) {
		function_destroy(&pci->fn);
		return ret;
	}
	if (slot)
		*slot = pci->fn.slot;
	return 0;
}
