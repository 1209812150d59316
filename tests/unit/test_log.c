/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/log.c */
/* WRAP: clock_gettime */
/* Messages: which are shown, in what form, and how many a guest can cause. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/util/log.h"
#include "lkvm/util/output.h"

#define NR_THREADS 4
#define PER_THREAD 1000

/* What reached stderr since the last reset(), and in how many writes. */
static struct {
	pthread_mutex_t lock;
	char text[4096];
	size_t len;
	unsigned int writes;
	unsigned int ms; /* that the last one would have waited */
	int error;
	unsigned int good; /* writes before the error */
} err = { .lock = PTHREAD_MUTEX_INITIALIZER };

static time_t now;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int output_write(int fd, const void *buf, size_t len, unsigned int ms,
		 size_t *written)
{
	assert_int_equal(fd, STDERR_FILENO);
	assert_null(written);
	errno = ENOTTY; /* as isatty() and the like leave it */
	err.ms = ms;
	if (err.error && !err.good)
		return -err.error;
	err.good -= !!err.error;
	pthread_mutex_lock(&err.lock);
	if (err.len + len < sizeof(err.text)) {
		memcpy(err.text + err.len, buf, len);
		err.len += len;
	}
	err.writes++;
	pthread_mutex_unlock(&err.lock);
	return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	*ts = (struct timespec) { .tv_sec = now };
	return 0;
}

static void reset(void)
{
	memset(err.text, 0, sizeof(err.text));
	err.len = 0;
	err.writes = 0;
	err.error = 0;
}

static int setup(void **state)
{
	(void)state;
	reset();
	now = 0;
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static void expect(const char *line)
{
	assert_string_equal(err.text, line);
	assert_int_equal(err.writes, *line != '\0');
	reset();
}

/* Programs that drive kvmtool look for these, the space included. */
static void prefixes(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_DEBUG);
	pr_fatal("no %s at %d", "kernel", 1);
	expect(" Fatal: no kernel at 1\n");
	pr_err("e");
	expect(" Error: e\n");
	pr_warn("w");
	expect(" Warning: w\n");
	pr_info("i");
	expect(" Info: i\n");
	pr_debug("d");
	expect(" Debug: d\n");
}

static void levels(void **state)
{
	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level((enum log_level)level);
		for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
			assert_int_equal(log_enabled((enum log_level)i),
					 i <= level);
			log_print((enum log_level)i, "x");
			assert_int_equal(err.writes, i <= level);
			reset();
		}
		pr_fatal("always");
		expect(" Fatal: always\n");
	}
}

static void names_of_levels(void **state)
{
	static const char *const bad[] = { "",	"errors", "warn",   "Error",
					   "3", " info",  "debug ", "fatal" };
	enum log_level level = LOG_LEVEL_DEBUG;

	(void)state;
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse("info", &level), 0);
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(log_level_parse(bad[i], &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

/* Cut, but still one line and one write, at every length around the limit. */
static void long_lines(void **state)
{
	static const char prefix[] = " Info: ";
	char text[2000];

	(void)state;
	for (size_t len = 900; len < sizeof(text); len++) {
		size_t shown = MIN(len, 1022 - strlen(prefix));

		memset(text, 'x', len);
		text[len] = '\0';
		pr_info("%s", text);
		assert_int_equal(err.writes, 1);
		assert_int_equal(err.len, strlen(prefix) + shown + 1);
		assert_int_equal(err.text[err.len - 1], '\n');
		assert_int_equal(strspn(err.text + strlen(prefix), "x"), shown);
		reset();
	}
}

static void empty_line(void **state)
{
	(void)state;
	pr_info("%s", "");
	expect(" Info: \n");
}

static void errno_is_kept(void **state)
{
	(void)state;
	errno = ENOSPC;
	pr_info("x");
	assert_int_equal(errno, ENOSPC);
	err.error = EIO;
	pr_info("x");
	assert_int_equal(errno, ENOSPC);
	pr_fatal("x");
	assert_int_equal(errno, ENOSPC);
	err.error = 0;
	pr_info("x");
}

/* Only the first of them waits, and the next one that goes out counts them. */
static void lost_messages(void **state)
{
	(void)state;
	err.error = EAGAIN;
	pr_info("a");
	assert_int_equal(err.ms, 100);
	pr_info("b");
	assert_int_equal(err.ms, 0);
	pr_info("c");
	err.error = 0;
	pr_info("d");
	assert_int_equal(err.writes, 2);
	assert_string_equal(err.text,
			    " Warning: 3 messages were lost here: "
			    "stderr could not be written\n Info: d\n");
	reset();
	pr_info("e");
	assert_int_equal(err.ms, 100);
	expect(" Info: e\n");
}

/* The report gets out, the message after it does not. */
static void lost_again(void **state)
{
	(void)state;
	err.error = EAGAIN;
	pr_info("a");
	pr_info("b");
	err.good = 1;
	pr_info("c");
	assert_non_null(strstr(err.text, " 2 messages were lost"));
	reset();
	pr_info("d");
	assert_non_null(strstr(err.text, " 1 messages were lost"));
	assert_int_equal(err.writes, 2);
}

/* What is tried may fail without a message, but in the debug log. */
static void demoted(void **state)
{
	(void)state;
	log_demote_fatal(true);
	pr_fatal("tried");
	assert_string_equal(err.text, "");
	pr_err("not so");
	assert_non_null(strstr(err.text, "not so"));
	reset();
	log_set_level(LOG_LEVEL_DEBUG);
	pr_fatal("tried");
	assert_non_null(strstr(err.text, "tried"));
	assert_null(strstr(err.text, "Fatal"));
	reset();
	log_demote_fatal(false);
	pr_fatal("meant");
	assert_string_equal(err.text, " Fatal: meant\n");
}

static struct ratelimit shared;

static void *flood(void *arg)
{
	(void)arg;
	for (int i = 0; i < PER_THREAD; i++)
		pr_guest(&shared, "flood");
	return NULL;
}

static void burst_and_silence(void **state)
{
	struct ratelimit rl = { 0 };

	(void)state;
	for (int i = 0; i < RATELIMIT_BURST; i++) {
		pr_guest(&rl, "message %d", i);
		assert_int_equal(err.writes, 1);
		assert_null(strstr(err.text, "not shown"));
		reset();
	}
	for (int i = 0; i < 1000; i++)
		pr_guest(&rl, "message");
	expect("");
	/* The window has not passed yet. */
	now += RATELIMIT_SECONDS - 1;
	pr_guest(&rl, "message");
	expect("");
	now++;
	pr_guest(&rl, "bad %s", "write");
	expect(" Warning: bad write (1001 more like this were not shown)\n");
	pr_guest(&rl, "again");
	expect(" Warning: again\n");
}

/* The window begins with its first message, not with the clock. */
static void window_starts_with_a_message(void **state)
{
	struct ratelimit rl = { 0 };
	u32 dropped;

	(void)state;
	now = 1000000;
	for (int i = 0; i < RATELIMIT_BURST; i++)
		assert_true(ratelimit_allow(&rl, &dropped));
	assert_false(ratelimit_allow(&rl, &dropped));
	now += RATELIMIT_SECONDS;
	for (int i = 0; i < RATELIMIT_BURST; i++) {
		assert_true(ratelimit_allow(&rl, &dropped));
		assert_int_equal(dropped, i ? 0 : 1);
	}
	assert_false(ratelimit_allow(&rl, &dropped));
}

static void each_limit_is_its_own(void **state)
{
	struct ratelimit a = { 0 }, b = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		pr_guest(&a, "a");
	reset();
	pr_guest(&b, "b");
	expect(" Warning: b\n");
}

static void not_shown_is_not_counted(void **state)
{
	struct ratelimit rl = { 0 };

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < 100; i++)
		pr_guest(&rl, "x");
	expect("");
	log_set_level(LOG_LEVEL_WARNING);
	pr_guest(&rl, "x");
	expect(" Warning: x\n");
}

static void several_threads(void **state)
{
	pthread_t threads[NR_THREADS];
	unsigned int shown;
	u32 dropped = 0;

	(void)state;
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, NULL),
				 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	/* Threads that meet at the start of a window may add one each. */
	shown = err.writes;
	assert_in_range(shown, RATELIMIT_BURST,
			RATELIMIT_BURST + NR_THREADS - 1);
	now += RATELIMIT_SECONDS;
	assert_true(ratelimit_allow(&shared, &dropped));
	assert_int_equal(shown + dropped, NR_THREADS * PER_THREAD);
}

#define LOG_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(prefixes),
		LOG_TEST(levels),
		LOG_TEST(names_of_levels),
		LOG_TEST(long_lines),
		LOG_TEST(empty_line),
		LOG_TEST(errno_is_kept),
		LOG_TEST(lost_messages),
		LOG_TEST(lost_again),
		LOG_TEST(demoted),
		LOG_TEST(burst_and_silence),
		LOG_TEST(window_starts_with_a_message),
		LOG_TEST(each_limit_is_its_own),
		LOG_TEST(not_shown_is_not_counted),
		LOG_TEST(several_threads),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
