/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/open.c disk/lock.c disk/raw.c disk/disk.c disk/format.c */
/* SOURCES: disk/qcow2/?*.c disk/qcow2_format.c util/zstd.c */
/* SOURCES: util/iov.c util/file.c tests/unit/flash_fixture.c disk/snapshot.c */
/* WRAP: fcntl */
/*
 * Who may use a disk's file at the same time. QEMU is played by single bytes
 * that are locked as it locks them: 100 + n, "I do n", and 200 + n, "nobody
 * else may do n".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/disk/disk.h"

#define FIRST 0 /* bytes that are looked at */
#define LAST  300

static struct {
	int lock, look; /* errno with which F_OFD_SETLK and GETLK fail, or 0 */
	unsigned int good;	   /* so many F_OFD_SETLK do not */
	unsigned int interrupts;   /* EINTR, so often before each */
	unsigned int pending;	   /* so often before this one */
	void (*before_look)(void); /* once */
} fake;

int __real_fcntl(int fd, int cmd, void *arg);
int __wrap_fcntl(int fd, int cmd, void *arg);

static int fail_with(int err)
{
	errno = err;
	return -1;
}

static int set_lock(int fd, void *arg)
{
	if (fake.pending) {
		fake.pending--;
		return fail_with(EINTR);
	}
	fake.pending = fake.interrupts;
	if (fake.lock && !fake.good)
		return fail_with(fake.lock);
	fake.good -= !!fake.good;
	return __real_fcntl(fd, F_OFD_SETLK, arg);
}

static int get_lock(int fd, void *arg)
{
	void (*call)(void) = fake.before_look;

	fake.before_look = NULL;
	if (call)
		call();
	return fake.look ? fail_with(fake.look)
			 : __real_fcntl(fd, F_OFD_GETLK, arg);
}

int __wrap_fcntl(int fd, int cmd, void *arg)
{
	if (cmd == F_OFD_SETLK)
		return set_lock(fd, arg);
	if (cmd == F_OFD_GETLK)
		return get_lock(fd, arg);
	return __real_fcntl(fd, cmd, arg);
}

/* ---- Another program ----------------------------------------------------- */

static int others; /* its descriptor of the file */

static struct flock range(off_t start, off_t len, short type)
{
	return (struct flock) { .l_type = type,
				.l_whence = SEEK_SET,
				.l_start = start,
				.l_len = len };
}

static void open_others(void)
{
	others = open(PATH, O_RDWR | O_CLOEXEC);
	assert_true(others >= 0);
}

static void lock_others(off_t start, off_t len, short type)
{
	struct flock lock = range(start, len, type);

	assert_int_equal(__real_fcntl(others, F_OFD_SETLK, &lock), 0);
}

static void unlock_others(void)
{
	lock_others(0, 0, F_UNLCK);
}

/* "100 101": shared locks. */
static void lock_bytes(const char *bytes)
{
	int byte, n;

	while (sscanf(bytes, "%d%n", &byte, &n) == 1) {
		lock_others(byte, 1, F_RDLCK);
		bytes += n;
	}
}

/* The bytes that anybody but it has locked, in the form of lock_bytes(). */
static const char *locked_bytes(void)
{
	static char list[4096];
	size_t len = 0;

	list[0] = '\0';
	for (off_t byte = FIRST; byte <= LAST; byte++) {
		struct flock lock = range(byte, 1, F_WRLCK);

		assert_int_equal(__real_fcntl(others, F_OFD_GETLK, &lock), 0);
		if (lock.l_type == F_UNLCK)
			continue;
		assert_int_equal(lock.l_type, F_RDLCK);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%d",
					len ? " " : "", (int)byte);
		assert_true(len < sizeof(list));
	}
	return list;
}

#define WRITER_BYTES "100 101 103 201 203"
#define READER_BYTES "100 201 203"

static struct disk *disks[2];

static int setup(void **state)
{
	int ret = make_dir(state);

	memset(&fake, 0, sizeof(fake));
	forget_messages();
	if (ret)
		return ret;
	make_file(4096);
	open_others();
	return 0;
}

static void close_disk(u32 n)
{
	disk_close(disks[n]);
	disks[n] = NULL;
}

static int teardown(void **state)
{
	close_disk(0);
	close_disk(1);
	close(others);
	return remove_dir(state);
}

static int open_disk(u32 n, bool readonly)
{
	static struct disk_config configs[2];

	close_disk(n);
	forget_messages();
	configs[n] = (struct disk_config) { .path = lasting_path_of("f"),
					    .readonly = readonly };
	return disk_open(&configs[n], &disks[n]);
}

static void assert_opened(u32 n, bool readonly)
{
	if (open_disk(n, readonly))
		fail_msg("said: %s", messages);
	assert_string_equal(messages, "");
}

/* Nothing is left of the attempt. */
static void assert_busy(u32 n, bool readonly)
{
	char text[600];
	int fd = next_fd();

	assert_refusal(open_disk(n, readonly), EBUSY, "is in use by ");
	snprintf(text, sizeof(text),
		 "disk %s: is in use by another lkvm or "
		 "QEMU%s\n",
		 PATH, readonly ? ", which writes to it" : "");
	assert_string_equal(messages, text);
	assert_null(disks[n]);
	assert_int_equal(next_fd(), fd);
}

/* ---- Two of lkvm --------------------------------------------------------- */

static void two_writers(void **state)
{
	(void)state;
	assert_opened(0, false);
	assert_busy(1, false);
	assert_string_equal(locked_bytes(), WRITER_BYTES);
	close_disk(0);
	assert_opened(1, false);
}

static void writer_and_reader(void **state)
{
	(void)state;
	assert_opened(0, false);
	assert_busy(1, true);
	assert_string_equal(locked_bytes(), WRITER_BYTES);
	close_disk(0);
	assert_opened(1, true);
}

static void reader_and_writer(void **state)
{
	(void)state;
	assert_opened(0, true);
	assert_busy(1, false);
	assert_string_equal(locked_bytes(), READER_BYTES);
	close_disk(0);
	assert_opened(1, false);
}

/* The one that stays keeps writers out. */
static void two_readers(void **state)
{
	(void)state;
	assert_opened(0, true);
	assert_opened(1, true);
	close_disk(0);
	assert_string_equal(locked_bytes(), READER_BYTES);
	assert_busy(0, false);
	assert_string_equal(locked_bytes(), READER_BYTES);
}

/* ---- QEMU ---------------------------------------------------------------- */

static void locked(void **state)
{
	(void)state;
	assert_string_equal(locked_bytes(), "");
	assert_opened(0, false);
	assert_string_equal(locked_bytes(), WRITER_BYTES);
	close_disk(0);
	assert_string_equal(locked_bytes(), "");
	assert_opened(0, true);
	assert_string_equal(locked_bytes(), READER_BYTES);
	close_disk(0);
	assert_string_equal(locked_bytes(), "");
}

static void assert_with(const char *bytes, bool writer, bool reader)
{
	lock_bytes(bytes);
	for (int readonly = 0; readonly < 2; readonly++) {
		if (readonly ? reader : writer)
			assert_opened(0, readonly);
		else
			assert_busy(0, readonly);
		close_disk(0);
		assert_string_equal(locked_bytes(), "");
	}
	unlock_others();
}

static void qemu(void **state)
{
	(void)state;
	assert_with(WRITER_BYTES, false, false);
	assert_with(READER_BYTES, false, true);
	/* share-rw=on: whoever wants may write. */
	assert_with("100 101 103", false, false);
	assert_with("100", true, true);
	assert_with("", true, true);
	assert_with(WRITER_BYTES, false, false);
}

/*
 * What is no business of ours: 2 is to write what was there before, 4 was to
 * change the graph of images.
 */
static void single_bytes(void **state)
{
	char byte[16];

	(void)state;
	for (int i = FIRST; i <= LAST; i++) {
		bool both = i == 101 || i == 103 || i == 200;
		bool writer = i == 201 || i == 203;

		snprintf(byte, sizeof(byte), "%d", i);
		assert_with(byte, !both && !writer, !both);
	}
}

/* By an older lkvm, say: neither of them can add a byte. */
static void exclusive(void **state)
{
	(void)state;
	lock_others(0, 0, F_WRLCK);
	assert_busy(0, false);
	assert_busy(0, true);
	unlock_others();
	assert_opened(0, false);
}

static void other_begins(void)
{
	assert_string_equal(locked_bytes(), WRITER_BYTES);
	lock_bytes(WRITER_BYTES);
}

static void reader_begins(void)
{
	assert_string_equal(locked_bytes(), READER_BYTES);
	lock_bytes("101");
}

/* Each locks before it looks, so one of them at least sees the other. */
static void at_the_same_time(void **state)
{
	(void)state;
	fake.before_look = other_begins;
	assert_busy(0, false);
	assert_null(fake.before_look);
	unlock_others();
	fake.before_look = reader_begins;
	assert_busy(0, true);
	assert_null(fake.before_look);
}

/* ---- Locks that fail ----------------------------------------------------- */

/* As on NFS without its daemon; the lock number `good` is the one that fails.
 */
static void assert_warned(int err, u32 good, bool readonly)
{
	char text[700];

	fake.lock = err;
	fake.good = good;
	assert_int_equal(open_disk(0, readonly), 0);
	snprintf(text, sizeof(text),
		 "disk %s: unable to lock it (%s): make sure that nothing else "
		 "uses it\n",
		 PATH, strerror(err));
	assert_string_equal(messages, text);
	assert_int_equal(nr_fatal, 0);
	close_disk(0);
}

static void no_locks(void **state)
{
	static const int errors[] = { ENOLCK, EINVAL, EOPNOTSUPP, EIO };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		for (u32 good = 0; good < 5; good++)
			assert_warned(errors[i], good, false);
		for (u32 good = 0; good < 3; good++)
			assert_warned(errors[i], good, true);
	}
}

/* POSIX leaves it to the system which of them a conflict is. */
static void conflicts(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		fake.lock = i ? EACCES : EAGAIN;
		assert_busy(0, false);
		assert_busy(0, true);
	}
}

static void interrupted(void **state)
{
	(void)state;
	fake.interrupts = fake.pending = 2;
	assert_opened(0, false);
	assert_string_equal(locked_bytes(), WRITER_BYTES);
	assert_busy(1, false);
}

/* Others cannot be seen: nothing says that there are any. */
static void no_look(void **state)
{
	(void)state;
	fake.look = EINVAL;
	assert_opened(0, false);
	assert_string_equal(locked_bytes(), WRITER_BYTES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(two_writers),
		TEST(writer_and_reader),
		TEST(reader_and_writer),
		TEST(two_readers),
		TEST(locked),
		TEST(qemu),
		TEST(single_bytes),
		TEST(exclusive),
		TEST(at_the_same_time),
		TEST(no_locks),
		TEST(conflicts),
		TEST(interrupted),
		TEST(no_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
