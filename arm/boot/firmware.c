/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chooses what the guest starts with (a kernel, firmware in RAM, or firmware in
 * flash) and which flash banks it has.
 *
 * Main thread, before there is a VM. It fills machine->boot, ->flash and
 * ->nr_flash from the options; nothing is opened for use, only read to
 * recognise it. With --firmware auto the firmware comes from QEMU's firmware
 * descriptors (docs/interop/firmware.json), else from the options.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/arm/boot/image.h"
#include "lkvm/util/log.h"

/*
 * Becomes bank 0. Code is mapped read-only, so that any number of guests can
 * share the file.
 */
static void insert_code(struct machine *machine, const char *path)
{
	struct flash_config *flash = machine->flash;

	memmove(flash + 1, flash, machine->nr_flash * sizeof(*flash));
	*flash = (struct flash_config) { .path = path, .readonly = true };
	machine->nr_flash++;
	machine->boot = BOOT_FLASH;
}

/*
 * A variable store that is discarded at exit, for users that name none: a copy
 * of the firmware's template, or erased flash where there is no template.
 */
static void add_volatile_vars(struct machine *machine, const char *template)
{
	machine->flash[machine->nr_flash++] = (struct flash_config) {
		.path = template ? template : "in memory",
		.snapshot = true,
		.in_memory = !template,
	};
}

/*
 * Firmware with enrolled keys is excluded: it starts only images signed by
 * vendors, and users of lkvm start their own builds.
 */
static int choose_installed(struct machine *machine)
{
	static const char *const without[] = { "enrolled-keys", "secure-boot",
					       NULL };
	const struct firmware_query query = {
		.architecture = "aarch64",
		.machine = machine->type->name,
		.modes = BIT(FIRMWARE_SPLIT),
		.without = without,
	};
	struct flash_config *vars = machine->flash;
	struct firmware_files *files = malloc(sizeof(*files));
	int ret = files ? firmware_desc_find(&query, files) : -ENOMEM;

	machine->installed = files;
	if (ret == -ENOMEM)
		pr_fatal("out of memory");
	if (ret)
		return ret;
	pr_debug("firmware: %s, by %s", files->code, files->descriptor);
	if (!machine->nr_flash) {
		add_volatile_vars(machine, files->vars);
		pr_info("firmware: its variables are not kept; --flash vars.fd "
			"does that");
	} else if (!vars->template && !vars->create && !vars->readonly &&
		   !vars->snapshot) {
		vars->template = files->vars;
	}
	insert_code(machine, files->code);
	return 0;
}

/*
 * The template in the descriptor whose executable is `code`; none is not an
 * error, the file may be the user's own build.
 */
static int find_template(struct machine *machine, const char *code,
			 const char **template)
{
	const struct firmware_query query = {
		.architecture = "aarch64",
		.machine = machine->type->name,
		.modes = BIT(FIRMWARE_SPLIT),
		.code = code,
	};
	struct firmware_files *files = malloc(sizeof(*files));
	int ret = files ? firmware_desc_find(&query, files) : -ENOMEM;

	machine->installed = files;
	*template = NULL;
	if (ret == -ENOENT)
		return 0;
	if (ret) {
		pr_fatal("out of memory");
		return ret;
	}
	pr_debug("firmware: %s by %s", files->vars, files->descriptor);
	*template = files->vars;
	return 0;
}

/* EDK2 does not start without flash for its variables. */
static int choose_vars(struct machine *machine, const char *code)
{
	const char *template;
	int ret = find_template(machine, code, &template);

	if (ret)
		return ret;
	add_volatile_vars(machine, template);
	pr_info("firmware %s: its variables are not kept; --flash vars.fd,%s%s "
		"does that",
		code, template ? "template=" : "create,size=2M",
		template ? template : "");
	return 0;
}

/*
 * Machines without execution from flash, and files that do not look like flash
 * firmware, are loaded into RAM; image_check_firmware() checks them there.
 */
static int choose_named(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	machine->boot = BOOT_RAM_FIRMWARE;
	if (!machine->type->starts_in_flash ||
	    !image_runs_from_flash(config->boot.firmware))
		return 0;
	if (!machine->nr_flash)
		ret = choose_vars(machine, config->boot.firmware);
	if (!ret)
		insert_code(machine, config->boot.firmware);
	return ret;
}

/*
 * Without --firmware the first bank may have it. A kernel starts directly even
 * so: the warning is for users who expect the firmware to verify the kernel.
 */
static int choose_none(struct machine *machine)
{
	bool kernel = machine->config->boot.kernel;
	const char *path = machine->flash[0].path;

	machine->boot = kernel ? BOOT_KERNEL : BOOT_FLASH;
	if (!machine->nr_flash || !machine->type->starts_in_flash ||
	    !image_runs_from_flash(path))
		return 0;
	if (kernel)
		pr_warn("flash %s: the kernel is started without this "
			"firmware; pass it with --firmware to have it start "
			"the kernel",
			path);
	else if (machine->nr_flash == 1)
		return choose_vars(machine, path);
	return 0;
}

/* --firmware-address is for firmware in RAM only. */
int firmware_choose(struct machine *machine)
{
	const struct vm_config *config = machine->config;
	int ret = 0;

	memset(machine->flash, 0, sizeof(machine->flash));
	for (unsigned int i = 0; i < config->flash.count; i++)
		machine->flash[i] = config->flash.items[i];
	machine->nr_flash = config->flash.count;
	if (config->boot.firmware_auto)
		ret = choose_installed(machine);
	else if (config->boot.firmware)
		ret = choose_named(machine);
	else
		ret = choose_none(machine);
	if (!ret && config->boot.firmware_address &&
	    machine->boot == BOOT_FLASH) {
		pr_fatal("--firmware-address: firmware %s runs from flash",
			 machine->flash[0].path);
		return -EINVAL;
	}
	return ret;
}
