// SPDX-License-Identifier: Apache-2.0
#include "imaging/convert_table.h"

#include <math.h>
#include <stdbool.h>
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

static int32_t clamp(const struct convert_table *table, int64_t value)
{
    return value < table->low ? table->low : value > table->high ? table->high : (int32_t)value;
}

static int32_t table_value(const struct convert_table *table, int channel, int32_t v)
{
    uint8_t byte = table->bytes[channel][v];
    return table->low < 0 ? (int8_t)byte : byte;
}

// Is every value of every channel clamp(v + add), or that and 1? Collects the ones.
static bool step_fits(struct convert_table *table, int32_t add, bool *has_bits)
{
    *has_bits = false;
    memset(table->bits, 0, sizeof(table->bits));
    for (int32_t v = 0; v < 256; v++) {
        int32_t more = table_value(table, 0, v) - clamp(table, v + add);
        if (more != 0 && more != 1)
            return false;
        for (int channel = 1; channel < table->channels; channel++)
            if (table->bytes[channel][v] != table->bytes[0][v])
                return false;
        table->bits[v / 8] |= (uint8_t)(more << v % 8);
        *has_bits = *has_bits || more != 0;
    }
    return true;
}

// From the top down: a plain sum is met before the same one less 1 with every bit set.
static bool step_find(struct convert_table *table)
{
    bool has_bits;
    for (table->add = 255; table->add >= -255; table->add--) {
        if (!step_fits(table, table->add, &has_bits))
            continue;
        table->kind = has_bits ? TABLE_STEP : TABLE_ADD;
        return true;
    }
    return false;
}

static bool affine_fits(const struct convert_table *table, int channel, int64_t multiplier,
                        int64_t offset)
{
    if (multiplier < 0 || multiplier >= 1 << 22 || offset < -(1 << 30) || offset > 1 << 30)
        return false;
    for (int32_t v = 0; v < 256; v++)
        if (clamp(table, (v * multiplier + offset) >> TABLE_SHIFT) !=
            table_value(table, channel, v))
            return false;
    return true;
}

// The exact line, then lines shifted a little: a value near a tie may need that.
static bool affine_find_channel(struct convert_table *table, int channel,
                                const struct convert_target *target)
{
    double slope = 1 / ((double)target->std[channel] * target->scale) * (1 << TABLE_SHIFT);
    double start = (target->zero_point + 0.5) * (1 << TABLE_SHIFT) - target->mean[channel] * slope;
    if (!(slope < 1 << 22) || !(fabs(start) < 1 << 30))
        return false;
    for (int64_t nudge = 0; nudge < 1 << 14; nudge = nudge == 0 ? 1 : 2 * nudge) {
        for (int sign = -1; sign <= 1; sign += 2) {
            int64_t multiplier = llrint(slope), offset = llrint(start) + sign * nudge;
            if (!affine_fits(table, channel, multiplier, offset))
                continue;
            table->multiplier[channel] = (int32_t)multiplier;
            table->offset[channel] = (int32_t)offset;
            return true;
        }
    }
    return false;
}

static enum table_kind kind_find(struct convert_table *table, const struct convert_target *target)
{
    if (step_find(table))
        return table->kind;
    for (int channel = 0; channel < table->channels; channel++)
        if (!affine_find_channel(table, channel, target))
            return TABLE_LOOKUP;
    return TABLE_AFFINE;
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
    table->kind = target->output == CONVERT_FLOAT32 ? TABLE_FLOAT : kind_find(table, target);
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

void convert_table_apply_c(const struct convert_table *table, const uint8_t *pixels, size_t count,
                           void *dst)
{
    if (table->kind == TABLE_FLOAT)
        apply_float(table, pixels, count, dst);
    else if (table->kind != TABLE_ADD)
        apply_lookup(table, pixels, count, dst);
    else if (table->add == 0 && table->low == 0)
        memcpy(dst, pixels, count);
    else
        apply_add(table, pixels, count, dst);
}
