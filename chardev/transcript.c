/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file with what a console has shown: each byte, with escape sequences and
 * carriage returns, and on wish the time before each line. Its size has a
 * limit, as a guest has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/chardev/transcript.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/log.h"
#include "lkvm/util/output.h"

/* How long the reader of a pipe may take for the next bytes. */
#define WAIT_MS 1000

/* "[12345.678901] " */
#define STAMP 32

/* A pipe that nobody reads would have open() wait. */
int transcript_open(struct transcript *transcript,
		    const struct console_log_config *config)
{
	int fd = open(config->path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK,
		      0666);

	if (fd < 0) {
		fd = -errno;
		pr_fatal("--console-log: unable to open %s: %s", config->path,
			 fd == -ENXIO ? "nobody reads from this pipe"
				      : strerror(-fd));
		return fd;
	}
	transcript->config = config;
	transcript->fd = fd;
	return 0;
}

void transcript_close(struct transcript *transcript)
{
	if (transcript->config)
		close(transcript->fd);
	transcript->config = NULL;
}

static void fail(struct transcript *transcript, int err)
{
	transcript->ended = true;
	pr_err("--console-log: unable to write %s, the rest of the console's "
	       "output is not in it: %s",
	       transcript->config->path,
	       err == -EAGAIN ? "its reader does not take it in time"
			      : strerror(-err));
}

/* Up to the limit, which is said once. */
static void put(struct transcript *transcript, const void *buf, size_t len)
{
	u64 limit = transcript->config->limit;
	bool full = limit && len > limit - transcript->written;
	int ret;

	if (transcript->ended)
		return;
	if (full)
		len = limit - transcript->written;
	ret = output_write(transcript->fd, buf, len, WAIT_MS, NULL);
	if (ret) {
		fail(transcript, ret);
		return;
	}
	transcript->written += len;
	if (!full)
		return;
	transcript->ended = true;
	pr_warn("--console-log: %s has reached its limit of %" PRIu64
		" bytes, the rest of the console's output is not in it",
		transcript->config->path, limit);
}

/* Linux's form of it, as in the lines themselves. */
static void put_stamp(struct transcript *transcript, u64 now)
{
	u64 us = (now - transcript->start) / 1000;
	char text[STAMP];
	int len = snprintf(text, sizeof(text), "[%5" PRIu64 ".%06u] ",
			   us / 1000000, (unsigned int)(us % 1000000));

	put(transcript, text, (size_t)len);
}

/* A line at a time: up to its newline, or as far as it goes. */
static void put_lines(struct transcript *transcript, const u8 *buf, size_t len,
		      u64 now)
{
	while (len && !transcript->ended) {
		const u8 *end = memchr(buf, '\n', len);
		size_t n = end ? (size_t)(end - buf) + 1 : len;

		if (!transcript->inside)
			put_stamp(transcript, now);
		put(transcript, buf, n);
		transcript->inside = !end;
		buf += n;
		len -= n;
	}
}

void transcript_add(struct transcript *transcript, const u8 *buf, size_t len,
		    u64 now)
{
	if (!len || transcript->ended)
		return;
	if (transcript->config->timestamps)
		put_lines(transcript, buf, len, now);
	else
		put(transcript, buf, len);
}
