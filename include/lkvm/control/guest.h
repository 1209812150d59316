/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients can have done to the guest. All on the event loop's thread. What
 * returns int: 0, or -errno with the reason in *error.
 */
#ifndef LKVM_CONTROL_GUEST_H
#define LKVM_CONTROL_GUEST_H

#include "lkvm/control/request.h"
#include "lkvm/util/json.h"

struct machine;
struct vm;

struct control_guest {
	struct machine *machine; /* outlives it */
	struct vm *vm;		 /* the machine's */
	const char *name;
	bool debugged; /* --gdb: vCPUs are the debugger's to stop */
	u64 ram;       /* bytes */
	u64 began;     /* clock_now() */
	bool paused;
};

/* Adds members to the object that is open: name, status and so on. */
void control_guest_put(const struct control_guest *guest,
		       struct json_writer *json);

/* The same with all counters, "stats", and what else devices say, "details". */
void control_guest_put_stats(const struct control_guest *guest,
			     struct json_writer *json);

/* Adds the registers of all vCPUs, an array "registers". */
void control_guest_put_registers(const struct control_guest *guest,
				 struct json_writer *json);

/*
 * When it returns no vCPU executes instructions of the guest, until
 * control_guest_resume(), also over a reset. Devices finish what is under way,
 * and the guest's clock goes on.
 */
int control_guest_pause(struct control_guest *guest,
			struct control_error *error);
int control_guest_resume(struct control_guest *guest,
			 struct control_error *error);

/* As at a reset button; with --no-reboot that ends the run. */
int control_guest_reset(struct control_guest *guest,
			struct control_error *error);

/* Presses the power key; a guest that is paused goes on, to obey it. */
int control_guest_power(struct control_guest *guest,
			struct control_error *error);

/* How many bytes of its RAM the guest is to do without: --balloon. */
int control_guest_balloon(struct control_guest *guest, u64 bytes,
			  struct control_error *error);

/* Ends the run, status 130. */
int control_guest_quit(struct control_guest *guest,
		       struct control_error *error);

#endif
