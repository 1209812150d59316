/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are memory of the guest's; see machine-virtio.c. They lie above
 * RAM, each at a multiple of 1 GiB, so that no section of Linux's memory map
 * (512 MiB with pages of 64 KiB) has both, and blocks of stage 2 are possible.
 *
 * Linux maps multiples of 2 MiB. What a file lacks is filled with zeroes if the
 * guest's writes do not last anyway; else they would be lost there without a
 * word, so such a file is refused.
 *
 * lkvm does not touch these mappings, nor do its devices (vm->mem has them
 * not): where a file has been cut off there would be a SIGBUS. A guest that
 * does ends the run, as KVM cannot go on; the lock keeps QEMU and lkvm from
 * cutting.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/disk/lock.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/pmem.h"
#include "machine.h"

#define PMEM_ALIGN SZ_1G
#define PMEM_UNIT  SZ_2M

/* Addresses of more bits no CPU has, and sums of these do not overflow. */
#define MAX_SPAN BIT(52)

static bool is_written(const struct pmem_config *config)
{
	return !config->readonly && !config->snapshot;
}

/* ---- Files --------------------------------------------------------------- */

static int refuse(const struct pmem_config *config, int err, const char *why)
{
	pr_fatal("--pmem %s: %s", config->path, why);
	return err;
}

/*
 * The guest maps units of 2 MiB; a file that it writes to has to have them all.
 */
static int look_at(const struct pmem_config *config, struct machine_pmem *pmem)
{
	struct stat st;

	if (fstat(pmem->fd, &st) < 0)
		return refuse(config, -errno, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(config, -EINVAL, "is not a file");
	if (!st.st_size)
		return refuse(config, -EINVAL, "is empty");
	if (st.st_size > (off_t)MAX_SPAN)
		return refuse(config, -E2BIG, "is too large to be memory");
	pmem->file_size = (u64)st.st_size;
	pmem->size = ALIGN_UP(pmem->file_size, PMEM_UNIT);
	if (pmem->size == pmem->file_size || !is_written(config))
		return 0;
	pr_fatal("--pmem %s: its size is not a multiple of 2 MiB, as a guest "
		 "needs it to write to the file: ro or snapshot does without, "
		 "\"truncate -s %%2M\" makes it so",
		 config->path);
	return -EINVAL;
}

/* The loop as in disk/open.c: the name may be another file's by then. */
static int open_one(const struct pmem_config *config, struct machine_pmem *pmem)
{
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int ret;

	for (;;) {
		pmem->fd =
			open(config->path,
			     flags | (is_written(config) ? O_RDWR : O_RDONLY));
		if (pmem->fd < 0)
			return refuse(config, -errno, strerror(errno));
		pmem->path = config->path;
		ret = look_at(config, pmem);
		if (!ret)
			ret = disk_lock(pmem->fd, "--pmem", config->path,
					is_written(config));
		if (ret || !file_lost_name(pmem->fd, config->path))
			return ret;
		close(pmem->fd);
		pmem->path = NULL;
	}
}

/* Above RAM, whose place is known. */
static int place(struct machine *machine, struct machine_pmem *pmem)
{
	pmem->base = ALIGN_UP(machine->memory_end, PMEM_ALIGN);
	machine->memory_end = pmem->base + pmem->size;
	if (pmem->base < MAX_SPAN && machine->memory_end <= MAX_SPAN)
		return 0;
	pr_fatal("--pmem %s: there are no addresses left for it", pmem->path);
	return -E2BIG;
}

int machine_open_pmems(struct machine *machine)
{
	const struct pmem_list *list = &machine->config->pmem;
	int ret = 0;

	if (list->count && machine->config->cpu.aarch32) {
		pr_fatal("--pmem: a 32-bit guest has no addresses for it");
		return -EINVAL;
	}
	for (unsigned int i = 0; !ret && i < list->count; i++) {
		ret = open_one(&list->items[i], &machine->pmems[i]);
		if (!ret)
			ret = place(machine, &machine->pmems[i]);
	}
	return ret;
}

/* After the VM, whose slots the mappings are. */
void machine_close_pmems(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++) {
		struct machine_pmem *pmem = &machine->pmems[i];

		if (pmem->map)
			munmap(pmem->map, pmem->map_size);
		if (pmem->path)
			close(pmem->fd);
		*pmem = (struct machine_pmem) { 0 };
	}
}

/* ---- Memory -------------------------------------------------------------- */

static int map_at(void *at, u64 size, int prot, int flags, int fd)
{
	void *map = mmap(at, size, prot, flags | MAP_FIXED, fd, 0);

	return map == MAP_FAILED ? -errno : 0;
}

/* Zeroes, and the file in place of the first of them. */
static int map_file(const struct pmem_config *config, struct machine_pmem *pmem)
{
	int prot = config->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	int kind = config->snapshot ? MAP_PRIVATE : MAP_SHARED;
	void *map = mmap(NULL, pmem->size + PMEM_UNIT, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int ret;

	if (map == MAP_FAILED)
		return -errno;
	pmem->map = map;
	pmem->map_size = pmem->size + PMEM_UNIT;
	pmem->hva = (void *)ALIGN_UP((uintptr_t)map, PMEM_UNIT);
	ret = map_at(pmem->hva, pmem->size, prot,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!ret)
		ret = map_at(pmem->hva, pmem->file_size, prot,
			     kind | MAP_NORESERVE, pmem->fd);
	return ret;
}

/* The guest's writes to a read-only slot exit, and are lost. */
static int map_slot(struct machine *machine, const struct pmem_config *config,
		    struct machine_pmem *pmem)
{
	int ret = map_file(config, pmem);

	if (!ret)
		ret = memslot_init(&pmem->slot, &machine->vm.slots, pmem->base,
				   pmem->size, pmem->hva, config->readonly);
	if (!ret)
		ret = memslot_map(&pmem->slot);
	if (ret)
		pr_fatal("--pmem %s: unable to map it into the guest: %s",
			 config->path, strerror(-ret));
	return ret;
}

/* Named by its place among the options, in messages and statistics. */
static int add_pmem(struct machine *machine, unsigned int n)
{
	const struct pmem_config *config = &machine->config->pmem.items[n];
	struct machine_pmem *pmem = &machine->pmems[n];
	struct virtio_pmem_params params = {
		.name = pmem->name,
		.mem = &machine->vm.mem,
		.start = pmem->base,
		.size = pmem->size,
		.fd = is_written(config) ? pmem->fd : -1,
		.readonly = config->readonly ? &pmem->slot : NULL,
		.bus = &machine->vm.bus,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	snprintf(pmem->name, sizeof(pmem->name), "pmem%u", n % 100);
	ret = map_slot(machine, config, pmem);
	if (!ret)
		ret = virtio_pmem_create(&params, &vdev);
	return ret ? ret : machine_add_device(machine, vdev, &slot);
}

int machine_add_pmems(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->config->pmem.count; i++)
		ret = add_pmem(machine, i);
	return ret;
}

/* A file that is shorter than it was is why KVM_RUN fails with EFAULT. */
void machine_explain_pmems(const struct machine *machine)
{
	for (unsigned int i = 0; i < machine->config->pmem.count; i++) {
		const struct machine_pmem *pmem = &machine->pmems[i];
		struct stat st;

		if (!pmem->path || fstat(pmem->fd, &st) < 0 ||
		    (u64)st.st_size >= pmem->file_size)
			continue;
		pr_err("--pmem %s: has been cut off at %" PRIu64
		       " bytes, of %" PRIu64
		       ": the guest cannot use what was behind",
		       pmem->path, (u64)st.st_size, pmem->file_size);
	}
}
