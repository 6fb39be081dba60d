// SPDX-License-Identifier: Apache-2.0
//
// The readable truth of convert_ops.h.

#include <string.h>

#include "imaging/convert_ops.h"

static void rows_sum_c(const uint8_t *source, size_t stride, const int16_t *weights, int32_t count,
                       int32_t columns, uint16_t *restrict out)
{
    memset(out, 0, (size_t)columns * sizeof(*out));
    for (int32_t j = 0; j < count; j++) {
        const uint8_t *row = source + stride * (size_t)j;
        const uint16_t weight = (uint16_t)weights[j];
        for (int32_t i = 0; i < columns; i++)
            out[i] = (uint16_t)(out[i] + row[i] * weight);
    }
}

// One component of one pixel, in 1/64 steps.
static int32_t component_sum(const struct strip_component *component, const uint16_t *row,
                             int32_t target)
{
    const struct taps *taps = component->taps;
    const int16_t *weights = taps->weights + (size_t)target * (size_t)taps->width;
    const uint16_t *sample = row + component->column[target];
    uint32_t sum = 1 << 15;
    for (int32_t j = 0; j < taps->used[target]; j++)
        sum += (uint32_t)weights[j] * sample[j * component->pitch];
    return (int32_t)(sum >> 16);
}

static uint8_t channel_mix(const struct colour_mix *mix, int32_t channel, const int32_t value[3])
{
    int32_t sum = mix->bias[channel];
    for (int32_t k = 0; k < mix->components; k++)
        sum += mix->matrix[channel][k] * value[k];
    sum >>= COLOUR_SHIFT;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void columns_sum_c(const struct convert_strip *strip, uint8_t *pixels, size_t pixels_stride)
{
    const struct colour_mix *mix = &strip->mix;
    (void)pixels_stride; // a strip is one row
    for (int32_t x = 0; x < strip->targets; x++) {
        int32_t value[3] = {0};
        for (int32_t k = 0; k < mix->components; k++) {
            const struct strip_component *component = &strip->component[k];
            value[k] = component_sum(component, strip->plane[component->plane].rows, x);
        }
        for (int32_t c = 0; c < mix->channels; c++)
            *pixels++ = channel_mix(mix, c, value);
    }
}

const struct convert_ops convert_ops_c = {
    .name = "c",
    .rows = 1,
    .rows_sum = rows_sum_c,
    .columns_sum = columns_sum_c,
    .table_apply = convert_table_apply_c,
};
