/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the first process of a guest of --root reads: a file of strings
 * "key=value", each with a zero at its end, so that arguments of a command may
 * have any other bytes. guest/settings.c reads it; both list the keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "root.h"

void root_add_setting(struct blob *settings, const char *key, const char *value)
{
	blob_add(settings, key, strlen(key));
	blob_add(settings, "=", 1);
	blob_add_string(settings, value);
}

static void add_number(struct blob *settings, const char *key, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	root_add_setting(settings, key, text);
}

/* The path below `root` that `path` is, or NULL if it is not there. */
static const char *below(const char *root, const char *path)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, len))
		return NULL;
	return path[len] == '/' ? path + len : NULL;
}

/* Where lkvm was started, if the guest has that folder as well. */
static void add_folder(const struct root_config *config, struct blob *settings)
{
	char *root = realpath(config->dir, NULL);
	char *here = getcwd(NULL, 0);
	const char *dir = root && here ? below(root, here) : NULL;

	root_add_setting(settings, "dir", dir ? dir : "/");
	free(here);
	free(root);
}

/* Linux Documentation/admin-guide/devices.txt: /dev/null */
static bool is_null(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

/*
 * Where lkvm has a terminal the guest's behaves like one. Else bytes are to
 * come and go as they are: no echo, no carriage returns.
 */
static void add_terminal(struct blob *settings)
{
	const char *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		root_add_setting(settings, "output", "plain");
	if (is_null(STDIN_FILENO))
		root_add_setting(settings, "input", "none");
	else if (!isatty(STDIN_FILENO))
		root_add_setting(settings, "input", "plain");
	if (term && isatty(STDIN_FILENO))
		root_add_setting(settings, "term", term);
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return;
	add_number(settings, "rows", size.ws_row);
	add_number(settings, "cols", size.ws_col);
}

/* The keys that arm/root/guest/settings.c reads. */
void root_add_settings(const struct vm_config *config, struct blob *settings)
{
	const struct root_config *root = &config->root;
	char *const *arg = root->command;

	root_add_setting(settings, "tag", ROOT_TAG);
	if (root->found)
		root_add_setting(settings, "hostfs", ROOT_HOST_TAG);
	root_add_setting(settings, "name", config->name);
	if (root->init)
		root_add_setting(settings, "init", root->init);
	if (arg)
		root_add_setting(settings, "status", ROOT_STATUS_PORT);
	if (root->has_input)
		root_add_setting(settings, "stdin", ROOT_INPUT_PORT);
	while (arg && *arg)
		root_add_setting(settings, "arg", *arg++);
	add_folder(root, settings);
	add_terminal(settings);
}
