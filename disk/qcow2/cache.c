/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slices of tables in memory. One that is dirty stays until a commit has
 * written it; of the others the one that was not used for longest makes room.
 * Memory comes as it is needed.
 */
#include <errno.h>
#include <stdlib.h>

#include "qcow2.h"

int qcow2_cache_init(struct qcow2_cache *cache, unsigned int nr, u32 size)
{
	*cache = (struct qcow2_cache) { .nr = nr, .size = size };
	cache->slices = calloc(nr, sizeof(*cache->slices));
	return cache->slices ? 0 : -ENOMEM;
}

void qcow2_cache_free(struct qcow2_cache *cache)
{
	for (unsigned int i = 0; cache->slices && i < cache->nr; i++)
		free(cache->slices[i].data);
	free(cache->slices);
}

/* NULL if it is not there; *victim may be replaced, NULL: none may be. */
static struct qcow2_slice *look_up(struct qcow2_cache *cache, u64 offset,
				   struct qcow2_slice **victim)
{
	*victim = NULL;
	for (unsigned int i = 0; i < cache->nr; i++) {
		struct qcow2_slice *slice = &cache->slices[i];

		if (slice->offset == offset)
			return slice;
		if (!slice->dirty &&
		    (!*victim || slice->used < (*victim)->used))
			*victim = slice;
	}
	return NULL;
}

/* A slice that could not be read has no offset, and is the next victim. */
static int load(struct qcow2 *q, struct qcow2_cache *cache, u64 offset,
		struct qcow2_slice *slice)
{
	int ret;

	if (!slice)
		return -ENOMEM;
	if (!slice->data)
		slice->data = malloc(cache->size);
	if (!slice->data)
		return -ENOMEM;
	slice->offset = 0;
	slice->used = 0;
	ret = qcow2_file_read(q, slice->data, cache->size, offset);
	if (!ret)
		slice->offset = offset;
	return ret;
}

/* The slice is good until the next call: that one may replace it. */
int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, u64 offset,
		    struct qcow2_slice **out)
{
	struct qcow2_slice *victim;
	struct qcow2_slice *slice = look_up(cache, offset, &victim);
	int ret = 0;

	if (!slice) {
		slice = victim;
		ret = load(q, cache, offset, slice);
	}
	if (ret)
		return ret;
	slice->used = ++cache->clock;
	*out = slice;
	return 0;
}

bool qcow2_cache_has(const struct qcow2_cache *cache, u64 offset)
{
	for (unsigned int i = 0; i < cache->nr; i++)
		if (cache->slices[i].offset == offset)
			return true;
	return false;
}

/*
 * With as many dirty ones as the cache has slices there is no victim: writers
 * commit before that.
 */
void qcow2_cache_dirty(struct qcow2_cache *cache, struct qcow2_slice *slice)
{
	cache->nr_dirty += !slice->dirty;
	slice->dirty = true;
}

/*
 * Clusters that are free again: what a slice says of them must not be written
 * over what comes there next.
 */
void qcow2_cache_forget(struct qcow2_cache *cache, u64 offset, u64 len)
{
	for (unsigned int i = 0; i < cache->nr; i++) {
		struct qcow2_slice *slice = &cache->slices[i];

		if (!slice->offset ||
		    !range_within(slice->offset, cache->size, offset, len))
			continue;
		cache->nr_dirty -= slice->dirty;
		slice->dirty = false;
		slice->offset = 0;
		slice->used = 0;
	}
}

/*
 * They stay dirty: only when all that a commit writes is in the file are they
 * clean, and a failed commit is tried again.
 */
int qcow2_cache_write(struct qcow2 *q, struct qcow2_cache *cache)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < cache->nr; i++)
		if (cache->slices[i].dirty)
			ret = qcow2_file_write(q, cache->slices[i].data,
					       cache->size,
					       cache->slices[i].offset);
	return ret;
}

/* The commit has succeeded. */
void qcow2_cache_clean(struct qcow2_cache *cache)
{
	for (unsigned int i = 0; i < cache->nr; i++)
		cache->slices[i].dirty = false;
	cache->nr_dirty = 0;
}
