/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/root/modules.c */
/* Any bytes as depmod's files of a root directory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/root/modules.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

/* Paths stay in the folder, and none is there twice. */
static void check(const struct module_list *list)
{
	require(list->count <= MODULES_MAX);
	for (unsigned int i = 0; i < list->count; i++) {
		require(strlen(list->paths[i]) <= MODULES_MAX_PATH);
		require(*list->paths[i] && *list->paths[i] != '/');
		require(!strstr(list->paths[i], ".."));
		for (unsigned int k = 0; k < i; k++)
			require(strcmp(list->paths[i], list->paths[k]) != 0);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const names[] = { "9p", "virtio_pci", "a" };
	struct module_list list = { .count = 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int ret = modules_add(&list, text, names[i]);

		require(!ret || ret == -ENOENT || ret == -EBADMSG ||
			ret == -E2BIG);
		require(ret != -ENOENT || !modules_has(text, names[i]));
		check(&list);
	}
	modules_free(&list);
	free(text);
	return 0;
}
