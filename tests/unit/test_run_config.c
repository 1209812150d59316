/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/?*.c util/options.c util/names.c util/parse.c util/log.c */
/* SOURCES: util/output.c util/file.c */
/* WRAP: pr_fatal log_print log_set_level options_usage */
/* The command line of `lkvm run`, from arguments to the configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/config/run.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define MAX_ARGS 32

static struct {
	struct vm_config config;
	char line[512];
	char *argv[MAX_ARGS];
	int argc;
	char message[1024];
	unsigned int nr_fatal, nr_warnings, nr_helps;
	enum log_level level;
} t;

void __wrap_pr_fatal(const char *fmt, ...) __printf(1, 2);
void __wrap_log_print(enum log_level level, const char *fmt, ...)
	__printf(2, 3);
void __wrap_log_set_level(enum log_level level);
void __wrap_options_usage(FILE *out, const char *synopsis,
			  const struct option_group *groups);

void __wrap_pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.message, sizeof(t.message), fmt, args);
	va_end(args);
	t.nr_fatal++;
}

void __wrap_log_print(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	assert_int_equal(level, LOG_LEVEL_WARNING);
	t.nr_warnings++;
}

void __wrap_log_set_level(enum log_level level)
{
	t.level = level;
}

void __wrap_options_usage(FILE *out, const char *synopsis,
			  const struct option_group *groups)
{
	assert_ptr_equal(out, stdout);
	assert_non_null(strstr(synopsis, "lkvm run"));
	assert_non_null(groups[0].heading);
	t.nr_helps++;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_config_free(&t.config);
	return 0;
}

/* Arguments are separated by '|'. */
static int parse(const char *line)
{
	char *rest = t.line;

	vm_config_free(&t.config);
	memset(&t.config, 0xa5, sizeof(t.config));
	t.message[0] = '\0';
	t.nr_fatal = t.nr_warnings = 0;
	assert_true(strlen(line) < sizeof(t.line));
	strcpy(t.line, line);
	for (t.argc = 0; *line && rest; t.argc++) {
		assert_true(t.argc < MAX_ARGS);
		t.argv[t.argc] = strsep(&rest, "|");
	}
	return run_config_parse(&t.config, t.argc, t.argv);
}

static const struct vm_config *good(const char *line)
{
	if (parse(line))
		fail_msg("%s: refused: %s", line, t.message);
	assert_int_equal(t.nr_fatal, 0);
	return &t.config;
}

/* Refused, with one message that holds `text`. */
static void bad(const char *line, const char *text)
{
	assert_true(parse(line) < 0);
	if (t.nr_fatal != 1 || !strstr(t.message, text))
		fail_msg("%s: %u messages: %s", line, t.nr_fatal, t.message);
}

static void defaults(void **state)
{
	const struct vm_config *config = good("");
	char name[32];

	(void)state;
	snprintf(name, sizeof(name), "guest-%d", (int)getpid());
	assert_string_equal(config->name, name);
	assert_string_equal(config->kvm_dev, "/dev/kvm");
	assert_int_equal(config->machine, MACHINE_DEFAULT);
	assert_int_equal(config->irqchip, IRQCHIP_AUTO);
	assert_int_equal(config->cpu.nr, 0);
	assert_int_equal(config->ram.size | config->ram.base, 0);
	assert_null(config->boot.kernel);
	assert_null(config->boot.order);
	assert_false(config->boot.has_wait);
	assert_null(config->debug.stats);
	assert_int_equal(config->timeout, 0);
}

/* Each member that an option fills in by itself. */
static void members(void **state)
{
	const struct vm_config *config =
		good("--name=n|-c|3|--hugetlbfs=h|--dev=d|--nodefaults|"
		     "--no-reboot|--timeout=9|-i|initrd|-p|params|--aarch32|"
		     "--pmu|--disable-mte|--no-pvtime|--no-acpi|--no-batch|"
		     "--override-bad-firmware-cntfrq=5|--dump-dtb=t|--stats=s");

	(void)state;
	assert_string_equal(config->name, "n");
	assert_string_equal(config->kvm_dev, "d");
	assert_int_equal(config->cpu.nr, 3);
	assert_string_equal(config->ram.hugetlbfs, "h");
	assert_true(config->boot.nodefaults);
	assert_true(config->no_reboot);
	assert_int_equal(config->timeout, 9);
	assert_string_equal(config->boot.initrd, "initrd");
	assert_string_equal(config->boot.params, "params");
	assert_true(config->cpu.aarch32);
	assert_true(config->cpu.pmu);
	assert_true(config->cpu.disable_mte);
	assert_true(config->cpu.no_pvtime);
	assert_int_equal(config->cpu.cntfrq, 5);
	assert_true(config->no_acpi);
	assert_true(config->debug.no_batch);
	assert_string_equal(config->debug.dump_dtb, "t");
	assert_string_equal(config->debug.stats, "s");
}

/* By a name, unless that is told otherwise. */
static void control(void **state)
{
	(void)state;
	assert_false(vm_config_wants_control(good("-k|x")));
	assert_true(vm_config_wants_control(good("--name=n|-k|x")));
	assert_true(vm_config_wants_control(good("--control=on|-k|x")));
	assert_false(vm_config_wants_control(good("--name=n|--control=off")));
	bad("--control=none", "--control");
	bad("--control=", "--control");
}

static void help(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), OPTIONS_HELP);
	assert_int_equal(t.nr_helps, 1);
	assert_int_equal(parse("--firmware-address=1|-h"), OPTIONS_HELP);
	assert_int_equal(t.nr_helps, 2);
	assert_int_equal(t.nr_fatal, 0);
}

static void kernel(void **state)
{
	(void)state;
	assert_string_equal(good("-k|Image")->boot.kernel, "Image");
	assert_string_equal(good("Image|--pmu")->boot.kernel, "Image");
	bad("Image|-k|other", "\"Image\": there is a kernel already, "
			      "\"other\"");
	bad("one|two", "\"two\": there is a kernel already, \"one\"");
}

static void mem(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--mem=64");
	assert_int_equal(config->ram.size, 64 * SZ_1M);
	assert_int_equal(config->ram.base, 0);
	good("-m|1G@2G");
	assert_int_equal(config->ram.size, SZ_1G);
	assert_int_equal(config->ram.base, 2 * SZ_1G);
	/* An address belongs to the size it was given with. */
	good("-m|1G@2G|-m|64K");
	assert_int_equal(config->ram.size, SZ_64K);
	assert_int_equal(config->ram.base, 0);
	bad("-m|0", "--mem 0: want SIZE");
	bad("-m|64@0", "--mem 64@0: want SIZE");
	bad("-m|64@", "--mem 64@: want SIZE");
}

static void debuggers(void **state)
{
	const struct vm_config *config;

	(void)state;
	assert_false(gdb_config_is_on(&good("Image")->debug.gdb));
	config = good("--gdb-wait|--gdb|:1234|Image");
	assert_string_equal(config->debug.gdb.host, "127.0.0.1");
	assert_int_equal(config->debug.gdb.port, 1234);
	assert_true(config->debug.gdb.wait);
	config = good("--gdb=1|--gdb=unix:s|Image");
	assert_string_equal(config->debug.gdb.path, "s");
	assert_false(config->debug.gdb.wait);
	bad("Image|--gdb|x", "--gdb x: want");
	bad("Image|--gdb-wait", "--gdb-wait needs --gdb");
	bad("Image|--aarch32|--gdb|1", "32-bit guest");
}

static void firmware(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("-f|AAVMF_CODE.fd|--firmware-address|0x1000");
	assert_string_equal(config->boot.firmware, "AAVMF_CODE.fd");
	assert_false(config->boot.firmware_auto);
	assert_int_equal(config->boot.firmware_address, 0x1000);
	assert_true(good("-f|auto")->boot.firmware_auto);
	assert_false(good("-f|auto|-f|./auto")->boot.firmware_auto);
	bad("Image|--firmware-address|1",
	    "--firmware-address needs --firmware");
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(good("--machine=virt")->machine, MACHINE_VIRT);
	assert_int_equal(good("--machine=kvmtool")->machine, MACHINE_KVMTOOL);
	bad("--machine=q35", "--machine q35: there are kvmtool and virt");
	assert_int_equal(good("--irqchip=gicv2")->irqchip, IRQCHIP_GICV2);
	assert_int_equal(good("--irqchip=gicv3-its")->irqchip,
			 IRQCHIP_GICV3_ITS);
	bad("--irqchip=auto", "--irqchip auto: there are gicv2, gicv2m, gicv3 "
			      "and gicv3-its");
	bad("--network=mode=bridge", "--network mode=bridge: ");
	good("-n|mode=none|--network|none|--console|serial|--force-pci");
	bad("--console=hv", "--console hv: there are serial and virtio");
}

/* mode=none adds none, whatever else there is. */
static void networks(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("-n|mode=user,hostfwd=tcp::1-:2|-n|mode=none|--network|tap");
	assert_int_equal(config->network.count, 2);
	assert_int_equal(config->network.items[0].mode, NETWORK_USER);
	assert_int_equal(config->network.items[0].forwards.count, 1);
	assert_int_equal(config->network.items[1].mode, NETWORK_TAP);
	assert_int_equal(vm_config_count_virtio(config), 2);
	bad("-n|mode=user|-n|mode=user,tapif=x", "--network mode=user,tapif=x");
}

static void outcomes(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	assert_false(vm_config_watches_console(good("Image")));
	assert_string_equal(good("--script|s")->watch.script, "s");
	assert_true(watch_config_detects(&config->watch));
	assert_int_equal(good("--hang|7")->watch.hang, 7);
	good("--expect|a|--fail-on=b|--expect=c|--timeout-boot|5|--result|r|"
	     "--junit=j");
	assert_int_equal(config->watch.expect.count, 2);
	assert_string_equal(config->watch.expect.items[1].text, "c");
	assert_int_equal(config->watch.fail_on.count, 1);
	assert_int_equal(config->watch.timeout_boot, 5);
	assert_string_equal(config->watch.result, "r");
	assert_string_equal(config->watch.junit, "j");
	assert_int_equal(config->watch.detect, WATCH_DETECT_AUTO);
	assert_int_equal(good("--detect=on")->watch.detect, WATCH_DETECT_ON);
	assert_int_equal(good("--detect=off")->watch.detect, WATCH_DETECT_OFF);
	bad("--detect=auto", "--detect auto: there are off and on");
	bad("--expect=a|--expect=(", "--expect (: no regular expression");
	bad("--fail-on=[", "--fail-on [: no regular expression");
	bad("--timeout-boot=0", "--timeout-boot");
	/* What comes before the error is known. */
	assert_string_equal(config->watch.result ?: "", "");
	parse("--result|r|--timeout-boot=0");
	assert_string_equal(config->watch.result, "r");
}

static void serial_ports(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	assert_false(serial_config_used(good("Image")->console.serial));
	good("--serial|1=pty|--serial=0=file:x,y|--console-log|a|"
	     "--console-log=b,timestamps,limit=1M");
	assert_int_equal(config->console.serial[1].kind, SERIAL_PTY);
	assert_string_equal(config->console.serial[0].path, "x,y");
	assert_string_equal(config->console.log.path, "b");
	assert_int_equal(config->console.log.limit, SZ_1M);
	assert_true(vm_config_watches_console(config));
	assert_false(watch_config_detects(&config->watch));
	bad("--serial=4=pty", "--serial 4=pty: want N=");
	bad("--serial=0=stdio|--serial=1=stdio", "stdio is of one port only");
	bad("--serial=1=stdio|--console=virtio", "--console virtio");
	bad("--console-log=x,y", "unknown option \"y\"");
}

static void disks(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("-d|a.img,ro|--disk|b.img,serial=x");
	assert_int_equal(config->disk.count, 2);
	assert_string_equal(config->disk.items[0].path, "a.img");
	assert_true(config->disk.items[0].readonly);
	assert_string_equal(config->disk.items[1].serial, "x");
	assert_int_equal(config->virtio, VIRTIO_TRANSPORT_PCI);
	good("--virtio-transport=mmio");
	assert_int_equal(config->virtio, VIRTIO_TRANSPORT_MMIO);
	good("--virtio-transport|mmio|--virtio-transport|pci");
	assert_int_equal(config->virtio, VIRTIO_TRANSPORT_PCI);
	bad("--disk=", "--disk ");
	bad("-d|a.img,rw", "unknown option \"rw\"");
	bad("--virtio-transport=usb", "there are pci and mmio");
	bad("--virtio-transport=mmio-legacy", "legacy devices are not");
}

static void rings(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("-d|a.img");
	assert_int_equal(config->ring, VIRTIO_RING_PACKED);
	good("--virtio-ring=split");
	assert_int_equal(config->ring, VIRTIO_RING_SPLIT);
	good("--virtio-ring|split|--virtio-ring|packed");
	assert_int_equal(config->ring, VIRTIO_RING_PACKED);
	bad("--virtio-ring=both", "--virtio-ring both: there are packed and "
				  "split");
	bad("--virtio-ring=", "--virtio-ring");
}

static void shares(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--9p|a,x|--9p=b,y,ro|-d|c.img");
	assert_int_equal(config->share.count, 2);
	assert_string_equal(config->share.items[0].path, "a");
	assert_string_equal(config->share.items[1].tag, "y");
	assert_true(config->share.items[1].readonly);
	assert_int_equal(vm_config_count_virtio(config), 3);
	bad("--9p=a", "want DIR,TAG");
	bad("--9p|a,x|--9p|b,y|--9p|c,x",
	    "--9p c,x: there is a share \"x\" already, a");
}

static void file_systems(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--fs|a,x|--fs=b,y,ro|--9p|c,x");
	assert_int_equal(config->fs.count, 2);
	assert_string_equal(config->fs.items[0].path, "a");
	assert_string_equal(config->fs.items[1].tag, "y");
	assert_true(config->fs.items[1].readonly);
	assert_int_equal(vm_config_count_virtio(config), 3);
	assert_true(vm_config_shares_ram(config));
	bad("--fs=a", "want DIR|SOCKET,TAG");
	bad("--fs|a,x|--fs|b,y|--fs|c,x",
	    "--fs c,x: there is a tag \"x\" already, of a");
	good("--9p|c,x");
	assert_false(vm_config_shares_ram(config));
}

static void virtio_devices(void **state)
{
	(void)state;
	assert_int_equal(vm_config_count_virtio(good("")), 0);
	assert_true(good("--rng")->rng);
	assert_int_equal(vm_config_count_virtio(good("--rng|-d|a|-d|b")), 3);
	assert_false(good("--rng|--no-rng")->rng);
	assert_int_equal(good("")->vsock, 0);
	assert_int_equal(good("--vsock=3|--rng")->vsock, 3);
	assert_int_equal(vm_config_count_virtio(&t.config), 2);
	assert_int_equal(good("--vsock|0xfffffffe")->vsock, 0xfffffffe);
	bad("--vsock=2", "'2' is not a number from 3 to 4294967294");
	bad("--vsock=4294967295", "from 3 to 4294967294");
	bad("--vsock=host", "'host' is not a number");
	bad("--rng=/dev/urandom", "--rng");
	assert_int_equal(good("")->pvpanic, PVPANIC_NONE);
	assert_int_equal(good("--pvpanic|pci")->pvpanic, PVPANIC_PCI);
	assert_int_equal(good("--pvpanic=mmio")->pvpanic, PVPANIC_MMIO);
	assert_int_equal(vm_config_count_virtio(good("--pvpanic=pci")), 0);
	bad("--pvpanic=isa", "--pvpanic");
	assert_false(good("")->exit_device);
	assert_true(good("--exit-device")->exit_device);
	bad("--exit-device=1", "--exit-device");
	assert_false(good("")->balloon.on);
	assert_true(good("--balloon|Image")->balloon.on);
	assert_int_equal(vm_config_count_virtio(good("--balloon|--rng")), 2);
	assert_int_equal(good("--balloon=target=1M")->balloon.target, SZ_1M);
	assert_int_equal(good("--balloon=stats=3|--balloon")->balloon.interval,
			 0);
	bad("--balloon=3", "--balloon 3");
	good("--pmem|a,ro|--pmem=b");
	assert_int_equal(t.config.pmem.count, 2);
	assert_true(t.config.pmem.items[0].readonly);
	assert_string_equal(t.config.pmem.items[1].path, "b");
	assert_int_equal(vm_config_count_virtio(&t.config), 2);
	bad("--pmem=a,ro,snapshot", "--pmem a,ro,snapshot");
}

static void consoles(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	assert_int_equal(good("")->console.device, CONSOLE_SERIAL);
	assert_false(console_config_is_virtio(&config->console));
	assert_int_equal(good("--console=virtio")->console.device,
			 CONSOLE_VIRTIO);
	assert_int_equal(vm_config_count_virtio(config), 1);
	assert_int_equal(
		good("--console=virtio|--console|serial")->console.device,
		CONSOLE_SERIAL);
	good("--virtio-port=a,file=f|--virtio-port|b,file=g");
	assert_int_equal(config->console.ports.count, 2);
	assert_string_equal(config->console.ports.items[0].name, "a");
	assert_string_equal(config->console.ports.items[1].file, "g");
	assert_int_equal(vm_config_count_virtio(config), 1);
	good("--console=virtio|--virtio-port=a,file=f|--rng");
	assert_int_equal(vm_config_count_virtio(config), 2);
	bad("--virtio-port=a,file=f|--virtio-port|a,file=g",
	    "--virtio-port a,file=g: there is a port of this name already");
	bad("--virtio-port=", "want NAME,file=PATH|fd=N|socket=PATH");
}

static void boot_order(void **state)
{
	static const char *const paths[] = { "",     "disk", "a/b",
					     "/a b", "/a\n", "/\xc3\xa4" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(line, sizeof(line), "--boot-order=%s", paths[i]);
		bad(line, "OpenFirmware path");
		assert_null(t.config.boot.order);
	}
	good("--boot-order=/a@0,1");
	assert_string_equal(t.config.boot.order, "/a@0,1");
	good("--boot-order=/a@0,1|--boot-order|/b/c@2:d");
	assert_string_equal(t.config.boot.order, "/a@0,1\n/b/c@2:d");
}

static void boot_wait(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--boot-wait=0");
	assert_true(config->boot.has_wait);
	assert_int_equal(config->boot.wait, 0);
	assert_int_equal(good("--boot-wait=65")->boot.wait, 65);
	bad("--boot-wait=66", "--boot-wait 66: want");
	bad("--boot-wait=", "--boot-wait : want");
}

static void cpus(void **state)
{
	const struct vm_config *config = good("--vcpu-affinity=0-1,5");

	(void)state;
	assert_true(config->cpu.has_affinity);
	assert_int_equal(CPU_COUNT(&config->cpu.affinity), 3);
	assert_string_equal(config->cpu.affinity_list, "0-1,5");
	bad("--vcpu-affinity=1-", "--vcpu-affinity 1-: want a list");
	assert_int_equal(good("--sve-max-vl=2048")->cpu.sve_max_vl, 2048);
	bad("--sve-max-vl=2176", "--sve-max-vl 2176: want a multiple");
	bad("--sve-max-vl=200", "--sve-max-vl 200: want a multiple");
	bad("--sve-max-vl=0", "--sve-max-vl 0: want a multiple");
	good("--kaslr-seed=0xffffffffffffffff");
	assert_true(config->boot.has_kaslr_seed);
	assert_int_equal(config->boot.kaslr_seed, UINT64_MAX);
	bad("--kaslr-seed=x", "--kaslr-seed x: want a number");
}

static void flashes(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("-F|a|--flash=b,ro|-Fc,,d|-F|e,size=1M,label=x");
	assert_int_equal(config->flash.count, 4);
	assert_string_equal(config->flash.items[0].path, "a");
	assert_null(config->flash.items[0].label);
	assert_string_equal(config->flash.items[1].path, "b");
	assert_true(config->flash.items[1].readonly);
	assert_string_equal(config->flash.items[2].path, "c,d");
	assert_int_equal(config->flash.items[3].size, SZ_1M);
	assert_string_equal(config->flash.items[3].label, "x");
	bad("-Fa|-Fb|-Fc|-Fd|-Fe", "--flash e: there are 4 banks");
	bad("-Fa|-Fb,rw", "--flash b,rw: unknown option \"rw\"");
}

static void smbios(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--smbios=type=1,serial=a|--smbios|type=11,value=b");
	assert_int_equal(config->smbios.count, 2);
	assert_string_equal(config->smbios.items[0].serial, "a");
	assert_string_equal(config->smbios.items[1].value, "b");
	bad("--smbios=type=4", "--smbios type=4: type= has to be");
}

static void fw_cfg_files(void **state)
{
	const struct vm_config *config = &t.config;

	(void)state;
	good("--fw-cfg=opt/a,file=b|--fw-cfg|name=opt/c,string=d,,e");
	assert_int_equal(config->fw_cfg.count, 2);
	assert_int_equal(t.nr_warnings, 0);
	assert_string_equal(config->fw_cfg.items[0].name, "opt/a");
	assert_string_equal(config->fw_cfg.items[0].path, "b");
	assert_null(config->fw_cfg.items[0].text);
	assert_string_equal(config->fw_cfg.items[1].name, "opt/c");
	assert_string_equal(config->fw_cfg.items[1].text, "d,e");
	bad("--fw-cfg=opt/a,file=b|--fw-cfg=opt/c", "--fw-cfg opt/c: want one");
	good("--fw-cfg=etc/a,file=b");
	assert_int_equal(t.nr_warnings, 1);
}

/* It counts for the messages of the options behind it, too. */
static void loglevel(void **state)
{
	(void)state;
	good("--loglevel=debug");
	assert_int_equal(t.level, LOG_LEVEL_DEBUG);
	bad("--loglevel=loud", "--loglevel loud: there are error, warning");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults),	      TEST(members),   TEST(control),
		TEST(help),	      TEST(kernel),    TEST(mem),
		TEST(firmware),	      TEST(debuggers), TEST(names),
		TEST(disks),	      TEST(networks),  TEST(outcomes),
		TEST(serial_ports),   TEST(shares),    TEST(file_systems),
		TEST(virtio_devices), TEST(consoles),  TEST(boot_order),
		TEST(boot_wait),      TEST(cpus),      TEST(flashes),
		TEST(fw_cfg_files),   TEST(smbios),    TEST(loglevel),
		TEST(rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
