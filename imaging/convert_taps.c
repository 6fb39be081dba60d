// SPDX-License-Identifier: Apache-2.0
//
// Positions are counted in 1 / targets of a picture pixel: then every edge of a target interval and
// every edge of a sample is a whole number, and all weights are exact before their one rounding.

#include "imaging/convert_taps.h"

#include <errno.h>
#include <stdlib.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// round half up of part / whole * sum, 0 <= part <= whole
static int32_t share(int64_t part, int64_t whole, int32_t sum)
{
    return (int32_t)((2 * part * sum + whole) / (2 * whole));
}

// The samples that the crop touches.
static int32_t axis_low(const struct taps_axis *axis)
{
    return (int32_t)min64(axis->offset / axis->step, axis->samples - 1);
}

static int32_t axis_high(const struct taps_axis *axis)
{
    return (int32_t)min64((axis->offset + axis->length - 1) / axis->step + 1, axis->samples);
}

// Writes the weights of target i from *first on, returns how many.
static int32_t area_weights(const struct taps_axis *axis, int32_t i, int32_t *first,
                            int16_t *weights)
{
    int64_t sample = (int64_t)axis->step * axis->targets, whole = axis->length;
    int64_t start = (int64_t)axis->offset * axis->targets + (int64_t)i * axis->length;
    int32_t k = (int32_t)(start / sample), before = 0, count = 0;
    *first = k;
    for (; before < axis->sum; k++) {
        int64_t covered = min64(whole, (k + 1) * sample - start);
        int32_t now = share(covered, whole, axis->sum);
        weights[count++] = (int16_t)(now - before);
        before = now;
    }
    return count;
}

static int32_t bilinear_weights(const struct taps_axis *axis, int32_t i, int32_t *first,
                                int16_t *weights)
{
    int64_t sample = (int64_t)axis->step * axis->targets, low = axis_low(axis),
            high = axis_high(axis) - 1;
    // Twice the middle of the interval, less half a sample.
    int64_t middle =
        2 * (int64_t)axis->offset * axis->targets + (2 * (int64_t)i + 1) * axis->length - sample;
    int64_t left = middle < 0 ? -1 : middle / (2 * sample);
    int32_t right_weight = share(middle - left * 2 * sample, 2 * sample, axis->sum);
    int64_t a = max64(low, min64(left, high)), b = max64(low, min64(left + 1, high));
    if (a == b || right_weight == 0 || right_weight == axis->sum) {
        *first = (int32_t)(right_weight == 0 ? a : b);
        weights[0] = (int16_t)axis->sum;
        return 1;
    }
    *first = (int32_t)a;
    weights[0] = (int16_t)(axis->sum - right_weight);
    weights[1] = (int16_t)right_weight;
    return 2;
}

// Leading and trailing samples whose share rounded to nothing.
static int32_t zeros_drop(int32_t *first, int16_t *weights, int32_t count)
{
    int32_t lead = 0;
    while (weights[lead] == 0)
        lead++;
    while (weights[count - 1] == 0)
        count--;
    for (int32_t j = lead; j < count; j++)
        weights[j - lead] = weights[j];
    for (int32_t j = count - lead; j < count; j++)
        weights[j] = 0;
    *first += lead;
    return count - lead;
}

int taps_create(struct taps *taps, const struct taps_axis *axis)
{
    int64_t sample = (int64_t)axis->step * axis->targets;
    int32_t width = axis->length > sample ? (int32_t)((axis->length + sample - 1) / sample) + 1 : 2;
    width = (width + 1) & ~1;

    *taps = (struct taps){.targets = axis->targets, .width = width, .low = INT32_MAX};
    taps->first = calloc((size_t)axis->targets, sizeof(*taps->first));
    taps->used = calloc((size_t)axis->targets, sizeof(*taps->used));
    taps->weights = calloc((size_t)axis->targets * (size_t)width, sizeof(*taps->weights));
    if (taps->first == NULL || taps->used == NULL || taps->weights == NULL) {
        taps_finish(taps);
        return -ENOMEM;
    }
    for (int32_t i = 0; i < axis->targets; i++) {
        int16_t *weights = taps->weights + (size_t)i * (size_t)width;
        int32_t count = axis->length > sample ? area_weights(axis, i, &taps->first[i], weights)
                                              : bilinear_weights(axis, i, &taps->first[i], weights);
        taps->used[i] = zeros_drop(&taps->first[i], weights, count);
        taps->low = taps->first[i] < taps->low ? taps->first[i] : taps->low;
        int32_t end = taps->first[i] + taps->used[i];
        taps->high = end > taps->high ? end : taps->high;
    }
    return 0;
}

void taps_finish(struct taps *taps)
{
    free(taps->first);
    free(taps->used);
    free(taps->weights);
    *taps = (struct taps){0};
}
