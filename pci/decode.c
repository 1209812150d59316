/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which function decodes an address. Base addresses change while vCPUs look
 * them up: a counter that is odd meanwhile tells a reader that it has to look
 * again, so that readers, of which there is one for each access, need no lock.
 *
 * A function that is moved just then may be asked once more at its old address,
 * as if the access had come a moment earlier. It lives as long as the bridge.
 */
#include "function.h"

/* The address in the register, whatever the command register says. */
static u64 address_of(const struct pci_function *fn, unsigned int bar)
{
	u32 at = PCI_BASE_ADDRESS_0 + bar * 4;
	u64 address = pci_config_get(fn, at, 4) & ~(fn->bars[bar].size - 1);

	if (fn->bars[bar].flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		address |= (u64)pci_config_get(fn, at + 4, 4) << 32;
	return address;
}

/* I/O ports are addresses of their own (section 6.2.5.1, bit 0). */
static bool is_io(const struct pci_bar *bar)
{
	return bar->flags & PCI_BASE_ADDRESS_SPACE_IO;
}

/* What the bridge passes on; *cpu is the address for the guest's CPUs. */
static bool in_window(const struct pci_host *host, const struct pci_bar *bar,
		      u64 at, u64 *cpu)
{
	for (size_t i = 0; i < ARRAY_SIZE(host->windows); i++) {
		const struct pci_window *window = &host->windows[i];

		if (window->io != is_io(bar) || !window->region.size ||
		    !range_within(at, bar->size, window->bus_base,
				  window->region.size))
			continue;
		*cpu = window->region.base + (at - window->bus_base);
		return true;
	}
	return false;
}

/* PCI_NO_ADDRESS while the driver has not switched decoding on. */
static u64 decoded_at(const struct pci_function *fn, unsigned int n, u64 *at)
{
	const struct pci_bar *bar = &fn->bars[n];
	u32 command = pci_config_get(fn, PCI_COMMAND, 2);
	u64 cpu;

	if (!bar->size ||
	    !(command & (is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return PCI_NO_ADDRESS;
	*at = address_of(fn, n);
	return in_window(fn->host, bar, *at, &cpu) ? cpu : PCI_NO_ADDRESS;
}

/* Relaxed: the counter around it orders these stores for readers. */
static void store(struct pci_decode *decode, const struct pci_function *fn,
		  unsigned int bar, u64 at)
{
	atomic_store_explicit(&decode->at, at, memory_order_relaxed);
	atomic_store_explicit(&decode->size, fn->bars[bar].size,
			      memory_order_relaxed);
	atomic_store_explicit(&decode->bar, bar, memory_order_relaxed);
	atomic_store_explicit(&decode->io, is_io(&fn->bars[bar]),
			      memory_order_relaxed);
}

/* Each base address has an entry of its own. */
static void publish(struct pci_function *fn, unsigned int bar, u64 at, bool on)
{
	struct pci_host *host = fn->host;
	struct pci_decode *decode = &host->decoded[fn->slot * PCI_BARS + bar];
	u32 sequence =
		atomic_load_explicit(&host->sequence, memory_order_relaxed);

	atomic_store_explicit(&host->sequence, sequence + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	store(decode, fn, bar, at);
	atomic_store_explicit(&decode->fn, on ? fn : NULL,
			      memory_order_relaxed);
	atomic_store_explicit(&host->sequence, sequence + 2,
			      memory_order_release);
}

/* The old range is gone before the new one is there. */
static void update_bar(struct pci_function *fn, unsigned int n)
{
	struct pci_bar *bar = &fn->bars[n];
	u64 at = 0, from = bar->at, to = decoded_at(fn, n, &at);

	if (from == to)
		return;
	publish(fn, n, at, to != PCI_NO_ADDRESS);
	bar->at = to;
	if (fn->ops && fn->ops->moved)
		fn->ops->moved(fn, n, from, to);
}

/* For all, as the command register is common to them. */
void pci_decode_update(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		update_bar(fn, i);
}

/* The first that has all of the access; overlaps are the guest's doing. */
static struct pci_function *scan(struct pci_host *host, bool io, u64 at,
				 unsigned int len, unsigned int *bar,
				 u64 *offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(host->decoded); i++) {
		struct pci_decode *d = &host->decoded[i];
		struct pci_function *fn =
			atomic_load_explicit(&d->fn, memory_order_relaxed);
		u64 base = atomic_load_explicit(&d->at, memory_order_relaxed);

		if (!fn ||
		    io != atomic_load_explicit(&d->io, memory_order_relaxed) ||
		    !range_within(at, len, base,
				  atomic_load_explicit(&d->size,
						       memory_order_relaxed)))
			continue;
		*bar = atomic_load_explicit(&d->bar, memory_order_relaxed);
		*offset = at - base;
		return fn;
	}
	return NULL;
}

/* Ends, since changes are rare: each takes an access of another vCPU. */
struct pci_function *pci_decode_find(struct pci_host *host, bool io, u64 at,
				     unsigned int len, unsigned int *bar,
				     u64 *offset)
{
	struct pci_function *fn;
	u32 before, after;

	do {
		before = atomic_load_explicit(&host->sequence,
					      memory_order_acquire);
		fn = scan(host, io, at, len, bar, offset);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&host->sequence,
					     memory_order_relaxed);
	} while (before != after || before & 1);
	return fn;
}
