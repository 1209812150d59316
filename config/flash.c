/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The argument of --flash. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/config/flash.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* Room for the options' names and for commas that are written twice. */
#define OTHER_OPTIONS 512

enum option {
	OPT_RO,
	OPT_SNAPSHOT,
	OPT_CREATE,
	OPT_TEMPLATE,
	OPT_SIZE,
	OPT_SYNC,
	OPT_FAIL,
	OPT_CUT,
	OPT_LABEL,
	OPT_XIP,
	NR_OPTIONS
};

struct parser {
	struct flash_config *config;
	const char *arg;
	unsigned int given; /* one bit per option */
};

static int copy(const struct parser *p, char *to, size_t size, const char *from)
{
	if (strlen(from) < size) {
		memcpy(to, from, strlen(from) + 1);
		return 0;
	}
	pr_fatal("--flash %s: \"%s\" is longer than %zu bytes", p->arg, from,
		 size - 1);
	return -EINVAL;
}

static int take_ro(struct parser *p, const char *value)
{
	(void)value;
	p->config->readonly = true;
	return 0;
}

static int take_snapshot(struct parser *p, const char *value)
{
	(void)value;
	p->config->snapshot = true;
	return 0;
}

static int take_xip(struct parser *p, const char *value)
{
	(void)value;
	p->config->xip = true;
	return 0;
}

static int take_create(struct parser *p, const char *value)
{
	(void)value;
	p->config->create = true;
	return 0;
}

static int take_template(struct parser *p, const char *value)
{
	return copy(p, p->config->template, sizeof(p->config->template), value);
}

static int take_label(struct parser *p, const char *value)
{
	return copy(p, p->config->label, sizeof(p->config->label), value);
}

static int take_size(struct parser *p, const char *value)
{
	if (!parse_size(value, 0, &p->config->size, NULL) &&
	    is_power_of_2(p->config->size))
		return 0;
	pr_fatal("--flash %s: size=%s: want a power of two, such as 2M", p->arg,
		 value);
	return -EINVAL;
}

static int take_sync(struct parser *p, const char *value)
{
	static const char *const names[] = {
		[FLASH_SYNC_ORDERED] = "ordered",
		[FLASH_SYNC_STRICT] = "strict",
		[FLASH_SYNC_NONE] = "none",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(value, names[i])) {
			p->config->sync = (enum flash_sync)i;
			return 0;
		}
	}
	pr_fatal("--flash %s: sync=%s: there are ordered, strict and none",
		 p->arg, value);
	return -EINVAL;
}

/* The number of a command, from 1 on. */
static int parse_nth(const char *value, u64 *nth)
{
	return parse_u64(value, 1, UINT64_MAX, nth);
}

static int take_fail(struct parser *p, const char *value)
{
	static const char erase[] = "erase:", program[] = "program:";
	int ret = -EINVAL;

	if (!strncmp(value, erase, sizeof(erase) - 1))
		ret = parse_nth(value + sizeof(erase) - 1,
				&p->config->fail_erase);
	else if (!strncmp(value, program, sizeof(program) - 1))
		ret = parse_nth(value + sizeof(program) - 1,
				&p->config->fail_program);
	if (ret)
		pr_fatal("--flash %s: fail=%s: want erase:N or program:N, "
			 "counted from 1",
			 p->arg, value);
	return ret ? -EINVAL : 0;
}

static int take_cut(struct parser *p, const char *value)
{
	if (!parse_nth(value, &p->config->cut))
		return 0;
	pr_fatal("--flash %s: cut=%s: want the number of a program or erase, "
		 "counted from 1",
		 p->arg, value);
	return -EINVAL;
}

static const struct {
	const char *key;
	bool takes_value;
	int (*take)(struct parser *p, const char *value);
} options[NR_OPTIONS] = {
	[OPT_RO] = { "ro", false, take_ro },
	[OPT_SNAPSHOT] = { "snapshot", false, take_snapshot },
	[OPT_CREATE] = { "create", false, take_create },
	[OPT_TEMPLATE] = { "template", true, take_template },
	[OPT_SIZE] = { "size", true, take_size },
	[OPT_SYNC] = { "sync", true, take_sync },
	[OPT_FAIL] = { "fail", true, take_fail },
	[OPT_CUT] = { "cut", true, take_cut },
	[OPT_LABEL] = { "label", true, take_label },
	[OPT_XIP] = { "xip", false, take_xip },
};

static int parse_one(struct parser *p, const char *key, const char *value)
{
	unsigned int i = 0;

	while (i < NR_OPTIONS && strcmp(key, options[i].key))
		i++;
	if (i == NR_OPTIONS) {
		pr_fatal("--flash %s: unknown option \"%s\"; there are ro, "
			 "snapshot, create, template=, size=, sync=, fail=, "
			 "cut=, label=, xip",
			 p->arg, key);
		return -EINVAL;
	}
	if (options[i].takes_value ? !value || !*value : value != NULL) {
		pr_fatal("--flash %s: \"%s\" takes %s value", p->arg, key,
			 options[i].takes_value ? "a" : "no");
		return -EINVAL;
	}
	p->given |= 1U << i;
	return options[i].take(p, value);
}

static int parse_options(struct parser *p, struct subopts *opts)
{
	const char *key, *value;
	int ret;

	while ((ret = subopts_next(opts, &key, &value)) > 0) {
		ret = parse_one(p, key, value);
		if (ret)
			return ret;
	}
	if (ret)
		pr_fatal("--flash %s: an option is empty", p->arg);
	return ret;
}

/* What has no meaning together, and why. */
static int check_contradictions(const struct parser *p)
{
	static const struct {
		enum option first, second;
		const char *why;
	} pairs[] = {
		{ OPT_RO, OPT_SNAPSHOT, "can the guest write or not?" },
		{ OPT_RO, OPT_CREATE, "a new file would stay erased" },
		{ OPT_RO, OPT_TEMPLATE, "name the template itself" },
		{ OPT_RO, OPT_SYNC, "nothing is written" },
		{ OPT_RO, OPT_FAIL, "everything fails" },
		{ OPT_RO, OPT_CUT, "nothing is programmed or erased" },
		{ OPT_SNAPSHOT, OPT_CREATE, "no file is written" },
		{ OPT_SNAPSHOT, OPT_TEMPLATE, "name the template itself" },
		{ OPT_SNAPSHOT, OPT_SYNC, "no file is written" },
		{ OPT_SNAPSHOT, OPT_CUT, "what it leaves would be lost" },
		{ OPT_CREATE, OPT_TEMPLATE, "is it erased or a copy?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!(p->given & 1U << pairs[i].first) ||
		    !(p->given & 1U << pairs[i].second))
			continue;
		pr_fatal("--flash %s: \"%s\" and \"%s\" exclude each other: %s",
			 p->arg, options[pairs[i].first].key,
			 options[pairs[i].second].key, pairs[i].why);
		return -EINVAL;
	}
	return 0;
}

int flash_config_parse(struct flash_config *config, const char *arg)
{
	char buf[sizeof(config->path) + sizeof(config->template) +
		 OTHER_OPTIONS];
	struct parser p = { .config = config, .arg = arg };
	const char *path;
	struct subopts opts;
	int ret;

	memset(config, 0, sizeof(*config));
	if (subopts_init(&opts, arg, buf, sizeof(buf)) ||
	    subopts_file(&opts, &path)) {
		pr_fatal("--flash %.64s: want FILE[,OPT...]; OPT is one of ro, "
			 "snapshot, create, template=FILE, size=SIZE, "
			 "sync=MODE, fail=WHAT:N, cut=N, label=TEXT, xip",
			 arg);
		return -EINVAL;
	}
	ret = copy(&p, config->path, sizeof(config->path), path);
	if (!ret)
		ret = parse_options(&p, &opts);
	return ret ? ret : check_contradictions(&p);
}
