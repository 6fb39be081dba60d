// SPDX-License-Identifier: Apache-2.0
//
// What a process holds and how long its inferences take, noted SAMPLES times, and whether that
// stayed as it was. Memory and descriptors: the first two fifths are warming up; of the rest the
// first half is held against the second.

#ifndef QEDGE_TESTS_FAULT_SOAK_SAMPLES_H
#define QEDGE_TESTS_FAULT_SOAK_SAMPLES_H

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SAMPLES 20
#define SAMPLES_WARM (SAMPLES * 2 / 5)
#define SAMPLES_MIDDLE (SAMPLES_WARM + (SAMPLES - SAMPLES_WARM) / 2)
#define USS_SHARE 0.01   // may differ
#define SHORT_RUN 500000 // frames; below that memory is still warming up and
#define SHORT_KB 64      // … and may differ by so much
#define TIME_WINDOWS 6   // the last ones are held against the first ones:
#define P50_RATIO 2.5    // the best median inference of those to the best of these, at most
#define P99_RATIO 5.0    // the same of the 99th percentile

struct sample {
    uint64_t published;
    double uss_kb;
    unsigned fds, threads;
    double infer_p50_us, infer_p99_us;
};

// Entries of /proc/PID/NAME.
static inline unsigned sample_count(pid_t pid, const char *name)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    DIR *folder = opendir(path);
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

// The part of the unique set size that it wrote: whether pages of libraries are its own depends on
// what else runs on the machine.
static inline double sample_unique_set_kb(pid_t pid)
{
    char path[64], line[200];
    double sum = 0;
    unsigned long kb;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_Dirty: %lu", &kb) == 1)
            sum += (double)kb;
    if (file)
        fclose(file);
    return sum;
}

// All but the times.
static inline void sample_take(struct sample *sample, pid_t pid, uint64_t published)
{
    *sample = (struct sample){.published = published,
                              .uss_kb = sample_unique_set_kb(pid),
                              .fds = sample_count(pid, "fd"),
                              .threads = sample_count(pid, "task")};
}

static inline double samples_mean_uss(const struct sample *samples, unsigned from, unsigned to)
{
    double sum = 0;
    for (unsigned i = from; i < to; i++)
        sum += samples[i].uss_kb;
    return sum / (to - from);
}

static inline bool samples_memory_flat(const struct sample *samples, uint64_t frames)
{
    double before = samples_mean_uss(samples, SAMPLES_WARM, SAMPLES_MIDDLE);
    double change = samples_mean_uss(samples, SAMPLES_MIDDLE, SAMPLES) - before;
    printf("memory: %.0f KiB, later %+.2f %%\n", before, 100 * change / before);
    return fabs(change) < (frames < SHORT_RUN ? SHORT_KB : USS_SHARE * before);
}

static inline bool samples_fds_flat(const struct sample *samples)
{
    unsigned most = 0, least = ~0u;
    for (unsigned i = SAMPLES_WARM; i < SAMPLES; i++) {
        most = samples[i].fds > most ? samples[i].fds : most;
        least = samples[i].fds < least ? samples[i].fds : least;
    }
    printf("descriptors: %u to %u\n", least, most);
    return most == least;
}

// What else the machine does only adds to a time: of several windows the best one is the daemon's.
static inline void samples_best_times(const struct sample *samples, unsigned from, unsigned to,
                                      double *p50, double *p99)
{
    *p50 = *p99 = HUGE_VAL;
    for (unsigned i = from; i < to; i++) {
        *p50 = fmin(*p50, samples[i].infer_p50_us);
        *p99 = fmin(*p99, samples[i].infer_p99_us);
    }
}

// The last windows are not slower than the first ones. That they are faster is the machine's doing.
static inline bool samples_times_stable(const struct sample *samples)
{
    double p50[2], p99[2];
    samples_best_times(samples, 0, TIME_WINDOWS, &p50[0], &p99[0]);
    samples_best_times(samples, SAMPLES - TIME_WINDOWS, SAMPLES, &p50[1], &p99[1]);
    bool stable = p50[0] > 0 && p50[1] > 0 && p50[1] < P50_RATIO * p50[0] &&
                  p99[1] < P99_RATIO * p99[0];
    printf("inference, best windows: median %.1f us, later x %.2f; p99 %.1f us, later x %.2f\n",
           p50[0], p50[1] / p50[0], p99[0], p99[1] / p99[0]);
    return stable;
}

#endif
