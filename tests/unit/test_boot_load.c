/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot.c arm/boot/cmdline.c arm/boot/open.c */
/* SOURCES: arm/boot/uki.c arm/boot/pe.c arm/boot/boot_file.c */
/* SOURCES: arm/boot/image.c arm/boot/image_file.c util/zstd.c */
/* SOURCES: util/file.c util/gzip.c tests/unit/image_fixture.c */
/* What is opened before there is a VM, and what of it is in RAM when it starts.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "arm/boot.h"
#include "arm/cpu.h"
#include "arm/machine.h"
#include "image_fixture.h"
#include "lkvm/hw/cfi_flash.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/hw/fw_cfg/boot.h"
#include "uki_fixture.h"

#define RAM_BASE   0x80000000ULL
#define GUEST_SIZE (16 * SZ_1M)

static struct {
	struct machine machine;
	struct vm_config config;
	struct machine_type type;
	struct fw_cfg_config fw_cfg;
	char initrd[300];
	int choice, flash, fw; /* what the others return */
	bool from_flash;       /* what has been chosen */
	struct cfi_flash bank;
	u8 code[8];
	unsigned int looked_at;
	unsigned int huge, small; /* how often huge pages are wanted, or not */
	int fdt, cpu;		  /* what the last steps return */
	bool cpu_is_set;
} t;

int firmware_choose(struct machine *machine)
{
	machine->boot = t.config.boot.firmware ? BOOT_RAM_FIRMWARE
					       : BOOT_KERNEL;
	if (t.from_flash) {
		machine->boot = BOOT_FLASH;
		machine->first_bank = &t.bank;
	}
	machine->nr_flash = 2;
	return t.choice;
}

int flash_store_check(const struct flash_config *config)
{
	assert_ptr_equal(config, &t.machine.flash[t.looked_at++]);
	return t.looked_at == 2 ? t.flash : 0;
}

void ram_use_huge_pages(struct machine *machine, bool use)
{
	assert_ptr_equal(machine, &t.machine);
	t.huge += use;
	t.small += !use;
}

int fw_cfg_check_user_file(const struct fw_cfg_config *config)
{
	assert_ptr_equal(config, &t.fw_cfg);
	return t.fw;
}

/* Without --smbios neither is called. */
int boot_open_smbios(struct machine *machine)
{
	(void)machine;
	fail();
	return 0;
}

void boot_close_smbios(struct machine *machine)
{
	(void)machine;
	fail();
}

int machine_write_fdt(struct machine *machine)
{
	assert_ptr_equal(machine, &t.machine);
	return t.fdt;
}

int cpu_set_boot_state(struct machine *machine)
{
	assert_ptr_equal(machine, &t.machine);
	t.cpu_is_set = true;
	return t.cpu;
}

static int begin(void **state)
{
	struct fixture *f;

	if (setup(state))
		return -1;
	f = *state;
	memset(&t, 0, sizeof(t));
	set_room(f, GUEST_SIZE);
	t.type.console = "ttyS0";
	t.config.boot.kernel = f->path;
	t.machine.type = &t.type;
	t.machine.config = &t.config;
	t.machine.ram.base = RAM_BASE;
	t.machine.ram.size = GUEST_SIZE;
	t.machine.ram_hva = f->ram;
	snprintf(t.initrd, sizeof(t.initrd), "%s.initrd", f->path);
	set_arm64(f, 0, 0x100000);
	return 0;
}

static int end(void **state)
{
	boot_destroy(&t.machine);
	unlink(t.initrd);
	return teardown(state);
}

static void give_initrd(const char *text)
{
	FILE *file = fopen(t.initrd, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	t.config.boot.initrd = t.initrd;
}

/* The kernel as the payload of an image, with these around it. */
static void wrap(struct fixture *f, const char *initrd, const char *cmdline)
{
	u8 *plain = copy_of(f);
	const struct uki_part parts[] = {
		{ ".cmdline", cmdline, strlen(cmdline) },
		{ ".initrd", initrd, strlen(initrd) },
		{ ".linux", plain, f->len },
	};
	size_t len;
	u8 *data = uki_make(parts, ARRAY_SIZE(parts), &len);

	set_data(f, data, len);
	free(plain);
}

static int open_all(void)
{
	nr_fatal = 0;
	t.looked_at = 0;
	return boot_open(&t.machine);
}

static void start(void)
{
	assert_int_equal(open_all(), 0);
	assert_int_equal(boot_prepare(&t.machine), 0);
	assert_int_equal(nr_fatal, 0);
	assert_int_equal(t.machine.entry, RAM_BASE);
}

static void assert_initrd(struct fixture *f, const char *want, size_t len)
{
	assert_int_equal(t.machine.initrd.size, len);
	if (len)
		assert_memory_equal(f->ram + (t.machine.initrd.base - RAM_BASE),
				    want, len);
}

static void kernel_and_initrd(void **state)
{
	struct fixture *f = *state;

	give_initrd("070701");
	t.config.boot.params = "quiet";
	start();
	assert_memory_equal(f->ram, f->data, f->len);
	assert_initrd(f, "070701", 6);
	assert_string_equal(t.machine.cmdline, "console=ttyS0 quiet");
}

static void unified_image(void **state)
{
	struct fixture *f = *state;
	u8 *plain = copy_of(f);

	wrap(f, "inner", "root=a\n");
	start();
	assert_memory_equal(f->ram, plain, KERNEL_SIZE);
	assert_initrd(f, "inner", 5);
	assert_string_equal(t.machine.cmdline, "console=ttyS0 root=a");
	/* And after a reset. */
	memset(f->ram, 0, GUEST_SIZE);
	t.machine.again = true;
	assert_int_equal(boot_prepare(&t.machine), 0);
	assert_memory_equal(f->ram, plain, KERNEL_SIZE);
	assert_initrd(f, "inner", 5);
	free(plain);
}

/* The second archive is aligned; what the user says comes last. */
static void unified_image_and_more(void **state)
{
	struct fixture *f = *state;

	wrap(f, "inner", "root=a");
	give_initrd("outer");
	t.config.boot.params = "root=b";
	t.config.boot.nodefaults = true;
	start();
	assert_initrd(f, "inner\0\0\0outer", 13);
	assert_string_equal(t.machine.cmdline, "root=a root=b");
}

static void command_lines(void **state)
{
	struct fixture *f = *state;

	t.config.boot.params = "";
	start();
	assert_string_equal(t.machine.cmdline, "console=ttyS0");
	boot_destroy(&t.machine);
	t.config.boot.nodefaults = true;
	start();
	assert_string_equal(t.machine.cmdline, "");
	boot_destroy(&t.machine);
	t.config.boot.params = "b";
	start();
	assert_string_equal(t.machine.cmdline, "b");
	boot_destroy(&t.machine);
	wrap(f, "inner", "a");
	t.config.boot.params = NULL;
	start();
	assert_string_equal(t.machine.cmdline, "a");
}

/* Firmware gets it as it is. */
static void firmware_takes_the_image(void **state)
{
	struct fixture *f = *state;

	wrap(f, "inner", "a");
	t.config.boot.firmware = f->path;
	assert_int_equal(open_all(), 0);
	assert_int_equal(t.machine.kernel.part.size, 0);
	assert_int_equal(t.machine.firmware.size, f->len);
	assert_null(t.machine.uki.cmdline);
}

static void no_room_for_the_initrd(void **state)
{
	struct fixture *f = *state;
	size_t size = 10 * SZ_1M;
	char *initrd = malloc(size + 1);

	memset(initrd, 'x', size);
	initrd[size] = '\0';
	wrap(f, initrd, "a");
	assert_int_equal(open_all(), 0);
	assert_int_equal(boot_prepare(&t.machine), 0);
	assert_initrd(f, initrd, size);
	boot_destroy(&t.machine);
	/* The second alone would fit. */
	give_initrd(initrd + size / 2);
	assert_int_equal(open_all(), 0);
	assert_int_equal(boot_prepare(&t.machine), -ENOSPC);
	boot_destroy(&t.machine);
	t.config.boot.initrd = NULL;
	t.machine.ram.size = 12 * SZ_1M;
	assert_int_equal(open_all(), 0);
	assert_int_equal(boot_prepare(&t.machine), -ENOSPC);
	assert_said(f, "no RAM is left");
	boot_destroy(&t.machine);
	/* Nor in what is behind the tree, where RAM goes on. */
	t.machine.ram.size = 514 * SZ_1M;
	assert_int_equal(open_all(), 0);
	t.machine.uki.initrd.size = SZ_1G;
	assert_int_equal(boot_prepare(&t.machine), -ENOSPC);
	assert_said(f, "no RAM is left");
	free(initrd);
}

/* ---- Where things go ----------------------------------------------------- */

/* Opens all and loads it; what that returns. */
static int prepare(void)
{
	int ret;

	boot_destroy(&t.machine);
	memset(&t.machine.initrd, 0, sizeof(t.machine.initrd));
	assert_int_equal(open_all(), 0);
	ret = boot_prepare(&t.machine);
	assert_int_equal(nr_fatal, ret ? 1 : 0);
	return ret;
}

static void said(const char *text)
{
	if (!strstr(fatal, text))
		fail_msg("\"%s\" is not in \"%s\"", text, fatal);
}

static void assert_tree(u64 offset, u64 size)
{
	assert_int_equal(t.machine.dtb.base, RAM_BASE + offset);
	assert_int_equal(t.machine.dtb.size, size);
}

/* Behind the kernel's image_size, the tree in the last 2 MiB of low RAM. */
static void places_with_a_kernel(void **state)
{
	struct fixture *f = *state;

	give_initrd("070701");
	set_arm64(f, 0x80000, 0x123456);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.entry, RAM_BASE + 0x80000);
	assert_tree(GUEST_SIZE - SZ_2M, SZ_2M);
	assert_int_equal(t.machine.initrd.base,
			 RAM_BASE + ALIGN_UP(0x80000 + 0x123456, SZ_64K));
	/* Old kernels do not say: half of what is free, 64 MiB at most. */
	set_arm64(f, 0x80000, 0);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.initrd.base,
			 RAM_BASE + (GUEST_SIZE - SZ_2M) / 2);

	t.config.boot.initrd = NULL;
	t.machine.ram.size = SZ_1G;
	assert_int_equal(prepare(), 0);
	assert_tree(510 * SZ_1M, SZ_2M);
	t.machine.ram.size = 7 * SZ_1M + SZ_4K;
	assert_int_equal(prepare(), 0);
	assert_tree(4 * SZ_1M, SZ_2M);
	t.machine.ram.size = 4 * SZ_1M - SZ_4K;
	assert_int_equal(prepare(), -ENOSPC);
	said("--mem: 3 MiB of RAM are too few");
}

/* Tree and CPU come last; what fails ends it. */
static void last_steps(void **state)
{
	(void)state;
	t.fdt = -ENOSPC;
	assert_int_equal(open_all(), 0);
	assert_int_equal(boot_prepare(&t.machine), -ENOSPC);
	assert_false(t.cpu_is_set);
	t.fdt = 0;
	t.cpu = -EIO;
	assert_int_equal(boot_prepare(&t.machine), -EIO);
	assert_true(t.cpu_is_set);
}

/* Clearing them costs more than a small program runs. */
static void huge_pages(void **state)
{
	struct fixture *f = *state;

	set_magic(f, SZ_64K, 0, "x", 1);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.small, 1);
	assert_int_equal(t.huge, 1); /* for what the guest takes later */
	give_initrd("070701");
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.huge, 3);
	t.config.boot.initrd = NULL;
	t.huge = t.small = 0;
	set_magic(f, SZ_1M, 0, "x", 1);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.small, 0);
	assert_int_equal(t.huge, 2);
}

static void kernels_that_do_not_fit(void **state)
{
	struct fixture *f = *state;

	/* Up to the tree, and what it says that it needs. */
	set_arm64(f, 0, GUEST_SIZE - SZ_2M);
	assert_int_equal(prepare(), 0);
	set_arm64(f, 0, GUEST_SIZE - SZ_2M + 1);
	assert_int_equal(prepare(), -EFBIG);
	set_bytes(f, "", 0);
	assert_int_equal(prepare(), -ENODATA);
}

/* In RAM that goes on behind the tree, if there is no room before it. */
static void places_in_much_ram(void **state)
{
	struct fixture *f = *state;

	t.machine.features.aarch32 = true;
	set_zimage(f, 0, KERNEL_SIZE);
	set_room(f, 300 * SZ_1M);
	t.machine.ram_hva = f->ram;
	t.machine.ram.size = 300 * SZ_1M;
	give_initrd("x");
	assert_int_equal(prepare(), 0);
	assert_tree(254 * SZ_1M, SZ_2M);
	assert_int_equal(t.machine.initrd.base, RAM_BASE + 64 * SZ_1M);
	assert_int_equal(truncate(t.initrd, 20 * SZ_1M), 0);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.initrd.base, RAM_BASE + 64 * SZ_1M);
	/* What remains of 254 MiB, and one byte more. */
	assert_int_equal(truncate(t.initrd, 190 * SZ_1M), 0);
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.initrd.base, RAM_BASE + 64 * SZ_1M);
	assert_int_equal(truncate(t.initrd, 190 * SZ_1M + 1), 0);
	assert_int_equal(prepare(), -EFBIG);
	assert_said(f, "it does not fit");
	set_arm64(f, 0, 230 * SZ_1M);
	t.machine.features.aarch32 = false;
	t.machine.ram.size = 300 * SZ_1M;
	assert_int_equal(truncate(t.initrd, 30 * SZ_1M), 0);
	assert_int_equal(prepare(), 0);
	assert_tree(298 * SZ_1M, SZ_2M);
	assert_int_equal(t.machine.initrd.base, RAM_BASE + 230 * SZ_1M);
}

/* The tree is behind it, at the next 2 MiB, and the initrd behind that. */
static void places_with_firmware(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, 0, SZ_2M + 1);
	t.config.boot.kernel = NULL;
	t.config.boot.firmware = f->path;
	t.config.boot.params = "p";
	give_initrd("070701");
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.entry, RAM_BASE);
	assert_tree(2 * SZ_2M, SZ_2M);
	assert_int_equal(t.machine.initrd.base, RAM_BASE + 3 * SZ_2M);
	assert_memory_equal(f->ram, f->data, f->len);
	assert_string_equal(t.machine.cmdline, "p");

	t.config.boot.firmware_address = RAM_BASE + SZ_1M;
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.entry, RAM_BASE + SZ_1M);
	assert_tree(2 * SZ_2M, SZ_2M);
	assert_memory_equal(f->ram + SZ_1M, f->data, f->len);
	/* With a kernel it goes through fw_cfg. */
	t.config.boot.kernel = f->path;
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.initrd.size, 0);
}

static void places_firmware_cannot_have(void **state)
{
	static const u64 bad[] = { 1, RAM_BASE - SZ_4K, RAM_BASE + 1,
				   RAM_BASE + GUEST_SIZE, SZ_4K };
	struct fixture *f = *state;

	set_arm64(f, 0, SZ_2M);
	t.config.boot.kernel = NULL;
	t.config.boot.firmware = f->path;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		t.config.boot.firmware_address = bad[i];
		assert_int_equal(prepare(), -EINVAL);
		said("--firmware-address");
	}
	t.config.boot.firmware_address = RAM_BASE + GUEST_SIZE - 2 * SZ_2M;
	assert_int_equal(prepare(), 0);
	assert_tree(GUEST_SIZE - SZ_2M, SZ_2M);
	t.config.boot.firmware_address += SZ_4K;
	assert_int_equal(prepare(), -ENOSPC);
	assert_said(f, "no RAM is left behind it");
	t.config.boot.firmware_address = RAM_BASE + GUEST_SIZE - SZ_4K;
	assert_int_equal(prepare(), -EFBIG);
	set_bytes(f, "\0\0\0\0", 4);
	t.config.boot.firmware_address = 0;
	assert_int_equal(prepare(), -ENOEXEC);
	assert_said(f, "it holds no code");
}

/* Code in the first bank; erased or zero, it is none. */
static void places_with_flash(void **state)
{
	struct fixture *f = *state;

	t.from_flash = true;
	t.bank.store.array = t.code;
	t.bank.store.path = t.initrd;
	t.bank.region.base = 0x4000000;
	t.config.boot.kernel = NULL;
	assert_int_equal(prepare(), -ENOEXEC);
	said("there is no code at its start");
	memset(t.code, 0xff, sizeof(t.code));
	assert_int_equal(prepare(), -ENOEXEC);
	t.code[3] = 0x14;
	assert_int_equal(prepare(), 0);
	assert_int_equal(t.machine.entry, 0x4000000);
	assert_tree(0, 496 * SZ_1K);
	assert_string_equal(t.machine.cmdline, "");

	give_initrd("070701");
	assert_int_equal(prepare(), -EINVAL);
	said("--initrd");
	t.config.boot.kernel = f->path;
	assert_int_equal(prepare(), 0);
}

static void assert_refused(int err, const char *text)
{
	assert_int_equal(open_all(), err);
	if (text && !strstr(fatal, text))
		fail_msg("\"%s\" is not in \"%s\"", text, fatal);
	assert_int_equal(nr_fatal, text ? 1 : 0);
	boot_destroy(&t.machine);
}

/* Whatever is named is looked at, and nothing is made. */
static void refused(void **state)
{
	struct fixture *f = *state;
	char path[300];

	t.choice = -ENOENT;
	assert_refused(-ENOENT, NULL);
	t.choice = 0;
	t.config.boot.kernel = "_NO_FILE_4Uhere_";
	assert_refused(-ENOENT, "Unable to open kernel _NO_FILE_4Uhere_");
	t.config.boot.kernel = f->path;
	t.config.boot.initrd = "/none";
	assert_refused(-ENOENT, "Unable to open initrd /none");
	t.config.boot.initrd = NULL;
	t.config.boot.firmware = "/none";
	assert_refused(-ENOENT, "Unable to open firmware /none");
	t.config.boot.firmware = NULL;
	t.flash = -EACCES;
	assert_refused(-EACCES, NULL);
	t.flash = 0;
	t.config.fw_cfg.items = &t.fw_cfg;
	t.config.fw_cfg.count = 1;
	t.fw = -EISDIR;
	assert_refused(-EISDIR, NULL);
	t.fw = 0;
	t.config.debug.dump_dtb = "/none/dtb";
	assert_refused(-ENOENT, "--dump-dtb: unable to write /none/dtb");
	snprintf(path, sizeof(path), "%s.dtb", f->path);
	t.config.debug.dump_dtb = path;
	t.config.debug.stats = "/none/stats";
	assert_refused(-ENOENT, "--stats: unable to open /none/stats");
	t.config.debug.stats = "-";
	assert_int_equal(open_all(), 0);
	assert_int_equal(t.looked_at, 2);
	assert_int_equal(access(path, F_OK), -1);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_and_initrd),
		TEST(unified_image),
		TEST(unified_image_and_more),
		TEST(command_lines),
		TEST(firmware_takes_the_image),
		TEST(no_room_for_the_initrd),
		TEST(places_with_a_kernel),
		TEST(last_steps),
		TEST(huge_pages),
		TEST(kernels_that_do_not_fit),
		TEST(places_in_much_ram),
		TEST(places_with_firmware),
		TEST(places_firmware_cannot_have),
		TEST(places_with_flash),
		TEST(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
