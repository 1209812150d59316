/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reset in place: vCPUs, interrupt controller, RAM and stolen time go back to
 * what they are at power-on, and what the guest starts with is loaded again.
 * KVM resets none but the vCPUs itself.
 */
#include "boot.h"
#include "cpu.h"
#include "debugger.h"
#include "gic.h"
#include "machine.h"

/* The timers' lines fall with the vCPUs, the devices' have fallen before. */
int machine_reset(struct vm *vm)
{
	struct machine *machine = vm->arch;
	int ret = cpu_reset_all(machine);

	machine->again = true;
	if (!ret)
		ret = gic_reset(machine);
	if (!ret)
		ret = ram_reset(machine);
	if (ret)
		return ret;
	pvtime_reset(machine);
	ret = boot_prepare(machine);
	if (!ret)
		debugger_reset(machine);
	return ret;
}
