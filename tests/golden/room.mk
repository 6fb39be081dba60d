# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/golden/golden_test.c
TEST_SCRIPTS +=
HELPER_PROGS +=
