// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/sealed.h"
#include "libclient/client.h"

#define TICK_NS CLOCK_NS_PER_S

int progress_init(struct progress *progress)
{
    void *map = NULL;
    memset(progress, 0, sizeof(*progress));
    if (sealed_create("qedge-progress", sizeof(*progress->page), &progress->fd, &map) != 0) {
        progress->fd = -1; // no descriptors left: it counts for itself
        map = calloc(1, sizeof(*progress->page));
    }
    progress->page = map;
    progress->ticked_ns = clock_now_ns();
    if (!map || stats_window_create(1, progress->ticked_ns, &progress->window) != 0) {
        progress_finish(progress);
        return -ENOMEM;
    }
    progress->page->magic = STATS_PROGRESS_MAGIC;
    return 0;
}

void progress_finish(struct progress *progress)
{
    stats_window_destroy(progress->window);
    if (progress->page && progress->fd >= 0)
        munmap(progress->page, sizeof(*progress->page));
    else
        free(progress->page);
    if (progress->page)
        cleanup_close(&progress->fd);
    memset(progress, 0, sizeof(*progress));
}

void progress_attach(struct progress *progress, uint64_t next, uint64_t lost)
{
    struct stats_progress *page = progress->page;
    __atomic_store_n(&page->lost, lost, __ATOMIC_RELAXED);
    __atomic_store_n(&page->read_sequence, next - 1, __ATOMIC_RELAXED);
    __atomic_store_n(&page->attached, 1, __ATOMIC_RELAXED);
}

void progress_tick(struct progress *progress, uint64_t now_ns)
{
    if (now_ns - progress->ticked_ns < TICK_NS)
        return;
    progress->ticked_ns = now_ns;
    progress->recent_ns =
        stats_window_tick(progress->window, &progress->page->read, now_ns, &progress->recent);
}

void progress_note(struct progress *progress, const struct ring_record *record, uint64_t lost,
                   uint64_t now_ns)
{
    struct stats_progress *page = progress->page;
    uint64_t published = record->published_ns;
    stats_histogram_add_alone(&page->read, now_ns > published ? now_ns - published : 0);
    __atomic_store_n(&page->lost, lost, __ATOMIC_RELAXED);
    __atomic_store_n(&page->read_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&page->read_sequence, record->sequence, __ATOMIC_RELAXED);
    progress_tick(progress, now_ns);
}
