/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A little shell that owns a pseudo terminal, and its job, a program with a
 * console on it. Both do what the test tells them through pipes.
 */
#ifndef TESTS_TTY_SESSION_H
#define TESTS_TTY_SESSION_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/chardev/terminal.h"
#include "lkvm/util/log.h"

#define PONG  '\x81'
#define QUIT  '\x82'
#define POWER '\x83'

/* What the test tells the job, a byte each; the job answers PONG. */
enum {
	CMD_PING = 'p',
	CMD_LISTEN = 'l', /* accepts 16 bytes, and again whenever some came */
	CMD_CLOSE = 'c',  /* accepts none */
	CMD_HELLO = 'h',  /* prints "hello\n" */
	CMD_LEAVE = 'q',  /* terminal_destroy(), _exit(0) */
	CMD_EXIT = 'e',	  /* exit(0) */
	CMD_CRASH = 's',  /* SIGSEGV */
	CMD_ABORT = 'a',
	CMD_TERM = 't',	 /* SIGTERM, for a program that no loop ends */
	CMD_POWER = 'w', /* there is a power key from now on */
	CMD_OTHER = 'o', /* a second console, on /dev/null, comes and goes */
	/* To the shell, which answers PONG as well. */
	CMD_BACKGROUND = 'B',
	CMD_FOREGROUND = 'F',
};

/* ---- The job ---- */

struct job {
	struct evloop loop;
	struct terminal term;
	struct evloop_source commands;
	atomic_bool stopping;
	int report;
	bool listens;
	int tty;
};

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void report(struct job *job, const void *buf, size_t len)
{
	if (write(job->report, buf, len) != (ssize_t)len)
		_exit(90);
}

static void job_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct job *job = chr->front;

	report(job, buf, len);
	if (job->listens)
		chr->ops->accept(chr, 16);
}

static void job_quit(struct terminal *term)
{
	report(container_of(term, struct job, term), &(char) { QUIT }, 1);
}

static void job_power(struct terminal *term)
{
	report(container_of(term, struct job, term), &(char) { POWER }, 1);
}

static void second_console(struct job *job)
{
	struct terminal other;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (terminal_init(&other, &job->loop, fd, fd, &job->stopping,
			  job_quit) ||
	    terminal_start(&other))
		_exit(91);
	terminal_destroy(&other);
	close(fd);
}

static void obey(struct job *job, char command)
{
	struct chardev *chr = &job->term.chr;

	switch (command) {
	case CMD_LISTEN:
		job->listens = true;
		chr->ops->accept(chr, 16);
		break;
	case CMD_CLOSE:
		job->listens = false;
		chr->ops->accept(chr, 0);
		break;
	case CMD_HELLO:
		chr->ops->write(chr, (const u8 *)"hello\n", 6);
		break;
	case CMD_LEAVE:
		terminal_destroy(&job->term);
		_exit(0);
	case CMD_EXIT:
		exit(0);
	case CMD_CRASH:
		raise(SIGSEGV);
		break;
	case CMD_TERM:
		terminal_restore_at_signals();
		raise(SIGTERM);
		break;
	case CMD_ABORT:
		abort();
	case CMD_POWER:
		job->term.power = job_power;
		break;
	case CMD_OTHER:
		second_console(job);
		break;
	}
}

static void handle_command(struct evloop_source *source, u32 events)
{
	struct job *job = container_of(source, struct job, commands);
	char command;

	(void)events;
	if (read(source->fd, &command, 1) != 1)
		_exit(92);
	obey(job, command);
	report(job, &(char) { PONG }, 1);
}

static void job_main(int tty, int commands, int answers)
{
	static struct job job;
	const struct rlimit no_core = { 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	job.report = answers;
	job.tty = tty;
	job.commands.fd = commands;
	job.commands.handle = handle_command;
	if (evloop_init(&job.loop) ||
	    evloop_add(&job.loop, &job.commands, EPOLLIN) ||
	    terminal_init(&job.term, &job.loop, tty, tty, &job.stopping,
			  job_quit) ||
	    terminal_start(&job.term))
		_exit(93);
	job.term.chr.front = &job;
	job.term.chr.receive = job_receive;
	report(&job, &(char) { PONG }, 1);
	evloop_run(&job.loop);
	_exit(94);
}

/* ---- The shell
 * ---- */

/* How the shell starts the job. */
enum start {
	FOREGROUND,
	BACKGROUND,
	NO_JOB_CONTROL
};

/* Obeys the test, then says how the job has ended. */
static void shell_main(int tty, int commands, int answers, pid_t job)
{
	char command, pong = PONG;
	int status;

	if (write(answers, &job, sizeof(job)) != sizeof(job))
		_exit(95);
	while (read(commands, &command, 1) == 1) {
		pid_t group = command == CMD_FOREGROUND ? job : getpid();

		if (tcsetpgrp(tty, group) || write(answers, &pong, 1) != 1)
			_exit(96);
	}
	waitpid(job, &status, 0);
	if (write(answers, &status, sizeof(status)) != sizeof(status))
		_exit(97);
	_exit(0);
}

/* In the shell's process: makes the terminal its own and starts the job. */
static void shell_start(const char *path, enum start how,
			const int job_pipes[2], const int shell_pipes[2])
{
	int tty, flags = how == NO_JOB_CONTROL ? O_NOCTTY : 0;
	pid_t job;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	tty = open(path, O_RDWR | flags);
	signal(SIGTTOU, SIG_IGN);
	job = fork();
	if (job == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		if (how == FOREGROUND)
			tcsetpgrp(tty, getpid());
		signal(SIGTTOU, SIG_DFL);
		close(shell_pipes[0]);
		close(shell_pipes[1]);
		job_main(tty, job_pipes[0], job_pipes[1]);
	}
	close(job_pipes[0]);
	close(job_pipes[1]);
	shell_main(tty, shell_pipes[0], shell_pipes[1], job);
}

#endif
