/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of depmod(8). A line of modules.dep is
 *
 *	kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
 *
 * where all that a module depends on follows the colon, and the last of them is
 * to be loaded first (modules.dep(5)). Lines of modules.builtin have one path.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/root/modules.h"

/* Of a line, or of a word: not terminated. */
struct part {
	const char *at;
	size_t len;
};

/* The next line of *text, which moves behind it. */
static bool next_line(const char **text, struct part *line)
{
	line->at = *text;
	line->len = strcspn(*text, "\n");
	*text += line->len + (line->at[line->len] == '\n');
	return *text != line->at;
}

/* What is behind the last slash, up to ".ko" and perhaps ".xz". */
static struct part module_name(const struct part *path)
{
	const char *slash = memrchr(path->at, '/', path->len);
	const char *start = slash ? slash + 1 : path->at;
	size_t len = path->len - (size_t)(start - path->at);
	const char *dot = memmem(start, len, ".ko", 3);

	return (struct part) { start, dot ? (size_t)(dot - start) : len };
}

static bool is_module(const struct part *path, const char *name)
{
	struct part part = module_name(path);

	for (size_t i = 0; i < part.len; i++) {
		char c = part.at[i] == '-' ? '_' : part.at[i];

		if (c != name[i])
			return false;
	}
	return !name[part.len];
}

/*
 * The path of a line begins it; in modules.dep a colon ends it. Paths have no
 * colon and no space.
 */
static struct part path_of(const struct part *line)
{
	const char *colon = memchr(line->at, ':', line->len);

	return (struct part) { line->at,
			       colon ? (size_t)(colon - line->at) : line->len };
}

static bool find(const char *text, const char *name, struct part *line)
{
	while (next_line(&text, line)) {
		struct part path = path_of(line);

		if (is_module(&path, name))
			return true;
	}
	return false;
}

bool modules_has(const char *text, const char *name)
{
	struct part line;

	return find(text, name, &line);
}

/* A path of the folder itself; who opens it looks at links and "..", too. */
static bool is_good(const struct part *path)
{
	return path->len && path->len <= MODULES_MAX_PATH && *path->at != '/' &&
	       !memmem(path->at, path->len, "..", 2);
}

static int add(struct module_list *list, const struct part *path)
{
	if (!is_good(path))
		return -EBADMSG;
	for (unsigned int i = 0; i < list->count; i++)
		if (strlen(list->paths[i]) == path->len &&
		    !memcmp(list->paths[i], path->at, path->len))
			return 0;
	if (list->count == MODULES_MAX)
		return -E2BIG;
	list->paths[list->count] = strndup(path->at, path->len);
	return list->paths[list->count] ? (list->count++, 0) : -ENOMEM;
}

/* The last word of *rest, which then ends before it. */
static bool last_word(struct part *rest, struct part *word)
{
	while (rest->len && rest->at[rest->len - 1] == ' ')
		rest->len--;
	word->len = 0;
	while (rest->len && rest->at[rest->len - 1] != ' ') {
		rest->len--;
		word->len++;
	}
	word->at = rest->at + rest->len;
	return word->len;
}

int modules_add(struct module_list *list, const char *text, const char *name)
{
	struct part line, path, rest, word;
	int ret = 0;

	if (!find(text, name, &line))
		return -ENOENT;
	path = path_of(&line);
	if (path.len == line.len)
		return -EBADMSG;
	rest.at = path.at + path.len + 1;
	rest.len = line.len - path.len - 1;
	while (!ret && last_word(&rest, &word))
		ret = add(list, &word);
	return ret ? ret : add(list, &path);
}

void modules_free(struct module_list *list)
{
	for (unsigned int i = 0; i < list->count; i++)
		free(list->paths[i]);
	list->count = 0;
}
