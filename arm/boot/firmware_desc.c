/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a firmware's descriptor says: QEMU, docs/interop/firmware.json. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/arm/boot/firmware_desc.h"
#include "lkvm/util/json_read.h"

/* A platform requirement that no machine of ours meets. */
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

/* Members that each descriptor has, even where they do not matter to us. */
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
 * Patterns are made for versioned names. Ours has no version, which is as good
 * as any: an empty one.
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

static bool target_fits(const struct json_value *targets,
			const struct firmware_wish *wish)
{
	const struct json_value *v;

	for (v = targets->first; v; v = v->next) {
		const char *arch = text_of(v, "architecture");

		if (arch && !strcmp(arch, wish->architecture) &&
		    machine_fits(json_member(v, "machines"), wish->machine))
			return true;
	}
	return false;
}

static bool features_fit(const struct json_value *features,
			 const struct firmware_wish *wish)
{
	const char *const *f;

	if (json_has_string(features, FEATURE_SMM))
		return false;
	for (f = wish->with; f && *f; f++)
		if (!json_has_string(features, *f))
			return false;
	for (f = wish->without; f && *f; f++)
		if (json_has_string(features, *f))
			return false;
	return true;
}

/* Split is what it was before there was a choice. */
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

/* Those that a bank which is only read, or a template, may have. */
static bool can_be_read(const char *format)
{
	return !strcmp(format, "raw") || !strcmp(format, "qcow2");
}

/*
 * The file of a mapping: 1, or -ENOTSUP if it is of a format that cannot be
 * read. A name that is relative has no meaning, for it would be relative to
 * where we run.
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
			const struct firmware_wish *wish,
			struct firmware_files *out, const char **what)
{
	int ret = check_members(root, what);

	if (ret)
		return ret;
	if (!json_has_string(json_member(root, "interface-types"), "uefi") ||
	    !target_fits(json_member(root, "targets"), wish) ||
	    !features_fit(json_member(root, "features"), wish))
		return 0;
	return mapping_fits(json_member(root, "mapping"), wish->modes, out,
			    what);
}
