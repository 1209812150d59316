/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI Express host bridge and functions on its bus 0: configuration space,
 * base addresses, INTx and MSI-X (PCI Local Bus Specification 3.0, "PCI"; PCI
 * Express Base Specification 5.0, "PCIe"). Register names are those of Linux's
 * <linux/pci_regs.h>.
 *
 * Firmware and Linux move base addresses while other vCPUs run, so the bridge
 * has regions on the MMIO bus for its windows, and finds the function itself.
 */
#ifndef LKVM_PCI_PCI_H
#define LKVM_PCI_PCI_H

#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/vmm/device.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/irq_route.h"
#include "lkvm/vmm/mmio.h"

#define PCI_SLOTS	32U
#define PCI_BARS	6U
#define PCI_INTX_LINES	4U
#define PCI_MSIX_MAX	2048U /* PCI, section 6.8.2.3: vectors of a function */
#define PCI_CONFIG_SIZE 256U  /* without a PCIe capability there is no more */
#define PCI_NO_ADDRESS	UINT64_MAX

struct pci_function;

/* What a function does. All but the first two may be NULL. */
struct pci_function_ops {
	/*
	 * An access to a base address's range, on a vCPU's thread, with no lock
	 * held: as struct mmio_ops.
	 */
	u64 (*read)(struct pci_function *fn, unsigned int bar, u64 offset,
		    unsigned int len);
	void (*write)(struct pci_function *fn, unsigned int bar, u64 offset,
		      u64 value, unsigned int len);
	/*
	 * The range is decoded at another guest physical address, or no more
	 * (PCI_NO_ADDRESS): for ioeventfds. With the bridge's lock.
	 */
	void (*moved)(struct pci_function *fn, unsigned int bar, u64 from,
		      u64 to);
	/*
	 * The driver lets the function access memory, or no more: then all
	 * accesses have ended when it returns. The function may not at first.
	 * With the bridge's lock.
	 */
	void (*set_master)(struct pci_function *fn, bool on);
	/*
	 * The driver is about to read, or has written, `len` bytes of
	 * configuration space at `offset`. With the bridge's lock.
	 */
	void (*config_read)(struct pci_function *fn, u32 offset, u32 len);
	void (*config_written)(struct pci_function *fn, u32 offset, u32 len);
	/* As struct device_ops. */
	void (*reset)(struct pci_function *fn);
	void (*stats)(struct pci_function *fn, struct json_writer *json);
	/* Calls pci_function_destroy() when nothing uses it any more. */
	void (*destroy)(struct pci_function *fn);
};

struct pci_bar {
	u64 size;  /* a power of two; 0: there is none */
	u32 flags; /* PCI_BASE_ADDRESS_*: space, type, prefetchable */
	u64 at;	   /* where it is decoded, or PCI_NO_ADDRESS */
};

/* One vector, as the driver has set it (PCI, section 6.8.2). */
struct pci_msix_entry {
	u64 address;
	u32 data;
	u32 control;
	bool pending;
};

/*
 * An eventfd that stands for a vector: while the vector is enabled and not
 * masked KVM sends the message when it is written to. Part of a device.
 */
struct pci_irqfd {
	struct pci_irqfd *next; /* from here on of the lock of MSI-X */
	int fd;
	unsigned int vector;
	bool listed;
	struct irq_route route;
};

struct pci_msix {
	/*
	 * Of all that follows but `nr` and `cap`. It may be taken with the
	 * bridge's lock and with those of a device; the message is sent, and
	 * KVM told, with it, so that a vector that was masked is silent when
	 * the driver goes on.
	 */
	pthread_mutex_t lock;
	unsigned int nr;      /* 0: the function has no MSI-X */
	u32 cap;	      /* offset of the capability */
	bool enabled, masked; /* of the function; bus master is off: not */
	struct pci_msix_entry *entries;
	struct pci_irqfd *irqfds; /* those that have an eventfd */
	u64 binds;		  /* how often KVM was given one */
};

/*
 * Embedded in the structure of a device. The first group is the device's, which
 * sets it before pci_function_init(); all else is private to pci/.
 */
struct pci_function {
	const struct pci_function_ops *ops;
	const char *name; /* for messages and statistics; not owned */
	u16 vendor, device, subsystem_vendor, subsystem;
	u8 revision;
	u32 class; /* 24 bits: base class, sub-class, interface */

	struct pci_host *host;
	unsigned int slot;
	struct pci_bar bars[PCI_BARS];
	/* Of the bridge's lock: content, and which bits the driver can write.
	 */
	u8 config[PCI_CONFIG_SIZE];
	u8 writable[PCI_CONFIG_SIZE];
	u32 next_cap;	  /* where the next capability goes */
	u32 last_cap;	  /* offset of the pointer to it */
	atomic_bool intx; /* the function wants INTA */
	/* Of the bridge's intx_lock: what the driver and the line make of it.
	 */
	bool intx_disabled, intx_driven;
	struct pci_msix msix;
};

/* A range of guest physical addresses that the bridge decodes. */
struct pci_window {
	struct mmio_region region; /* size 0: there is none */
	struct pci_host *host;
	u64 bus_base; /* its first address on the bus */
	bool io;
};

/* One decoded range of a function; `fn` NULL: unused. */
struct pci_decode {
	_Atomic(u64) at; /* on the bus */
	_Atomic(u64) size;
	_Atomic(struct pci_function *) fn;
	_Atomic(u32) bar;
	_Atomic(bool) io;
};

struct pci_host_params {
	const char *name;
	u64 ecam;		 /* at a multiple of its size */
	unsigned int nr_buses;	 /* 1 to 256, each 1 MiB of it */
	u64 mmio32, mmio32_size; /* below 4 GiB; bus address = CPU's */
	u64 mmio64, mmio64_size; /* size 0: none */
	u64 io, io_size;	 /* size 0: none; on the bus it begins at 0 */
	/* Of INTA of slot 0; the others are the next three, level triggered. */
	struct irq_line intx;
	/*
	 * Sends a message of the function whose requester ID is `id`: the
	 * controller raises the interrupt. Any thread. NULL: no MSI-X.
	 */
	void (*send_msi)(void *opaque, u32 id, u64 address, u32 data);
	/*
	 * Has a route of KVM's lead to what that message raises. 0, or -errno
	 * if it leads nowhere: then it is sent by send_msi. Any thread, with
	 * the lock of the function's MSI-X. NULL: KVM has no irqfds.
	 */
	int (*route_msi)(void *opaque, struct irq_route *route, u32 id,
			 u64 address, u32 data);
	void *opaque;
};

/* The bridge; all is constant while vCPUs run but what has a lock. */
struct pci_host {
	struct device dev;
	struct pci_host_params params;
	struct mmio_region ecam;
	struct pci_window windows[3]; /* 32 bits, 64 bits, I/O */
	struct pci_function self;
	struct pci_function *slots[PCI_SLOTS];
	/* Configuration space of all functions, and of `decoded` for writing.
	 */
	pthread_mutex_t lock;
	/* Odd while `decoded` changes. */
	_Atomic(u32) sequence;
	struct pci_decode decoded[PCI_SLOTS * PCI_BARS];
	pthread_mutex_t intx_lock;
	unsigned int intx_users[PCI_INTX_LINES]; /* functions that want it */
};

/*
 * Creates the bridge, which is function 0 of slot 0 itself, and adds its
 * regions to `bus`. Returns 0 or -errno; (*out)->dev is for the registry.
 */
int pci_host_create(const struct pci_host_params *params, struct mmio_bus *bus,
		    struct pci_host **out);

/* ---- For functions ------------------------------------------------------- */

/*
 * Fills in configuration space from the fields of the first group. The function
 * has neither base addresses nor capabilities then.
 */
void pci_function_init(struct pci_function *fn);

/* Frees what pci_add_msix() has allocated; for the device's `destroy`. */
void pci_function_destroy(struct pci_function *fn);

/*
 * Before it is plugged in: a base address of `size` bytes, a power of two and
 * at least 16 (4 for I/O). `flags`: PCI_BASE_ADDRESS_SPACE_IO, or for memory
 * PCI_BASE_ADDRESS_MEM_TYPE_64, which takes the next one as well, and
 * PCI_BASE_ADDRESS_MEM_PREFETCH.
 */
void pci_add_bar(struct pci_function *fn, unsigned int bar, u64 size,
		 u32 flags);

/*
 * Before it is plugged in: a capability of `len` bytes, the first two of which
 * are set. Returns its offset; there has to be room for it.
 */
u32 pci_add_cap(struct pci_function *fn, u8 id, u32 len);

/*
 * Before it is plugged in: MSI-X with `nr` vectors, whose table is at
 * `table`, a multiple of 8, in the range of `bar`, and its pending bits at
 * `pba`. Without a controller for messages there is none. 0 or -ENOMEM.
 */
int pci_add_msix(struct pci_function *fn, unsigned int nr, unsigned int bar,
		 u32 table, u32 pba);

/*
 * Into the next free slot. The bridge destroys it in the end. Returns 0 or
 * -ENOSPC; then it stays the caller's.
 */
int pci_plug(struct pci_host *host, struct pci_function *fn);

/* Configuration space in the host's byte order; with the bridge's lock. */
u32 pci_config_get(const struct pci_function *fn, u32 offset, u32 len);
void pci_config_set(struct pci_function *fn, u32 offset, u32 len, u32 value);

/* Bytes whose set bits of `mask` the driver can write; before plugging in. */
void pci_config_writable(struct pci_function *fn, u32 offset, u32 len,
			 u32 mask);

/* An access to the table, or the pending bits, at `offset` from its start. */
u64 pci_msix_read(struct pci_function *fn, u64 offset, unsigned int len);
void pci_msix_write(struct pci_function *fn, u64 offset, u64 value,
		    unsigned int len);
u64 pci_msix_read_pending(struct pci_function *fn, u64 offset,
			  unsigned int len);

/* Whether the driver uses MSI-X; else the function uses INTx. Any thread. */
bool pci_msix_enabled(struct pci_function *fn);

/* The function wants vector `n`, below the number of them. Any thread. */
void pci_msix_notify(struct pci_function *fn, unsigned int n);

/*
 * Whoever writes the eventfd `fd` wants the vector from now on; -1: nobody does
 * any more. Where the vector is masked or not enabled, or KVM cannot do it, it
 * is left to who waits for `fd` to call pci_msix_notify(). Nothing gets lost
 * when that changes, if nobody reads `fd`: what is in it then is sent again.
 * *irqfd is zeroed at first. Any thread.
 */
void pci_irqfd_set_fd(struct pci_function *fn, struct pci_irqfd *irqfd, int fd);

/* The vector, 0 at first; none, if there is no such vector. Any thread. */
void pci_irqfd_set_vector(struct pci_function *fn, struct pci_irqfd *irqfd,
			  unsigned int vector);

/*
 * Whether KVM sends the messages: what woke somebody who waits for the eventfd
 * has been dealt with.
 */
bool pci_irqfd_is_bound(struct pci_irqfd *irqfd);

/* How often KVM was given an eventfd of the function's. Any thread. */
u64 pci_irqfd_binds(struct pci_function *fn);

/* Gives back what KVM has of it. */
void pci_irqfd_release(struct pci_function *fn, struct pci_irqfd *irqfd);

/* Drives INTA, level triggered; nothing while MSI-X is used. Any thread. */
void pci_set_intx(struct pci_function *fn, bool high);

#endif
