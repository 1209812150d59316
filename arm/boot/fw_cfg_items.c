/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Items that firmware reads from fw_cfg: kernel, initrd and command line (QEMU,
 * docs/specs/fw_cfg, "Kernel Image Load Address, Size, and Data"), boot order,
 * the user's files, and the ACPI and SMBIOS tables. EDK2's ArmVirtQemu starts a
 * kernel that it finds there before any other boot option.
 *
 * The items are registered on the main thread before the guest starts. Kernel
 * and initrd are read from their files when the guest reads them, on a vCPU's
 * thread, so that there is one copy in memory, the guest's. A kernel that lkvm
 * has decompressed, and files that cannot be read twice, are kept in memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/arm/boot/image.h"
#include "lkvm/arm/boot/image_file.h"
#include "lkvm/hw/fw_cfg/boot.h"
#include "lkvm/util/log.h"

/*
 * A file that has changed ends the run, as it does when lkvm itself loads it.
 */
static int read_file(struct machine *machine, struct boot_file *file,
		     u64 offset, void *to, size_t len)
{
	int ret = boot_file_read(file, offset, to, len);

	if (ret)
		vm_request_exit(&machine->vm, VM_EXIT_FAILURE);
	return ret;
}

static int read_kernel(void *opaque, u64 offset, void *to, size_t len)
{
	struct machine *machine = opaque;

	return read_file(machine, &machine->kernel, offset, to, len);
}

static int read_initrd(void *opaque, u64 offset, void *to, size_t len)
{
	struct machine *machine = opaque;

	return read_file(machine, &machine->initrd_file, offset, to, len);
}

/* Sizes are 32-bit items: size_limit() bounds them. */
static int add_items(struct fw_cfg *fw, const struct boot_file *file,
		     u16 size_key, u16 data_key, struct fw_cfg_data data)
{
	int ret;

	data.len = file->size;
	ret = fw_cfg_add(fw, data_key, &data);
	if (!ret)
		ret = fw_cfg_add_u32(fw, size_key, (u32)file->size);
	if (!ret)
		return 0;
	return image_error(file->what, file->path, ret, "%s", strerror(-ret));
}

/* Firmware copies the item to RAM, and fw_cfg has 32 bits for the size. */
static u64 size_limit(const struct machine *machine)
{
	return MIN(machine->ram.size, UINT32_MAX);
}

static int check_size(const struct machine *machine,
		      const struct boot_file *file)
{
	if (!file->size)
		return image_error(file->what, file->path, -ENODATA,
				   "it is empty");
	if (file->size > size_limit(machine))
		return image_error(file->what, file->path, -EFBIG,
				   "it does not fit into the guest's RAM");
	return 0;
}

/* Decompressed here: EDK2 starts EFI programs only, not Image.gz. */
static int add_kernel(struct machine *machine)
{
	struct boot_file *file = &machine->kernel;
	const struct fw_cfg_data data = { .read = read_kernel,
					  .opaque = machine };
	u64 limit = size_limit(machine);
	bool is_linux;
	int ret;

	ret = boot_file_open(file, machine->config->boot.kernel, "kernel",
			     limit);
	if (!ret)
		ret = image_unpack(file, limit);
	if (!ret)
		ret = check_size(machine, file);
	if (!ret)
		ret = image_check_efi(file, &is_linux);
	if (ret)
		return ret;
	if (is_linux)
		boot_check_cmdline(machine);
	return add_items(machine->fw_cfg, file, FW_CFG_KERNEL_SIZE,
			 FW_CFG_KERNEL_DATA, data);
}

static int add_initrd(struct machine *machine)
{
	struct boot_file *file = &machine->initrd_file;
	const struct fw_cfg_data data = { .read = read_initrd,
					  .opaque = machine };
	int ret;

	if (!machine->config->boot.initrd)
		return 0;
	ret = boot_file_open(file, machine->config->boot.initrd, "initrd",
			     size_limit(machine));
	if (!ret)
		ret = check_size(machine, file);
	if (ret)
		return ret;
	return add_items(machine->fw_cfg, file, FW_CFG_INITRD_SIZE,
			 FW_CFG_INITRD_DATA, data);
}

/* The size includes the terminating NUL, as EDK2 expects it. */
static int add_cmdline(struct fw_cfg *fw, const char *cmdline)
{
	int ret = fw_cfg_add_u32(fw, FW_CFG_CMDLINE_SIZE,
				 (u32)strlen(cmdline) + 1);

	if (!ret)
		ret = fw_cfg_add_string(fw, FW_CFG_CMDLINE_DATA, cmdline);
	if (ret)
		pr_fatal("Unable to pass the command line to the firmware: %s",
			 strerror(-ret));
	return ret;
}

static int add_linux(struct machine *machine)
{
	int ret = add_kernel(machine);

	if (!ret)
		ret = add_initrd(machine);
	return ret ? ret : add_cmdline(machine->fw_cfg, machine->cmdline);
}

static int add_boot_order(struct machine *machine)
{
	char *paths;
	int ret = boot_order(machine, &paths);

	if (!ret && paths)
		ret = fw_cfg_add_boot_order(machine->fw_cfg, paths);
	free(paths);
	return ret;
}

/* -EEXIST: --fw-cfg has a file of that name, which takes precedence. */
static int add_boot(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	struct fw_cfg *fw = machine->fw_cfg;
	int ret = add_boot_order(machine);

	if ((!ret || ret == -EEXIST) && config->boot.has_wait)
		ret = fw_cfg_add_boot_wait(fw, config->boot.wait);
	if (ret == -EEXIST)
		return 0;
	if (ret)
		pr_fatal("Unable to pass boot options to the firmware: %s",
			 strerror(-ret));
	return ret;
}

/*
 * The user's files come before boot order and tables, so that they can replace
 * these.
 */
int boot_fill_fw_cfg(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	if (machine->boot != BOOT_KERNEL && config->boot.kernel)
		ret = add_linux(machine);
	for (unsigned int i = 0; !ret && i < config->fw_cfg.count; i++)
		ret = fw_cfg_add_user_file(machine->fw_cfg,
					   &config->fw_cfg.items[i]);
	if (ret || !machine->fw_cfg)
		return ret;
	ret = add_boot(machine);
	if (!ret && machine->boot != BOOT_KERNEL)
		ret = boot_add_tables(machine);
	return ret;
}
