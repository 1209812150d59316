/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm run`: runs the machine of a configuration to its end. The order is that
 * of what may fail: options, then files and KVM (machine_create()), terminal,
 * devices, statistics, signals, and the guest last, so that errors are found
 * before it has run.
 *
 * The main thread runs the event loop in vm_run(), with signals, the time limit
 * and the terminal as its sources; vCPUs have threads of their own, which leave
 * the guest when vm_request_exit() is called. What ends the run becomes an
 * outcome and its exit status, by the table of config/outcome.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/config/outcome.h"
#include "lkvm/config/run.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"
#include "lkvm/util/output.h"

/*
 * Builds with a leak checker free all memory; others leave it to the kernel,
 * which is faster.
 */
#ifndef LKVM_FREE_AT_EXIT
#define LKVM_FREE_AT_EXIT 0
#endif

#define NS_PER_SECOND 1000000000ULL

/*
 * How long the reader of --stats may take for the next bytes: the event loop
 * stands still meanwhile.
 */
#define STATS_WAIT_MS 1000

/*
 * What lives as long as the run, besides the machine. The main thread's alone.
 */
struct run {
	struct vm_config config;
	struct machine *machine;
	struct vm *vm; /* the machine's */
	struct terminal term;
	bool has_term;
	struct evloop_timer timer;
	bool has_timer;
	struct evloop_source signals;
	int stats; /* descriptor for the statistics; stderr without a file */
};

/*
 * The exit is requested first: the message may have to wait for a slow reader.
 */
static void timed_out(struct evloop_timer *timer)
{
	struct run *run = container_of(timer, struct run, timer);

	vm_request_exit(run->vm, VM_EXIT_TIMEOUT);
	pr_info("the guest has not ended within %llu seconds",
		(unsigned long long)run->config.timeout);
}

/* Ctrl-a x on the terminal. */
static void quit(struct terminal *term)
{
	struct run *run = container_of(term, struct run, term);

	vm_request_exit(run->vm, VM_EXIT_KILLED);
}

/* Ctrl-a p on the terminal, for machines with a power key. */
static void press_power(struct terminal *term)
{
	machine_press_power(container_of(term, struct run, term)->machine);
}

/*
 * After each call the file holds the latest counters and nothing else. What
 * cannot be rewound (a pipe, a terminal) gets one object after the other.
 */
static int put_stats(int fd, const char *text, size_t len)
{
	if (fd != STDERR_FILENO && !lseek(fd, 0, SEEK_SET) &&
	    ftruncate(fd, 0) < 0 && errno != EINVAL)
		return -errno;
	return output_write(fd, text, len, STATS_WAIT_MS, NULL);
}

/*
 * Formatted in memory first: a slow reader then delays a single write, which
 * has a time limit.
 */
static int write_stats(struct run *run)
{
	size_t len = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);
	int ret = out ? machine_write_stats(run->machine, out) : -ENOMEM;

	if (out && fclose(out) && !ret)
		ret = -ENOMEM;
	if (!ret)
		ret = put_stats(run->stats, text, len);
	free(text);
	if (ret)
		pr_err("--stats: unable to write %s: %s",
		       run->config.debug.stats ? run->config.debug.stats : "-",
		       ret == -EAGAIN ? "its reader does not take it in time"
				      : strerror(-ret));
	return ret;
}

/* A terminal's window, for a console that can tell the guest of it. */
static void set_console_size(struct run *run)
{
	u16 cols, rows;

	if (run->config.console == CONSOLE_VIRTIO &&
	    terminal_size(&run->term, &cols, &rows))
		machine_set_console_size(run->machine, cols, rows);
}

/*
 * SIGUSR1: statistics; SIGPWR: power key; SIGWINCH: the terminal's window has
 * another size; all others end the run. In the event loop, where any function
 * may be called.
 */
static void handle_signal(struct evloop_source *source, u32 events)
{
	struct run *run = container_of(source, struct run, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		write_stats(run);
		return;
	}
	if (info.ssi_signo == SIGPWR) {
		machine_press_power(run->machine);
		return;
	}
	if (info.ssi_signo == SIGWINCH) {
		set_console_size(run);
		return;
	}
	vm_request_exit(run->vm, VM_EXIT_KILLED);
	pr_debug("ended by signal %u", info.ssi_signo);
}

/*
 * Blocked before the first thread starts, so that all threads inherit the mask,
 * and not before that: until the event loop runs, a signal must still end the
 * process by itself. What the parent has set to be ignored (nohup, a shell's
 * background job) stays ignored.
 */
static void block_signals(sigset_t *set)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;

	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGPWR);
	sigaddset(set, SIGWINCH);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!sigaction(ends[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(set, ends[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/* Dispositions for the whole process, set before any file is opened. */
static void ignore_signals(void)
{
	sigset_t early;

	/* Held until the event loop runs: their default would end lkvm. */
	sigemptyset(&early);
	sigaddset(&early, SIGUSR1);
	sigaddset(&early, SIGPWR);
	sigprocmask(SIG_BLOCK, &early, NULL);
	/* Output to a closed pipe becomes EPIPE of write(2). */
	signal(SIGPIPE, SIG_IGN);
	/* A write beyond `ulimit -f` becomes EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
}

/* The time limit starts here, when the machine is ready to run. */
static int add_sources(struct run *run)
{
	struct evloop *loop = &run->vm->loop;
	sigset_t set;
	int ret = 0;

	block_signals(&set);
	run->signals.handle = handle_signal;
	run->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals.fd < 0)
		ret = -errno;
	if (!ret)
		ret = evloop_add(loop, &run->signals, EPOLLIN);
	if (!ret && run->config.timeout) {
		ret = evloop_timer_init(loop, &run->timer, timed_out);
		run->has_timer = !ret;
		if (!ret)
			ret = evloop_timer_set(&run->timer,
					       run->config.timeout *
						       NS_PER_SECOND);
	}
	if (ret)
		pr_fatal("Unable to watch signals and time: %s",
			 strerror(-ret));
	return ret;
}

/* What ended vm_run(), as users know it. */
static enum outcome outcome_of(enum vm_exit reason)
{
	static const enum outcome outcomes[] = {
		[VM_EXIT_NONE] = OUTCOME_FAILURE,
		[VM_EXIT_POWEROFF] = OUTCOME_POWEROFF,
		[VM_EXIT_RESET] = OUTCOME_RESET,
		[VM_EXIT_CRASH] = OUTCOME_CRASH,
		[VM_EXIT_FAILURE] = OUTCOME_FAILURE,
		[VM_EXIT_TIMEOUT] = OUTCOME_TIMEOUT,
		[VM_EXIT_KILLED] = OUTCOME_KILLED,
		[VM_EXIT_POWER_CUT] = OUTCOME_POWER_CUT,
	};

	return outcomes[reason];
}

/* Before the guest runs, so that a run does not end without its results. */
static int open_stats(struct run *run)
{
	const char *path = run->config.debug.stats;
	int ret = 0;

	run->stats = STDERR_FILENO;
	if (!path || !strcmp(path, "-"))
		return 0;
	run->stats = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (run->stats < 0) {
		ret = -errno;
		pr_fatal("--stats: unable to open %s: %s", path,
			 strerror(-ret));
	}
	return ret;
}

/*
 * Returns the exit status. Statistics that could not be written are an error of
 * a run that was otherwise good.
 */
static int run_guest(struct run *run)
{
	enum vm_exit reason = vm_run(run->vm);

	pr_debug("%s", vm_exit_name(reason));
	if (run->config.debug.stats && write_stats(run))
		return EXIT_STATUS_SETUP;
	return outcome_row(outcome_of(reason))->status;
}

/* The terminal is restored in every case; its settings outlive the process. */
static int with_terminal(struct run *run)
{
	struct chardev *serial[MACHINE_MAX_SERIAL] = { &run->term.chr };
	int status = EXIT_STATUS_SETUP;

	if (terminal_init(&run->term, &run->vm->loop, STDIN_FILENO,
			  STDOUT_FILENO, &run->vm->stopping, quit))
		return status;
	run->has_term = true;
	/* Without a terminal there is no user to press a key. */
	if (!run->term.is_tty)
		run->config.boot.has_wait = true;
	set_console_size(run);
	if (!machine_build(run->machine, serial) && !open_stats(run)) {
		if (machine_has_power_key(run->machine))
			run->term.power = press_power;
		if (!add_sources(run) && !terminal_start(&run->term)) {
			/* It may have changed when no signal told so. */
			set_console_size(run);
			status = run_guest(run);
		}
	}
	terminal_stop(&run->term);
	if (run->stats > STDERR_FILENO)
		close(run->stats);
	return status;
}

/* The reverse of run_config()'s order. */
static void free_all(struct run *run)
{
	if (run->has_term)
		terminal_destroy(&run->term);
	if (run->has_timer)
		evloop_timer_destroy(&run->vm->loop, &run->timer);
	if (run->signals.fd >= 0) {
		evloop_del(&run->vm->loop, &run->signals);
		close(run->signals.fd);
	}
	machine_destroy(run->machine);
}

static int run_config(struct run *run)
{
	int status;

	ignore_signals();
	if (machine_create(&run->config, &run->machine))
		return EXIT_STATUS_SETUP;
	run->vm = machine_vm(run->machine);
	run->signals.fd = -1;
	status = with_terminal(run);
	/* The kernel frees the rest at the end of the process. */
	if (LKVM_FREE_AT_EXIT)
		free_all(run);
	else
		machine_close(run->machine);
	return status;
}

/* On the heap: the configuration's pointers into itself must not move. */
int run_command(struct run_kind *kind, int argc, char *const argv[])
{
	struct run *run = calloc(1, sizeof(*run));
	int status = EXIT_STATUS_USAGE;
	int ret;

	if (!run) {
		pr_fatal("out of memory");
		return EXIT_STATUS_SETUP;
	}
	ret = kind->parse(kind, &run->config, argc, argv);
	if (!ret && !machine_check_config(&run->config))
		status = run_config(run);
	if (ret == OPTIONS_HELP)
		status = EXIT_STATUS_POWEROFF;
	else if (kind->status)
		status = kind->status(kind, status);
	vm_config_free(&run->config);
	free(run);
	return status;
}

static int parse_run(struct run_kind *kind, struct vm_config *config, int argc,
		     char *const argv[])
{
	(void)kind;
	return run_config_parse(config, argc, argv);
}

int cmd_run(int argc, char *const argv[])
{
	struct run_kind kind = { .parse = parse_run };

	return run_command(&kind, argc, argv);
}
