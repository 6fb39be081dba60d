// SPDX-License-Identifier: Apache-2.0
//
// The rows of the dispatch table (conv_check.h says what is checked).

#include "tests/kernels/conv_check.h"

int main(int argc, char **argv)
{
    size_t count;
    const struct kernel_conv *const *rows = kernel_conv_rows(&count);
    return conv_check_main(argc, argv, rows, count);
}
