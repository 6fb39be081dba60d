# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/unit/imaging_convert_test.c
TEST_SCRIPTS +=
HELPER_PROGS +=
