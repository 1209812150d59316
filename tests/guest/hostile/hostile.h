/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that means harm: it attacks lkvm's devices, one class of bugs after
 * the other, with a driver of its own that checks nothing it sends. After each
 * attack all devices have to work. docs/bug-classes.md lists the classes.
 *
 * Register layouts and constants are those of virtio 1.4.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "guest.h"
#include "io.h"

/* virtio 1.4, "Device Types". */
#define ID_NET	   1
#define ID_BLK	   2
#define ID_CONSOLE 3
#define ID_RNG	   4
#define ID_9P	   9

/* "Device Status Field" */
#define S_ACKNOWLEDGE 1U
#define S_DRIVER      2U
#define S_DRIVER_OK   4U
#define S_FEATURES_OK 8U
#define S_NEEDS_RESET 64U

/* "Reserved Feature Bits" */
#define F_INDIRECT   BIT(28)
#define F_EVENT_IDX  BIT(29)
#define F_VERSION_1  BIT(32)
#define F_PACKED     BIT(34)
#define F_RING_RESET BIT(40)

/* "The Virtqueue Descriptor Table" */
#define D_NEXT	   1U
#define D_WRITE	   2U
#define D_INDIRECT 4U

#define PATIENCE_MS   20000
#define IMPATIENCE_MS 500

/* ---- virtio.c: a device, by either transport ---- */

/* Registers that both transports have; addresses are two words. */
enum reg {
	R_OFFERED_SEL,
	R_OFFERED,
	R_WANTED_SEL,
	R_WANTED,
	R_STATUS,
	R_QUEUE_SEL,
	R_QUEUE_MAX,
	R_QUEUE_SIZE,
	R_QUEUE_ENABLE,
	R_QUEUE_DESC,
	R_QUEUE_DRIVER,
	R_QUEUE_DEVICE,
	R_QUEUE_RESET,
};

struct vdev {
	bool pci;
	u64 regs;   /* of the transport */
	u64 config; /* of the device */
	u64 notify; /* of queue 0 */
	u64 size;   /* bytes of what can be accessed from `regs` on */
	/* PCI: configuration space, and where the ranges are. */
	u64 function, msix;
};

/* The `nr`-th device of a kind, from 0; false if there is none. */
bool vdev_find(struct vdev *v, u32 id, unsigned int nr);

u32 vdev_read(const struct vdev *v, enum reg reg);
void vdev_write(const struct vdev *v, enum reg reg, u32 value);
void vdev_write_address(const struct vdev *v, enum reg reg, u64 address);
void vdev_kick(const struct vdev *v, u32 queue);
u64 vdev_offered(const struct vdev *v);
void vdev_want(const struct vdev *v, u64 features);

/* Writes 0 to the status; false if it does not read as 0 then. */
bool vdev_reset(const struct vdev *v);

/* Whether the status says that a reset is needed, within PATIENCE_MS. */
bool vdev_breaks(const struct vdev *v);

/* ---- pci.c: the bridge ---- */

/* Addresses that the device tree has. */
struct bridge {
	u64 ecam, ecam_size, window, window_size;
};

bool bridge_find(struct bridge *bridge);

/* Where configuration space of a slot is; `n` counts its virtio devices. */
bool pci_find(struct vdev *v, u32 id, unsigned int nr);

/* Gives both ranges their addresses again, with all decoding on. */
void pci_place(const struct vdev *v);

/* The capability of that number; `type` is that of virtio, 0: any. 0: none. */
u64 pci_cap(const struct vdev *v, u8 id, u8 type);

/* ---- ring.c ---- */

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

#define RING_MAX 256

/* Where a ring's areas are, each with room behind it. */
struct ring_memory {
	struct desc desc[RING_MAX];
	u16 avail[RING_MAX + 8] __attribute__((aligned(64)));
	u32 used[2 * RING_MAX + 8] __attribute__((aligned(64)));
};

struct ring {
	struct vdev *v;
	u32 queue;
	u16 size;
	u16 seen; /* entries of the used ring that were looked at */
	struct desc *desc;
	volatile u16 *avail; /* flags, index, entries */
	volatile u32 *used;  /* flags and index, two words for each entry */
};

/* One buffer of a chain. */
struct piece {
	u64 addr;
	u32 len;
	bool in; /* the device writes to it */
};

/* Empty, all zero; whether the driver wants interrupts says who serves it. */
void ring_clear(struct ring *r, bool interrupts);

/* Gives the device the ring's addresses and enables the queue. */
bool ring_enable(struct ring *r);

void ring_set(struct ring *r, u32 n, u64 addr, u32 len, u32 flags, u32 next);

/* The chain that begins at `head` is available; no notification. */
void ring_post(struct ring *r, u32 head);

/* Puts the pieces to descriptors from `first` on. */
void ring_chain(struct ring *r, u32 first, const struct piece *pieces, u32 n);

/* The next used entry, within `ms`; its length, or one of these. */
#define NO_ANSWER -1L
#define BROKEN	  -2L
long ring_wait(struct ring *r, u64 ms);

/* All of that for one chain. */
long ring_exchange(struct ring *r, const struct piece *pieces, u32 n);

/* ---- target.c: devices that work, or do not ---- */

#define MAX_QUEUES 6

struct target {
	const char *name;
	u32 id;
	unsigned int nr;
	u32 nr_queues;
	u32 queue;    /* what is attacked: its chains begin with what is read */
	u64 features; /* beside VERSION_1 */
	bool (*works)(struct target *t); /* does what its users want */
	struct vdev v;
	struct ring rings[MAX_QUEUES];
};

#define NR_TARGETS 5
extern struct target targets[NR_TARGETS];
extern struct target other; /* the second disk, which is never attacked */
#define DISK	(&targets[0])
#define RNG	(&targets[1])
#define NET	(&targets[2])
#define CONSOLE (&targets[3])
#define SHARE	(&targets[4])

/* Queues are used as by a driver that wants interrupts. */
extern bool interrupts;

bool targets_find(void);

/* Reset, features, queues. What is left out of it is an attack's to do. */
bool target_negotiate(struct target *t, u64 features);
bool target_enable(struct target *t);
void target_go(struct target *t);
bool target_start(struct target *t, u64 features);

/* Rings are where they belong, and empty; none is enabled. */
void target_attach(struct target *t);

/* With no queue but the one that is attacked, of so many entries. */
struct ring *target_start_one(struct target *t, u64 features, u32 size);

/* Whether each device works after a reset; says which does not. */
bool targets_work(void);

/* Whether the second disk's data are what they were. */
bool other_is_right(void);

/* `poison` breaks the queue: of all targets, served by vCPU or by thread. */
typedef void poison_fn(struct target *t, struct ring *r);
bool breaks_all(poison_fn *poison, u64 features);
bool breaks(struct target *t, poison_fn *poison, u64 features);

/* Memory of the guest that devices may write to as they like. */
#define POOL_SIZE (4 * SZ_1M)
u64 pool(void);
u64 ram_end(void);
u64 flash_base(void);

/* ---- blk.c ---- */

#define BLK_IN	   0U
#define BLK_OUT	   1U
#define BLK_FLUSH  4U
#define BLK_ID	   8U
#define BLK_ZEROES 13U
#define BLK_ERASE  11U /* discard */
#define BLK_OK	   0
#define BLK_IOERR  1
#define BLK_UNSUPP 2

/* The status byte, or NO_ANSWER or BROKEN. */
long blk_request(struct target *t, u32 type, u64 sector, u64 data, u32 len);
bool blk_works(struct target *t);

/* ---- Of other devices ---- */

bool rng_works(struct target *t);
bool net_works(struct target *t);
bool console_works(struct target *t);
bool share_works(struct target *t);

/* ---- rival.c: a second processor, which does something all the time ---- */

bool rival_start(void (*what)(void));
bool rival_stop(void);

/* Different at each call. */
u32 rival_random(void);

/* ---- Attacks ---- */

struct attack {
	const char *name;
	bool (*run)(void); /* whether the answers were those of the standard */
};

extern const struct attack ring_attacks[], packed_attacks[], setup_attacks[],
	pci_attacks[], blk_attacks[], stream_attacks[], share_attacks[],
	race_attacks[], status_attacks[], pci_race_attacks[];

/* Says what was wrong, and returns `good`. */
bool expect(bool good, const char *what);

#endif
