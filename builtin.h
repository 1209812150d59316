/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands of lkvm. */
#ifndef BUILTIN_H
#define BUILTIN_H

/* A subcommand: its name, and what it is for in a few words. */
struct command {
	const char *name;
	int (*run)(int argc, char *const argv[]);
	const char *help;
};

/* The subcommand of that name, or NULL. */
const struct command *find_command(const char *name);

/*
 * Each gets the arguments behind the subcommand's name and returns the
 * process's exit status, an enum exit_status.
 */
int cmd_run(int argc, char *const argv[]);
int cmd_sandbox(int argc, char *const argv[]);
int cmd_setup(int argc, char *const argv[]);
int cmd_list(int argc, char *const argv[]);
int cmd_stop(int argc, char *const argv[]);
int cmd_pause(int argc, char *const argv[]);
int cmd_resume(int argc, char *const argv[]);
int cmd_reset(int argc, char *const argv[]);
int cmd_balloon(int argc, char *const argv[]);
int cmd_console(int argc, char *const argv[]);
int cmd_stat(int argc, char *const argv[]);
int cmd_debug(int argc, char *const argv[]);
int cmd_flash(int argc, char *const argv[]);
int cmd_test(int argc, char *const argv[]);
int cmd_selftest(int argc, char *const argv[]);
int cmd_version(int argc, char *const argv[]);
int cmd_help(int argc, char *const argv[]);

/*
 * What commands that run a guest differ in; one that has state of its own
 * embeds this and finds it by container_of(). All on the main thread.
 */
struct vm_config;
struct run_kind {
	/* As run_config_parse(). */
	int (*parse)(struct run_kind *kind, struct vm_config *config, int argc,
		     char *const argv[]);
	/*
	 * Makes an exit status of the run's, an enum exit_status; NULL: it is
	 * that. Not called if only help was printed.
	 */
	int (*status)(struct run_kind *kind, int status);
};

/* builtin-run.c: runs what the arguments say; returns the exit status. */
int run_command(struct run_kind *kind, int argc, char *const argv[]);

/* Prints how lkvm is called, for `lkvm`, `lkvm help` and `lkvm --help`. */
void print_commands(void);

#endif
