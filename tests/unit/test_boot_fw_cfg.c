/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/fw_cfg_items.c arm/boot/boot_file.c arm/boot/image.c */
/* SOURCES: arm/boot/image_file.c vmm/mmio.c vmm/gmem.c vmm/fdt.c util/file.c */
/* SOURCES: util/gzip.c util/json.c tests/unit/fw_cfg_rig.c */
/* SOURCES: arm/boot/order.c */
/* SOURCES: arm/boot/cmdline.c hw/fw_cfg/?*.c arm/boot/pe.c util/zstd.c */
/* Kernel, initrd and command line, as firmware finds them in fw_cfg. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "fw_cfg_rig.h"
#include "lkvm/config/fw_cfg.h"
#include "lkvm/hw/fw_cfg/boot.h"

#define SIZE  0x1234 /* of a kernel, but for its header */
#define ALONG 0x1000 /* into RAM: out of the DMA structure's way */

static struct {
	struct machine machine;
	struct vm_config config;
	struct rig *rig;
	char dir[32];
	char kernel[64], initrd[64];
	char messages[1024];
	unsigned int nr_warnings, nr_fatal, nr_exits;
	u8 content[SIZE];
} t;

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.messages, sizeof(t.messages), fmt, args);
	va_end(args);
	t.nr_fatal++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (level > LOG_LEVEL_WARNING)
		return;
	va_start(args, fmt);
	vsnprintf(t.messages, sizeof(t.messages), fmt, args);
	va_end(args);
	t.nr_warnings++;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.machine.vm);
	assert_int_equal(reason, VM_EXIT_FAILURE);
	t.nr_exits++;
}

int boot_add_tables(struct machine *machine)
{
	assert_ptr_equal(machine, &t.machine);
	return 0;
}

/* ---- Files --------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void write_gzip(const char *path, const void *data, size_t len)
{
	gzFile gz = gzopen(path, "w");

	assert_non_null(gz);
	assert_int_equal(gzwrite(gz, data, (unsigned int)len), len);
	assert_int_equal(gzclose(gz), Z_OK);
}

/* A kernel for `type` of PE's machines. */
static void make_content(u16 type)
{
	for (size_t i = 0; i < SIZE; i++)
		t.content[i] = (u8)(i * 7 + i / 256);
	memset(t.content, 0, 64);
	memcpy(t.content, "MZ", 2);
	memcpy(t.content + 0x38, "ARM\x64\x40\0\0", 8);
	memcpy(t.content + 0x40, "PE\0\0", 4);
	t.content[0x44] = (u8)type;
	t.content[0x45] = type >> 8;
}

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/boot_fw_cfg.XXXXXX");
	if (!mkdtemp(t.dir))
		return -1;
	snprintf(t.kernel, sizeof(t.kernel), "%s/kernel", t.dir);
	snprintf(t.initrd, sizeof(t.initrd), "%s/initrd", t.dir);
	make_content(0xaa64);
	write_file(t.kernel, t.content, SIZE);
	rig_setup(state);
	t.rig = *state;
	t.config.boot.kernel = t.kernel;
	t.machine.config = &t.config;
	t.machine.fw_cfg = t.rig->fw;
	t.machine.ram.size = SZ_1M;
	t.machine.boot = BOOT_FLASH;
	t.machine.cmdline = strdup("panic=-1");
	return 0;
}

static int teardown(void **state)
{
	rig_teardown(state);
	boot_file_close(&t.machine.kernel);
	boot_file_close(&t.machine.initrd_file);
	free(t.machine.cmdline);
	unlink(t.kernel);
	unlink(t.initrd);
	return rmdir(t.dir);
}

static int fill(void)
{
	return boot_fill_fw_cfg(&t.machine);
}

static u32 get_u32(u16 key)
{
	select_key(t.rig, key);
	return (u32)read_data(t.rig, 4);
}

static const struct fw_cfg_item *item_of(u16 key)
{
	const struct fw_cfg *fw = t.rig->fw;

	for (size_t i = 0; i < fw->nr_items; i++)
		if (fw->items[i].key == key)
			return &fw->items[i];
	return NULL;
}

static void assert_item(u16 size_key, u16 data_key, const u8 *data, u32 len)
{
	u8 *to = t.rig->ram + ALONG;
	const u32 some = 1000;

	assert_int_equal(get_u32(size_key), len);
	memset(to, 0xa5, len + 8);
	assert_int_equal(dma(t.rig, KEY(data_key) | READ, len, RAM + ALONG), 0);
	assert_memory_equal(to, data, len);
	assert_int_equal(to[len], 0xa5);
	/* From the middle on, over the end. */
	if (len < some)
		return;
	assert_int_equal(dma(t.rig, KEY(data_key) | SKIP, len - some, 0), 0);
	assert_int_equal(dma(t.rig, READ, some + 8, RAM + ALONG), 0);
	assert_memory_equal(to, data + len - some, some);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(to[some + i], 0);
}

static void assert_kernel(const void *data, u32 len)
{
	assert_item(FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, data, len);
}

static void assert_initrd(const void *data, u32 len)
{
	assert_item(FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, data, len);
}

static void assert_quiet(void)
{
	assert_string_equal(t.messages, "");
	assert_int_equal(t.nr_exits, 0);
}

static void assert_said(const char *text)
{
	if (!strstr(t.messages, text))
		fail_msg("\"%s\" is not in \"%s\"", text, t.messages);
}

/* ---- Tests --------------------------------------------------------------- */

static void all_there_is(void **state)
{
	(void)state;
	write_file(t.initrd, "an initrd", 9);
	t.config.boot.initrd = t.initrd;
	assert_int_equal(fill(), 0);
	assert_kernel(t.content, SIZE);
	assert_initrd("an initrd", 9);
	assert_int_equal(get_u32(FW_CFG_CMDLINE_SIZE), 9);
	assert_string_equal(read_text(t.rig, FW_CFG_CMDLINE_DATA, 9),
			    "panic=-1");
	select_key(t.rig, FW_CFG_KERNEL_DATA);
	assert_int_equal(read_data(t.rig, 2), 'M' | 'Z' << 8);
	assert_quiet();
}

static void without_kernel_or_firmware(void **state)
{
	(void)state;
	t.machine.boot = BOOT_KERNEL;
	assert_int_equal(fill(), 0);
	assert_int_equal(get_u32(FW_CFG_KERNEL_SIZE), 0);
	t.machine.boot = BOOT_FLASH;
	t.config.boot.kernel = NULL;
	assert_int_equal(fill(), 0);
	assert_int_equal(get_u32(FW_CFG_CMDLINE_SIZE), 0);
}

/* What was opened is what the firmware gets, after a reset as well. */
static void replaced(void **state)
{
	char other[80];

	(void)state;
	assert_int_equal(fill(), 0);
	snprintf(other, sizeof(other), "%s.new", t.kernel);
	write_file(other, "new", 3);
	assert_int_equal(rename(other, t.kernel), 0);
	for (int i = 0; i < 2; i++) {
		assert_kernel(t.content, SIZE);
		t.rig->fw->dev.ops->reset(&t.rig->fw->dev);
	}
	unlink(t.kernel);
	assert_kernel(t.content, SIZE);
	assert_quiet();
}

/* The run ends, with one message, and the firmware gets none of it. */
static void written_to(void **state)
{
	u32 control = KEY(FW_CFG_KERNEL_DATA) | READ;

	(void)state;
	assert_int_equal(fill(), 0);
	assert_int_equal(dma(t.rig, control, 8, RAM + ALONG), 0);
	write_file(t.kernel, "new", 3);
	for (unsigned int i = 1; i < 4; i++) {
		memset(t.rig->ram + ALONG, 0xa5, 8);
		assert_int_equal(dma(t.rig, control, 8, RAM + ALONG), ERROR);
		for (int n = 0; n < 8; n++)
			assert_int_equal(t.rig->ram[ALONG + n], 0);
		assert_int_equal(t.nr_fatal, 1);
		assert_int_equal(t.nr_exits, i);
	}
	select_key(t.rig, FW_CFG_KERNEL_DATA);
	assert_int_equal(read_data(t.rig, 4), 0);
	assert_said("it has been written to since");
}

static void gzip(void **state)
{
	u8 compressed[SIZE + 100];
	ssize_t len;
	int fd;

	(void)state;
	write_gzip(t.kernel, t.content, SIZE);
	write_gzip(t.initrd, t.content, SIZE);
	t.config.boot.initrd = t.initrd;
	fd = open(t.initrd, O_RDONLY);
	len = read(fd, compressed, sizeof(compressed));
	close(fd);
	assert_int_equal(fill(), 0);
	/* It is in memory by now. */
	write_file(t.kernel, "new", 3);
	assert_kernel(t.content, SIZE);
	/* That is Linux's to unpack. */
	assert_initrd(compressed, (u32)len);
	assert_quiet();
}

/* It unpacks itself, whatever it is compressed with. */
static void zboot(void **state)
{
	(void)state;
	memcpy(t.content + 4, "zimg", 4);
	memcpy(t.content + 0x18, "zstd", 4);
	memset(t.content + 0x38, 0, 4);
	write_file(t.kernel, t.content, SIZE);
	assert_int_equal(fill(), 0);
	assert_kernel(t.content, SIZE);
	assert_quiet();
}

static void zboot_in_gzip(void **state)
{
	(void)state;
	memcpy(t.content + 4, "zimg", 4);
	memcpy(t.content + 0x18, "gzip", 4);
	write_gzip(t.kernel, t.content, SIZE);
	assert_int_equal(fill(), 0);
	assert_kernel(t.content, SIZE);
	assert_quiet();
}

/* `path` becomes a pipe that holds what is in the file of that name. */
static int to_pipe(char *path, size_t size)
{
	u8 data[SIZE + 100];
	int fds[2], fd = open(path, O_RDONLY);
	ssize_t len = read(fd, data, sizeof(data));

	close(fd);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], data, (size_t)len), len);
	close(fds[1]);
	snprintf(path, size, "/proc/self/fd/%d", fds[0]);
	return fds[0];
}

static void read_through_pipes(void)
{
	char kernel[64], initrd[64];
	int fds[2];

	write_file(t.initrd, "an initrd", 9);
	strcpy(kernel, t.kernel);
	strcpy(initrd, t.initrd);
	fds[0] = to_pipe(kernel, sizeof(kernel));
	fds[1] = to_pipe(initrd, sizeof(initrd));
	t.config.boot.kernel = kernel;
	t.config.boot.initrd = initrd;
	assert_int_equal(fill(), 0);
	close(fds[0]);
	close(fds[1]);
	for (int i = 0; i < 2; i++) {
		assert_kernel(t.content, SIZE);
		assert_initrd("an initrd", 9);
	}
	assert_quiet();
}

static void pipes(void **state)
{
	(void)state;
	read_through_pipes();
}

static void pipe_with_gzip(void **state)
{
	(void)state;
	write_gzip(t.kernel, t.content, SIZE);
	read_through_pipes();
}

/* The firmware has it all the same: it need not be EDK2. */
static void assert_warning(const char *text)
{
	write_file(t.kernel, t.content, SIZE);
	assert_int_equal(fill(), 0);
	assert_int_equal(t.nr_warnings, 1);
	assert_int_equal(t.nr_fatal, 0);
	assert_said(t.kernel);
	assert_said("firmware does not start it");
	assert_said(text);
	assert_kernel(t.content, SIZE);
}

static void program_without_pe(void **state)
{
	(void)state;
	memset(t.content, 1, 0x100);
	assert_warning("it is no EFI program");
}

static void kernel_without_efi(void **state)
{
	(void)state;
	memset(t.content + 0x40, 1, 0x10);
	assert_warning("it is a kernel without CONFIG_EFI");
}

static void kernel_for_another_machine(void **state)
{
	(void)state;
	make_content(0x8664);
	memset(t.content + 0x38, 0, 4);
	assert_warning("it is an EFI program for x86-64");
}

static void kernel_in_xz(void **state)
{
	(void)state;
	memcpy(t.content, "\xfd\x37zXZ\0", 6);
	assert_warning("it is compressed with xz; decompress it with xz -d");
}

static void assert_failure(int err, const char *path, const char *text)
{
	assert_int_equal(fill(), err);
	assert_int_equal(t.nr_fatal, 1);
	assert_int_equal(t.nr_warnings, 0);
	assert_said(path);
	assert_said(text);
}

static void no_such_file(void **state)
{
	(void)state;
	unlink(t.kernel);
	assert_failure(-ENOENT, t.kernel, "Unable to open kernel");
}

static void empty_kernel(void **state)
{
	(void)state;
	write_file(t.kernel, "", 0);
	assert_failure(-ENODATA, t.kernel, "it is empty");
}

static void empty_initrd(void **state)
{
	(void)state;
	write_file(t.initrd, "", 0);
	t.config.boot.initrd = t.initrd;
	assert_failure(-ENODATA, t.initrd, "it is empty");
}

static void too_large(void **state)
{
	(void)state;
	t.machine.ram.size = SIZE - 1;
	assert_failure(-EFBIG, t.kernel, "it does not fit");
}

/* No more is unpacked than it takes to find out. */
static void too_large_in_gzip(void **state)
{
	static u8 zeros[8 * SZ_1M];

	(void)state;
	write_gzip(t.kernel, zeros, sizeof(zeros));
	assert_failure(-EFBIG, t.kernel, "it does not fit");
	assert_int_equal(t.machine.kernel.size, SZ_1M + 1);
}

static void too_large_initrd(void **state)
{
	(void)state;
	t.config.boot.initrd = "/dev/zero";
	assert_failure(-EFBIG, "/dev/zero", "it does not fit");
}

static void truncated_gzip(void **state)
{
	(void)state;
	write_gzip(t.kernel, t.content, SIZE);
	assert_int_equal(truncate(t.kernel, 100), 0);
	assert_failure(-EBADMSG, t.kernel, "its gzip data ends early");
}

/* Linux takes `len` characters at most. */
static void assert_cmdline_limit(size_t len)
{
	free(t.machine.cmdline);
	t.machine.cmdline = malloc(len + 2);
	memset(t.machine.cmdline, 'x', len);
	strcpy(t.machine.cmdline + len, "");
	boot_check_cmdline(&t.machine);
	assert_int_equal(t.nr_warnings, 0);
	strcpy(t.machine.cmdline + len, "y");
	boot_check_cmdline(&t.machine);
	assert_int_equal(t.nr_warnings, 1);
	t.nr_warnings = 0;
}

static void long_cmdline(void **state)
{
	(void)state;
	t.machine.features.aarch32 = true;
	assert_cmdline_limit(1023);
	t.machine.features.aarch32 = false;
	assert_cmdline_limit(2047);
	assert_int_equal(fill(), 0);
	assert_int_equal(t.nr_warnings, 1);
	assert_said("has 2048 characters, of which Linux takes 2047");
	assert_int_equal(get_u32(FW_CFG_CMDLINE_SIZE), 2049);
	t.machine.again = true;
	boot_check_cmdline(&t.machine);
	assert_int_equal(t.nr_warnings, 1);
}

static void long_cmdline_of_zboot(void **state)
{
	(void)state;
	memcpy(t.content + 4, "zimg", 4);
	memset(t.content + 0x38, 0, 4);
	write_file(t.kernel, t.content, SIZE);
	assert_cmdline_limit(2047);
	t.messages[0] = '\0';
	assert_int_equal(fill(), 0);
	assert_said("of which Linux takes 2047");
}

/* Another program may take more. */
static void long_cmdline_of_a_program(void **state)
{
	(void)state;
	memset(t.content + 0x38, 0, 4);
	write_file(t.kernel, t.content, SIZE);
	assert_cmdline_limit(2047);
	assert_int_equal(fill(), 0);
	assert_int_equal(t.nr_warnings, 0);
}

static void assert_file(u16 key, const char *name, u32 len)
{
	const struct fw_cfg_item *item = item_of(key);

	assert_non_null(item);
	assert_string_equal(item->name, name);
	assert_int_equal(item->data.len, len);
}

static void order_is_passed(void **state)
{
	static const char order[] = "/virtio-mmio@a003e00/disk@0,0\n/b@1";

	(void)state;
	t.config.boot.kernel = NULL;
	t.config.boot.order = strdup(order);
	t.config.boot.wait = 3;
	t.config.boot.has_wait = true;
	assert_int_equal(fill(), 0);
	free(t.config.boot.order);
	/* With a zero at the end of the list. */
	assert_file(FW_CFG_FIRST_FILE, "bootorder", sizeof(order));
	assert_string_equal(read_text(t.rig, FW_CFG_FIRST_FILE, sizeof(order)),
			    order);
	select_key(t.rig, FW_CFG_BOOT_MENU);
	assert_int_equal(read_data(t.rig, 2), 1);
	assert_file(FW_CFG_FIRST_FILE + 1, "etc/boot-menu-wait", 2);
	select_key(t.rig, FW_CFG_FIRST_FILE + 1);
	assert_int_equal(read_data(t.rig, 2), 3000);
	assert_quiet();
}

static void assert_wait(u32 seconds)
{
	t.config.boot.kernel = NULL;
	t.config.boot.wait = seconds;
	t.config.boot.has_wait = true;
	assert_int_equal(fill(), 0);
	assert_file(FW_CFG_FIRST_FILE, "etc/boot-menu-wait", 2);
	select_key(t.rig, FW_CFG_FIRST_FILE);
	assert_int_equal(read_data(t.rig, 2), seconds * 1000);
}

static void longest_wait(void **state)
{
	(void)state;
	assert_wait(BOOT_WAIT_MAX);
	assert_quiet();
}

/* What the user gave by --fw-cfg is there before, and stays. */
static void wait_of_user(void **state)
{
	(void)state;
	t.config.boot.kernel = NULL;
	t.config.boot.has_wait = true;
	assert_int_equal(fw_cfg_add_file_bytes(t.rig->fw, "etc/boot-menu-wait",
					       "ab", 2),
			 0);
	assert_int_equal(fill(), 0);
	select_key(t.rig, FW_CFG_FIRST_FILE);
	assert_int_equal(read_data(t.rig, 2), 'a' | 'b' << 8);
	assert_quiet();
}

/* Most runs have no firmware, and many no terminal. */
static void wait_without_fw_cfg(void **state)
{
	(void)state;
	t.config.boot.has_wait = true;
	t.machine.boot = BOOT_KERNEL;
	t.machine.fw_cfg = NULL;
	assert_int_equal(fill(), 0);
	assert_quiet();
}

static void no_wait(void **state)
{
	(void)state;
	assert_wait(0);
	select_key(t.rig, FW_CFG_BOOT_MENU);
	assert_int_equal(read_data(t.rig, 2), 1);
}

static void no_boot_order(void **state)
{
	(void)state;
	t.config.boot.kernel = NULL;
	t.config.boot.wait = 3;
	assert_int_equal(fill(), 0);
	assert_null(item_of(FW_CFG_BOOT_MENU));
	assert_null(item_of(FW_CFG_FIRST_FILE));
}

static void one_byte(void **state)
{
	(void)state;
	write_file(t.kernel, "\x1f", 1);
	assert_int_equal(fill(), 0);
	assert_kernel("\x1f", 1);
	assert_said("it is no EFI program");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_there_is),
		TEST(without_kernel_or_firmware),
		TEST(replaced),
		TEST(written_to),
		TEST(gzip),
		TEST(zboot),
		TEST(zboot_in_gzip),
		TEST(pipes),
		TEST(pipe_with_gzip),
		TEST(program_without_pe),
		TEST(kernel_without_efi),
		TEST(kernel_for_another_machine),
		TEST(kernel_in_xz),
		TEST(no_such_file),
		TEST(empty_kernel),
		TEST(empty_initrd),
		TEST(too_large),
		TEST(too_large_in_gzip),
		TEST(too_large_initrd),
		TEST(truncated_gzip),
		TEST(long_cmdline),
		TEST(long_cmdline_of_zboot),
		TEST(long_cmdline_of_a_program),
		TEST(one_byte),
		TEST(order_is_passed),
		TEST(longest_wait),
		TEST(wait_of_user),
		TEST(wait_without_fw_cfg),
		TEST(no_wait),
		TEST(no_boot_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
