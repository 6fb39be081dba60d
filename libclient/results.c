// SPDX-License-Identifier: Apache-2.0
//
// Reading results, waiting for them, their labels. A result that is there costs no system call; the
// clock is read for the time it lay there, without one where the kernel allows that. While a stream
// is live, its reader sleeps on the ring's futex in slices and looks at the socket between them: so
// a dead daemon is noticed within SLICE + SESSION_LOOK_NS, less than 100 ms.

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "libclient/client.h"
#include "libclient/deadline.h"

#define SLICE_NS (40 * CLOCK_NS_PER_MS)
#define REPORT_NS CLOCK_NS_PER_S
#define FRUITLESS_MAX 64

_Static_assert(RING_TOP_K == QCLIENT_TOP_K_MAX,
               "the ring's and the user's results hold the same number of hits");

// ---- the ring ----

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

// ---- one result ----

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

int client_gone_say(struct qclient *client)
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
    return client->gone ? client_gone_say(client) : -EAGAIN;
}

// ---- waiting ----

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
        return client_handshake_wait(client, now, until_ns);
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
            until = deadline_after(now, timeout_ms);
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

// ---- labels ----

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
