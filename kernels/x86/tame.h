// SPDX-License-Identifier: Apache-2.0
//
// Layers whose sums times scales surely fit an int32: all real ones. Their results need no clamp before the
// conversion to integer, only after it, on bytes: a fifth of the work that follows each sum. Every packed
// layer begins with the answer; one that is not tame is packed and run by the C row.

#ifndef QEDGE_KERNELS_X86_TAME_H
#define QEDGE_KERNELS_X86_TAME_H

#include "kernels/kernels.h"

struct tame_head {
    int32_t tame;
    int32_t unused[15];
};

// Bytes in front of a row's own packed data, which has `size` bytes; the C row's may need more.
size_t tame_packed_size(const struct kernel_conv_shape *shape, size_t size);

// Writes the head; when the answer is no, packs for the C row too and returns false.
bool tame_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
               void *packed);

// Runs units [first, last) of `units` by the C row.
void tame_run_c(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, int32_t first, int32_t last, int32_t units);

#endif
