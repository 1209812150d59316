/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls of Linux for arm64. The program has no C library: it has to be
 * small, as it is part of lkvm, and to be built wherever lkvm is. All return a
 * negative errno.
 */
#ifndef ROOT_GUEST_SYS_H
#define ROOT_GUEST_SYS_H

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <stddef.h>

/* Linux arch/arm64/include/uapi: number in x8, result in x0. */
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

#define sys1(n, a)	 sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b)	 sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c) sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(n, a, b, c, d) \
	sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(n, a, b, c, d, e) \
	sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static inline int sys_open(const char *path, int flags)
{
	return (int)sys4(__NR_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return sys3(__NR_read, fd, buf, len);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return sys3(__NR_write, fd, buf, len);
}

static inline void sys_close(int fd)
{
	sys1(__NR_close, fd);
}

static inline int sys_ioctl(int fd, unsigned long request, const void *arg)
{
	return (int)sys3(__NR_ioctl, fd, request, arg);
}

static inline int sys_mkdir(const char *path, int mode)
{
	return (int)sys3(__NR_mkdirat, AT_FDCWD, path, mode);
}

static inline int sys_symlink(const char *target, const char *path)
{
	return (int)sys3(__NR_symlinkat, target, AT_FDCWD, path);
}

static inline int sys_mount(const char *source, const char *target,
			    const char *type, unsigned long flags,
			    const char *data)
{
	return (int)sys5(__NR_mount, source, target, type, flags, data);
}

static inline int sys_chdir(const char *path)
{
	return (int)sys1(__NR_chdir, path);
}

static inline int sys_dup3(int from, int to)
{
	return (int)sys3(__NR_dup3, from, to, 0);
}

static inline int sys_execve(const char *path, char *const argv[],
			     char *const envp[])
{
	return (int)sys3(__NR_execve, path, argv, envp);
}

#endif
