/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes hold a lock on a file, for `lkvm flash info`. lkvm locks
 * flash files by open file description (fcntl(2), F_OFD_SETLK), for which
 * F_GETLK returns a process ID of -1. So holders are searched for in procfs:
 * descriptors that are open for the same inode, whose fdinfo lists a lock.
 *
 * The answer is a snapshot and may be incomplete: other users' descriptors are
 * hidden, and processes come and go. It is only printed; whether a file can be
 * used is decided by locking it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/file.h"
#include "lkvm/util/file_lock.h"

#define PATH_SIZE 64	 /* of a name below /proc */
#define MAX_FILE  SZ_64K /* of a file of procfs */

/*
 * proc_pid_comm(5). A process chooses its own name: what is not printable ASCII
 * becomes '?', so that no escape sequence gets to the terminal.
 */
static void read_command(pid_t pid, char command[FILE_LOCK_COMMAND])
{
	char path[PATH_SIZE];
	size_t len;
	void *buf;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	command[0] = '\0';
	if (file_read_all(path, MAX_FILE, &buf, &len))
		return;
	snprintf(command, FILE_LOCK_COMMAND, "%.*s", (int)strcspn(buf, "\n"),
		 (const char *)buf);
	free(buf);
	for (char *c = command; *c; c++)
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
}

/* One entry for each process, though it may have several descriptors. */
static void add_user(struct file_lock *lock, pid_t pid)
{
	for (size_t i = 0; i < lock->nr_users; i++)
		if (lock->users[i].pid == pid)
			return;
	if (lock->nr_users == FILE_LOCK_USERS)
		return;
	lock->users[lock->nr_users].pid = pid;
	read_command(pid, lock->users[lock->nr_users].command);
	lock->nr_users++;
}

/*
 * proc_pid_fdinfo(5) has a line "lock:" for each lock of the open file
 * description.
 */
static bool holds_lock(pid_t pid, const char *fd)
{
	char path[PATH_SIZE];
	bool found;
	size_t len;
	void *buf;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.10s", (int)pid, fd);
	if (file_read_all(path, MAX_FILE, &buf, &len))
		return false;
	found = strstr(buf, "\nlock:");
	free(buf);
	return found;
}

/* stat(2) of the link below /proc, which works for deleted files as well. */
static bool is_same_file(pid_t pid, const char *fd, const struct stat *st)
{
	char path[PATH_SIZE];
	struct stat other;

	snprintf(path, sizeof(path), "/proc/%d/fd/%.10s", (int)pid, fd);
	return !stat(path, &other) && other.st_ino == st->st_ino &&
	       other.st_dev == st->st_dev;
}

/* A process that has ended meanwhile, or is another user's, adds nothing. */
static void look_at_process(struct file_lock *lock, pid_t pid,
			    const struct stat *st)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    is_same_file(pid, entry->d_name, st) &&
		    holds_lock(pid, entry->d_name))
			add_user(lock, pid);
	closedir(dir);
}

/*
 * Entries of /proc that are no number are not processes; strtol(3) returns 0
 * for them.
 */
static void look_at_all(struct file_lock *lock, const struct stat *st)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			look_at_process(lock, (pid_t)pid, st);
	}
	closedir(dir);
}

/*
 * Queries for a write lock, which conflicts with locks of both kinds. l_pid is
 * set for the older locks, which belong to a process.
 */
int file_lock_query(int fd, struct file_lock *lock)
{
	struct flock query = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	memset(lock, 0, sizeof(*lock));
	if (fcntl(fd, F_OFD_GETLK, &query) < 0 || fstat(fd, &st) < 0)
		return -errno;
	lock->locked = query.l_type != F_UNLCK;
	lock->exclusive = query.l_type == F_WRLCK;
	if (lock->locked && query.l_pid > 0)
		add_user(lock, query.l_pid);
	if (lock->locked)
		look_at_all(lock, &st);
	return 0;
}
