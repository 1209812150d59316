/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X (PCI, section 6.8.2): a table of messages in a range of the function's,
 * and bits of those that were masked when they were wanted. A message goes to
 * the interrupt controller through the bridge; nothing is sent while the driver
 * has not allowed the function to be a bus master. Those that others want by an
 * eventfd KVM sends, while they can be sent.
 */
#include <errno.h>
#include <stdlib.h>

#include "function.h"

#define ENTRY_SIZE   16U
#define ENTRY_LOW    0U
#define ENTRY_HIGH   4U
#define ENTRY_DATA   8U
#define ENTRY_CTRL   12U
#define CONTROL_BITS 1U /* PCI_MSIX_ENTRY_CTRL_MASKBIT */

/* Section 6.8.2.9: after a reset all vectors are masked. */
static void reset_entries(struct pci_msix *msix)
{
	for (unsigned int i = 0; i < msix->nr; i++)
		msix->entries[i] = (struct pci_msix_entry) {
			.control = CONTROL_BITS,
		};
}

/* Section 6.8.2.3: the size field is one less than the number of vectors. */
int pci_add_msix(struct pci_function *fn, unsigned int nr, unsigned int bar,
		 u32 table, u32 pba)
{
	struct pci_msix *msix = &fn->msix;
	u32 cap;

	msix->entries = calloc(nr, sizeof(*msix->entries));
	if (!msix->entries)
		return -ENOMEM;
	msix->nr = nr;
	reset_entries(msix);
	cap = pci_add_cap(fn, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	msix->cap = cap;
	pci_config_set(fn, cap + PCI_MSIX_FLAGS, 2, nr - 1);
	pci_config_writable(fn, cap + PCI_MSIX_FLAGS, 2,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_config_set(fn, cap + PCI_MSIX_TABLE, 4, table | bar);
	pci_config_set(fn, cap + PCI_MSIX_PBA, 4, pba | bar);
	return 0;
}

/* Three bits can be in the way: the function's two and the vector's. */
static bool can_send(const struct pci_msix *msix,
		     const struct pci_msix_entry *entry)
{
	return msix->enabled && !msix->masked && !(entry->control & 1);
}

/* Sent once, however often it was wanted while it could not be. */
static void send_pending(struct pci_function *fn, struct pci_msix_entry *entry)
{
	const struct pci_host_params *params = &fn->host->params;

	if (!entry->pending || !can_send(&fn->msix, entry))
		return;
	entry->pending = false;
	params->send_msi(params->opaque, fn->slot << 3, entry->address,
			 entry->data);
}

/* ---- Eventfds ------------------------------------------------------------ */

static bool can_bind(const struct pci_msix *msix, const struct pci_irqfd *irqfd)
{
	return irqfd->listed && irqfd->vector < msix->nr &&
	       can_send(msix, &msix->entries[irqfd->vector]);
}

/* Routes are changed at once, with the eventfd bound. */
static bool set_route(struct pci_function *fn, struct pci_irqfd *irqfd)
{
	const struct pci_host_params *params = &fn->host->params;
	const struct pci_msix_entry *entry = &fn->msix.entries[irqfd->vector];

	return !params->route_msi(params->opaque, &irqfd->route, fn->slot << 3,
				  entry->address, entry->data);
}

/* KVM is told of changes only. With the lock. */
static void update_irqfd(struct pci_function *fn, struct pci_irqfd *irqfd)
{
	struct vm *vm = fn->host->params.intx.vm;

	if (!can_bind(&fn->msix, irqfd) || !set_route(fn, irqfd))
		irq_route_unbind(vm, &irqfd->route);
	else if (!pci_irqfd_is_bound(irqfd) &&
		 !irq_route_bind(vm, &irqfd->route, irqfd->fd, -1))
		fn->msix.binds++;
}

static void update_irqfds(struct pci_function *fn)
{
	for (struct pci_irqfd *i = fn->msix.irqfds; i; i = i->next)
		update_irqfd(fn, i);
}

/* With the lock. KVM does not have it any more then. */
static void unlist(struct pci_function *fn, struct pci_irqfd *irqfd)
{
	struct pci_irqfd **at = &fn->msix.irqfds;

	if (!irqfd->listed)
		return;
	while (*at != irqfd)
		at = &(*at)->next;
	*at = irqfd->next;
	irqfd->listed = false;
	update_irqfd(fn, irqfd);
}

static void list(struct pci_function *fn, struct pci_irqfd *irqfd, int fd)
{
	irqfd->fd = fd;
	irqfd->next = fn->msix.irqfds;
	irqfd->listed = true;
	fn->msix.irqfds = irqfd;
	update_irqfd(fn, irqfd);
}

void pci_irqfd_set_fd(struct pci_function *fn, struct pci_irqfd *irqfd, int fd)
{
	pthread_mutex_lock(&fn->msix.lock);
	unlist(fn, irqfd);
	if (fd >= 0 && fn->host->params.route_msi)
		list(fn, irqfd, fd);
	pthread_mutex_unlock(&fn->msix.lock);
}

void pci_irqfd_set_vector(struct pci_function *fn, struct pci_irqfd *irqfd,
			  unsigned int vector)
{
	pthread_mutex_lock(&fn->msix.lock);
	irqfd->vector = vector;
	update_irqfd(fn, irqfd);
	pthread_mutex_unlock(&fn->msix.lock);
}

bool pci_irqfd_is_bound(struct pci_irqfd *irqfd)
{
	return atomic_load(&irqfd->route.bound);
}

u64 pci_irqfd_binds(struct pci_function *fn)
{
	u64 binds;

	pthread_mutex_lock(&fn->msix.lock);
	binds = fn->msix.binds;
	pthread_mutex_unlock(&fn->msix.lock);
	return binds;
}

void pci_irqfd_release(struct pci_function *fn, struct pci_irqfd *irqfd)
{
	pthread_mutex_lock(&fn->msix.lock);
	unlist(fn, irqfd);
	irq_route_release(fn->host->params.intx.vm, &irqfd->route);
	pthread_mutex_unlock(&fn->msix.lock);
}

/* ---- The function's state ------------------------------------------------ */

/* INTx is not used while MSI-X is (section 6.8.2.1). */
void pci_msix_update(struct pci_function *fn)
{
	struct pci_msix *msix = &fn->msix;
	u32 flags = pci_config_get(fn, msix->cap + PCI_MSIX_FLAGS, 2);
	bool master = pci_config_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;

	pthread_mutex_lock(&msix->lock);
	msix->enabled = flags & PCI_MSIX_FLAGS_ENABLE;
	msix->masked = flags & PCI_MSIX_FLAGS_MASKALL || !master;
	for (unsigned int i = 0; i < msix->nr; i++)
		send_pending(fn, &msix->entries[i]);
	update_irqfds(fn);
	pthread_mutex_unlock(&msix->lock);
}

/* What was pending is forgotten. */
void pci_msix_reset(struct pci_function *fn)
{
	struct pci_msix *msix = &fn->msix;

	pthread_mutex_lock(&msix->lock);
	msix->enabled = msix->masked = false;
	reset_entries(msix);
	update_irqfds(fn);
	pthread_mutex_unlock(&msix->lock);
}

/* The transport asks before it raises INTA. */
bool pci_msix_enabled(struct pci_function *fn)
{
	bool enabled;

	pthread_mutex_lock(&fn->msix.lock);
	enabled = fn->msix.enabled;
	pthread_mutex_unlock(&fn->msix.lock);
	return enabled;
}

/* Pending first, so that one path sends it, now or at the unmasking. */
void pci_msix_notify(struct pci_function *fn, unsigned int n)
{
	struct pci_msix *msix = &fn->msix;

	pthread_mutex_lock(&msix->lock);
	if (msix->enabled) {
		msix->entries[n].pending = true;
		send_pending(fn, &msix->entries[n]);
	}
	pthread_mutex_unlock(&msix->lock);
}

/* ---- The table and the pending bits -------------------------------------- */

/*
 * The address is one word of 64 bits in memory, two in the table: `halves` has
 * them for the caller, who puts them together again after a write.
 */
static u32 *word_of(struct pci_msix_entry *entry, u32 offset, u32 halves[2])
{
	halves[0] = (u32)entry->address;
	halves[1] = (u32)(entry->address >> 32);
	switch (offset) {
	case ENTRY_LOW:
		return &halves[0];
	case ENTRY_HIGH:
		return &halves[1];
	case ENTRY_DATA:
		return &entry->data;
	default:
		return &entry->control;
	}
}

/* Zero behind the table. */
static u32 read_word(struct pci_msix *msix, u64 offset)
{
	u64 n = offset / ENTRY_SIZE;
	u32 halves[2];

	return n < msix->nr ? *word_of(&msix->entries[n], offset % ENTRY_SIZE,
				       halves)
			    : 0;
}

/* Section 6.8.2: only aligned accesses of 32 and 64 bits are allowed. */
static bool is_allowed(u64 offset, unsigned int len)
{
	return (len == 4 || len == 8) && IS_ALIGNED(offset, len);
}

/* Two words for 64 bits: an access may not be as wide as a field. */
u64 pci_msix_read(struct pci_function *fn, u64 offset, unsigned int len)
{
	struct pci_msix *msix = &fn->msix;
	u64 value;

	if (!is_allowed(offset, len))
		return 0;
	pthread_mutex_lock(&msix->lock);
	value = read_word(msix, offset);
	if (len == 8)
		value |= (u64)read_word(msix, offset + 4) << 32;
	pthread_mutex_unlock(&msix->lock);
	return value;
}

/* Unmasking sends what is pending. */
static void write_word(struct pci_function *fn, u64 offset, u32 value)
{
	struct pci_msix *msix = &fn->msix;
	u64 n = offset / ENTRY_SIZE;
	struct pci_msix_entry *entry;
	u32 halves[2];

	if (n >= msix->nr)
		return;
	entry = &msix->entries[n];
	if (offset % ENTRY_SIZE == ENTRY_CTRL)
		value &= CONTROL_BITS;
	*word_of(entry, offset % ENTRY_SIZE, halves) = value;
	if (offset % ENTRY_SIZE < ENTRY_DATA)
		entry->address = (u64)halves[1] << 32 | halves[0];
	send_pending(fn, entry);
}

/* The low word first: a driver writes address and data of a masked vector. */
void pci_msix_write(struct pci_function *fn, u64 offset, u64 value,
		    unsigned int len)
{
	struct pci_msix *msix = &fn->msix;

	if (!is_allowed(offset, len))
		return;
	pthread_mutex_lock(&msix->lock);
	write_word(fn, offset, (u32)value);
	if (len == 8)
		write_word(fn, offset + 4, (u32)(value >> 32));
	update_irqfds(fn);
	pthread_mutex_unlock(&msix->lock);
}

/* One bit for each vector, in order of numbers. */
u64 pci_msix_read_pending(struct pci_function *fn, u64 offset, unsigned int len)
{
	struct pci_msix *msix = &fn->msix;
	u64 value = 0;

	pthread_mutex_lock(&msix->lock);
	for (u64 i = 0; i < 8ULL * len; i++) {
		u64 n = offset * 8 + i;

		if (n < msix->nr && msix->entries[n].pending)
			value |= 1ULL << i;
	}
	pthread_mutex_unlock(&msix->lock);
	return value;
}
