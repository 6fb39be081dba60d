// SPDX-License-Identifier: Apache-2.0
//
// MUL, ADD and SUB with a constant for each channel (what is left of a batch norm) into the weights
// and biases of a layer beside them. Products and sums in double, rounded once.

#ifndef QEDGE_QMODEL_FOLD_H
#define QEDGE_QMODEL_FOLD_H

#include "engine/draft.h"

// Operator `at`, if it is such a one: 1 when it went into a layer and is gone, 0 when not, or
// -ENOMEM.
int fold_affine(struct draft *draft, uint32_t at);

// The layer's weights and bias as copies that nobody else reads; a missing bias becomes zeros. 0 or
// -ENOMEM.
int fold_own_weights(struct draft *draft, uint32_t layer);

#endif
