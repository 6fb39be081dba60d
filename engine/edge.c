// SPDX-License-Identifier: Apache-2.0
#include "engine/edge.h"

#include <math.h>
#include <string.h>

int8_t edge_quantize(float x, float inverse_scale, int32_t zero_point)
{
    float low = (float)(-128 - zero_point), high = (float)(127 - zero_point);
    float v = x * inverse_scale;
    if (isnan(v))
        return (int8_t)zero_point;
    v = v < low ? low : v > high ? high : v;
    return (int8_t)((int32_t)lrintf(v) + zero_point);
}

static void quantize(const struct edge *edge, const float *from, uint8_t *to)
{
    float inverse = 1.0f / edge->scale;
    uint8_t flip = edge->flip ? 0x80 : 0;
    for (size_t i = 0; i < edge->elements; i++)
        to[i] = (uint8_t)edge_quantize(from[i], inverse, edge->zero_point) ^ flip;
}

static void dequantize(const struct edge *edge, const uint8_t *from, float *to)
{
    uint8_t flip = edge->flip ? 0x80 : 0;
    for (size_t i = 0; i < edge->elements; i++)
        to[i] = (float)((int8_t)(from[i] ^ flip) - edge->zero_point) * edge->scale;
}

static void widen(const struct edge *edge, const int16_t *from, float *to)
{
    for (size_t i = 0; i < edge->elements; i++)
        to[i] = (float)from[i] * edge->scale;
}

static void look_up(const struct edge *edge, const uint8_t *from, uint8_t *to)
{
    for (size_t i = 0; i < edge->elements; i++)
        to[i] = edge->table[from[i]];
}

void edge_convert(const struct edge *edge, const void *from, void *to)
{
    switch (edge->kind) {
    case EDGE_COPY: memcpy(to, from, edge->bytes_to); break;
    case EDGE_TABLE: look_up(edge, from, to); break;
    case EDGE_QUANTIZE: quantize(edge, from, to); break;
    case EDGE_DEQUANTIZE: dequantize(edge, from, to); break;
    case EDGE_WIDEN: widen(edge, from, to); break;
    }
}
