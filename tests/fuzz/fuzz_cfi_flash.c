/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c vmm/fdt.c util/json.c util/log.c util/output.c */
/* SOURCES: vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/*
 * A flash bank under random accesses, on a file in memory that may be shorter
 * than the bank: bits only go down or whole blocks up, the file holds what the
 * array does, and the guest sees the array iff both chips show it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/hw/cfi_flash.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

#define BASE	0x2000000
#define SIZE	0x4000
#define BLOCK	0x1000
#define BUSWORD 4

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* One bank, and its array as it was before an access. */
struct bank {
	struct mmio_bus bus;
	struct cfi_flash *flash;
	u8 before[SIZE];
	u8 file[SIZE];
	int fd;
	bool refuse; /* mapping fails */
};

static struct bank *bank;

static void require(bool what)
{
	if (!what)
		abort();
}

int memslot_init(struct memslot *slot, struct memslots *slots, u64 gpa,
		 u64 size, void *hva, bool readonly)
{
	*slot = (struct memslot) {
		.slots = slots,
		.gpa = gpa,
		.size = size,
		.hva = hva,
		.readonly = readonly,
	};
	return 0;
}

int memslot_map(struct memslot *slot)
{
	if (!slot->mapped && bank->refuse)
		return -ENOMEM;
	slot->mapped = true;
	return 0;
}

/* Nothing may have changed while the guest could see it. */
int memslot_unmap(struct memslot *slot)
{
	if (slot->mapped)
		require(!memcmp(bank->before, slot->hva, SIZE));
	slot->mapped = false;
	return 0;
}

void memslot_release(struct memslot *slot)
{
	slot->mapped = false;
}

/* Only mmio_ring.c wants them, and this bank has no ring. */
void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	(void)vm;
	(void)reason;
	abort();
}

void vm_pause(struct vm *vm)
{
	(void)vm;
}

void vm_resume(struct vm *vm)
{
	(void)vm;
}

void vm_kick_any(struct vm *vm)
{
	(void)vm;
}

static void end_run(void *opaque, bool failed)
{
	(void)opaque;
	(void)failed;
	require(false);
}

static bool array_mode(void)
{
	return cfi_chip_in_array_mode(&bank->flash->chips[0]) &&
	       cfi_chip_in_array_mode(&bank->flash->chips[1]);
}

/* A half that got a 1 where it was 0 is of a block erased in its lanes. */
static void check_half(const u8 *array, u64 at)
{
	u64 block = at / BLOCK * BLOCK;

	if (!((array[at] & ~bank->before[at]) |
	      (array[at + 1] & ~bank->before[at + 1])))
		return;
	for (u64 i = block + at % BUSWORD; i < block + BLOCK; i += BUSWORD)
		require(array[i] == 0xff && array[i + 1] == 0xff);
}

static void check_array(void)
{
	const struct flash_store *store = &bank->flash->store;

	if (!memcmp(bank->before, store->array, SIZE))
		return;
	require(!store->readonly);
	for (u64 at = 0; at < SIZE; at += 2)
		check_half(store->array, at);
	memcpy(bank->before, store->array, SIZE);
	require(pread(bank->fd, bank->file, SIZE, 0) ==
		(ssize_t)store->persistent);
	require(!memcmp(bank->file, store->array, store->persistent));
	for (u64 at = store->persistent; at < SIZE; at++)
		require(store->array[at] == 0xff);
}

/* In array mode a read is of the array; otherwise it is bytes of words. */
static void check_read(u64 offset, unsigned int len)
{
	u64 value = mmio_bus_read(&bank->bus, BASE + offset, len);
	u64 want = 0;

	if (offset + len > SIZE) {
		require(!value);
		return;
	}
	for (unsigned int i = 0; i < len; i++) {
		u64 at = offset + i;
		u64 word = bank->before[at];

		if (!array_mode()) {
			word = mmio_bus_read(&bank->bus,
					     BASE + at / BUSWORD * BUSWORD,
					     BUSWORD);
			word >>= 8 * (at % BUSWORD);
		}
		want |= (word & 0xff) << (8 * i);
	}
	require(value == want);
}

static const u8 commands[2][16] = {
	{ 0xff, 0x70, 0x50, 0x90, 0x98, 0x40, 0x10, 0xe8, 0x20, 0x60, 0xd0,
	  0x01, 0x2f, 0x03, 0x04, 0x00 },
	/* Blank check, and what always fails. */
	{ 0xbc, 0xc0, 0x80, 0xd0, 0x20, 0x40, 0x60, 0xff, 0xbc, 0xc0, 0x80,
	  0xd0, 0x20, 0xe8, 0x01, 0x50 },
};

/* The two chips' commands, or data. */
static u64 value_of(const u8 *data)
{
	const u8 *set = commands[data[0] >> 7];
	u64 value = 0x00010001ULL * set[data[3] & 0xf];

	if (data[0] & 0x20)
		value = set[data[3] & 0xf] | (u64)set[data[3] >> 4] << 16;
	if (data[0] & 0x40)
		value = data[3] * 0x0001010001000101ULL;
	return value | value << 32;
}

/* True if chip `n`'s lanes of the block at `offset` are all ones. */
static bool is_blank(unsigned int n, u64 offset)
{
	const u8 *array = bank->flash->store.array;
	u64 block = offset / BLOCK * BLOCK;

	for (u64 at = block + 2 * n; at < block + BLOCK; at += BUSWORD)
		if (array[at] != 0xff || array[at + 1] != 0xff)
			return false;
	return true;
}

/* What a second cycle adds to the errors of a chip that was in `state`. */
static u8 new_errors(enum cfi_state state, bool confirm, bool blank)
{
	if (state == CFI_OTP_SETUP)
		return CFI_SR_PROG_ERR | CFI_SR_LOCKED;
	if (!confirm)
		return CFI_SR_SEQUENCE_ERR;
	if (state == CFI_BEFP_SETUP)
		return CFI_SR_PROG_ERR | CFI_SR_VPP_ERR;
	return blank ? 0 : CFI_SR_ERASE_ERR;
}

/* One bus cycle; a blank check tells what is in the chip's own lanes. */
static void write_word(u64 offset, u32 value)
{
	struct cfi_chip before[2] = { bank->flash->chips[0],
				      bank->flash->chips[1] };

	mmio_bus_write(&bank->bus, BASE + offset, value, BUSWORD);
	for (unsigned int n = 0; n < 2; n++) {
		const struct cfi_chip *chip = &bank->flash->chips[n];
		bool confirm = (value >> (16 * n) & 0xff) == 0xd0;

		if (before[n].state < CFI_OTP_SETUP)
			continue;
		require(chip->state == CFI_READY &&
			chip->mode == CFI_READ_STATUS);
		require(chip->status ==
			(before[n].status | new_errors(before[n].state, confirm,
						       is_blank(n, offset))));
		for (u64 at = 2 * n; at < SIZE; at += BUSWORD)
			require(!memcmp(bank->before + at,
					bank->flash->store.array + at, 2));
	}
}

/* Reset, an access without syndrome, or mapping that fails from now on. */
static void misc(u8 what)
{
	struct mmio_region *region = &bank->flash->region;
	bool may_map = !bank->refuse || bank->flash->slot.mapped;

	if (what == 0xff) {
		bank->flash->dev.ops->reset(&bank->flash->dev);
		require(array_mode());
	} else if (what == 0xfe) {
		require(region->ops->no_syndrome(region, 0, false) ==
			(array_mode() && may_map));
	} else {
		bank->refuse = what & 1;
	}
}

/* 4 bytes: what and how wide, the offset in two, the value. */
static void act(const u8 *data)
{
	u64 offset = (u64)(data[1] | data[2] << 8) % (SIZE + 16);
	unsigned int len = 1U << (data[0] & 3);

	/* Drivers write words; so do most of these accesses. */
	if (data[0] & 4) {
		offset &= ~3ULL;
		len = data[0] & 1 ? 8 : 4;
	}
	switch (data[0] >> 3 & 3) {
	case 0:
		check_read(offset, len);
		break;
	case 1:
		misc(data[3]);
		break;
	default:
		if (len == BUSWORD && !(offset % BUSWORD) && offset < SIZE)
			write_word(offset, (u32)value_of(data));
		else
			mmio_bus_write(&bank->bus, BASE + offset,
				       value_of(data), len);
	}
	check_array();
	if (bank->refuse)
		require(array_mode() || !bank->flash->slot.mapped);
	else if (data[0] & 0x10 && data[0] & 4 && offset + len <= SIZE)
		require(array_mode() == bank->flash->slot.mapped);
}

/* The first byte says how long the file is, and the options. */
static void setup(u8 how)
{
	struct flash_config config = { .readonly = !(how & 7), .size = SIZE };
	char path[32];
	struct cfi_flash_params params = {
		.name = "flash",
		.label = "label",
		.base = BASE,
		.block = BLOCK,
		.end_run = end_run,
	};
	size_t len = 1 + (SIZE - 1) * (how >> 3) / 31;

	bank->fd = memfd_create("flash", MFD_CLOEXEC);
	for (size_t i = 0; i < len; i++)
		bank->file[i] = (u8)(i * 37 | i >> 6);
	require(write(bank->fd, bank->file, len) == (ssize_t)len);
	config.path = path;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", bank->fd);
	require(!flash_store_open(&params.store, &config, BLOCK, SIZE));
	mmio_bus_init(&bank->bus);
	require(!cfi_flash_create((struct memslots *)bank, &bank->bus, &params,
				  &bank->flash));
	require(bank->flash->slot.mapped);
	memcpy(bank->before, bank->flash->store.array, SIZE);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!size)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	bank = calloc(1, sizeof(*bank));
	require(bank);
	setup(data[0]);
	for (data++, size--; size >= 4; data += 4, size -= 4)
		act(data);
	/* What could not be done was programs beyond the file's end. */
	require(!bank->flash->dev.ops->quiesce(&bank->flash->dev) ==
		!bank->flash->stats.failures);
	bank->flash->dev.ops->destroy(&bank->flash->dev);
	mmio_bus_destroy(&bank->bus);
	close(bank->fd);
	free(bank);
	return 0;
}
