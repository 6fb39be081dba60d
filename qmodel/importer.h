// SPDX-License-Identifier: Apache-2.0
//
// From an ONNX graph to a draft that tflite_write takes. Nodes are visited once, in the file's
// order; each kind has a function (import_nodes.h) that reads its inputs as values and appends
// TFLite operators and tensors to the draft:
//
//     ONNX file ─onnx_file_open─▶ nodes ─(import_*.c)─▶ float draft with QUANTIZE/DEQUANTIZE
//             ─import_fuse──▶ batch norms and biases folded, activations fused
//             ─import_integer▶ int8 where scales are given ─▶ draft
//
// A value is what a name stands for in the ONNX graph, with the shape that ONNX gives it (pictures
// are N, C, H, W). Its tensor in the draft may hold the axes in another order: pictures are N, H,
// W, C there from the first operator to the last, and a Transpose moves no byte, it only changes
// what the order means. Who needs a certain order asks import_arrange for it.
//
//     perm      axis i of the tensor is axis perm[i] of the value
//     shuffled  C, H, W of a picture that was flattened to [N, C H W] while its tensor holds
//               H, W, C: the weights of the layer that reads it are permuted instead. 0 = not so.
//
// Rules: a value is defined before it is used (no cycles); every dimension is certain; a tensor has
// at most 2^28 elements; memory is bounded by the file's size. An error is one line that names
// node, operator and what is wrong.

#ifndef QEDGE_QMODEL_IMPORTER_H
#define QEDGE_QMODEL_IMPORTER_H

#include <stdbool.h>

#include "engine/draft.h"
#include "qmodel/onnx_file.h"

#define IMPORT_NONE (-1)

// The integers that a float constant was made of: data[i] - zero_point steps of scale.
struct import_origin {
    const void *data; // NULL = none; in the order of the constant
    int32_t type;     // TENSOR_INT8 (uint8 in the file: moved by 128) or TENSOR_INT32
    const float *scales;
    uint32_t scale_count; // > 1: one a slice of `axis`
    int32_t zero_point, axis;
};

struct import_value {
    const char *name;
    int32_t type, rank, dims[TENSOR_RANK_MAX]; // as ONNX has them
    const void *data; // constant: its elements, in ONNX order; NULL = activation (or no element)
    bool constant;
    struct import_origin origin;     // of a constant
    const Onnx__Tensor *initializer; // not read yet
    int32_t tensor;                  // activation: of the draft
    int32_t steps_type; // what ONNX calls an int8 activation: TENSOR_INT8, TENSOR_UINT8, 0 where
                        // not known
    int32_t perm[TENSOR_RANK_MAX], shuffled[3];
    int32_t gate_of; // it is HardSigmoid(x) with the factors of hard swish: the tensor of x
};

struct import_slot {
    const char *name;
    struct import_value *value;
};

struct importer {
    struct draft *draft;
    struct model_error *error;
    int64_t opset;
    const Onnx__Graph *graph;
    const Onnx__Node *node; // being visited
    size_t node_index;
    size_t budget; // bytes that may still be taken
    struct import_value *values;
    uint32_t value_count, value_capacity;
    struct import_slot *slots; // open addressing, slot_count is a power of two
    uint32_t slot_count;
    struct import_origin *origins; // one a tensor of the draft
    uint32_t origin_capacity;
    const int32_t *input_shape; // given by the user, or NULL
    int32_t input_rank;
};

// Writes "node 3 Conv ('conv1'): ..." and returns `code`; -ENOTSUP lines say that it is not
// supported.
int import_fail(struct importer *importer, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Zeroed memory that lives as long as the draft; NULL after writing the error.
void *import_take(struct importer *importer, size_t count, size_t element);
// A name of the file, cut to 60 characters, without control characters, in the draft's memory.
const char *import_text(struct importer *importer, const char *text);

// ---- values (import_values.c) -----------------------------------------------

// The table for all values of importer->graph, its initializers known by name. 0 or -errno with the
// line written.
int import_values_open(struct importer *importer);
// A new value of that name; NULL with the line written when there is one already.
struct import_value *import_value_add(struct importer *importer, const char *name);
struct import_value *import_value_find(struct importer *importer,
                                       const char *name); // read if it is an initializer
bool import_is_initializer(struct importer *importer,
                           const char *name); // one that was not read yet

bool import_has_input(const struct importer *importer, size_t index);
// Input and output `index` of the node; NULL with the line written when it is not there.
struct import_value *import_input(struct importer *importer, size_t index);
struct import_value *import_output(struct importer *importer, size_t index);
// A constant of one float or of integers: written to *number, or to at most `most` elements of
// `list`. 0 or -errno with the line written.
int import_float(struct importer *importer, const struct import_value *value, float *number);
int import_ints(struct importer *importer, const struct import_value *value, int64_t *list,
                int32_t most, int32_t *count);
// Is it float (float16 and double were made float), and constant or not, as asked? Else the error.
int import_need_constant(struct importer *importer, const struct import_value *value,
                         const char *what);
int import_need_activation(struct importer *importer, const struct import_value *value,
                           const char *what);
int64_t import_elements(const struct import_value *value);
// What the elements of an integer constant say.
int64_t import_int_at(const struct import_value *value, int64_t index);

// Attributes of the node; the fallback when it has none of that name. import_attribute_ints: 0 or
// -errno; count 0 = absent.
const Onnx__Attribute *import_attribute(const struct importer *importer, const char *name);
int64_t import_attribute_int(const struct importer *importer, const char *name, int64_t fallback);
float import_attribute_float(const struct importer *importer, const char *name, float fallback);
// Is the attribute's text that?
bool import_attribute_is(const struct importer *importer, const char *name, const char *text);
int import_attribute_ints(struct importer *importer, const char *name, int64_t *list, int32_t most,
                          int32_t *count);

// An initializer's or attribute's tensor becomes the constant `value`: float16, bfloat16 and double
// as float, integers as they are. 0 or -errno with the line written.
int import_tensor_read(struct importer *importer, const Onnx__Tensor *tensor,
                       struct import_value *value);

// ---- the draft (import_draft.c) ---------------------------------------------

// Appends a tensor, its origin too (NULL = none); its index or -errno with the line written.
int32_t import_tensor(struct importer *importer, const struct draft_tensor *tensor,
                      const struct import_origin *origin);
// Constants for TFLite's operators: the data is copied.
int32_t import_floats_tensor(struct importer *importer, const float *values,
                             int32_t count); // [count]
int32_t import_ints_tensor(struct importer *importer, const int32_t *values,
                           int32_t count); // [count]
// An activation with the type and quantization of `like` (NULL: float), that shape and the value's
// name.
int32_t import_result(struct importer *importer, const struct import_value *value,
                      const struct draft_tensor *like, int32_t rank, const int32_t *dims);
// Appends an operator; `options` may be NULL. 0 or -errno with the line written.
int import_emit(struct importer *importer, int32_t code, const struct graph_options *options,
                uint32_t input_count, const int32_t *inputs, uint32_t output_count,
                const int32_t *outputs);
// As import_emit with one output: a new tensor for `value`, with the type of the first input's. The
// value's shape and order must be set; the tensor's shape follows from them.
int import_emit_value(struct importer *importer, int32_t code, const struct graph_options *options,
                      uint32_t input_count, const int32_t *inputs, struct import_value *value);

// ---- order of axes (import_order.c) -----------------------------------------

extern const int32_t import_plain[TENSOR_RANK_MAX];   // 0, 1, 2 …
extern const int32_t import_picture[TENSOR_RANK_MAX]; // 0, 2, 3, 1: N, H, W, C

// The tensor that holds `value` in that order: its own, a new one (operators are appended and the
// value is that one from now on), or a new constant. Index or -errno with the line written.
int32_t import_arrange(struct importer *importer, struct import_value *value, const int32_t *perm);
// As import_arrange for what the value is in already (constants: plain).
int32_t import_as_is(struct importer *importer, struct import_value *value);
// The shape of a tensor that holds the value in its order.
void import_order_dims(const struct import_value *value, int32_t *dims);
// `to` gets the shape and the order of `from`.
void import_order_copy(struct import_value *to, const struct import_value *from);
// The axis of the tensor that is axis `axis` of the value.
int32_t import_order_axis(const struct import_value *value, int32_t axis);
// Elements of `bytes` bytes with their axes in another order: axis i of the copy is axis perm[i].
// NULL with the line written when there is no memory. new_dims may be NULL.
void *import_permute(struct importer *importer, const void *data, size_t bytes, int32_t rank,
                     const int32_t *dims, const int32_t *perm);

// Would the value's bytes be in the same places in that order?
bool import_same_bytes(const struct import_value *value, const int32_t *perm);
// A reshape of value->tensor, whatever the value's order is: the new tensor, for `out`; index or
// -errno.
int32_t import_reshape_tensor(struct importer *importer, int32_t tensor,
                              const struct import_value *out, int32_t rank, const int32_t *dims);

// Axis in [-rank, rank) to [0, rank), or -EINVAL with the line written.
int import_axis(struct importer *importer, int64_t axis, int32_t rank);
// Checks and sets a value's shape: dimensions from 1, at most 2^28 elements. 0 or -EINVAL with the
// line written.
int import_set_shape(struct importer *importer, struct import_value *value, int32_t rank,
                     const int64_t *dims);

#endif
