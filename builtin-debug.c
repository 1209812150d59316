/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm debug`: where the vCPUs of a guest are, by their registers and stacks,
 * and with the names of the functions if a kernel's symbols are given; or a
 * sysrq key for the guest's kernel.
 *
 * One thread. What the guest's lkvm answers is printed as it comes: it may be
 * of another version, and have more registers or fewer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-control.h"
#include "builtin.h"
#include "lkvm/config/serial.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"
#include "lkvm/util/symbols.h"

/*
 * Linux, arch/arm64: a kernel is moved by 64 KiB at least, so that the map of
 * another one seldom fits by chance.
 */
#define STEP SZ_64K

static int parse_offset(const char *arg, void *config);

static const struct option_def debug_options[] = {
	OPT_FLAG(0, "json", struct control_options, json, "Print JSON"),
	OPT_STRING(0, "symbols", struct control_options, symbols, "FILE",
		   "Names of functions: the kernel's System.map, or what nm "
		   "prints"),
	OPT_CALLBACK(0, "offset", parse_offset, "HEX",
		     "How far the kernel is from the addresses of --symbols, "
		     "if that is not found out"),
	OPT_STRING(0, "sysrq", struct control_options, sysrq, "KEY",
		   "Send the guest's Linux a sysrq key, and print nothing"),
	OPT_U32(0, "port", struct control_options, port, 0, SERIAL_MAX - 1, "N",
		"With --sysrq: the serial port N in place of the console"),
	OPT_END(),
};

static const struct control_usage debug_usage = {
	.command = "debug",
	.synopsis = "lkvm debug [--json] [--symbols FILE] [--offset HEX] "
		    "[--sysrq KEY] [--port N] NAME",
	.help = "Prints the registers of all vCPUs of the guest NAME, which "
		"stops for that moment, and\nwhich functions they are in.\n",
	.wants = 1,
	.options = debug_options,
};

/* ---- Options ------------------------------------------------------------- */

/* A hexadecimal number, with or without 0x before it. */
static bool parse_hex(const char *s, u64 *value)
{
	char text[24];

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	snprintf(text, sizeof(text), "0x%s", s);
	return strlen(s) <= 16 && !parse_u64(text, 0, UINT64_MAX, value);
}

static int parse_offset(const char *arg, void *config)
{
	struct control_options *options = config;

	if (!parse_hex(arg, &options->offset)) {
		pr_fatal("debug: --offset %s: want a hexadecimal number", arg);
		return -EINVAL;
	}
	options->has_offset = true;
	return 0;
}

static int check_options(const struct control_options *options)
{
	const char *what = NULL;

	if (options->sysrq && (!is_word(options->sysrq) || options->sysrq[1]))
		what = "--sysrq: want one character";
	else if (options->sysrq && (options->json || options->symbols))
		what = "--sysrq prints nothing: --json and --symbols do not go "
		       "with it";
	else if (options->port != CONTROL_NO_PORT && !options->sysrq)
		what = "--port is for --sysrq";
	else if (options->json && options->symbols)
		what = "--json has addresses alone, without --symbols";
	else if (options->has_offset && !options->symbols)
		what = "--offset is for --symbols";
	if (!what)
		return 0;
	pr_fatal("debug: %s", what);
	return -EINVAL;
}

/* ---- sysrq --------------------------------------------------------------- */

static int send_sysrq(struct control_link *link,
		      const struct control_options *options)
{
	const char *key = options->sysrq;
	char arguments[64];
	int len, ret;

	len = snprintf(arguments, sizeof(arguments), "{\"key\":\"%s%s\"",
		       *key == '"' || *key == '\\' ? "\\" : "", key);
	if (options->port != CONTROL_NO_PORT)
		len += snprintf(arguments + len,
				sizeof(arguments) - (size_t)len, ",\"port\":%u",
				options->port);
	snprintf(arguments + len, sizeof(arguments) - (size_t)len, "}");
	ret = control_link_tell(link, "sysrq", arguments, CONTROL_ANSWER_MS);
	return ret ? control_report(&debug_usage, options, link, ret) : 0;
}

/* ---- Symbols ------------------------------------------------------------- */

/* Of a program whose addresses are `offset` above those of the file. */
struct names {
	struct symbols symbols;
	u64 offset;
	bool known; /* there are symbols, and the offset is right */
};

static int read_names(struct names *names, const char *path)
{
	size_t line;
	int ret = symbols_read(&names->symbols, path, &line);

	if (ret == -EBADMSG)
		pr_fatal("debug: --symbols %s: line %zu is no address, type "
			 "and name",
			 path, line);
	else if (ret == -ENOMSG)
		pr_fatal("debug: --symbols %s: there are none", path);
	else if (ret)
		pr_fatal("debug: --symbols %s: %s", path, strerror(-ret));
	return ret;
}

/* The number that a member of JSON is in hexadecimal; false: it is none. */
static bool hex_of(const struct json_value *value, u64 *number)
{
	const char *text = json_string_of(value);

	return text && parse_hex(text, number);
}

/* Whether the vCPU is at a symbol, if they are so far from their addresses. */
static bool is_inside(const struct symbols *symbols,
		      const struct json_value *vcpu, u64 offset)
{
	const struct json_value *stack = json_member(vcpu, "stack");
	const struct json_value *v = json_is(stack, JSON_ARRAY) ? stack->first
								: NULL;
	u64 address;

	for (; v; v = v->next)
		if (hex_of(v, &address) &&
		    symbols_find(symbols, address - offset))
			return true;
	return false;
}

/*
 * Linux has its vector table, `vectors`, in VBAR_EL1 while it runs. In user
 * space it may be another table: so the offset has to explain where a vCPU is,
 * unless it is none.
 */
static bool find_offset(const struct symbols *symbols,
			const struct json_value *registers, u64 *offset)
{
	const struct symbol *vectors = symbols_by_name(symbols, "vectors");
	const struct json_value *v = registers->first;
	u64 vbar;

	for (; v && vectors; v = v->next) {
		if (!hex_of(json_member(v, "vbar_el1"), &vbar))
			continue;
		*offset = vbar - vectors->address;
		if (!*offset || (IS_ALIGNED(*offset, STEP) &&
				 is_inside(symbols, v, *offset)))
			return true;
	}
	return false;
}

static void choose_offset(struct names *names,
			  const struct control_options *options,
			  const struct json_value *registers)
{
	names->offset = options->offset;
	names->known = options->symbols;
	if (!options->symbols || options->has_offset)
		return;
	names->known = find_offset(&names->symbols, registers, &names->offset);
	if (!names->known)
		pr_warn("debug: how far the kernel is from the addresses of %s "
			"is not known: there are no names; see --offset",
			options->symbols);
}

/* ---- Registers ----------------------------------------------------------- */

/* In columns; names and values are as the guest's lkvm has them. */
static void print_registers(const struct json_value *vcpu)
{
	unsigned int column = 0;

	for (const struct json_value *v = vcpu->first; v; v = v->next) {
		if (!v->string || v->string[0] != '0')
			continue;
		printf("%s%9s %s", column ? "  " : "", v->name, v->string);
		column = (column + 1) % 2;
		if (!column)
			putchar('\n');
	}
	if (column)
		putchar('\n');
}

/*
 * A call may be the last instruction of a function that it does not return to:
 * the name is that of the byte before where it would.
 */
static void print_place(const struct names *names, const char *text,
			bool is_call)
{
	const struct symbol *symbol = NULL;
	u64 address;

	printf("  %s", text);
	if (names->known && parse_hex(text, &address)) {
		address -= names->offset;
		symbol = symbols_find(&names->symbols, address - is_call);
	}
	if (symbol)
		printf(" %s+0x%" PRIx64, symbol->name,
		       address - symbol->address);
	putchar('\n');
}

static void print_stack(const struct names *names,
			const struct json_value *vcpu)
{
	const struct json_value *stack = json_member(vcpu, "stack");

	if (!json_is(stack, JSON_ARRAY))
		return;
	printf("stack:\n");
	for (const struct json_value *v = stack->first; v; v = v->next)
		if (json_string_of(v))
			print_place(names, v->string, v != stack->first);
}

/* vCPUs are numbered by their place in the array. */
static void print_vcpus(const struct names *names,
			const struct json_value *registers)
{
	const struct json_value *v = registers->first;

	for (unsigned int n = 0; v; v = v->next, n++) {
		const char *power = json_string_of(json_member(v, "power"));

		printf("%svCPU %u, power %s:\n", n ? "\n" : "", n,
		       power ? power : "not known");
		print_registers(v);
		print_stack(names, v);
	}
}

/* ---- The command --------------------------------------------------------- */

static void print_all(struct names *names,
		      const struct control_options *options,
		      const struct json_value *registers)
{
	struct json_writer json = { .out = stdout };

	if (options->json) {
		json_copy(&json, NULL, registers);
		return;
	}
	choose_offset(names, options, registers);
	print_vcpus(names, registers);
}

/*
 * An answer without the array is one of a version that this one does not know.
 */
static int show(struct control_link *link,
		const struct control_options *options, struct names *names)
{
	const struct json_value *result, *registers;
	struct json_value *root;
	int ret = control_link_ask(link, "registers", NULL, CONTROL_ANSWER_MS,
				   &root, &result);

	if (ret)
		return control_report(&debug_usage, options, link, ret);
	registers = json_member(result, "registers");
	if (json_is(registers, JSON_ARRAY))
		print_all(names, options, registers);
	else
		ret = control_report(&debug_usage, options, link, -EBADMSG);
	free(root);
	return ret ? ret : control_finish_output(&debug_usage);
}

/* A file that cannot be used is found out before the guest is disturbed. */
static int debug_guest(const struct control_options *options)
{
	struct names names = { 0 };
	struct control_link link;
	int ret = 0;

	if (options->symbols)
		ret = read_names(&names, options->symbols);
	if (!ret)
		ret = control_connect(&debug_usage, options, &link);
	if (!ret) {
		ret = options->sysrq ? send_sysrq(&link, options)
				     : show(&link, options, &names);
		control_link_close(&link);
	}
	symbols_free(&names.symbols);
	return ret;
}

int cmd_debug(int argc, char *const argv[])
{
	struct control_options options = { .port = CONTROL_NO_PORT };
	int ret = control_parse(&debug_usage, &options, argc, argv);

	if (ret == OPTIONS_HELP)
		return EXIT_STATUS_POWEROFF;
	if (ret || check_options(&options))
		return EXIT_STATUS_USAGE;
	return debug_guest(&options) ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
