/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c virtio/pci_irq.c */
/* SOURCES: tests/unit/virtio_pci_rig.c virtio/pci.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c pci/host.c pci/function.c pci/decode.c */
/* SOURCES: pci/msix.c vmm/gmem.c vmm/mmio.c vmm/fdt.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: calloc */
/*
 * Queues of a virtio device behind PCI whose interrupts are wanted by eventfds:
 * KVM has those whose vector can be sent, and nothing gets lost on the way.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/util/json.h"
#include "virtio_pci_rig.h"

#define COMMON(reg) VIRTIO_PCI_COMMON_##reg
#define NONE	    0xffffU
#define ENABLE	    PCI_MSIX_FLAGS_ENABLE
#define MASK_ALL    PCI_MSIX_FLAGS_MASKALL
#define PBA	    (RIG_MSIX + 0x8000)
#define DOORBELL(v) (0x1080000040 + 0x100 * (v))
#define DATA(v)	    (0x20 + (v))

/* Signals at least; and those among them that found the vector masked. */
#define ROUNDS	 20000U
#define ENOUGH	 100U
#define PATIENCE 60

static void want(unsigned int queue, bool on)
{
	pthread_mutex_lock(&rig.vdev->lock);
	rig.vdev->transport->queue_irqfd(rig.vdev, queue,
					 on ? RIG_FD + (int)queue : -1);
	pthread_mutex_unlock(&rig.vdev->lock);
}

/* As vhost's thread: it reads nothing. */
static void signal_queue(unsigned int queue)
{
	if (rig_signal(queue))
		rig.vdev->transport->queue_interrupt(rig.vdev, queue);
}

static void set_queue_vector(u32 queue, u32 vector)
{
	rig_write(COMMON(Q_SELECT), queue, 2);
	rig_write(COMMON(Q_MSIX), vector, 2);
}

static void set_vector_mask(u32 vector, bool on)
{
	mmio_bus_write(&rig.bus, RIG_MSIX + 16 * vector + 12, on, 4);
}

static u64 pending(void)
{
	return mmio_bus_read(&rig.bus, PBA, 8);
}

/* As Linux does with a vector for each, and none masked. */
static void use_msix(void)
{
	rig_set_msix(ENABLE | MASK_ALL);
	for (u32 i = 0; i <= RIG_QUEUES; i++)
		rig_set_entry(i, DOORBELL(i), DATA(i), 0);
	rig_write(COMMON(MSIX), 0, 2);
	for (u32 i = 0; i < RIG_QUEUES; i++)
		set_queue_vector(i, i + 1);
	rig_set_msix(ENABLE);
}

static void start(void)
{
	rig_bring_up();
	use_msix();
	want(0, true);
	want(1, true);
}

/* `n` messages so far by KVM, the last by that vector, and `m` by lkvm. */
static void expect(unsigned int n, u32 vector, unsigned int m)
{
	assert_int_equal(atomic_load(&rig.by_kvm), n);
	assert_int_equal(rig.messages, m);
	if (!n)
		return;
	assert_int_equal(rig.kvm_address, DOORBELL(vector));
	assert_int_equal(rig.kvm_data, DATA(vector));
}

static void expect_bound(bool first, bool second)
{
	assert_int_equal(rig.irqfds[0].bound, first);
	assert_int_equal(rig.irqfds[1].bound, second);
}

static u64 stat_of(const char *name)
{
	struct pci_function *fn = rig.host->slots[1];
	struct json_writer json = { 0 };
	char *text = NULL;
	const char *at;
	size_t len = 0;
	u64 value;

	json.out = open_memstream(&text, &len);
	json_begin_object(&json, NULL);
	fn->ops->stats(fn, &json);
	json_end_object(&json);
	fclose(json.out);
	at = strstr(text, name);
	value = at ? strtoull(at + strlen(name) + 2, NULL, 10) : UINT64_MAX;
	free(text);
	return value;
}

/* ---- Tests --------------------------------------------------------------- */

/* lkvm has no part in it, and does not count them. */
static void by_kvm(void **state)
{
	(void)state;
	start();
	expect_bound(true, true);
	signal_queue(0);
	expect(1, 1, 0);
	signal_queue(1);
	expect(2, 2, 0);
	assert_int_equal(rig.routes, 2);
	assert_int_equal(stat_of("\"irqfds\""), 2);
	assert_int_equal(stat_of("\"interrupts\""), 0);
	/* What KVM has got comes from the thread as well with old kernels. */
	rig.vdev->transport->queue_interrupt(rig.vdev, 0);
	expect(2, 2, 0);
	/* Others are not affected. */
	rig.vdev->transport->config_interrupt(rig.vdev);
	expect(2, 2, 1);
	want(0, false);
	expect_bound(false, true);
	rig.vdev->transport->queue_interrupt(rig.vdev, 0);
	expect(2, 2, 2);
	assert_int_equal(rig.address, DOORBELL(1));
}

/* Linux sets up vectors before the device runs; others may do so later. */
static void in_any_order(void **state)
{
	(void)state;
	rig_bring_up();
	want(0, true);
	want(1, true);
	expect_bound(false, false);
	signal_queue(0);
	assert_true(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	use_msix();
	expect_bound(true, true);
	/* It was left in the eventfd. */
	expect(1, 1, 0);
	signal_queue(1);
	expect(2, 2, 0);
}

static void masked_vector(void **state)
{
	(void)state;
	start();
	set_vector_mask(1, true);
	expect_bound(false, true);
	signal_queue(1);
	expect(1, 2, 0);
	assert_int_equal(pending(), 0);
	/* Rewritten meanwhile, as for another CPU: KVM is told once. */
	rig_set_entry(1, DOORBELL(3), DATA(3), 1);
	assert_int_equal(rig.routes, 2);
	set_vector_mask(1, false);
	expect_bound(true, true);
	assert_int_equal(rig.routes, 3);
	signal_queue(0);
	expect(2, 3, 0);
	/* Written once more, the same. */
	rig_set_entry(1, DOORBELL(3), DATA(3), 0);
	assert_int_equal(rig.routes, 3);
	assert_int_equal(rig.binds, 3);
}

static void pending_vector(void **state)
{
	(void)state;
	start();
	set_vector_mask(1, true);
	signal_queue(0);
	signal_queue(0);
	expect(0, 0, 0);
	assert_int_equal(pending(), 2);
	set_vector_mask(1, false);
	assert_int_equal(pending(), 0);
	/* By lkvm; and by KVM, which finds it in the eventfd. */
	expect(1, 1, 1);
	assert_int_equal(rig.address, DOORBELL(1));
}

/* While the driver masks the function, switches MSI-X off, or all of it. */
static void function_off(void **state)
{
	(void)state;
	start();
	rig_set_msix(ENABLE | MASK_ALL);
	expect_bound(false, false);
	signal_queue(0);
	assert_int_equal(pending(), 2);
	rig_set_msix(ENABLE);
	expect_bound(true, true);
	expect(1, 1, 1);
	rig_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	expect_bound(false, false);
	rig_set(PCI_COMMAND, RIG_DECODE, 2);
	expect_bound(true, true);
	rig_set_msix(0);
	expect_bound(false, false);
	signal_queue(1);
	assert_true(rig.high);
	assert_int_equal(rig_read(RIG_ISR, 1), 1);
	rig_set_msix(ENABLE);
	expect_bound(true, true);
	/* Where the table is does not matter. */
	rig_set(PCI_BASE_ADDRESS_1, (u32)RIG_MSIX + SZ_1M, 4);
	rig_move(RIG_REGISTERS + SZ_1M);
	expect_bound(true, true);
	/* Nor does any of that change where they lead. */
	assert_int_equal(rig.routes, 2);
}

/* At once, without a moment in which there is nothing. */
static void other_vector(void **state)
{
	(void)state;
	start();
	set_queue_vector(0, 2);
	signal_queue(0);
	expect(1, 2, 0);
	assert_int_equal(rig.binds, 2);
	rig_set_entry(2, DOORBELL(7), DATA(7), 0);
	signal_queue(0);
	expect(2, 7, 0);
	signal_queue(1);
	expect(3, 7, 0);
	assert_int_equal(rig.binds, 2);
	set_queue_vector(0, NONE);
	expect_bound(false, true);
	signal_queue(0);
	expect(3, 7, 0);
	set_queue_vector(0, 0);
	expect_bound(true, true);
	/* What was in the eventfd, once too often. */
	expect(4, 0, 0);
	set_queue_vector(0, RIG_QUEUES + 1);
	expect_bound(false, true);
}

/* lkvm sends what KVM does not take, or nobody. */
static void refused(void **state)
{
	(void)state;
	rig.refuse_bind = true;
	start();
	expect_bound(false, false);
	signal_queue(0);
	expect(0, 0, 1);
	rig.refuse_bind = false;
	rig.unroutable = DOORBELL(1);
	rig_set_msix(ENABLE);
	expect_bound(false, true);
	signal_queue(0);
	signal_queue(1);
	expect(1, 2, 2);
	rig_set_entry(2, DOORBELL(1), DATA(2), 0);
	expect_bound(false, false);
	signal_queue(1);
	expect(1, 2, 3);
}

static void resets(void **state)
{
	(void)state;
	start();
	want(0, false);
	want(1, false);
	rig_status(0);
	want(0, true);
	expect_bound(false, false);
	use_msix();
	expect_bound(true, false);
	want(1, true);
	expect_bound(true, true);
	assert_int_equal(rig.routes, 2);
	rig.host->dev.ops->reset(&rig.host->dev);
	expect_bound(false, false);
	rig_place();
	rig_bring_up();
	expect_bound(false, false);
	use_msix();
	expect_bound(true, true);
	assert_int_equal(rig.routes, 2);
	want(0, false);
	want(1, false);
}

static void without_msi(void **state)
{
	const struct rig_params disk = { .id = 2,
					 .config_size = RIG_CONFIG,
					 .no_msi = true,
					 .irqfds = true };

	(void)state;
	rig_create(&disk);
	rig_place();
	rig_bring_up();
	want(0, true);
	expect_bound(false, false);
	signal_queue(0);
	assert_true(rig.high);
	assert_int_equal(stat_of("\"irqfds\""), UINT64_MAX);
	rig_destroy();
	assert_int_equal(rig.released, 0);
}

static void without_irqfds(void **state)
{
	const struct rig_params disk = { .id = 2, .config_size = RIG_CONFIG };

	(void)state;
	rig_create(&disk);
	rig_place();
	start();
	expect_bound(false, false);
	signal_queue(0);
	expect(0, 0, 1);
	rig_destroy();
}

/* ---- Threads ------------------------------------------------------------- */

static struct {
	atomic_bool over;
} t;

/* Two vCPUs that rewrite, mask and change the vectors all the time. */
static void *mask(void *opaque)
{
	u32 vector = 1 + !!opaque;

	while (!atomic_load(&t.over)) {
		set_vector_mask(vector, true);
		rig_set_entry(vector, DOORBELL(vector), DATA(vector), 1);
		set_vector_mask(vector, false);
		if (opaque)
			continue;
		rig_set_msix(ENABLE | MASK_ALL);
		rig_set_msix(ENABLE);
		set_queue_vector(0, 2);
		set_queue_vector(0, 1);
	}
	return NULL;
}

static unsigned int by_lkvm(void)
{
	pthread_mutex_t *lock = &rig.host->slots[1]->msix.lock;
	unsigned int n;

	pthread_mutex_lock(lock);
	n = rig.messages;
	pthread_mutex_unlock(lock);
	return n;
}

static unsigned int all_messages(void)
{
	return atomic_load(&rig.by_kvm) + by_lkvm();
}

/*
 * Each signal leads to a message that comes after it, though perhaps not before
 * the vector is unmasked again.
 */
static void nothing_gets_lost(void **state)
{
	pthread_t threads[2];

	(void)state;
	alarm(PATIENCE);
	start();
	atomic_store(&t.over, false);
	assert_int_equal(pthread_create(&threads[0], NULL, mask, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, mask, &t), 0);
	for (unsigned int i = 0; i < ROUNDS || by_lkvm() < ENOUGH; i++) {
		unsigned int before = all_messages();

		signal_queue(0);
		while (all_messages() == before)
			sched_yield();
	}
	atomic_store(&t.over, true);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	expect_bound(true, true);
	assert_int_equal(pending(), 0);
	alarm(0);
	assert_true(rig.binds > ENOUGH);
}

static int setup(void **state)
{
	const struct rig_params net = { .id = 1,
					.config_size = RIG_CONFIG,
					.irqfds = true };

	(void)state;
	rig_create(&net);
	rig_place();
	return 0;
}

/* Each route is given back. */
static int teardown(void **state)
{
	(void)state;
	rig_destroy();
	assert_int_equal(rig.released, RIG_QUEUES);
	expect_bound(false, false);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_kvm),
		TEST(in_any_order),
		TEST(masked_vector),
		TEST(pending_vector),
		TEST(function_off),
		TEST(other_vector),
		TEST(refused),
		TEST(resets),
		cmocka_unit_test(without_msi),
		cmocka_unit_test(without_irqfds),
		TEST(nothing_gets_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
