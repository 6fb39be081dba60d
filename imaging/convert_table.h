// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: the last step of pre-processing, from 8-bit channels to the model's numbers.

#ifndef QEDGE_IMAGING_CONVERT_TABLE_H
#define QEDGE_IMAGING_CONVERT_TABLE_H

#include "imaging/convert.h"

enum table_kind {
    TABLE_ADD,    // clamp(value + add), the same for all channels
    TABLE_STEP,   // clamp(value + add) + bit[value], the same for all channels
    TABLE_AFFINE, // clamp((value * multiplier[channel] + offset[channel]) >> TABLE_SHIFT)
    TABLE_LOOKUP, // any other quantization
    TABLE_FLOAT,
};

#define TABLE_SHIFT 20

// The tables, and a formula for them where one was found: it has been tried on all 256 values. Only
// kernels use the formulas (a SIMD look-up in 256 bytes is slower than arithmetic); C looks up.
struct convert_table {
    enum table_kind kind;
    int32_t channels;
    int32_t low, high;     // the output type's range
    uint8_t bytes[3][256]; // int8 as two's complement
    float floats[3][256];
    int32_t add;           // TABLE_ADD, TABLE_STEP: -255..255
    uint8_t bits[32];      // TABLE_STEP: bit v % 8 of byte v / 8 is for value v
    int32_t multiplier[3]; // TABLE_AFFINE: 0 .. 2^22 - 1
    int32_t offset[3];     // |offset| <= 2^30
};

// Assumes a checked target.
void convert_table_init(struct convert_table *table, const struct convert_target *target);

// pixels: `count` channel values, channel 0 first; dst: as many elements of the output type.
void convert_table_apply_c(const struct convert_table *table, const uint8_t *pixels, size_t count,
                           void *dst);
void convert_table_apply_avx2(const struct convert_table *table, const uint8_t *pixels,
                              size_t count, void *dst);
void convert_table_apply_neon(const struct convert_table *table, const uint8_t *pixels,
                              size_t count, void *dst);

// Bytes of one output element.
size_t convert_table_element(const struct convert_table *table);

#endif
