/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the modules that lkvm has put into the archive, see ../collect.c,
 * before the console and the share are used, which may need them. A module that
 * does not load is only reported: the kernel may do without it.
 */
#include <asm/errno.h>

#include "lib.h"
#include "modules.h"
#include "sys.h"

/* Linux, include/uapi/linux/module.h; headers older than 5.17 have it not. */
#define COMPRESSED_FILE 4

/* "modules/3": messages have nothing better, as the kernel names it in its. */
static void load(const char *name, int flags)
{
	char path[64];
	int fd, ret;

	join(path, sizeof(path), "/", name, NULL);
	fd = sys_open(path, O_RDONLY);
	ret = fd < 0 ? fd : (int)sys3(__NR_finit_module, fd, "", flags);
	if (fd >= 0)
		sys_close(fd);
	if (ret && ret != -EEXIST)
		say(path,
		    ": the kernel does not take this module: ", error_name(ret),
		    NULL);
}

static void load_module(const char *name, void *opaque)
{
	(void)opaque;
	load(name, 0);
}

static void load_packed(const char *name, void *opaque)
{
	(void)opaque;
	load(name, COMPRESSED_FILE);
}

/* A tree has modules of one kind. */
void modules_load(void)
{
	settings_each("module", load_module, NULL);
	settings_each("packed", load_packed, NULL);
}

/* Names that do not fit are left out of the message. */
static void add_name(const char *name, void *opaque)
{
	char *list = opaque, old[256];

	join(old, sizeof(old), list, NULL);
	join(list, sizeof(old), old, " ", name, NULL);
}

/* Called after an error that they may be the reason for. */
void modules_say_missing(const struct settings *settings)
{
	char list[256] = "";

	settings_each("missing", add_name, list);
	if (!*list)
		return;
	if (settings->release)
		say("/lib/modules/", settings->release,
		    " of the root has no such modules as", list,
		    "; if the kernel has them built in it is not that", NULL);
	else
		say("this kernel does not say its release, so no modules "
		    "were looked for",
		    NULL);
}
