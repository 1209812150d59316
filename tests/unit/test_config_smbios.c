/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/smbios.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --smbios. */
#include <string.h>

#include "lkvm/config/smbios.h"

#define OPTION	     "--smbios"
#define CONFIG	     smbios_config
#define CONFIG_PARSE smbios_config_parse
#define CONFIG_FREE  smbios_config_free
#include "option_fixture.h"

static void system_strings(void **state)
{
	(void)state;
	assert_good("type=1,manufacturer=m,product=p,version=v,serial=s,"
		    "uuid=u,sku=k,family=f");
	assert_int_equal(config.type, 1);
	assert_string_equal(config.manufacturer, "m");
	assert_string_equal(config.product, "p");
	assert_string_equal(config.version, "v");
	assert_string_equal(config.serial, "s");
	assert_string_equal(config.uuid, "u");
	assert_string_equal(config.sku, "k");
	assert_string_equal(config.family, "f");
	assert_null(config.asset);
	assert_null(config.value);
	assert_null(config.path);
	/* As cloud-init wants it. */
	assert_good("type=1,serial=ds=nocloud;s=http://10.0.2.2:8000/a,,b/");
	assert_string_equal(config.serial,
			    "ds=nocloud;s=http://10.0.2.2:8000/a,b/");
	assert_bad("type=1,manufacturer=", "takes a value");
}

static void enclosure_strings(void **state)
{
	(void)state;
	assert_good("asset=a,type=3,sku=k");
	assert_int_equal(config.type, 3);
	assert_string_equal(config.asset, "a");
	assert_string_equal(config.sku, "k");
	assert_null(config.serial);
}

static void oem_strings(void **state)
{
	(void)state;
	assert_good("type=11,value=io.systemd.credential:a=b");
	assert_string_equal(config.value, "io.systemd.credential:a=b");
	assert_good("type=11,path=dir/file");
	assert_string_equal(config.path, "dir/file");
	assert_null(config.value);
	assert_bad("type=11", "want one of value= and path=");
	assert_bad("type=11,value=", "takes a value");
	assert_bad("type=11,value=a,path=b", "comes from one of them");
}

static void types(void **state)
{
	static const char want[] = "1 (system), 3 (enclosure) or 11";

	(void)state;
	assert_good("type=1");
	assert_good("type=3");
	assert_bad("", "want type=");
	assert_bad("serial=x", "no type= is given");
	assert_bad("serial=x", want);
	assert_bad("type=0", want);
	assert_bad("type=2,serial=x", want);
	assert_bad("type=10", want);
	assert_bad("type=12", want);
	assert_bad("type=x", want);
}

static void keys_of_other_types(void **state)
{
	(void)state;
	assert_bad("type=1,asset=x", "of this type has no asset");
	assert_bad("type=1,value=x", "of this type has no value");
	assert_bad("type=1,path=x", "of this type has no path");
	assert_bad("type=3,product=x", "of this type has no product");
	assert_bad("type=3,uuid=x", "of this type has no uuid");
	assert_bad("type=3,family=x", "of this type has no family");
	assert_bad("type=11,value=a,serial=x", "of this type has no serial");
	assert_bad("type=1,colour=x", "unknown option \"colour\"");
}

static void long_strings(void **state)
{
	static char arg[SMBIOS_MAX_OEM + 64];

	(void)state;
	memset(arg, 'x', sizeof(arg));
	memcpy(arg, "type=1,serial=", 14);
	arg[14 + SMBIOS_MAX_STRING] = 0;
	assert_good(arg);
	assert_int_equal(strlen(config.serial), SMBIOS_MAX_STRING);
	arg[14 + SMBIOS_MAX_STRING] = 'x';
	arg[15 + SMBIOS_MAX_STRING] = 0;
	assert_bad(arg, "serial");
	memset(arg, 'x', sizeof(arg));
	memcpy(arg, "type=11,value=", 14);
	arg[14 + SMBIOS_MAX_OEM] = 0;
	assert_good(arg);
	arg[14 + SMBIOS_MAX_OEM] = 'x';
	arg[15 + SMBIOS_MAX_OEM] = 0;
	assert_bad(arg, "value");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(system_strings),	   TEST(enclosure_strings),
		TEST(oem_strings),	   TEST(types),
		TEST(keys_of_other_types), TEST(long_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
