/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest, as clients of its control socket deal with it.
 *
 * A guest is paused by holding its vCPUs (vmm/hold.h), each of which counts as
 * held some time after it was told to. A pause of the VM (vmm/pause.h), for a
 * moment, makes sure that none is in the guest any more; then none gets in
 * before it is released.
 *
 * Called by control/commands.c on the event loop's thread, the one on which
 * vCPUs may be held and released. `paused` is therefore read and written
 * without a lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "lkvm/arm/machine.h"
#include "lkvm/control/guest.h"
#include "lkvm/util/clock.h"
#include "lkvm/vmm/hold.h"
#include "lkvm/vmm/pause.h"

/* Cheap, as clients ask for it again and again: the vCPUs are not disturbed. */
void control_guest_put(const struct control_guest *guest,
		       struct json_writer *json)
{
	json_string(json, "name", guest->name);
	json_string(json, "status", guest->paused ? "paused" : "running");
	json_u64(json, "pid", (u64)getpid());
	json_u64(json, "uptime_ms", (clock_now() - guest->began) / NS_PER_MS);
	json_u64(json, "cpus", guest->vm->nr_vcpus);
	json_u64(json, "memory", guest->ram);
	json_u64(json, "resets", atomic_load(&guest->vm->resets));
}

void control_guest_put_stats(const struct control_guest *guest,
			     struct json_writer *json)
{
	control_guest_put(guest, json);
	json_u64(json, "cpu_ms", vm_cpu_time(guest->vm) / NS_PER_MS);
	machine_put_stats(guest->machine, json, "stats");
	machine_put_details(guest->machine, json, "details");
}

void control_guest_put_registers(const struct control_guest *guest,
				 struct json_writer *json)
{
	machine_put_registers(guest->machine, json, "registers");
}

/* Its own holds would be undone, or it would not know of these. */
static int check_debugger(const struct control_guest *guest,
			  struct control_error *error)
{
	if (!guest->debugged)
		return 0;
	return control_fail(error, -ENOTSUP, "unsupported",
			    "the guest runs with --gdb: it is its debugger "
			    "that stops it");
}

/*
 * All vCPUs are told first, then vm_pause() waits for all of them. It would not
 * do alone: it is for a moment, and this pause lasts until a client ends it.
 */
int control_guest_pause(struct control_guest *guest,
			struct control_error *error)
{
	struct vm *vm = guest->vm;
	int ret = check_debugger(guest, error);

	if (ret || guest->paused)
		return ret;
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_hold(vm->vcpus[i]);
	vm_pause(vm);
	vm_resume(vm);
	guest->paused = true;
	return 0;
}

/*
 * With --gdb nothing here has paused the guest, and a debugger may have: the
 * client is told so instead of getting a success.
 */
int control_guest_resume(struct control_guest *guest,
			 struct control_error *error)
{
	struct vm *vm = guest->vm;
	int ret = check_debugger(guest, error);

	if (ret || !guest->paused)
		return ret;
	for (unsigned int i = 0; i < vm->nr_vcpus; i++)
		vcpu_release(vm->vcpus[i]);
	guest->paused = false;
	return 0;
}

int control_guest_reset(struct control_guest *guest,
			struct control_error *error)
{
	(void)error;
	vm_request_exit(guest->vm, VM_EXIT_RESET);
	return 0;
}

/*
 * The key is pressed before a paused guest goes on, which finds the interrupt
 * then.
 */
int control_guest_power(struct control_guest *guest,
			struct control_error *error)
{
	int ret;

	if (!machine_has_power_key(guest->machine))
		return control_fail(error, -ENOTSUP, "unsupported",
				    "the guest's machine has no power key");
	/* First, for the key is down for a moment only. */
	ret = guest->paused ? control_guest_resume(guest, error) : 0;
	if (!ret)
		machine_press_power(guest->machine);
	return ret;
}

/* Only sets the target: the guest's driver gives pages back later, or never. */
int control_guest_balloon(struct control_guest *guest, u64 bytes,
			  struct control_error *error)
{
	int ret = machine_set_balloon(guest->machine, bytes);

	if (ret == -ENODEV)
		control_fail(error, ret, "unsupported",
			     "the guest has no balloon: it runs without "
			     "--balloon");
	else if (ret)
		control_fail(error, ret, "bad-arguments",
			     "the guest has no more than %" PRIu64
			     " MiB of RAM",
			     guest->ram / SZ_1M);
	return ret;
}

int control_guest_quit(struct control_guest *guest, struct control_error *error)
{
	(void)error;
	vm_request_exit(guest->vm, VM_EXIT_KILLED);
	return 0;
}
