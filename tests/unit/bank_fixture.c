/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bank_fixture.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

struct fakes fake;
struct cfi_flash *flash, *flash2;

struct vm vm;

/* The bank of a file or slot, NULL if there is none (yet). */
static struct cfi_flash *bank_of_fd(int fd)
{
	if (flash2 && fd == flash2->store.fd)
		return flash2;
	return flash && fd == flash->store.fd ? flash : NULL;
}

static struct cfi_flash *bank_of_slot(const struct memslot *slot)
{
	if (flash2 && slot == &flash2->slot)
		return flash2;
	return flash && slot == &flash->slot ? flash : NULL;
}

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_fdatasync(int fd);

static void note(char letter)
{
	size_t len = strlen(fake.calls);

	if (len + 1 < sizeof(fake.calls))
		fake.calls[len] = letter;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	struct cfi_flash *bank = bank_of_fd(fd);

	fake.nr_pwrites++;
	note('w');
	assert_true(len <= FLASH_STORE_PIECE);
	assert_int_equal(offset / 4096, (offset + (off_t)len - 1) / 4096);
	if (bank) {
		assert_int_equal(pthread_mutex_trylock(bank->lock), EBUSY);
		if (bank->slot.mapped)
			fake.order_kept = false;
	}
	if (fake.pwrite &&
	    (!fake.fail_pwrite || fake.fail_pwrite == fake.nr_pwrites)) {
		errno = fake.pwrite;
		return -1;
	}
	if (fake.late_pwrite)
		fake.late_pwrite();
	return __real_pwrite(fd, buf, len, offset);
}

int __wrap_fdatasync(int fd)
{
	struct cfi_flash *bank = bank_of_fd(fd);

	if (fake.idle_sync && !pthread_equal(pthread_self(), fake.main))
		fake.idle_sync();
	else if (bank)
		assert_int_equal(pthread_mutex_trylock(bank->lock), EBUSY);
	fake.nr_syncs++;
	note('s');
	if (!fake.fdatasync)
		return 0;
	errno = fake.fdatasync;
	return -1;
}

static void end_run(void *opaque, bool failed)
{
	assert_ptr_equal(opaque, &fake);
	fake.nr_ends++;
	fake.failed = failed;
}

/* What the ring calls when a slot is stuck. */
void vm_request_exit(struct vm *owner, enum vm_exit reason)
{
	assert_ptr_equal(owner, &vm);
	end_run(&fake, reason == VM_EXIT_FAILURE);
}

/* ---- Memory slots, by their header's contract ---------------------------- */

int memslot_init(struct memslot *slot, struct memslots *owner, u64 gpa,
		 u64 size, void *hva, bool readonly)
{
	memset(slot, 0, sizeof(*slot));
	if (fake.init)
		return -fake.init;
	assert_ptr_equal(owner, &vm.slots);
	assert_int_equal(readonly, !fake.plain);
	assert_true(IS_ALIGNED((uintptr_t)hva, SZ_4K));
	slot->slots = owner;
	slot->gpa = gpa;
	slot->size = size;
	slot->hva = hva;
	slot->readonly = readonly;
	return 0;
}

static int update(struct memslot *slot, bool map, int err)
{
	struct cfi_flash *bank = bank_of_slot(slot);

	/* One vCPU's access at a time, but for when the bank is made. */
	if (bank)
		assert_int_equal(pthread_mutex_trylock(bank->lock), EBUSY);
	assert_ptr_equal(slot->slots, &vm.slots);
	if (slot->mapped == map)
		return 0;
	if (err)
		return -err;
	slot->mapped = map;
	slot->updates++;
	return 0;
}

int memslot_map(struct memslot *slot)
{
	return update(slot, true, fake.map);
}

int memslot_unmap(struct memslot *slot)
{
	return update(slot, false, fake.unmap);
}

void memslot_release(struct memslot *slot)
{
	fake.nr_released++;
	slot->mapped = false;
	slot->slots = NULL;
}

/* ---- The ring's view of the VM ------------------------------------------- */

static u64 ring_page[512];

static struct kvm_coalesced_mmio_ring *kvm_ring(void)
{
	return (struct kvm_coalesced_mmio_ring *)(void *)ring_page;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

static struct kvm_coalesced_mmio_zone zones[4];

static void forget_zone(const struct kvm_coalesced_mmio_zone *zone)
{
	for (unsigned int i = 0; i < fake.nr_zones; i++)
		if (zones[i].addr == zone->addr)
			zones[i].size = 0;
	fake.nr_removals++;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_coalesced_mmio_zone *zone;
	va_list args;

	(void)fd;
	va_start(args, request);
	zone = va_arg(args, struct kvm_coalesced_mmio_zone *);
	va_end(args);
	if (request == KVM_UNREGISTER_COALESCED_MMIO) {
		forget_zone(zone);
		return 0;
	}
	assert_int_equal(request, KVM_REGISTER_COALESCED_MMIO);
	assert_true(fake.nr_zones < ARRAY_SIZE(zones));
	zones[fake.nr_zones] = *zone;
	if (fake.zone)
		zones[fake.nr_zones].size = 0;
	fake.nr_zones++;
	errno = fake.zone;
	return fake.zone ? -1 : 0;
}

static bool in_zone(u64 addr)
{
	for (unsigned int i = 0; i < fake.nr_zones; i++)
		if (addr - zones[i].addr < zones[i].size)
			return true;
	return false;
}

void vm_pause(struct vm *paused)
{
	assert_ptr_equal(paused, &vm);
	fake.nr_pauses++;
	if (fake.late)
		fake.late();
}

void vm_resume(struct vm *paused)
{
	assert_ptr_equal(paused, &vm);
}

/* For a ring with a zone of registers, and there is none. */
void vm_kick_any(struct vm *kicked)
{
	(void)kicked;
	fail();
}

/* ---- The bank ------------------------------------------------------------ */

int make_bank(const char *options)
{
	struct flash_config config = config_of("f", options);
	struct cfi_flash_params params = {
		.name = "flash0",
		.label = "System-firmware",
		.base = BASE,
		.block = BLOCK,
		.end_run = end_run,
		.opaque = &fake,
	};
	struct cfi_flash *made = NULL;
	int ret;

	ret = flash_store_open(&params.store, &config, BLOCK, WINDOW);
	assert_int_equal(ret, 0);
	fake.nr_pwrites = 0;
	memset(fake.calls, 0, sizeof(fake.calls));
	mmio_bus_init(&bus);
	if (fake.coalesce) {
		mmio_ring_init(&vm.ring, &vm);
		mmio_ring_set_page(&vm.ring, ring_page, sizeof(ring_page));
		params.ring = &vm.ring;
	}
	params.code = params.plain_memory = fake.plain;
	if (fake.idle_sync) {
		fake.main = pthread_self();
		params.loop = &vm.loop;
		params.worker = &vm.worker;
	}
	ret = cfi_flash_create(&vm.slots, &bus, &params, &made);
	flash = made;
	if (ret)
		mmio_bus_destroy(&bus);
	return ret;
}

void make_second_bank(void)
{
	struct flash_config config = config_of("g", ",create,size=1M");
	struct cfi_flash_params params = {
		.name = "flash1",
		.label = "flash1",
		.base = BASE + SIZE,
		.block = BLOCK,
		.ring = &vm.ring,
	};
	struct cfi_flash *made = NULL;

	assert_int_equal(
		flash_store_open(&params.store, &config, BLOCK, WINDOW), 0);
	assert_int_equal(cfi_flash_create(&vm.slots, &bus, &params, &made), 0);
	flash2 = made;
}

void drop_bank(void)
{
	struct device *dev = flash ? &flash->dev : NULL;

	if (flash2)
		flash2->dev.ops->destroy(&flash2->dev);
	flash2 = NULL;
	flash = NULL;
	if (!dev)
		return;
	dev->ops->destroy(dev);
	mmio_bus_destroy(&bus);
}

static int setup_with(void **state, const char *options)
{
	memset(&fake, 0, sizeof(fake));
	fake.order_kept = true;
	forget_messages();
	if (make_dir(state))
		return -1;
	make_file(SIZE);
	return make_bank(options);
}

int setup(void **state)
{
	return setup_with(state, "");
}

int setup_ro(void **state)
{
	return setup_with(state, ",ro");
}

int teardown(void **state)
{
	drop_bank();
	return remove_dir(state);
}

u64 rd(u64 offset, unsigned int len)
{
	return mmio_bus_read(&bus, BASE + offset, len);
}

bool kvm_wr(u64 offset, u32 value)
{
	struct kvm_coalesced_mmio_ring *ring = kvm_ring();
	struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[ring->last];
	u32 next = (ring->last + 1) % vm.ring.entries;

	if (next == ring->first || !in_zone(BASE + offset)) {
		wr(offset, value);
		return false;
	}
	/* Or the guest would not notice what it has done. */
	assert_false((offset < SIZE ? flash : flash2)->slot.mapped);
	entry->phys_addr = BASE + offset;
	entry->len = 4;
	memcpy(entry->data, &value, sizeof(value));
	ring->last = next;
	return true;
}

void wr_len(u64 offset, u64 value, unsigned int len)
{
	bool array;

	mmio_bus_write(&bus, BASE + offset, value, len);
	array = cfi_chip_in_array_mode(&flash->chips[0]) &&
		cfi_chip_in_array_mode(&flash->chips[1]);
	if (!fake.map && !fake.unmap && !fake.coalesce)
		assert_int_equal(flash->slot.mapped, array);
	if (flash->slot.mapped && !fake.unmap)
		assert_true(array && !(vm.ring.open && in_zone(BASE)));
}

void wr(u64 offset, u32 value)
{
	wr_len(offset, value, 4);
}

void cmd(u64 offset, u16 command)
{
	wr(offset, command * 0x10001U);
}

void assert_file_is_array(void)
{
	const struct flash_store *store = &flash->store;
	u8 page[4096];

	for (u64 at = 0; at < store->persistent; at += sizeof(page)) {
		size_t len = MIN(sizeof(page), store->persistent - at);

		read_file(at, page, len);
		assert_memory_equal(page, store->array + at, len);
	}
}

void assert_rest_untouched(u64 offset, u64 len)
{
	const struct flash_store *store = &flash->store;

	for (u64 i = 0; i < store->size; i++) {
		u8 want = i < store->persistent ? pattern(i) : 0xff;

		if (i - offset >= len && store->array[i] != want)
			fail_msg("byte %#lx is %#x", (long)i, store->array[i]);
	}
	assert_file_is_array();
}

void program(u64 offset, u32 value)
{
	cmd(offset, 0x40);
	wr(offset, value);
}

void erase(u64 offset)
{
	cmd(offset, 0x20);
	cmd(offset, 0xd0);
}

void buffer_program(u64 offset, u32 value, unsigned int n)
{
	cmd(offset, 0xe8);
	cmd(offset, (u16)(n - 1));
	for (unsigned int i = 0; i < n; i++)
		wr(offset + 4 * i, value);
	cmd(0, 0xd0);
}
