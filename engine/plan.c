// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static size_t padded(size_t bytes)
{
    return (bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
}

static bool alive_together(const struct plan_value *a, const struct plan_value *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static int compare_size(const void *left, const void *right, void *values)
{
    const struct plan_value *all = values;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (all[a].bytes != all[b].bytes)
        return all[a].bytes < all[b].bytes ? 1 : -1;
    return a < b ? -1 : a > b;
}

// Lowest offset at which `value` meets none of the `placed` values, which are sorted by offset.
static size_t lowest_gap(const struct plan_value *values, const uint32_t *placed, uint32_t count,
                         const struct plan_value *value)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct plan_value *other = &values[placed[i]];
        if (!alive_together(value, other))
            continue;
        if (other->offset >= offset + padded(value->bytes))
            break;
        size_t end = other->offset + padded(other->bytes);
        if (end > offset)
            offset = end;
    }
    return offset;
}

int plan_place(struct plan_value *values, uint32_t count, uint32_t *order, size_t *total)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
        if (values[i].bytes > PTRDIFF_MAX / 2 ||
            __builtin_add_overflow(sum, padded(values[i].bytes), &sum))
            return -EOVERFLOW;
    }
    if (sum > PTRDIFF_MAX / 2)
        return -EOVERFLOW;
    *total = 0;
    if (count == 0)
        return 0;
    qsort_r(order, count, sizeof(*order), compare_size, values);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t index = order[n];
        struct plan_value *value = &values[index];
        value->offset = lowest_gap(values, order, n, value);
        if (value->offset + padded(value->bytes) > *total)
            *total = value->offset + padded(value->bytes);
        uint32_t at = n; // keep order[0..n] sorted by offset
        for (; at > 0 && values[order[at - 1]].offset > value->offset; at--)
            order[at] = order[at - 1];
        order[at] = index;
    }
    return 0;
}
