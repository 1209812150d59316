/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of items of one type, for options that may be given more than once:
 *
 *	struct flash_list {
 *		struct flash_config *items;
 *		unsigned int count;
 *	};
 *
 * Zero-initialise one; free(items) when what the items own has been freed.
 */
#ifndef LKVM_CONFIG_LIST_H
#define LKVM_CONFIG_LIST_H

#include "lkvm/util/util.h"

/*
 * Returns `items`, `count` of `size` bytes each, moved to where there is room
 * for one more, which is zero; or NULL after a fatal message, with `items` as
 * they were.
 */
void *config_list_grow(void *items, unsigned int count, size_t size);

/*
 * Appends an item, all zero, and returns it; NULL after a fatal message. It
 * stays where it is until the next one is appended.
 */
#define config_list_add(list)                                               \
	({                                                                  \
		__typeof__(list) list_ = (list);                            \
		void *items_ = config_list_grow(list_->items, list_->count, \
						sizeof(*list_->items));     \
		if (items_)                                                 \
			list_->items = items_;                              \
		items_ ? &list_->items[list_->count++] : NULL;              \
	})

#endif
