/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs need of the C library, which they are not linked with. The
 * compiler may emit calls of memset() and memcpy() by itself. Byte by byte:
 * size matters, not speed.
 */
#include "guest.h"

bool str_starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

bool str_eq(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void *memset(void *to, int byte, size_t len)
{
	char *p = to;

	while (len--)
		*p++ = (char)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
	const char *s = from;
	char *p = to;

	while (len--)
		*p++ = *s++;
	return to;
}
