// SPDX-License-Identifier: Apache-2.0

#include "imaging/jpeg_memory.h"

#include <stdlib.h>

#define ALIGN 64            // rows as well: SIMD code writes whole vectors
#define KEEP_MAX (8u << 20) // bytes that are kept between pictures

static struct jpeg_memory *memory_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

// NULL: it is not for one picture, or does not fit.
static void *cut(struct jpeg_memory *memory, int pool, size_t bytes)
{
    if (pool != JPOOL_IMAGE || bytes > KEEP_MAX || memory->wanted > KEEP_MAX)
        return NULL;
    bytes = aligned(bytes);
    memory->wanted += bytes;
    if (bytes > memory->capacity - memory->used)
        return NULL;
    void *piece = memory->block + memory->used;
    memory->used += bytes;
    return piece;
}

static void *alloc_small(j_common_ptr cinfo, int pool, size_t bytes)
{
    void *piece = cut(memory_of(cinfo), pool, bytes);
    return piece ? piece : memory_of(cinfo)->libjpeg.alloc_small(cinfo, pool, bytes);
}

static void *alloc_large(j_common_ptr cinfo, int pool, size_t bytes)
{
    void *piece = cut(memory_of(cinfo), pool, bytes);
    return piece ? piece : memory_of(cinfo)->libjpeg.alloc_large(cinfo, pool, bytes);
}

static JSAMPARRAY alloc_rows(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION count)
{
    size_t stride = aligned(width), table = aligned(count * sizeof(JSAMPROW));
    uint8_t *piece = NULL;
    if (count < KEEP_MAX / ALIGN && stride <= KEEP_MAX / (count + 1))
        piece = cut(memory_of(cinfo), pool, table + count * stride);
    if (!piece)
        return memory_of(cinfo)->libjpeg.alloc_sarray(cinfo, pool, width, count);
    JSAMPARRAY rows = (JSAMPARRAY)(void *)piece;
    for (JDIMENSION y = 0; y < count; y++)
        rows[y] = piece + table + y * stride;
    return rows;
}

// The picture is done with, well or not.
static void free_pool(j_common_ptr cinfo, int pool)
{
    struct jpeg_memory *memory = memory_of(cinfo);
    memory->libjpeg.free_pool(cinfo, pool);
    if (pool != JPOOL_IMAGE)
        return;
    if (memory->wanted > memory->capacity && memory->wanted <= KEEP_MAX) {
        free(memory->block);
        memory->block = aligned_alloc(ALIGN, memory->wanted);
        memory->capacity = memory->block ? memory->wanted : 0;
    }
    memory->used = memory->wanted = 0;
}

void jpeg_memory_init(struct jpeg_memory *memory, struct jpeg_decompress_struct *cinfo)
{
    struct jpeg_memory_mgr *manager = cinfo->mem;
    *memory = (struct jpeg_memory){.libjpeg = *manager};
    manager->alloc_small = alloc_small;
    manager->alloc_large = alloc_large;
    manager->alloc_sarray = alloc_rows;
    manager->free_pool = free_pool;
}

void jpeg_memory_finish(struct jpeg_memory *memory)
{
    free(memory->block);
    memory->block = NULL;
    memory->capacity = 0;
}
