/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's file systems: the share, read-only; above it an overlay whose
 * changes are in memory; and those of the kernel.
 *
 * The share is mounted without any cache: what the host changes is seen.
 */
#include <asm/errno.h>
#include <linux/mount.h>

#include "lib.h"
#include "modules.h"
#include "mounts.h"
#include "sys.h"

/* In the initramfs, which is out of sight once the root is another. */
#define SHARE	"/share"
#define CHANGES "/changes"
#define ROOT	"/overlay"

struct mount_def {
	const char *type, *target;
	unsigned long flags;
	const char *data;
	bool optional; /* not all kernels have it */
};

#define KERNEL_FLAGS (MS_NOSUID | MS_NOEXEC | MS_NODEV)

/* Where there is nothing to mount on a folder is made, if that is possible. */
static void mount_one(const struct mount_def *def)
{
	int ret;

	sys_mkdir(def->target, 0755);
	ret = sys_mount(def->type, def->target, def->type, def->flags,
			def->data);
	if (ret && ret != -EBUSY && !def->optional)
		say("unable to mount ", def->target, ": ", error_name(ret),
		    NULL);
}

static void mount_all(const struct mount_def *defs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mount_one(&defs[i]);
}

/* An archive of ours has no folders for them. */
void mounts_early(void)
{
	static const struct mount_def defs[] = {
		{ "proc", "/proc", KERNEL_FLAGS, NULL, false },
		{ "sysfs", "/sys", KERNEL_FLAGS, NULL, false },
		{ "devtmpfs", "/dev", MS_NOSUID, "mode=0755", false },
	};

	mount_all(defs, sizeof(defs) / sizeof(defs[0]));
}

/*
 * /run of the host tells of the host's processes. /tmp stays: the overlay makes
 * it the guest's own, and the current directory may be there.
 */
void mounts_late(void)
{
	static const struct mount_def defs[] = {
		{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
		  "gid=5,mode=620,ptmxmode=666", false },
		{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777",
		  false },
		{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", false },
		{ "debugfs", "/sys/kernel/debug", KERNEL_FLAGS, NULL, true },
		{ "tracefs", "/sys/kernel/tracing", KERNEL_FLAGS, NULL, true },
		{ "cgroup2", "/sys/fs/cgroup", KERNEL_FLAGS, NULL, true },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	mount_all(defs, sizeof(defs) / sizeof(defs[0]));
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		sys_symlink(links[i][0], links[i][1]);
}

/* lkvm refuses changes, whatever is said here; 512 KiB is its limit. */
static int mount_9p(const char *tag, const char *target)
{
	return sys_mount(tag, target, "9p", MS_RDONLY | MS_NOATIME,
			 "trans=virtio,version=9p2000.L,msize=262144");
}

/*
 * The messages are for people who have built the kernel: what it lacks is known
 * by the names of the options.
 */
static int mount_share(const struct settings *settings)
{
	int ret;

	sys_mkdir(SHARE, 0755);
	ret = mount_9p(settings->tag, SHARE);
	if (!ret)
		return 0;
	say("unable to mount the root by 9p: ",
	    ret == -ENOENT ? "there is no such virtio device" : error_name(ret),
	    NULL);
	say("the kernel needs CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO, and "
	    "CONFIG_VIRTIO_PCI or, with --virtio-transport mmio, "
	    "CONFIG_VIRTIO_MMIO",
	    NULL);
	modules_say_missing(settings);
	return ret;
}

/* The memory of changes is bounded by tmpfs: half of the guest's. */
static int mount_overlay(void)
{
	sys_mkdir(CHANGES, 0755);
	sys_mkdir(ROOT, 0755);
	sys_mount("tmpfs", CHANGES, "tmpfs", 0, "mode=0755");
	sys_mkdir(CHANGES "/upper", 0755);
	sys_mkdir(CHANGES "/work", 0755);
	return sys_mount("overlay", ROOT, "overlay", 0,
			 "lowerdir=" SHARE ",upperdir=" CHANGES
			 "/upper,workdir=" CHANGES "/work");
}

/* Moves what is mounted already to below `root`, and that to /. */
static int switch_root(const char *root)
{
	static const char *const moved[] = { "/dev", "/proc", "/sys" };
	int ret = sys_chdir(root);

	for (size_t i = 0; !ret && i < sizeof(moved) / sizeof(moved[0]); i++) {
		const char *target = moved[i] + 1;

		sys_mkdir(target, 0755);
		ret = sys_mount(moved[i], target, NULL, MS_MOVE, NULL);
		if (ret)
			say("the root has no ", moved[i], ": ", error_name(ret),
			    NULL);
	}
	if (!ret)
		ret = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (!ret)
		ret = (int)sys1(__NR_chroot, ".");
	if (ret)
		say("unable to change to the root: ", error_name(ret), NULL);
	return ret;
}

/* A root that cannot be written to, but for what programs leave there. */
static void mount_scratch(void)
{
	static const struct mount_def defs[] = {
		{ "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", true },
		{ "tmpfs", "/var/tmp", MS_NOSUID | MS_NODEV, "mode=1777",
		  true },
		{ "tmpfs", "/var/log", MS_NOSUID | MS_NODEV, "mode=0755",
		  true },
	};

	mount_all(defs, sizeof(defs) / sizeof(defs[0]));
}

/* The programs of a root that `lkvm setup` has made. */
static void mount_host(const struct settings *settings)
{
	int ret = settings->hostfs ? mount_9p(settings->hostfs, "/host") : 0;

	if (ret)
		say("unable to mount /host: ", error_name(ret), NULL);
}

/*
 * Without an overlay the share itself is the root, and nothing can be made
 * there: what is mounted on has to be there.
 */
static bool enter_root(const struct settings *settings)
{
	int overlay;

	if (mount_share(settings))
		return false;
	overlay = mount_overlay();
	if (!overlay)
		return !switch_root(ROOT);
	say("no overlay (CONFIG_OVERLAY_FS): ", error_name(overlay),
	    "; the root stays read-only, but for /tmp, /run, /var/tmp and "
	    "/var/log",
	    NULL);
	if (switch_root(SHARE))
		return false;
	mount_scratch();
	return true;
}

/* /host is a folder of the new root, so it comes last. */
bool mounts_enter_root(const struct settings *settings)
{
	bool entered = enter_root(settings);

	if (entered)
		mount_host(settings);
	return entered;
}
