// SPDX-License-Identifier: Apache-2.0
//
// What the kernel tests share: options, random numbers with a printed seed, a crash handler that
// names the kernel and the shape, and the count of what was tested.
//
//   PROGRAM [--seed N] [--rounds N] [--filter TEXT] [--bench]
//
// --filter takes rows whose name contains TEXT. Rows that this CPU cannot run are named and
// skipped; a row that it can run but that no shape reached is a failure.

#ifndef QEDGE_TESTS_KERNELS_HARNESS_H
#define QEDGE_TESTS_KERNELS_HARNESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/kernels.h"

struct harness {
    uint64_t seed, state;
    int rounds;
    const char *filter;
    bool bench;
    uint32_t cpu;
    int failures, rows_run;
};

static struct harness harness;
static char harness_doing[512]; // what runs now, for the crash handler

static inline uint32_t harness_random(void)
{
    harness.state ^= harness.state >> 12;
    harness.state ^= harness.state << 25;
    harness.state ^= harness.state >> 27;
    return (uint32_t)((harness.state * 0x2545F4914F6CDD1Dull) >> 32);
}

// Uniform in [low, high].
static inline int32_t harness_between(int32_t low, int32_t high)
{
    return low + (int32_t)(harness_random() % (uint32_t)(high - low + 1));
}

static inline bool harness_chance(int percent)
{
    return harness_between(0, 99) < percent;
}

static inline int32_t harness_pick(const int32_t *list, size_t count)
{
    return list[harness_random() % count];
}
#define HARNESS_PICK(...) \
    harness_pick((const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4)

static inline void harness_crashed(int signal_number)
{
    const char *name = signal_number == SIGILL ? "SIGILL" : signal_number == SIGBUS ? "SIGBUS"
                     : signal_number == SIGFPE ? "SIGFPE" : "SIGSEGV";
    ssize_t done = write(2, "CRASH ", 6);
    done += write(2, name, strlen(name));
    done += write(2, " in ", 4);
    done += write(2, harness_doing, strlen(harness_doing));
    done += write(2, "\n", 1);
    _exit(done > 0 ? 1 : 2);
}

static inline void harness_start(int argc, char **argv, int rounds)
{
    harness = (struct harness){.seed = (uint64_t)time(NULL), .rounds = rounds, .filter = ""};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            harness.bench = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            harness.seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            harness.rounds = atoi(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--filter") == 0) {
            harness.filter = argv[++i];
        } else {
            fprintf(stderr, "usage: %s [--seed N] [--rounds N] [--filter TEXT] [--bench]\n",
                    argv[0]);
            exit(2);
        }
    }
    harness.state = harness.seed * 0x9E3779B97F4A7C15ull + 1;
    harness.cpu = kernel_cpu_detect();
    struct sigaction action = {.sa_handler = harness_crashed};
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
    printf("%s --seed %llu --rounds %d\n", argv[0], (unsigned long long)harness.seed,
           harness.rounds);
    fflush(stdout);
}

// May this row run here? Says so when the CPU lacks something.
static inline bool harness_wants(const char *name, uint32_t cpu)
{
    return strstr(name, harness.filter) != NULL && (cpu & ~harness.cpu) == 0;
}

// After all shapes: one line a row.
static inline void harness_row_done(const char *name, uint32_t cpu, int shapes)
{
    if (strstr(name, harness.filter) == NULL)
        return;
    if ((cpu & ~harness.cpu) != 0) {
        printf("skip  %-28s this CPU has no %s\n", name, kernel_cpu_name(cpu & ~harness.cpu));
        return;
    }
    harness.rows_run++;
    if (shapes == 0) {
        printf("FAIL  %-28s no shape reached it\n", name);
        harness.failures++;
        return;
    }
    printf("      %-28s %d shapes\n", name, shapes);
}

static inline int harness_finish(void)
{
    printf("%d rows, %d failures\n", harness.rows_run, harness.failures);
    return harness.failures || harness.rows_run == 0 ? 1 : 0;
}

static inline double harness_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Fills for int8 data: random, and the extremes that show overflow and saturation.
static inline void harness_fill(int8_t *data, size_t size)
{
    int mode = harness_between(0, 9);
    int8_t low = harness_chance(50) ? -128 : -127;
    for (size_t i = 0; i < size; i++) {
        if (mode == 0)
            data[i] = low;
        else if (mode == 1)
            data[i] = 127;
        else if (mode == 2)
            data[i] = harness_chance(50) ? low : 127;
        else
            data[i] = (int8_t)harness_random();
    }
}

#endif
