// SPDX-License-Identifier: Apache-2.0
#include "engine/classify.h"

#include <string.h>

static uint32_t element_count(const struct tensor_info *info)
{
    uint32_t n = 1;
    for (int32_t d = 0; d < info->rank; d++)
        n *= (uint32_t)info->dims[d];
    return n;
}

float classify_value(const struct tensor_info *info, const void *data, uint32_t index)
{
    const uint8_t *bytes = data;
    switch (info->type) {
    case TENSOR_INT8: return (float)((int8_t)bytes[index] - info->zero_point) * info->scale;
    case TENSOR_UINT8: return (float)(bytes[index] - info->zero_point) * info->scale;
    case TENSOR_INT16: {
        int16_t value;
        memcpy(&value, bytes + 2 * (size_t)index, sizeof(value));
        return (float)(value - info->zero_point) * info->scale;
    }
    case TENSOR_FLOAT32: {
        float value;
        memcpy(&value, bytes + 4 * (size_t)index, sizeof(value));
        return value;
    }
    case TENSOR_INT32: {
        int32_t value;
        memcpy(&value, bytes + 4 * (size_t)index, sizeof(value));
        return (float)value;
    }
    default: return 0;
    }
}

// Is a better than b? Equal scores: the lower index; not a number: last.
static int better(float score, uint32_t index, const struct classify_hit *other)
{
    if (score > other->score || other->score != other->score)
        return score == score || index < other->index;
    return score == other->score && index < other->index;
}

uint32_t classify_top_k(const struct tensor_info *info, const void *data, uint32_t k,
                        struct classify_hit *hits)
{
    uint32_t n = element_count(info), found = 0;
    if (k == 0)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        float score = classify_value(info, data, i);
        uint32_t at = found < k ? found++ : k - 1;
        if (at == k - 1 && found == k && i >= k && !better(score, i, &hits[at]))
            continue;
        for (; at > 0 && better(score, i, &hits[at - 1]); at--)
            hits[at] = hits[at - 1];
        hits[at] = (struct classify_hit){i, score};
    }
    return found;
}
