/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/qcow2_*.c util/file.c */
/*
 * Formats of files, told by what other programs write: qemu-img and the usual
 * compressors, where they are installed. qemu-img also says what qcow2 images
 * of many kinds hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/disk/format.h"
#include "lkvm/disk/qcow2_read.h"

#define MAX_SIZE (4 * SZ_1M)

static char dir[] = "/tmp/lkvm-format-XXXXXX";
static u8 content[MAX_SIZE], got[MAX_SIZE];

/* Runs a command of the shell in the folder; its status. */
static __printf(1, 2) int shell(const char *fmt, ...)
{
	char line[1024], command[1200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	snprintf(command, sizeof(command), "cd %s && { %s; } >out 2>&1", dir,
		 line);
	return system(command);
}

static void need(const char *program)
{
	if (shell("command -v %s", program))
		skip();
}

static int open_file(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Content of stretches that are zero, the same all over, and noise. */
static void make_content(u64 size)
{
	static const u64 stretch[] = { 70000, 300, 131072, 9000, 512, 1 };
	u32 noise = 12345;
	char path[256];
	int fd;

	for (u64 at = 0, i = 0; at < size; i++)
		for (u64 n = stretch[i % 6]; n && at < size; n--) {
			noise = noise * 1103515245 + 12345;
			content[at++] = i % 3 == 0   ? 0
					: i % 3 == 1 ? (u8)(noise >> 24)
						     : (u8)i;
		}
	snprintf(path, sizeof(path), "%s/raw", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	close(fd);
}

static const struct disk_format *format_of_file(const char *name)
{
	const struct disk_format *format = NULL;
	int fd = open_file(name);

	assert_int_equal(disk_format_read(fd, &format), 0);
	close(fd);
	return format;
}

static void assert_format(const char *file, const char *name)
{
	const struct disk_format *format = format_of_file(file);

	if (!format || strcmp(format->name, name))
		fail_msg("%s is %s, not %s", file,
			 format ? format->name : "raw", name);
}

/* The command that messages name makes raw content of the file. */
static void assert_converts(const char *file, u64 size)
{
	const struct disk_format *format = format_of_file(file);
	char advice[512], *command, *end;
	int fd;

	snprintf(advice, sizeof(advice), DISK_FORMAT_ADVICE,
		 DISK_FORMAT_ARGS(format, file));
	command = strchr(advice, '"') + 1;
	end = strchr(command, '"');
	assert_string_equal(end, "\" converts it");
	*end = '\0';
	if (shell("%s", command))
		fail_msg("failed: %s", command);
	snprintf(advice, sizeof(advice), "%s.raw", file);
	fd = open_file(advice);
	assert_true(pread(fd, got, size, 0) == (ssize_t)size);
	assert_memory_equal(got, content, size);
	close(fd);
}

static void raw(void **state)
{
	static const u8 erased[512] = { 0xff }, zero[512];
	int ends[2];
	const struct disk_format *format;

	(void)state;
	assert_null(disk_format_of(erased, sizeof(erased)));
	assert_null(disk_format_of(zero, sizeof(zero)));
	assert_null(disk_format_of("QFI", 3));
	assert_null(disk_format_of("", 0));
	assert_non_null(disk_format_of("QFI\xfb", 4));
	make_content(SZ_64K);
	assert_null(format_of_file("raw"));
	assert_int_equal(disk_format_read(-1, &format), -EBADF);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(disk_format_read(ends[0], &format), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
}

static void images(void **state)
{
	static const struct {
		const char *format, *options, *name;
	} kinds[] = {
		{ "qcow2", "compat=0.10", "qcow2" },
		{ "qcow2", "compat=1.1", "qcow2" },
		{ "qcow", "compat6=off", "qcow" },
		{ "vmdk", "subformat=monolithicSparse", "VMDK" },
		{ "vmdk", "subformat=streamOptimized", "VMDK" },
		{ "vmdk", "subformat=twoGbMaxExtentFlat", "VMDK" },
		{ "vdi", "static=off", "VDI" },
		{ "vhdx", "subformat=dynamic", "VHDX" },
		{ "vpc", "subformat=dynamic", "VHD" },
	};

	(void)state;
	need("qemu-img");
	make_content(SZ_1M);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (shell("qemu-img convert -f raw -O %s %s %s raw image",
			  kinds[i].format,
			  strcmp(kinds[i].format, "qcow") ? "-o" : "",
			  strcmp(kinds[i].format, "qcow") ? kinds[i].options
							  : ""))
			fail_msg("no %s", kinds[i].format);
		assert_format("image", kinds[i].name);
		assert_converts("image", SZ_1M);
		shell("rm image*");
	}
}

static void streams(void **state)
{
	static const char *const kinds[][3] = {
		{ "gzip", "gzip" },    { "xz", "xz" },	     { "zstd", "zstd" },
		{ "pzstd", "zstd" },   { "bzip2", "bzip2" }, { "lz4", "lz4" },
		{ "zip", "zip", "-" },
	};

	(void)state;
	make_content(SZ_1M);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (shell("command -v %s", kinds[i][0]))
			continue;
		assert_int_equal(shell("%s -c %s <raw >file", kinds[i][0],
				       strcmp(kinds[i][0], "zip") ? ""
								  : "-q - -"),
				 0);
		assert_format("file", kinds[i][1]);
		assert_converts("file", SZ_1M);
	}
	if (shell("bzip2 -c </dev/null >file"))
		return;
	assert_format("file", "bzip2");
}

/* ---- What qcow2 images hold ---------------------------------------------- */

/* In steps of `step`, which differ from clusters and from what is asked for. */
static void assert_reads(const char *name, u64 size, size_t step)
{
	int fd = open_file(name);
	struct qcow2_reader *reader;
	const char *problem = "";
	bool zeros;

	if (qcow2_open(fd, &reader, &problem))
		fail_msg("%s", problem);
	assert_int_equal(qcow2_size(reader), size);
	memset(got, 0x5a, size);
	for (u64 at = 0; at < size; at += step) {
		size_t len = MIN(step, size - at);

		assert_int_equal(qcow2_read(reader, got + at, len, at, &zeros),
				 0);
		if (zeros)
			memset(got + at, 0, len);
	}
	assert_memory_equal(got, content, size);
	qcow2_close(reader);
	close(fd);
}

static void qcow2(void **state)
{
	static const char *const options[] = {
		"-o compat=0.10",
		"-o compat=1.1",
		"-o compat=1.1,lazy_refcounts=on",
		"-c -o compat=0.10",
		"-c -o compat=1.1",
		"-o cluster_size=512",
		"-c -o cluster_size=512",
		"-o cluster_size=4096 -S 4096",
		"-c -o cluster_size=4096 -S 4096",
		"-o cluster_size=2M",
		"-c -o cluster_size=2M",
		"-o preallocation=metadata",
		"-o preallocation=falloc -S 0",
		"-o refcount_bits=1",
	};
	/* A multiple of a sector, as qemu-img rounds up what is none. */
	static const u64 sizes[] = { 512, SZ_64K - 512, SZ_1M,
				     3 * SZ_1M + 1536 };

	(void)state;
	need("qemu-img");
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		make_content(sizes[s]);
		for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
			assert_int_equal(shell("qemu-img convert -f raw -O "
					       "qcow2 %s raw q",
					       options[i]),
					 0);
			assert_reads("q", sizes[s], SZ_64K);
			assert_reads("q", sizes[s], 5000);
		}
	}
}

/* Clusters that were written, discarded and zeroed, beside snapshots. */
static void qcow2_in_use(void **state)
{
	int fd;

	(void)state;
	need("qemu-io");
	make_content(SZ_1M);
	assert_int_equal(
		shell("qemu-img convert -f raw -O qcow2 -o cluster_size=4096 "
		      "raw q && qemu-img snapshot -c s q && for f in q raw; do "
		      "qemu-io -f $([ $f = q ] && echo qcow2 || echo raw) "
		      "-c 'write -P 17 100k 33k' -c 'write -z 300k 40k' "
		      "-c 'write -z -u 500k 40k' -c 'write -P 18 520k 1k' "
		      "$f; done && qemu-img snapshot -c t q"),
		0);
	fd = open_file("raw");
	assert_true(read(fd, content, SZ_1M) == (ssize_t)SZ_1M);
	close(fd);
	assert_reads("q", SZ_1M, SZ_64K);
}

static void qcow2_refused(void **state)
{
	static const char *const kinds[][2] = {
		{ "qemu-img create -f qcow2 -b raw -F raw q", "backing file" },
		{ "qemu-img create -f qcow2 -o data_file=d q 1M",
		  "data in another file" },
		{ "qemu-img create -f qcow2 -o extended_l2=on q 1M",
		  "extended L2" },
		{ "qemu-img convert -f raw -c -O qcow2 "
		  "-o compression_type=zstd raw q",
		  "something else than zlib" },
		{ "qemu-img create -f qcow2 --object secret,id=s,data=abc "
		  "-o encrypt.format=luks,encrypt.key-secret=s,"
		  "encrypt.iter-time=10 q 1M",
		  "encrypted" },
	};
	struct qcow2_reader *reader;
	const char *problem;

	(void)state;
	need("qemu-img");
	make_content(SZ_1M);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd;

		if (shell("rm -f q d; %s", kinds[i][0]))
			continue; /* not in this version of QEMU */
		fd = open_file("q");
		problem = "";
		assert_int_equal(qcow2_open(fd, &reader, &problem), -ENOTSUP);
		if (!strstr(problem, kinds[i][1]))
			fail_msg("%s: %s", kinds[i][0], problem);
		close(fd);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	/* The folder of the output goes with it: the status says nothing. */
	shell("rm -rf %s", dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw),		cmocka_unit_test(images),
		cmocka_unit_test(streams),	cmocka_unit_test(qcow2),
		cmocka_unit_test(qcow2_in_use), cmocka_unit_test(qcow2_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
