/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over MMIO, version 2 (virtio 1.4, "MMIO Device Register Layout").
 *
 * Registers are accessed on vCPU threads with the device's lock, but for
 * QueueNotify, which the model may be long about. Interrupts come from any
 * thread: the line is level triggered and high while a bit of InterruptStatus
 * is set, both under a lock of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "lkvm/virtio/mmio.h"
#include "lkvm/vmm/fdt.h"

#define MAGIC	0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR	0x4d564b4c /* "LKVM" */

#define REG_MAGIC	      0x000
#define REG_VERSION	      0x004
#define REG_DEVICE_ID	      0x008
#define REG_VENDOR_ID	      0x00c
#define REG_OFFERED	      0x010
#define REG_OFFERED_SEL	      0x014
#define REG_WANTED	      0x020
#define REG_WANTED_SEL	      0x024
#define REG_QUEUE_SEL	      0x030
#define REG_QUEUE_SIZE_MAX    0x034
#define REG_QUEUE_SIZE	      0x038
#define REG_QUEUE_READY	      0x044
#define REG_QUEUE_NOTIFY      0x050
#define REG_INTERRUPT_STATUS  0x060
#define REG_INTERRUPT_ACK     0x064
#define REG_STATUS	      0x070
#define REG_QUEUE_DESC	      0x080
#define REG_QUEUE_DRIVER      0x090
#define REG_QUEUE_DEVICE      0x0a0
#define REG_SHM_LEN	      0x0b0
#define REG_SHM_BASE	      0x0b8
#define REG_QUEUE_RESET	      0x0c0
#define REG_CONFIG_GENERATION 0x0fc
#define REG_CONFIG	      0x100

#define INTERRUPT_QUEUE	 1
#define INTERRUPT_CONFIG 2

static struct virtio_mmio *from_region(struct mmio_region *region)
{
	return container_of(region, struct virtio_mmio, region);
}

/* ---- Interrupts ---------------------------------------------------------- */

/*
 * Used buffers and a changed configuration share the line; the driver finds out
 * by InterruptStatus. irq_line_set() is called for changes alone, as each call
 * is one to KVM.
 */
static void raise(struct virtio_mmio *mmio, u32 bit)
{
	pthread_mutex_lock(&mmio->irq_lock);
	if (!mmio->interrupt_status)
		irq_line_set(&mmio->irq, true);
	mmio->interrupt_status |= bit;
	mmio->interrupts++;
	pthread_mutex_unlock(&mmio->irq_lock);
}

/* The line falls when the last cause has gone. */
static void acknowledge(struct virtio_mmio *mmio, u32 bits)
{
	pthread_mutex_lock(&mmio->irq_lock);
	if (mmio->interrupt_status && !(mmio->interrupt_status & ~bits))
		irq_line_set(&mmio->irq, false);
	mmio->interrupt_status &= ~bits;
	pthread_mutex_unlock(&mmio->irq_lock);
}

/* Under the lock, so that it agrees with the line. */
static u32 interrupt_status(struct virtio_mmio *mmio)
{
	u32 status;

	pthread_mutex_lock(&mmio->irq_lock);
	status = mmio->interrupt_status;
	pthread_mutex_unlock(&mmio->irq_lock);
	return status;
}

static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	(void)queue;
	raise(vdev->transport_data, INTERRUPT_QUEUE);
}

static void config_interrupt(struct virtio_device *vdev)
{
	raise(vdev->transport_data, INTERRUPT_CONFIG);
}

/* The selectors are no state of the device, and are kept. */
static void transport_reset(struct virtio_device *vdev)
{
	acknowledge(vdev->transport_data, ~0U);
}

/* A write of the queue's number to QueueNotify, and of no other. */
static int notify(struct virtio_device *vdev, unsigned int queue, int fd,
		  bool on)
{
	struct virtio_mmio *mmio = vdev->transport_data;
	u64 addr = mmio->region.base + REG_QUEUE_NOTIFY, match = queue;

	return (on ? ioeventfd_assign : ioeventfd_deassign)(
		mmio->irq.vm, addr, sizeof(u32), fd, &match);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.reset = transport_reset,
	.notify = notify,
};

/* ---- Registers ----------------------------------------------------------- */

/*
 * With the device's lock. What a driver must not read (virtio 1.4, "MMIO Device
 * Register Layout") is zero.
 */
static u32 read_register(struct virtio_mmio *mmio, u64 offset)
{
	struct virtio_device *vdev = mmio->vdev;

	switch (offset) {
	case REG_MAGIC:
		return MAGIC;
	case REG_VERSION:
		return VERSION;
	case REG_DEVICE_ID:
		return vdev->id;
	case REG_VENDOR_ID:
		return VENDOR;
	case REG_OFFERED:
		return virtio_get_offered(vdev, mmio->offered_sel);
	case REG_QUEUE_SIZE_MAX:
		return virtio_queue_max(vdev, mmio->queue_sel);
	case REG_QUEUE_READY:
		return virtio_queue_is_enabled(vdev, mmio->queue_sel);
	case REG_INTERRUPT_STATUS:
		return interrupt_status(mmio);
	case REG_STATUS:
		return virtio_get_status(vdev);
	/* "If there is no such region": drivers take 0 for one that is. */
	case REG_SHM_LEN:
	case REG_SHM_LEN + 4:
	case REG_SHM_BASE:
	case REG_SHM_BASE + 4:
		return UINT32_MAX;
	case REG_CONFIG_GENERATION:
		return atomic_load(&vdev->generation);
	default:
		return 0;
	}
}

/*
 * Addresses have 64 bits in two registers, of which the one at the higher
 * offset has the upper half. Without effect for a queue that is enabled, or
 * that there is not: virtio_setup() is NULL then.
 */
static void write_queue_register(struct virtio_mmio *mmio, u64 offset,
				 u32 value)
{
	struct virtq_setup *setup = virtio_setup(mmio->vdev, mmio->queue_sel);
	bool high = offset & 4;

	if (!setup)
		return;
	switch (offset & ~4ULL) {
	case REG_QUEUE_SIZE:
		setup->size = value;
		break;
	case REG_QUEUE_DESC:
		virtq_set_half(&setup->desc, high, value);
		break;
	case REG_QUEUE_DRIVER:
		virtq_set_half(&setup->driver, high, value);
		break;
	case REG_QUEUE_DEVICE:
		virtq_set_half(&setup->device, high, value);
		break;
	}
}

/*
 * With the device's lock, which virtio_set_status() and the like want. To write
 * a register that is read only has no effect. QueueNotify does not come here,
 * see mmio_write().
 */
static void write_register(struct virtio_mmio *mmio, u64 offset, u32 value)
{
	struct virtio_device *vdev = mmio->vdev;

	switch (offset) {
	case REG_OFFERED_SEL:
		mmio->offered_sel = value;
		break;
	case REG_WANTED:
		virtio_set_wanted(vdev, mmio->wanted_sel, value);
		break;
	case REG_WANTED_SEL:
		mmio->wanted_sel = value;
		break;
	case REG_QUEUE_SEL:
		mmio->queue_sel = value;
		break;
	case REG_QUEUE_READY:
		if (value & 1)
			virtio_queue_enable(vdev, mmio->queue_sel);
		else
			virtio_queue_disable(vdev, mmio->queue_sel);
		break;
	case REG_QUEUE_RESET:
		if (value & 1)
			virtio_queue_reset(vdev, mmio->queue_sel);
		break;
	case REG_INTERRUPT_ACK:
		acknowledge(mmio, value);
		break;
	case REG_STATUS:
		virtio_set_status(vdev, value);
		break;
	default:
		write_queue_register(mmio, offset, value);
		break;
	}
}

/* ---- Accesses ------------------------------------------------------------ */

/* Registers are 32 bits wide, the configuration is of any width. */
static u64 mmio_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct virtio_mmio *mmio = from_region(region);
	u64 value = 0;

	pthread_mutex_lock(&mmio->vdev->lock);
	if (offset >= REG_CONFIG)
		virtio_read_config(mmio->vdev, offset - REG_CONFIG, &value,
				   len);
	else if (len == sizeof(u32) && IS_ALIGNED(offset, sizeof(u32)))
		value = read_register(mmio, offset);
	pthread_mutex_unlock(&mmio->vdev->lock);
	return value;
}

/*
 * A notification takes no lock of the device's: it may have the model serve the
 * queue on this thread, which takes long, and other vCPUs would wait for a
 * register meanwhile.
 */
static void mmio_write(struct mmio_region *region, u64 offset, u64 value,
		       unsigned int len)
{
	struct virtio_mmio *mmio = from_region(region);

	if (offset == REG_QUEUE_NOTIFY && len == sizeof(u32)) {
		atomic_fetch_add_explicit(&mmio->kicks, 1,
					  memory_order_relaxed);
		virtio_kick(mmio->vdev, (u32)value);
		return;
	}
	pthread_mutex_lock(&mmio->vdev->lock);
	if (offset >= REG_CONFIG)
		virtio_write_config(mmio->vdev, offset - REG_CONFIG, &value,
				    len);
	else if (len == sizeof(u32) && IS_ALIGNED(offset, sizeof(u32)))
		write_register(mmio, offset, (u32)value);
	pthread_mutex_unlock(&mmio->vdev->lock);
}

static const struct mmio_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* ---- The device ---------------------------------------------------------- */

/*
 * Linux: Documentation/devicetree/bindings/virtio/mmio.yaml. Without
 * dma-coherent it would access the rings past the caches.
 */
static void fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct virtio_mmio *mmio = container_of(dev, struct virtio_mmio, dev);

	fdt_node_begin_unit(fdt, "virtio_mmio", mmio->region.base);
	fdt_prop_string(fdt, "compatible", "virtio,mmio");
	fdt_prop_reg1(fdt, mmio->region.base, mmio->region.size);
	fdt_prop_interrupt(fdt, &mmio->irq);
	fdt_prop_empty(fdt, "dma-coherent");
	fdt_node_end(fdt);
}

/* By the machine: all is as after power-on. */
static void device_reset(struct device *dev)
{
	struct virtio_mmio *mmio = container_of(dev, struct virtio_mmio, dev);

	pthread_mutex_lock(&mmio->vdev->lock);
	virtio_set_status(mmio->vdev, 0);
	mmio->offered_sel = mmio->wanted_sel = mmio->queue_sel = 0;
	pthread_mutex_unlock(&mmio->vdev->lock);
}

/* Notifications that KVM has taken are not among them. */
static void stats(struct device *dev, struct json_writer *json)
{
	struct virtio_mmio *mmio = container_of(dev, struct virtio_mmio, dev);

	pthread_mutex_lock(&mmio->irq_lock);
	json_u64(json, "interrupts", mmio->interrupts);
	pthread_mutex_unlock(&mmio->irq_lock);
	json_u64(json, "notifications", atomic_load(&mmio->kicks));
	if (mmio->vdev->ops->stats)
		mmio->vdev->ops->stats(mmio->vdev, json);
}

/* A model that is part of something else has no `destroy`. */
static void destroy_model(struct virtio_device *vdev)
{
	if (vdev->ops->destroy)
		vdev->ops->destroy(vdev);
}

/*
 * The reset stops whatever serves queues, so that nobody uses the model, nor
 * raises the line, while it is destroyed.
 */
static void destroy(struct device *dev)
{
	struct virtio_mmio *mmio = container_of(dev, struct virtio_mmio, dev);

	device_reset(dev);
	destroy_model(mmio->vdev);
	pthread_mutex_destroy(&mmio->irq_lock);
	free(mmio);
}

static const struct device_ops device_ops = {
	.fdt_node = fdt_node,
	.reset = device_reset,
	.stats = stats,
	.destroy = destroy,
};

/* The region comes last, when all is there that an access needs. */
int virtio_mmio_create(const struct virtio_mmio_params *params,
		       struct mmio_bus *bus, struct virtio_mmio **out)
{
	struct virtio_mmio *mmio = calloc(1, sizeof(*mmio));
	int ret;

	if (!mmio) {
		destroy_model(params->vdev);
		return -ENOMEM;
	}
	mmio->dev = (struct device) { .name = params->vdev->name,
				      .ops = &device_ops };
	mmio->region = (struct mmio_region) { .name = params->vdev->name,
					      .base = params->base,
					      .size = VIRTIO_MMIO_SIZE,
					      .ops = &mmio_ops };
	mmio->irq = params->irq;
	mmio->vdev = params->vdev;
	mmio->vdev->transport = &transport_ops;
	mmio->vdev->transport_data = mmio;
	pthread_mutex_init(&mmio->irq_lock, NULL);
	ret = mmio_bus_add(bus, &mmio->region);
	if (ret) {
		destroy(&mmio->dev);
		return ret;
	}
	*out = mmio;
	return 0;
}
