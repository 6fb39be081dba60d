// SPDX-License-Identifier: Apache-2.0
//
// Kernel contracts for float activations: float32 models and dynamic-range models.
//
// The rows, tables and thread rules are those of kernels.h. The shapes too; their int8 fields are
// not read. What differs is the promise: sums of floats depend on their order and on whether a
// product is rounded before it is added, so rows agree to float tolerance (about 1e-6 of the sum of
// the terms' sizes), not byte for byte, and a float model may answer in other last bits on another
// CPU. On one CPU, with one row, the same input gives the same bytes, however a layer is cut into
// pieces.

#ifndef QEDGE_KERNELS_FLOAT_H
#define QEDGE_KERNELS_FLOAT_H

#include "kernels/kernels.h"

// Outputs are clamped to it; infinite where there is no bound. A NaN stays or becomes a bound.
struct kernel_float_range {
    float low, high;
};

// ---- Convolution, depthwise convolution, fully connected ----------------------------------------

struct kernel_float_weights {
    const float *weights; // KERNEL_CONV: OHWI; KERNEL_DEPTHWISE: [k_h][k_w][out_c]
    const float *bias;    // [out_c], or NULL
};

struct kernel_float_conv {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_conv_shape *shape);
    size_t (*packed_size)(const struct kernel_conv_shape *shape);
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_float_weights *weights,
                 void *packed);
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    int32_t (*units)(const struct kernel_conv_shape *shape);
    void (*run)(const struct kernel_conv_shape *shape, const struct kernel_float_range *range,
                const void *packed, const float *input, float *output, void *scratch, int32_t first,
                int32_t last);
};

const struct kernel_float_conv *kernel_float_conv_select(const struct kernel_conv_shape *shape,
                                                         uint32_t cpu);
const struct kernel_float_conv *const *kernel_float_conv_rows(size_t *count);

// ---- Pooling and element-wise ------------------------------------------------------------------
//
// All rows add in the same order and round as often: the same values from each, but for the sign of
// zero.

// Average (KERNEL_POOL_AVERAGE and _MEAN: the sum divided by the count of positions inside the
// picture) or maximum; run() of kernels.h's pools, on floats. Units are output pixels.
struct kernel_float_pool {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_pool_shape *shape);
    void (*run)(const struct kernel_pool_shape *shape, const struct kernel_float_range *range,
                const float *input, float *output, int32_t first, int32_t last);
};

const struct kernel_float_pool *kernel_float_pool_select(const struct kernel_pool_shape *shape,
                                                         uint32_t cpu);
const struct kernel_float_pool *const *kernel_float_pool_rows(size_t *count);

// out[i] = a[i] op b[i], clamped; b may be one value (b_scalar); `swapped` makes it b[i] - a[i].
struct kernel_float_binary {
    const char *name;
    uint32_t cpu;
    void (*run)(enum kernel_binary_kind kind, bool swapped, const struct kernel_float_range *range,
                const float *a, const float *b, bool b_scalar, float *output, size_t n);
};

const struct kernel_float_binary *kernel_float_binary_select(uint32_t cpu);
const struct kernel_float_binary *const *kernel_float_binary_rows(size_t *count);

// ---- Dynamic range -----------------------------------------------------------------------------
//
// Float activations and int8 weights: a picture (fully connected: a row, batch = rows) is quantized
// to uint8 when it comes, with steps of its own, and for every output channel c
//     y = clamp((float)(sum of (x - zero_point) * w) * scale * weight_scale[c] + bias[c])
// with the sum in int32, exact as long as a filter has at most KERNEL_HYBRID_DEPTH values. Padding
// is x = zero_point.

enum { KERNEL_HYBRID_DEPTH = 60000 };

struct kernel_hybrid_steps {
    float scale;        // real = (x - zero_point) * scale
    int32_t zero_point; // [0, 255]
};

// Chooses the steps for `n` values so that they and 0 fit, and quantizes them, as XNNPACK does: in
// float, halves to even. Values that are not numbers or not finite give some steps and some bytes.
// All rows give the same bytes.
struct kernel_hybrid_quantize {
    const char *name;
    uint32_t cpu;
    struct kernel_hybrid_steps (*run)(const float *x, size_t n, uint8_t *out);
};

const struct kernel_hybrid_quantize *kernel_hybrid_quantize_select(uint32_t cpu);
const struct kernel_hybrid_quantize *const *kernel_hybrid_quantize_rows(size_t *count);

// The same as TFLite's own kernels do it (steps in double, halves away from zero), back in float at
// once: out[i] = (q - zero_point) * scale. For depthwise layers, which then are float layers with
// float weights: their sums are of few terms, exact either way. All rows give the same bytes.
struct kernel_hybrid_round {
    const char *name;
    uint32_t cpu;
    void (*run)(const float *x, size_t n, float *out);
};

const struct kernel_hybrid_round *kernel_hybrid_round_select(uint32_t cpu);
const struct kernel_hybrid_round *const *kernel_hybrid_round_rows(size_t *count);

struct kernel_hybrid_weights {
    const int8_t *weights; // OHWI
    const float *scale;    // [out_c]
    const float *bias;     // [out_c], or NULL
};

struct kernel_hybrid_conv {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(
        const struct kernel_conv_shape *shape); // of KERNEL_CONV shapes whose batch is 1
    size_t (*packed_size)(const struct kernel_conv_shape *shape);
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_hybrid_weights *weights,
                 void *packed);
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    int32_t (*units)(const struct kernel_conv_shape *shape);
    // steps: one for each picture of the batch
    void (*run)(const struct kernel_conv_shape *shape, const struct kernel_float_range *range,
                const void *packed, const uint8_t *input, const struct kernel_hybrid_steps *steps,
                float *output, void *scratch, int32_t first, int32_t last);
};

const struct kernel_hybrid_conv *kernel_hybrid_conv_select(const struct kernel_conv_shape *shape,
                                                           uint32_t cpu);
const struct kernel_hybrid_conv *const *kernel_hybrid_conv_rows(size_t *count);

#endif
