// SPDX-License-Identifier: Apache-2.0
//
// Memory plan: where in the arena each value lives, so that values alive at the same time do not
// overlap and the arena is small. Greedy by size (Pisarchyk & Lee 2020): the biggest value first,
// each at the lowest offset that no already placed value of an overlapping life takes.

#ifndef QEDGE_ENGINE_PLAN_H
#define QEDGE_ENGINE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_ALIGNMENT 64

struct plan_value {
    size_t bytes;
    int32_t first, last; // steps in which it is alive, both included; first <= last
    size_t offset;       // filled in
};

// Fills the offsets (multiples of PLAN_ALIGNMENT) and *total. `order` is room for `count` indexes.
// 0, or -EOVERFLOW when the arena would not fit the address space.
int plan_place(struct plan_value *values, uint32_t count, uint32_t *order, size_t *total);

#endif
