/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: a guest physical address and a length become a pointer only if
 * the whole range is ordinary RAM, which flash and device memory are not.
 */
#ifndef LKVM_VMM_GMEM_H
#define LKVM_VMM_GMEM_H

#include "lkvm/util/util.h"

#define GMEM_MAX_REGIONS 8

struct gmem_region {
	u64 gpa;
	u64 size; /* bytes */
	u8 *hva;  /* not owned */
	bool shared;
	int fd; /* if shared: the file it is a mapping of, from its start */
};

/*
 * Ordinary RAM of a guest. Constant while vCPUs run, so lookups need no lock.
 */
struct gmem {
	struct gmem_region regions[GMEM_MAX_REGIONS];
	unsigned int nr_regions;
};

/*
 * Declares [gpa, gpa + size) to be RAM at `hva`, which the caller keeps
 * mapped. Returns 0, -EINVAL if empty or wrapping, -EEXIST if it overlaps
 * RAM, -ENOSPC if there are GMEM_MAX_REGIONS already.
 */
int gmem_add(struct gmem *mem, u64 gpa, u64 size, void *hva);

/*
 * The region that begins at `gpa` is a shared mapping of the file `fd`, which
 * stays open as long: other processes can map it.
 */
void gmem_share(struct gmem *mem, u64 gpa, int fd);

/* Where [gpa, gpa + len) is, or NULL unless all of it is in one region. */
void *gmem_ptr(const struct gmem *mem, u64 gpa, u64 len);

/* Copies out of or into guest memory. 0, or -EFAULT with nothing copied. */
int gmem_read(const struct gmem *mem, u64 gpa, void *buf, u64 len);
int gmem_write(const struct gmem *mem, u64 gpa, const void *buf, u64 len);

#endif
