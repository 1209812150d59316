/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The argument of --fw-cfg. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/config/fw_cfg.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* Room for keys and for commas that are written twice. */
#define OTHER_ITEMS 1024

/* QEMU, docs/specs/fw_cfg, "Externally Provided Items": what is the user's. */
#define USER_PREFIX "opt/"

struct parser {
	struct fw_cfg_config *config;
	const char *arg;
};

static int copy(const struct parser *p, char *to, size_t size, const char *from)
{
	if (strlen(from) < size) {
		memcpy(to, from, strlen(from) + 1);
		return 0;
	}
	pr_fatal("--fw-cfg %s: \"%s\" is longer than %zu characters", p->arg,
		 from, size - 1);
	return -EINVAL;
}

static int take_item(struct parser *p, const char *key, const char *value)
{
	struct fw_cfg_config *config = p->config;

	if (!value || !*value) {
		pr_fatal("--fw-cfg %s: \"%s\" takes a value", p->arg, key);
		return -EINVAL;
	}
	if (!strcmp(key, "name"))
		return copy(p, config->name, sizeof(config->name), value);
	if (!strcmp(key, "file"))
		return copy(p, config->path, sizeof(config->path), value);
	if (!strcmp(key, "string"))
		return copy(p, config->text, sizeof(config->text), value);
	pr_fatal("--fw-cfg %s: unknown option \"%s\"; there are name=, file= "
		 "and string=",
		 p->arg, key);
	return -EINVAL;
}

static int parse_items(struct parser *p, struct subopts *opts)
{
	const char *key, *value;
	bool first = true;
	int ret;

	while ((ret = subopts_next(opts, &key, &value)) > 0) {
		if (first && !value)
			ret = take_item(p, "name", key);
		else
			ret = take_item(p, key, value);
		if (ret)
			return ret;
		first = false;
	}
	if (ret)
		pr_fatal("--fw-cfg %s: an option is empty", p->arg);
	return ret;
}

static int check(const struct parser *p)
{
	const struct fw_cfg_config *config = p->config;

	if (!*config->name) {
		pr_fatal("--fw-cfg %s: no name= is given", p->arg);
		return -EINVAL;
	}
	if (fw_cfg_check_name(config->name)) {
		pr_fatal("--fw-cfg %s: a name has printable ASCII characters "
			 "and no space",
			 p->arg);
		return -EINVAL;
	}
	if (!*config->path == !*config->text) {
		pr_fatal("--fw-cfg %s: want one of file= and string=", p->arg);
		return -EINVAL;
	}
	if (strncmp(config->name, USER_PREFIX, strlen(USER_PREFIX)))
		pr_warn("--fw-cfg %s: names that do not begin with " USER_PREFIX
			" are lkvm's and the firmware's",
			p->arg);
	return 0;
}

int fw_cfg_config_parse(struct fw_cfg_config *config, const char *arg)
{
	char buf[sizeof(*config) + OTHER_ITEMS];
	struct parser p = { .config = config, .arg = arg };
	struct subopts opts;
	int ret;

	memset(config, 0, sizeof(*config));
	if (!*arg || subopts_init(&opts, arg, buf, sizeof(buf))) {
		pr_fatal("--fw-cfg %.64s: want name=NAME,file=PATH or "
			 "name=NAME,string=TEXT, of %zu characters at most",
			 arg, sizeof(buf) - 1);
		return -EINVAL;
	}
	ret = parse_items(&p, &opts);
	return ret ? ret : check(&p);
}

static int read_file(const struct fw_cfg_config *config,
		     struct fw_cfg_data *data)
{
	void *buf;
	size_t len;
	int ret = file_read_all(config->path, FW_CFG_CONFIG_MAX, &buf, &len);

	if (ret) {
		pr_fatal("--fw-cfg %s: unable to read %s: %s", config->name,
			 config->path, strerror(-ret));
		return ret;
	}
	*data = (struct fw_cfg_data) {
		.bytes = buf, .len = len, .release = free, .opaque = buf
	};
	return 0;
}

int fw_cfg_config_check(const struct fw_cfg_config *config)
{
	int ret = !*config->path || !access(config->path, R_OK) ? 0 : -errno;

	if (ret)
		pr_fatal("--fw-cfg %s: unable to read %s: %s", config->name,
			 config->path, strerror(-ret));
	return ret;
}

int fw_cfg_config_add(struct fw_cfg *fw, const struct fw_cfg_config *config)
{
	struct fw_cfg_data data;
	int ret;

	if (*config->path) {
		ret = read_file(config, &data);
		if (ret)
			return ret;
		ret = fw_cfg_add_file(fw, config->name, &data);
	} else {
		ret = fw_cfg_add_file_bytes(fw, config->name, config->text,
					    strlen(config->text));
	}
	if (ret)
		pr_fatal("--fw-cfg %s: %s", config->name,
			 ret == -EEXIST	  ? "there is a file of this name"
			 : ret == -ENOSPC ? "there are too many files"
					  : strerror(-ret));
	return ret;
}
