/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a run is judged, and what is written of it. The main thread's. */
#ifndef BUILTIN_OUTCOME_H
#define BUILTIN_OUTCOME_H

#include "lkvm/config/outcome.h"
#include "lkvm/config/vm_config.h"

struct chardev;
struct judge;
struct machine;
struct script;
struct transcript;
struct watch;

/* ---- builtin-watch.c: the console is looked at --------------------------- */

/* What a watch is made of; all of it outlives the watch's guest. */
struct watch_params {
	const struct vm_config *config;
	struct machine *machine;
	struct transcript *log;	     /* what is shown is added to it; or NULL */
	const struct script *script; /* the console's input is its; or NULL */
};

/*
 * Puts itself between the first serial port, or virtio console, and `console`,
 * which may be NULL and outlives it. Returns NULL after a message.
 */
struct watch *watch_create(const struct watch_params *params,
			   struct chardev *console);

/* What the machine is to be given in place of the console. */
struct chardev *watch_console(struct watch *watch);

/* The guest is about to start. Returns 0, or -errno after a message. */
int watch_start(struct watch *watch);

/*
 * The guest has ended: `ended` is what vm_run() says, or what comes of it if it
 * was not ended by the judge. What counts.
 */
enum outcome watch_finish(struct watch *watch, bool by_judge,
			  enum outcome ended);

/* What it has seen, after watch_finish(). */
const struct judge *watch_judge(const struct watch *watch);

/* Before the machine ends, if it has not run. NULL is allowed. */
void watch_disconnect(struct watch *watch);

/*
 * When the machine has ended. NULL is allowed. False: its thread does not end,
 * and all that it uses, configuration included, has to stay.
 */
bool watch_destroy(struct watch *watch);

/* ---- builtin-report.c: --result and --junit ------------------------------ */

/* What there is to say of a run. Times are those of clock_now(). */
struct report {
	const struct vm_config *config;
	u64 exec; /* when lkvm began */
	u64 run;  /* when the guest did; 0: it did not */
	enum outcome outcome;
	int status;		   /* the exit status */
	bool is_success;	   /* of a test */
	const char *detail;	   /* why that is so; "": there is no more */
	const struct judge *judge; /* NULL: the console was not looked at */
	const char *stats;	   /* report_stats(), or NULL */
};

/* The counters of a machine, to be freed; NULL if there is no memory. */
char *report_stats(struct machine *machine);

/*
 * Writes what the options want, so that readers see all or nothing of it.
 * Returns 0, or -errno after a message.
 */
int report_write(const struct report *report);

/*
 * Whether the files could be written; one that cannot is forgotten. Returns 0,
 * or -errno after a message.
 */
int report_check(struct watch_config *config);

#endif
