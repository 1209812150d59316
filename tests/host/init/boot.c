/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of the boot when the kernel is up. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "init.h"

static const struct {
	const char *type, *where, *options;
	mode_t mode;
} mounts[] = {
	{ "devtmpfs", "/dev", "mode=0755", 0755 },
	{ "proc", "/proc", NULL, 0555 },
	{ "sysfs", "/sys", NULL, 0555 },
	{ "tmpfs", "/tmp", "mode=1777,size=75%", 01777 },
	{ "tmpfs", "/run", "mode=0755", 0755 },
	{ "devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", 0755 },
	{ "tmpfs", "/dev/shm", "mode=1777,size=75%", 01777 },
	{ "debugfs", "/sys/kernel/debug", NULL, 0 },
	{ "tracefs", "/sys/kernel/tracing", NULL, 0 },
};

static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, mounts[i].mode);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
			  mounts[i].options))
			say("mount %s: %s\n", mounts[i].where, strerror(errno));
	}
	/* what udev would have made of it */
	chmod("/dev/kvm", 0666);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo",
			     .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req))
		say("lo: %s\n", strerror(errno));
	close(fd);
}

static int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -1;
	err = syscall(SYS_finit_module, fd, "", 0);
	if (err && errno == EEXIST)
		err = 0;
	close(fd);
	return err;
}

/* Those that a file lists, in its order. */
static void load_modules(const char *list_path)
{
	FILE *list = fopen(list_path, "re");
	char path[256];

	while (list && fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = 0;
		if (load_module(path))
			say("module %s: %s\n", path, strerror(errno));
	}
	if (list)
		fclose(list);
}

static void open_port(void)
{
	char name[] = "/dev/vport0p1";

	/* The driver makes the port in a work queue of its own. */
	for (int i = 0; i < 20000; i++) {
		/* its number counts shares as well */
		for (char n = '0'; n <= '9'; n++) {
			name[strlen("/dev/vport")] = n;
			port = open(name, O_RDWR | O_CLOEXEC);
			if (port >= 0)
				return;
		}
		usleep(500);
	}
	die("/dev/vport*p1");
}

/* The applets that are not started by busybox's own shell need a name. */
static void install_busybox(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/busybox", "busybox", "--install", "-s", "/bin",
		      NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static bool make_folders(const char *path)
{
	char part[4096];

	for (size_t i = 1; i < sizeof(part); i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0755) && errno != EEXIST)
			return false;
		if (!path[i])
			return true;
	}
	errno = ENAMETOOLONG;
	return false;
}

/*
 * Mounts the directory of the machine outside that has this tag. What is read
 * there is never cached, as it may change at any time; files can be mapped.
 */
bool mount_share(const char *tag, const char *path)
{
	if (make_folders(path) &&
	    !mount(tag, path, "9p", 0,
		   "trans=virtio,version=9p2000.L,msize=524288,cache=mmap"))
		return true;
	tell("cannot mount", path);
	return false;
}

/*
 * Sleeps a moment on each processor. Without timer interrupts this does not
 * come back, which the other side notices. And a timer whose next event got
 * lost when the host was continued ticks again: this gives it a new one. QEMU
 * (7.2) does not save the deadline of EL2's own timer, which is the one that
 * Linux uses where there is VHE.
 */
void wait_for_timers(void)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		nanosleep(&moment, NULL);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

void boot(void)
{
	umask(0022);
	mount_all();
	load_modules("/lib/boot-modules");
	/* The kernel's parameter "shares". It takes longer than to go without.
	 */
	if (getenv("shares"))
		load_modules("/lib/share-modules");
	unsetenv("shares");
	loopback_up();
	install_busybox();
	mkdir("/in", 0755);
	mkdir("/out", 0755);
	sethostname("host", 4);
	open_port();
}
