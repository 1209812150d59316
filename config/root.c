/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arguments of --root and --init, and what they mean for the rest of the
 * configuration: a share that cannot be written to. What the guest is started
 * with to mount it is made in arm/root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lkvm/config/list.h"
#include "lkvm/config/root.h"
#include "lkvm/config/vm_config.h"
#include "lkvm/util/log.h"

/* Symbolic links are followed, as the server of the share will. */
static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* kvmtool's place for them. */
int root_named_path(const char *name, char **path)
{
	const char *home = getenv("HOME");

	if (!*name || *name == '.' || strchr(name, '/'))
		return -EINVAL;
	if (!home || !*home)
		return -ENOENT;
	if (asprintf(path, "%s/.lkvm/%s", home, name) >= 0)
		return 0;
	*path = NULL;
	return -ENOMEM;
}

/* A folder of that name here comes first, as with kvmtool's --disk. */
int root_config_parse(struct root_config *root, const char *arg)
{
	char *path = NULL;

	root_config_free(root);
	if (!*arg) {
		pr_fatal("--root: want host or a directory");
		return -EINVAL;
	}
	root->dir = strcmp(arg, "host") ? arg : "/";
	if (is_folder(root->dir))
		return 0;
	if (!root_named_path(arg, &path) && is_folder(path)) {
		root->dir = root->found = path;
		return 0;
	}
	free(path);
	pr_fatal("--root %s: there is no such directory%s", arg,
		 strchr(arg, '/')
			 ? ""
			 : ", neither here nor one made by lkvm setup");
	return -EINVAL;
}

/* The initramfs of --root is lkvm's, its program one for arm64. */
static const char *find_conflict(const struct vm_config *config)
{
	if (config->boot.initrd)
		return "it has an initrd of its own, which mounts it, so there "
		       "can be no --initrd";
	if (!config->boot.kernel)
		return "which kernel is to run there? see --kernel";
	if (config->boot.firmware)
		return "its kernel is started without --firmware";
	if (config->cpu.aarch32)
		return "it starts with a 64-bit program, which --aarch32 "
		       "excludes";
	for (unsigned int i = 0; i < config->share.count; i++)
		if (!strcmp(config->share.items[i].tag, ROOT_TAG) ||
		    !strcmp(config->share.items[i].tag, ROOT_HOST_TAG))
			return "its own shares have the tags " ROOT_TAG
			       " and " ROOT_HOST_TAG;
	return NULL;
}

/* kvmtool's --disk takes what `lkvm setup` has made, and writes to it. */
static int check_disk(const struct disk_config *disk)
{
	struct stat st;
	char *path = NULL;
	int ret = 0;

	if (!stat(disk->path, &st) || errno != ENOENT)
		return 0;
	if (!root_named_path(disk->path, &path) && is_folder(path)) {
		pr_fatal("--disk %s: there is no such file; --root %s starts a "
			 "kernel with %s, which stays as it is",
			 disk->path, disk->path, path);
		ret = -EINVAL;
	}
	free(path);
	return ret;
}

static int check(const struct vm_config *config)
{
	const struct root_config *root = &config->root;
	const char *why = NULL;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < config->disk.count; i++)
		ret = check_disk(&config->disk.items[i]);
	if (ret)
		return ret;
	if (root->modules && !root->dir) {
		pr_fatal("--modules %s: it is for --root", root->modules);
		return -EINVAL;
	}
	if (root->init && (!root->dir || *root->init != '/')) {
		pr_fatal("--init %s: %s", root->init,
			 root->dir ? "want a path that begins with /"
				   : "it is for --root; a kernel with another "
				     "root takes init= in --params");
		return -EINVAL;
	}
	if (root->dir)
		why = find_conflict(config);
	if (!why)
		return 0;
	pr_fatal("--root: %s", why);
	return -EINVAL;
}

/* Read-only: what a guest of --root writes stays in its memory. */
static int add_share(struct vm_config *config, const char *path,
		     const char *tag)
{
	struct share_config *share = config_list_add(&config->share);

	if (!share)
		return -ENOMEM;
	share->path = path;
	share->tag = tag;
	share->readonly = true;
	share->is_root = true;
	return 0;
}

/*
 * The last shares: they leave the slots of all other devices as they are. What
 * `lkvm setup` has made has links into the host's root.
 */
int root_config_apply(struct vm_config *config)
{
	int ret = check(config);

	if (ret || !config->root.dir)
		return ret;
	ret = add_share(config, config->root.dir, ROOT_TAG);
	if (!ret && config->root.found)
		ret = add_share(config, "/", ROOT_HOST_TAG);
	return ret;
}

void root_config_free(struct root_config *root)
{
	free(root->found);
	root->found = NULL;
	root->dir = NULL;
}
