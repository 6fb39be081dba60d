// SPDX-License-Identifier: Apache-2.0
//
// Buffers that notice every byte read or written outside them.
//
//   [no access][ ... canary ... | buffer ][no access]   at the end: reads and writes after it trap
//   [no access][ buffer | ... canary ... ][no access]   at the start: those before it trap
//
// The side that does not trap is covered by a canary of GUARD_CANARY bytes, which shows writes.

#ifndef QEDGE_TESTS_KERNELS_GUARD_H
#define QEDGE_TESTS_KERNELS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD_CANARY = 4096, GUARD_BYTE = 0xA5 };

struct guard {
    const char *name;
    uint8_t *base;   // first usable byte
    size_t capacity; // usable bytes
    uint8_t *data;   // the buffer now placed
    size_t size;
};

static inline void guard_init(struct guard *guard, const char *name, size_t capacity)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    capacity = (capacity + 2 * GUARD_CANARY + page - 1) / page * page;
    uint8_t *map = mmap(NULL, capacity + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, capacity, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(1);
    }
    *guard = (struct guard){.name = name, .base = map + page, .capacity = capacity};
}

static inline size_t guard_before(const struct guard *guard)
{
    size_t room = (size_t)(guard->data - guard->base);
    return room < GUARD_CANARY ? room : GUARD_CANARY;
}

static inline size_t guard_after(const struct guard *guard)
{
    size_t room = guard->capacity - (size_t)(guard->data - guard->base) - guard->size;
    return room < GUARD_CANARY ? room : GUARD_CANARY;
}

// A buffer of `size` bytes, aligned to `align` and as near to the end (or start) as that allows.
static inline void *guard_place(struct guard *guard, size_t size, size_t align, bool at_end)
{
    if (size + GUARD_CANARY > guard->capacity) {
        fprintf(stderr, "%s: test buffer too small for %zu bytes\n", guard->name, size);
        exit(1);
    }
    size_t offset = at_end ? (guard->capacity - size) / align * align : 0;
    guard->data = guard->base + offset;
    guard->size = size;
    memset(guard->data - guard_before(guard), GUARD_BYTE, guard_before(guard));
    memset(guard->data + size, GUARD_BYTE, guard_after(guard));
    return guard->data;
}

// Are the canaries whole? Prints what is not.
static inline bool guard_intact(const struct guard *guard)
{
    for (size_t i = 1; i <= guard_before(guard); i++) {
        if (guard->data[-(ptrdiff_t)i] != GUARD_BYTE) {
            fprintf(stderr, "  wrote %zu bytes before %s\n", i, guard->name);
            return false;
        }
    }
    for (size_t i = 0; i < guard_after(guard); i++) {
        if (guard->data[guard->size + i] != GUARD_BYTE) {
            fprintf(stderr, "  wrote %zu bytes after %s\n", i, guard->name);
            return false;
        }
    }
    return true;
}

#endif
