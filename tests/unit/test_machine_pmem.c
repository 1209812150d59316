/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/machine-pmem.c disk/lock.c util/file.c */
/* WRAP: mmap file_lost_name */
/* Files as memory: which can be, where they are, and who sees what is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "arm/machine.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/pmem.h"

#define RAM_END (0x80000000ULL + 160 * SZ_1M)
#define ODD	(SZ_2M + 5)

static struct {
	char dir[64], even[80], odd[80];
	struct pmem_config items[4];
	struct vm_config config;
	struct machine machine;
	struct virtio_pmem_params params[4];
	unsigned int nr_devices, nr_mapped, nr_messages;
	char message[512];
	int error;			 /* of the slot */
	unsigned int failing_mmap, lost; /* the next ones */
	int free_fd;
	u8 *reserved;
	size_t reserved_size;
} t;

/* ---- What is around it --------------------------------------------------- */

static void keep(const char *fmt, va_list args)
{
	vsnprintf(t.message, sizeof(t.message), fmt, args);
	t.nr_messages++;
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	keep(fmt, args);
	va_end(args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	keep(fmt, args);
	va_end(args);
}

int memslot_init(struct memslot *slot, struct memslots *slots, u64 gpa,
		 u64 size, void *hva, bool readonly)
{
	assert_ptr_equal(slots, &t.machine.vm.slots);
	assert_true(IS_ALIGNED((uintptr_t)hva | gpa | size, SZ_2M));
	slot->gpa = gpa;
	slot->size = size;
	slot->hva = hva;
	slot->readonly = readonly;
	return 0;
}

int memslot_map(struct memslot *slot)
{
	(void)slot;
	t.nr_mapped += !t.error;
	return t.error;
}

int virtio_pmem_create(const struct virtio_pmem_params *params,
		       struct virtio_device **out)
{
	t.params[t.nr_devices] = *params;
	*out = NULL;
	return 0;
}

int machine_add_device(struct machine *machine, struct virtio_device *vdev,
		       u32 *slot)
{
	assert_ptr_equal(machine, &t.machine);
	assert_null(vdev);
	*slot = t.nr_devices++;
	return 0;
}

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd,
		  off_t from);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd,
		  off_t from);
bool __real_file_lost_name(int fd, const char *path);
bool __wrap_file_lost_name(int fd, const char *path);

/* What replaces mappings replaces its own. */
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
	void *map;

	if (t.failing_mmap && !--t.failing_mmap) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (flags & MAP_FIXED)
		assert_true(range_within((uintptr_t)at, len,
					 (uintptr_t)t.reserved,
					 t.reserved_size));
	map = __real_mmap(at, len, prot, flags, fd, from);
	if (!(flags & MAP_FIXED)) {
		t.reserved = map;
		t.reserved_size = len;
	}
	return map;
}

/* As if another file had been moved there meanwhile. */
bool __wrap_file_lost_name(int fd, const char *path)
{
	return t.lost ? t.lost-- : __real_file_lost_name(fd, path);
}

/* ---- Files --------------------------------------------------------------- */

static void make_file(char *path, size_t room, const char *name, size_t size)
{
	int fd;

	snprintf(path, room, "%s/%s", t.dir, name);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, "last", 4, (off_t)size - 4), 4);
	close(fd);
}

static void read_end(const char *path, size_t size, char text[5])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, text, 4, (off_t)size - 4), 4);
	text[4] = '\0';
	close(fd);
}

static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	snprintf(t.dir, sizeof(t.dir), "/tmp/lkvm-pmem-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	make_file(t.even, sizeof(t.even), "even", 2 * SZ_2M);
	make_file(t.odd, sizeof(t.odd), "odd", ODD);
	t.config.pmem.items = t.items;
	t.machine.config = &t.config;
	t.machine.memory_end = RAM_END;
	t.free_fd = lowest_free_fd();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_close_pmems(&t.machine);
	unlink(t.even);
	unlink(t.odd);
	assert_int_equal(rmdir(t.dir), 0);
	assert_int_equal(lowest_free_fd(), t.free_fd);
	return 0;
}

static void want(const char *path, bool readonly, bool snapshot)
{
	t.items[t.config.pmem.count++] = (struct pmem_config) {
		.path = path, .readonly = readonly, .snapshot = snapshot
	};
}

static void refused(const char *path, bool readonly, int err, const char *why)
{
	t.config.pmem.count = 0;
	t.nr_messages = 0;
	want(path, readonly, false);
	assert_int_equal(machine_open_pmems(&t.machine), err);
	if (t.nr_messages != 1 || strncmp(t.message, "--pmem", 6) ||
	    !strstr(t.message, why))
		fail_msg("%s", t.message);
	machine_close_pmems(&t.machine);
}

/* ---- Tests --------------------------------------------------------------- */

static void places(void **state)
{
	(void)state;
	want(t.even, false, false);
	want(t.odd, true, false);
	want(t.odd, false, true);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	assert_int_equal(t.machine.pmems[0].base, 0xc0000000);
	assert_true(t.machine.pmems[1].base == 0x100000000);
	assert_true(t.machine.pmems[2].base == 0x140000000);
	assert_true(t.machine.memory_end == 0x140000000 + 2 * SZ_2M);
	assert_int_equal(machine_add_pmems(&t.machine), 0);
	assert_int_equal(t.nr_devices, 3);
	assert_int_equal(t.nr_mapped, 3);
	assert_int_equal(t.nr_messages, 0);
	assert_int_equal(t.params[0].start, 0xc0000000);
	assert_int_equal(t.params[0].size, 2 * SZ_2M);
	assert_int_equal(t.params[0].fd, t.machine.pmems[0].fd);
	assert_null(t.params[0].readonly);
	assert_int_equal(t.params[1].fd, -1);
	assert_ptr_equal(t.params[1].readonly, &t.machine.pmems[1].slot);
	assert_true(t.machine.pmems[1].slot.readonly);
	assert_int_equal(t.params[2].size, 2 * SZ_2M);
	assert_int_equal(t.params[2].fd, -1);
	assert_null(t.params[2].readonly);
	assert_string_equal(t.params[2].name, "pmem2");
}

static void content(void **state)
{
	char text[5];
	u8 *at;

	(void)state;
	want(t.even, false, false);
	want(t.odd, true, false);
	want(t.odd, false, true);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	assert_int_equal(machine_add_pmems(&t.machine), 0);
	at = t.machine.pmems[0].slot.hva;
	assert_memory_equal(at + 2 * SZ_2M - 4, "last", 4);
	memcpy(at + 2 * SZ_2M - 4, "else", 4);
	read_end(t.even, 2 * SZ_2M, text);
	assert_string_equal(text, "else");
	at = t.machine.pmems[2].slot.hva;
	assert_memory_equal(at + ODD - 4, "last", 4);
	assert_true(is_filled(at + ODD, 2 * SZ_2M - ODD, 0));
	memset(at, 'x', 2 * SZ_2M);
	read_end(t.odd, ODD, text);
	assert_string_equal(text, "last");
	at = t.machine.pmems[1].slot.hva;
	assert_memory_equal(at + ODD - 4, "last", 4);
	assert_true(is_filled(at + ODD, 2 * SZ_2M - ODD, 0));
}

static bool is_mapped(u8 *at)
{
	return !msync(at, SZ_4K, MS_ASYNC);
}

/* What was reserved is given back, all of it. */
static void closed(void **state)
{
	u8 *begin, *end;

	(void)state;
	want(t.even, true, false);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	assert_int_equal(machine_add_pmems(&t.machine), 0);
	begin = t.reserved;
	end = t.reserved + t.reserved_size;
	assert_true(is_mapped(begin));
	assert_true(is_mapped(end - SZ_4K));
	machine_close_pmems(&t.machine);
	assert_false(is_mapped(begin));
	assert_false(is_mapped(end - SZ_4K));
}

/* The file of that name is opened, whichever it is in the end. */
static void lost_name(void **state)
{
	(void)state;
	t.lost = 2;
	want(t.even, false, false);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.machine.pmems[0].fd, t.free_fd);
	assert_string_equal(t.machine.pmems[0].path, t.even);
}

/* Up to the last address that there is, and not beyond. */
static void last_addresses(void **state)
{
	char path[80];

	(void)state;
	make_file(path, sizeof(path), "large", SZ_1G);
	want(path, false, false);
	t.machine.memory_end = BIT(52) - SZ_1G;
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	assert_true(t.machine.memory_end == BIT(52));
	machine_close_pmems(&t.machine);
	assert_int_equal(truncate(path, SZ_1G + SZ_2M), 0);
	t.machine.memory_end = BIT(52) - SZ_1G;
	refused(path, false, -E2BIG, "no addresses left");
	unlink(path);
}

static void refusals(void **state)
{
	char path[80];

	(void)state;
	refused("/none/such", true, -ENOENT, "No such file");
	refused(t.dir, true, -EINVAL, "is not a file");
	refused("/dev/null", false, -EINVAL, "is not a file");
	refused(t.odd, false, -EINVAL, "truncate -s %2M");
	snprintf(path, sizeof(path), "%s/fifo", t.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, true, -EINVAL, "is not a file");
	unlink(path);
	make_file(path, sizeof(path), "empty", 4);
	assert_int_equal(truncate(path, 0), 0);
	refused(path, true, -EINVAL, "is empty");
	unlink(path);
	t.config.cpu.aarch32 = true;
	refused(t.even, true, -EINVAL, "32-bit");
	t.config.cpu.aarch32 = false;
	t.machine.memory_end = BIT(52) - SZ_4K;
	refused(t.even, true, -E2BIG, "no addresses left");
}

/* One writer, or any number of readers. */
static void locks(void **state)
{
	struct machine first = { .config = &t.config, .memory_end = RAM_END };

	(void)state;
	want(t.even, false, false);
	assert_int_equal(machine_open_pmems(&first), 0);
	refused(t.even, false, -EBUSY, "in use by another lkvm");
	refused(t.even, true, -EBUSY, "which writes to it");
	machine_close_pmems(&first);
	t.items[0].readonly = true;
	assert_int_equal(machine_open_pmems(&first), 0);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	machine_close_pmems(&t.machine);
	refused(t.even, false, -EBUSY, "in use by another lkvm");
	machine_close_pmems(&first);
}

static void cut_off(void **state)
{
	(void)state;
	want(t.even, true, false);
	want(t.odd, true, false);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	machine_explain_pmems(&t.machine);
	assert_int_equal(t.nr_messages, 0);
	assert_int_equal(truncate(t.odd, SZ_4K), 0);
	machine_explain_pmems(&t.machine);
	assert_int_equal(t.nr_messages, 1);
	assert_non_null(strstr(t.message, "cut off at 4096 bytes, of 2097157"));
}

static void no_slot(void **state)
{
	(void)state;
	want(t.even, true, false);
	assert_int_equal(machine_open_pmems(&t.machine), 0);
	t.error = -EINVAL;
	assert_int_equal(machine_add_pmems(&t.machine), -EINVAL);
	assert_int_equal(t.nr_devices, 0);
	assert_non_null(strstr(t.message, "unable to map it into the guest"));
}

/* Each of three mappings. */
static void no_mapping(void **state)
{
	(void)state;
	want(t.even, true, false);
	for (unsigned int n = 1; n <= 3; n++) {
		t.nr_messages = 0;
		assert_int_equal(machine_open_pmems(&t.machine), 0);
		t.failing_mmap = n;
		assert_int_equal(machine_add_pmems(&t.machine), -ENOMEM);
		assert_int_equal(t.failing_mmap, 0);
		assert_int_equal(t.nr_messages, 1);
		machine_close_pmems(&t.machine);
	}
	assert_int_equal(t.nr_mapped, 0);
}

#define PMEM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PMEM_TEST(places),     PMEM_TEST(content),
		PMEM_TEST(refusals),   PMEM_TEST(closed),
		PMEM_TEST(lost_name),  PMEM_TEST(last_addresses),
		PMEM_TEST(no_mapping), PMEM_TEST(locks),
		PMEM_TEST(cut_off),    PMEM_TEST(no_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
