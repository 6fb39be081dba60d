// SPDX-License-Identifier: Apache-2.0
#include "imaging/convert_table.h"

#include <math.h>
#include <string.h>

static int32_t quantize(float real, const struct convert_target *target, int32_t low, int32_t high)
{
    float steps = rintf(real / target->scale); // round half to even: the default rounding mode
    // Far outside int32 the sum below would overflow; the result is a bound either way.
    if (!(steps > -1e6f))
        return low;
    if (steps > 1e6f)
        return high;
    int64_t value = (int64_t)steps + target->zero_point;
    return value < low ? low : value > high ? high : (int32_t)value;
}

// Is every value v + add, cut off at the ends?
static bool is_add(const struct convert_table *table, int32_t add)
{
    for (int channel = 0; channel < table->channels; channel++) {
        for (int32_t v = 0; v < 256; v++) {
            int32_t want = v + add;
            want = want < table->low ? table->low : want > table->high ? table->high : want;
            if (table->bytes[channel][v] != (uint8_t)want)
                return false;
        }
    }
    return true;
}

static enum table_kind kind_find(struct convert_table *table)
{
    for (table->add = -256; table->add <= 256; table->add++)
        if (is_add(table, table->add))
            return TABLE_ADD;
    return TABLE_LOOKUP;
}

void convert_table_init(struct convert_table *table, const struct convert_target *target)
{
    *table = (struct convert_table){.channels = target->channels};
    table->low = target->output == CONVERT_INT8 ? -128 : 0;
    table->high = table->low + 255;
    for (int channel = 0; channel < target->channels; channel++) {
        for (int v = 0; v < 256; v++) {
            float real = ((float)v - target->mean[channel]) / target->std[channel];
            table->floats[channel][v] = real;
            if (target->output != CONVERT_FLOAT32)
                table->bytes[channel][v] = (uint8_t)quantize(real, target, table->low, table->high);
        }
    }
    table->kind = target->output == CONVERT_FLOAT32 ? TABLE_FLOAT : kind_find(table);
}

size_t convert_table_element(const struct convert_table *table)
{
    return table->kind == TABLE_FLOAT ? sizeof(float) : 1;
}

static void apply_add(const struct convert_table *table, const uint8_t *restrict pixels,
                      size_t count, uint8_t *restrict dst)
{
    const int16_t add = (int16_t)table->add, low = (int16_t)table->low, high = (int16_t)table->high;
    for (size_t i = 0; i < count; i++) {
        int16_t value = (int16_t)(pixels[i] + add);
        value = value < low ? low : value;
        dst[i] = (uint8_t)(value > high ? high : value);
    }
}

static void apply_lookup(const struct convert_table *table, const uint8_t *restrict pixels,
                         size_t count, uint8_t *restrict dst)
{
    if (table->channels == 1) {
        for (size_t i = 0; i < count; i++)
            dst[i] = table->bytes[0][pixels[i]];
        return;
    }
    for (size_t i = 0; i + 3 <= count; i += 3)
        for (size_t c = 0; c < 3; c++)
            dst[i + c] = table->bytes[c][pixels[i + c]];
}

static void apply_float(const struct convert_table *table, const uint8_t *pixels, size_t count,
                        float *dst)
{
    size_t channels = (size_t)table->channels;
    for (size_t i = 0; i + channels <= count; i += channels)
        for (size_t c = 0; c < channels; c++)
            dst[i + c] = table->floats[c][pixels[i + c]];
}

void convert_table_apply(const struct convert_table *table, const uint8_t *pixels, size_t count,
                         void *dst)
{
    if (table->kind == TABLE_FLOAT)
        apply_float(table, pixels, count, dst);
    else if (table->kind == TABLE_LOOKUP)
        apply_lookup(table, pixels, count, dst);
    else if (table->add == 0)
        memcpy(dst, pixels, count);
    else
        apply_add(table, pixels, count, dst);
}
