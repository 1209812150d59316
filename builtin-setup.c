/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm setup NAME`: a root directory of one's own for --root NAME, in
 * kvmtool's place, ~/.lkvm/NAME, and in its form: programs are links to the
 * host's root, which the guest has at /host; /etc and /home are the user's to
 * fill.
 *
 * Only makes files below the home directory, never replaces one, and needs
 * neither KVM nor root. After it, `lkvm run --root NAME` finds the directory by
 * config/root.c, and the guest gets a second share for /host. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/config/root.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define SYNOPSIS "lkvm setup NAME"

static const char *const folders[] = { "dev",  "etc",  "home",	 "host",
				       "proc", "root", "run",	 "sys",
				       "tmp",  "var",  "var/tmp" };

/* Those that the host has. */
static const char *const links[] = {
	"bin",
	"lib",
	"lib64",
	"sbin",
	"usr",
	"etc/ld.so.cache",
	"etc/ld.so.conf",
	"etc/ld.so.conf.d",
	"etc/alternatives",
	"etc/ssl",
	"etc/terminfo",
};

static const struct {
	const char *name, *text;
} files[] = {
	{ "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" },
	{ "etc/group", "root:x:0:\n" },
	{ "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" },
};

/* An error in errno, of a file below a folder, or of that if it is "". */
static int failed(const char *what, const char *name)
{
	int err = errno;

	pr_fatal("setup: unable to make %s%s%s: %s", what, *name ? "/" : "",
		 name, strerror(err));
	return -err;
}

/* By /host, and no link of the host's own: that may be relative. */
static int make_link(int dir, const char *path, const char *name)
{
	char target[64];

	snprintf(target, sizeof(target), "/%s", name);
	if (access(target, F_OK) < 0)
		return 0;
	snprintf(target, sizeof(target), "/host/%s", name);
	return symlinkat(target, dir, name) < 0 ? failed(path, name) : 0;
}

static int make_file(int dir, const char *path, const char *name,
		     const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0644);
	int ret = fd < 0 ? -errno : write_full(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	errno = -ret;
	return ret ? failed(path, name) : 0;
}

/* What was made before an error stays, for the user to look at. */
static int fill(int dir, const char *path)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(folders); i++)
		if (mkdirat(dir, folders[i], 0755) < 0)
			ret = failed(path, folders[i]);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(links); i++)
		ret = make_link(dir, path, links[i]);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(files); i++)
		ret = make_file(dir, path, files[i].name, files[i].text);
	return ret;
}

/* ~/.lkvm may be there. What is there already is not touched. */
static int make(const char *path)
{
	char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	int fd, ret;

	if (!parent) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	ret = mkdir(parent, 0700) < 0 && errno != EEXIST ? failed(parent, "")
							 : 0;
	free(parent);
	if (!ret && mkdir(path, 0755) < 0)
		ret = failed(path, "");
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(path, "");
	ret = fill(fd, path);
	close(fd);
	return ret;
}

/* The name, or NULL after a message; 0 or OPTIONS_HELP in *ret. */
static const char *parse(int argc, char *const argv[], int *ret)
{
	static const struct option_def none[] = { OPT_END() };
	const struct option_group groups[] = { { "Options", none },
					       { NULL, NULL } };
	struct string_list positional = { 0 };
	const char *name = NULL;

	*ret = options_parse(groups, NULL, argc, argv, &positional);
	if (*ret == OPTIONS_HELP)
		printf("Usage: %s\n\nMakes ~/.lkvm/NAME, a root directory for "
		       "lkvm run --root NAME, whose programs\nare the "
		       "host's.\n",
		       SYNOPSIS);
	else if (!*ret && positional.count == 1)
		name = positional.items[0];
	else if (!*ret)
		pr_fatal("setup: want one name: " SYNOPSIS);
	string_list_free(&positional);
	return name;
}

/*
 * A name that cannot be one is wrong usage; a directory that cannot be made is
 * a failure of the set-up.
 */
int cmd_setup(int argc, char *const argv[])
{
	char *path = NULL;
	int ret;
	const char *name = parse(argc, argv, &ret);

	if (!name)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	ret = root_named_path(name, &path);
	if (!path) {
		pr_fatal("setup %s: %s", name,
			 ret == -EINVAL	  ? "want a name, not a path"
			 : ret == -ENOENT ? "HOME is not set"
					  : "out of memory");
		return EXIT_STATUS_USAGE;
	}
	ret = make(path);
	if (!ret)
		printf("%s is made: lkvm run --kernel Image --root %s\n", path,
		       name);
	free(path);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
