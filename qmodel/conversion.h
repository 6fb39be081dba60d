// SPDX-License-Identifier: Apache-2.0
//
// What the parts of integer_convert share: the groups of tensors that have one scale, and the rules
// by which operators make them.

#ifndef QEDGE_QMODEL_CONVERSION_H
#define QEDGE_QMODEL_CONVERSION_H

#include "qmodel/integer.h"

#define CONVERSION_WIDE_STEPS 32767 // of an int16 activation, either side

enum integer_sharing {
    RULE_WEIGHTED, // of input 0 and the output; weights and bias have their own
    RULE_FREE,     // each tensor its own
    RULE_SAME,     // one for all float inputs and outputs
    RULE_UNIT,     // output fixed to [0, 1)
    RULE_TANH,     // output fixed to [-1, 1)
};

struct integer_rule {
    int32_t code;
    enum integer_sharing sharing;
    // of TFLite's operator that first had int8 and int16; 0 = it has not
    int32_t version, wide_version;
};

// NULL if operators of this kind have no integer form.
const struct integer_rule *integer_rule_of(int32_t code);

struct group {
    int32_t parent; // itself = the root, where the rest holds
    struct range range;
    bool fixed;
    float scale;
    int32_t zero_point;
};

struct conversion {
    struct draft *draft;
    const struct integer_options *options;
    const struct range *ranges; // of the draft's tensors as they were
    uint32_t range_count;
    struct model_error *error;
    struct store temp;
    struct group *groups; // one a tensor
    bool *outside;        // of each tensor: it stays float
    uint32_t group_count, group_capacity;
};

// -ENOMEM, with the line written.
int conversion_no_memory(struct conversion *c);
// The group that the tensor is in.
struct group *conversion_group(struct conversion *c, int32_t tensor);
// Is it one of those that get integers? GRAPH_ABSENT is not.
bool conversion_is_float(const struct conversion *c, int32_t tensor);
// A tensor in a group of its own: a constant's private copy, what a QUANTIZE makes. Its index, or
// -ENOMEM with the line written.
int32_t conversion_add_tensor(struct conversion *c, const struct draft_tensor *tensor);

// Constants get a tensor for each reader: each may need another scale. Equal bytes are stored once
// in the end. 0 or -ENOMEM.
int conversion_separate_constants(struct conversion *c);
// Joins what must share, fixes what TFLite fixes, and sets the operators' versions. 0 or -errno.
int conversion_make_groups(struct conversion *c);
// Weights and biases of the layers that have them; their inputs have scales by now. 0 or -errno.
int conversion_set_layers(struct conversion *c);

#endif
