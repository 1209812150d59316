/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The release of a kernel, from the banner that it prints: "Linux version
 * 6.12.5-arm64 (...". An arm64 Image has no field for it. The content is read
 * front to back in pieces, so that a banner that lies across two of them is
 * found: the end of one is kept in front of the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/boot/image_file.h"
#include "lkvm/arm/root/release.h"

static const char banner[] = "Linux version ";

#define BANNER_LEN (sizeof(banner) - 1)
#define PIECE	   SZ_64K

/* Of a banner with the space behind the release. */
#define KEPT (BANNER_LEN + RELEASE_SIZE)

/* It becomes part of a path, and of messages. */
bool release_is_good(const char *release)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-";
	size_t len = strspn(release, good);

	return *release >= '0' && *release <= '9' && !release[len] &&
	       len < RELEASE_SIZE && strchr(release, '.');
}

/*
 * What is behind a banner up to the next space. "Linux version %s" and the like
 * are in kernels, too.
 */
static bool take(const char *at, size_t len, char release[RELEASE_SIZE])
{
	const char *end = memchr(at, ' ', MIN(len, (size_t)RELEASE_SIZE));

	if (!end)
		return false;
	memcpy(release, at, (size_t)(end - at));
	release[end - at] = '\0';
	return release_is_good(release);
}

static bool search(const char *text, size_t len, char release[RELEASE_SIZE])
{
	const char *at = text;

	while ((at = memmem(at, len - (size_t)(at - text), banner,
			    BANNER_LEN))) {
		at += BANNER_LEN;
		if (take(at, len - (size_t)(at - text), release))
			return true;
	}
	return false;
}

/* `buf` has room for PIECE bytes behind KEPT. */
static int search_stream(struct image_stream *s, char *buf,
			 char release[RELEASE_SIZE])
{
	size_t kept = 0;
	u64 got;

	for (;;) {
		int ret = image_stream_read(s, buf + kept, PIECE, &got);

		if (ret)
			return ret;
		if (search(buf, kept + got, release))
			return 0;
		if (got < PIECE)
			return -ENOENT;
		/* The last bytes of what is there, kept and read. */
		memmove(buf, buf + kept + PIECE - KEPT, KEPT);
		kept = KEPT;
	}
}

int release_find(struct boot_file *file, char release[RELEASE_SIZE])
{
	char *buf = malloc(PIECE + KEPT);
	struct image_stream *s = NULL;
	int ret;

	if (!buf)
		return image_error(file->what, file->path, -ENOMEM, "%s",
				   strerror(ENOMEM));
	ret = image_stream_open(file, &s);
	if (!ret)
		ret = search_stream(s, buf, release);
	image_stream_close(s);
	free(buf);
	return ret;
}
