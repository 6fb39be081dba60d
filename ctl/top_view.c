// SPDX-License-Identifier: Apache-2.0

#include "ctl/top_view.h"

#include <stdio.h>
#include <string.h>

#include "ctl/screen.h"
#include "ctl/stage_bar.h"
#include "ctl/top_head.h"
#include "ctl/top_table.h"

#define PAGE_ROWS 10
#define ROOMY_ROWS 14 // from there on tables are set apart by empty lines

static const struct {
    char letter;
    enum top_key key;
} sort_keys[] = {{'c', TOP_KEY_NONE}, {'n', TOP_KEY_NAME},  {'i', TOP_KEY_IN},
                 {'o', TOP_KEY_OUT},  {'d', TOP_KEY_DROPS}, {'e', TOP_KEY_ERRORS},
                 {'l', TOP_KEY_LAG},  {'t', TOP_KEY_P99}};

static enum top_action key_step(struct top_view *view, int step)
{
    view->order.key = (enum top_key)((view->order.key + TOP_KEY_COUNT + step) % TOP_KEY_COUNT);
    return TOP_ACTION_DRAW;
}

static enum top_action scroll(struct top_view *view, long rows)
{
    view->first = rows < 0 && view->first < (size_t)-rows ? 0 : view->first + (size_t)rows;
    return TOP_ACTION_DRAW;
}

static enum top_action sort_key(struct top_view *view, int key)
{
    for (unsigned i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
        if (key == sort_keys[i].letter) {
            view->order.key = sort_keys[i].key;
            return TOP_ACTION_DRAW;
        }
    }
    return TOP_ACTION_NONE;
}

enum top_action top_view_key(struct top_view *view, int key)
{
    if (view->help && key != 'q') {
        view->help = false;
        return TOP_ACTION_DRAW;
    }
    switch (key) {
    case 'q':
        return TOP_ACTION_QUIT;
    case 'h':
    case '?':
        view->help = true;
        return TOP_ACTION_DRAW;
    case 'p':
        view->paused = !view->paused;
        return view->paused ? TOP_ACTION_DRAW : TOP_ACTION_TAKE;
    case ' ':
        return TOP_ACTION_TAKE;
    case 'r':
        view->order.reverse = !view->order.reverse;
        return TOP_ACTION_DRAW;
    case SCREEN_LEFT:
    case '<':
        return key_step(view, -1);
    case SCREEN_RIGHT:
    case '>':
        return key_step(view, 1);
    case SCREEN_UP:
        return scroll(view, -1);
    case SCREEN_DOWN:
        return scroll(view, 1);
    case SCREEN_PAGE_UP:
        return scroll(view, -PAGE_ROWS);
    case SCREEN_PAGE_DOWN:
        return scroll(view, PAGE_ROWS);
    default:
        return sort_key(view, key);
    }
}

// ---- the picture -----------------------------------------------------------

static void line_draw(struct frame *frame, enum paint_style style, const char *text)
{
    struct paint_line line;
    paint_begin(&line);
    paint_text(&line, style, text);
    frame_add(frame, &line);
}

static void help_draw(struct frame *frame)
{
    static const char *const lines[] = {
        "q          quit                   h ?    this",
        "p          pause, go on           space  look now",
        "left right sort by another column r      the other way round",
        "up down    scroll                 page up, page down",
        "sort by    c config  n name  i in  o out  d drops  e errors  l lag  t p99",
        "",
        "DROPS   frames that a newer one replaced before a worker was free",
        "GATED   frames in which nothing moved: the result before was published again",
        "ERRORS  frames that were broken or that the camera lost",
        "LAG     results published and not yet read (stream: by its slowest client)",
        "LOST    results overwritten before the client read them",
        "P99     of the last seconds, camera to published; client: published to read",
        "LATENCY camera to published, a mean an interval, 0 to the largest shown",
        "STAGES  where that time goes:",
    };
    struct paint_line line;
    line_draw(frame, PAINT_BOLD, "qctl top: keys and columns");
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        line_draw(frame, PAINT_PLAIN, lines[i]);
    paint_begin(&line);
    paint_to(&line, 8);
    stage_bar_paint_legend(&line);
    frame_add(frame, &line);
}

// On the last line of a screen.
static void keys_draw(const struct top_view *view, const struct top_sample *sample,
                      struct frame *frame, unsigned rows, size_t hidden)
{
    struct paint_line line;
    while (frame->lines + 1 < rows)
        frame_add_empty(frame);
    if (rows == 0)
        return;
    paint_begin(&line);
    if (hidden > 0)
        paint_format(&line, PAINT_WARN, "%zu of %zu rows hidden (up, down)  ", hidden,
                     sample->stream_count + sample->client_count);
    paint_format(&line, PAINT_DIM, "q quit  h help  p %s  sort: %s%s",
                 view->paused ? "go on" : "pause", top_key_name(view->order.key),
                 view->order.reverse ? ", reversed" : "");
    frame_add(frame, &line);
}

// How many rows each table gets of `place`: all if there is room, else streams have precedence, but
// leave a third.
static void share_out(size_t place, size_t *streams, size_t *clients)
{
    size_t all = *streams + *clients, third = place / 3;
    if (all <= place)
        return;
    if (*clients > third)
        *clients = *streams + third <= place ? place - *streams : third;
    if (*streams > place - *clients)
        *streams = place - *clients;
}

static size_t first_row(size_t wanted, size_t count, size_t shown)
{
    return wanted + shown <= count ? wanted : count - shown;
}

static void tables_draw(struct top_view *view, const struct top_sample *sample, struct frame *frame,
                        unsigned rows)
{
    size_t streams = sample->stream_count, clients = sample->client_count;
    bool roomy = rows == 0 || rows >= ROOMY_ROWS;
    unsigned used = frame->lines + 2 + (roomy ? 2 : 0) + 1;
    size_t place = rows == 0 ? streams + clients : rows > used ? rows - used : 0;
    share_out(place, &streams, &clients);
    size_t most = sample->stream_count - streams > sample->client_count - clients
                      ? sample->stream_count - streams
                      : sample->client_count - clients;
    view->first = view->first < most ? view->first : most;
    if (roomy)
        frame_add_empty(frame);
    top_table_draw_streams(frame, sample, view->order.key,
                           first_row(view->first, sample->stream_count, streams), streams);
    if (roomy)
        frame_add_empty(frame);
    top_table_draw_clients(frame, sample, view->order.key,
                           first_row(view->first, sample->client_count, clients), clients);
    keys_draw(view, sample, frame, rows,
              sample->stream_count - streams + sample->client_count - clients);
}

void top_view_draw(struct top_view *view, struct top_sample *sample, struct frame *frame,
                   unsigned rows)
{
    frame_begin(frame);
    if (view->help) {
        help_draw(frame);
        return;
    }
    top_head_draw(frame, sample, view->gone, view->paused);
    top_order_rows(&view->order, sample);
    if (sample->status)
        tables_draw(view, sample, frame, rows);
    else
        keys_draw(view, sample, frame, rows, 0);
}
