// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolution on 256-bit registers: what follows word_mac(), which the including file brings before, with
// wide_ymm.h.

#ifndef QEDGE_KERNELS_X86_CONV_16X8_YMM_H
#define QEDGE_KERNELS_X86_CONV_16X8_YMM_H

#include "kernels/conv_16x8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 5, 2);
    else
        word_tile(task, 5, 1);
}

static const struct word_isa isa = {WORD_LANES, 2, 5, 2, multiply};

#endif
