/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes unified kernel images, for tests. */
#ifndef TESTS_UKI_FIXTURE_H
#define TESTS_UKI_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "lkvm/util/util.h"

#define UKI_PE	     0x80
#define UKI_OPTIONAL 0xa0
#define UKI_TABLE    (UKI_PE + 0x18 + UKI_OPTIONAL)
#define UKI_HEADER   0x28  /* of a section */
#define UKI_DATA     0x400 /* where the sections' data begins */
#define UKI_ALIGN    0x200 /* and what it is padded to */

struct uki_part {
	const char *name;
	const void *data;
	size_t size;
};

static inline void uki_put(u8 *p, u64 value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (u8)(value >> 8 * i);
}

/* The image of `n` sections, from malloc(). Padding is no zeros. */
static inline u8 *uki_make(const struct uki_part *parts, size_t n, size_t *len)
{
	size_t at = UKI_DATA;
	u8 *out;

	for (size_t i = 0; i < n; i++)
		at += ALIGN_UP(parts[i].size, UKI_ALIGN);
	*len = at;
	out = malloc(at);
	memset(out, 0, UKI_DATA);
	memset(out + UKI_DATA, 0xa5, at - UKI_DATA);
	memcpy(out, "MZ", 2);
	uki_put(out + 0x3c, UKI_PE, 4);
	memcpy(out + UKI_PE, "PE\0\0\x64\xaa", 6);
	uki_put(out + UKI_PE + 0x06, n, 2);
	uki_put(out + UKI_PE + 0x14, UKI_OPTIONAL, 2);
	at = UKI_DATA;
	for (size_t i = 0; i < n; i++) {
		u8 *header = out + UKI_TABLE + i * UKI_HEADER;
		size_t raw = ALIGN_UP(parts[i].size, UKI_ALIGN);

		strncpy((char *)header, parts[i].name, 8);
		uki_put(header + 0x08, parts[i].size, 4);
		uki_put(header + 0x10, raw, 4);
		uki_put(header + 0x14, at, 4);
		memcpy(out + at, parts[i].data, parts[i].size);
		at += raw;
	}
	return out;
}

#endif
