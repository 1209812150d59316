/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMBIOS tables that firmware finds in fw_cfg: the machine's, with the
 * texts of --smbios. Files are read before there is a VM. Main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/arm/tables/smbios.h"
#include "lkvm/config/list.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* A zero byte would end the string, and what is behind it would be lost. */
static int read_text(const char *path, char **text)
{
	void *buf = NULL;
	size_t len = 0;
	int ret = file_read_all(path, SMBIOS_MAX_OEM, &buf, &len);

	if (!ret && !len)
		ret = -ENODATA;
	if (!ret && memchr(buf, 0, len))
		ret = -EILSEQ;
	if (!ret) {
		*text = buf;
		return 0;
	}
	free(buf);
	pr_fatal("--smbios type=11,path=%s: %s", path,
		 ret == -EFBIG	   ? "has more bytes than fit"
		 : ret == -ENODATA ? "is empty"
		 : ret == -EILSEQ  ? "has a zero byte, which ends a string"
				   : strerror(-ret));
	return ret;
}

/*
 * Strings of type 11, as systemd takes credentials from, in the order of the
 * options. The text is a copy, freed by boot_close_smbios().
 */
static int add_oem(struct machine *machine, const struct smbios_config *config)
{
	char **item;

	if (machine->smbios.oem.count == SMBIOS_MAX_TEXTS) {
		pr_fatal("--smbios type=11: there can be %d strings",
			 SMBIOS_MAX_TEXTS);
		return -E2BIG;
	}
	item = config_list_add(&machine->smbios.oem);
	if (!item)
		return -ENOMEM;
	if (config->path)
		return read_text(config->path, item);
	*item = strdup(config->value);
	if (*item)
		return 0;
	pr_fatal("out of memory");
	return -ENOMEM;
}

/* By its length it is no short name, which efi_guid_parse() takes as well. */
static int parse_uuid(struct machine *machine, const char *uuid)
{
	if (strlen(uuid) + 1 == EFI_GUID_TEXT_SIZE &&
	    !efi_guid_parse(uuid, &machine->smbios.uuid)) {
		machine->smbios.has_uuid = true;
		return 0;
	}
	pr_fatal("--smbios: uuid=%s: want a UUID such as "
		 "4ae5d6e1-9f4e-4b8c-8f0e-0c7d2a6f9b11",
		 uuid);
	return -EINVAL;
}

/*
 * Texts of the other types stay in the configuration; boot_build_smbios() takes
 * them.
 */
static int open_item(struct machine *machine,
		     const struct smbios_config *config)
{
	if (config->type == SMBIOS_TYPE_OEM)
		return add_oem(machine, config);
	return config->uuid ? parse_uuid(machine, config->uuid) : 0;
}

/* Linux finds the tables through UEFI only. There is an option. */
int boot_open_smbios(struct machine *machine)
{
	const struct smbios_list *list = &machine->config->smbios;
	int ret = 0;

	if (machine->boot == BOOT_KERNEL) {
		pr_fatal("--smbios: without firmware the guest does not find "
			 "it: add --firmware");
		return -EINVAL;
	}
	for (unsigned int i = 0; !ret && i < list->count; i++)
		ret = open_item(machine, &list->items[i]);
	return ret;
}

/* An item that could not be read is NULL. */
void boot_close_smbios(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->smbios.oem.count; i++)
		free(machine->smbios.oem.items[i]);
	free(machine->smbios.oem.items);
	machine->smbios.oem.items = NULL;
	machine->smbios.oem.count = 0;
}

/* What is not named keeps what an earlier option has said. */
static void set_text(const char **to, const char *text)
{
	if (text)
		*to = text;
}

static void set_texts(struct smbios_texts *to,
		      const struct smbios_config *config)
{
	set_text(&to->manufacturer, config->manufacturer);
	set_text(&to->product, config->product);
	set_text(&to->version, config->version);
	set_text(&to->serial, config->serial);
	set_text(&to->sku, config->sku);
	set_text(&to->family, config->family);
	set_text(&to->asset, config->asset);
}

/* Texts of a later option replace those of earlier ones, one by one. */
int boot_build_smbios(const struct machine *machine,
		      struct smbios_tables *tables)
{
	const struct smbios_list *list = &machine->config->smbios;
	struct smbios_machine description = {
		.uuid = machine->smbios.has_uuid ? &machine->smbios.uuid : NULL,
		.oem = (const char *const *)machine->smbios.oem.items,
		.nr_oem = machine->smbios.oem.count,
		.nr_cpus = machine->vm.nr_vcpus,
		.ram = { { machine->ram.base, machine->ram.size } },
		.nr_ram = 1,
	};

	for (unsigned int i = 0; i < list->count; i++) {
		const struct smbios_config *config = &list->items[i];

		if (config->type == SMBIOS_TYPE_SYSTEM)
			set_texts(&description.system, config);
		else if (config->type == SMBIOS_TYPE_ENCLOSURE)
			set_texts(&description.enclosure, config);
	}
	return smbios_build(&description, tables);
}
