/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a run of a test has ended: by the status of its process, and by what that
 * has written to the file of --result. That file may be missing, or be another
 * program's: then the status is all there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builtin-test.h"
#include "lkvm/config/outcome.h"
#include "lkvm/util/file.h"
#include "lkvm/util/json_read.h"
#include "lkvm/util/lines.h"

/* With counters of each block of a large flash. */
#define RESULT_MAX SZ_16M

/* Of the console that is shown of a run that failed. */
#define TAIL_BYTES 8192
#define TAIL_LINES 20

/* ---- The last lines of a file -------------------------------------------- */

/* A ring of lines; `next` is the oldest one. */
struct tail {
	struct lines lines;
	char *ring[TAIL_LINES];
	unsigned int next;
};

/* Without memory the line is missing, which nobody depends on. */
static void keep_line(struct lines *lines)
{
	struct tail *tail = container_of(lines, struct tail, lines);
	char **slot = &tail->ring[tail->next];

	free(*slot);
	*slot = strdup(lines->text);
	tail->next = (tail->next + 1) % TAIL_LINES;
}

/* Frees the lines, oldest first, and returns all of them as one text. */
static char *join_lines(struct tail *tail)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	for (unsigned int i = 0; i < TAIL_LINES; i++) {
		char *line = tail->ring[(tail->next + i) % TAIL_LINES];

		if (out && line)
			fprintf(out, "%s\n", line);
		free(line);
	}
	if (!out || !fclose(out))
		return text;
	free(text);
	return NULL;
}

/* The file's last bytes, of which the first line may not be whole. */
static size_t read_end(const char *path, u8 *buf, size_t size)
{
	int fd = file_open(path, O_RDONLY, 0);
	off_t end;
	size_t len = 0;

	if (fd < 0)
		return 0;
	end = lseek(fd, 0, SEEK_END);
	if (end > 0) {
		len = MIN((size_t)end, size);
		if (pread_full(fd, buf, len, end - (off_t)len))
			len = 0;
	}
	close(fd);
	return len;
}

/* Without escape sequences: it is shown on a terminal. NULL: no memory. */
static char *read_tail(const char *path)
{
	struct tail *tail = calloc(1, sizeof(*tail));
	u8 *buf = malloc(TAIL_BYTES);
	char *text = NULL;

	if (tail && buf) {
		tail->lines.end = keep_line;
		lines_add(&tail->lines, buf, read_end(path, buf, TAIL_BYTES));
		lines_flush(&tail->lines);
		text = join_lines(tail);
	}
	free(tail);
	free(buf);
	return text;
}

/* ---- The result ---------------------------------------------------------- */

/* NULL if there is none; to be freed. */
static struct json_value *read_result(const char *path)
{
	struct json_value *root;
	struct json_error error;
	void *text;
	size_t len;
	int ret;

	if (file_read_all(path, RESULT_MAX, &text, &len))
		return NULL;
	ret = json_read(text, len, &root, &error);
	free(text);
	return ret ? NULL : root;
}

/*
 * A number is that of the process, whatever it has written; an outcome needs a
 * result that names it. Without either the status is what a shell calls good.
 */
static bool is_wanted(const struct test_case *test, int status,
		      const char *outcome)
{
	if (!test->end.text)
		return status == 0;
	if (test->is_status)
		return status == (int)test->status;
	return outcome && !strcmp(outcome, test->end.text);
}

/* Whether an outcome says something of the host only, as NULL, none, does. */
static bool is_host_error(const char *outcome)
{
	for (unsigned int i = 0; outcome && i < NR_OUTCOMES; i++)
		if (!strcmp(outcome_row(i)->name, outcome))
			return !outcome_row(i)->is_guest;
	return true;
}

/* The last line of what lkvm has said of itself, from its first letter on. */
static char *last_message(const char *path)
{
	char *text = read_tail(path);
	size_t len = text ? strlen(text) : 0;
	char *line;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	line = text ? strrchr(text, '\n') : NULL;
	line = line ? line + 1 : text;
	while (line && *line == ' ')
		line++;
	if (line)
		memmove(text, line, strlen(line) + 1);
	return text;
}

static char *format(const char *fmt, ...) __printf(1, 2);

/* NULL: there is no memory, and nothing more is said. */
static char *format(const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

/* "status 6, panic: Kernel panic ...", and what was wanted if that was told. */
static char *explain(const struct test_case *test, const struct test_end *end,
		     int status, const char *outcome, const char *detail)
{
	char *message = NULL, *text;
	const char *wanted = test->end.text;

	if (end->is_late)
		return format("lkvm did not end with its time limit, %llu s, "
			      "and was killed",
			      (unsigned long long)test->seconds);
	if (!WIFEXITED(end->status))
		return format("lkvm was ended by signal %d",
			      WTERMSIG(end->status));
	if ((!detail || !*detail) && is_host_error(outcome))
		detail = message = last_message(end->messages);
	text = format("status %d%s%s%s%s%s%s", status, outcome ? ", " : "",
		      outcome ?: "", wanted ? ", not " : "", wanted ?: "",
		      detail && *detail ? ": " : "", detail ?: "");
	free(message);
	return text;
}

/*
 * Only the first failure is explained: with --repeat the others are mostly the
 * same, and each has its own logs.
 */
bool test_judge(struct test_state *state, const struct test_end *end)
{
	int status = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;
	struct json_value *result = read_result(end->result);
	const char *outcome = json_string_of(json_member(result, "outcome"));
	const char *detail = json_string_of(json_member(result, "detail"));
	bool is_good = !end->is_late && is_wanted(state->test, status, outcome);

	if (!is_good && !state->type) {
		state->type = strdup(outcome ?: "none");
		state->why = explain(state->test, end, status, outcome, detail);
		state->tail = read_tail(end->console);
		state->is_error = is_host_error(outcome);
	}
	free(result);
	return is_good;
}
