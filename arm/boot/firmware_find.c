/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where firmware's descriptors are, and which of them counts. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/file.h"
#include "lkvm/util/json_read.h"
#include "lkvm/util/log.h"

/* Those that are shipped have less than a kilobyte. */
#define MAX_DESCRIPTOR SZ_64K

/* Descriptors by their file names, in the directory that counts for each. */
struct candidates {
	struct candidate {
		char *name;
		const char *dir;
	} * list;
	size_t count;
};

static void free_candidates(struct candidates *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i].name);
	free(c->list);
}

/* More specific directories come first and hide what comes later. */
static int add_candidate(struct candidates *c, const char *dir,
			 const char *name)
{
	struct candidate *list;
	char *copy;

	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->list[i].name, name))
			return 0;
	list = realloc(c->list, (c->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	c->list = list;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	list[c->count++] = (struct candidate) { .name = copy, .dir = dir };
	return 0;
}

static bool is_descriptor(const char *name)
{
	static const char suffix[] = ".json";
	size_t len = strlen(name);

	return *name != '.' && len >= sizeof(suffix) &&
	       !strcmp(name + len - strlen(suffix), suffix);
}

/* A directory need not exist. */
static int scan(struct candidates *c, const char *path)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);
	int ret = 0;

	if (!dir) {
		if (errno != ENOENT && errno != ENOTDIR)
			pr_warn("Firmware descriptors: unable to open %s: %s",
				path, strerror(errno));
		return 0;
	}
	while (!ret && (entry = readdir(dir)))
		if (is_descriptor(entry->d_name))
			ret = add_candidate(c, path, entry->d_name);
	closedir(dir);
	return ret;
}

static int by_name(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;

	return strcmp(first->name, second->name);
}

static bool same_file(const char *a, const char *b)
{
	struct stat st_a, st_b;

	return !stat(a, &st_a) && !stat(b, &st_b) &&
	       st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

static void warn(const char *path, const char *why)
{
	pr_warn("Firmware descriptor %s is passed over: %s", path, why);
}

/* 1 if the descriptor's text fits, 0 if not or it makes no sense. */
static int check_text(const char *text, size_t len, const char *path,
		      const struct firmware_wish *wish,
		      struct firmware_files *out)
{
	struct json_error error;
	struct json_value *root;
	const char *what;
	int ret = json_read(text, len, &root, &error);

	if (ret == -EBADMSG) {
		pr_warn("Firmware descriptor %s is passed over: line %u: %s",
			path, error.line, error.what);
		return 0;
	}
	if (ret)
		return ret;
	ret = firmware_desc_match(root, wish, out, &what);
	free(root);
	if (ret >= 0)
		return ret;
	if (ret == -ENOTSUP)
		pr_warn("Firmware descriptor %s is passed over: it names a "
			"file in %s format, where raw and qcow2 can be read",
			path, out->format);
	else
		warn(path, what);
	return 0;
}

static bool readable(const char *path, const char *file)
{
	if (!access(file, R_OK))
		return true;
	pr_warn("Firmware descriptor %s is passed over: it names %s: %s", path,
		file, strerror(errno));
	return false;
}

/* An empty file hides others of its name; so does a device or pipe. */
static int check_descriptor(const char *path, const struct firmware_wish *wish,
			    struct firmware_files *out)
{
	struct stat st;
	void *text;
	size_t len;
	int ret;

	if (!stat(path, &st) && !st.st_size)
		return 0;
	ret = file_read_all(path, MAX_DESCRIPTOR, &text, &len);
	if (ret) {
		warn(path, strerror(-ret));
		return 0;
	}
	ret = check_text(text, len, path, wish, out);
	free(text);
	if (ret <= 0)
		return ret;
	if (wish->code && !same_file(wish->code, out->code))
		return 0;
	return readable(path, out->code) &&
	       (!*out->vars || readable(path, out->vars));
}

static int check_candidates(const struct candidates *c,
			    const struct firmware_wish *wish,
			    struct firmware_files *out)
{
	char *path = out->descriptor;
	int ret = 0;

	for (size_t i = 0; !ret && i < c->count; i++) {
		int len = snprintf(path, sizeof(out->descriptor), "%s/%s",
				   c->list[i].dir, c->list[i].name);

		if (len < (int)sizeof(out->descriptor))
			ret = check_descriptor(path, wish, out);
		else
			warn(path, strerror(ENAMETOOLONG));
	}
	return ret;
}

/* Appends what is between and the strings, as far as there is room. */
static void append(char *to, size_t size, const char *before,
		   const char *const *strings)
{
	for (; strings && *strings; strings++) {
		size_t len = strlen(to);

		snprintf(to + len, size - len, "%s%s", before, *strings);
		before = ", ";
	}
}

static void say_none(const struct firmware_wish *wish, const char *const *dirs)
{
	char features[512] = "", where[1024] = "";

	append(features, sizeof(features), " with ", wish->with);
	append(features, sizeof(features), " without ", wish->without);
	append(where, sizeof(where), "", dirs);
	pr_fatal("No UEFI firmware for %s's %s%s is installed: no descriptor "
		 "(*.json) in %s fits",
		 wish->architecture, wish->machine, features, where);
}

/*
 * The user's directory. XDG Base Directory Specification: a relative
 * $XDG_CONFIG_HOME is ignored.
 */
static bool user_dir(char *path, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int len;

	if (config && *config == '/')
		len = snprintf(path, size, "%s/qemu/firmware", config);
	else if (home && *home == '/')
		len = snprintf(path, size, "%s/.config/qemu/firmware", home);
	else
		return false;
	return (size_t)len < size;
}

static int find(const struct firmware_wish *wish, const char *const *dirs,
		struct firmware_files *out)
{
	struct candidates c = { 0 };
	int ret = 0;

	for (const char *const *dir = dirs; !ret && *dir; dir++)
		ret = scan(&c, *dir);
	if (!ret && c.count) {
		qsort(c.list, c.count, sizeof(*c.list), by_name);
		ret = check_candidates(&c, wish, out);
	}
	free_candidates(&c);
	if (ret < 0)
		return ret;
	if (ret)
		return 0;
	if (!wish->code)
		say_none(wish, dirs);
	return -ENOENT;
}

int firmware_desc_find(const struct firmware_wish *wish,
		       struct firmware_files *out)
{
	char user[sizeof(out->descriptor)];
	const char *const dirs[] = { user, "/etc/qemu/firmware",
				     "/usr/share/qemu/firmware", NULL };

	if (wish->dirs)
		return find(wish, wish->dirs, out);
	return find(wish, user_dir(user, sizeof(user)) ? dirs : dirs + 1, out);
}
