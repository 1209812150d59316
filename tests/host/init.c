// Process 1 of the emulated arm64 host of tests/host/run
// SPDX-License-Identifier: GPL-2.0-or-later
//
// It mounts what a Linux has mounted, says that it is ready, and from then on
// does what tests/host/run tells it over one virtio-serial port: takes files,
// starts one command, carries its input and output, hands files back. A shell
// script could do most of this, but each fork of a shell costs 10 ms in an
// emulator, and this runs before every single test.
//
// Both directions speak in frames: a header of 8 bytes (one letter, three
// zeros, a little-endian length), then that many bytes. To run:
//
//   R  ready                      o  stdout           e  stderr
//   a  one 'i' was passed on      x  exit status      q  all done
//   m  message for a human
//
// From run:
//
//   T  time and entropy           V  NAME=VALUE       w  window size
//   B  begin: t (terminal) or p (pipes), then the command
//   i  stdin                      I  end of stdin     k  kill the command
//
// Both ways, for files:
//
//   D  folder                     P  file             L  symlink
//   S  seek                       A  data             Z  final size
//   F  take so many bytes of frames from the shared memory
//
// The port carries 30 MB/s, and a kernel for a guest is 30 MB. So the files,
// as the same frames, go through memory that we share with run: the BAR of an
// ivshmem device.

#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <linux/random.h>

#define CHUNK (128 * 1024)

struct frame {
	uint8_t type;
	uint8_t zero[3];
	uint32_t len;
};

static int port = -1;
static char in_buf[CHUNK];
static char out_buf[CHUNK];

static struct {
	int fd;
	char *at;
	size_t size, mapped, used;
} shared = { .fd = -1 };

// Nothing can be done about an error here but to leave a trace on the console,
// of which run shows the end.
static void say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "<1>init: %.*s", n, text);
		close(fd);
	}
}

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void die(const char *what)
{
	say("%s: %s\n", what, strerror(errno));
	power_off();
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("write to the serial port");
		p += n;
		len -= n;
	}
}

static void read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("read from the serial port");
		p += n;
		len -= n;
	}
}

static void send_frame(char type, const void *data, size_t len)
{
	char buf[sizeof(struct frame) + 4096];
	struct frame head = { .type = type, .len = htole32(len) };

	memcpy(buf, &head, sizeof(head));
	if (len <= sizeof(buf) - sizeof(head)) {
		if (len)
			memcpy(buf + sizeof(head), data, len);
		write_all(port, buf, sizeof(head) + len);
		return;
	}
	write_all(port, &head, sizeof(head));
	write_all(port, data, len);
}

static void tell(const char *what, const char *path)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s %s: %s", what, path,
			 strerror(errno));

	send_frame('m', text,
		   n < (int)sizeof(text) ? n : (int)sizeof(text) - 1);
}

// ---- the rest of the boot ------------------------------------------------

static const struct {
	const char *type, *where, *options;
	mode_t mode;
} mounts[] = {
	{ "devtmpfs", "/dev", "mode=0755", 0755 },
	{ "proc", "/proc", NULL, 0555 },
	{ "sysfs", "/sys", NULL, 0555 },
	{ "tmpfs", "/tmp", "mode=1777,size=75%", 01777 },
	{ "tmpfs", "/run", "mode=0755", 0755 },
	{ "devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", 0755 },
	{ "tmpfs", "/dev/shm", "mode=1777,size=75%", 01777 },
	{ "debugfs", "/sys/kernel/debug", NULL, 0 },
	{ "tracefs", "/sys/kernel/tracing", NULL, 0 },
};

static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, mounts[i].mode);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
			  mounts[i].options))
			say("mount %s: %s\n", mounts[i].where, strerror(errno));
	}
	// what udev would have made of it
	chmod("/dev/kvm", 0666);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo",
			     .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req))
		say("lo: %s\n", strerror(errno));
	close(fd);
}

static int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -1;
	err = syscall(SYS_finit_module, fd, "", 0);
	if (err && errno == EEXIST)
		err = 0;
	close(fd);
	return err;
}

// The modules that lead to the port, in this order.
static void load_boot_modules(void)
{
	FILE *list = fopen("/lib/boot-modules", "re");
	char path[256];

	while (list && fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = 0;
		if (load_module(path))
			say("module %s: %s\n", path, strerror(errno));
	}
	if (list)
		fclose(list);
}

static void open_port(void)
{
	// The driver makes the port in a work queue of its own.
	for (int i = 0; i < 20000; i++) {
		port = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
		if (port >= 0)
			return;
		usleep(500);
	}
	die("/dev/vport0p1");
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return good;
}

// Not before the first use: the state of a host is saved before that, and QEMU
// only takes it back where the BAR was not mapped yet.
static void open_shared(void)
{
#define DEVICE "/sys/bus/pci/devices/0000:00:1f.0/"
	struct stat st;

	if (!write_text(DEVICE "enable", "1"))
		return;
	shared.fd = open(DEVICE "resource2_wc", O_RDWR | O_CLOEXEC);
	if (shared.fd >= 0 && !fstat(shared.fd, &st))
		shared.size = st.st_size;
}

// Every page that is mapped costs time, so no more than what is needed is.
static bool map_shared(size_t size)
{
	const size_t unit = 1 << 20;

	if (size <= shared.mapped)
		return true;
	if (size > shared.size)
		return false;
	if (shared.mapped)
		munmap(shared.at, shared.mapped);
	size = (size + size / 2 + unit - 1) / unit * unit;
	shared.mapped = size < shared.size ? size : shared.size;
	shared.at = mmap(NULL, shared.mapped, PROT_READ | PROT_WRITE,
			 MAP_SHARED, shared.fd, 0);
	if (shared.at == MAP_FAILED)
		shared.size = shared.mapped = 0;
	return shared.mapped;
}

// The applets that are not started by busybox's own shell need a name.
static void install_busybox(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/busybox", "busybox", "--install", "-s", "/bin",
		      NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

// ---- files ---------------------------------------------------------------

static struct {
	int fd;
	char path[4096];
} into = { .fd = -1 };

// data holds "MODE PATH" or "MODE PATH\0TARGET"
static void take_name(char type, const char *data, size_t len)
{
	char name[8300], *path, *target;
	mode_t mode;

	if (len > sizeof(name) - 2)
		return;
	memcpy(name, data, len);
	name[len] = name[len + 1] = 0;
	mode = strtoul(name, &path, 8);
	path++;
	target = path + strlen(path) + 1;
	if (type == 'D') {
		if (mkdir(path, mode) && errno != EEXIST)
			tell("cannot make folder", path);
		chmod(path, mode);
	} else if (type == 'L') {
		unlink(path);
		if (symlink(target, path))
			tell("cannot make link", path);
	} else {
		snprintf(into.path, sizeof(into.path), "%s", path);
		unlink(path);
		into.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			       mode);
		if (into.fd < 0)
			tell("cannot make file", path);
		else
			fchmod(into.fd, mode);
	}
}

static void take_data(const char *p, size_t len)
{
	while (into.fd >= 0 && len) {
		ssize_t n = write(into.fd, p, len);

		if (n < 0) {
			tell("cannot write file", into.path);
			close(into.fd);
			into.fd = -1;
			return;
		}
		p += n;
		len -= n;
	}
}

static void take_end(uint64_t size)
{
	if (into.fd < 0)
		return;
	if (ftruncate(into.fd, size))
		tell("cannot size file", into.path);
	close(into.fd);
	into.fd = -1;
}

static void take_file_frame(char type, const char *data, size_t len)
{
	uint64_t wire = 0;

	if (len >= sizeof(wire))
		memcpy(&wire, data, sizeof(wire));
	if (type == 'A')
		take_data(data, len);
	else if (type == 'Z')
		take_end(le64toh(wire));
	else if (type != 'S')
		take_name(type, data, len);
	else if (into.fd >= 0)
		lseek(into.fd, le64toh(wire), SEEK_SET);
}

static void take_shared(uint64_t end)
{
	size_t at = 0;
	struct frame head;

	open_shared();
	while (map_shared(end) && at + sizeof(head) <= end) {
		memcpy(&head, shared.at + at, sizeof(head));
		at += sizeof(head);
		take_file_frame(head.type, shared.at + at, le32toh(head.len));
		at += le32toh(head.len);
	}
}

static void give_shared(void)
{
	uint64_t wire = htole64(shared.used);

	if (shared.used)
		send_frame('F', &wire, sizeof(wire));
	shared.size = shared.mapped = shared.used = 0;
}

// Where a frame's content of that length goes, NULL if that is the port.
static char *room_in_shared(char type, size_t len)
{
	struct frame head = { .type = type, .len = htole32(len) };
	char *p;

	if (!map_shared(shared.used + sizeof(head) + len)) {
		give_shared();
		return NULL;
	}
	p = shared.at + shared.used;
	memcpy(p, &head, sizeof(head));
	shared.used += sizeof(head) + len;
	return p + sizeof(head);
}

static void give(char type, const void *data, size_t len)
{
	char *to = room_in_shared(type, len);

	if (to)
		memcpy(to, data, len);
	else
		send_frame(type, data, len);
}

static void give_name(char type, mode_t mode, const char *path,
		      const char *target)
{
	char text[8300];
	int n = snprintf(text, sizeof(text), "%o %s", mode & 07777, path);

	if (target) {
		strcpy(text + n + 1, target);
		n += 1 + strlen(target);
	}
	give(type, text, n);
}

// Holes stay holes: a variable flash is 64 MiB of mostly nothing.
static void give_data(int fd, uint64_t size)
{
	uint64_t end, wire;
	off_t at = 0;

	while ((uint64_t)at < size) {
		off_t from = lseek(fd, at, SEEK_DATA);

		if (from < 0)
			break;
		end = lseek(fd, from, SEEK_HOLE);
		if (end > size)
			end = size;
		wire = htole64(from);
		give('S', &wire, sizeof(wire));
		while ((uint64_t)from < end) {
			size_t n = end - from < CHUNK ? end - from : CHUNK;
			char *to = room_in_shared('A', n);

			// nobody else is left to make the file shorter
			// meanwhile
			if (pread(fd, to ? to : out_buf, n, from) != (ssize_t)n)
				say("file: short read\n");
			if (!to)
				send_frame('A', out_buf, n);
			from += n;
		}
		at = end;
	}
	wire = htole64(size);
	give('Z', &wire, sizeof(wire));
}

// Everything below the folder `at`, named relative to where it began.
static void give_tree(int at, const char *prefix)
{
	DIR *dir = fdopendir(at);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[4096], target[4096];
		struct stat st;
		ssize_t n;
		int fd;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n = snprintf(path, sizeof(path), "%s%s", prefix, e->d_name);
		if (n >= (ssize_t)sizeof(path) - 1)
			continue;
		if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISLNK(st.st_mode)) {
			n = readlinkat(at, e->d_name, target,
				       sizeof(target) - 1);
			if (n < 0)
				continue;
			target[n] = 0;
			give_name('L', 0777, path, target);
		} else if (S_ISDIR(st.st_mode)) {
			give_name('D', st.st_mode, path, NULL);
			fd = openat(at, e->d_name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			strcat(path, "/");
			if (fd >= 0)
				give_tree(fd, path);
		} else if (S_ISREG(st.st_mode)) {
			fd = openat(at, e->d_name, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			give_name('P', st.st_mode, path, NULL);
			give_data(fd, st.st_size);
			close(fd);
		}
	}
	if (dir)
		closedir(dir);
}

// ---- the command ---------------------------------------------------------

static struct {
	pid_t pid;
	int in, out, err; // our ends; with a terminal all are its master
	bool tty, in_eof;
	struct winsize size;
	size_t pending, done; // of in_buf, not yet taken by the command
} cmd = { .pid = -1, .in = -1, .out = -1, .err = -1 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void start_command(const char *text)
{
	int in[2], out[2], err[2];
	sigset_t none;

	if (cmd.tty) {
		int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		int zero = 0;
		char name[32];
		int n;

		if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) ||
		    ioctl(master, TIOCGPTN, &n))
			die("/dev/ptmx");
		snprintf(name, sizeof(name), "/dev/pts/%d", n);
		ioctl(master, TIOCSWINSZ, &cmd.size);
		in[0] = out[1] = err[1] =
			open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (in[0] < 0)
			die(name);
		in[1] = out[0] = master;
		err[0] = -1;
	} else if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
		   pipe2(err, O_CLOEXEC)) {
		die("pipe");
	}

	cmd.pid = fork();
	if (cmd.pid < 0)
		die("fork");
	if (!cmd.pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		if (cmd.tty)
			ioctl(in[0], TIOCSCTTY, 0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (chdir("/root"))
			_exit(126);
		execl("/bin/sh", "sh", "-c", text, NULL);
		_exit(127);
	}
	close(in[0]);
	if (!cmd.tty) {
		close(out[1]);
		close(err[1]);
	}
	cmd.in = in[1];
	cmd.out = out[0];
	cmd.err = err[0];
	fcntl(cmd.in, F_SETFL, O_NONBLOCK);
	fcntl(cmd.out, F_SETFL, O_NONBLOCK);
	if (cmd.err >= 0)
		fcntl(cmd.err, F_SETFL, O_NONBLOCK);
}

// run sends the next piece of input only after 'a', so that one full pipe does
// not keep a kill or a window size from getting through.
static void feed(void)
{
	while (cmd.done < cmd.pending) {
		ssize_t n = cmd.in < 0 ? -1
				       : write(cmd.in, in_buf + cmd.done,
					       cmd.pending - cmd.done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && cmd.in >= 0)
			return;
		if (n < 0) { // nobody reads it: let it go
			if (!cmd.tty)
				close_fd(&cmd.in);
			n = cmd.pending - cmd.done;
		}
		cmd.done += n;
	}
	if (cmd.pending)
		send_frame('a', NULL, 0);
	cmd.pending = cmd.done = 0;
	if (cmd.in_eof && cmd.tty) {
		char eof = 4;

		write(cmd.in, &eof, 1);
		cmd.in_eof = false;
	} else if (cmd.in_eof) {
		close_fd(&cmd.in);
	}
}

// Passes on what there is; false at the end of the stream.
static bool carry(int *fd, char type)
{
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, out_buf, sizeof(out_buf));
	if (n > 0) {
		send_frame(type, out_buf, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (fd == &cmd.out && cmd.tty)
		cmd.in = -1; // the same descriptor
	close_fd(fd);
	return false;
}

static void finish(int status)
{
	unsigned char code = WIFEXITED(status) ? WEXITSTATUS(status)
					       : 128 + WTERMSIG(status);
	int fd;

	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	while (carry(&cmd.out, 'o'))
		;
	while (carry(&cmd.err, 'e'))
		;
	send_frame('x', &code, 1);
	fd = open("/out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		give_tree(fd, "");
	give_shared();
	send_frame('q', NULL, 0);
	// run ends QEMU now, which is quicker than any orderly way
	for (int i = 0; i < 50; i++)
		usleep(100 * 1000);
	power_off();
}

// A host that comes out of a saved state has an old clock, and the same
// randomness as every other one that came out of it.
static void take_time(size_t len)
{
	struct {
		uint64_t sec, usec;
		unsigned char seed[32];
	} fresh;
	struct {
		int bits, size;
		unsigned char seed[32];
	} add = { .bits = 256, .size = 32 };
	struct timeval tv;
	int fd;

	if (len != sizeof(fresh))
		return;
	memcpy(&fresh, in_buf, sizeof(fresh));
	tv.tv_sec = le64toh(fresh.sec);
	tv.tv_usec = le64toh(fresh.usec);
	settimeofday(&tv, NULL);
	memcpy(add.seed, fresh.seed, sizeof(add.seed));
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &add) ||
	    ioctl(fd, RNDRESEEDCRNG))
		say("entropy: %s\n", strerror(errno));
	close(fd);
}

static void take_frame(void)
{
	struct frame head;
	uint64_t wire;
	size_t len;
	// input for the command may wait in in_buf while other frames come
	static char small[256];
	char *to = in_buf;

	read_all(port, &head, sizeof(head));
	len = le32toh(head.len);
	if (cmd.pending)
		to = small;
	if (len >= (cmd.pending ? sizeof(small) : sizeof(in_buf))) {
		errno = EMSGSIZE;
		die("frame");
	}
	read_all(port, to, len);
	to[len] = 0;

	switch (head.type) {
	case 'T':
		take_time(len);
		send_frame('R', NULL, 0);
		break;
	case 'V':
		putenv(strdup(to));
		break;
	case 'D':
	case 'P':
	case 'L':
	case 'A':
	case 'S':
	case 'Z':
		take_file_frame(head.type, to, len);
		break;
	case 'F':
		memcpy(&wire, to, sizeof(wire));
		take_shared(le64toh(wire));
		break;
	case 'w':
		memcpy(&cmd.size, to, sizeof(cmd.size));
		if (cmd.tty && cmd.out >= 0)
			ioctl(cmd.out, TIOCSWINSZ, &cmd.size);
		break;
	case 'B':
		cmd.tty = to[0] == 't';
		start_command(to + 1);
		break;
	case 'i':
		cmd.pending = len;
		cmd.done = 0;
		feed();
		break;
	case 'I':
		cmd.in_eof = true;
		if (!cmd.pending)
			feed();
		break;
	case 'k':
		kill(-1, SIGKILL);
		if (cmd.pid < 0)
			finish(0);
		break;
	}
}

static void serve(int signals)
{
	int status, last = -1;
	pid_t pid;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = port, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = cmd.out, .events = POLLIN },
			{ .fd = cmd.err, .events = POLLIN },
			{ .fd = cmd.pending ? cmd.in : -1, .events = POLLOUT },
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0)
			continue;
		if (p[1].revents) {
			struct signalfd_siginfo info;

			read(signals, &info, sizeof(info));
			while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
				if (pid == cmd.pid)
					last = status;
			if (last != -1)
				finish(last);
		}
		if (p[4].revents)
			feed();
		if (p[2].revents)
			carry(&cmd.out, 'o');
		if (p[3].revents)
			carry(&cmd.err, 'e');
		if (p[0].revents & POLLIN)
			take_frame();
		else if (p[0].revents & POLLHUP)
			usleep(1000); // run has not connected yet, or is gone
	}
}

int main(void)
{
	sigset_t child;
	int signals;

	umask(0022);
	mount_all();
	load_boot_modules();
	loopback_up();
	install_busybox();
	mkdir("/in", 0755);
	mkdir("/out", 0755);
	sethostname("host", 4);

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	open_port();
	send_frame('R', NULL, 0);
	serve(signals);
}
