/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the place of control/guest.c, with what docs/control.md says of it. */
#include <errno.h>
#include <string.h>

#include "control_rig.h"
#include "lkvm/control/server.h"

static struct control_rig *from_guest(const struct control_guest *guest)
{
	union {
		const struct control_guest *in;
		struct control_guest *out;
	} cast = { .in = guest };

	return container_of(cast.out, struct control_rig, guest);
}

void control_rig_init(struct control_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->guest.name = "rig";
	rig->has_key = true;
}

void control_guest_put(const struct control_guest *guest,
		       struct json_writer *json)
{
	json_string(json, "name", guest->name);
	json_string(json, "status", guest->paused ? "paused" : "running");
}

void control_guest_put_stats(const struct control_guest *guest,
			     struct json_writer *json)
{
	static char text[CONTROL_OUT_MAX];

	control_guest_put(guest, json);
	json_begin_object(json, "stats");
	json_u64(json, "exits", 42);
	if (from_guest(guest)->large) {
		memset(text, 'x', sizeof(text) - 1);
		json_string(json, "text", text);
	}
	json_end_object(json);
}

void control_guest_put_registers(const struct control_guest *guest,
				 struct json_writer *json)
{
	(void)guest;
	json_begin_array(json, "registers");
	json_end_array(json);
}

int control_guest_pause(struct control_guest *guest,
			struct control_error *error)
{
	if (guest->debugged)
		return control_fail(error, -ENOTSUP, "unsupported", "no");
	guest->paused = true;
	return 0;
}

int control_guest_resume(struct control_guest *guest,
			 struct control_error *error)
{
	if (guest->debugged)
		return control_fail(error, -ENOTSUP, "unsupported", "no");
	guest->paused = false;
	return 0;
}

int control_guest_reset(struct control_guest *guest,
			struct control_error *error)
{
	(void)error;
	from_guest(guest)->resets++;
	return 0;
}

int control_guest_power(struct control_guest *guest,
			struct control_error *error)
{
	if (!from_guest(guest)->has_key)
		return control_fail(error, -ENOTSUP, "unsupported", "no key");
	from_guest(guest)->presses++;
	guest->paused = false;
	return 0;
}

int control_guest_balloon(struct control_guest *guest, u64 bytes,
			  struct control_error *error)
{
	if (bytes > SZ_1G)
		return control_fail(error, -EINVAL, "bad-arguments", "much");
	from_guest(guest)->balloon = bytes;
	return 0;
}

int control_guest_quit(struct control_guest *guest, struct control_error *error)
{
	(void)error;
	from_guest(guest)->quits++;
	return 0;
}
