/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JUDGE: tests/unit/flash_tool.py */
/* clang-format off */
/* SOURCES: builtin-flash-common.c builtin-flash-content.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c util/gzip.c */
/* SOURCES: builtin-flash.c builtin-flash-create.c builtin-flash-info.c */
/* SOURCES: builtin-flash-vars.c builtin-flash-diff.c */
/* SOURCES: efi/vars.c efi/ftw.c efi/guid.c efi/text.c */
/* SOURCES: efi/value.c efi/devpath.c efi/cert.c efi/x509.c */
/* SOURCES: util/file.c util/file_lock.c util/json.c util/log.c util/output.c */
/* SOURCES: util/names.c util/options.c util/parse.c util/table.c */
/* clang-format on */
/* `lkvm flash` for this machine, for tests/unit/flash_tool.py. */
#include "builtin.h"

int main(int argc, char *argv[])
{
	return argc < 2 ? cmd_flash(0, argv + 1)
			: cmd_flash(argc - 1, argv + 1);
}
