// SPDX-License-Identifier: Apache-2.0
//
// Kernel contracts: every operator of the int8 engine as pure functions.
//
// A kernel never allocates, logs, touches a global or does I/O; it reads nothing outside the buffers
// it is given (packing pads) and writes nothing outside its output. It is a *row* of a const table:
// {name, CPU flags, shape test, sizes, pack, run}; best row first, C last. A row is chosen once, at
// model load (kernel_conv_select), and its name is what qmodel info and qctl show.
//
// Numbers. Activations are int8, NHWC, contiguous. Legacy uint8 models are the same numbers with 128
// taken off values and zero points; the engine does that at the edges. Weights are int8.
//
// The rounding rule (docs/ARCHITECTURE.md): for every output channel c
//     y = clamp(round_half_even((float)acc * scale[c]) + output_zero_point, act_min, act_max)
// with acc = bias[c] + sum (x - input_zero_point) * (w - weight_zero_point) in int32 and the product
// and rounding in IEEE single precision. kernels/c is its definition; every other row gives the same
// bytes. Padding positions count as x = input_zero_point.
//
// Threads: run() may be called by many threads at once on disjoint [first, last) of the same layer,
// each with its own scratch. pack() happens before and is not repeated.

#ifndef QEDGE_KERNELS_KERNELS_H
#define QEDGE_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- CPU ---------------------------------------------------------------------------------------

enum kernel_cpu {
    KERNEL_CPU_NEON = 1u << 0,
    KERNEL_CPU_NEONDOT = 1u << 1,
    KERNEL_CPU_NEONI8MM = 1u << 2,
    KERNEL_CPU_AVX2 = 1u << 8,
    KERNEL_CPU_AVXVNNI = 1u << 9,
    KERNEL_CPU_AVX512VNNI = 1u << 10,
};

// What this machine has (read once from cpuid/auxv, OS support included). C needs no flag: 0 is valid.
uint32_t kernel_cpu_detect(void);

// Parses QEDGE_CPU: a comma-separated list of "c", "neon", ... ; the kernels allowed. "neondot" allows
// neon too when written "neon,neondot". Returns 0, or -EINVAL with *bad at the offending word.
int kernel_cpu_parse(const char *list, uint32_t *mask, const char **bad);

// Name of one flag ("c" for 0).
const char *kernel_cpu_name(uint32_t flag);

// ---- Convolution, depthwise convolution, fully connected ----------------------------------------

enum kernel_conv_kind {
    KERNEL_CONV,      // groups == 1 unless `groups` says otherwise; weights OHWI: [out_c][k_h][k_w][in_c / groups]
    KERNEL_DEPTHWISE, // out_c == in_c * depth_multiplier; weights [k_h][k_w][out_c]
};

// A fully connected layer is KERNEL_CONV with in_h = in_w = k_h = k_w = 1 and batch = its rows.
struct kernel_conv_shape {
    enum kernel_conv_kind kind;
    int32_t batch;
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t k_h, k_w;
    int32_t stride_h, stride_w;
    int32_t dilation_h, dilation_w;
    int32_t pad_top, pad_left; // bottom and right follow from the sizes
    int32_t groups;            // KERNEL_CONV only; 1 = plain
    int32_t depth_multiplier;  // KERNEL_DEPTHWISE only
    int32_t input_zero_point;  // [-128, 127]
    int32_t weight_zero_point; // 0 but for legacy uint8 models
    int32_t output_zero_point;
    int32_t act_min, act_max;  // in output steps, within [-128, 127]
};

struct kernel_conv_weights {
    const int8_t *weights;
    const int32_t *bias; // [out_c], or NULL
    const float *scale;  // [out_c], input_scale * weight_scale[c] / output_scale, finite, > 0
};

struct kernel_conv {
    const char *name; // "conv_1x1_avx512vnni", ...
    uint32_t cpu;     // all of these flags are needed; 0 = any CPU
    // Does this row take that shape? (The caller has checked the shape itself: see the engine.)
    bool (*accepts)(const struct kernel_conv_shape *shape);
    // Bytes of packed weights (64-byte aligned by the caller).
    size_t (*packed_size)(const struct kernel_conv_shape *shape);
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights, void *packed);
    // Bytes each running thread needs (64-byte aligned), may be 0.
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    // How many independent pieces of about equal cost the layer has; run() takes [first, last) of them.
    int32_t (*units)(const struct kernel_conv_shape *shape);
    void (*run)(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input, int8_t *output,
                void *scratch, int32_t first, int32_t last);
};

// First row whose flags are within `cpu` and that accepts the shape; never NULL (C takes every shape).
const struct kernel_conv *kernel_conv_select(const struct kernel_conv_shape *shape, uint32_t cpu);

// The whole table, ending with the C row: for the test and benchmark harness.
const struct kernel_conv *const *kernel_conv_rows(size_t *count);

// ---- Pooling ------------------------------------------------------------------------------------

enum kernel_pool_kind { KERNEL_POOL_AVERAGE, KERNEL_POOL_MAX };

// Average over the positions inside the picture only (TFLite: padding does not count).
// Channel count is kept; units are output rows (batch * out_h).
struct kernel_pool_shape {
    enum kernel_pool_kind kind;
    int32_t batch, in_h, in_w, channels, out_h, out_w;
    int32_t k_h, k_w, stride_h, stride_w, pad_top, pad_left;
    int32_t input_zero_point, output_zero_point;
    float scale; // input_scale / output_scale (1 when they are equal)
    int32_t act_min, act_max;
};

struct kernel_pool {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_pool_shape *shape);
    void (*run)(const struct kernel_pool_shape *shape, const int8_t *input, int8_t *output, int32_t first, int32_t last);
};
const struct kernel_pool *kernel_pool_select(const struct kernel_pool_shape *shape, uint32_t cpu);
const struct kernel_pool *const *kernel_pool_rows(size_t *count);

// ---- Element-wise ------------------------------------------------------------------------------

enum kernel_binary_kind { KERNEL_ADD, KERNEL_SUB, KERNEL_MUL };

// out[i] = a[i] op b[i] over `n` elements; b may be one value repeated (b_scalar). Other broadcasts are
// cut into such runs by the engine. The arithmetic is LiteRT's (XNNPACK qs8 vadd/vmul), stated in binary.h.
struct kernel_binary_params {
    enum kernel_binary_kind kind;
    float a_scale, b_scale, out_scale;
    int32_t a_zero_point, b_zero_point, out_zero_point;
    int32_t act_min, act_max;
    int32_t fixed[8]; // derived by kernel_binary_prepare
};
// Fills the derived fields. 0, or -ERANGE when the scales' ratio is outside what the rule allows.
int kernel_binary_prepare(struct kernel_binary_params *params);

struct kernel_binary {
    const char *name;
    uint32_t cpu;
    enum kernel_binary_kind kind;
    void (*run)(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b, bool b_scalar,
                int8_t *output, size_t n);
};
const struct kernel_binary *kernel_binary_select(enum kernel_binary_kind kind, uint32_t cpu);
const struct kernel_binary *const *kernel_binary_rows(size_t *count);

// out[i] = table[(uint8_t)in[i]]: every int8 -> int8 function of one value (logistic, hard-swish, leaky
// ReLU, re-quantization, sign flip ...) is such a table, made at load.
struct kernel_table {
    const char *name;
    uint32_t cpu;
    void (*run)(const uint8_t table[256], const uint8_t *input, uint8_t *output, size_t n);
};
const struct kernel_table *kernel_table_select(uint32_t cpu);
const struct kernel_table *const *kernel_table_rows(size_t *count);

#endif
