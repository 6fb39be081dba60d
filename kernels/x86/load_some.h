// SPDX-License-Identifier: Apache-2.0

#ifndef QEDGE_KERNELS_X86_LOAD_SOME_H
#define QEDGE_KERNELS_X86_LOAD_SOME_H

#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

// n < 16 values from x on, then zeros; nothing is read after them.
static inline __m128i load_some(const int8_t *x, int32_t n)
{
    uint64_t low = 0, high = 0;
    if (n >= 8) {
        memcpy(&low, x, 8);
        memcpy(&high, x + n - 8, 8); // overlaps: drop what `low` has already
        high = n == 8 ? 0 : high >> (8 * (16 - n));
    } else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, x, 4);
        memcpy(&b, x + n - 4, 4);
        low = a | (uint64_t)b << (8 * (n - 4));
    } else {
        for (int32_t i = 0; i < n; i++)
            low |= (uint64_t)(uint8_t)x[i] << (8 * i);
    }
    return _mm_set_epi64x((long long)high, (long long)low);
}

#endif
