/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text in XML. XML 1.0 (section 2.2, "Characters") has no way to write most
 * control characters, not even as references, so those are question marks here.
 */
#include <string.h>

#include "lkvm/util/json.h"
#include "lkvm/util/util.h"
#include "lkvm/util/xml.h"

/* What is valid UTF-8 stays, but for the two last code points of the BMP. */
static size_t put_char(FILE *out, const char *s)
{
	size_t len = json_utf8_length(s);
	u8 c = (u8)*s;

	if (len && memcmp(s, "\xef\xbf\xbe", 3) &&
	    memcmp(s, "\xef\xbf\xbf", 3)) {
		fwrite(s, 1, len, out);
		return len;
	}
	if (c == '&')
		fputs("&amp;", out);
	else if (c == '<')
		fputs("&lt;", out);
	else if (c == '>')
		fputs("&gt;", out);
	else if (c == '"')
		fputs("&quot;", out);
	else if ((c >= ' ' && c < 0x7f) || c == '\n' || c == '\t')
		putc(c, out);
	else
		putc('?', out);
	return MAX(len, 1UL);
}

void xml_put(FILE *out, const char *s)
{
	while (*s)
		s += put_char(out, s);
}
