// SPDX-License-Identifier: Apache-2.0
//
// Difference of two pictures, the definition.

#include <stdlib.h>
#include <string.h>

#include "kernels/c/rows_c.h"

static void run(const int8_t *a, const int8_t *b, size_t stride, size_t bytes, int32_t rows,
                uint32_t *sums)
{
    memset(sums, 0, (bytes + 7) / 8 * sizeof *sums);
    for (int32_t y = 0; y < rows; y++, a += stride, b += stride)
        for (size_t i = 0; i < bytes; i++)
            sums[i / 8] += (uint32_t)abs(a[i] - b[i]);
}

const struct kernel_difference kernel_difference_c = {.name = "difference_c", .cpu = 0, .run = run};
