// SPDX-License-Identifier: Apache-2.0
//
// A float draft with fewer operators that computes the same: what training frameworks leave between
// the layers goes into the layers.
//
//     CONV ─ MUL k ─ ADD b          a batch norm: weights times k, biases times k plus b (fold.c)
//     CONV+RELU ─ MUL k ─ ADD b ─ [pool, reshape] ─ CONV valid     the same, into the layer behind
//     CONV ─ RELU6                  CONV+RELU6
//     PAD ─ CONV valid              CONV same, where the padding is the one that "same" means
//
// Only where nobody else reads what lies between. Constants were folded when the draft was opened.

#ifndef QEDGE_QMODEL_CLEAN_H
#define QEDGE_QMODEL_CLEAN_H

#include <stdbool.h>

#include "engine/draft.h"

// RELU, RELU6 and RELU_N1_TO_1 as the activation of the operator before; ACTIVATION_NONE for all
// others.
int32_t clean_activation(int32_t code);
// Do operators of this kind have an activation of their own?
bool clean_takes_activation(int32_t code);

// 0 or -ENOMEM. Quantized operators stay as they are.
int clean_draft(struct draft *draft);

#endif
