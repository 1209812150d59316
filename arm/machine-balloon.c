/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory balloon of a machine: machine-devices.c checks and adds it, on the
 * main thread; clients of the control socket change its target later. What the
 * guest gives back is virtio/balloon.c's to check.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/virtio/balloon.h"
#include "machine.h"

/* What can be known before there is a VM. */
int machine_check_balloon(const struct machine *machine)
{
	const struct balloon_config *config = &machine->config->balloon;

	if (!config->on)
		return 0;
	if (config->target >= machine->ram.size) {
		pr_fatal("--balloon target=%" PRIu64 "M: the guest has no more "
			 "than %" PRIu64 " MiB of RAM",
			 config->target / SZ_1M, machine->ram.size / SZ_1M);
		return -EINVAL;
	}
	if (machine->config->ram.hugetlbfs)
		pr_warn("--balloon: pages of --hugetlbfs stay with the guest");
	return 0;
}

/* Huge pages of a hugetlbfs were promised to the guest: see ram.c. */
int machine_add_balloon(struct machine *machine)
{
	const struct balloon_config *config = &machine->config->balloon;
	bool stays = machine->config->ram.hugetlbfs;
	const struct virtio_balloon_params params = {
		.name = "balloon",
		.mem = &machine->vm.mem,
		.loop = &machine->vm.loop,
		.target = config->target,
		.interval = config->interval,
		.page = stays ? 0 : (u64)sysconf(_SC_PAGESIZE),
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	if (!config->on)
		return 0;
	ret = virtio_balloon_create(&params, &vdev);
	if (!ret)
		ret = machine_add_device(machine, vdev, &slot);
	if (!ret)
		machine->balloon = vdev;
	return ret;
}

/* The same limit as for the option's target. */
int machine_set_balloon(struct machine *machine, u64 bytes)
{
	if (!machine->balloon)
		return -ENODEV;
	if (bytes >= machine->ram.size)
		return -EINVAL;
	virtio_balloon_set_target(machine->balloon, bytes);
	return 0;
}
