/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* SOURCES: builtin-flash.c builtin-flash-create.c builtin-flash-info.c */
/* SOURCES: builtin-flash-vars.c builtin-flash-diff.c */
/* SOURCES: util/efi_vars.c util/efi_ftw.c util/efi_guid.c util/efi_text.c */
/* SOURCES: util/efi_value.c util/efi_devpath.c util/efi_cert.c util/efi_x509.c */
/* SOURCES: util/file.c util/file_lock.c util/json.c util/log.c util/options.c */
/* SOURCES: util/parse.c util/table.c */
/* clang-format on */
/* `lkvm flash` for this machine, for tests/unit/flash_tool.py. */
#include "builtin.h"

int main(int argc, char *argv[])
{
	return argc < 2 ? cmd_flash(0, argv + 1)
			: cmd_flash(argc - 1, argv + 1);
}
