/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings, messages and files: see lib.h. The program is the /init of an
 * archive that lkvm has in itself, so it is small and without a C library:
 * system calls are those of sys.h. It has one thread, and some buffers are
 * static.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/reboot.h>
#include <stdarg.h>

#include "lib.h"
#include "sys.h"

#define STDERR 2

/* A byte at a time: nothing here is long. */
void *memcpy(void *to, const void *from, size_t len)
{
	const unsigned char *f = from;
	unsigned char *t = to;

	while (len--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, size_t len)
{
	unsigned char *t = to;

	while (len--)
		*t++ = (unsigned char)value;
	return to;
}

size_t strlen(const char *s)
{
	size_t len = 0;

	while (s[len])
		len++;
	return len;
}

bool is_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const char *after(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

unsigned int to_number(const char *s)
{
	unsigned int n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + (unsigned int)(*s++ - '0');
	return n;
}

char *from_number(char *to, unsigned int n)
{
	char digits[12], *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return memcpy(to, p, (size_t)(digits + sizeof(digits) - p));
}

/* The strings that fit; false if one does not. */
static bool vjoin(char *to, size_t size, const char *s, va_list args)
{
	size_t used = 0;

	to[0] = '\0';
	for (; s; s = va_arg(args, const char *)) {
		size_t len = strlen(s);

		if (len >= size - used)
			return false;
		memcpy(to + used, s, len + 1);
		used += len;
	}
	return true;
}

bool join(char *to, size_t size, ...)
{
	va_list args;
	bool fits;

	va_start(args, size);
	fits = vjoin(to, size, va_arg(args, const char *), args);
	va_end(args);
	return fits;
}

/*
 * The head tells lkvm's lines from the kernel's and the program's. A line that
 * is too long is cut.
 */
void say(const char *first, ...)
{
	static const char head[] = "lkvm: ";
	char line[512];
	va_list args;

	va_start(args, first);
	vjoin(line, sizeof(line), first, args);
	va_end(args);
	sys_write(STDERR, head, sizeof(head) - 1);
	sys_write(STDERR, line, strlen(line));
	sys_write(STDERR, "\n", 1);
}

/* Those that one may get to see, in the words of what is done here. */
const char *error_name(int err)
{
	static char text[24];
	static const struct {
		int err;
		const char *name;
	} names[] = {
		{ ENOENT, "no such file or device" },
		{ ENOEXEC, "not made for this kernel" },
		{ ENOMEM, "out of memory" },
		{ EACCES, "permission denied" },
		{ ENODEV, "this kernel has no such file system" },
		{ ENOTDIR, "not a directory" },
		{ EINVAL, "invalid argument" },
		{ ENOSYS, "this kernel does not have that" },
		{ EOPNOTSUPP, "this kernel does not support that" },
		{ ELOOP, "too many links" },
		{ E2BIG, "too many arguments" },
		{ EROFS, "it is read-only" },
	};
	char number[12];

	err = err < 0 ? -err : err;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	join(text, sizeof(text), "error ",
	     from_number(number, (unsigned int)err), NULL);
	return text;
}

/* Files of procfs and sysfs give less than is asked for. */
long read_file(const char *path, char *to, size_t size)
{
	int fd = sys_open(path, O_RDONLY);
	size_t used = 0;
	long n = fd;

	while (fd >= 0 && used < size - 1) {
		n = sys_read(fd, to + used, size - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (fd >= 0)
		sys_close(fd);
	to[used] = '\0';
	return n < 0 ? n : (long)used;
}

/* What is printed last is on its way still: TCSBRK with 1 is tcdrain(3). */
void power_off(void)
{
	sys3(__NR_ioctl, STDERR, TCSBRK, 1);
	sys1(__NR_sync, 0);
	sys4(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
	     LINUX_REBOOT_CMD_POWER_OFF, 0);
	for (;;)
		sys4(__NR_ppoll, 0, 0, 0, 0);
}
