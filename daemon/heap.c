// SPDX-License-Identifier: Apache-2.0

#include "daemon/heap.h"

#include <malloc.h>

void heap_settle(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

void heap_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
