// SPDX-License-Identifier: Apache-2.0
//
// What each kind of node becomes: one function a kind, one row in import_graph.c.

#ifndef QEDGE_QMODEL_IMPORT_NODES_H
#define QEDGE_QMODEL_IMPORT_NODES_H

#include "qmodel/importer.h"

// `in`: the node's inputs, `count` of them, NULL where an optional one is not given; the first is
// there. `out`: its first output, a value without shape or tensor yet (NULL: the function makes all
// outputs by itself). It appends to the draft and completes `out`. 0 or -errno with the line
// written.
typedef int import_node(struct importer *importer, struct import_value **in, uint32_t count,
                        struct import_value *out);

import_node import_conv;                // import_conv.c
import_node import_gemm, import_matmul; // import_dense.c
import_node import_max_pool, import_average_pool, import_global_average, import_global_max,
    import_mean; // import_pool.c
import_node import_relu, import_clip, import_leaky_relu, import_sigmoid, import_tanh, import_elu,
    import_softmax, import_hard_sigmoid, import_hard_swish; // import_unary.c
import_node import_add, import_sub, import_mul, import_div, import_max, import_min, import_prelu,
    import_batch_norm; // import_binary.c
import_node import_identity, import_cast, import_reshape, import_flatten, import_squeeze,
    import_unsqueeze, import_transpose,
    import_shape; // import_reshape.c
import_node import_concat, import_split, import_slice, import_pad,
    import_resize;                                            // import_move.c, import_resize.c
import_node import_quantize_linear, import_dequantize_linear; // import_quant.c
import_node import_qlinear_conv, import_qlinear_matmul, import_qlinear_add, import_qlinear_mul,
    import_qlinear_global, import_qlinear_average, import_qlinear_concat, import_qlinear_sigmoid,
    import_qlinear_leaky,
    import_qgemm; // import_qlinear.c

// A node whose inputs are all constant: worked out, its outputs are constants then. 1 = done, 0 =
// not a kind that is folded (the node's function decides), or -errno with the line written.
int import_fold(struct importer *importer, struct import_value **in, uint32_t count);
// Small results of a known kind: memory for the elements of `out`, whose shape and type are set.
// NULL with the line written.
void *import_fold_take(struct importer *importer, struct import_value *out);

// What a Reshape, Squeeze … makes of these dimensions; at most TENSOR_RANK_MAX. Returns the rank,
// or -errno.
int32_t import_reshape_dims(struct importer *importer, const struct import_value *in,
                            const struct import_value *list, int64_t *dims);
int32_t import_flatten_dims(struct importer *importer, const struct import_value *in,
                            int64_t *dims);
int32_t import_squeeze_dims(struct importer *importer, const struct import_value *in,
                            const struct import_value *list, int64_t *dims);
int32_t import_unsqueeze_dims(struct importer *importer, const struct import_value *in,
                              const struct import_value *list, int64_t *dims);
// The node's permutation of `rank` axes (default: reversed). 0 or -errno.
int import_transpose_perm(struct importer *importer, int32_t rank, int32_t *perm);
// Axes from the input `list` or, if NULL, the attribute; `count` 0 = none given.
int import_axes(struct importer *importer, const struct import_value *list, int32_t rank,
                int32_t *axes, int32_t *count);

// ---- windows over pictures (import_window.c) --------------------------------

// [0] is height, [1] width.
struct import_window {
    int32_t kernel[2], stride[2], dilation[2];
    int32_t before[2], after[2]; // padding that is really used
    int32_t out[2];              // size of the output
    bool padded, same;           // any padding; is it what TFLite calls SAME?
};

// Reads strides, dilations, pads, auto_pad and ceil_mode of the node. `x` has 4 dimensions (else
// the error).
int import_window_read(struct importer *importer, const struct import_value *x,
                       const int32_t kernel[2], struct import_window *window);
// kernel_shape; 0 or -errno.
int import_window_kernel(struct importer *importer, int32_t kernel[2]);
// The tensor of x as N, H, W, C, padded by an operator where TFLite's own padding does not do it,
// with `value` (0, or the lowest float). options gets padding and strides. Index or -errno with the
// line written.
int32_t import_window_pad(struct importer *importer, struct import_value *x,
                          const struct import_window *window, float value,
                          struct graph_options *options);
// N, H, W, C of the output, whose values are N, C, H, W.
int import_window_out(struct importer *importer, const struct import_value *x,
                      const struct import_window *window, int32_t channels,
                      struct import_value *out);
// PAD (value 0) or PADV2 of a tensor: `before` and `after` by axis of the tensor. The new tensor,
// for `out`.
int32_t import_pad_tensor(struct importer *importer, int32_t tensor, const struct import_value *out,
                          const int32_t *before, const int32_t *after, float value);

// ---- numbers in steps (import_quant.c) --------------------------------------

// Scale and zero point of one tensor from two constants (zero may be NULL: unsigned, 0); uint8 is
// moved to int8.
int import_steps(struct importer *importer, const struct import_value *scale,
                 const struct import_value *zero, struct import_origin *steps);
// QUANTIZE and DEQUANTIZE of a value; `out` gets its shape and order. In import_dequantize x may be
// constant: with several scales they go along steps->axis.
int import_quantize(struct importer *importer, struct import_value *x,
                    const struct import_origin *steps, struct import_value *out);
int import_dequantize(struct importer *importer, struct import_value *x,
                      const struct import_origin *steps, struct import_value *out);

#endif
