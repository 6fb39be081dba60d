# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/kernels/conv_test.c tests/kernels/float_test.c tests/kernels/pool_test.c tests/kernels/elementwise_test.c
TEST_SCRIPTS +=
HELPER_PROGS +=
