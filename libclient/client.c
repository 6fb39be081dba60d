// SPDX-License-Identifier: Apache-2.0
//
// The handle: reading results, waiting, the one fd for event loops. A result that is there costs no
// system call; the clock is read for the time it lay there, without one where the kernel allows
// that. While a stream is live, its reader sleeps on the ring's futex in slices and looks at the
// socket between them: so a dead daemon is noticed within SLICE + SESSION_LOOK_NS, less than
// 100 ms.

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "libclient/client.h"

#define SLICE_NS (40 * CLOCK_NS_PER_MS)
#define REPORT_NS CLOCK_NS_PER_S
#define FRUITLESS_MAX 64

_Static_assert(RING_TOP_K == QCLIENT_TOP_K_MAX,
               "the ring's and the user's results hold the same number of hits");
_Static_assert(STATS_STAGES == QCLIENT_STAGE_READ, "the stats page has every stage but our own");

uint32_t qclient_version(void)
{
    return QCLIENT_VERSION_MAJOR << 16 | QCLIENT_VERSION_MINOR;
}

// ---- connecting ----

// Errors that waiting may heal: no daemon yet, or one that is just starting or stopping.
static bool may_heal(int error)
{
    return error == -ENOENT || error == -ECONNREFUSED || error == -ECONNRESET || error == -EPIPE ||
           error == -EAGAIN || error == -ETIMEDOUT;
}

static int poll_ms(uint64_t from_ns, uint64_t until_ns)
{
    if (until_ns <= from_ns)
        return 0;
    uint64_t ms = (until_ns - from_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return ms < 1000 ? (int)ms : 1000;
}

// Waits for the socket, or for the time to try again, but not past until_ns. 0 or -EINTR.
static int handshake_wait(struct qclient *client, uint64_t now, uint64_t until_ns)
{
    bool down = client->state == SESSION_DOWN;
    uint64_t own = down ? client->retry_ns : client->deadline_ns;
    struct pollfd fd = {.fd = client->socket, .events = POLLIN};
    int count = poll(&fd, down ? 0 : 1, poll_ms(now, own < until_ns ? own : until_ns));
    return count < 0 && errno == EINTR ? -EINTR : 0;
}

static int connect_first(struct qclient *client)
{
    int timeout_ms = client->settings.connect_timeout_ms;
    uint64_t now = clock_now_ns();
    uint64_t until = timeout_ms < 0 ? UINT64_MAX : now + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
    for (;;) {
        client->gone = 0; // a stream that came and went before anybody knew of it
        session_step(client, now);
        if (client->state == SESSION_LIVE)
            return 0;
        if (client->state == SESSION_DOWN && (!may_heal(client->error) || now >= until))
            return timeout_ms > 0 && may_heal(client->error) ? -ETIMEDOUT : client->error;
        // A handshake that has begun gets its own time even when the user does not want to wait for
        // a daemon.
        int status = handshake_wait(client, now,
                                    client->state == SESSION_DOWN ? until : client->deadline_ns);
        if (status != 0)
            return status;
        now = clock_now_ns();
    }
}

int qclient_connect(const struct qclient_options *options, struct qclient **client)
{
    *client = NULL;
    struct qclient *made = calloc(1, sizeof(*made));
    if (!made)
        return -ENOMEM;
    session_init(made);
    int status = client_settings_init(&made->settings, options);
    if (status == 0)
        status = progress_init(&made->progress);
    if (status == 0)
        status = connect_first(made);
    if (status != 0) {
        qclient_close(made);
        return status;
    }
    *client = made;
    return 0;
}

void qclient_close(struct qclient *client)
{
    if (!client)
        return;
    session_finish(client);
    free(client);
}

void client_ring_replace(struct qclient *client, struct ring_reader *ring, int fd,
                         uint64_t daemon_id)
{
    struct stat status = {0};
    bool had_ring = client->subscriptions > 0;
    fstat(fd, &status); // can not fail: the fd was mapped
    // A stream that was removed and came back has a new ring, also with the same daemon.
    bool same = had_ring && client->daemon_id == daemon_id && client->ring_inode == status.st_ino;
    if (same && client->ring.next <= ring_head(ring) + 1) {
        ring->next = client->ring.next; // the same stream goes on: so does its reader
    } else if (had_ring) {              // a new ring's first records may be overwritten already
        client->lost_pending += ring->next - 1;
        client->lost_total += ring->next - 1;
    }
    ring_reader_finish(&client->ring);
    client->ring = *ring;
    client->ring_inode = status.st_ino;
    client->daemon_id = daemon_id;
    client->has_ring = true;
    progress_attach(&client->progress, client->ring.next, client->lost_total);
}

// ---- results ----

// How far this reader is, for `qctl clients`, by messages to a daemon that takes no progress memfd.
static void report(struct qclient *client, const struct ring_record *record)
{
    struct wire_report message;
    progress_note(&client->progress, record, client->lost_total, clock_now_ns());
    if (client->progress_wanted)
        return;
    if (record->published_ns - client->reported_ns < REPORT_NS || client->state != SESSION_LIVE)
        return;
    client->reported_ns = record->published_ns;
    wire_init(&message, WIRE_REPORT, sizeof(message), 0);
    message.read_sequence = record->sequence;
    message.lost = client->lost_total;
    wire_send(client->socket, &message, NULL,
              0); // a courtesy: a full or dead socket is found out elsewhere
}

// Makes the labels fit the result. True when they changed.
static bool labels_follow(struct qclient *client, uint32_t generation)
{
    bool fits = client->labels_generation == generation && !client->reconnected;
    if (!fits && !client->has_labels_next && client->labels_missed != generation) {
        client->labels_missed = generation;
        session_step(client, clock_now_ns()); // they were sent before the record was published
    }
    if (!client->has_labels_next ||
        (client->labels_next_generation != generation && !client->reconnected))
        return false;
    labels_reader_finish(&client->labels);
    client->labels = client->labels_next;
    client->labels_generation = client->labels_next_generation;
    memset(&client->labels_next, 0, sizeof(client->labels_next));
    client->has_labels_next = false;
    return true;
}

void client_result_fill(const struct ring_record *record, struct qclient_result *result)
{
    memset(result, 0, sizeof(*result));
    result->sequence = record->sequence;
    result->frame = record->frame;
    result->sensor_ns = record->sensor_ns;
    result->dequeued_ns = record->dequeued_ns;
    result->started_ns = record->started_ns;
    result->preprocessed_ns = record->preprocessed_ns;
    result->inferred_ns = record->inferred_ns;
    result->published_ns = record->published_ns;
    result->flags = (record->flags & RING_RECORD_LAST ? QCLIENT_LAST : 0) |
                    (record->flags & RING_RECORD_THROTTLED ? QCLIENT_THROTTLED : 0) |
                    (record->flags & RING_RECORD_GATED ? QCLIENT_GATED : 0);
    result->generation = record->generation;
    result->hit_count = record->hit_count;
    for (uint32_t i = 0; i < record->hit_count; i++) {
        result->hits[i].label = record->hits[i].label;
        result->hits[i].score = record->hits[i].score;
    }
}

static void result_fill(struct qclient *client, const struct ring_record *record,
                        struct qclient_result *result)
{
    bool labels_changed = labels_follow(client, record->generation);
    bool model_changed = client->has_result && record->generation != client->generation;
    client_result_fill(record, result);
    result->lost = client->lost_pending;
    result->flags |= (client->reconnected ? QCLIENT_RECONNECTED : 0) |
                     (client->lost_pending ? QCLIENT_LOST : 0) |
                     (labels_changed || model_changed ? QCLIENT_MODEL_CHANGED : 0);
    client->has_result = true;
    client->generation = record->generation;
    client->reconnected = false;
    client->lost_pending = 0;
    client->fruitless = 0;
}

// What is to be said once (or for ever, when nothing will come any more).
static int gone_say(struct qclient *client)
{
    int gone = client->gone;
    client->gone = 0;
    client->has_ring = false;
    if (client->settings.flags & QCLIENT_NO_RECONNECT)
        client->ended = gone;
    session_timer_set(client, false);
    return gone;
}

typedef int ring_read(struct ring_reader *reader, struct ring_record *record, uint64_t *lost);

// One result out of the ring: 0, -EAGAIN, or what is to be said about the daemon when the ring is
// drained.
static int take(struct qclient *client, ring_read *read_one, struct qclient_result *result)
{
    struct ring_record record;
    uint64_t lost;
    if (client->ended)
        return client->ended;
    if (client->has_ring) {
        int status = read_one(&client->ring, &record, &lost);
        client->lost_pending += lost;
        client->lost_total += lost;
        if (status == 0) {
            result_fill(client, &record, result);
            report(client, &record);
            return 0;
        }
        if (status == -EPIPE && !client->gone)
            session_drop(client, -EPIPE);
    }
    return client->gone ? gone_say(client) : -EAGAIN;
}

// Looks at the socket when it is time to. A user who polls in a loop pays for a clock reading, not
// for a system call.
static void look(struct qclient *client, uint64_t now)
{
    // Signed: the coarse clock may be behind the last look.
    if (client->state != SESSION_LIVE ||
        (int64_t)(now - client->looked_ns) >= (int64_t)SESSION_LOOK_NS)
        session_step(client, now);
}

// 0 (look again) or -EINTR.
static int wait_for_more(struct qclient *client, uint64_t now, uint64_t until_ns)
{
    if (client->state != SESSION_LIVE)
        return handshake_wait(client, now, until_ns);
    // A ring that says "there is more" and has nothing: its writer is broken. Do not burn the CPU
    // for it.
    if (++client->fruitless > FRUITLESS_MAX) {
        client->fruitless = 0;
        return poll(NULL, 0, 1) < 0 ? -EINTR : 0;
    }
    uint64_t slice = until_ns - now < SLICE_NS ? until_ns - now : SLICE_NS;
    int status = ring_wait(&client->ring, (int64_t)slice);
    if (status == -ETIMEDOUT)
        client->fruitless = 0;
    return status == -EINTR ? -EINTR : 0;
}

int qclient_next(struct qclient *client, struct qclient_result *result, int timeout_ms)
{
    uint64_t until = timeout_ms < 0 ? UINT64_MAX : 0;
    for (;;) {
        int status = take(client, ring_next, result);
        if (status != -EAGAIN)
            return status;
        uint64_t now = timeout_ms == 0 ? clock_coarse_ns() : clock_now_ns();
        if (until == 0)
            until = now + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
        look(client, now);
        if (client->gone)
            continue; // what was published before is read before it is said
        if (now >= until)
            return timeout_ms == 0 ? -EAGAIN : -ETIMEDOUT;
        status = wait_for_more(client, now, until);
        if (status != 0)
            return status;
    }
}

int qclient_latest(struct qclient *client, struct qclient_result *result)
{
    int status = take(client, ring_latest, result);
    if (status != -EAGAIN)
        return status;
    look(client, clock_coarse_ns());
    return take(client, ring_latest, result);
}

// ---- event loops ----

static int event_fds_open(struct qclient *client)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return -errno;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0 ||
        (client->socket >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, client->socket, &event) != 0)) {
        int status = -errno;
        if (timer >= 0)
            close(timer);
        close(epoll);
        return status;
    }
    client->epoll = epoll;
    client->timer = timer;
    return 0;
}

int qclient_fd(struct qclient *client)
{
    if (client->epoll >= 0)
        return client->epoll;
    int status = event_fds_open(client);
    if (status != 0)
        return status;
    session_timer_set(client, client->state == SESSION_LIVE); // records may be waiting already
    session_resubscribe(client);
    return client->epoll;
}

// The daemon's signal may be a pipe with many wake-ups in it: one read takes them all.
// Empties what wakes an event loop: an eventfd gives its count at once, a pipe a word for every
// publish.
static void drain(int fd)
{
    char bytes[4096];
    for (int i = 0; i < 32 && fd >= 0; i++) {
        if (read(fd, bytes, sizeof(bytes)) < (ssize_t)sizeof(bytes))
            return;
    }
}

int qclient_dispatch(struct qclient *client)
{
    drain(client->eventfd);
    drain(client->timer);
    if (client->ended)
        return client->ended;
    session_step(client, clock_now_ns());
    bool unread = client->has_ring && ring_head(&client->ring) >= client->ring.next;
    return client->gone && !unread ? gone_say(client) : 0;
}

// ---- labels and stats ----

const char *qclient_label(struct qclient *client, uint32_t label)
{
    // No text is better than another model's text.
    if (client->has_result && client->labels_generation != client->generation)
        return "";
    return labels_text(&client->labels, label);
}

uint32_t qclient_label_count(struct qclient *client)
{
    return client->labels.count;
}

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
