// SPDX-License-Identifier: Apache-2.0
//
// A model that can be changed and written again: the file's graph as plain arrays, cleaned while
// reading.
//
//     .tflite ──draft_open──▶ draft ──(the quantizer)──▶ draft_compact ──▶ tflite_write ──▶ .tflite
//
// Cleaned means: what depends on constants only is worked out and its operators are dropped
// (float16 or int8 weights behind a DEQUANTIZE become floats, shape arithmetic becomes a shape);
// operators whose results nobody reads are dropped; every shape is certain, a free batch is 1.
// Everything lives in the draft's store or in its copy of the file until draft_finish; data that a
// tensor points to must live as long. Not thread-safe.

#ifndef QEDGE_ENGINE_DRAFT_H
#define QEDGE_ENGINE_DRAFT_H

#include "engine/graph.h"
#include "engine/signature.h"

struct draft_tensor {
    const char *name;
    int32_t type; // enum tensor_type
    int32_t rank, dims[TENSOR_RANK_MAX];
    const void *data; // constant, aligned for its type; NULL for an activation
    size_t data_bytes;
    const float *scales; // scale_count of them: 0 = not quantized, > 1 = one a channel of `axis`
    uint32_t scale_count;
    int32_t zero_point, axis; // the zero point is that of all channels
    // The quantizer's: nobody makes this any more, its operator went into the one that makes tensor
    // merged - 1; 0 = not so. Void after draft_compact.
    int32_t merged;
};

struct draft_operator {
    int32_t code, version;
    const char *name;
    uint32_t input_count, output_count;
    int32_t *inputs, *outputs; // inputs may be GRAPH_ABSENT
    struct graph_options options;
    bool keep, border; // the quantizer's: it stays float; it stands between those and integer ones
};

struct draft {
    struct store store;
    void *file;
    size_t file_bytes;
    bool borrowed; // the file is another draft's
    struct flat flat;
    struct draft_tensor *tensors;
    struct draft_operator *operators;
    uint32_t tensor_count, tensor_capacity, operator_count, operator_capacity;
    int32_t *inputs, *outputs;
    uint32_t input_count, output_count;
    struct flat_vector metadata; // count 0 = none
    struct signatures signatures;
};

// 0, or -errno with the line written; then nothing is left to finish.
int draft_open(struct draft *draft, const char *path, struct model_error *error);
void draft_finish(struct draft *draft);
// A draft of its own; constants, names and the file's bytes stay the other's, which must live as
// long. 0 or -ENOMEM.
int draft_copy(struct draft *copy, const struct draft *draft);

// Appends a copy; returns its index or -ENOMEM. Pointers into `tensors` are void after it.
int32_t draft_add_tensor(struct draft *draft, const struct draft_tensor *tensor);
// Inserts an operator with one input and one output before operator `at`; version 1, no options.
int draft_insert_operator(struct draft *draft, uint32_t at, int32_t code, int32_t input,
                          int32_t output);
// Appends a copy, with the caller's arrays. 0 or -ENOMEM.
int draft_append_operator(struct draft *draft, const struct draft_operator *op);
// Takes operator `at` away; its tensors stay until draft_compact.
void draft_remove_operator(struct draft *draft, uint32_t at);
// How often operators and the model's outputs refer to a tensor, and the operator that makes it: -1
// for none.
uint32_t draft_readers(const struct draft *draft, int32_t tensor);
int32_t draft_maker(const struct draft *draft, int32_t tensor);
// Drops tensors that nothing refers to and numbers the others anew, in their order.
int draft_compact(struct draft *draft);

int64_t draft_elements(const struct draft_tensor *tensor);
// The line about an operator: "operator 3 CONV_2D ('conv1'): ..."; returns `code`.
int draft_fail(const struct draft *draft, struct model_error *error, int code, uint32_t op,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
