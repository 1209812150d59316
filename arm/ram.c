/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM: how much, where, and from which kind of host memory. It is
 * anonymous memory with transparent huge pages, or comes from a hugetlbfs.
 * Where other processes serve devices (vhost-user) it is shared with them: a
 * file in memory, mapped by all. Nothing is touched before the guest does, so
 * an idle guest costs the host little.
 *
 * Main thread; no vCPU runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "machine.h"

/* <linux/magic.h>'s HUGETLBFS_MAGIC; that header is not in every libc. */
#define HUGETLBFS_SUPER_MAGIC 0x958458f6

#define RAM_ALIGN SZ_2M

static u64 host_ram(void)
{
	return (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);
}

/* kvmtool's default: 64 MiB for each vCPU and 3 x 64 more, 80 % of the host. */
static u64 default_size(unsigned int nr_cpus)
{
	u64 size = 64 * SZ_1M * (nr_cpus + 3);

	return ALIGN_DOWN(MIN(size, host_ram() / 10 * 8), RAM_ALIGN);
}

/* 2 MiB alignment keeps blocks of stage 2 and huge pages possible. */
static int check_place(const struct machine *machine)
{
	const struct addr_range *ram = &machine->ram;

	if (ram->base < machine->type->ram_base_min ||
	    !IS_ALIGNED(ram->base, RAM_ALIGN)) {
		pr_fatal("--mem: RAM at 0x%" PRIx64 ": the address has to be "
			 "a multiple of 2 MiB, at least 0x%" PRIx64,
			 ram->base, machine->type->ram_base_min);
		return -EINVAL;
	}
	if (ram->base + ram->size < ram->base) {
		pr_fatal("--mem: 0x%" PRIx64 " bytes of RAM at 0x%" PRIx64
			 " end beyond the address space",
			 ram->size, ram->base);
		return -EINVAL;
	}
	if (machine->config->cpu.aarch32 && ram->base + ram->size > SZ_4G) {
		pr_fatal("--mem: RAM of a 32-bit guest has to end below 4 GiB; "
			 "there is room for %" PRIu64 " MiB",
			 (SZ_4G - MIN(ram->base, SZ_4G)) / SZ_1M);
		return -EINVAL;
	}
	return 0;
}

/* More than the host has is no error: a guest need not use all of it. */
int ram_choose_size(struct machine *machine, unsigned int nr_cpus)
{
	const struct vm_config *config = machine->config;
	u64 page = (u64)sysconf(_SC_PAGESIZE);

	machine->ram.base = config->ram.base ?: machine->type->ram_base;
	machine->ram.size = config->ram.size ?: default_size(nr_cpus);
	if (machine->ram.size < SZ_2M) {
		pr_fatal("--mem: %" PRIu64 " bytes are too few, the least is "
			 "2 MiB",
			 machine->ram.size);
		return -EINVAL;
	}
	if (!IS_ALIGNED(machine->ram.size, page)) {
		machine->ram.size = ALIGN_DOWN(machine->ram.size, page);
		pr_warn("--mem: rounded down to 0x%" PRIx64
			" bytes, a multiple of the page size",
			machine->ram.size);
	}
	if (machine->ram.size > host_ram())
		pr_info("--mem: the guest has more RAM (%" PRIu64
			" MiB) than this host (%" PRIu64 " MiB)",
			machine->ram.size / SZ_1M, host_ram() / SZ_1M);
	return check_place(machine);
}

/* In the place of anonymous memory. The file has no name, and cannot shrink. */
static int map_memfd(struct machine *machine, size_t size)
{
	int fd = memfd_create("lkvm-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	machine->ram_fd = fd;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0 ||
	    mmap(machine->ram_hva, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

/*
 * Anonymous memory, aligned so that huge pages of guest and host fall
 * together. The slack on both sides stays without access.
 */
static int map_anonymous(struct machine *machine)
{
	size_t size = machine->ram.size;
	void *map = mmap(NULL, size + RAM_ALIGN, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	machine->ram_map = map;
	machine->ram_map_size = size + RAM_ALIGN;
	machine->ram_hva = (void *)ALIGN_UP((uintptr_t)map, RAM_ALIGN);
	if (vm_config_shares_ram(machine->config))
		return map_memfd(machine, size);
	if (mprotect(machine->ram_hva, size, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	return 0;
}

/*
 * Huge pages make a guest faster. But where lkvm itself writes a few KiB, one
 * would be cleared, and cleaned from the caches before the guest has it, for
 * nothing; the kernel may still make one of what was written, later.
 */
void ram_use_huge_pages(struct machine *machine, bool huge)
{
	enum ram_pages pages = huge ? RAM_PAGES_HUGE : RAM_PAGES_SMALL;

	if (machine->config->ram.hugetlbfs || machine->ram_pages == pages)
		return;
	machine->ram_pages = pages;
	/* Only an optimisation: a kernel without it says EINVAL. */
	madvise(machine->ram_hva, machine->ram.size,
		huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/* An unlinked file there: its pages are returned when the process ends. */
static int open_hugetlbfs(const char *dir, u64 *page_size)
{
	struct statfs fs;
	char path[4096];
	int fd;

	if (statfs(dir, &fs) < 0) {
		int ret = -errno;

		pr_fatal("--hugetlbfs %s: %s", dir, strerror(errno));
		return ret;
	}
	if ((u32)fs.f_type != HUGETLBFS_SUPER_MAGIC) {
		pr_fatal("--hugetlbfs %s: no hugetlbfs is mounted there", dir);
		return -EINVAL;
	}
	*page_size = (u64)fs.f_bsize;
	snprintf(path, sizeof(path), "%s/lkvm-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		int ret = -errno;

		pr_fatal("--hugetlbfs: unable to create %s: %s", path,
			 strerror(errno));
		return ret;
	}
	unlink(path);
	return fd;
}

/*
 * Reserves the huge pages at once (no MAP_NORESERVE): too few are an error
 * here and not a SIGBUS later.
 */
static int map_hugetlbfs(struct machine *machine)
{
	const char *dir = machine->config->ram.hugetlbfs;
	u64 page_size = 0;
	int fd = open_hugetlbfs(dir, &page_size);
	bool shared = vm_config_shares_ram(machine->config);
	size_t size;
	void *map;
	int ret = 0;

	if (fd < 0)
		return fd;
	size = ALIGN_UP(machine->ram.size, page_size);
	if (ftruncate(fd, (off_t)size) < 0)
		ret = -errno;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		ret = -errno;
	if (shared && !ret)
		machine->ram_fd = fd;
	else
		close(fd);
	if (ret) {
		if (map != MAP_FAILED)
			munmap(map, size);
		pr_fatal("--hugetlbfs %s: unable to map %zu MiB in pages of "
			 "%" PRIu64 " KiB: %s (see /proc/sys/vm/nr_hugepages)",
			 dir, size / SZ_1M, page_size / SZ_1K, strerror(-ret));
		return ret;
	}
	machine->ram_map = map;
	machine->ram_map_size = size;
	machine->ram_hva = map;
	return 0;
}

/* One slot; the bounded API of guest memory (gmem.h) gets it, too. */
int ram_create(struct machine *machine)
{
	int ret;

	if (machine->config->ram.hugetlbfs) {
		ret = map_hugetlbfs(machine);
		if (ret)
			return ret;
	} else {
		ret = map_anonymous(machine);
		if (ret) {
			pr_fatal("Unable to reserve %" PRIu64
				 " MiB for the guest's RAM: %s",
				 machine->ram.size / SZ_1M, strerror(-ret));
			return ret;
		}
	}
	ret = vm_add_ram(&machine->vm, machine->ram.base, machine->ram.size,
			 machine->ram_hva);
	if (ret && machine->config->ram.hugetlbfs && machine->features.mte)
		pr_info("some kernels have no tags for huge pages of "
			"hugetlbfs: --disable-mte does without");
	else if (ret && machine->ram_fd >= 0 && machine->features.mte)
		pr_info("before Linux 6.2 memory that other processes share "
			"has no tags: --disable-mte does without");
	if (!ret && machine->ram_fd >= 0)
		gmem_share(&machine->vm.mem, machine->ram.base,
			   machine->ram_fd);
	return ret;
}

/*
 * The huge pages stay, for they were promised to be there. Those that the guest
 * never touched are not to be touched now.
 */
static int clear_hugetlbfs(struct machine *machine)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	u64 nr = machine->ram.size / page;
	unsigned char present[512];
	u8 *ram = machine->ram_hva;

	for (u64 first = 0; first < nr; first += ARRAY_SIZE(present)) {
		u64 n = MIN(nr - first, ARRAY_SIZE(present));

		if (mincore(ram + first * page, n * page, present) < 0)
			return -errno;
		for (u64 i = 0; i < n; i++)
			if (present[i] & 1)
				memset(ram + (first + i) * page, 0, page);
	}
	return 0;
}

/*
 * With the pages their tags go, which memset() would not clear. Those of a file
 * are given up by a hole in it, for all who have mapped it.
 */
int ram_reset(struct machine *machine)
{
	int ret = 0;

	if (machine->config->ram.hugetlbfs && !machine->features.mte)
		ret = clear_hugetlbfs(machine);
	else if (machine->ram_fd >= 0)
		ret = fallocate(machine->ram_fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				(off_t)machine->ram.size) < 0
			      ? -errno
			      : 0;
	else if (madvise(machine->ram_map, machine->ram_map_size,
			 MADV_DONTNEED) < 0)
		ret = -errno;
	if (ret)
		pr_err("Unable to clear the guest's RAM: %s", strerror(-ret));
	return ret;
}

void ram_destroy(struct machine *machine)
{
	if (machine->ram_map)
		munmap(machine->ram_map, machine->ram_map_size);
	machine->ram_map = NULL;
	if (machine->ram_fd >= 0)
		close(machine->ram_fd);
	machine->ram_fd = -1;
}
