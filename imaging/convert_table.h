// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: the last step of pre-processing, from 8-bit channels to the model's numbers.

#ifndef QEDGE_IMAGING_CONVERT_TABLE_H
#define QEDGE_IMAGING_CONVERT_TABLE_H

#include "imaging/convert.h"

enum table_kind {
    TABLE_ADD,    // quantized = clamp(value + add), the same for all channels: most models
    TABLE_LOOKUP, // any other quantization
    TABLE_FLOAT,
};

struct convert_table {
    enum table_kind kind;
    int32_t channels;
    int32_t add, low, high; // TABLE_ADD; the output type's range
    uint8_t bytes[3][256];  // int8 as two's complement
    float floats[3][256];
};

// Assumes a checked target.
void convert_table_init(struct convert_table *table, const struct convert_target *target);

// pixels: `count` channel values, channel 0 first; dst: as many elements of the output type.
void convert_table_apply(const struct convert_table *table, const uint8_t *pixels, size_t count,
                         void *dst);

// Bytes of one output element.
size_t convert_table_element(const struct convert_table *table);

#endif
