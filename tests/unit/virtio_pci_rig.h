/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device on a PCI bridge, a driver's steps, and a model, interrupts
 * and notifications of KVM's that are noted.
 */
#ifndef VIRTIO_PCI_RIG_H
#define VIRTIO_PCI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/virtio_pci.h>

#include "lkvm/virtio/pci.h"
#include "lkvm/vmm/gmem.h"

#define RIG_ECAM   0x3f000000ULL
#define RIG_MMIO32 0x10000000ULL
#define RIG_MMIO64 0x8000000000ULL
#define RIG_WINDOW (16 * SZ_1M)
#define RIG_SPI	   3
#define RIG_RAM	   0x180000000ULL /* no half of an address is 0 */
#define RIG_QUEUES 2
#define RIG_SIZE   16 /* of a queue */
#define RIG_CONFIG 12
#define RIG_FD	   0 /* of queue 0; the next one's is 1 */

#define RIG_FEATURE  (1ULL << 5)
#define RIG_FEATURES (VIRTQ_F_VERSION_1 | RIG_FEATURE)

/* Where the driver puts base addresses. */
#define RIG_MSIX      (RIG_MMIO32 + SZ_1M)
#define RIG_REGISTERS (RIG_MMIO64 + SZ_1M)
#define RIG_REG_SIZE  0x4000ULL

/* Where it finds the structures; test_virtio_pci.c: the capabilities say so. */
#define RIG_ISR	   0x1000ULL
#define RIG_DEVICE 0x2000ULL
#define RIG_NOTIFY 0x3000ULL

#define RIG_DESC(q)   (RIG_RAM + 0x4000 * (q))
#define RIG_DRIVER(q) (RIG_DESC(q) + 0x1000)
#define RIG_USED(q)   (RIG_DESC(q) + 0x2000)

#define RIG_ALL_STATUS                                                   \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK | \
	 VIRTIO_S_DRIVER_OK)

#define RIG_DECODE (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

struct rig_params {
	u32 id;
	u32 config_size;
	bool no_msi;
	bool irqfds;   /* KVM has them */
	u32 nr_queues; /* 0: RIG_QUEUES */
};

/* What KVM knows of a queue's eventfd, and the eventfd. */
struct rig_irqfd {
	u64 address;
	u32 data;
	bool bound;
	u64 count; /* written, and not taken by KVM */
};

struct virtio_pci_rig {
	struct mmio_bus bus;
	struct gmem mem;
	struct pci_host *host;
	struct virtio_device *vdev;
	u8 *ram;
	u8 config[RIG_CONFIG];
	/* INTA of slot 1. */
	bool high;
	bool by_device; /* what drives it holds the device's lock for that */
	unsigned int edges;
	/* The last message. */
	unsigned int messages;
	u64 address;
	u32 data;
	/* What the model saw. */
	unsigned int starts, stops, resets, destroyed, kicks[RIG_QUEUES];
	unsigned int queue_stops[RIG_QUEUES];
	u64 features;
	/* What KVM has been told; 0: nothing. */
	u64 notified[RIG_QUEUES];
	unsigned int bad_deassigns;
	u64 refused; /* KVM takes no notifications there */
	/* Interrupts by eventfds; of kvm_lock. */
	pthread_mutex_t kvm_lock;
	struct rig_irqfd irqfds[RIG_QUEUES];
	unsigned int routes, binds, released;
	u64 unroutable; /* a message to there leads nowhere */
	bool refuse_bind;
	atomic_uint by_kvm; /* messages */
	u64 kvm_address;    /* of the last one */
	u32 kvm_data;
	int fail_alloc; /* 1: the next allocation of lkvm's, and so on */
};

extern struct virtio_pci_rig rig;

/* A device of the host that has a driver's attention, but is not placed. */
void rig_create(const struct rig_params *params);
void rig_destroy(void);

/* For cmocka: a disk whose ranges are placed and decoded. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* A model that counts when it is destroyed. */
struct virtio_device *rig_model(const struct rig_params *params);

/* Configuration space of slot 1. */
u32 rig_get(u32 offset, unsigned int len);
void rig_set(u32 offset, u32 value, unsigned int len);

/*
 * Somebody writes the eventfd of a queue, which is RIG_FD and so on. Returns
 * true if KVM leaves it to those who wait for it.
 */
bool rig_signal(unsigned int queue);

void rig_place(void);
void rig_move(u64 registers);

/* The capability of virtio's type, or 0; MSI-X's is rig_find_msix(). */
u32 rig_find(u8 type);
u32 rig_find_msix(void);

/* Registers, by an offset in the range of base address 4. */
u64 rig_read(u64 offset, unsigned int len);
void rig_write(u64 offset, u64 value, unsigned int len);

/* ---- A driver's steps ---------------------------------------------------- */

void rig_status(u32 status);
void rig_want(u64 features);
void rig_negotiate(u64 features);
void rig_set_address(u64 reg, u64 address);
void rig_set_up_queue(u32 n);
void rig_bring_up(void);

void rig_set_msix(u32 flags);
void rig_set_entry(unsigned int n, u64 address, u32 data, u32 control);

#endif
