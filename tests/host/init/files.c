/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, into the host and back: as frames, if possible in shared memory. */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "init.h"

static struct {
	int fd;
	char *at;
	size_t size, mapped, used;
} shared = { .fd = -1 };

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return good;
}

/*
 * Not before the first use: the state of a host is saved before that, and QEMU
 * only takes it back where the BAR was not mapped yet.
 */
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

/* Every page that is mapped costs time, so no more than what is needed is. */
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

static struct {
	int fd;
	char path[4096];
} into = { .fd = -1 };

/* data holds "MODE PATH" or "MODE PATH\0TARGET" */
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

void take_file_frame(char type, const char *data, size_t len)
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

void take_shared(uint64_t end)
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

/* Where a frame's content of that length goes, NULL if that is the port. */
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

/* Holes stay holes: a variable flash is 64 MiB of mostly nothing. */
static void give_data(int fd, uint64_t size)
{
	static char buf[CHUNK];
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

			if (pread(fd, to ? to : buf, n, from) != (ssize_t)n)
				say("file: short read\n");
			if (!to)
				send_frame('A', buf, n);
			from += n;
		}
		at = end;
	}
	wire = htole64(size);
	give('Z', &wire, sizeof(wire));
}

/* Everything below the folder `at`, named relative to where it began. */
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

/* Nobody else may be left to write to the files. */
void give_files(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		give_tree(fd, "");
	give_shared();
}
