/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The argument of --flash. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/flash_store.h"
#include "lkvm/log.h"
#include "lkvm/parse.h"

static int copy(char *to, size_t size, const char *from, const char *arg)
{
	if (strlen(from) < size) {
		memcpy(to, from, strlen(from) + 1);
		return 0;
	}
	pr_fatal("--flash %s: \"%s\" is longer than %zu bytes", arg, from,
		 size - 1);
	return -EINVAL;
}

static int parse_bank_size(struct flash_config *config, const char *value,
			   const char *arg)
{
	if (!parse_size(value, 0, &config->size, NULL) &&
	    is_power_of_2(config->size))
		return 0;
	pr_fatal("--flash %s: size=%s: want a power of two, such as 2M", arg,
		 value);
	return -EINVAL;
}

static int parse_one(struct flash_config *config, const char *key,
		     const char *value, const char *arg)
{
	bool takes_value = !strcmp(key, "size") || !strcmp(key, "label");
	bool flag = !strcmp(key, "ro") || !strcmp(key, "create");

	if (!takes_value && !flag) {
		pr_fatal("--flash %s: unknown option \"%s\"; there are ro, "
			 "create, size=, label=",
			 arg, key);
		return -EINVAL;
	}
	if (takes_value ? !value || !*value : value != NULL) {
		pr_fatal("--flash %s: \"%s\" takes %s value", arg, key,
			 takes_value ? "a" : "no");
		return -EINVAL;
	}
	if (value && !strcmp(key, "size"))
		return parse_bank_size(config, value, arg);
	if (value)
		return copy(config->label, sizeof(config->label), value, arg);
	if (!strcmp(key, "ro"))
		config->readonly = true;
	else
		config->create = true;
	return 0;
}

static int parse_options(struct flash_config *config, struct subopts *opts,
			 const char *arg)
{
	const char *key, *value;
	int ret;

	while ((ret = subopts_next(opts, &key, &value)) > 0) {
		ret = parse_one(config, key, value, arg);
		if (ret)
			return ret;
	}
	if (ret)
		pr_fatal("--flash %s: an option is empty", arg);
	return ret;
}

int flash_config_parse(struct flash_config *config, const char *arg)
{
	char buf[sizeof(config->path) + 256];
	const char *path;
	struct subopts opts;
	int ret;

	memset(config, 0, sizeof(*config));
	if (subopts_init(&opts, arg, buf, sizeof(buf)) ||
	    subopts_file(&opts, &path)) {
		pr_fatal("--flash %.64s: want FILE[,ro][,create][,size=SIZE]"
			 "[,label=TEXT]",
			 arg);
		return -EINVAL;
	}
	ret = copy(config->path, sizeof(config->path), path, arg);
	if (!ret)
		ret = parse_options(config, &opts, arg);
	if (!ret && config->readonly && config->create) {
		pr_fatal("--flash %s: \"ro\" and \"create\" exclude each other",
			 arg);
		ret = -EINVAL;
	}
	return ret;
}
