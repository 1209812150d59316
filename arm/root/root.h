/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: what the guest of --root is started with. */
#ifndef ARM_ROOT_ROOT_H
#define ARM_ROOT_ROOT_H

#include "lkvm/arm/boot/boot_file.h"
#include "lkvm/arm/root/release.h"
#include "lkvm/config/vm_config.h"
#include "lkvm/util/blob.h"

/*
 * initramfs.c: makes the initramfs that mounts --root and starts what is to run
 * there, a file in memory: *initrd, which was closed. `kernel` is open, and
 * says which modules the guest needs. Returns 0, or -errno after a message.
 * Main thread.
 */
int root_make_initrd(const struct vm_config *config, struct boot_file *kernel,
		     struct boot_file *initrd);

/*
 * collect.c: adds the modules that a kernel of that release needs to mount the
 * root, in the order of loading, to the archive, and to `settings` which they
 * are, and which were not found. `release` may be NULL: not known. Returns 0,
 * or -errno after a message; errors of the blobs are theirs.
 */
int root_collect_modules(const struct vm_config *config, const char *release,
			 struct blob *archive, struct blob *settings);

/*
 * settings.c: adds what the first process is to do, see guest/settings.h. The
 * same errors.
 */
void root_add_settings(const struct vm_config *config, struct blob *settings);

/* Adds "key=value". */
void root_add_setting(struct blob *settings, const char *key,
		      const char *value);

/* init.S: the first process, for the guest. */
extern const u8 root_init[];
extern const u64 root_init_size;

#endif
