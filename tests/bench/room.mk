# SPDX-License-Identifier: Apache-2.0
HELPER_PROGS += tests/bench/imaging_bench.c
HELPER_PROGS += tests/bench/ring_bench.c
HELPER_PROGS += tests/bench/first_result.c
HELPER_PROGS += tests/bench/stats_bench.c
HELPER_PROGS += tests/bench/overhead_bench.c
