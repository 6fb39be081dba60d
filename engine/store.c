// SPDX-License-Identifier: Apache-2.0
#include "engine/store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/memcheck.h"

// Small pieces share blocks of this size; bigger ones get a block of their own, so that a
// write past their end is seen by memory checkers. Under AddressSanitizer all do.
#define STORE_BLOCK (32u << 10)
#ifdef MEMCHECK
#define STORE_SMALL 0u
#else
#define STORE_SMALL (1u << 10)
#endif

struct store_block {
    struct store_block *next;
    char pad[STORE_ALIGNMENT - sizeof(struct store_block *)];
};
_Static_assert(sizeof(struct store_block) == STORE_ALIGNMENT,
               "what follows a block's head is aligned");

static struct store_block *block_create(struct store *store, size_t bytes)
{
    struct store_block *block = aligned_alloc(STORE_ALIGNMENT, sizeof(*block) + bytes);
    if (!block)
        return NULL;
    memset(block, 0, sizeof(*block) + bytes);
    block->next = store->blocks;
    store->blocks = block;
    store->total += sizeof(*block) + bytes;
    return block;
}

void *store_take(struct store *store, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - 4096)
        return NULL;
    size_t asked = bytes;
    bytes = (bytes + STORE_ALIGNMENT - 1) / STORE_ALIGNMENT * STORE_ALIGNMENT;
    if (bytes == 0)
        bytes = STORE_ALIGNMENT;
    if (bytes > STORE_SMALL) {
        struct store_block *own = block_create(store, bytes);
        if (own)
            memcheck_hide((char *)(own + 1) + asked, bytes - asked);
        return own ? own + 1 : NULL;
    }
    if (bytes > store->left) {
        struct store_block *shared = block_create(store, STORE_BLOCK);
        if (!shared)
            return NULL;
        store->next = (char *)(shared + 1);
        store->left = STORE_BLOCK;
    }
    void *piece = store->next;
    store->next += bytes;
    store->left -= bytes;
    return piece;
}

void *store_take_array(struct store *store, size_t count, size_t element)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, element, &bytes))
        return NULL;
    return store_take(store, bytes);
}

char *store_take_text(struct store *store, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = store_take(store, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void store_finish(struct store *store)
{
    for (struct store_block *block = store->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    memset(store, 0, sizeof(*store));
}
