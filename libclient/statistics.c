// SPDX-License-Identifier: Apache-2.0
//
// What qclient_stats() gives: the daemon's counters and latencies from its stats page, and this
// reader's own.

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "libclient/client.h"

_Static_assert(STATS_STAGES == QCLIENT_STAGE_READ, "the stats page has every stage but our own");

static void latency_fill(struct qclient_latency *latency, const struct stats_summary *summary)
{
    latency->count = summary->count;
    latency->p50_ns = summary->p50_ns;
    latency->p90_ns = summary->p90_ns;
    latency->p99_ns = summary->p99_ns;
    latency->p999_ns = summary->p999_ns;
    latency->max_ns = summary->max_ns;
    latency->mean_ns = summary->mean_ns;
}

static void latencies_fill(struct qclient *client, struct qclient_statistics *stats)
{
    struct stats_summary summary, recent[STATS_STAGES];
    stats->recent_ns = stats_recent(&client->stats, recent);
    for (unsigned i = 0; i < STATS_STAGES; i++) {
        stats_summarize(&client->stats, i, &summary);
        latency_fill(&stats->stages[i], &summary);
        latency_fill(&stats->recent[i], &recent[i]);
    }
    progress_tick(&client->progress, clock_now_ns());
    stats_histogram_summarize(&client->progress.page->read, &summary);
    latency_fill(&stats->stages[QCLIENT_STAGE_READ], &summary);
    latency_fill(&stats->recent[QCLIENT_STAGE_READ], &client->progress.recent);
}

int qclient_stats(struct qclient *client, struct qclient_statistics *stats)
{
    struct qclient_statistics own = {.size = stats->size};
    if (stats->size < sizeof(size_t))
        return -EINVAL;
    if (!client->stats.page)
        return -EAGAIN;
    own.frames_in = stats_counter(&client->stats, STATS_FRAMES_IN);
    own.frames_dropped = stats_counter(&client->stats, STATS_FRAMES_DROPPED);
    own.frames_bad = stats_counter(&client->stats, STATS_FRAMES_BAD);
    own.frames_published = stats_counter(&client->stats, STATS_FRAMES_PUBLISHED);
    own.frames_skipped = stats_counter(&client->stats, STATS_FRAMES_SKIPPED);
    own.frames_gated = stats_counter(&client->stats, STATS_FRAMES_GATED);
    if (client->has_ring) {
        uint64_t head = ring_head(&client->ring);
        own.reader_lag = head >= client->ring.next ? head + 1 - client->ring.next : 0;
    }
    own.reader_lost = client->lost_total;
    latencies_fill(client, &own);
    memcpy(stats, &own, own.size < sizeof(own) ? own.size : sizeof(own));
    return 0;
}
