/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of any origin within XML 1.0. */
#ifndef LKVM_UTIL_XML_H
#define LKVM_UTIL_XML_H

#include <stdio.h>

/*
 * Writes `s` so that it can stand in an element or between double quotes: what
 * XML has no way to write becomes a question mark. For errors see ferror(out).
 */
void xml_put(FILE *out, const char *s);

#endif
