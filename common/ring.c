// SPDX-License-Identifier: Apache-2.0
//
// All memory ordering of the ring is in this file. docs/RING.md has the proof; in short:
//
//   writer, sequence s, stamp halves H:L = 2s            reader, wants s
//     stamp_low = L | 1                                    high == H ?      (acquire)
//     ---- release fence ----                              low  == L ?      (acquire)
//     stamp_high = H, record words (relaxed)               copy record words (relaxed)
//     stamp_low = L            (release)                   ---- acquire fence ----
//     head, event, futex wake                              low  == L ?      (acquire)
//                                                          high == H ?      (relaxed)
//
// The stamps only grow. high then low before the copy, low then high after it: the slot held
// exactly s at both ends, even when the halves are looked at one by one. Record words are relaxed
// atomics of the machine's word.
//
// ThreadSanitizer does not know fences, so under it the same order is made by release stores and
// acquire loads of the words themselves, which is correct too and only slower.

#include "common/ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sealed.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_THREAD__
#define WORD_STORE_ORDER __ATOMIC_RELEASE
#define WORD_LOAD_ORDER __ATOMIC_ACQUIRE
#define FENCE(order) ((void)0)
#else
#define WORD_STORE_ORDER __ATOMIC_RELAXED
#define WORD_LOAD_ORDER __ATOMIC_RELAXED
#define FENCE(order) __atomic_thread_fence(order)
#endif

#define RECORD_FIXED offsetof(struct ring_record, hits)
#define WORD sizeof(uintptr_t)
#ifndef OVERRUN_TRIES // tests/fault/ring_order_test.c tries every way, and needs fewer
#define OVERRUN_TRIES 16
#endif

_Static_assert(RECORD_FIXED % sizeof(uint64_t) == 0 &&
                   sizeof(struct ring_hit) % sizeof(uint64_t) == 0,
               "whole words");

// ---- both sides ----

static void words_store(void *to, const void *from, size_t size)
{
    uintptr_t *target = to;
    for (size_t i = 0; i < size / WORD; i++) {
        uintptr_t word;
        memcpy(&word, (const char *)from + i * WORD, WORD);
        __atomic_store_n(target + i, word, WORD_STORE_ORDER);
    }
}

static void words_load(void *to, const void *from, size_t size)
{
    const uintptr_t *source = from;
    for (size_t i = 0; i < size / WORD; i++) {
        uintptr_t word = __atomic_load_n(source + i, WORD_LOAD_ORDER);
        memcpy((char *)to + i * WORD, &word, WORD);
    }
}

static size_t hits_size(uint32_t hit_count)
{
    return sizeof(struct ring_hit) * (hit_count < RING_TOP_K ? hit_count : RING_TOP_K);
}

static uint64_t check_words(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, (const char *)bytes + i, sizeof(word));
        sum = (sum << 7 | sum >> 57) ^ (word + 0x9e3779b97f4a7c15ull);
    }
    return sum;
}

uint64_t ring_record_check(const struct ring_record *record)
{
    uint64_t sum = check_words(0, record, offsetof(struct ring_record, check));
    return check_words(sum, record->hits, hits_size(record->hit_count));
}

static long futex(const uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout)
{
#if defined(SYS_futex_time64) && UINTPTR_MAX == 0xffffffffu
    // 32-bit programs with a 64-bit time_t must use the newer call: the older one reads another
    // timespec.
    if (sizeof(timeout->tv_sec) == 8)
        return syscall(SYS_futex_time64, word, operation, value, timeout, NULL, 0);
#endif
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

// ---- writer ----

int ring_writer_init(struct ring_writer *writer, const char *name, uint32_t slots)
{
    memset(writer, 0, sizeof(*writer));
    writer->fd = -1;
    if (slots < RING_SLOTS_MIN || slots > RING_SLOTS_MAX || (slots & (slots - 1)) != 0)
        return -EINVAL;
    size_t size = RING_HEADER_SIZE + (size_t)slots * RING_SLOT_STRIDE;
    int status = sealed_create(name, size, &writer->fd, &writer->map);
    if (status != 0) {
        writer->fd = -1;
        return status;
    }
    struct ring_header *header = writer->map;
    *header = (struct ring_header){
        .magic = RING_MAGIC,
        .major = RING_MAJOR,
        .minor = RING_MINOR,
        .header_size = RING_HEADER_SIZE,
        .slots = slots,
        .stride = RING_SLOT_STRIDE,
        .state = RING_OPEN,
    };
    writer->size = size;
    writer->slots = slots;
    writer->wake = 1;
    writer->next = 1;
    return 0;
}

void ring_writer_finish(struct ring_writer *writer)
{
    if (!writer->map)
        return;
    munmap(writer->map, writer->size);
    close(writer->fd);
    writer->map = NULL;
    writer->fd = -1;
}

void ring_set_daemon_id(struct ring_writer *writer, uint64_t daemon_id)
{
    ((struct ring_header *)writer->map)->daemon_id = daemon_id;
}

void ring_set_wake(struct ring_writer *writer, bool wake)
{
    __atomic_store_n(&writer->wake, wake, __ATOMIC_SEQ_CST);
}

void ring_set_generation(struct ring_writer *writer, uint32_t generation)
{
    __atomic_store_n(&((struct ring_header *)writer->map)->generation, generation,
                     __ATOMIC_RELAXED);
}

static void slot_write(struct ring_slot *slot, const struct ring_record *record)
{
    uint64_t stamp = 2 * record->sequence;
    __atomic_store_n(&slot->stamp_low, (uint32_t)stamp | 1, __ATOMIC_RELAXED);
    FENCE(__ATOMIC_RELEASE);
    __atomic_store_n(&slot->stamp_high, (uint32_t)(stamp >> 32), WORD_STORE_ORDER);
    words_store(&slot->record, record, RECORD_FIXED + hits_size(record->hit_count));
    __atomic_store_n(&slot->stamp_low, (uint32_t)stamp, __ATOMIC_RELEASE);
}

// A reader goes the other way round (last, low, first): equal high halves then enclose a low half
// of the same epoch.
static void head_write(struct ring_header *header, uint64_t sequence)
{
    __atomic_store_n(&header->head_high_first, (uint32_t)(sequence >> 32), __ATOMIC_RELEASE);
    __atomic_store_n(&header->head_low, (uint32_t)sequence, __ATOMIC_RELEASE);
    __atomic_store_n(&header->head_high_last, (uint32_t)(sequence >> 32), __ATOMIC_RELEASE);
}

// The event must be seen by a reader before its wait, or the wake must reach it: counting up and
// looking at `wake` are sequentially consistent, so a subscriber for whom wake was turned on can
// not fall between the two.
static void event_raise(struct ring_writer *writer, bool always)
{
    struct ring_header *header = writer->map;
    __atomic_fetch_add(&header->event, 1, __ATOMIC_SEQ_CST);
    if (always || __atomic_load_n(&writer->wake, __ATOMIC_SEQ_CST))
        futex(&header->event, FUTEX_WAKE, INT_MAX, NULL);
}

uint64_t ring_publish(struct ring_writer *writer, struct ring_record *record)
{
    struct ring_header *header = writer->map;
    uint64_t sequence = writer->next++;
    char *slot = (char *)writer->map + RING_HEADER_SIZE +
                 (sequence & (writer->slots - 1)) * RING_SLOT_STRIDE;
    if (record->hit_count > RING_TOP_K)
        record->hit_count = RING_TOP_K;
    record->sequence = sequence;
    record->check = ring_record_check(record);
    slot_write((struct ring_slot *)slot, record);
    head_write(header, sequence);
    event_raise(writer, false);
    return sequence;
}

void ring_close(struct ring_writer *writer)
{
    struct ring_header *header = writer->map;
    __atomic_store_n(&header->state, RING_CLOSED, __ATOMIC_RELEASE);
    event_raise(writer, true);
}

// ---- reader ----

// header: the reader's own copy. Copy out, then check, then use.
static int header_check(const struct ring_header *header, size_t size)
{
    if (header->magic != RING_MAGIC || header->major != RING_MAJOR)
        return -EPROTO;
    if (header->header_size < sizeof(struct ring_header) || header->header_size % 64 != 0 ||
        header->header_size > size)
        return -EPROTO;
    if (header->stride < sizeof(struct ring_slot) || header->stride % 64 != 0)
        return -EPROTO;
    if (header->slots < RING_SLOTS_MIN || header->slots > RING_SLOTS_MAX ||
        (header->slots & (header->slots - 1)) != 0)
        return -EPROTO;
    if (header->stride > (size - header->header_size) / header->slots)
        return -EPROTO;
    return 0;
}

int ring_reader_init(struct ring_reader *reader, int fd, bool from_oldest)
{
    memset(reader, 0, sizeof(*reader));
    const void *map;
    size_t size;
    size_t max = RING_HEADER_SIZE +
                 (size_t)RING_SLOTS_MAX * RING_SLOT_STRIDE * 4; // room for a later minor version
    int status = sealed_map(fd, RING_HEADER_SIZE, max, &map, &size);
    if (status != 0)
        return status;
    struct ring_header copy;
    memcpy(&copy, map, sizeof(copy));
    status = header_check(&copy, size);
    if (status != 0) {
        munmap((void *)map, size);
        return status;
    }
    reader->map = map;
    reader->size = size;
    reader->slots = copy.slots;
    reader->stride = copy.stride;
    reader->offset = copy.header_size;
    uint64_t head = ring_head(reader);
    reader->next = head + 1;
    if (from_oldest) // head + 1 may be in the making in the slot of head + 1 - slots
        reader->next = head + 2 > copy.slots ? head + 2 - copy.slots : 1;
    return 0;
}

void ring_reader_finish(struct ring_reader *reader)
{
    if (reader->map)
        munmap((void *)reader->map, reader->size);
    reader->map = NULL;
}

uint64_t ring_head(const struct ring_reader *reader)
{
    const struct ring_header *header = reader->map;
    for (int i = 0; i < OVERRUN_TRIES; i++) {
        uint32_t last = __atomic_load_n(&header->head_high_last, __ATOMIC_ACQUIRE);
        uint32_t low = __atomic_load_n(&header->head_low, __ATOMIC_ACQUIRE);
        uint32_t first = __atomic_load_n(&header->head_high_first, __ATOMIC_ACQUIRE);
        if (first == last)
            return (uint64_t)first << 32 | low;
    }
    return reader->next ? reader->next - 1
                        : 0; // a writer that died between the halves: nothing new
}

bool ring_closed(const struct ring_reader *reader)
{
    return __atomic_load_n(&((const struct ring_header *)reader->map)->state, __ATOMIC_ACQUIRE) ==
           RING_CLOSED;
}

uint64_t ring_daemon_id(const struct ring_reader *reader)
{
    uint64_t id;
    memcpy(&id, &((const struct ring_header *)reader->map)->daemon_id, sizeof(id));
    return id;
}

enum slot_state { SLOT_WHOLE, SLOT_NOT_YET, SLOT_OVERRUN };

// Copies the record of `sequence` out of its slot. Only after SLOT_WHOLE is *record good for
// anything.
static enum slot_state slot_read(const struct ring_reader *reader, uint64_t sequence,
                                 struct ring_record *record)
{
    const struct ring_slot *slot =
        (const void *)((const char *)reader->map + reader->offset +
                       (sequence & (reader->slots - 1)) * reader->stride);
    uint64_t want = 2 * sequence;
    uint32_t high = __atomic_load_n(&slot->stamp_high, __ATOMIC_ACQUIRE);
    uint32_t low = __atomic_load_n(&slot->stamp_low, __ATOMIC_ACQUIRE);
    uint64_t stamp = (uint64_t)high << 32 | low;
    if (stamp != want)
        return stamp > want + 1 ? SLOT_OVERRUN : SLOT_NOT_YET;
    words_load(record, &slot->record, RECORD_FIXED);
    size_t used = hits_size(record->hit_count);
    words_load(record->hits, slot->record.hits, used);
    FENCE(__ATOMIC_ACQUIRE);
    uint32_t low_after = __atomic_load_n(&slot->stamp_low, __ATOMIC_ACQUIRE);
    uint32_t high_after = __atomic_load_n(&slot->stamp_high, __ATOMIC_RELAXED);
    if (low_after != low || high_after != high)
        return SLOT_OVERRUN;
    memset((char *)record->hits + used, 0, sizeof(record->hits) - used);
    return SLOT_WHOLE;
}

// Moves on to `sequence`, counting what lies between as lost.
static void skip_to(struct ring_reader *reader, uint64_t sequence, uint64_t *lost)
{
    uint64_t skipped = sequence - reader->next;
    *lost += skipped;
    reader->lost += skipped;
    reader->next = sequence;
}

// The reader was overtaken: goes on `margin` records after the oldest one. False when the head does
// not bear that out (a writer that lies).
static bool overrun_skip(struct ring_reader *reader, uint32_t margin, uint64_t *lost)
{
    uint64_t head = ring_head(reader);
    if (head < reader->next || head < reader->slots)
        return false;
    uint64_t target = head + 2 - reader->slots + margin;
    if (target > head)
        target = head;
    skip_to(reader, target > reader->next ? target : reader->next + 1, lost);
    return true;
}

int ring_next(struct ring_reader *reader, struct ring_record *record, uint64_t *lost)
{
    uint32_t margin = RING_OVERRUN_MARGIN(reader->slots);
    *lost = 0;
    for (int i = 0; i < OVERRUN_TRIES; i++) {
        switch (slot_read(reader, reader->next, record)) {
        case SLOT_WHOLE:
            if (record->hit_count > RING_TOP_K) // a writer that lies
                record->hit_count = RING_TOP_K;
            record->sequence = reader->next++;
            return 0;
        case SLOT_NOT_YET:
            if (!ring_closed(reader))
                return -EAGAIN;
            if (ring_head(reader) < reader->next)
                return -EPIPE;
            break; // published between the two looks: once more
        case SLOT_OVERRUN:
            if (!overrun_skip(reader, margin, lost))
                return -EAGAIN;
            margin = margin * 2 < reader->slots ? margin * 2 : reader->slots;
            break;
        }
    }
    return -EAGAIN;
}

int ring_latest(struct ring_reader *reader, struct ring_record *record, uint64_t *lost)
{
    uint64_t head = ring_head(reader);
    uint64_t skipped = 0;
    if (head > reader->next)
        skip_to(reader, head, &skipped);
    int status = ring_next(reader, record, lost);
    *lost += skipped;
    return status;
}

int ring_wait(const struct ring_reader *reader, int64_t timeout_ns)
{
    const struct ring_header *header = reader->map;
    uint32_t event = __atomic_load_n(&header->event, __ATOMIC_ACQUIRE);
    if (ring_head(reader) >= reader->next || ring_closed(reader))
        return 0;
    struct timespec timeout = clock_timespec(timeout_ns < 0 ? 0 : (uint64_t)timeout_ns);
    // Not FUTEX_PRIVATE: the sleepers are in other processes. Waiting needs no more than read
    // access.
    if (futex(&header->event, FUTEX_WAIT, event, timeout_ns < 0 ? NULL : &timeout) == 0 ||
        errno == EAGAIN)
        return 0;
    return -errno;
}
