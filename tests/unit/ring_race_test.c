// SPDX-License-Identifier: Apache-2.0
//
// Writer and readers as threads on ONE mapping of the ring, for ThreadSanitizer (it knows memory by
// address: two mappings of one memfd would look unrelated to it). Small ring, full speed: readers
// are overtaken all the time, also in the middle of a copy. Processes and more records:
// tests/integration/ring_stress_test.c.

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/ring.h"

#define SLOTS 8
#define READERS 3
#define RECORDS 200000ull

struct task {
    struct ring_reader reader;
    bool latest; // reads the newest instead of the next
    uint64_t read, lost, torn;
    pthread_t thread;
};

static void record_make(struct ring_record *record, uint64_t sequence)
{
    memset(record, 0, sizeof(*record));
    record->frame = ~sequence;
    record->hit_count = (uint32_t)(sequence % (RING_TOP_K + 1));
    for (uint32_t i = 0; i < record->hit_count; i++)
        record->hits[i] = (struct ring_hit){.label = (uint32_t)sequence * 31 + i, .score = 1};
}

static bool record_good(const struct ring_record *record)
{
    struct ring_record expected;
    record_make(&expected, record->sequence);
    return record->check == ring_record_check(record) && record->frame == expected.frame &&
           record->hit_count == expected.hit_count &&
           memcmp(record->hits, expected.hits, sizeof(expected.hits)) == 0;
}

static void *reader_run(void *context)
{
    struct task *task = context;
    uint64_t before = 0;
    for (;;) {
        struct ring_record record;
        uint64_t lost;
        int status = task->latest ? ring_latest(&task->reader, &record, &lost)
                                  : ring_next(&task->reader, &record, &lost);
        task->lost += lost;
        if (status == -EPIPE)
            return NULL;
        if (status == -EAGAIN) {
            ring_wait(&task->reader, 20 * (int64_t)CLOCK_NS_PER_MS);
            continue;
        }
        task->read++;
        if (!record_good(&record) || record.sequence <= before)
            task->torn++;
        before = record.sequence;
    }
}

int main(int argc, char **argv)
{
    uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : RECORDS;
    struct ring_writer writer;
    struct task tasks[READERS];
    int failed = 0;
    memset(tasks, 0, sizeof(tasks));
    if (ring_writer_init(&writer, "race", SLOTS) != 0)
        return 1;
    for (int i = 0; i < READERS; i++) {
        tasks[i].reader = (struct ring_reader){.map = writer.map,
                                               .slots = SLOTS,
                                               .stride = RING_SLOT_STRIDE,
                                               .offset = RING_HEADER_SIZE,
                                               .next = 1};
        tasks[i].latest = i == 2;
        pthread_create(&tasks[i].thread, NULL, reader_run, &tasks[i]);
    }
    for (uint64_t s = 1; s <= records; s++) {
        struct ring_record record;
        record_make(&record, s);
        ring_publish(&writer, &record);
        if (s % 64 == 0)
            sched_yield(); // let them read something on a machine with few cores
    }
    ring_close(&writer);
    for (int i = 0; i < READERS; i++) {
        pthread_join(tasks[i].thread, NULL);
        printf("reader %d: %llu read, %llu lost, %llu torn\n", i, (unsigned long long)tasks[i].read,
               (unsigned long long)tasks[i].lost, (unsigned long long)tasks[i].torn);
        if (tasks[i].torn || tasks[i].read + tasks[i].lost != records || tasks[i].read == 0)
            failed = 1;
    }
    ring_writer_finish(&writer);
    return failed;
}
