# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/fuzz/model_corrupt_test.c
