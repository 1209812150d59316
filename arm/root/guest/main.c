/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process of a guest of --root. It mounts the root, and becomes its
 * init; or it stays, runs a shell or a command, and ends the machine with it.
 */
#include <linux/sockios.h>

#include "lib.h"
#include "modules.h"
#include "mounts.h"
#include "program.h"
#include "settings.h"
#include "sys.h"

/* From start.S: what is on the stack. */
void start(long *stack) __attribute__((noreturn));

/* Those that are not open: the console's driver may be a module. */
static void open_console(void)
{
	int fd;

	do {
		fd = (int)sys4(__NR_openat, AT_FDCWD, "/dev/console", O_RDWR,
			       0);
	} while (fd >= 0 && fd < 2);
	if (fd > 2)
		sys_close(fd);
}

/*
 * init=PATH of the kernel's command line; with an initramfs the kernel leaves
 * it alone. --init comes first.
 */
static const char *find_init(const struct settings *settings)
{
	static char line[4096];
	const char *path = NULL;
	char *word = line;

	read_file("/proc/cmdline", line, sizeof(line));
	while (*word) {
		char *end = word;

		while (*end && *end != ' ' && *end != '\n')
			end++;
		if (*end)
			*end++ = '\0';
		path = after(word, "init=") ? after(word, "init=") : path;
		word = end;
	}
	if (settings->init)
		return settings->init;
	return path && *path == '/' ? path : NULL;
}

/* Linux, include/uapi/linux/if.h and socket.h */
#define AF_INET	    2
#define SOCK_DGRAM  2
#define FLAG_UP	    1
#define NAME_AND_16 40

/* Programs expect to reach themselves by 127.0.0.1. */
static void start_loopback(void)
{
	struct {
		char name[16];
		short flags;
		char more[NAME_AND_16 - 18];
	} request = { .name = "lo", .flags = FLAG_UP };
	int fd = (int)sys3(__NR_socket, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return;
	sys_ioctl(fd, SIOCSIFFLAGS, &request);
	sys_close(fd);
}

/*
 * The kernel's file systems come first, as all else uses /dev and /proc;
 * modules before the console, which may need one. An init gets the kernel's
 * arguments.
 */
void start(long *stack)
{
	static struct settings settings;
	char **argv = (char **)(stack + 1);
	const char *init;

	mounts_early();
	settings_read(&settings);
	modules_load();
	open_console();
	init = settings.nr_args ? NULL : find_init(&settings);
	if (!mounts_enter_root(&settings))
		power_off();
	if (init) {
		program_become_init(init, argv, argv + stack[0] + 1);
		power_off();
	}
	mounts_late();
	start_loopback();
	if (settings.name)
		sys2(__NR_sethostname, settings.name, strlen(settings.name));
	program_tell(&settings, program_run(&settings));
	power_off();
}
