// SPDX-License-Identifier: Apache-2.0
//
// `qctl top`: looks at the daemon once an interval and shows streams and clients, on a screen of
// its own or (batch, no terminal) one block of text after the other. A daemon that goes away is
// waited for.

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/screen.h"
#include "ctl/top_view.h"

#define INTERVAL_S 1.0
#define ANSWER_MS 2000   // one that works answers within milliseconds
#define IMPATIENT_MS 250 // after it did not: keys are to be heard

struct top {
    const struct ctl_settings *settings;
    struct top_view view;
    struct histories histories;
    struct top_sample sample;
    struct frame frame;
    long shown; // samples
};

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int interval_ms(const struct top *top)
{
    return (int)((top->settings->interval_s > 0 ? top->settings->interval_s : INTERVAL_S) * 1000);
}

// Replaces the sample by a new one, unless a signal comes first.
static void look(struct top *top)
{
    struct top_sample next;
    const struct top_sample *before = top->sample.status ? &top->sample : NULL;
    int patience = top->sample.error == -ETIMEDOUT ? IMPATIENT_MS : ANSWER_MS;
    top_sample_take(&next, top->settings, patience, &top->histories, before);
    if (next.error == -EINTR) {
        top_sample_finish(&next);
        return;
    }
    top_sample_finish(&top->sample);
    top->sample = next;
    if (next.error == 0)
        top->view.gone = 0;
    else if (top->view.gone == 0)
        top->view.gone = time(NULL);
    top->shown++;
}

// A daemon that is not there is a failure only at the start, as with every other command.
static int begin(struct top *top)
{
    long long until = now_ms() + top->settings->wait_ms;
    for (;;) {
        look(top);
        bool absent = top->sample.error == -ENOENT || top->sample.error == -ECONNREFUSED;
        if (top->sample.error == 0)
            return CTL_EXIT_OK;
        if (!absent || now_ms() >= until)
            return ctl_complain(top->settings, top->sample.error, top->sample.why);
        top_sample_finish(&top->sample);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

static bool is_enough(const struct top *top)
{
    return top->settings->count > 0 && top->shown >= top->settings->count;
}

// ---- blocks of text --------------------------------------------------------

static void object_print(struct top *top)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "status", json_object_get(top->sample.status));
    json_object_object_add(root, "clients",
                           json_object_get(ask_object(top->sample.clients, "clients")));
    ask_print(root);
    json_object_put(root);
    fflush(stdout);
}

static void block_print(struct top *top)
{
    if (top->shown > 1)
        putchar('\n');
    top_view_draw(&top->view, &top->sample, &top->frame, 0);
    fwrite(top->frame.bytes, 1, top->frame.length, stdout);
    fflush(stdout);
}

static int run_batch(struct top *top)
{
    struct timespec next;
    paint_plain();
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        if (top->settings->json)
            object_print(top);
        else
            block_print(top);
        if (ferror(stdout))
            return CTL_EXIT_FAILED;
        if (is_enough(top))
            return top->sample.error
                       ? ctl_complain(top->settings, top->sample.error, top->sample.why)
                       : CTL_EXIT_OK;
        next.tv_sec += interval_ms(top) / 1000;
        next.tv_nsec += interval_ms(top) % 1000 * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
            continue;
        look(top);
    }
}

// ---- a screen --------------------------------------------------------------

static int draw(struct top *top)
{
    unsigned columns, rows;
    screen_size(&columns, &rows);
    paint_set_width(columns);
    top_view_draw(&top->view, &top->sample, &top->frame, rows);
    return top->frame.error ? top->frame.error : screen_show(&top->frame, rows);
}

// Until the next look is due. False: it was the last one.
static bool attend(struct top *top, long long due_ms)
{
    for (;;) {
        long long left = due_ms - now_ms();
        int event = screen_wait(top->view.paused ? -1 : left > 0 ? (int)left : 0);
        if (event == SCREEN_END)
            return false;
        enum top_action action = event == SCREEN_TIMEOUT  ? TOP_ACTION_TAKE
                                 : event == SCREEN_REDRAW ? TOP_ACTION_DRAW
                                                          : top_view_key(&top->view, event);
        if (action == TOP_ACTION_QUIT || (action == TOP_ACTION_DRAW && draw(top) != 0))
            return false;
        if (action == TOP_ACTION_TAKE && (event != SCREEN_TIMEOUT || now_ms() >= due_ms))
            return true;
    }
}

static int run_screen(struct top *top)
{
    int status = screen_open();
    if (status != 0)
        return ctl_complain(top->settings, status, NULL);
    top->frame.erasing = true;
    long long due = now_ms();
    while (draw(top) == 0 && !is_enough(top)) {
        due += interval_ms(top);
        if (due < now_ms())
            due = now_ms(); // stopped for a while: no looks are made up for
        if (!attend(top, due))
            break;
        look(top);
    }
    screen_close();
    return CTL_EXIT_OK;
}

int ctl_top(const struct ctl_settings *settings)
{
    struct top top = {.settings = settings,
                      .view = {.order = {.key = (enum top_key)settings->sort}}};
    int code = begin(&top);
    if (code == 0)
        code = settings->batch || settings->json || !screen_possible() ? run_batch(&top)
                                                                       : run_screen(&top);
    top_sample_finish(&top.sample);
    histories_finish(&top.histories);
    frame_finish(&top.frame);
    return code;
}
