/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process of a Linux booted by UEFI: does to its variables what it
 * is told on the console. NAME is of our namespace, a value is hexadecimal
 * digits, its attributes first (32 bits, little endian).
 *
 *	list            print what is not volatile: values, or the size and
 *	                a hash of a long one
 *	set NAME VALUE  write it
 *	delete NAME     remove it
 *	wear NAME       write a counter to it, without end
 *	off             power off
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EFIVARS	     "/sys/firmware/efi/efivars"
#define OURS	     "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90"
#define VALUE_MAX    65536
#define PRINTED_MAX  40
#define GUID_LEN     36
#define ATTRIBUTES   4
#define NON_VOLATILE 1

static uint8_t value[VALUE_MAX];

static void tell(const char *what, const char *name)
{
	if (errno)
		printf("%s %s failed: %s\n", what, name, strerror(errno));
	else
		printf("%s %s done\n", what, name);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	errno = 0;
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
		tell("load", path);
	close(fd);
}

static void mount_at(const char *type, const char *dir)
{
	errno = 0;
	if (mount(type, dir, type, 0, NULL) < 0)
		tell("mount", dir);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const uint8_t *bytes, ssize_t size)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (ssize_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	return sum;
}

/* Little, for each byte costs: a GUID only if it is not that of the last line.
 */
static void print_variable(const char *name, char last_guid[GUID_LEN + 1])
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, value, sizeof(value));
	int name_len = (int)strlen(name) - GUID_LEN - 1;

	close(fd);
	if (size < ATTRIBUTES || name_len < 0) {
		tell("read", name);
		return;
	}
	if (!(value[0] & NON_VOLATILE))
		return;
	if (strcmp(last_guid, name + name_len + 1)) {
		strcpy(last_guid, name + name_len + 1);
		printf("guid %s\n", last_guid);
	}
	printf("%.*s: ", name_len, name);
	if (size > PRINTED_MAX)
		printf("%zd %016" PRIx64, size, hash(value, size));
	else
		for (ssize_t i = 0; i < size; i++)
			printf("%02x", value[i]);
	putchar('\n');
}

static void list(void)
{
	DIR *dir = opendir(".");
	char last_guid[GUID_LEN + 1] = "";
	struct dirent *entry;

	puts("list begins");
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			print_variable(entry->d_name, last_guid);
	puts("list ends");
	if (dir)
		closedir(dir);
}

/* Linux guards variables of which it does not know that they may change. */
static void unguard(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int flags = 0;

	if (fd < 0)
		return;
	if (!ioctl(fd, FS_IOC_GETFLAGS, &flags) && flags & FS_IMMUTABLE_FL) {
		flags &= ~FS_IMMUTABLE_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}

static void file_of(const char *name, char *file, size_t size)
{
	snprintf(file, size, "%s-" OURS, name);
}

/* Leaves the error, or 0, in errno. */
static void set(const char *name, const uint8_t *bytes, size_t size)
{
	char file[256];
	ssize_t done;
	int fd;

	file_of(name, file, sizeof(file));
	unguard(file);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	done = write(fd, bytes, size);
	if (done >= 0)
		errno = (size_t)done == size ? 0 : EIO;
	close(fd);
}

static void set_hex(const char *name, const char *digits)
{
	size_t size = 0;

	while (sscanf(digits + 2 * size, "%2hhx", &value[size]) == 1)
		size++;
	set(name, value, size);
	tell("set", name);
}

static void delete_variable(const char *name)
{
	char file[256];

	file_of(name, file, sizeof(file));
	unguard(file);
	errno = 0;
	unlink(file);
	tell("delete", name);
}

static void wear(const char *name)
{
	struct {
		uint32_t attributes, counter;
	} data = { 7, 0 };

	puts("wear begins");
	do {
		data.counter++;
		set(name, (const uint8_t *)&data, sizeof(data));
	} while (!errno);
	tell("wear", name);
}

static void obey(char *line)
{
	char *save = NULL, *verb, *name, *digits;

	verb = strtok_r(line, " \r\n", &save);
	name = strtok_r(NULL, " \r\n", &save);
	digits = strtok_r(NULL, " \r\n", &save);
	if (!verb)
		return;
	if (!strcmp(verb, "list"))
		list();
	else if (!strcmp(verb, "set") && digits)
		set_hex(name, digits);
	else if (!strcmp(verb, "delete") && name)
		delete_variable(name);
	else if (!strcmp(verb, "wear") && name)
		wear(name);
	else if (!strcmp(verb, "off"))
		reboot(RB_POWER_OFF);
	else
		printf("%s: no such command\n", verb);
}

int main(void)
{
	char line[512];

	mount_at("sysfs", "/sys");
	load_module("/efivarfs.ko");
	mount_at("efivarfs", EFIVARS);
	if (chdir(EFIVARS))
		tell("chdir", EFIVARS);
	do {
		puts("ready");
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin) && (obey(line), true));
	reboot(RB_POWER_OFF);
	return 0;
}
