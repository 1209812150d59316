/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads kernel, initrd and firmware into guest RAM, and decides where they and
 * the device tree go (Linux Documentation/arch/arm64/booting.rst).
 *
 * boot_prepare() runs on the main thread: once before the first vCPU starts,
 * and after each reset, when the vCPUs' threads have ended. At a reset the
 * files that are still open are read again, so that the guest starts with the
 * same content.
 *
 * Layout of RAM for a kernel: the kernel at its text_offset, the initrd behind
 * it, the device tree in the last 2 MiB of low RAM. For firmware: the firmware,
 * then the device tree, then the initrd. Firmware in flash: the device tree at
 * the start of RAM, nothing else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/cpu.h"
#include "arm/machine.h"
#include "lkvm/arm/boot/image.h"
#include "lkvm/hw/cfi_flash.h"
#include "lkvm/util/log.h"

/*
 * booting.rst (arm64): the tree is at most 2 MiB, and no other data shares a 2
 * MiB block with it.
 */
#define DTB_MAX_SIZE SZ_2M

/*
 * Old kernels map only this much from the start of RAM before they parse the
 * tree, and 32-bit ones have no more low memory. kvmtool uses the same limits.
 */
#define LOW_RAM	   (512 * SZ_1M)
#define LOW_RAM_32 (256 * SZ_1M)

/* Left free behind a kernel that does not say how much it needs. */
#define UNKNOWN_KERNEL_ROOM (64 * SZ_1M)

/* Bare-metal programs: clearing a huge page takes longer than they run. */
#define SMALL_KERNEL (128 * SZ_1K)

/* The host's address of a guest address that lies in RAM. */
static u8 *ram_ptr(struct machine *machine, u64 gpa)
{
	return (u8 *)machine->ram_hva + (gpa - machine->ram.base);
}

static u64 ram_end(const struct machine *machine)
{
	return machine->ram.base + machine->ram.size;
}

/*
 * The initrd of a unified kernel image comes first, then that of --initrd,
 * whose files replace those of the first. Linux expects cpio archives aligned
 * to 4 bytes and skips zeros between them
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#define INITRD_ALIGN 4

static int copy_initrds(struct machine *machine, u64 at, u64 room)
{
	const struct file_range *inner = &machine->uki.initrd;
	u64 size = inner->size, start = ALIGN_UP(size, INITRD_ALIGN);
	int ret = 0;

	if (size)
		ret = boot_file_read(&machine->kernel, inner->offset,
				     ram_ptr(machine, at), size);
	if (!ret && machine->initrd_file.path) {
		ret = file_load(&machine->initrd_file,
				ram_ptr(machine, at + start), room - start,
				&size);
		size += start;
	}
	if (!ret)
		machine->initrd = (struct addr_range) { at, size };
	return ret;
}

/*
 * The initrd goes between what is loaded already and the device tree, or,
 * where it does not fit, behind the device tree.
 */
static int load_initrd(struct machine *machine, u64 low)
{
	const char *path = machine->config->root.dir
				   ? machine->initrd_file.path
				   : machine->config->boot.initrd;
	u64 inner = ALIGN_UP(machine->uki.initrd.size, INITRD_ALIGN);
	struct boot_file *file = &machine->initrd_file;
	u64 end = machine->dtb.base;
	int ret;

	if (!path && !inner)
		return 0;
	ret = path ? boot_file_open(file, path, "initrd", machine->ram.size)
		   : 0;
	if (ret)
		return ret;
	ram_use_huge_pages(machine, true);
	low = ALIGN_UP(low, SZ_64K);
	if (low >= end || inner + file->size > end - low) {
		low = machine->dtb.base + machine->dtb.size;
		end = ram_end(machine);
	}
	if (low >= end || inner > end - low) {
		pr_fatal("initrd %s: no RAM is left for it; see --mem",
			 path ? path : machine->config->boot.kernel);
		return -ENOSPC;
	}
	return copy_initrds(machine, low, end - low);
}

/*
 * The end of what the kernel may overwrite before it has reserved the initrd.
 */
static u64 kernel_end(struct machine *machine, const struct image *img,
		      bool known)
{
	u64 start = machine->ram.base + img->text_offset;
	u64 end = start + img->image_size;
	u64 room = (machine->dtb.base - machine->ram.base) / 2;

	if (known)
		return end;
	return MAX(end, machine->ram.base + MIN(room, UNKNOWN_KERNEL_ROOM));
}

/*
 * As high as every kernel can map it, which leaves the space below in one
 * piece.
 */
static int place_dtb_high(struct machine *machine)
{
	u64 low = machine->features.aarch32 ? LOW_RAM_32 : LOW_RAM;
	u64 end = machine->ram.base + MIN(machine->ram.size, low);

	if (end - machine->ram.base < 2 * DTB_MAX_SIZE) {
		pr_fatal("--mem: %" PRIu64 " MiB of RAM are too few for a "
			 "kernel and its device tree",
			 machine->ram.size / SZ_1M);
		return -ENOSPC;
	}
	machine->dtb.base = ALIGN_DOWN(end - DTB_MAX_SIZE, DTB_MAX_SIZE);
	machine->dtb.size = DTB_MAX_SIZE;
	return 0;
}

/*
 * `known`: the header's image_size includes .bss. Of a zImage it does not, and
 * a flat binary has no header.
 */
static int load_kernel(struct machine *machine)
{
	struct boot_file *file = &machine->kernel;
	struct image img;
	u64 loaded;
	bool known;
	int ret = boot_file_open(file, machine->config->boot.kernel, "kernel",
				 machine->ram.size);

	if (!ret)
		ret = image_open(&img, file, machine->features.aarch32);
	if (ret)
		return ret;
	ret = place_dtb_high(machine);
	if (ret)
		goto out;
	if (img.kind != IMAGE_FLAT)
		boot_check_cmdline(machine);
	known = img.image_size && img.kind == IMAGE_ARM64;
	ram_use_huge_pages(machine, file->size > SMALL_KERNEL);
	ret = image_load(&img, machine->ram_hva,
			 machine->dtb.base - machine->ram.base, &loaded);
	if (ret)
		goto out;
	machine->entry = machine->ram.base + img.text_offset;
	pr_debug("kernel at 0x%" PRIx64 ", %" PRIu64 " bytes", machine->entry,
		 loaded);
	ret = load_initrd(machine, kernel_end(machine, &img, known));
out:
	image_close(&img);
	return ret;
}

/*
 * The tree goes to the next 2 MiB behind the firmware, as kvmtool has it;
 * firmware built for kvmtool finds it by x0.
 */
static int load_firmware(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	u64 base = config->boot.firmware_address ?: machine->ram.base;
	u64 size, footprint, room;
	int ret;

	if (!range_within(base, 1, machine->ram.base, machine->ram.size) ||
	    !IS_ALIGNED(base, SZ_4K)) {
		pr_fatal("--firmware-address 0x%" PRIx64 ": it has to be a "
			 "multiple of 4096 in RAM, which is 0x%" PRIx64
			 " to 0x%" PRIx64,
			 base, machine->ram.base, ram_end(machine) - 1);
		return -EINVAL;
	}
	ram_use_huge_pages(machine, true);
	room = ram_end(machine) - base;
	ret = boot_file_open(&machine->firmware, config->boot.firmware,
			     "firmware", machine->ram.size);
	if (!ret)
		ret = file_load(&machine->firmware, ram_ptr(machine, base),
				room, &size);
	if (!ret)
		ret = image_check_firmware(config->boot.firmware,
					   ram_ptr(machine, base), size, room,
					   &footprint);
	if (ret)
		return ret;
	machine->entry = base;
	machine->dtb.base = ALIGN_UP(base + footprint, DTB_MAX_SIZE);
	machine->dtb.size = DTB_MAX_SIZE;
	if (!range_within(machine->dtb.base, machine->dtb.size,
			  machine->ram.base, machine->ram.size)) {
		pr_fatal("firmware %s: no RAM is left behind it for the "
			 "device tree; see --mem and --firmware-address",
			 config->boot.firmware);
		return -ENOSPC;
	}
	/* With a kernel both go through fw_cfg. */
	if (config->boot.kernel)
		return 0;
	return load_initrd(machine, machine->dtb.base + machine->dtb.size);
}

/*
 * EDK2's ArmVirtQemu and U-Boot look for the tree at the start of RAM. EDK2's
 * first stack is 496 KiB above that.
 */
#define FLASH_DTB_MAX (496 * SZ_1K)

/*
 * Erased or zero words are not instructions: without this check the guest would
 * fault at its first instruction, without any message.
 */
static int check_code(const struct machine *machine)
{
	const struct flash_store *store = &machine->first_bank->store;
	u32 first;

	memcpy(&first, store->array, sizeof(first));
	if (first && first != UINT32_MAX)
		return 0;
	pr_fatal("flash %s: there is no code at its start; name a --kernel, a "
		 "--firmware, or a bank of code before it",
		 store->path);
	return -ENOEXEC;
}

/* The CPU's reset vector is the first word of the first bank. */
static int start_in_flash(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = check_code(machine);

	if (ret)
		return ret;
	if (config->boot.initrd && !config->boot.kernel) {
		pr_fatal("--initrd: firmware that runs from flash takes it "
			 "with a --kernel only");
		return -EINVAL;
	}
	machine->entry = machine->first_bank->region.base;
	machine->dtb.base = machine->ram.base;
	machine->dtb.size = FLASH_DTB_MAX;
	return 0;
}

/* Joins the texts that are not empty, with a space between them. */
static int join(char **out, const char *a, const char *b, const char *c)
{
	bool more = *b || *c;

	return asprintf(out, "%s%s%s%s%s", a, *a && more ? " " : "", b,
			*b && *c ? " " : "", c) < 0
		       ? -ENOMEM
		       : 0;
}

/*
 * With firmware or --nodefaults exactly what the user passes, preceded by that
 * of a unified kernel image; else a console as well. Of a parameter that occurs
 * twice Linux uses the last.
 */
static int build_cmdline(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	bool defaults = !config->boot.nodefaults &&
			machine->boot == BOOT_KERNEL;
	/* What a sandbox runs is all that is to be seen, unless it crashes. */
	const char *sandbox = config->root.command ? " loglevel=1 panic=-1"
						   : "";
	char console[64] = "";

	if (machine->cmdline)
		return 0;
	if (defaults)
		snprintf(console, sizeof(console), "console=%s%s",
			 config->console.device == CONSOLE_VIRTIO
				 ? "hvc0"
				 : machine->type->console,
			 sandbox);
	if (!join(&machine->cmdline, console, machine->uki.cmdline ?: "",
		  config->boot.params ?: ""))
		return 0;
	machine->cmdline = NULL;
	pr_fatal("out of memory");
	return -ENOMEM;
}

/* The command line first: the tree and fw_cfg both take it from *machine. */
static int load(struct machine *machine)
{
	int ret = build_cmdline(machine);

	if (ret)
		return ret;
	switch (machine->boot) {
	case BOOT_FLASH:
		return start_in_flash(machine);
	case BOOT_RAM_FIRMWARE:
		return load_firmware(machine);
	case BOOT_KERNEL:
		break;
	}
	return load_kernel(machine);
}

int boot_prepare(struct machine *machine)
{
	int ret = load(machine);

	if (!ret)
		ret = machine_write_fdt(machine);
	ram_use_huge_pages(machine, true);
	if (!ret)
		ret = cpu_set_boot_state(machine);
	return ret;
}

void boot_destroy(struct machine *machine)
{
	boot_file_close(&machine->kernel);
	boot_file_close(&machine->initrd_file);
	boot_file_close(&machine->firmware);
	uki_free(&machine->uki);
	if (machine->smbios.oem.count)
		boot_close_smbios(machine);
	free(machine->cmdline);
	machine->cmdline = NULL;
	free(machine->installed);
	machine->installed = NULL;
}
