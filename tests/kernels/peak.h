// SPDX-License-Identifier: Apache-2.0
//
// The most int8 multiply-adds a second that one core does: a loop of independent instructions,
// nothing else. GMAC/s per instruction set, measured in the run that quotes it; 0 where no loop is
// written.

#ifndef QEDGE_TESTS_KERNELS_PEAK_H
#define QEDGE_TESTS_KERNELS_PEAK_H

#include "tests/kernels/harness.h"

enum { PEAK_LOOPS = 200000, PEAK_CHAINS = 12 };

#if defined(__x86_64__)
#include <immintrin.h>

#define PEAK_STEP(body)                                                                            \
    body(0) body(1) body(2) body(3) body(4) body(5) body(6) body(7) body(8) body(9) body(10)       \
        body(11)

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static inline double peak_avx512vnni(void)
{
    __m512i a[PEAK_CHAINS] = {0};
    for (int i = 0; i < PEAK_LOOPS; i++) {
#define PEAK_BODY(k) __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(a[k]) : "v"(a[k]));
        PEAK_STEP(PEAK_BODY)
#undef PEAK_BODY
    }
    return 64.0 * PEAK_CHAINS * PEAK_LOOPS;
}

__attribute__((target("avx2"))) static inline double peak_avxvnni(void)
{
    __m256i a[PEAK_CHAINS] = {0};
    for (int i = 0; i < PEAK_LOOPS; i++) {
#define PEAK_BODY(k) __asm__ volatile("%{vex%} vpdpbusd %1, %1, %0" : "+x"(a[k]) : "x"(a[k]));
        PEAK_STEP(PEAK_BODY)
#undef PEAK_BODY
    }
    return 32.0 * PEAK_CHAINS * PEAK_LOOPS;
}

__attribute__((target("avx2"))) static inline double peak_avx2(void)
{
    __m256i a[PEAK_CHAINS] = {0};
    __m256i x = _mm256_setzero_si256(), t;
    for (int i = 0; i < PEAK_LOOPS; i++) {
#define PEAK_BODY(k) \
    __asm__ volatile("vpmaddwd %2, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(a[k]), "=&x"(t) : "x"(x));
        PEAK_STEP(PEAK_BODY)
#undef PEAK_BODY
    }
    return 16.0 * PEAK_CHAINS * PEAK_LOOPS;
}

static inline double peak_work(uint32_t cpu)
{
    if (cpu & KERNEL_CPU_AVX512VNNI)
        return peak_avx512vnni();
    if (cpu & KERNEL_CPU_AVXVNNI)
        return peak_avxvnni();
    if (cpu & KERNEL_CPU_AVX2)
        return peak_avx2();
    return 0;
}

#else

static inline double peak_work(uint32_t cpu)
{
    (void)cpu;
    return 0;
}

#endif

// Best of several, in GMAC/s.
static inline double peak_gmacs(uint32_t cpu)
{
    double best = 0;
    for (int i = 0; i < 20; i++) {
        double start = harness_now();
        double macs = peak_work(cpu);
        double rate = macs / (harness_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

#endif
