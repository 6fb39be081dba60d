// SPDX-License-Identifier: Apache-2.0
//
// Which results `qctl watch --on … --min-score …` is about, and which of them are news.
//
// A result matches when one of its hits is a wanted class with the wanted score; without --on, when
// its best hit has that score. A match is an event when that class had not matched for `away`
// before (a score that flickers around the limit is one event), and again every `every` while it
// lasts. Times are the results' own (published_ns), so a backlog is judged like live results.

#ifndef QEDGE_CTL_TRIGGER_H
#define QEDGE_CTL_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "qclient.h"

#define TRIGGER_WANTED_MAX 64
#define TRIGGER_SEEN_MAX 128 // classes that are remembered; beyond, the oldest match is forgotten

// A class that is asked for: by text, or by number where no class has that text.
struct trigger_wanted {
    char text[256];
    bool by_number;
    uint32_t number;
};

struct trigger_seen {
    uint32_t label;
    uint64_t matched_ns; // the last time; 0: empty
    uint64_t event_ns;
};

struct trigger {
    const struct ctl_settings *settings;
    uint64_t away_ns, every_ns; // every 0: never
    bool resolved;              // `wanted` belongs to the present model
    struct trigger_wanted wanted[TRIGGER_WANTED_MAX];
    unsigned wanted_count;
    struct trigger_seen seen[TRIGGER_SEEN_MAX];
};

enum trigger_verdict { TRIGGER_NOTHING, TRIGGER_MATCH, TRIGGER_EVENT };

void trigger_init(struct trigger *trigger, const struct ctl_settings *settings);
// Does it leave out any result?
bool trigger_is_set(const struct trigger *trigger);
// Judges a result that qclient_next just gave. *hit: the number of the hit that matched; of an
// event, of the best new one. -EINVAL after a line on stderr: --on names a class that the first
// model does not have.
int trigger_judge(struct trigger *trigger, struct qclient *client,
                  const struct qclient_result *result, uint32_t *hit);

#endif
