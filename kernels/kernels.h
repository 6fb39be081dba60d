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
// with acc = bias[c] + sum (x - input_zero_point) * (w - weight_zero_point) in int32, modulo 2^32 (a real
// model never gets there; a hostile one gets the same wrong bytes on every CPU and no undefined
// behaviour), and the conversion, product and rounding in IEEE single precision: a product that no int32
// holds clamps like any other. kernels/c is the definition (requantize.h); every other row gives the same
// bytes. Padding positions count as x = input_zero_point.
//
// Bands: what pack() writes and whether a row accepts a shape of one picture depend on its widths,
// channels, filter and numbers, never on in_h, out_h and pad_top. The engine runs the same packed
// weights on a part of a picture's rows by calling run() (and units(), scratch_size()) with these
// three changed.
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
    KERNEL_CPU_AVX2 = 1u << 8, // with FMA, which every such CPU but one family has
    KERNEL_CPU_AVXVNNI = 1u << 9,
    KERNEL_CPU_AVX512VNNI = 1u << 10,
};

// What this machine has (read once from cpuid/auxv, OS support included). C needs no flag: 0 is valid.
uint32_t kernel_cpu_detect(void);

// Parses QEDGE_CPU: a comma-separated list of "c", "neon", ... ; the kernels allowed, C always among them.
// "neondot" alone means the neondot rows and C; "neon,neondot" allows both. Whether this machine has them
// is not asked here. Returns 0, or -EINVAL with *bad at the offending word.
int kernel_cpu_parse(const char *list, uint32_t *mask, const char **bad);

// What this machine has and QEDGE_CPU allows (unset or empty: all of it): what programs select rows with.
// 0, or -EINVAL with *bad at the word that no kernel has; *mask is then what the machine has.
int kernel_cpu_allowed(uint32_t *mask, const char **bad);

// Name of one flag ("c" for 0).
const char *kernel_cpu_name(uint32_t flag);

// ---- Convolution, depthwise convolution, fully connected ----------------------------------------

enum kernel_conv_kind {
    KERNEL_CONV,      // weights OHWI: [out_c][k_h][k_w][in_c / groups]
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
    int32_t weight_zero_point; // [-128, 127], 0 but for legacy uint8 models
    int32_t output_zero_point; // [-128, 127]
    int32_t act_min, act_max;  // in output steps, -128 <= act_min <= act_max <= 127
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
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
                 void *packed);
    // Bytes each running thread needs (64-byte aligned), may be 0.
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    // How many independent pieces (>= 1) of about equal cost the layer has; run() takes [first, last).
    int32_t (*units)(const struct kernel_conv_shape *shape);
    void (*run)(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, void *scratch, int32_t first, int32_t last);
};

// First row whose flags are within `cpu` and that accepts the shape; never NULL (C takes every shape).
const struct kernel_conv *kernel_conv_select(const struct kernel_conv_shape *shape, uint32_t cpu);

// The whole table, ending with the C row: for the test and benchmark harness.
const struct kernel_conv *const *kernel_conv_rows(size_t *count);

// ---- Pooling ------------------------------------------------------------------------------------

enum kernel_pool_kind {
    // (sum + n/2) / n, halves away from zero (C division of sum -+ n/2), n = positions inside the picture
    // only. Input and output share scale and zero point, as TFLite demands.
    KERNEL_POOL_AVERAGE,
    // Largest value inside the picture; then the clamp.
    KERNEL_POOL_MAX,
    // round_half_even((float)sum * mean_scale + mean_bias), sum of the raw values: what LiteRT does for MEAN
    //     mean_scale = (x_scale / y_scale) * (1.0f / (float)n)
    //     mean_bias  = (float)y_zero_point - (float)(n * x_zero_point) * mean_scale
    // all in float, in this order.
    KERNEL_POOL_MEAN,
};

// Channel count is kept. The caller has checked that every window holds at least one position of the
// picture and that k_h * k_w <= 2^23. Units are output pixels: run() takes [first, last) of
// batch * out_h * out_w (a row may be cut anywhere; cut on whole output rows where there are several).
struct kernel_pool_shape {
    enum kernel_pool_kind kind;
    int32_t batch, in_h, in_w, channels, out_h, out_w;
    int32_t k_h, k_w, stride_h, stride_w, pad_top, pad_left;
    float mean_scale, mean_bias; // KERNEL_POOL_MEAN only
    int32_t act_min, act_max;
};

struct kernel_pool {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_pool_shape *shape);
    void (*run)(const struct kernel_pool_shape *shape, const int8_t *input, int8_t *output,
                int32_t first, int32_t last);
};
const struct kernel_pool *kernel_pool_select(const struct kernel_pool_shape *shape, uint32_t cpu);
const struct kernel_pool *const *kernel_pool_rows(size_t *count);

// ---- Element-wise ------------------------------------------------------------------------------

enum kernel_binary_kind { KERNEL_ADD, KERNEL_SUB, KERNEL_MUL };

// out[i] = a[i] op b[i] over `n` elements; b may be one value repeated (b_scalar). Other broadcasts are
// cut into such runs by the engine. The arithmetic is LiteRT's:
//   ADD, SUB  y = clamp(((bias + a * a_mul + b * b_mul) >> shift) + out_zero_point)   halves up, int32
//   MUL       y = clamp(round_half_even((float)((a - a_zp) * (b - b_zp)) * scale) + out_zero_point)
struct kernel_binary_params {
    enum kernel_binary_kind kind;
    float a_scale, b_scale, out_scale;
    int32_t a_zero_point, b_zero_point, out_zero_point;
    int32_t act_min, act_max;
    // Derived by kernel_binary_prepare:
    int32_t a_mul, b_mul, bias, shift; // ADD, SUB: shift in [13, 30], |mul| <= 2^21
    float scale;                       // MUL: a_scale * b_scale / out_scale
};
// Fills the derived fields. 0, or -ERANGE when the scales' ratio is outside what the rule allows (ADD, SUB:
// a/out and b/out in [2^-10, 2^8); MUL: [2^-16, 2^8)): the engine then computes as TFLite's own kernel does.
int kernel_binary_prepare(struct kernel_binary_params *params);
// Exchanges the roles of a and b in prepared params: for `scalar - tensor`, the scalar must be b.
void kernel_binary_swap(struct kernel_binary_params *params);

struct kernel_binary {
    const char *name;
    uint32_t cpu;
    enum kernel_binary_kind kind;
    void (*run)(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                bool b_scalar, int8_t *output, size_t n);
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

// ---- Difference of two pictures ------------------------------------------------------------------

// sums[i] = sum of |a - b| over bytes [8 * i, 8 * i + 8) of `rows` rows: (bytes + 7) / 8 sums, the last one
// over what is left of the row. Rows begin `stride` bytes apart, bytes <= stride, 0 <= rows <= 65536.
struct kernel_difference {
    const char *name;
    uint32_t cpu;
    void (*run)(const int8_t *a, const int8_t *b, size_t stride, size_t bytes, int32_t rows,
                uint32_t *sums);
};
const struct kernel_difference *kernel_difference_select(uint32_t cpu);
const struct kernel_difference *const *kernel_difference_rows(size_t *count);

#endif
