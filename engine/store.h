// SPDX-License-Identifier: Apache-2.0
//
// Memory that is taken piece by piece and given back all at once: what a model keeps for its life,
// and what loading needs for a moment. Not for use while running.

#ifndef QEDGE_ENGINE_STORE_H
#define QEDGE_ENGINE_STORE_H

#include <stddef.h>

#define STORE_ALIGNMENT 64

struct store {
    struct store_block *blocks;
    size_t left; // bytes free in the first block
    char *next;
    size_t total; // bytes taken from the system
};

// Zeroed, 64-byte aligned; NULL when there is no memory. A zeroed struct store is an empty one.
void *store_take(struct store *store, size_t bytes);
// As store_take for `count` elements; NULL when the product overflows, too.
void *store_take_array(struct store *store, size_t count, size_t element);
char *store_take_text(struct store *store, const char *text);
void store_finish(struct store *store); // frees everything

#endif
