/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breaks one thing of lkvm, the one that the variable LKVM_BREAK names, so that
 * tests can show that `lkvm selftest` notices. Linked into
 * build/tests/lkvm-broken with --wrap.
 */
#include <stdlib.h>
#include <string.h>

#include "arm/machine.h"
#include "lkvm/arm/a64/a64.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/vmm/vm.h"

#define UART_LSR  0x01000005
#define LSR_READY 0x60

static bool breaks(const char *what)
{
	const char *wanted = getenv("LKVM_BREAK");

	return wanted && !strcmp(wanted, what);
}

int __real_flash_store_write(struct flash_store *store, u64 offset,
			     const u8 *data, size_t len);
int __wrap_flash_store_write(struct flash_store *store, u64 offset,
			     const u8 *data, size_t len);
void __real_mmio_ring_flush(struct mmio_ring *ring);
void __wrap_mmio_ring_flush(struct mmio_ring *ring);
void __real_mmio_ring_drain(struct mmio_ring *ring);
void __wrap_mmio_ring_drain(struct mmio_ring *ring);
int __real_ram_reset(struct machine *machine);
int __wrap_ram_reset(struct machine *machine);
u64 __real_a64_run(struct a64_cpu *cpu);
u64 __wrap_a64_run(struct a64_cpu *cpu);
u64 __real_mmio_region_read(struct mmio_bus *bus, struct mmio_region *region,
			    u64 addr, unsigned int len);
u64 __wrap_mmio_region_read(struct mmio_bus *bus, struct mmio_region *region,
			    u64 addr, unsigned int len);
int __real_evloop_timer_set(struct evloop_timer *timer, u64 ns);
int __wrap_evloop_timer_set(struct evloop_timer *timer, u64 ns);

/* "store": the last word of what is programmed is lost. */
int __wrap_flash_store_write(struct flash_store *store, u64 offset,
			     const u8 *data, size_t len)
{
	if (breaks("store") && len > 4)
		len -= 4;
	return __real_flash_store_write(store, offset, data, len);
}

/* "ring": neither an exit nor a bank cares for writes that KVM took before. */
void __wrap_mmio_ring_flush(struct mmio_ring *ring)
{
	if (!breaks("ring"))
		__real_mmio_ring_flush(ring);
}

void __wrap_mmio_ring_drain(struct mmio_ring *ring)
{
	if (!breaks("ring"))
		__real_mmio_ring_drain(ring);
}

/* "ram": a reset leaves RAM as it is. */
int __wrap_ram_reset(struct machine *machine)
{
	return breaks("ram") ? 0 : __real_ram_reset(machine);
}

/* "a64": instructions in a batch leave a flag that is wrong. */
u64 __wrap_a64_run(struct a64_cpu *cpu)
{
	u64 done = __real_a64_run(cpu);

	if (breaks("a64") && done > 4)
		cpu->pstate ^= A64_C;
	return done;
}

/* "hang": the console is never ready. */
u64 __wrap_mmio_region_read(struct mmio_bus *bus, struct mmio_region *region,
			    u64 addr, unsigned int len)
{
	u64 value = __real_mmio_region_read(bus, region, addr, len);

	return breaks("hang") && addr == UART_LSR ? value & ~(u64)LSR_READY
						  : value;
}

/* A test of what hangs need not wait as long as a user does. */
int __wrap_evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	return __real_evloop_timer_set(timer, breaks("hang") ? ns / 16 : ns);
}
