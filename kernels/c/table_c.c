// SPDX-License-Identifier: Apache-2.0
//
// Functions of one byte by table, the definition.

#include "kernels/c/rows_c.h"

static void run(const uint8_t table[256], const uint8_t *input, uint8_t *output, size_t n)
{
    for (size_t i = 0; i < n; i++)
        output[i] = table[input[i]];
}

const struct kernel_table kernel_table_c = {.name = "table_c", .cpu = 0, .run = run};
