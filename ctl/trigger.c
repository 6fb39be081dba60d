// SPDX-License-Identifier: Apache-2.0

#include "ctl/trigger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/text.h"

#define LIKES_MAX 5

void trigger_init(struct trigger *trigger, const struct ctl_settings *settings)
{
    memset(trigger, 0, sizeof(*trigger));
    trigger->settings = settings;
    trigger->away_ns = (uint64_t)(settings->away_s * 1e9);
    trigger->every_ns = (uint64_t)(settings->every_s * 1e9);
}

bool trigger_is_set(const struct trigger *trigger)
{
    return trigger->settings->on_count > 0 || trigger->settings->min_score > 0;
}

// ---- what --on means with this model ----

static bool class_exists(struct qclient *client, const char *text)
{
    uint32_t count = qclient_label_count(client);
    for (uint32_t i = 0; i < count; i++) {
        if (strcasecmp(qclient_label(client, i), text) == 0)
            return true;
    }
    return false;
}

static bool number_parse(const char *text, uint32_t *number)
{
    char *end;
    if (text[strspn(text, "0123456789")] || !*text)
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = (uint32_t)value;
    return errno == 0 && value <= UINT32_MAX;
}

// Classes whose names have the text in them, a few.
static void print_likes(struct qclient *client, const char *text)
{
    char clean[256];
    unsigned count = 0;
    for (uint32_t i = 0; i < qclient_label_count(client) && count < LIKES_MAX; i++) {
        if (!strcasestr(qclient_label(client, i), text))
            continue;
        text_clean(qclient_label(client, i), false, clean, sizeof(clean));
        fprintf(stderr, "%s '%s'", count++ == 0 ? "; there is" : ",", clean);
    }
}

static void complain(struct qclient *client, const char *text)
{
    char clean[256];
    text_clean(text, false, clean, sizeof(clean));
    if (qclient_label_count(client) == 0) {
        fprintf(stderr, "qctl: --on %s: this model has no labels; give the class number\n", clean);
        return;
    }
    fprintf(stderr, "qctl: --on %s: this model has no such class", clean);
    print_likes(client, text);
    fputc('\n', stderr);
}

// -EINVAL: there is no such class, or too many are wanted.
static int want(struct trigger *trigger, struct qclient *client, const char *text, size_t length)
{
    struct trigger_wanted *wanted = &trigger->wanted[trigger->wanted_count];
    while (length > 0 && (*text == ' ' || text[length - 1] == ' ')) {
        text += *text == ' ';
        length--;
    }
    if (length == 0)
        return 0;
    if (trigger->wanted_count == TRIGGER_WANTED_MAX || length >= sizeof(wanted->text)) {
        fprintf(stderr, "qctl: --on takes up to %d classes of up to %zu bytes\n",
                TRIGGER_WANTED_MAX, sizeof(wanted->text) - 1);
        return -EINVAL;
    }
    memcpy(wanted->text, text, length);
    wanted->text[length] = '\0';
    wanted->by_number = false;
    if (!class_exists(client, wanted->text)) {
        uint32_t count = qclient_label_count(client);
        wanted->by_number = number_parse(wanted->text, &wanted->number);
        if (!wanted->by_number || (count > 0 && wanted->number >= count)) {
            complain(client, wanted->text);
            return -EINVAL;
        }
    }
    trigger->wanted_count++;
    return 0;
}

// Labels may have commas in them ("tench, Tinca tinca"): what is a class as a whole stays whole.
static int resolve(struct trigger *trigger, struct qclient *client)
{
    int status = 0;
    trigger->resolved = true;
    trigger->wanted_count = 0;
    for (unsigned i = 0; i < trigger->settings->on_count; i++) {
        const char *text = trigger->settings->on[i];
        if (class_exists(client, text)) {
            int one = want(trigger, client, text, strlen(text));
            status = status ? status : one;
            continue;
        }
        for (;; text++) {
            size_t length = strcspn(text, ",");
            int one = want(trigger, client, text, length);
            status = status ? status : one;
            text += length;
            if (!*text)
                break;
        }
    }
    return status;
}

// ---- judging ----

static bool is_wanted(const struct trigger *trigger, struct qclient *client, uint32_t label)
{
    for (unsigned i = 0; i < trigger->wanted_count; i++) {
        const struct trigger_wanted *wanted = &trigger->wanted[i];
        if (wanted->by_number ? wanted->number == label
                              : strcasecmp(qclient_label(client, label), wanted->text) == 0)
            return true;
    }
    return false;
}

static bool hit_matches(const struct trigger *trigger, struct qclient *client,
                        const struct qclient_result *result, uint32_t hit)
{
    if ((double)result->hits[hit].score < trigger->settings->min_score)
        return false;
    if (result->hits[hit].score != result->hits[hit].score) // NaN
        return false;
    if (trigger->settings->on_count == 0)
        return hit == 0;
    return is_wanted(trigger, client, result->hits[hit].label);
}

// This class, or the place of the one that has not matched for the longest time.
static struct trigger_seen *find_seen(struct trigger *trigger, uint32_t label)
{
    struct trigger_seen *oldest = &trigger->seen[0];
    for (unsigned i = 0; i < TRIGGER_SEEN_MAX; i++) {
        struct trigger_seen *seen = &trigger->seen[i];
        if (seen->matched_ns && seen->label == label)
            return seen;
        if (seen->matched_ns < oldest->matched_ns)
            oldest = seen;
    }
    *oldest = (struct trigger_seen){.label = label};
    return oldest;
}

// A class that matches at this time: is that news?
static bool is_event(struct trigger *trigger, uint32_t label, uint64_t now_ns)
{
    struct trigger_seen *seen = find_seen(trigger, label);
    bool known = seen->matched_ns != 0 && now_ns >= seen->matched_ns;
    // with away 0 it is news after one result without it: see forget_missing
    bool news = !known || (trigger->away_ns > 0 && now_ns - seen->matched_ns > trigger->away_ns) ||
                (trigger->every_ns > 0 && now_ns - seen->event_ns >= trigger->every_ns);
    seen->matched_ns = now_ns;
    if (news)
        seen->event_ns = now_ns;
    return news;
}

static void forget_missing(struct trigger *trigger, uint64_t now_ns)
{
    for (unsigned i = 0; trigger->away_ns == 0 && i < TRIGGER_SEEN_MAX; i++) {
        if (trigger->seen[i].matched_ns != now_ns)
            trigger->seen[i].matched_ns = 0;
    }
}

int trigger_judge(struct trigger *trigger, struct qclient *client,
                  const struct qclient_result *result, uint32_t *hit)
{
    int verdict = TRIGGER_NOTHING;
    if (result->flags & (QCLIENT_MODEL_CHANGED | QCLIENT_RECONNECTED) || !trigger->resolved) {
        bool first = !trigger->resolved;
        memset(trigger->seen, 0, sizeof(trigger->seen)); // numbers may mean other classes now
        if (resolve(trigger, client) < 0 && first)
            return -EINVAL;
    }
    for (uint32_t i = 0; i < result->hit_count; i++) {
        if (!hit_matches(trigger, client, result, i))
            continue;
        bool event = is_event(trigger, result->hits[i].label, result->published_ns);
        if (verdict == TRIGGER_NOTHING || (event && verdict == TRIGGER_MATCH)) {
            *hit = i;
            verdict = event ? TRIGGER_EVENT : TRIGGER_MATCH;
        }
    }
    forget_missing(trigger, result->published_ns);
    return verdict;
}
