# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/kernels/conv_test.c tests/kernels/float_test.c tests/kernels/hybrid_test.c tests/kernels/pool_test.c tests/kernels/elementwise_test.c \
    tests/kernels/simple_test.c tests/kernels/wide_test.c tests/kernels/difference_test.c
TEST_SCRIPTS +=
HELPER_PROGS +=

# Named for the flags that they need, as kernels are.
ifeq ($(ARCH),x86_64)
TEST_PROGS += tests/kernels/gemm_evex_avx2.c tests/kernels/depthwise_evex_avx2.c
endif
