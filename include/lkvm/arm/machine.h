/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole guest: made from a struct vm_config, run, destroyed. */
#ifndef LKVM_ARM_MACHINE_H
#define LKVM_ARM_MACHINE_H

#include <stdio.h>

#include "lkvm/config/vm_config.h"
#include "lkvm/vmm/vm.h"

struct chardev;
struct machine;

/* Lines to backends for the machine's serial ports; NULL: not connected. */
#define MACHINE_MAX_SERIAL 4

/*
 * Whether options fit together and to the machine. Returns 0, or -EINVAL after
 * a message.
 */
int machine_check_config(const struct vm_config *config);

/*
 * Creates a machine: VM, RAM, interrupt controller, vCPUs, but no devices
 * yet, so that the caller can add sources to machine_vm()'s event loop.
 * Returns 0, or -errno after a message; *out is NULL then.
 */
int machine_create(const struct vm_config *config, struct machine **out);

/*
 * Adds the devices, loads the images and writes the device tree. The
 * backends in `serial` belong to the caller and outlive the machine. Returns
 * 0, or -errno after a message.
 */
int machine_build(struct machine *machine,
		  struct chardev *serial[MACHINE_MAX_SERIAL]);

/*
 * With --console virtio, before machine_build(): what the virtio console leads
 * to, if that is not serial[0], whose output it has else.
 */
void machine_set_terminal(struct machine *machine, struct chardev *terminal);

/*
 * With --console virtio: the size of the terminal, before machine_build() and
 * whenever it changes. One that has none at first never has. Main thread.
 */
void machine_set_console_size(struct machine *machine, u16 cols, u16 rows);

/* The VM inside, for vm_run() and vm_request_exit(). */
struct vm *machine_vm(struct machine *machine);

/* How many serial ports it has, MACHINE_MAX_SERIAL at most. */
unsigned int machine_serial_ports(const struct machine *machine);

/* Bytes of RAM that the guest has. */
u64 machine_ram_size(const struct machine *machine);

/*
 * After machine_build(): how many bytes the balloon is to hold; the guest's
 * driver follows in its own time. Returns 0, -ENODEV without --balloon, or
 * -EINVAL if that is not less than the RAM. Any thread.
 */
int machine_set_balloon(struct machine *machine, u64 bytes);

/* After machine_build(): whether there is a key that asks the guest to end. */
bool machine_has_power_key(const struct machine *machine);

/* Presses it for a moment, or warns that there is none. Any thread. */
void machine_press_power(struct machine *machine);

/*
 * Writes all counters as JSON to `out`, which stays the caller's, and flushes
 * it. Any thread; waits for no disk. Returns 0 or -errno.
 */
int machine_write_stats(struct machine *machine, FILE *out);

/* The same as a member `name` of an object that is open. Any thread. */
struct json_writer;
void machine_put_stats(struct machine *machine, struct json_writer *json,
		       const char *name);

/* What devices find out for who asks for it, as a member `name`. Any thread. */
void machine_put_details(struct machine *machine, struct json_writer *json,
			 const char *name);

/*
 * The registers of all vCPUs, an array `name`; they leave the guest for that
 * moment. Main thread.
 */
void machine_put_registers(struct machine *machine, struct json_writer *json,
			   const char *name);

/* What the guest has written to --exit-device; 0: nothing, too. Any thread. */
u8 machine_guest_status(const struct machine *machine);

/*
 * The run has ended with that exit status: a debugger that is connected is
 * told. Main thread.
 */
void machine_tell_debugger(struct machine *machine, int status);

/*
 * Destroys the devices, last one first, which closes their files, and closes
 * the VM. All else is left to the kernel: the process has to end next.
 */
void machine_close(struct machine *machine);

/* Frees everything. NULL is allowed. */
void machine_destroy(struct machine *machine);

#endif
