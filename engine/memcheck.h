// SPDX-License-Identifier: Apache-2.0
//
// What AddressSanitizer cannot know by itself: the engine lays many pieces into one block (store.h,
// a context's arena), where one byte too far is another piece's. In builds with it such bytes are
// hidden: touching them ends the program. In all other builds nothing of this is left.

#ifndef QEDGE_ENGINE_MEMCHECK_H
#define QEDGE_ENGINE_MEMCHECK_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEMCHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMCHECK 1
#endif
#endif

#ifdef MEMCHECK
#include <sanitizer/asan_interface.h>
#endif

static inline void memcheck_hide(const void *from, size_t bytes)
{
#ifdef MEMCHECK
    ASAN_POISON_MEMORY_REGION(from, bytes);
#endif
    (void)from, (void)bytes;
}

static inline void memcheck_show(const void *from, size_t bytes)
{
#ifdef MEMCHECK
    ASAN_UNPOISON_MEMORY_REGION(from, bytes);
#endif
    (void)from, (void)bytes;
}

#endif
