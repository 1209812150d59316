/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One firmware descriptor: whether it fits what is wanted, and the files it
 * names. The format is QEMU's, docs/interop/firmware.json.
 *
 * Pure: JSON in, names out, no file access (firmware_find.c has that) and no
 * message; an error is a text for the caller's message. So a fuzzer and unit
 * tests can call it with any text. Main thread.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/json_read.h"

/* System management mode: x86 only. */
#define FEATURE_SMM "requires-smm"

static int malformed(const char **what, const char *why)
{
	*what = why;
	return -EINVAL;
}

static const char *text_of(const struct json_value *object, const char *name)
{
	return json_string_of(json_member(object, name));
}

/*
 * Members that the schema requires, including those that are not evaluated: a
 * descriptor without them is malformed.
 */
static int check_members(const struct json_value *root, const char **what)
{
	static const struct {
		const char *name;
		enum json_type type;
		const char *why;
	} members[] = {
		{ "interface-types", JSON_ARRAY, "no list interface-types" },
		{ "mapping", JSON_OBJECT, "no object mapping" },
		{ "targets", JSON_ARRAY, "no list targets" },
		{ "features", JSON_ARRAY, "no list features" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!json_is(json_member(root, members[i].name),
			     members[i].type))
			return malformed(what, members[i].why);
	return 0;
}

/*
 * Patterns are written for versioned names ("virt-*"). Ours has no version, so
 * it is matched with an empty one ("virt-") and without.
 */
static bool machine_fits(const struct json_value *machines, const char *machine)
{
	const struct json_value *v;
	char versioned[64];

	if (!json_is(machines, JSON_ARRAY))
		return false;
	snprintf(versioned, sizeof(versioned), "%s-", machine);
	for (v = machines->first; v; v = v->next)
		if (v->string && (!fnmatch(v->string, machine, 0) ||
				  !fnmatch(v->string, versioned, 0)))
			return true;
	return false;
}

/* Targets are alternatives: one that fits is enough. */
static bool target_fits(const struct json_value *targets,
			const struct firmware_query *query)
{
	const struct json_value *v;

	for (v = targets->first; v; v = v->next) {
		const char *arch = text_of(v, "architecture");

		if (arch && !strcmp(arch, query->architecture) &&
		    machine_fits(json_member(v, "machines"), query->machine))
			return true;
	}
	return false;
}

/* All features in `with`, none in `without`. */
static bool features_fit(const struct json_value *features,
			 const struct firmware_query *query)
{
	const char *const *f;

	if (json_has_string(features, FEATURE_SMM))
		return false;
	for (f = query->with; f && *f; f++)
		if (!json_has_string(features, *f))
			return false;
	for (f = query->without; f && *f; f++)
		if (json_has_string(features, *f))
			return false;
	return true;
}

/*
 * The member is optional since it was added later (QEMU 7.0); without it the
 * mode is split.
 */
static int find_mode(const struct json_value *mapping, enum firmware_mode *mode,
		     const char **what)
{
	static const char *const names[] = {
		[FIRMWARE_SPLIT] = "split",
		[FIRMWARE_COMBINED] = "combined",
		[FIRMWARE_STATELESS] = "stateless",
	};
	const struct json_value *member = json_member(mapping, "mode");
	const char *name = member ? json_string_of(member) : "split";

	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]))
			continue;
		*mode = (enum firmware_mode)i;
		return 0;
	}
	return malformed(what, "the mode is none of split, combined, "
			       "stateless");
}

/* Formats that read-only banks and templates can have. */
static bool can_be_read(const char *format)
{
	return !strcmp(format, "raw") || !strcmp(format, "qcow2");
}

/*
 * The file of a mapping: 1, or -ENOTSUP if its format cannot be read. A
 * relative name is refused: the schema does not define a directory for it.
 */
static int find_file(const struct json_value *file, char path[4096],
		     struct firmware_files *out, const char **what)
{
	const char *name = text_of(file, "filename");
	const char *format = text_of(file, "format");

	if (!name || !format)
		return malformed(what, "a file without filename and format");
	if (*name != '/')
		return malformed(what, "a filename that is not absolute");
	if (strlen(name) >= sizeof(out->code))
		return malformed(what, "a filename that is too long");
	strcpy(path, name);
	if (can_be_read(format))
		return 1;
	snprintf(out->format, sizeof(out->format), "%s", format);
	*what = "a file in a format that cannot be read";
	return -ENOTSUP;
}

/*
 * Mappings with another device ("memory", "kernel") are loaded in other ways:
 * 0, does not fit.
 */
static int mapping_fits(const struct json_value *mapping, unsigned int modes,
			struct firmware_files *out, const char **what)
{
	const char *device = text_of(mapping, "device");
	int ret;

	if (!device)
		return malformed(what, "a mapping without device");
	if (strcmp(device, "flash"))
		return 0;
	ret = find_mode(mapping, &out->mode, what);
	if (ret)
		return ret;
	if (!(modes & BIT(out->mode)))
		return 0;
	out->vars[0] = '\0';
	ret = find_file(json_member(mapping, "executable"), out->code, out,
			what);
	if (ret > 0 && out->mode == FIRMWARE_SPLIT)
		ret = find_file(json_member(mapping, "nvram-template"),
				out->vars, out, what);
	return ret;
}

int firmware_desc_match(const struct json_value *root,
			const struct firmware_query *query,
			struct firmware_files *out, const char **what)
{
	int ret = check_members(root, what);

	if (ret)
		return ret;
	if (!json_has_string(json_member(root, "interface-types"), "uefi") ||
	    !target_fits(json_member(root, "targets"), query) ||
	    !features_fit(json_member(root, "features"), query))
		return 0;
	return mapping_fits(json_member(root, "mapping"), query->modes, out,
			    what);
}
