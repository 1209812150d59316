/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/boot/firmware_desc.c util/json_read.c util/json.c */
/* Any bytes as a firmware's descriptor, for a few wishes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/json_read.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static void check(const struct json_value *root,
		  const struct firmware_query *query)
{
	static struct firmware_files files;
	const char *what = NULL;
	int ret;

	memset(&files, 0xa5, sizeof(files));
	ret = firmware_desc_match(root, query, &files, &what);
	require(ret == 0 || ret == 1 || ret == -EINVAL || ret == -ENOTSUP);
	require(!what == (ret >= 0));
	require(ret != -ENOTSUP || memchr(files.format, '\0', 32));
	if (ret != 1)
		return;
	require(query->modes & BIT(files.mode));
	require(files.code[0] == '/');
	require(memchr(files.code, '\0', sizeof(files.code)) != NULL);
	if (files.mode == FIRMWARE_SPLIT) {
		require(files.vars[0] == '/');
		require(memchr(files.vars, '\0', sizeof(files.vars)) != NULL);
	} else {
		require(!files.vars[0]);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const features[] = { "secure-boot", NULL };
	const struct firmware_query wishes[] = {
		{ .architecture = "aarch64", .machine = "virt", .modes = 7 },
		{ .architecture = "aarch64",
		  .machine = "virt",
		  .modes = BIT(FIRMWARE_SPLIT),
		  .with = features },
		{ .architecture = "aarch64",
		  .machine = "virt",
		  .modes = BIT(FIRMWARE_STATELESS),
		  .without = features },
	};
	struct json_error error;
	struct json_value *root;

	if (json_read((const char *)data, size, &root, &error))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++)
		check(root, &wishes[i]);
	free(root);
	return 0;
}
