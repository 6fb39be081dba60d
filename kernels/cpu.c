// SPDX-License-Identifier: Apache-2.0
//
// Which instruction sets this machine has, and their names.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

static const struct {
    const char *name;
    uint32_t flag;
} names[] = {
    {"c", 0},
    {"neon", KERNEL_CPU_NEON},
    {"neondot", KERNEL_CPU_NEONDOT},
    {"neoni8mm", KERNEL_CPU_NEONI8MM},
    {"avx2", KERNEL_CPU_AVX2},
    {"avxvnni", KERNEL_CPU_AVXVNNI},
    {"avx512vnni", KERNEL_CPU_AVX512VNNI},
};

#if defined(__x86_64__)
#include <cpuid.h>

// XCR0: which register files the kernel saves on a context switch.
static uint32_t saved_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

uint32_t kernel_cpu_detect(void)
{
    enum { OSXSAVE = 1u << 27, FMA = 1u << 12, YMM_STATE = 0x06, ZMM_STATE = 0xe6 };
    enum { AVX2 = 1u << 5, AVX512F = 1u << 16, AVX512DQ = 1u << 17, AVX512BW = 1u << 30 };
    const uint32_t avx512vl = 1u << 31;
    enum { AVX512VNNI = 1u << 11, AVXVNNI = 1u << 4 };
    uint32_t a, b, c, d, more, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE) || !(c & FMA))
        return 0;
    uint32_t state = saved_state();
    if ((state & YMM_STATE) != YMM_STATE || !__get_cpuid_count(7, 0, &more, &b, &c, &d) || !(b & AVX2))
        return 0;
    flags |= KERNEL_CPU_AVX2;
    uint32_t wanted = AVX512F | AVX512DQ | AVX512BW | avx512vl;
    if ((state & ZMM_STATE) == ZMM_STATE && (b & wanted) == wanted && (c & AVX512VNNI))
        flags |= KERNEL_CPU_AVX512VNNI;
    if (more >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVXVNNI))
        flags |= KERNEL_CPU_AVXVNNI;
    return flags;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

uint32_t kernel_cpu_detect(void)
{
    const unsigned long has_dot = 1ul << 20, has_i8mm = 1ul << 13; // HWCAP_ASIMDDP, HWCAP2_I8MM
    uint32_t flags = KERNEL_CPU_NEON;
    if (getauxval(AT_HWCAP) & has_dot)
        flags |= KERNEL_CPU_NEONDOT;
    if (getauxval(AT_HWCAP2) & has_i8mm)
        flags |= KERNEL_CPU_NEONI8MM;
    return flags;
}

#elif defined(__arm__)
#include <sys/auxv.h>

uint32_t kernel_cpu_detect(void)
{
    const unsigned long has_neon = 1ul << 12; // HWCAP_NEON
    return getauxval(AT_HWCAP) & has_neon ? KERNEL_CPU_NEON : 0;
}

#else

uint32_t kernel_cpu_detect(void)
{
    return 0;
}

#endif

static bool find_name(const char *word, size_t length, uint32_t *flag)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == length && memcmp(names[i].name, word, length) == 0) {
            *flag = names[i].flag;
            return true;
        }
    }
    return false;
}

int kernel_cpu_parse(const char *list, uint32_t *mask, const char **bad)
{
    uint32_t flags = 0;
    for (const char *word = list;; word++) {
        size_t length = strcspn(word, ",");
        uint32_t flag;
        if (!find_name(word, length, &flag)) {
            *bad = word;
            return -EINVAL;
        }
        flags |= flag;
        word += length;
        if (*word == '\0')
            break;
    }
    *mask = flags;
    return 0;
}

int kernel_cpu_allowed(uint32_t *mask, const char **bad)
{
    const char *limit = getenv("QEDGE_CPU");
    uint32_t allowed = UINT32_MAX;
    int status = limit && limit[0] ? kernel_cpu_parse(limit, &allowed, bad) : 0;
    *mask = kernel_cpu_detect() & allowed;
    return status;
}

const char *kernel_cpu_name(uint32_t flag)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].flag == flag)
            return names[i].name;
    return "unknown";
}
