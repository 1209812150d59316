/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the subcommands that deal with running guests have in common. */
#ifndef BUILTIN_CONTROL_H
#define BUILTIN_CONTROL_H

#include "lkvm/control/link.h"
#include "lkvm/util/options.h"

/* How long a guest may take to answer. */
#define CONTROL_ANSWER_MS 5000

/* A subcommand, for its messages and its help. */
struct control_usage {
	const char *command;
	const char *synopsis;
	const char *help;   /* what it does, in lines of 80 columns */
	unsigned int wants; /* arguments: a name, or a name and a size */
	const struct option_def *options;
};

/* What their options say. */
struct control_options {
	const char *name; /* of the guest */
	const char *size; /* the argument behind it */
	bool json, watch, force;
	u64 grace;  /* seconds */
	u64 linger; /* the same */
	u32 port;   /* a serial port, or CONTROL_NO_PORT */
	u64 offset; /* of addresses in a kernel's, if has_offset */
	bool has_offset;
	const char *sysrq, *symbols;
};

/* The console that the guest's user has. */
#define CONTROL_NO_PORT UINT32_MAX

/*
 * Parses arguments into *options, which is all defaults before. Returns 0;
 * OPTIONS_HELP after printing the help; or -errno after a message.
 */
int control_parse(const struct control_usage *usage,
		  struct control_options *options, int argc,
		  char *const argv[]);

/* Connects to the guest options->name. 0, or -errno after a message. */
int control_connect(const struct control_usage *usage,
		    const struct control_options *options,
		    struct control_link *link);

/* Says what a -errno of control/link.h means; returns it. */
int control_report(const struct control_usage *usage,
		   const struct control_options *options,
		   const struct control_link *link, int err);

/* Of stdout: 0, or -errno after a message if it could not be written. */
int control_finish_output(const struct control_usage *usage);

#endif
