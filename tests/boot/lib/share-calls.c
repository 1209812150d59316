/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that busybox has no command for, on files of a share.
 *
 *	xattr FILE           set, replace, list and remove attributes
 *	lock FILE            take a lock of a range, and see that another
 *process does not get it until it is gone try FILE             print whether
 *bytes 10 to 19 can be locked hold FILE COMMAND... run the command while these
 *are locked unlinked FILE        go on with a file that has lost its name
 *
 * Each but hold prints one line, "fact CALL good" or what went wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *call;

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("fact %s %s failed: %s\n", call, what, strerror(errno));
	exit(1);
}

/* Of bytes 10 to 19; 0 or -1. */
static int lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_start = 10, .l_len = 10 };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static void try_xattr(const char *file)
{
	static const char list[] = "user.two\0user.one";
	char buf[256];

	check(!setxattr(file, "user.one", "value", 5, XATTR_CREATE), "create");
	check(setxattr(file, "user.one", "v", 1, XATTR_CREATE) &&
		      errno == EEXIST,
	      "create again");
	check(!setxattr(file, "user.one", "other", 5, XATTR_REPLACE),
	      "replace");
	check(!setxattr(file, "user.two", "", 0, 0), "empty value");
	check(getxattr(file, "user.one", buf, sizeof(buf)) == 5, "get");
	check(!memcmp(buf, "other", 5), "compare");
	check(!getxattr(file, "user.two", buf, sizeof(buf)), "get empty");
	check(getxattr(file, "user.none", buf, sizeof(buf)) < 0 &&
		      errno == ENODATA,
	      "get none");
	/* In whatever order. */
	check(listxattr(file, buf, sizeof(buf)) == sizeof(list), "list");
	check(!removexattr(file, "user.two"), "remove");
	check(listxattr(file, buf, sizeof(buf)) == sizeof("user.one"),
	      "list again");
}

/* In another process: 0 if it gets the lock. */
static int other(const char *file)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		int fd = open(file, O_RDWR);

		_exit(fd < 0 ? 2 : lock(fd, F_WRLCK) ? 1 : 0);
	}
	check(child > 0 && waitpid(child, &status, 0) == child, "fork");
	return WEXITSTATUS(status);
}

static void try_lock(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT, 0644);

	check(fd >= 0, "open");
	check(!lock(fd, F_WRLCK), "lock");
	check(other(file) == 1, "exclusion");
	check(!lock(fd, F_UNLCK), "unlock");
	check(!other(file), "lock of another");
	check(!lock(fd, F_RDLCK), "shared lock");
}

static void try_unlinked(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	struct stat st;
	char buf[8];

	check(fd >= 0, "open");
	check(!unlink(file), "unlink");
	check(pwrite(fd, "content", 7, 0) == 7, "write");
	check(pread(fd, buf, 8, 0) == 7 && !memcmp(buf, "content", 7), "read");
	check(!fstat(fd, &st) && st.st_size == 7, "stat");
	check(!ftruncate(fd, 3) && !fchmod(fd, 0640), "change");
	check(!fstat(fd, &st) && st.st_size == 3, "stat again");
	check(!fsync(fd), "sync");
	check(access(file, F_OK), "name");
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	call = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(call, "hold")) {
		fd = open(argv[2], O_RDWR);
		if (fd < 0 || lock(fd, F_WRLCK))
			return 2;
		execvp(argv[3], argv + 3);
		return 2;
	}
	if (!strcmp(call, "try")) {
		fd = open(argv[2], O_RDWR);
		printf("fact try %s\n", fd < 0		     ? "failed"
					: !lock(fd, F_WRLCK) ? "locked"
					: errno == EAGAIN    ? "refused"
							     : strerror(errno));
		return 0;
	}
	if (!strcmp(call, "xattr"))
		try_xattr(argv[2]);
	else if (!strcmp(call, "lock"))
		try_lock(argv[2]);
	else if (!strcmp(call, "unlinked"))
		try_unlinked(argv[2]);
	else
		return 2;
	printf("fact %s good\n", call);
	return 0;
}
