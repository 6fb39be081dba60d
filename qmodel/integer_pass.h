// SPDX-License-Identifier: Apache-2.0
//
// What the steps of import_integer share (import_passes.h).

#ifndef QEDGE_QMODEL_INTEGER_PASS_H
#define QEDGE_QMODEL_INTEGER_PASS_H

#include "qmodel/import_passes.h"

struct integer_pass {
    struct importer *im;
    struct draft *d;
    struct import_links links;
};

// One scale each, and the same.
bool integer_pass_same_steps(const struct draft_tensor *a, const struct draft_tensor *b);
// The operator of that code that makes the tensor, or NULL.
struct draft_operator *integer_pass_maker(struct integer_pass *p, int32_t tensor, int32_t code);
// The QUANTIZE that is the only reader of the tensor, or NULL.
struct draft_operator *integer_pass_only_quantize(struct integer_pass *p, int32_t tensor);
// A new int8 tensor with the shape of one and the steps of the other; its index or -ENOMEM.
int32_t integer_pass_int8_like(struct integer_pass *p, int32_t shape, int32_t steps);

// The steps; 0 or -errno with the line written. Those with an `index` look at one operator.
//
// QUANTIZE of the same tensor with the same steps again, or of what a DEQUANTIZE made, goes.
int integer_pass_join_pairs(struct integer_pass *p);
// DEQUANTIZE, op becomes op, DEQUANTIZE where op only moves numbers. Operators are appended; the
// order is made at the end.
int integer_pass_push_down(struct integer_pass *p, uint32_t index);
// op, QUANTIZE becomes QUANTIZE, op where every output is quantized with the same steps.
int integer_pass_pull_up(struct integer_pass *p, uint32_t index);
// An operator between DEQUANTIZE and QUANTIZE becomes an integer one, where TFLite has it.
int integer_pass_set_operator(struct integer_pass *p, uint32_t index);

#endif
