// SPDX-License-Identifier: Apache-2.0
//
// A layer: one step of a run, with everything decided at load. Shared by all contexts of a model
// and never written after loading.

#ifndef QEDGE_ENGINE_LAYER_H
#define QEDGE_ENGINE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The addresses of one layer's tensors in one context.
struct layer_io {
    const void **in;
    void **out;
    const uint64_t *run; // number of this run of the context, never 0
};

// Computes units [first, last) of the layer. Threads call it at once on disjoint ranges, each with
// a scratch of its own (64-byte aligned, layer.scratch bytes). No malloc, no lock, no syscall, no
// error. The LAYER_KEPT bytes before the scratch stay as a layer leaves them until a piece of any
// layer that uses them is run by the same thread in the same context; they begin as zeros.
enum { LAYER_KEPT = 128 };
typedef void layer_run(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last);

struct layer {
    const char *op;     // operator name, "CONV_2D"
    const char *kernel; // what computes it, "conv_1x1_avx512vnni"
    uint32_t op_index;  // operator in the file
    int32_t code;       // enum operator_code
    layer_run *run;
    void *params;
    int32_t units; // pieces of about equal cost
    uint64_t macs; // multiply-accumulates of the whole layer, 0 for what has none
    size_t scratch;
    size_t packed_bytes; // weights and tables made for it
    uint32_t in_count, out_count;
    int32_t *in, *out; // tensor indexes
    bool dead;         // fused into another layer
};

#endif
