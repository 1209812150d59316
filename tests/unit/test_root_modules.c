/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/root/modules.c */
/* What is read of depmod's files, whoever has written them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/arm/root/modules.h"

static struct module_list list;

static int setup(void **state)
{
	(void)state;
	list.count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	modules_free(&list);
	assert_int_equal(list.count, 0);
	return 0;
}

/* The list is this, with a space behind each. */
static void assert_list(const char *want)
{
	char got[1024] = "";

	for (unsigned int i = 0; i < list.count; i++) {
		strcat(got, list.paths[i]);
		strcat(got, " ");
	}
	assert_string_equal(got, want);
}

static const char dep[] =
	"kernel/net/9p/9pnet.ko:\n"
	"kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko\n"
	"kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/fscache.ko "
	"kernel/fs/netfs.ko\n"
	"updates/dkms/virtio-pci.ko.zst:  a/legacy.ko  a/modern.ko \n"
	"kernel/fs/overlayfs/overlay.ko:";

/* What comes last in a line is loaded first; nothing twice. */
static void order(void **state)
{
	(void)state;
	assert_int_equal(modules_add(&list, dep, "9p"), 0);
	assert_list("kernel/fs/netfs.ko kernel/fs/fscache.ko "
		    "kernel/net/9p/9pnet.ko kernel/fs/9p/9p.ko ");
	assert_int_equal(modules_add(&list, dep, "9pnet_virtio"), 0);
	assert_int_equal(modules_add(&list, dep, "9pnet"), 0);
	assert_int_equal(list.count, 5);
	assert_string_equal(list.paths[4], "kernel/net/9p/9pnet_virtio.ko.xz");
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(modules_add(&list, dep, "virtio_pci"), 0);
	assert_list("a/modern.ko a/legacy.ko updates/dkms/virtio-pci.ko.zst ");
	assert_int_equal(modules_add(&list, dep, "overlay"), 0);
	assert_int_equal(modules_add(&list, dep, "overlayfs"), -ENOENT);
	assert_int_equal(modules_add(&list, dep, "9"), -ENOENT);
	assert_int_equal(modules_add(&list, dep, "pci"), -ENOENT);
	assert_int_equal(modules_add(&list, dep, "virtio_pci_x"), -ENOENT);
	assert_int_equal(modules_add(&list, "", "9p"), -ENOENT);
	assert_true(modules_has("kernel/a-b.ko\nkernel/fs/9p/9p.ko\n", "9p"));
	assert_true(modules_has("kernel/a-b.ko", "a_b"));
	assert_false(modules_has("kernel/a-b.ko", "b"));
	assert_false(modules_has("\n\n", "b"));
}

static void hostile(void **state)
{
	static const char *const bad[] = {
		"a.ko: /etc/shadow",	  "a.ko: ../../x.ko",
		"k/a.ko: k/../../x.ko",	  "/a.ko:",
		"../a.ko: b.ko",	  "a.ko",
		"k/a.ko b.ko\nk/c.ko:\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = modules_add(&list, bad[i], "a");

		if (ret != -EBADMSG)
			fail_msg("\"%s\": %d", bad[i], ret);
	}
	assert_int_equal(modules_add(&list, ":::\n a.ko\n:a.ko:\n", "b"),
			 -ENOENT);
}

/* A line of any length: too many words, and too long a word. */
static void limits(void **state)
{
	size_t size = 100000;
	char *text = malloc(size), *end;

	(void)state;
	assert_non_null(text);
	end = text + sprintf(text, "a.ko:");
	for (int i = 0; i < MODULES_MAX - 1; i++)
		end += sprintf(end, " m%d.ko", i);
	assert_int_equal(modules_add(&list, text, "a"), 0);
	assert_int_equal(list.count, MODULES_MAX);
	assert_int_equal(modules_add(&list, text, "a"), 0);
	modules_free(&list);
	sprintf(end, " m.ko");
	assert_int_equal(modules_add(&list, text, "a"), -E2BIG);
	modules_free(&list);
	memset(text, 'x', size);
	memcpy(text, "a.ko: ", 6);
	text[6 + MODULES_MAX_PATH] = '\0';
	assert_int_equal(modules_add(&list, text, "a"), 0);
	text[6 + MODULES_MAX_PATH] = 'x';
	text[size - 1] = '\0';
	assert_int_equal(modules_add(&list, text, "a"), -EBADMSG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(order, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
