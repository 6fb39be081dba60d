// SPDX-License-Identifier: Apache-2.0
//
// The avxvnni depthwise convolution with the other encoding of its one instruction: most machines
// with AVX-512 lack AVX-VNNI, and the code around the instruction should be tested on them too.

#include "kernels/kernels.h"

extern const struct kernel_conv kernel_test_row;

#define DEPTHWISE_VPDPBUSD "vpdpbusd %2, %1, %0"
#include "kernels/x86/depthwise_avxvnni.h"

DEPTHWISE_ROW(kernel_test_row, "depthwise_avxvnni_evex", KERNEL_CPU_AVX512VNNI, &isa);

#include "tests/kernels/conv_check.h"

int main(int argc, char **argv)
{
    static const struct kernel_conv *const rows[] = {&kernel_test_row};
    if (!(kernel_cpu_detect() & KERNEL_CPU_AVX512VNNI)) {
        printf("this CPU has no avx512vnni\n");
        return 77;
    }
    return conv_check_main(argc, argv, rows, 1);
}
