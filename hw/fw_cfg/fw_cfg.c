/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers and the DMA of QEMU's firmware configuration device: QEMU,
 * docs/specs/fw_cfg, "Register Locations" and "Guest-side DMA Interface".
 * hw/fw_cfg/items.c has the items.
 *
 * A guest selects an item by its key, then reads it byte by byte from the data
 * register, or writes the address of a structure that describes a DMA transfer.
 * Registers are big-endian; the bus passes values as a little-endian CPU has
 * them, hence the swaps.
 *
 * Accesses come on vCPUs' threads; the device's lock guards selection and
 * offset. A transfer is complete when the access that starts it returns, so the
 * guest never sees one under way. What a guest gets wrong ends with DMA's error
 * bit or zeros, never with a message.
 */
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "items.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

#define REG_DATA     0x00
#define DATA_SIZE    8
#define REG_SELECTOR 0x08 /* 16 bits, big-endian */
#define REG_DMA	     0x10 /* 64 bits, big-endian */
#define REG_DMA_LOW  0x14

/* Bits of `control`. Only DMA_ERROR is an answer. */
#define DMA_ERROR  0x01
#define DMA_READ   0x02
#define DMA_SKIP   0x04
#define DMA_SELECT 0x08 /* the key is in bits 31:16 */
#define DMA_WRITE  0x10

#define FEATURE_TRADITIONAL 0x1
#define FEATURE_DMA	    0x2

/* The structure in guest memory that describes a transfer, big-endian. */
struct dma_access {
	u32 control;
	u32 length;
	u64 addr;
};

static const char signature[] = { 'Q', 'E', 'M', 'U' };
static const char dma_signature[] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

static struct fw_cfg *from_region(struct mmio_region *region)
{
	return container_of(region, struct fw_cfg, region);
}

static struct fw_cfg *from_device(struct device *dev)
{
	return container_of(dev, struct fw_cfg, dev);
}

/* A key without item is selected as NULL, which reads as zeros. */
static void fw_cfg_select(struct fw_cfg *fw, u16 key)
{
	fw->selected = fw_cfg_find(fw, key);
	fw->offset = 0;
	fw->stats.selects++;
}

/* How many of `len` bytes the item still has: `offset` never passes its end. */
static u32 available(const struct fw_cfg *fw, u32 len)
{
	u32 size = fw->selected ? (u32)fw->selected->data.len : 0;

	return MIN(size - fw->offset, len);
}

/* The next `len` bytes of the item, which it has. */
static int fetch(struct fw_cfg *fw, u8 *to, u32 len)
{
	const struct fw_cfg_data *data = &fw->selected->data;

	if (data->read)
		return data->read(data->opaque, fw->offset, to, len);
	memcpy(to, (const u8 *)data->bytes + fw->offset, len);
	return 0;
}

/*
 * Reading past the end of an item yields zeros, as QEMU has it; so does an item
 * whose source fails.
 */
static int take(struct fw_cfg *fw, u8 *to, u32 len)
{
	u32 n = available(fw, len);
	int ret = n ? fetch(fw, to, n) : 0;
	u32 got = ret ? 0 : n;

	memset(to + got, 0, len - got);
	fw->offset += n;
	fw->stats.bytes_read += got;
	return ret;
}

/*
 * gmem_ptr() only returns ordinary RAM, so no transfer reaches another device
 * or a flash.
 */
static int dma_read(struct fw_cfg *fw, u64 addr, u32 len)
{
	u8 *to = gmem_ptr(fw->ram, addr, len);

	return to ? take(fw, to, len) : -EFAULT;
}

/*
 * Of several commands in one structure the first in the order of the
 * specification counts: select, which goes with any other, then read, write,
 * skip. No item of lkvm's can be written, which a guest finds out by the error.
 */
static int transfer(struct fw_cfg *fw, const struct dma_access *access)
{
	u32 control = be32toh(access->control);
	u32 len = be32toh(access->length);
	u64 addr = be64toh(access->addr);

	if (control & DMA_SELECT)
		fw_cfg_select(fw, control >> 16);
	if (!len)
		return 0; /* whatever the address */
	if (control & DMA_READ)
		return dma_read(fw, addr, len);
	if (control & DMA_WRITE)
		return -EROFS;
	if (control & DMA_SKIP)
		fw->offset += available(fw, len);
	return 0;
}

/*
 * Another vCPU may poll the control word, hence the fence: the data must be
 * there before. The structure is read once, before it is checked. If it is not
 * in RAM there is nothing to answer to, unless its first word is.
 */
static void run_dma(struct fw_cfg *fw, u64 addr)
{
	struct dma_access access;
	u32 answer = 0;

	fw->stats.transfers++;
	if (gmem_read(fw->ram, addr, &access, sizeof(access)) ||
	    transfer(fw, &access)) {
		answer = htobe32(DMA_ERROR);
		fw->stats.errors++;
	}
	atomic_thread_fence(memory_order_release);
	gmem_write(fw->ram, addr, &answer, sizeof(answer));
}

/*
 * The data register takes accesses of any width within its 8 bytes. The DMA
 * address register reads as a signature, by which drivers find out that there
 * is DMA.
 */
static u64 read_register(struct fw_cfg *fw, u64 offset, unsigned int len)
{
	u8 bytes[sizeof(u64)] = { 0 };
	u64 value;

	if (offset + len <= REG_DATA + DATA_SIZE)
		take(fw, bytes, len);
	else if (offset >= REG_DMA)
		memcpy(bytes, &dma_signature[offset - REG_DMA], len);
	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static u64 fw_cfg_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct fw_cfg *fw = from_region(region);
	u64 value;

	pthread_mutex_lock(&fw->lock);
	value = read_register(fw, offset, len);
	pthread_mutex_unlock(&fw->lock);
	return value;
}

/*
 * `value` has the bytes of the access in little-endian order. The DMA address
 * may come in two halves, the upper one first; the lower one starts the
 * transfer.
 */
static void write_register(struct fw_cfg *fw, u64 offset, u64 value,
			   unsigned int len)
{
	u64 addr;

	if (offset == REG_SELECTOR && len == sizeof(u16)) {
		fw_cfg_select(fw, __builtin_bswap16((u16)value));
		return;
	}
	if (offset == REG_DMA && len == sizeof(u32)) {
		fw->dma_high = __builtin_bswap32((u32)value);
		return;
	}
	if (offset == REG_DMA && len == sizeof(u64))
		addr = __builtin_bswap64(value);
	else if (offset == REG_DMA_LOW && len == sizeof(u32))
		addr = (u64)fw->dma_high << 32 | __builtin_bswap32((u32)value);
	else
		return;
	fw->dma_high = 0;
	run_dma(fw, addr);
}

static void fw_cfg_write(struct mmio_region *region, u64 offset, u64 value,
			 unsigned int len)
{
	struct fw_cfg *fw = from_region(region);

	pthread_mutex_lock(&fw->lock);
	write_register(fw, offset, value, len);
	pthread_mutex_unlock(&fw->lock);
}

static const struct mmio_ops mmio_ops = {
	.read = fw_cfg_read,
	.write = fw_cfg_write,
};

/*
 * Linux: Documentation/devicetree/bindings/firmware/qemu,fw-cfg-mmio.yaml.
 * Transfers go through the cache, hence dma-coherent.
 */
static void fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	const struct fw_cfg *fw = from_device(dev);

	fdt_node_begin_unit(fdt, "fw-cfg", fw->region.base);
	fdt_prop_string(fdt, "compatible", "qemu,fw-cfg-mmio");
	fdt_prop_reg1(fdt, fw->region.base, fw->region.size);
	fdt_prop_empty(fdt, "dma-coherent");
	fdt_node_end(fdt);
}

/* The signature is selected, as at power-on. */
static void reset(struct device *dev)
{
	struct fw_cfg *fw = from_device(dev);

	pthread_mutex_lock(&fw->lock);
	fw->selected = fw_cfg_find(fw, FW_CFG_SIGNATURE);
	fw->offset = 0;
	fw->dma_high = 0;
	pthread_mutex_unlock(&fw->lock);
}

/* Copied under the lock and formatted without it, so that vCPUs do not wait. */
static void stats(struct device *dev, struct json_writer *json)
{
	struct fw_cfg *fw = from_device(dev);
	struct fw_cfg_stats now;

	pthread_mutex_lock(&fw->lock);
	now = fw->stats;
	pthread_mutex_unlock(&fw->lock);
	json_u64(json, "selects", now.selects);
	json_u64(json, "bytes_read", now.bytes_read);
	json_u64(json, "dma_transfers", now.transfers);
	json_u64(json, "dma_errors", now.errors);
}

static void destroy(struct device *dev)
{
	struct fw_cfg *fw = from_device(dev);

	fw_cfg_free_items(fw);
	pthread_mutex_destroy(&fw->lock);
	free(fw);
}

static const struct device_ops device_ops = {
	.fdt_node = fdt_node,
	.reset = reset,
	.stats = stats,
	.destroy = destroy,
};

/* The signature has to be the first item: insert() selects items[0]. */
static int add_standard_items(struct fw_cfg *fw)
{
	int ret = fw_cfg_add_bytes(fw, FW_CFG_SIGNATURE, signature,
				   sizeof(signature));

	if (!ret)
		ret = fw_cfg_add_u32(fw, FW_CFG_FEATURES,
				     FEATURE_TRADITIONAL | FEATURE_DMA);
	if (!ret)
		ret = fw_cfg_add_directory(fw);
	return ret;
}

int fw_cfg_create(const struct fw_cfg_params *params, struct mmio_bus *bus,
		  struct fw_cfg **out)
{
	struct fw_cfg *fw = calloc(1, sizeof(*fw));
	int ret;

	if (!fw)
		return -ENOMEM;
	fw->dev = (struct device) { .name = params->name, .ops = &device_ops };
	fw->region = (struct mmio_region) { .name = params->name,
					    .base = params->base,
					    .size = FW_CFG_MMIO_SIZE,
					    .ops = &mmio_ops };
	fw->ram = params->ram;
	pthread_mutex_init(&fw->lock, NULL);
	ret = add_standard_items(fw);
	if (!ret)
		ret = mmio_bus_add(bus, &fw->region);
	if (ret) {
		destroy(&fw->dev);
		return ret;
	}
	*out = fw;
	return 0;
}
