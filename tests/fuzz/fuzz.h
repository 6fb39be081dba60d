// SPDX-License-Identifier: Apache-2.0
//
// A fuzz target is one file with fuzz_one(): take any bytes, use them as the program would, and
// return. Anything else (a crash, a sanitizer's complaint, fuzz_require) is a finding.
//
// `make fuzz` links targets with libFuzzer. In every other build a target is a test: it runs the
// kept inputs in tests/fuzz/corpus/NAME/, then each of them cut and with bytes changed, a fixed
// number of times from a fixed seed. `NAME_fuzz FILE...` runs only these files.

#ifndef QEDGE_TESTS_FUZZ_H
#define QEDGE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Called once before the first input; may be empty.
static void fuzz_start(void);
static void fuzz_one(const uint8_t *data, size_t size);

#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// Reads an input piece by piece; past its end everything is 0.
struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t fuzz_take_byte(struct fuzz_bytes *bytes)
{
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

static inline uint16_t fuzz_take_u16(struct fuzz_bytes *bytes)
{
    uint16_t low = fuzz_take_byte(bytes);
    return (uint16_t)(low | fuzz_take_byte(bytes) << 8);
}

// At most `wanted` bytes where they lie; *size is how many there are.
static inline const uint8_t *fuzz_take(struct fuzz_bytes *bytes, size_t wanted, size_t *size)
{
    const uint8_t *start = bytes->data;
    *size = wanted < bytes->size ? wanted : bytes->size;
    bytes->data += *size;
    bytes->size -= *size;
    return start;
}

#ifdef QEDGE_LIBFUZZER
int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***words)
{
    (void)count;
    (void)words;
    fuzz_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size);
    return 0;
}
#else
#include "tests/fuzz/replay.h"
#endif

#endif
