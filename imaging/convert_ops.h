// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: the kernels of a conversion, in C and per instruction set, all byte-equal.
//
// A strip is `rows` target rows at once. First rows_sum() sums source rows into it, whatever the
// bytes mean; then columns_sum() sums its columns per component, mixes colour and writes 8-bit
// pixels:
//
//      source rows, bytes           strip rows, uint16           pixels, uint8
//      Y U Y V Y U Y V ...  --->    y u y v y u y v ...   --->   R G B R G B ...
//      Y U Y V Y U Y V ...          (0..255 * 256)
//
// What is said here bounds what kernels read and write. Strips are theirs alone: a kernel may keep
// its sums in another form (sum - 32768 as int16).

#ifndef QEDGE_IMAGING_CONVERT_OPS_H
#define QEDGE_IMAGING_CONVERT_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "imaging/convert_colour.h"
#include "imaging/convert_table.h"
#include "imaging/convert_taps.h"

#define CONVERT_ROW_SUM 256 // weights of the source rows of one target row
#define CONVERT_COLUMN_SUM 16384
#define CONVERT_STRIP_ROWS_MAX 16
#define CONVERT_STRIP_ALIGN 32 // elements: strip strides are multiples; strips are 64-byte aligned

// Three 16-bit values and three bytes for each pixel of a strip, and room for whole vectors.
#define CONVERT_SCRATCH(targets) (((size_t)(targets) + 32) * 9 * CONVERT_STRIP_ROWS_MAX)

struct strip_plane {
    uint16_t *rows;  // [ops->rows][stride]
    size_t stride;   // elements
    int32_t columns; // that rows_sum() writes; the rest of a row stays 0
    // For kernels that turn the strip by 90 degrees: [columns][ops->rows], with room for `columns`
    // rounded up as the stride is, and for every column that a weight of 0 may meet.
    uint16_t *turned;
};

struct strip_component {
    int32_t plane;
    int32_t pitch;           // columns from sample to sample
    const struct taps *taps; // over samples
    const int32_t *column;   // [taps->targets] column of each target's first sample
};

struct convert_strip {
    int32_t planes;
    struct strip_plane plane[3];
    struct strip_component component[3]; // mix.components of them
    struct colour_mix mix;
    int32_t targets;  // pixels in a row
    uint8_t *scratch; // CONVERT_SCRATCH(targets) bytes, 64-byte aligned
};

struct convert_ops {
    const char *name;
    uint32_t cpu; // KERNEL_CPU_* flags needed
    int32_t rows; // of a strip, at most CONVERT_STRIP_ROWS_MAX
    // Sums `count` rows of `columns` bytes into one strip row: out[i] = sum over j of weights[j] *
    // source[j * stride + i]. The weights sum to 256, and are at most 255 when there are several.
    void (*rows_sum)(const uint8_t *source, size_t stride, const int16_t *weights, int32_t count,
                     int32_t columns, uint16_t *out);
    // All rows of the strip to pixels[row * pixels_stride], targets * channels bytes each.
    void (*columns_sum)(const struct convert_strip *strip, uint8_t *pixels, size_t pixels_stride);
    void (*table_apply)(const struct convert_table *table, const uint8_t *pixels, size_t count,
                        void *dst);
};

extern const struct convert_ops convert_ops_c;
extern const struct convert_ops convert_ops_avx2;
extern const struct convert_ops convert_ops_neon;

#endif
