// SPDX-License-Identifier: Apache-2.0
//
// A float draft becomes an int8 (or 16x8) one, by the rules of TFLite's quantization specification:
//
//     convolutions, fully connected  weights int8 symmetric per channel,
//                                    bias int32 with scale = input's * weights'
//     softmax, logistic / tanh       output 1/256, -128 / 1/128, 0; int16: 1/32768, 0
//     pool, concat, pad, reshape …   all float inputs and outputs share one scale and zero point
//     the others                     each tensor has its own
//
// Operators marked `keep` stay float (boundary.h).
//
// Tensors that must share form a group; a group's range is that of all its members. Where a group
// would join one whose scale is fixed (a logistic that is concatenated), a QUANTIZE stands between.

#ifndef QEDGE_QMODEL_INTEGER_H
#define QEDGE_QMODEL_INTEGER_H

#include "engine/draft.h"
#include "qmodel/ranges.h"

// INNER: int8, or int16 with 16-bit activations.
enum integer_edge { EDGE_IS_INNER, EDGE_IS_UINT8, EDGE_IS_FLOAT };

struct integer_options {
    bool per_tensor; // weights
    bool clipped; // scales of weights with the least squared error instead of those that reach the
                  // largest
    bool wide;    // 16x8: activations int16 and symmetric, biases int64; no EDGE_IS_UINT8
    enum calibration method;
    double percentile;
    bool bias_correction;            // `ranges` have means then
    enum integer_edge input, output; // what the model's float inputs and outputs become
};

// The version of TFLite's operator that first took int8; 1 if it has no int8 form.
int32_t integer_version(int32_t code);

// Is there an integer form of every operator that is not kept? 0, or -ENOTSUP with the line that
// names the first without one; with `allow_float` those are kept instead.
int integer_check(struct draft *draft, bool wide, bool allow_float, struct model_error *error);

// Inputs and outputs become int8 or int16. `ranges`: of the draft's tensors as calibrate fills
// them. 0 or -errno with the line written; after an error the draft is only good for draft_finish.
int integer_convert(struct draft *draft, const struct range *ranges,
                    const struct integer_options *options, struct model_error *error);

// What goes in and comes out, from int8 or int16 to what the options say: a QUANTIZE, a DEQUANTIZE.
// As above.
int integer_set_edges(struct draft *draft, const struct integer_options *options,
                      struct model_error *error);

#endif
