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
 *	make NAME SIZE  write SIZE bytes of a pattern to it
 *	fill NAME COUNT SIZE...
 *	                make NAME000 and so on, COUNT of them, sizes in turn
 *	wear NAME [SIZE]
 *	                write a counter, or SIZE bytes, until that fails
 *	facts           print what the system is, as lines "fact NAME VALUE"
 *	acpi            print the ACPI tables in hexadecimal digits
 *	dmesg           print the kernel's log, each line after its priority
 *	powerkey        wait for the power key, and power off
 *	reboot          reset
 *	off             power off
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EFIVARS	     "/sys/firmware/efi/efivars"
#define OURS	     "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90"
#define TABLES	     "/sys/firmware/acpi/tables"
#define VALUE_MAX    65536
#define PRINTED_MAX  40
#define GUID_LEN     36
#define ATTRIBUTES   4
#define NON_VOLATILE 1
#define USUAL	     7 /* and for boot services and at run time */
#define DIGITS	     32
#define WORDS_MAX    24

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

/* Of a variable that could not be made an empty file is left. */
static void remove_failed(const char *file)
{
	int error = errno;

	unguard(file);
	unlink(file);
	errno = error;
}

/* Each variable's bytes are others; efivarfs.py knows them, too. */
static size_t pattern(const char *name, unsigned int size)
{
	unsigned int seed = 0;

	if (size > VALUE_MAX - ATTRIBUTES)
		size = VALUE_MAX - ATTRIBUTES;
	while (*name)
		seed = seed * 31 + (unsigned char)*name++;
	memset(value, 0, ATTRIBUTES);
	value[0] = USUAL;
	for (unsigned int i = 0; i < size; i++)
		value[ATTRIBUTES + i] = (uint8_t)(seed + i + i / 256);
	return ATTRIBUTES + size;
}

static bool make(const char *name, const char *size)
{
	struct stat before;
	char file[256];
	bool was_there;

	file_of(name, file, sizeof(file));
	was_there = !stat(file, &before);
	set(name, value, pattern(name, (unsigned int)atoi(size)));
	if (!errno)
		return true;
	if (!was_there)
		remove_failed(file);
	return false;
}

static void make_one(const char *name, const char *size)
{
	make(name, size);
	tell("make", name);
}

static void fill(const char *prefix, unsigned int count, char *sizes[],
		 unsigned int nr_sizes)
{
	unsigned int i;
	char name[64];

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%03u", prefix, i);
		if (!make(name, sizes[i % nr_sizes]))
			break;
	}
	if (i == count)
		snprintf(name, sizeof(name), "%u", count);
	tell("fill", name);
}

static void wear(const char *name, const char *size)
{
	uint32_t attributes = USUAL, counter = 0;
	size_t len = pattern(name, size ? (unsigned int)atoi(size) : 4);

	memcpy(value, &attributes, ATTRIBUTES);
	puts("wear begins");
	do {
		counter++;
		memcpy(value + ATTRIBUTES, &counter, sizeof(counter));
		set(name, value, len);
	} while (!errno);
	tell("wear", name);
}

/* ---- the system --------------------------------------------------------- */

static ssize_t read_file(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	close(fd);
	return n;
}

/* The first line of a file, or "none". */
static void print_fact(const char *name, const char *path)
{
	char text[1024];
	ssize_t n = read_file(path, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	text[strcspn(text, "\n")] = 0;
	printf("fact %s %s\n", name, n < 0 ? "none" : text);
}

/* OEM strings of these tests, wherever they are in the SMBIOS tables. */
static void print_oem(void)
{
	ssize_t n = read_file("/sys/firmware/dmi/tables/DMI", value,
			      sizeof(value) - 1);
	const char *at = (const char *)value, *end = at + n;

	if (n <= 0)
		return;
	value[n] = 0;
	for (; at < end; at += strlen(at) + 1) {
		const char *text = strstr(at, "lkvm.test:");

		if (text)
			printf("fact oem %s\n", text);
	}
}

static void print_facts(void)
{
	static const struct {
		const char *name, *path;
	} facts[] = {
		{ "cmdline", "/proc/cmdline" },
		{ "cpus", "/sys/devices/system/cpu/online" },
		{ "console", "/sys/class/tty/console/active" },
		{ "rtc", "/sys/class/rtc/rtc0/name" },
		{ "efi", "/sys/firmware/efi/fw_platform_size" },
		{ "pm_profile", "/sys/firmware/acpi/pm_profile" },
		{ "model", "/proc/device-tree/model" },
		{ "sys_vendor", "/sys/class/dmi/id/sys_vendor" },
		{ "product_name", "/sys/class/dmi/id/product_name" },
		{ "bios_vendor", "/sys/class/dmi/id/bios_vendor" },
		{ "product_serial", "/sys/class/dmi/id/product_serial" },
		{ "product_uuid", "/sys/class/dmi/id/product_uuid" },
		{ "chassis_tag", "/sys/class/dmi/id/chassis_asset_tag" },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		print_fact(facts[i].name, facts[i].path);
	print_oem();
	printf("fact acpi %s\n", access(TABLES, F_OK) ? "none" : "there");
	puts("fact end");
}

static void print_table(const char *name)
{
	char path[512];
	ssize_t size;

	snprintf(path, sizeof(path), TABLES "/%s", name);
	size = read_file(path, value, sizeof(value));
	printf("table %s\n", name);
	for (ssize_t i = 0; i < size; i++)
		printf("%02x%s", value[i],
		       i % DIGITS == DIGITS - 1 || i == size - 1 ? "\n" : "");
}

static void print_tables(void)
{
	DIR *dir = opendir(TABLES);
	struct dirent *entry;

	puts("acpi begins");
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			print_table(entry->d_name);
	puts("acpi ends");
	if (dir)
		closedir(dir);
}

/*
 * A record begins "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;", PRIORITY with the
 * facility above its lowest three bits; after the message there may be lines
 * for machines. Linux, Documentation/ABI/testing/dev-kmsg.
 */
static void print_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], *text;
	ssize_t n;

	puts("dmesg begins");
	while ((n = read(fd, record, sizeof(record) - 1)) > 0) {
		record[n] = 0;
		text = strchr(record, ';');
		if (!text)
			continue;
		text[1 + strcspn(text + 1, "\n")] = 0;
		printf("%d %s\n", atoi(record) & 7, text + 1);
	}
	puts("dmesg ends");
	close(fd);
}

static void await_power_key(void)
{
	struct input_event event = { .type = 0 };
	int fd;

	load_module("/evdev.ko");
	fd = open("/dev/input/event0", O_RDONLY | O_CLOEXEC);
	errno = fd < 0 ? errno : 0;
	tell("open", "power key");
	fflush(stdout);
	while (read(fd, &event, sizeof(event)) == sizeof(event))
		if (event.type == EV_KEY && event.code == KEY_POWER &&
		    event.value == 1)
			break;
	printf("fact key %d\n", event.code);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
}

/* ---- commands ----------------------------------------------------------- */

static bool obey_bare(const char *verb)
{
	static const struct {
		const char *verb;
		void (*run)(void);
	} commands[] = {
		{ "list", list },
		{ "facts", print_facts },
		{ "acpi", print_tables },
		{ "dmesg", print_log },
		{ "powerkey", await_power_key },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].verb, verb)) {
			commands[i].run();
			return true;
		}
	}
	return false;
}

static int split(char *line, char *words[WORDS_MAX + 1])
{
	char *save = NULL;
	int n = 0;

	for (char *word = strtok_r(line, " \r\n", &save); word && n < WORDS_MAX;
	     word = strtok_r(NULL, " \r\n", &save))
		words[n++] = word;
	words[n] = NULL;
	return n;
}

static void obey(char *line)
{
	char *words[WORDS_MAX + 1], *verb, *name;
	int n = split(line, words);

	if (!n)
		return;
	verb = words[0];
	name = words[1];
	if (n == 1 && obey_bare(verb))
		return;
	if (!strcmp(verb, "set") && n == 3)
		set_hex(name, words[2]);
	else if (!strcmp(verb, "delete") && n == 2)
		delete_variable(name);
	else if (!strcmp(verb, "make") && n == 3)
		make_one(name, words[2]);
	else if (!strcmp(verb, "fill") && n > 3)
		fill(name, (unsigned int)atoi(words[2]), words + 3,
		     (unsigned int)n - 3);
	else if (!strcmp(verb, "wear") && n >= 2)
		wear(name, words[2]);
	else if (!strcmp(verb, "off"))
		reboot(RB_POWER_OFF);
	else if (!strcmp(verb, "reboot"))
		reboot(RB_AUTOBOOT);
	else
		printf("%s: no such command\n", verb);
}

int main(void)
{
	char line[512];

	mkdir("/proc", 0555);
	mount_at("proc", "/proc");
	mount_at("devtmpfs", "/dev");
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
