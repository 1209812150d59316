/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/store.c hw/flash/open.c hw/flash/file.c */
/* SOURCES: hw/flash/template.c config/flash.c util/file.c util/gzip.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c */
/* clang-format on */
/*
 * The argument of --flash, and a file of any size that it opens: what is not
 * refused has a good size; what is refused is refused with one message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/disk/format.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/log.h"

#define BLOCK  SZ_4K
#define WINDOW SZ_64K

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned int nr_fatal;

static void require(bool what)
{
	if (!what)
		abort();
}

void pr_fatal(const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	require(vsnprintf(line, sizeof(line), fmt, args) > 0);
	va_end(args);
	nr_fatal++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	(void)level;
	va_start(args, fmt);
	require(vsnprintf(line, sizeof(line), fmt, args) > 0);
	va_end(args);
}

static bool parse(const u8 *data, size_t size, struct flash_config *config)
{
	char *arg = malloc(size + 1);
	int ret;

	require(arg);
	memcpy(arg, data, size);
	arg[size] = '\0';
	nr_fatal = 0;
	ret = flash_config_parse(config, arg);
	free(arg);
	require(nr_fatal == (ret ? 1 : 0));
	if (ret)
		return false;
	require(*config->path && config->strings);
	require(!config->label || strlen(config->label) <= FLASH_MAX_LABEL);
	require(!config->size || is_power_of_2(config->size));
	require(config->readonly + config->create + config->snapshot +
			(config->template != NULL) <=
		1);
	require(!config->template || *config->template);
	require(config->sync <= FLASH_SYNC_NONE);
	return true;
}

/* NULL if the content is raw, or taken for that. */
static const struct disk_format *format_of(int fd, u64 bytes)
{
	const struct disk_format *format;

	require(!disk_format_read(fd, &format));
	if (format && format->compressed && is_power_of_2(bytes) &&
	    bytes >= BLOCK)
		return NULL;
	return format;
}

/* File and array are the same as far as there is file; the rest is erased. */
static void check_content(const struct flash_store *store, int fd, u64 bytes)
{
	const struct disk_format *format = format_of(fd, bytes);
	u8 *file = calloc(1, WINDOW);

	require(file);
	if (format) {
		require(format->id != DISK_FORMAT_OTHER);
		require(store->readonly || store->snapshot);
	} else {
		require(pread(fd, file, store->persistent, 0) ==
			(ssize_t)store->persistent);
		require(!memcmp(file, store->array, store->persistent));
	}
	for (u64 i = store->persistent; i < store->size; i++)
		require(store->array[i] == 0xff);
	free(file);
}

/* Writes all over: only what the file holds can change, or a snapshot. */
static void check_writes(struct flash_store *store, u64 *bytes, bool create)
{
	u8 zero[64] = { 0 };
	u64 failures = 0;

	for (u64 at = 0; at < store->size; at += 1000) {
		u64 start = MIN(at / 64 * 64, store->size - 64);
		int ret = flash_store_write(store, start, zero, 64);

		require(!ret ==
			(store->snapshot || (!store->readonly &&
					     start + 64 <= store->persistent)));
		failures += ret && ret != -EROFS;
	}
	require(!flash_store_sync(store));
	require(!flash_store_complete(store));
	require(!flash_store_finish(store) == !failures);
	require(!create || store->persistent == store->size);
	if (create)
		*bytes = MAX(*bytes, store->size);
}

static void check_open(const struct flash_config *config, int fd, u64 bytes)
{
	struct flash_store store, second;
	struct stat st;

	nr_fatal = 0;
	if (flash_store_open(&store, config, BLOCK, WINDOW)) {
		require(nr_fatal == 1);
	} else {
		require(!nr_fatal);
		require(is_power_of_2(store.size) && store.size >= BLOCK);
		require(store.size <= WINDOW);
		require(store.persistent <= store.size);
		require(!config->size || config->size == store.size);
		check_content(&store, fd, bytes);
		check_writes(&store, &bytes, config->create);
		if (!config->snapshot)
			check_content(&store, fd, bytes);
		require(!flash_store_open(&second, config, BLOCK, WINDOW) ==
			(config->readonly || config->snapshot));
		if (config->readonly || config->snapshot)
			flash_store_close(&second);
		flash_store_close(&store);
	}
	require(!fstat(fd, &st) && (u64)st.st_size == bytes);
}

/* A file of so many bytes, zeros but for some in the middle. */
static int make_file(const u8 *data, size_t size)
{
	u64 bytes = (u64)(data[0] | data[1] << 8 | (data[2] & 1) << 16);
	int fd = memfd_create("flash", MFD_CLOEXEC);

	if (data[2] & 2)
		bytes = rounddown_pow_of_2(bytes);
	require(fd >= 0 && !ftruncate(fd, (off_t)bytes));
	if (data[2] & 4 && bytes)
		require(pwrite(fd, data, MIN(size, bytes), (off_t)bytes / 2) >
			0);
	return fd;
}

/* A file of what follows the argument: compressed, perhaps. */
static int copy_file(const u8 *data, size_t size)
{
	const u8 *end = memchr(data, 0, size);
	int fd = memfd_create("flash", MFD_CLOEXEC);
	size_t len = end ? size - (size_t)(end + 1 - data) : 0;

	require(fd >= 0);
	require(!len || write(fd, end + 1, len) == (ssize_t)len);
	return fd;
}

/* Three bytes say what is in the file, the rest is the argument. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct flash_config config;
	char path[32];
	u64 bytes;
	int fd;

	if (size < 3 || !parse(data + 3, size - 3, &config))
		return 0;
	if (data[2] & 8)
		fd = copy_file(data + 3, size - 3);
	else
		fd = make_file(data, size);
	bytes = (u64)lseek(fd, 0, SEEK_END);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.path = path;
	check_open(&config, fd, bytes);
	close(fd);
	flash_config_free(&config);
	return 0;
}
