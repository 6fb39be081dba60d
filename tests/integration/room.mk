# SPDX-License-Identifier: Apache-2.0
TEST_PROGS +=
TEST_SCRIPTS +=
HELPER_PROGS +=
TEST_PROGS += tests/integration/ring_stress_test.c
TEST_SCRIPTS += tests/integration/install.sh
