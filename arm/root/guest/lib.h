/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, messages and files for a program without a C library. */
#ifndef ROOT_GUEST_LIB_H
#define ROOT_GUEST_LIB_H

#include <stdbool.h>
#include <stddef.h>

/* What the compiler calls, and others: as in <string.h>. */
void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
size_t strlen(const char *s);

bool is_equal(const char *a, const char *b);

/* What follows `prefix` in `s`, or NULL if it does not begin with that. */
const char *after(const char *s, const char *prefix);

/* A decimal number; what is none ends it. */
unsigned int to_number(const char *s);

/* Writes `n` to to[12], with a zero; returns `to`. */
char *from_number(char *to, unsigned int n);

/* Joins strings, up to NULL, in to[size]. False if they do not fit. */
bool join(char *to, size_t size, ...) __attribute__((sentinel));

/* Prints a line of strings, up to NULL, on the console. */
void say(const char *first, ...) __attribute__((sentinel));

/* What an error of a system call means, or "error N". */
const char *error_name(int err);

/* Reads up to size - 1 bytes of a file, and a zero behind them; <0: error. */
long read_file(const char *path, char *to, size_t size);

/* Ends the machine. If the kernel does not, the program waits forever. */
void power_off(void) __attribute__((noreturn));

#endif
