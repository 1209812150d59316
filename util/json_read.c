/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recursive descent parser of JSON (RFC 8259), used for QEMU's firmware
 * descriptors and for the control socket. Texts are not trusted: depth is
 * limited to JSON_MAX_DEPTH, the number of values is counted before one is
 * read, and the text is copied with a zero at its end, which no token contains,
 * so no bound is needed in the scanners.
 *
 * One allocation holds all values and, behind them, the copy of the text;
 * strings point into it, and so does the text of numbers, which is converted by
 * who wants one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "lkvm/util/json_read.h"
#include "lkvm/util/parse.h"

/* Strings are decoded in place, since no escape is shorter than its UTF-8. */
struct reader {
	char *pos;
	char *end;		   /* where the text's zero is */
	struct json_value *unused; /* the first of those allocated */
	unsigned int depth;
	const char *what; /* went wrong at `pos` */
};

static int read_value(struct reader *r, struct json_value *value);

/* An unexpected end is reported as such, as that is what cut files have. */
static int fail(struct reader *r, const char *what)
{
	r->what = r->pos == r->end ? "it ends too early" : what;
	return -EBADMSG;
}

static void skip_space(struct reader *r)
{
	r->pos += strspn(r->pos, " \t\n\r");
}

/* Takes the character if it is the next one after white space. */
static bool accept(struct reader *r, char c)
{
	skip_space(r);
	if (*r->pos != c)
		return false;
	r->pos++;
	return true;
}

/* The four digits of \uXXXX, one UTF-16 unit. */
static int read_unit(struct reader *r, u32 *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++) {
		u32 digit = digit_value(*r->pos);

		if (digit > 0xf)
			return fail(r, "\\u takes four hexadecimal digits");
		*unit = *unit << 4 | digit;
		r->pos++;
	}
	return 0;
}

/* RFC 3629, section 3. Returns the end of what it wrote, up to four bytes. */
static char *put_utf8(char *out, u32 c)
{
	static const u8 lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	unsigned int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

	*out++ = (char)(lead[more] | c >> (6 * more));
	while (more--)
		*out++ = (char)(0x80 | (c >> (6 * more) & 0x3f));
	return out;
}

/*
 * What follows "\u". Characters above U+FFFF are a pair of surrogates; a single
 * one is refused, as it has no UTF-8. So is U+0000: it would end the string.
 */
static int read_unicode(struct reader *r, char **out)
{
	u32 c, low;

	if (read_unit(r, &c))
		return -EBADMSG;
	if (!c)
		return fail(r, "a string holds U+0000");
	if (c >= 0xd800 && c < 0xdc00) {
		if (r->pos[0] != '\\' || r->pos[1] != 'u')
			return fail(r, "half of a surrogate pair");
		r->pos += 2;
		if (read_unit(r, &low))
			return -EBADMSG;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, "half of a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return fail(r, "half of a surrogate pair");
	}
	*out = put_utf8(*out, c);
	return 0;
}

/* What follows a backslash. */
static int read_escape(struct reader *r, char **out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	char c = *r->pos;
	const char *name = c ? strchr(names, c) : NULL;

	if (name) {
		*(*out)++ = values[name - names];
		r->pos++;
		return 0;
	}
	if (c != 'u')
		return fail(r, "unknown escape in a string");
	r->pos++;
	return read_unicode(r, out);
}

/* One character that stands for itself. */
static int read_plain(struct reader *r, char **out)
{
	u8 c = (u8)*r->pos;
	size_t len = c < 0x80 ? 1 : json_utf8_length(r->pos);

	if (c < 0x20)
		return fail(r, "control character in a string");
	if (!len)
		return fail(r, "a string is no UTF-8");
	memmove(*out, r->pos, len);
	*out += len;
	r->pos += len;
	return 0;
}

/* After the opening quotation mark. */
static int read_string(struct reader *r, const char **string)
{
	char *out = r->pos;
	int ret = 0;

	*string = out;
	while (!ret && *r->pos != '"') {
		if (*r->pos == '\\') {
			r->pos++;
			ret = read_escape(r, &out);
		} else {
			ret = read_plain(r, &out);
		}
	}
	if (ret)
		return ret;
	r->pos++;
	*out = '\0';
	return 0;
}

/* False if there are none. */
static bool skip_digits(struct reader *r)
{
	size_t n = strspn(r->pos, "0123456789");

	r->pos += n;
	return n;
}

/*
 * RFC 8259, section 6: no leading zeros, no plus sign, digits on both sides of
 * the point.
 */
static int scan_number(struct reader *r)
{
	if (*r->pos == '-')
		r->pos++;
	if (*r->pos == '0')
		r->pos++;
	else if (!skip_digits(r))
		return fail(r, "a value is expected here");
	if (*r->pos == '.') {
		r->pos++;
		if (!skip_digits(r))
			return fail(r, "a number has no digit after its point");
	}
	if ((*r->pos | 0x20) != 'e')
		return 0;
	r->pos++;
	if (*r->pos == '+' || *r->pos == '-')
		r->pos++;
	return skip_digits(r) ? 0 : fail(r, "a number has an empty exponent");
}

static int read_number(struct reader *r, struct json_value *value)
{
	int ret;

	value->type = JSON_NUMBER;
	value->number = r->pos;
	ret = scan_number(r);
	value->number_len = (u32)(r->pos - value->number);
	return ret;
}

/* A value that begins with none of '{', '[' and '"'. */
static int read_word(struct reader *r, struct json_value *value)
{
	static const struct {
		const char *word;
		enum json_type type;
	} words[] = {
		{ "null", JSON_NULL },
		{ "false", JSON_FALSE },
		{ "true", JSON_TRUE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i].word);

		if (strncmp(r->pos, words[i].word, len))
			continue;
		value->type = words[i].type;
		r->pos += len;
		return 0;
	}
	return read_number(r, value);
}

/* "name": before a member's value. */
static int read_name(struct reader *r, const struct json_value *object,
		     const char **name)
{
	if (!accept(r, '"'))
		return fail(r, "a name in quotation marks is missing");
	if (read_string(r, name))
		return -EBADMSG;
	if (json_member(object, *name))
		return fail(r, "an object has two members of one name");
	return accept(r, ':') ? 0 : fail(r, "':' is missing");
}

/*
 * Elements or members, after the opening bracket up to the closing one, `last`.
 */
static int read_items(struct reader *r, struct json_value *parent, char last)
{
	const struct json_value **link = &parent->first;

	if (accept(r, last))
		return 0;
	do {
		const char *name = NULL;
		struct json_value *item;
		int ret = 0;

		if (parent->type == JSON_OBJECT)
			ret = read_name(r, parent, &name);
		if (ret)
			return ret;
		item = r->unused++;
		item->name = name;
		ret = read_value(r, item);
		if (ret)
			return ret;
		*link = item;
		link = &item->next;
	} while (accept(r, ','));
	return accept(r, last) ? 0 : fail(r, "',' or a bracket is missing");
}

/* The limit bounds the stack that the recursion takes. */
static int read_nested(struct reader *r, struct json_value *value, char last)
{
	int ret;

	if (r->depth == JSON_MAX_DEPTH)
		return fail(r, "it is nested too deep");
	r->depth++;
	ret = read_items(r, value, last);
	r->depth--;
	return ret;
}

/* A leading bracket or quotation mark decides; accept() skips white space. */
static int read_value(struct reader *r, struct json_value *value)
{
	if (accept(r, '{')) {
		value->type = JSON_OBJECT;
		return read_nested(r, value, '}');
	}
	if (accept(r, '[')) {
		value->type = JSON_ARRAY;
		return read_nested(r, value, ']');
	}
	if (accept(r, '"')) {
		value->type = JSON_STRING;
		return read_string(r, &value->string);
	}
	return read_word(r, value);
}

static int read_all(struct reader *r, struct json_value *root)
{
	int ret = read_value(r, root);

	if (ret)
		return ret;
	skip_space(r);
	return r->pos == r->end ? 0 : fail(r, "something follows the value");
}

/*
 * An upper bound of the values: each but the first has one of these characters
 * before it. Those in strings count, too, which wastes memory but is safe.
 */
static size_t max_values(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '[' || text[i] == ',' || text[i] == ':';
	return n;
}

/* For messages; counted only when there is an error. */
static unsigned int line_at(const char *text, size_t pos)
{
	unsigned int line = 1;

	for (size_t i = 0; i < pos; i++)
		line += text[i] == '\n';
	return line;
}

/* Values and text are one allocation, so that one free() is enough. */
int json_read(const char *text, size_t len, struct json_value **root,
	      struct json_error *error)
{
	size_t values = max_values(text, len) * sizeof(struct json_value);
	struct json_value *first = calloc(1, values + len + 1);
	char *copy;
	struct reader r;

	if (!first)
		return -ENOMEM;
	copy = (char *)first + values;
	memcpy(copy, text, len);
	r = (struct reader) { .pos = copy,
			      .end = copy + len,
			      .unused = first + 1 };
	if (read_all(&r, first)) {
		error->line = line_at(text, (size_t)(r.pos - copy));
		error->what = r.what;
		free(first);
		return -EBADMSG;
	}
	*root = first;
	return 0;
}

/* Linear: objects of descriptors have a few members. */
const struct json_value *json_member(const struct json_value *object,
				     const char *name)
{
	const struct json_value *member;

	if (!json_is(object, JSON_OBJECT))
		return NULL;
	for (member = object->first; member; member = member->next)
		if (!strcmp(member->name, name))
			break;
	return member;
}

const char *json_string_of(const struct json_value *value)
{
	return value ? value->string : NULL;
}

int json_u64_of(const struct json_value *value, u64 *out)
{
	u64 sum = 0;

	if (!json_is(value, JSON_NUMBER))
		return -EINVAL;
	for (u32 i = 0; i < value->number_len; i++) {
		u32 digit = digit_value(value->number[i]);

		if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return -EINVAL;
	}
	*out = sum;
	return 0;
}

bool json_is(const struct json_value *value, enum json_type type)
{
	return value && value->type == type;
}

bool json_has_string(const struct json_value *array, const char *string)
{
	if (!json_is(array, JSON_ARRAY))
		return false;
	for (const struct json_value *v = array->first; v; v = v->next)
		if (v->string && !strcmp(v->string, string))
			return true;
	return false;
}
