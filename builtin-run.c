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
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "builtin-hang.h"
#include "builtin-outcome.h"
#include "builtin-serial.h"
#include "builtin.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/judge.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/chardev/transcript.h"
#include "lkvm/config/outcome.h"
#include "lkvm/config/run.h"
#include "lkvm/config/script.h"
#include "lkvm/control/control.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/clock.h"
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

/*
 * How long the reader of --stats may take for the next bytes: the event loop
 * stands still meanwhile.
 */
#define STATS_WAIT_MS 1000

/*
 * What lives as long as the run, besides the machine. The main thread's alone.
 */
struct run {
	struct run_kind *kind;
	struct vm_config config;
	struct machine *machine;
	struct vm *vm; /* the machine's */
	struct terminal term;
	bool has_term;
	struct evloop_timer timer;
	bool has_timer;
	struct evloop_source signals;
	int stats; /* descriptor for the statistics; stderr without a file */
	struct serial_ports serial; /* that do not lead to the terminal */
	struct transcript log;
	struct script script;
	struct control *control; /* its socket; NULL: there is none */
	struct watch *watch;	 /* of the console; NULL: nobody looks at it */
	struct hang *hang;	 /* NULL: nobody looks for one */
	u64 began, ran;		 /* lkvm and the guest, clock_now(); 0: not */
	enum outcome outcome;
	u8 guest_status;		     /* of OUTCOME_GUEST */
	char detail[VCPU_DESCRIPTION + 128]; /* why; "": there is no more */
	char *stats_text; /* counters for --result; NULL: there are none */
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

	if (run->config.console.device == CONSOLE_VIRTIO &&
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
	if (!ret && run->config.watch.hang)
		ret = hang_watch(run->vm, run->config.watch.hang, &run->hang);
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
		[VM_EXIT_CONDITION] = OUTCOME_FAILURE,
		[VM_EXIT_PANIC] = OUTCOME_PANIC,
		[VM_EXIT_STATUS] = OUTCOME_GUEST,
	};

	return outcomes[reason];
}

/*
 * Once for each run, in whatever way it has ended. Results that cannot be
 * written are an error of a run that was otherwise good. Returns the exit
 * status.
 */
static int report_end(struct run *run)
{
	const struct watch_config *watch = &run->config.watch;
	struct report report = {
		.config = &run->config,
		.exec = run->began,
		.run = run->ran,
		.outcome = run->outcome,
		.is_success =
			outcome_is_success(run->outcome, run->guest_status),
		.detail = run->detail,
		.stats = run->stats_text,
		.judge = run->ran && run->watch ? watch_judge(run->watch)
						: NULL,
	};

	report.status = outcome_status(run->outcome, run->guest_status);
	/* What the guest has set itself is nobody else's to judge. */
	if (run->kind->status && run->outcome != OUTCOME_GUEST)
		report.status = run->kind->status(run->kind, report.status);
	if ((watch->result || watch->junit) && report_write(&report))
		return EXIT_STATUS_SETUP;
	return report.status;
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

/* What the judge has found, and *shown, why. */
static enum outcome ask_judge(struct run *run, enum vm_exit reason,
			      const char **shown)
{
	const char *hang = hang_found(run->hang);
	bool asked = reason == VM_EXIT_CONDITION;
	enum outcome outcome =
		watch_finish(run->watch, asked && !hang,
			     asked && hang ? OUTCOME_HANG : outcome_of(reason));
	const struct judge *judge = watch_judge(run->watch);

	*shown = judge ? judge_detail(judge) : "";
	if (outcome == OUTCOME_HANG && hang)
		*shown = hang;
	return outcome;
}

/* What the guest has said by a device; what the console shows of it follows. */
static void explain(struct run *run, enum vm_exit reason, const char *shown)
{
	bool pvpanic = reason == VM_EXIT_PANIC && run->outcome == OUTCOME_PANIC;

	run->guest_status = machine_guest_status(run->machine);
	if (run->outcome == OUTCOME_GUEST && run->guest_status)
		snprintf(run->detail, sizeof(run->detail), "status %u",
			 run->guest_status);
	else
		snprintf(run->detail, sizeof(run->detail), "%s%s%s",
			 pvpanic ? "pvpanic" : "",
			 pvpanic && *shown ? ": " : "", shown);
}

/* What conditions and devices have found is in the log by this alone. */
static void tell(const struct run *run, enum vm_exit reason)
{
	bool asked = reason == VM_EXIT_CONDITION;

	if (!outcome_is_success(run->outcome, run->guest_status) &&
	    (*run->detail || asked))
		pr_info("%s%s%s", outcome_row(run->outcome)->name,
			*run->detail ? ": " : "", run->detail);
}

/*
 * Statistics that could not be written are an error of a run that was otherwise
 * good.
 */
static void run_guest(struct run *run)
{
	const char *shown = "";
	enum vm_exit reason;

	run->ran = clock_now();
	if (run->watch && watch_start(run->watch))
		return;
	reason = vm_run(run->vm);
	pr_debug("%s", vm_exit_name(reason));
	run->outcome = run->watch ? ask_judge(run, reason, &shown)
				  : outcome_of(reason);
	explain(run, reason, shown);
	tell(run, reason);
	if (run->config.watch.result)
		run->stats_text = report_stats(run->machine);
	if (run->config.debug.stats && write_stats(run))
		run->outcome = OUTCOME_SETUP;
	if (gdb_config_is_on(&run->config.debug.gdb))
		machine_tell_debugger(run->machine,
				      outcome_status(run->outcome,
						     run->guest_status));
	if (run->control)
		control_end(run->control, outcome_row(run->outcome)->name);
}

/* The options may want the console to be looked at, or kept. */
static int add_watch(struct run *run, struct chardev **console)
{
	const struct watch_params params = {
		.config = &run->config,
		.machine = run->machine,
		.log = run->log.config ? &run->log : NULL,
		.script = run->script.count ? &run->script : NULL,
	};

	if (!vm_config_watches_console(&run->config))
		return 0;
	run->watch = watch_create(&params, *console);
	if (!run->watch)
		return -ENOMEM;
	*console = watch_console(run->watch);
	return 0;
}

/*
 * What the first serial port, or else the virtio console, leads to. With both
 * at the terminal the machine passes on what the port has.
 */
static int connect_console(struct run *run, struct chardev *serial[])
{
	struct chardev *terminal = &run->term.chr;
	int ret;

	if (run->config.console.device != CONSOLE_VIRTIO ||
	    run->config.console.serial[0].kind == SERIAL_DEFAULT)
		return add_watch(run, &serial[0]);
	ret = add_watch(run, &terminal);
	if (!ret && run->control)
		ret = control_add_virtio_console(run->control, run->machine,
						 &terminal);
	machine_set_terminal(run->machine, terminal);
	return ret;
}

/* The terminal is one console's; where it is none's it is left alone. */
static int use_terminal(struct run *run, struct chardev *serial[])
{
	const struct vm_config *config = &run->config;
	bool virtio = config->console.device == CONSOLE_VIRTIO;
	int port = 0;

	if (serial_config_used(config->console.serial))
		port = serial_config_stdio(config->console.serial);
	if (port < 0 && !virtio)
		return 0;
	if (terminal_init(&run->term, &run->vm->loop, STDIN_FILENO,
			  STDOUT_FILENO, &run->vm->stopping, quit))
		return -EINVAL;
	run->has_term = true;
	if (port >= 0)
		serial[port] = &run->term.chr;
	return 0;
}

static int connect_ports(struct run *run, struct chardev *serial[])
{
	int ret = use_terminal(run, serial);

	if (ret)
		return ret;
	/* Without a terminal there is no user to press a key. */
	if (!run->term.is_tty)
		run->config.boot.has_wait = true;
	set_console_size(run);
	if (serial_config_used(run->config.console.serial))
		ret = serial_serve(&run->serial, &run->config, run->vm, serial);
	if (!ret)
		ret = connect_console(run, serial);
	/* Last, hence next to the ports. */
	if (!ret && run->control)
		ret = control_add_ports(run->control, run->machine, serial);
	return ret;
}

static int start_control(struct run *run)
{
	return run->control ? control_start(run->control, run->machine) : 0;
}

/* The terminal is restored in every case; its settings outlive the process. */
static void with_terminal(struct run *run)
{
	struct chardev *serial[MACHINE_MAX_SERIAL] = { NULL };

	if (!connect_ports(run, serial) &&
	    !machine_build(run->machine, serial) && !open_stats(run)) {
		if (machine_has_power_key(run->machine))
			run->term.power = press_power;
		if (!add_sources(run) && !start_control(run) &&
		    !terminal_start(&run->term)) {
			/* It may have changed when no signal told so. */
			set_console_size(run);
			run_guest(run);
		}
	}
	terminal_stop(&run->term);
	if (run->stats > STDERR_FILENO)
		close(run->stats);
}

/* What the options name is opened before KVM: a wrong name is told at once. */
static int open_files(struct run *run)
{
	const struct console_config *console = &run->config.console;
	struct watch_config *watch = &run->config.watch;
	int ret = 0;

	if (watch->result || watch->junit)
		ret = report_check(watch);
	if (!ret && watch->script)
		ret = script_read(&run->script, watch->script);
	if (!ret && console->log.path)
		ret = transcript_open(&run->log, &console->log);
	if (!ret && vm_config_wants_control(&run->config))
		ret = control_open(&run->config, &run->control);
	if (!ret && serial_config_used(console->serial))
		ret = serial_open(&run->serial, &run->config);
	return ret;
}

static void close_files(struct run *run)
{
	if (serial_config_used(run->config.console.serial))
		serial_close(&run->serial);
	if (run->control)
		control_close(run->control);
	/* Its thread may still use it. */
	if (run->log.config && !run->ran)
		transcript_close(&run->log);
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
	hang_destroy(run->hang);
	control_disconnect(run->control);
	watch_disconnect(run->watch);
	machine_destroy(run->machine);
	control_destroy(run->control);
	if (run->script.count)
		script_free(&run->script);
}

/*
 * The end of the process frees most memory faster than lkvm could; builds that
 * look for leaks (LKVM_FREE_AT_EXIT) free all of it.
 */
static void run_config(struct run *run)
{
	ignore_signals();
	if (open_files(run) || machine_create(&run->config, &run->machine)) {
		close_files(run);
		control_destroy(run->control);
		return;
	}
	run->vm = machine_vm(run->machine);
	run->signals.fd = -1;
	with_terminal(run);
	close_files(run);
	/* The kernel frees the rest at the end of the process. */
	if (LKVM_FREE_AT_EXIT)
		free_all(run);
	else
		machine_close(run->machine);
}

/*
 * What is large, as the tables of a disk's queue, is mapped by itself, touched
 * where it is used only, and gone when freed; what is small comes from one
 * heap, as data paths allocate next to nothing. By default glibc would give
 * each thread an arena, and keep there what was large once one such block has
 * been freed: with every reset of the guest, when devices get new threads, lkvm
 * would grow.
 */
static void keep_heap_small(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 2 * SZ_64K);
#endif
}

/* On the heap: the configuration's pointers into itself must not move. */
int run_command(struct run_kind *kind, int argc, char *const argv[])
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run) {
		pr_fatal("out of memory");
		return EXIT_STATUS_SETUP;
	}
	keep_heap_small();
	run->kind = kind;
	run->began = clock_now();
	run->outcome = OUTCOME_SETUP;
	ret = kind->parse(kind, &run->config, argc, argv);
	if (ret < 0 || (!ret && machine_check_config(&run->config)))
		run->outcome = OUTCOME_USAGE;
	else if (!ret)
		run_config(run);
	ret = ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF : report_end(run);
	free(run->stats_text);
	/* Else the end of the process ends the thread that uses it. */
	if (!run->watch || watch_destroy(run->watch)) {
		vm_config_free(&run->config);
		free(run);
	}
	return ret;
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
