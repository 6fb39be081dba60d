// SPDX-License-Identifier: Apache-2.0

#include "common/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/sealed.h"

#define SUB_COUNT (1u << STATS_SUB_BITS)
#define RECENT_TRIES 8

// A 32-bit reader has no plain 64-bit load, and a locked one would write to the read-only page: it
// reads the halves until the high one stands still. On 64 bit it is one load.
uint64_t stats_load(const uint64_t *word)
{
#if UINTPTR_MAX > 0xffffffffu
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
    const uint32_t *half = (const uint32_t *)word;
    const int low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1;
    uint32_t high, value, again;
    do {
        high = __atomic_load_n(half + 1 - low, __ATOMIC_ACQUIRE);
        value = __atomic_load_n(half + low, __ATOMIC_ACQUIRE);
        again = __atomic_load_n(half + 1 - low, __ATOMIC_ACQUIRE);
    } while (high != again);
    return (uint64_t)high << 32 | value;
#endif
}

unsigned stats_bucket_index(uint64_t duration_ns)
{
    if (duration_ns < 2 * SUB_COUNT)
        return (unsigned)duration_ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(duration_ns);
    if (power >= STATS_MAX_BITS)
        return STATS_BUCKETS - 1;
    unsigned sub = (unsigned)(duration_ns >> (power - STATS_SUB_BITS)) & (SUB_COUNT - 1);
    return ((power - STATS_SUB_BITS + 1) << STATS_SUB_BITS) + sub;
}

uint64_t stats_bucket_value(unsigned index)
{
    if (index < 2 * SUB_COUNT)
        return index;
    unsigned shift = (index >> STATS_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(SUB_COUNT + (index & (SUB_COUNT - 1))) << shift;
    return low + ((1ull << shift) >> 1);
}

int stats_writer_init(struct stats_writer *writer, const char *name)
{
    void *map;
    writer->page = NULL;
    int status = sealed_create(name, sizeof(struct stats_page), &writer->fd, &map);
    if (status != 0) {
        writer->fd = -1;
        return status;
    }
    writer->page = map;
    writer->page->header = (struct stats_header){
        .magic = STATS_MAGIC,
        .major = STATS_MAJOR,
        .minor = STATS_MINOR,
        .header_size = sizeof(struct stats_header),
        .size = sizeof(struct stats_page),
        .stages = STATS_STAGES,
        .buckets = STATS_BUCKETS,
    };
    return 0;
}

void stats_writer_finish(struct stats_writer *writer)
{
    if (!writer->page)
        return;
    munmap(writer->page, sizeof(struct stats_page));
    close(writer->fd);
    writer->page = NULL;
    writer->fd = -1;
}

void stats_count(struct stats_writer *writer, enum stats_counter counter, uint64_t amount)
{
    __atomic_fetch_add(&writer->page->counters[counter], amount, __ATOMIC_RELAXED);
}

void stats_histogram_add(struct stats_histogram *histogram, uint64_t duration_ns)
{
    __atomic_fetch_add(&histogram->buckets[stats_bucket_index(duration_ns)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum_ns, duration_ns, __ATOMIC_RELAXED);
    uint64_t max = __atomic_load_n(&histogram->max_ns, __ATOMIC_RELAXED);
    while (duration_ns > max && !__atomic_compare_exchange_n(&histogram->max_ns, &max, duration_ns,
                                                             1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

static void raise_alone(uint64_t *word, uint64_t amount)
{
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
}

void stats_histogram_add_alone(struct stats_histogram *histogram, uint64_t duration_ns)
{
    raise_alone(&histogram->buckets[stats_bucket_index(duration_ns)], 1);
    raise_alone(&histogram->count, 1);
    raise_alone(&histogram->sum_ns, duration_ns);
    if (duration_ns > __atomic_load_n(&histogram->max_ns, __ATOMIC_RELAXED))
        __atomic_store_n(&histogram->max_ns, duration_ns, __ATOMIC_RELAXED);
}

void stats_record(struct stats_writer *writer, unsigned stage, uint64_t duration_ns)
{
    stats_histogram_add(&writer->page->stages[stage], duration_ns);
}

static int header_check(const struct stats_page *page)
{
    struct stats_header header;
    memcpy(&header, &page->header, sizeof(header)); // copy out, then check
    if (header.magic != STATS_MAGIC || header.major != STATS_MAJOR)
        return -EPROTO;
    if (header.header_size != sizeof(struct stats_header) ||
        header.size < sizeof(struct stats_page) || header.stages != STATS_STAGES ||
        header.buckets != STATS_BUCKETS)
        return -EPROTO;
    return 0;
}

int stats_reader_init(struct stats_reader *reader, int fd)
{
    const void *map;
    size_t size;
    reader->page = NULL;
    // Exactly one size in this major version, so that finish knows what to unmap.
    int status = sealed_map(fd, sizeof(struct stats_page), sizeof(struct stats_page), &map, &size);
    if (status != 0)
        return status;
    status = header_check(map);
    if (status != 0) {
        munmap((void *)map, size);
        return status;
    }
    reader->page = map;
    return 0;
}

void stats_reader_finish(struct stats_reader *reader)
{
    if (reader->page)
        munmap((void *)reader->page, sizeof(struct stats_page));
    reader->page = NULL;
}

struct stats_reader stats_writer_reader(const struct stats_writer *writer)
{
    struct stats_reader reader = {.page = writer->page};
    return reader;
}

uint64_t stats_counter(const struct stats_reader *reader, enum stats_counter counter)
{
    return stats_load(&reader->page->counters[counter]);
}

uint64_t stats_percentile(const uint64_t buckets[STATS_BUCKETS], uint64_t total, double share)
{
    uint64_t rank = (uint64_t)(share * (double)total);
    uint64_t seen = 0;
    for (unsigned i = 0; i < STATS_BUCKETS && total; i++) {
        seen += buckets[i];
        if (seen > rank || seen == total)
            return stats_bucket_value(i);
    }
    return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void stats_histogram_summarize(const struct stats_histogram *histogram,
                               struct stats_summary *summary)
{
    uint64_t buckets[STATS_BUCKETS];
    uint64_t total = 0;
    memset(summary, 0, sizeof(*summary));
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        buckets[i] = stats_load(&histogram->buckets[i]);
        total += buckets[i];
    }
    if (total == 0)
        return;
    uint64_t max = stats_load(&histogram->max_ns);
    summary->count = total;
    summary->max_ns = max;
    summary->p50_ns = least(max, stats_percentile(buckets, total, 0.50));
    summary->p90_ns = least(max, stats_percentile(buckets, total, 0.90));
    summary->p99_ns = least(max, stats_percentile(buckets, total, 0.99));
    summary->p999_ns = least(max, stats_percentile(buckets, total, 0.999));
    summary->sum_ns = stats_load(&histogram->sum_ns);
    summary->mean_ns = summary->sum_ns / total;
}

void stats_summarize(const struct stats_reader *reader, unsigned stage,
                     struct stats_summary *summary)
{
    stats_histogram_summarize(&reader->page->stages[stage], summary);
}

// ---- the last seconds ----

// Release and acquire on every word, so that no fence is needed: a block's words come after the
// index that gave it free, and the look back at the index comes after the words.
static void put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void stats_recent_set(struct stats_writer *writer, uint64_t window_ns,
                      const struct stats_summary summaries[STATS_STAGES])
{
    struct stats_recent *recent = &writer->page->recent;
    uint32_t index = recent->index + 1;
    struct stats_recent_block *block = &recent->blocks[index & 1];
    put(&block->window_ns, window_ns);
    for (unsigned i = 0; i < STATS_STAGES; i++) {
        struct stats_brief *brief = &block->stages[i];
        put(&brief->count, summaries[i].count);
        put(&brief->sum_ns, summaries[i].sum_ns);
        put(&brief->p50_ns, summaries[i].p50_ns);
        put(&brief->p90_ns, summaries[i].p90_ns);
        put(&brief->p99_ns, summaries[i].p99_ns);
        put(&brief->p999_ns, summaries[i].p999_ns);
        put(&brief->max_ns, summaries[i].max_ns);
    }
    __atomic_store_n(&recent->index, index, __ATOMIC_RELEASE);
}

static void brief_load(const struct stats_brief *brief, struct stats_summary *summary)
{
    summary->count = stats_load(&brief->count);
    summary->sum_ns = stats_load(&brief->sum_ns);
    summary->p50_ns = stats_load(&brief->p50_ns);
    summary->p90_ns = stats_load(&brief->p90_ns);
    summary->p99_ns = stats_load(&brief->p99_ns);
    summary->p999_ns = stats_load(&brief->p999_ns);
    summary->max_ns = stats_load(&brief->max_ns);
    summary->mean_ns = summary->count ? summary->sum_ns / summary->count : 0;
}

uint64_t stats_recent(const struct stats_reader *reader,
                      struct stats_summary summaries[STATS_STAGES])
{
    const struct stats_recent *recent = &reader->page->recent;
    for (int tries = 0; tries < RECENT_TRIES; tries++) {
        uint32_t index = __atomic_load_n(&recent->index, __ATOMIC_ACQUIRE);
        const struct stats_recent_block *block = &recent->blocks[index & 1];
        uint64_t window_ns = stats_load(&block->window_ns);
        for (unsigned i = 0; i < STATS_STAGES; i++)
            brief_load(&block->stages[i], &summaries[i]);
        if (__atomic_load_n(&recent->index, __ATOMIC_ACQUIRE) == index)
            return window_ns;
    }
    memset(summaries, 0, STATS_STAGES * sizeof(*summaries)); // a writer out of its mind
    return 0;
}
