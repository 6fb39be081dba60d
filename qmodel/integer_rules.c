// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "qmodel/conversion.h"

static const struct integer_rule rules[] = {
    {OP_CONV_2D, RULE_WEIGHTED, 3, 4},
    {OP_DEPTHWISE_CONV_2D, RULE_WEIGHTED, 3, 5},
    {OP_FULLY_CONNECTED, RULE_WEIGHTED, 4, 7},
    {OP_ADD, RULE_FREE, 2, 3},
    {OP_SUB, RULE_FREE, 2, 5},
    {OP_MUL, RULE_FREE, 2, 4},
    {OP_MEAN, RULE_FREE, 2, 3},
    {OP_RELU, RULE_FREE, 2, 3},
    {OP_RELU6, RULE_FREE, 2, 3},
    {OP_RELU_N1_TO_1, RULE_FREE, 1, 1},
    {OP_RELU_0_TO_1, RULE_FREE, 1, 1},
    {OP_LEAKY_RELU, RULE_FREE, 2, 2},
    {OP_PRELU, RULE_FREE, 1, 0},
    {OP_ELU, RULE_FREE, 1, 0},
    {OP_HARD_SWISH, RULE_FREE, 1, 0},
    {OP_SOFTMAX, RULE_UNIT, 2, 3},
    {OP_LOGISTIC, RULE_UNIT, 2, 3},
    {OP_TANH, RULE_TANH, 2, 3},
    {OP_AVERAGE_POOL_2D, RULE_SAME, 2, 3},
    {OP_MAX_POOL_2D, RULE_SAME, 2, 3},
    {OP_CONCATENATION, RULE_SAME, 2, 3},
    {OP_PACK, RULE_SAME, 2, 3},
    {OP_MAXIMUM, RULE_SAME, 2, 4},
    {OP_MINIMUM, RULE_SAME, 2, 4},
    {OP_PAD, RULE_SAME, 2, 3},
    {OP_PADV2, RULE_SAME, 2, 3},
    {OP_MIRROR_PAD, RULE_SAME, 2, 2},
    {OP_RESHAPE, RULE_SAME, 1, 1},
    {OP_SQUEEZE, RULE_SAME, 1, 1},
    {OP_EXPAND_DIMS, RULE_SAME, 1, 1},
    {OP_TRANSPOSE, RULE_SAME, 2, 3},
    {OP_SLICE, RULE_SAME, 2, 4},
    {OP_STRIDED_SLICE, RULE_SAME, 2, 4},
    {OP_SPLIT, RULE_SAME, 2, 4},
    {OP_SPLIT_V, RULE_SAME, 2, 2},
    {OP_RESIZE_BILINEAR, RULE_SAME, 2, 4},
    {OP_RESIZE_NEAREST_NEIGHBOR, RULE_SAME, 2, 4},
};

const struct integer_rule *integer_rule_of(int32_t code)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].code == code)
            return &rules[i];
    return NULL;
}

int32_t integer_version(int32_t code)
{
    const struct integer_rule *rule = integer_rule_of(code);
    return rule ? rule->version : 1;
}

int integer_check(struct draft *draft, bool wide, bool allow_float, struct model_error *error)
{
    for (uint32_t i = 0; i < draft->operator_count; i++) {
        struct draft_operator *op = &draft->operators[i];
        const struct integer_rule *rule = integer_rule_of(op->code);
        if (op->keep || (rule && (!wide || rule->wide_version)))
            continue;
        if (!allow_float)
            return draft_fail(draft, error, -ENOTSUP, i,
                              "it has no %s form here (--allow-float keeps it in float)",
                              wide ? "16x8" : "int8");
        op->keep = true;
    }
    return 0;
}
