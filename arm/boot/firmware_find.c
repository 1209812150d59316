/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searches the directories of firmware descriptors: $XDG_CONFIG_HOME/qemu or
 * ~/.config/qemu, /etc/qemu, /usr/share/qemu, each with a subdirectory firmware
 * (QEMU, docs/interop/firmware.json).
 *
 * A descriptor hides those of the same file name in less specific directories;
 * an empty one disables them. All that remain are tried in the order of their
 * file names, which is the order of preference of the distribution. A bad
 * descriptor gets a warning and the search continues, because it may be that of
 * another package. Main thread, once at start.
 */
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

/* Bytes; those shipped by distributions have less than 1 KiB. */
#define MAX_DESCRIPTOR SZ_64K

/*
 * Descriptors by file name, each with the most specific directory that has it.
 */
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

/*
 * Directories are scanned from the most specific one on: a name that is in the
 * list already hides this one.
 */
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

/* Other names, and hidden files of editors, are not descriptors. */
static bool is_descriptor(const char *name)
{
	static const char suffix[] = ".json";
	size_t len = strlen(name);

	return *name != '.' && len >= sizeof(suffix) &&
	       !strcmp(name + len - strlen(suffix), suffix);
}

/* A directory that does not exist is normal, others get a warning. */
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

/* strcmp() order of bytes, independent of the locale. */
static int by_name(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;

	return strcmp(first->name, second->name);
}

/* By device and inode: firmware is often installed under several names. */
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

/*
 * 1 if the descriptor fits; 0 if not or if it is malformed, after a warning; or
 * -ENOMEM.
 */
static int check_text(const char *text, size_t len, const char *path,
		      const struct firmware_query *query,
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
	ret = firmware_desc_match(root, query, out, &what);
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

/* A descriptor may be left over from a package whose files are removed. */
static bool readable(const char *path, const char *file)
{
	if (!access(file, R_OK))
		return true;
	pr_warn("Firmware descriptor %s is passed over: it names %s: %s", path,
		file, strerror(errno));
	return false;
}

/* An empty file, device or pipe hides others of its name: no message. */
static int check_descriptor(const char *path,
			    const struct firmware_query *query,
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
	ret = check_text(text, len, path, query, out);
	free(text);
	if (ret <= 0)
		return ret;
	if (query->code && !same_file(query->code, out->code))
		return 0;
	return readable(path, out->code) &&
	       (!*out->vars || readable(path, out->vars));
}

/* The first that fits ends the search; its name stays in out->descriptor. */
static int check_candidates(const struct candidates *c,
			    const struct firmware_query *query,
			    struct firmware_files *out)
{
	char *path = out->descriptor;
	int ret = 0;

	for (size_t i = 0; !ret && i < c->count; i++) {
		int len = snprintf(path, sizeof(out->descriptor), "%s/%s",
				   c->list[i].dir, c->list[i].name);

		if (len < (int)sizeof(out->descriptor))
			ret = check_descriptor(path, query, out);
		else
			warn(path, strerror(ENAMETOOLONG));
	}
	return ret;
}

/* Appends the strings with commas between them, truncated at `size`. */
static void append(char *to, size_t size, const char *before,
		   const char *const *strings)
{
	for (; strings && *strings; strings++) {
		size_t len = strlen(to);

		snprintf(to + len, size - len, "%s%s", before, *strings);
		before = ", ";
	}
}

static void say_none(const struct firmware_query *query,
		     const char *const *dirs)
{
	char features[512] = "", where[1024] = "";

	append(features, sizeof(features), " with ", query->with);
	append(features, sizeof(features), " without ", query->without);
	append(where, sizeof(where), "", dirs);
	pr_fatal("No UEFI firmware for %s's %s%s is installed: no descriptor "
		 "(*.json) in %s fits",
		 query->architecture, query->machine, features, where);
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

static int find(const struct firmware_query *query, const char *const *dirs,
		struct firmware_files *out)
{
	struct candidates c = { 0 };
	int ret = 0;

	for (const char *const *dir = dirs; !ret && *dir; dir++)
		ret = scan(&c, *dir);
	if (!ret && c.count) {
		qsort(c.list, c.count, sizeof(*c.list), by_name);
		ret = check_candidates(&c, query, out);
	}
	free_candidates(&c);
	if (ret < 0)
		return ret;
	if (ret)
		return 0;
	if (!query->code)
		say_none(query, dirs);
	return -ENOENT;
}

int firmware_desc_find(const struct firmware_query *query,
		       struct firmware_files *out)
{
	char user[sizeof(out->descriptor)];
	const char *const dirs[] = { user, "/etc/qemu/firmware",
				     "/usr/share/qemu/firmware", NULL };

	if (query->dirs)
		return find(query, query->dirs, out);
	return find(query, user_dir(user, sizeof(user)) ? dirs : dirs + 1, out);
}
