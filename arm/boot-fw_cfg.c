/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What firmware reads from fw_cfg. Items of a kernel: QEMU, docs/specs/fw_cfg,
 * "Kernel Image Load Address, Size, and Data"; EDK2's ArmVirtQemu starts what
 * it finds there before it looks at anything else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/file.h"
#include "lkvm/fw_cfg_config.h"
#include "lkvm/log.h"
#include "machine.h"

static int add_file(struct fw_cfg *fw, const char *what, const char *path,
		    u16 size_key, u16 data_key)
{
	struct fw_cfg_data data = { .release = free };
	void *buf;
	size_t len;
	int ret = file_read_all(path, UINT32_MAX, &buf, &len);

	if (!ret) {
		data.bytes = data.opaque = buf;
		data.len = len;
		ret = fw_cfg_add(fw, data_key, &data);
	}
	if (!ret)
		ret = fw_cfg_add_u32(fw, size_key, (u32)len);
	if (ret)
		pr_fatal("Unable to load %s %s: %s", what, path,
			 strerror(-ret));
	return ret;
}

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

static int add_kernel(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	struct fw_cfg *fw = machine->fw_cfg;
	int ret = add_file(fw, "kernel", config->kernel, FW_CFG_KERNEL_SIZE,
			   FW_CFG_KERNEL_DATA);

	if (!ret && config->initrd)
		ret = add_file(fw, "initrd", config->initrd, FW_CFG_INITRD_SIZE,
			       FW_CFG_INITRD_DATA);
	return ret ? ret : add_cmdline(fw, machine->cmdline);
}

int boot_fill_fw_cfg(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	if (machine->boot != BOOT_KERNEL && config->kernel)
		ret = add_kernel(machine);
	for (unsigned int i = 0; !ret && i < config->nr_fw_cfg; i++)
		ret = fw_cfg_config_add(machine->fw_cfg, &config->fw_cfg[i]);
	if (!ret && machine->fw_cfg && machine->boot != BOOT_KERNEL)
		ret = boot_add_tables(machine);
	return ret;
}
