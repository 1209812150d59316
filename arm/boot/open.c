/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens all files that a run names, or checks them, before there is a VM: an
 * error in a name is found without KVM, and has a message of its own. Main
 * thread.
 *
 * Not opened here is what opening would change: files that are to be created,
 * and FIFOs of --fw-cfg, whose writer would see a reader come and go.
 */
#include <errno.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/hw/fw_cfg/boot.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/*
 * Firmware gets a unified kernel image as it is and starts it as an EFI
 * program; without firmware its parts are taken from the file.
 */
static int open_kernel(struct machine *machine)
{
	const char *path = machine->config->boot.kernel;
	int ret;

	if (!path)
		return 0;
	ret = boot_file_open(&machine->kernel, path, "kernel",
			     machine->ram.size);
	if (ret || machine->boot != BOOT_KERNEL)
		return ret;
	ret = uki_read(&machine->kernel, &machine->uki);
	machine->kernel.part = machine->uki.kernel;
	return ret;
}

static int open_images(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	u64 limit = machine->ram.size;
	int ret = open_kernel(machine);

	if (!ret && config->boot.initrd)
		ret = boot_file_open(&machine->initrd_file, config->boot.initrd,
				     "initrd", limit);
	if (!ret && machine->boot == BOOT_RAM_FIRMWARE)
		ret = boot_file_open(&machine->firmware, config->boot.firmware,
				     "firmware", limit);
	return ret;
}

/*
 * `what` is the start of the message, as the module that writes the file has
 * it.
 */
static int check_output(const char *what, const char *path)
{
	int ret = path ? file_check_writable(path) : 0;

	if (ret)
		pr_fatal("%s %s: %s", what, path, strerror(-ret));
	return ret;
}

/* Flash banks get their locks later, when flash_store_open() opens them. */
static int check_others(const struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->nr_flash; i++)
		ret = flash_store_check(&machine->flash[i]);
	for (unsigned int i = 0; !ret && i < config->fw_cfg.count; i++)
		ret = fw_cfg_check_user_file(&config->fw_cfg.items[i]);
	if (!ret)
		ret = check_output("--dump-dtb: unable to write",
				   config->debug.dump_dtb);
	if (!ret && config->debug.stats && strcmp(config->debug.stats, "-"))
		ret = check_output("--stats: unable to open",
				   config->debug.stats);
	return ret;
}

int boot_open(struct machine *machine)
{
	int ret = firmware_choose(machine);

	if (!ret)
		ret = open_images(machine);
	if (!ret && machine->config->smbios.count)
		ret = boot_open_smbios(machine);
	return ret ? ret : check_others(machine);
}
