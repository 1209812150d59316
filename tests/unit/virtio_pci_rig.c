/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "virtio_pci_rig.h"

#define RAM_SIZE SZ_64K
#define CONFIG	 (RIG_ECAM + (1 << 15)) /* slot 1 */
#define BAR(n)	 (PCI_BASE_ADDRESS_0 + 4 * (n))

struct virtio_pci_rig rig;

/* Only its address is used. */
static char vm_of_rig;
#define VM ((struct vm *)(void *)&vm_of_rig)

/* ---- The host ------------------------------------------------------------ */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (rig.fail_alloc && !--rig.fail_alloc)
		return NULL;
	return __real_calloc(n, size);
}

static struct virtio_pci *transport(void)
{
	return container_of(rig.host->slots[1], struct virtio_pci, fn);
}

static void require_locked(pthread_mutex_t *lock)
{
	assert_int_equal(pthread_mutex_trylock(lock), EBUSY);
}

void irq_line_set(const struct irq_line *line, bool high)
{
	if (rig.by_device)
		require_locked(&transport()->irq_lock);
	assert_int_equal(line->gsi, RIG_SPI + 1);
	assert_ptr_equal(line->vm, VM);
	assert_int_not_equal(rig.high, high);
	rig.high = high;
	rig.edges += high;
}

/* Any width and any value: a driver writes 16 bits, or 32. */
static void check_ioeventfd(struct vm *vm, unsigned int len, int fd,
			    const u64 *match)
{
	assert_ptr_equal(vm, VM);
	assert_int_equal(len, 0);
	assert_null(match);
	assert_in_range(fd, RIG_FD, RIG_FD + RIG_QUEUES - 1);
	require_locked(&transport()->notify_lock);
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	check_ioeventfd(vm, len, fd, match);
	assert_int_not_equal(addr, 0);
	if (addr == rig.refused)
		return -ENOSPC;
	assert_int_equal(rig.notified[fd - RIG_FD], 0);
	rig.notified[fd - RIG_FD] = addr;
	return 0;
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match)
{
	check_ioeventfd(vm, len, fd, match);
	if (rig.notified[fd - RIG_FD] != addr) {
		rig.bad_deassigns++;
		return -ENOENT;
	}
	rig.notified[fd - RIG_FD] = 0;
	return 0;
}

static void send_msi(void *opaque, u32 id, u64 address, u32 data)
{
	assert_ptr_equal(opaque, &rig);
	assert_int_equal(id, 1 << 3);
	require_locked(&transport()->fn.msix.lock);
	rig.messages++;
	rig.address = address;
	rig.data = data;
}

/* ---- Interrupts by eventfds ---------------------------------------------- */

/* The route of a queue, which is changed with the function's lock. */
static struct rig_irqfd *irqfd_of(struct irq_route *route)
{
	const struct pci_irqfd *irqfd =
		container_of(route, struct pci_irqfd, route);
	ptrdiff_t queue = irqfd - transport()->irqfds;

	require_locked(&transport()->fn.msix.lock);
	assert_in_range(queue, 0, RIG_QUEUES - 1);
	return &rig.irqfds[queue];
}

static int route_msi(void *opaque, struct irq_route *route, u32 id, u64 address,
		     u32 data)
{
	struct rig_irqfd *irqfd = irqfd_of(route);

	assert_ptr_equal(opaque, &rig);
	assert_int_equal(id, 1 << 3);
	if (address == rig.unroutable)
		return -EINVAL;
	pthread_mutex_lock(&rig.kvm_lock);
	rig.routes += irqfd->address != address || irqfd->data != data;
	irqfd->address = address;
	irqfd->data = data;
	pthread_mutex_unlock(&rig.kvm_lock);
	return 0;
}

/* With the lock. */
static void send_by_kvm(const struct rig_irqfd *irqfd)
{
	rig.kvm_address = irqfd->address;
	rig.kvm_data = irqfd->data;
	atomic_fetch_add(&rig.by_kvm, 1);
}

/* What is in the eventfd counts, and stays there. */
int irq_route_bind(struct vm *vm, struct irq_route *route, int fd, int resample)
{
	struct rig_irqfd *irqfd = irqfd_of(route);

	assert_ptr_equal(vm, VM);
	assert_int_equal(fd, RIG_FD + (irqfd - rig.irqfds));
	assert_int_equal(resample, -1);
	assert_false(irqfd->bound);
	if (rig.refuse_bind)
		return -ENOSPC;
	pthread_mutex_lock(&rig.kvm_lock);
	irqfd->bound = true;
	rig.binds++;
	if (irqfd->count)
		send_by_kvm(irqfd);
	pthread_mutex_unlock(&rig.kvm_lock);
	atomic_store(&route->bound, true);
	return 0;
}

/* What is in the eventfd is gone. */
void irq_route_unbind(struct vm *vm, struct irq_route *route)
{
	struct rig_irqfd *irqfd = irqfd_of(route);

	assert_ptr_equal(vm, VM);
	if (!atomic_exchange(&route->bound, false))
		return;
	pthread_mutex_lock(&rig.kvm_lock);
	assert_true(irqfd->bound);
	irqfd->bound = false;
	irqfd->count = 0;
	pthread_mutex_unlock(&rig.kvm_lock);
}

void irq_route_release(struct vm *vm, struct irq_route *route)
{
	irq_route_unbind(vm, route);
	rig.released++;
}

bool rig_signal(unsigned int queue)
{
	struct rig_irqfd *irqfd = &rig.irqfds[queue];
	bool bound;

	pthread_mutex_lock(&rig.kvm_lock);
	bound = irqfd->bound;
	if (bound)
		send_by_kvm(irqfd);
	else
		irqfd->count++;
	pthread_mutex_unlock(&rig.kvm_lock);
	return !bound;
}

/* ---- The model ----------------------------------------------------------- */

static void read_config(struct virtio_device *dev, u32 offset, void *buf,
			u32 len)
{
	assert_true(offset + len <= dev->config_size);
	require_locked(&dev->lock);
	memcpy(buf, rig.config + offset, len);
}

static void write_config(struct virtio_device *dev, u32 offset, const void *buf,
			 u32 len)
{
	assert_true(offset + len <= dev->config_size);
	require_locked(&dev->lock);
	memcpy(rig.config + offset, buf, len);
}

static int start(struct virtio_device *dev)
{
	require_locked(&dev->lock);
	rig.starts++;
	rig.features = dev->features;
	return 0;
}

/* What it has under way may still want interrupts. */
static void stop(struct virtio_device *dev)
{
	rig.stops++;
	dev->transport->queue_interrupt(dev, 0);
}

/* The same for one queue, whose lock the model's threads may need. */
static void stop_queue(struct virtio_device *dev, unsigned int queue)
{
	require_locked(&dev->lock);
	assert_int_equal(pthread_mutex_trylock(&dev->queues[queue].lock), 0);
	pthread_mutex_unlock(&dev->queues[queue].lock);
	assert_true(dev->queues[queue].q.enabled);
	rig.queue_stops[queue]++;
	/* Nobody starts it again meanwhile. */
	virtio_kick(dev, queue);
}

static void reset(struct virtio_device *dev)
{
	require_locked(&dev->lock);
	rig.resets++;
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	assert_true(queue < RIG_QUEUES);
	require_locked(&dev->queues[queue].lock);
	rig.kicks[queue]++;
}

static void stats(struct virtio_device *dev, struct json_writer *json)
{
	json_u64(json, "model", dev->id);
}

static void destroy(struct virtio_device *dev)
{
	assert_int_equal(rig.stops, rig.starts);
	virtio_device_destroy(dev);
	free(dev);
	rig.destroyed++;
}

static const struct virtio_model_ops model = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.stop = stop,
	.stop_queue = stop_queue,
	.reset = reset,
	.kick = kick,
	.stats = stats,
	.destroy = destroy,
};

struct virtio_device *rig_model(const struct rig_params *params)
{
	struct virtio_device *vdev = __real_calloc(1, sizeof(*vdev));

	vdev->ops = &model;
	vdev->name = "disk";
	vdev->id = params->id;
	vdev->config_size = params->config_size;
	vdev->offered = RIG_FEATURES | VIRTQ_F_RING_RESET;
	vdev->nr_queues = params->nr_queues ?: RIG_QUEUES;
	vdev->queue_size = RIG_SIZE;
	virtio_device_init(vdev, &rig.mem);
	return vdev;
}

/* ---- Beginning and end --------------------------------------------------- */

void rig_create(const struct rig_params *params)
{
	const struct pci_host_params host = {
		.name = "pci",
		.ecam = RIG_ECAM,
		.nr_buses = 1,
		.mmio32 = RIG_MMIO32,
		.mmio32_size = RIG_WINDOW,
		.mmio64 = RIG_MMIO64,
		.mmio64_size = RIG_WINDOW,
		.intx = { .vm = VM, .gsi = RIG_SPI, .trigger = IRQ_LEVEL_HIGH },
		.send_msi = params->no_msi ? NULL : send_msi,
		.route_msi = params->irqfds ? route_msi : NULL,
		.opaque = &rig,
	};

	memset(&rig, 0, sizeof(rig));
	pthread_mutex_init(&rig.kvm_lock, NULL);
	rig.ram = aligned_alloc(SZ_4K, RAM_SIZE);
	memset(rig.ram, 0, RAM_SIZE);
	assert_int_equal(gmem_add(&rig.mem, RIG_RAM, RAM_SIZE, rig.ram), 0);
	for (unsigned int i = 0; i < RIG_CONFIG; i++)
		rig.config[i] = (u8)(0x10 + i);
	mmio_bus_init(&rig.bus);
	assert_int_equal(pci_host_create(&host, &rig.bus, &rig.host), 0);
	rig.vdev = rig_model(params);
	assert_int_equal(virtio_pci_create(rig.vdev, rig.host, NULL), 0);
}

void rig_destroy(void)
{
	rig.host->dev.ops->destroy(&rig.host->dev);
	mmio_bus_destroy(&rig.bus);
	free(rig.ram);
}

int rig_setup(void **state)
{
	const struct rig_params disk = { .id = 2, .config_size = RIG_CONFIG };

	(void)state;
	rig_create(&disk);
	rig_place();
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	rig_destroy();
	assert_int_equal(rig.destroyed, 1);
	return 0;
}

/* ---- A driver's steps ---------------------------------------------------- */

u32 rig_get(u32 offset, unsigned int len)
{
	return (u32)mmio_bus_read(&rig.bus, CONFIG + offset, len);
}

void rig_set(u32 offset, u32 value, unsigned int len)
{
	mmio_bus_write(&rig.bus, CONFIG + offset, value, len);
}

void rig_move(u64 registers)
{
	rig_set(BAR(4), (u32)registers, 4);
	rig_set(BAR(5), (u32)(registers >> 32), 4);
}

void rig_place(void)
{
	rig_set(BAR(1), (u32)RIG_MSIX, 4);
	rig_move(RIG_REGISTERS);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
}

static u32 find(u8 id, int type)
{
	u32 at = rig_get(PCI_CAPABILITY_LIST, 1);

	for (; at; at = rig_get(at + PCI_CAP_LIST_NEXT, 1))
		if (rig_get(at, 1) == id &&
		    (type < 0 ||
		     rig_get(at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == (u32)type))
			return at;
	return 0;
}

u32 rig_find(u8 type)
{
	return find(PCI_CAP_ID_VNDR, type);
}

u32 rig_find_msix(void)
{
	return find(PCI_CAP_ID_MSIX, -1);
}

u64 rig_read(u64 offset, unsigned int len)
{
	return mmio_bus_read(&rig.bus, RIG_REGISTERS + offset, len);
}

void rig_write(u64 offset, u64 value, unsigned int len)
{
	mmio_bus_write(&rig.bus, RIG_REGISTERS + offset, value, len);
}

void rig_status(u32 status)
{
	rig_write(VIRTIO_PCI_COMMON_STATUS, status, 1);
}

void rig_want(u64 features)
{
	rig_write(VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	rig_write(VIRTIO_PCI_COMMON_GF, (u32)features, 4);
	rig_write(VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	rig_write(VIRTIO_PCI_COMMON_GF, features >> 32, 4);
}

void rig_negotiate(u64 features)
{
	rig_status(VIRTIO_S_ACKNOWLEDGE);
	rig_status(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	rig_want(features);
	rig_status(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |
		   VIRTIO_S_FEATURES_OK);
}

/* Linux and EDK2: as two of 32 bits. */
void rig_set_address(u64 reg, u64 address)
{
	rig_write(reg, (u32)address, 4);
	rig_write(reg + 4, address >> 32, 4);
}

void rig_set_up_queue(u32 n)
{
	rig_write(VIRTIO_PCI_COMMON_Q_SELECT, n, 2);
	rig_write(VIRTIO_PCI_COMMON_Q_SIZE, RIG_SIZE / 2, 2);
	rig_set_address(VIRTIO_PCI_COMMON_Q_DESCLO, RIG_DESC(n));
	rig_set_address(VIRTIO_PCI_COMMON_Q_AVAILLO, RIG_DRIVER(n));
	rig_set_address(VIRTIO_PCI_COMMON_Q_USEDLO, RIG_USED(n));
	rig_write(VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

void rig_bring_up(void)
{
	rig_negotiate(RIG_FEATURES);
	for (u32 i = 0; i < RIG_QUEUES; i++)
		rig_set_up_queue(i);
	rig_status(RIG_ALL_STATUS);
	assert_int_equal(rig_read(VIRTIO_PCI_COMMON_STATUS, 1), RIG_ALL_STATUS);
}

void rig_set_msix(u32 flags)
{
	rig_set(rig_find_msix() + PCI_MSIX_FLAGS, flags, 2);
}

void rig_set_entry(unsigned int n, u64 address, u32 data, u32 control)
{
	u64 at = RIG_MSIX + 16 * n;

	mmio_bus_write(&rig.bus, at, (u32)address, 4);
	mmio_bus_write(&rig.bus, at + 4, address >> 32, 4);
	mmio_bus_write(&rig.bus, at + 8, data, 4);
	mmio_bus_write(&rig.bus, at + 12, control, 4);
}
