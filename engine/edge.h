// SPDX-License-Identifier: Apache-2.0
//
// The edges of a model: from a tensor as the file declares it to the tensor as the engine runs it,
// and back. A leading QUANTIZE, a trailing DEQUANTIZE and the 128 of legacy uint8 end up here.

#ifndef QEDGE_ENGINE_EDGE_H
#define QEDGE_ENGINE_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum edge_kind {
    EDGE_COPY,       // same bytes
    EDGE_TABLE,      // one byte to one byte by table
    EDGE_QUANTIZE,   // float32 -> int8 (or uint8 when `flip`)
    EDGE_DEQUANTIZE, // int8 (or uint8) -> float32
    EDGE_WIDEN,      // int16 -> float32
};

struct edge {
    enum edge_kind kind;
    int32_t tensor; // the tensor the engine runs with
    size_t elements, bytes_from, bytes_to;
    float scale;
    int32_t zero_point; // int8 counting
    bool flip;          // the byte side is uint8: its top bit is flipped
    uint8_t table[256]; // EDGE_TABLE
};

void edge_convert(const struct edge *edge, const void *from, void *to);

// LiteRT's float -> int8: round_half_even(x * (1 / scale)) + zero_point, clamped; NaN gives the
// zero point.
int8_t edge_quantize(float x, float inverse_scale, int32_t zero_point);

#endif
