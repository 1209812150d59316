/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The length of the command line, which Linux cuts off without any message.
 * Checked for direct kernels and for Linux behind firmware, not for flat
 * binaries, which may use any length.
 */
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/util/log.h"

/* Linux, COMMAND_LINE_SIZE: arch/arm64 and arch/arm, include/uapi/asm/setup.h
 */
#define LINUX_ARM64 2048
#define LINUX_ARM   1024

/* Main thread. Not repeated at a reset. */
void boot_check_cmdline(const struct machine *machine)
{
	size_t size = machine->features.aarch32 ? LINUX_ARM : LINUX_ARM64;
	size_t len = strlen(machine->cmdline);

	if (len >= size && !machine->again)
		pr_warn("--params: the command line has %zu characters, of "
			"which Linux takes %zu",
			len, size - 1);
}
