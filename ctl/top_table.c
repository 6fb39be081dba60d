// SPDX-License-Identifier: Apache-2.0

#include "ctl/top_table.h"

#include <string.h>

#include "ctl/columns.h"
#include "ctl/sparkline.h"
#include "ctl/stage_bar.h"
#include "ctl/status_machine.h"

#define LATE_LAG 8 // results that a reader is behind before it stands out

enum stream_column {
    S_NAME,
    S_STATE,
    S_IN,
    S_OUT,
    S_DROPS,
    S_GATED,
    S_ERRORS,
    S_LAG,
    S_P50,
    S_P99,
    S_STAGES,
    S_LATENCY,
    S_COUNT
};
static const struct column stream_columns[S_COUNT] = {
    [S_NAME] = {"STREAM", 12, 32, 1, false, TOP_KEY_NAME},
    [S_STATE] = {"STATE", 8, 8, 2, false, 0},
    [S_IN] = {"IN/s", 5, 5, 7, true, TOP_KEY_IN},
    [S_OUT] = {"OUT/s", 5, 5, 3, true, TOP_KEY_OUT},
    [S_DROPS] = {"DROPS", 6, 6, 5, true, TOP_KEY_DROPS},
    [S_GATED] = {"GATED", 6, 6, 12, true, 0},
    [S_ERRORS] = {"ERRORS", 6, 6, 8, true, TOP_KEY_ERRORS},
    [S_LAG] = {"LAG", 4, 4, 9, true, TOP_KEY_LAG},
    [S_P50] = {"P50 ms", 6, 6, 11, true, 0},
    [S_P99] = {"P99 ms", 6, 6, 4, true, TOP_KEY_P99},
    [S_STAGES] = {"STAGES", 8, 24, 10, false, 0},
    [S_LATENCY] = {"LATENCY", 8, 64, 6, false, 0},
};

enum client_column {
    C_NAME,
    C_PID,
    C_STREAM,
    C_STATE,
    C_RATE,
    C_LAG,
    C_LOST,
    C_QUIET,
    C_P99,
    C_COUNT
};
static const struct column client_columns[C_COUNT] = {
    [C_NAME] = {"CLIENT", 16, 32, 1, false, TOP_KEY_NAME},
    [C_PID] = {"PID", 7, 7, 5, true, 0},
    [C_STREAM] = {"STREAM", 8, 32, 6, false, 0},
    [C_STATE] = {"STATE", 8, 8, 2, false, 0},
    [C_RATE] = {"READ/s", 6, 6, 7, true, TOP_KEY_OUT},
    [C_LAG] = {"LAG", 6, 6, 3, true, TOP_KEY_LAG},
    [C_LOST] = {"LOST", 6, 6, 4, true, TOP_KEY_DROPS},
    [C_QUIET] = {"QUIET s", 7, 7, 9, true, 0},
    [C_P99] = {"P99 ms", 6, 6, 8, true, TOP_KEY_P99},
};

static double milliseconds(double microseconds)
{
    return microseconds < 0 ? -1 : microseconds / 1000;
}

// Only now and here: its cells are as wide as the line happens to be.
static void latency_paint(struct paint_line *line, const struct history *history, unsigned width)
{
    char text[SPARKLINE_MAX * 3 + 1] = "";
    if (history && width <= SPARKLINE_MAX)
        sparkline_format(text, sizeof(text), history->latency_us, history->latency_count, width);
    paint_to(line, line->column + 1);
    paint_cell(line, PAINT_PLAIN, text, width, false);
}

static void stages_paint(struct paint_line *line, const struct history *history, unsigned width)
{
    static const double none[STAGE_BAR_STAGES];
    paint_to(line, line->column + 1);
    stage_bar_paint(line, history ? history->interval_stages_us : none, width);
}

static void stream_cell(struct paint_line *line, const struct top_stream *stream,
                        enum stream_column index, unsigned width)
{
    const struct column *column = &stream_columns[index];
    switch (index) {
    case S_NAME:
        columns_paint_text(line, column, width, PAINT_BOLD, stream->name);
        break;
    case S_STATE:
        columns_paint_text(line, column, width, status_state_style(stream->state), stream->state);
        break;
    case S_IN:
        columns_paint_number(line, column, width, PAINT_PLAIN, stream->fps_in, 1);
        break;
    case S_OUT:
        columns_paint_number(line, column, width, PAINT_PLAIN, stream->fps_out, 1);
        break;
    case S_DROPS:
        columns_paint_count(line, column, width, PAINT_PLAIN, stream->dropped);
        break;
    case S_GATED:
        columns_paint_count(line, column, width, PAINT_PLAIN, stream->gated);
        break;
    case S_ERRORS:
        columns_paint_count(line, column, width, stream->errors ? PAINT_WARN : PAINT_PLAIN,
                            stream->errors);
        break;
    case S_LAG:
        columns_paint_count(line, column, width, stream->lag >= LATE_LAG ? PAINT_WARN : PAINT_PLAIN,
                            stream->lag);
        break;
    case S_P50:
        columns_paint_number(line, column, width, PAINT_PLAIN, milliseconds(stream->p50_us), 2);
        break;
    case S_P99:
        columns_paint_number(line, column, width, PAINT_BOLD, milliseconds(stream->p99_us), 2);
        break;
    case S_STAGES:
        stages_paint(line, stream->history, width);
        break;
    case S_LATENCY:
        latency_paint(line, stream->history, width);
        break;
    case S_COUNT:
        break;
    }
}

static enum paint_style client_style(const char *state)
{
    if (strcmp(state, "reading") == 0)
        return PAINT_GOOD;
    if (strcmp(state, "stalled") == 0 || strcmp(state, "losing") == 0)
        return PAINT_BAD;
    return strcmp(state, "behind") == 0 ? PAINT_WARN : PAINT_DIM;
}

static void client_cell(struct paint_line *line, const struct top_client *client,
                        enum client_column index, unsigned width)
{
    const struct column *column = &client_columns[index];
    bool reader = *client->stream;
    switch (index) {
    case C_NAME:
        columns_paint_text(line, column, width, PAINT_BOLD, client->name);
        break;
    case C_PID:
        columns_paint_count(line, column, width, PAINT_PLAIN, client->pid);
        break;
    case C_STREAM:
        columns_paint_text(line, column, width, PAINT_PLAIN, reader ? client->stream : "-");
        break;
    case C_STATE:
        columns_paint_text(line, column, width, client_style(client->state), client->state);
        break;
    case C_RATE:
        columns_paint_number(line, column, width, PAINT_PLAIN, reader ? client->rate : -1, 1);
        break;
    case C_LAG:
        columns_paint_count(line, column, width, client->lag >= LATE_LAG ? PAINT_WARN : PAINT_PLAIN,
                            client->lag);
        break;
    case C_LOST:
        columns_paint_count(line, column, width, client->lost ? PAINT_WARN : PAINT_PLAIN,
                            client->lost);
        break;
    case C_QUIET:
        columns_paint_number(line, column, width, PAINT_PLAIN, reader ? client->quiet_s : -1, 1);
        break;
    case C_P99:
        columns_paint_number(line, column, width, PAINT_PLAIN, milliseconds(client->p99_us), 2);
        break;
    case C_COUNT:
        break;
    }
}

void top_table_draw_streams(struct frame *frame, const struct top_sample *sample, enum top_key key,
                            size_t first, size_t count)
{
    struct paint_line line;
    unsigned widths[S_COUNT];
    columns_fit(stream_columns, S_COUNT, paint_width(), widths);
    paint_begin(&line);
    columns_paint_titles(&line, stream_columns, S_COUNT, widths, (int)key);
    frame_add(frame, &line);
    for (size_t i = first; i < first + count && i < sample->stream_count; i++) {
        paint_begin(&line);
        for (unsigned j = 0; j < S_COUNT; j++) {
            if (widths[j] > 0)
                stream_cell(&line, &sample->streams[i], (enum stream_column)j, widths[j]);
        }
        frame_add(frame, &line);
    }
}

void top_table_draw_clients(struct frame *frame, const struct top_sample *sample, enum top_key key,
                            size_t first, size_t count)
{
    struct paint_line line;
    unsigned widths[C_COUNT];
    columns_fit(client_columns, C_COUNT, paint_width(), widths);
    paint_begin(&line);
    columns_paint_titles(&line, client_columns, C_COUNT, widths, (int)key);
    frame_add(frame, &line);
    for (size_t i = first; i < first + count && i < sample->client_count; i++) {
        paint_begin(&line);
        for (unsigned j = 0; j < C_COUNT; j++) {
            if (widths[j] > 0)
                client_cell(&line, &sample->client_rows[i], (enum client_column)j, widths[j]);
        }
        frame_add(frame, &line);
    }
}
