/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemons of --fs. virtiofsd (package of that name) is given a socket that
 * listens, and serves the first that has connected to it, until that closes the
 * connection, however lkvm ends. The socket has a name only for the moment in
 * which lkvm connects, in a folder that nobody else may enter: so the first is
 * lkvm.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/share/fs_daemon.h"
#include "lkvm/util/log.h"

/* How long virtiofsd may take to end once nobody is connected to it. */
#define END_MS 2000

/* Where distributions have it. */
static const char *const places[] = {
	"virtiofsd", /* in PATH */
	"/usr/libexec/virtiofsd",
	"/usr/lib/virtiofsd",
};

/*
 * Not blocking: the vhost-user code waits by poll(2), with a limit of time, so
 * that a daemon that does not answer cannot stop the guest for ever.
 */
static int make_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* ---- A daemon that runs already ------------------------------------------ */

/* EAGAIN is what connect(2) of such a socket says when the backlog is full. */
static int explain_connect(const struct fs_config *config, int err)
{
	if (err == ECONNREFUSED)
		pr_fatal("--fs %s: no daemon listens on this socket",
			 config->path);
	else if (err == EAGAIN)
		pr_fatal("--fs %s: the daemon does not accept connections",
			 config->path);
	else
		pr_fatal("--fs %s: unable to connect: %s", config->path,
			 strerror(err));
	return -err;
}

/*
 * The daemon was started by the user, with options of its own, so those of lkvm
 * that it would need at its start are refused rather than ignored.
 */
static int connect_to(const struct fs_config *config, struct fs_daemon *daemon)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(config->path);

	if (config->readonly || config->sandbox != FS_SANDBOX_NAMESPACE) {
		pr_fatal("--fs %s: ro and sandbox= are for a directory; of a "
			 "socket the daemon's own options decide",
			 config->path);
		return -EINVAL;
	}
	if (len >= sizeof(addr.sun_path)) {
		pr_fatal("--fs %s: the path of a socket has %zu bytes at most",
			 config->path, sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, config->path, len);
	daemon->fd = make_socket();
	if (daemon->fd < 0)
		return explain_connect(config, -daemon->fd);
	if (connect(daemon->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return explain_connect(config, errno);
	return 0;
}

/* ---- virtiofsd ----------------------------------------------------------- */

/* Both ends, where `addr` has a name that is free. */
static int join(struct fs_daemon *daemon, const struct sockaddr_un *addr)
{
	const struct sockaddr *name = (const struct sockaddr *)addr;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret = 0;

	if (listener < 0)
		return -errno;
	daemon->fd = make_socket();
	if (daemon->fd < 0)
		ret = daemon->fd;
	else if (bind(listener, name, sizeof(*addr)) < 0 ||
		 listen(listener, 1) < 0 ||
		 connect(daemon->fd, name, sizeof(*addr)) < 0)
		ret = -errno;
	unlink(addr->sun_path);
	if (!ret)
		return listener;
	close(listener);
	return ret;
}

/*
 * mkdtemp(3) makes the folder for this user alone (mode 0700), in which the
 * name exists only until the connection is made. Two bytes of the address are
 * for "/s".
 */
static int make_connection(struct fs_daemon *daemon)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	char folder[sizeof(addr.sun_path) - 2];
	int ret;

	ret = snprintf(folder, sizeof(folder), "%s/lkvm-XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	if (ret >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	if (!mkdtemp(folder))
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	ret = join(daemon, &addr);
	rmdir(folder);
	return ret;
}

/*
 * virtiofsd takes the socket that listens as its descriptor 3. Its log is what
 * lkvm prints if it ends, so only errors are wanted. "--readonly" is the last,
 * since its place ends the list if it is not given.
 */
static int start(const struct fs_config *config, struct fs_daemon *daemon,
		 int listener)
{
	const char *argv[] = { NULL, "--fd", "3", "--shared-dir", config->path,
			       "--sandbox", fs_sandbox_names[config->sandbox],
			       "--log-level", "error",
			       /* --readonly, or the end */
			       config->readonly ? "--readonly" : NULL, NULL };
	int ret = -ENOENT;

	for (size_t i = 0; ret == -ENOENT && i < ARRAY_SIZE(places); i++) {
		argv[0] = places[i];
		ret = program_start(&daemon->program, argv, listener);
	}
	daemon->started = !ret;
	return ret;
}

static int start_virtiofsd(const struct fs_config *config,
			   struct fs_daemon *daemon)
{
	int listener = make_connection(daemon), ret;

	if (listener < 0) {
		pr_fatal("--fs %s: no socket for virtiofsd: %s", config->path,
			 strerror(-listener));
		return listener;
	}
	ret = start(config, daemon, listener);
	close(listener);
	if (ret == -ENOENT)
		pr_fatal("--fs %s: there is no virtiofsd, which serves "
			 "directories: install the package virtiofsd (Debian "
			 "13)",
			 config->path);
	else if (ret)
		pr_fatal("--fs %s: unable to start virtiofsd: %s", config->path,
			 strerror(-ret));
	return ret;
}

/* ---- Both ---------------------------------------------------------------- */

static int open_path(const struct fs_config *config, struct fs_daemon *daemon)
{
	struct stat st;

	if (stat(config->path, &st) < 0) {
		int ret = -errno;

		pr_fatal("--fs %s: %s", config->path,
			 ret == -ENOENT ? "there is no such directory or socket"
					: strerror(-ret));
		return ret;
	}
	if (S_ISDIR(st.st_mode))
		return start_virtiofsd(config, daemon);
	if (S_ISSOCK(st.st_mode))
		return connect_to(config, daemon);
	pr_fatal("--fs %s: is neither a directory nor the socket of a daemon",
		 config->path);
	return -ENOTDIR;
}

/*
 * What the path names decides: a directory gets a daemon of lkvm's own, a
 * socket has one.
 */
int fs_daemon_open(const struct fs_config *config, struct fs_daemon **out)
{
	struct fs_daemon *daemon = calloc(1, sizeof(*daemon));
	int ret;

	if (!daemon) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	daemon->fd = -1;
	ret = open_path(config, daemon);
	if (ret) {
		fs_daemon_close(daemon);
		return ret;
	}
	*out = daemon;
	return 0;
}

/* What was printed before a signal came is of no interest. */
void fs_daemon_explain(struct fs_daemon *daemon, char *text, size_t size)
{
	char output[RUN_OUTPUT] = "";
	int status = daemon->started ? program_wait(&daemon->program, END_MS)
				     : -1;

	if (daemon->started)
		program_read(&daemon->program, output);
	if (status < 0)
		snprintf(text, size, "has closed the connection%s%s",
			 *output ? ": " : "", output);
	else if (status < 128)
		snprintf(text, size, "has ended, status %d%s%s", status,
			 *output ? ": " : "", output);
	else
		snprintf(text, size, "was ended by signal %d", status - 128);
}

void fs_daemon_kill(struct fs_daemon *daemon)
{
	if (daemon->started)
		program_kill(&daemon->program);
}

/*
 * virtiofsd ends by itself once its connection is closed; it has END_MS for
 * what it has begun, and is killed then.
 */
void fs_daemon_close(struct fs_daemon *daemon)
{
	if (!daemon)
		return;
	if (daemon->fd >= 0)
		close(daemon->fd);
	if (daemon->started)
		program_end(&daemon->program, END_MS);
	free(daemon);
}
