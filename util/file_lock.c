/* SPDX-License-Identifier: GPL-2.0-or-later */
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

#define PATH_SIZE 64
#define MAX_FILE  SZ_64K /* of a file of procfs */

/* Letters that a terminal takes for something else do not get there. */
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

/* proc_pid_fdinfo(5): a line begins so for each lock of the description. */
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

static bool is_same_file(pid_t pid, const char *fd, const struct stat *st)
{
	char path[PATH_SIZE];
	struct stat other;

	snprintf(path, sizeof(path), "/proc/%d/fd/%.10s", (int)pid, fd);
	return !stat(path, &other) && other.st_ino == st->st_ino &&
	       other.st_dev == st->st_dev;
}

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

/* A lock of an open file description does not tell whose that is. */
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
