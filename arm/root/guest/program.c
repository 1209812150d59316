/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the shell or the command, with the console as its terminal, and tells
 * lkvm its exit status. The first process waits for a child, which leads the
 * session of the terminal and starts the program as its own child. What
 * /settings says is lkvm's and is not checked.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termbits.h>

#include "lib.h"
#include "program.h"
#include "sys.h"

/* As shells have it: what is not found, and what cannot be executed. */
#define STATUS_NOT_FOUND  127
#define STATUS_NOT_USABLE 126
#define STATUS_SIGNAL	  128

#define MAX_PATH 4096

#define PATHS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void program_become_init(const char *path, char *argv[], char *envp[])
{
	char name[MAX_PATH];
	int ret;

	/* The kernel's own string, which is not written to. */
	join(name, sizeof(name), path, NULL);
	argv[0] = name;
	ret = sys_execve(path, argv, envp);
	say(path, ": ", error_name(ret), NULL);
}

/* ---- Ports of the virtio console ----------------------------------------- */

/* Linux, include/linux/dirent.h */
struct entry {
	unsigned long ino, off;
	unsigned short len;
	unsigned char type;
	char name[];
};

/* Whether the port is called that; its device is then in `path`. */
static bool is_port(const char *port, const char *name, char *path, size_t size)
{
	char file[320], text[128];
	long len;

	if (*name == '.' ||
	    !join(file, sizeof(file), "/sys/class/virtio-ports/", name, "/name",
		  NULL))
		return false;
	len = read_file(file, text, sizeof(text));
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return len > 0 && is_equal(text, port) &&
	       join(path, size, "/dev/", name, NULL);
}

/* The directory has one entry for each port that the driver has made. */
static bool find_port(const char *port, char *path, size_t size)
{
	_Alignas(8) char buf[2048];
	int fd = sys_open("/sys/class/virtio-ports", O_RDONLY | O_DIRECTORY);
	bool found = false;
	long len = 0;

	while (fd >= 0 && !found &&
	       (len = sys3(__NR_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; !found && at < len;) {
			const struct entry *e = (void *)(buf + at);

			found = is_port(port, e->name, path, size);
			at += e->len;
		}
	}
	if (fd >= 0)
		sys_close(fd);
	return found;
}

/* Linux does not mind that it cannot write to it what is left of the time. */
static const struct {
	long s, ns;
} pause = { 0, 10000000 };

/*
 * The driver gets its ports by messages, so the port may come later than
 * the driver; nothing else tells of that here than a look.
 */
static int open_port(const char *port, int flags)
{
	char path[320];
	int fd = -ENOENT;

	for (int i = 0; i < 500; i++) {
		if (find_port(port, path, sizeof(path)))
			fd = sys_open(path, flags);
		if (fd >= 0)
			break;
		sys4(__NR_ppoll, NULL, 0, &pause, NULL);
	}
	return fd;
}

/*
 * A port whose other end is not connected has no input, as one that is at its
 * end, and it may take a moment until the driver is told that it is.
 */
static int open_input(const char *port)
{
	struct {
		int fd;
		short events, revents;
	} poll = { .fd = open_port(port, O_RDONLY), .events = POLLIN };

	for (int i = 0; poll.fd >= 0 && i < 20; i++) {
		poll.revents = 0;
		sys4(__NR_ppoll, &poll, 1, &pause, NULL);
		if (poll.revents & POLLIN || !(poll.revents & POLLHUP))
			break;
		sys4(__NR_ppoll, NULL, 0, &pause, NULL);
	}
	return poll.fd;
}

/* ---- The terminal -------------------------------------------------------- */

/*
 * /dev/console cannot be a controlling terminal; the device behind it can. It
 * is the last of a list.
 */
static int open_terminal(void)
{
	char list[256], path[300], *name = list;
	int fd;

	read_file("/sys/class/tty/console/active", list, sizeof(list));
	for (char *s = list; *s; s++) {
		if (*s == '\n')
			*s = '\0';
		else if (*s == ' ')
			name = s + 1;
	}
	join(path, sizeof(path), "/dev/", name, NULL);
	fd = *name ? sys_open(path, O_RDWR) : -ENOENT;
	return fd >= 0 ? fd : sys_open("/dev/console", O_RDWR);
}

/* Bytes that are not for a person's eyes go through as they are. */
static void set_terminal(const struct settings *settings, int fd)
{
	struct winsize {
		unsigned short rows, cols, x, y;
	} size = { (unsigned short)settings->rows,
		   (unsigned short)settings->cols, 0, 0 };
	struct termios termios;

	if (settings->rows && settings->cols)
		sys_ioctl(fd, TIOCSWINSZ, &size);
	if (sys_ioctl(fd, TCGETS, &termios))
		return;
	if (settings->plain_output)
		termios.c_oflag &= ~(tcflag_t)OPOST;
	if (settings->plain_input || settings->no_input) {
		/* ^C of a pipe is a byte as all others. */
		termios.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		termios.c_iflag &= ~(tcflag_t)(ICRNL | IXON | IXOFF);
	}
	sys_ioctl(fd, TCSETS, &termios);
}

/* 0 to 2 are the terminal, and its signals are for this session. */
static void take_terminal(const struct settings *settings)
{
	int fd = open_terminal();

	sys1(__NR_setsid, 0);
	if (fd < 0)
		return;
	sys_ioctl(fd, TIOCSCTTY, NULL);
	set_terminal(settings, fd);
	for (int i = 0; i < 3; i++)
		sys_dup3(fd, i);
	fd = -ENOENT;
	if (settings->input)
		fd = open_input(settings->input);
	else if (settings->no_input)
		fd = sys_open("/dev/null", O_RDONLY);
	if (fd >= 0)
		sys_dup3(fd, 0);
	else if (settings->input)
		say("no port to read the input from: ", error_name(fd), NULL);
}

/* ---- The program --------------------------------------------------------- */

/* As execvp(3): a name without a slash is looked for. Returns an error. */
static int execute(char *const argv[], char *const envp[])
{
	const char *dir = PATHS;
	char path[MAX_PATH], one[64];
	int ret, worst = -ENOENT;

	for (const char *s = argv[0]; *s; s++)
		if (*s == '/')
			return sys_execve(argv[0], argv, envp);
	while (*dir && *argv[0]) {
		size_t len = 0;

		while (dir[len] && dir[len] != ':')
			len++;
		memcpy(one, dir, len);
		one[len] = '\0';
		dir += len + (dir[len] == ':');
		ret = join(path, sizeof(path), one, "/", argv[0], NULL)
			      ? sys_execve(path, argv, envp)
			      : -ENOENT;
		if (ret != -ENOENT && ret != -ENOTDIR)
			worst = ret;
	}
	return worst;
}

/* The command's process. */
static void become(const struct settings *settings, char *const argv[])
{
	char term[128];
	char path[] = "PATH=" PATHS, home[] = "HOME=/root",
	     user[] = "USER=root";
	char *const envp[] = { path, home, user, term, NULL };
	int ret;

	join(term, sizeof(term),
	     "TERM=", settings->term ? settings->term : "dumb", NULL);
	if (settings->dir && sys_chdir(settings->dir)) {
		say(settings->dir, ": the guest has no such directory", NULL);
		sys_chdir("/");
	}
	ret = execute(argv, envp);
	say(argv[0], ": ", error_name(ret), NULL);
	sys1(__NR_exit_group,
	     ret == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_USABLE);
}

/* The first process is the parent of all whose parents have ended. */
static unsigned int await(long pid)
{
	int status = 0;
	long ended;

	do {
		ended = sys4(__NR_wait4, -1, &status, 0, 0);
	} while (ended != pid && (ended > 0 || ended == -EINTR));
	if (ended != pid)
		return STATUS_NOT_USABLE;
	/* Linux, wait(2): a signal is in the low bits. */
	return status & 0x7f ? STATUS_SIGNAL + (status & 0x7f)
			     : (status >> 8) & 0xff;
}

/* Keys that interrupt the command are not for who waits for it. */
static void ignore_keys(void)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTOU };
	/* Linux, include/linux/signal_types.h, struct sigaction */
	const struct {
		unsigned long handler, flags, restorer, mask;
	} ignore = { .handler = (unsigned long)SIG_IGN };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sys4(__NR_rt_sigaction, signals[i], (long)&ignore, 0,
		     sizeof(ignore.mask));
}

/*
 * The child. The kernel hangs the terminal up when the leader of its session
 * ends, and what is on its way to a serial port is lost then: so the leader is
 * not the command, and waits until all of that is out.
 */
static void lead(const struct settings *settings, char *const argv[])
{
	unsigned int status = STATUS_NOT_USABLE;
	long pid;

	take_terminal(settings);
	pid = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		become(settings, argv);
	ignore_keys();
	if (pid > 0)
		status = await(pid);
	else
		say("no new process: ", error_name((int)pid), NULL);
	sys3(__NR_ioctl, 2, TCSBRK, 1);
	sys1(__NR_exit_group, (int)status);
}

/* The first process stays: its end would be a panic of the kernel. */
unsigned int program_run(const struct settings *settings)
{
	static char shell[] = "/bin/sh";
	static char *const shell_argv[] = { shell, NULL };
	long pid = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		lead(settings, settings->nr_args ? settings->args : shell_argv);
	if (pid < 0) {
		say("no new process: ", error_name((int)pid), NULL);
		return STATUS_NOT_USABLE;
	}
	return await(pid);
}

/* ---- Its status ---------------------------------------------------------- */

/*
 * The last thing to be seen is what the command has printed, and not that the
 * machine is powered down, of which kernels tell with the highest priority.
 */
static void silence_kernel(void)
{
	int fd = sys_open("/proc/sys/kernel/printk", O_WRONLY);

	if (fd < 0)
		return;
	sys_write(fd, "0\n", 2);
	sys_close(fd);
}

/*
 * A decimal number and a newline; `lkvm sandbox` takes that as its own status.
 */
void program_tell(const struct settings *settings, unsigned int status)
{
	char number[16];
	int fd;

	if (!settings->status)
		return;
	fd = open_port(settings->status, O_WRONLY);
	if (fd < 0) {
		say("no port to tell the exit status by "
		    "(CONFIG_VIRTIO_CONSOLE): ",
		    error_name(fd), NULL);
		return;
	}
	silence_kernel();
	from_number(number, status);
	sys_write(fd, number, strlen(number));
	sys_write(fd, "\n", 1);
	sys_close(fd);
}
