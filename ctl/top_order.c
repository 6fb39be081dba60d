// SPDX-License-Identifier: Apache-2.0

#include "ctl/top_order.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[TOP_KEY_COUNT] = {"config", "name",   "in",  "out",
                                                 "drops",  "errors", "lag", "p99"};

const char *top_key_name(enum top_key key)
{
    return names[key];
}

enum top_key top_key_parse(const char *name)
{
    unsigned key = 0;
    while (key < TOP_KEY_COUNT && strcmp(name, names[key]) != 0)
        key++;
    return (enum top_key)key;
}

static double stream_number(const struct top_stream *stream, enum top_key key)
{
    switch (key) {
    case TOP_KEY_IN:
        return stream->fps_in;
    case TOP_KEY_OUT:
        return stream->fps_out;
    case TOP_KEY_DROPS:
        return (double)stream->dropped;
    case TOP_KEY_ERRORS:
        return (double)stream->errors;
    case TOP_KEY_LAG:
        return (double)stream->lag;
    case TOP_KEY_P99:
        return stream->p99_us;
    default:
        return 0;
    }
}

static double client_number(const struct top_client *client, enum top_key key)
{
    switch (key) {
    case TOP_KEY_IN:
    case TOP_KEY_OUT:
        return client->rate;
    case TOP_KEY_DROPS:
        return (double)client->lost;
    case TOP_KEY_LAG:
        return (double)client->lag;
    case TOP_KEY_P99:
        return client->p99_us;
    default:
        return 0;
    }
}

static int compare(const struct top_order *order, const char *name_a, const char *name_b, double a,
                   double b)
{
    int difference = order->key == TOP_KEY_NAME ? strcmp(name_a, name_b) : (a < b) - (a > b);
    return order->reverse ? -difference : difference;
}

// What is equal keeps the daemon's order.
static int by_position(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int streams_compare(const void *left, const void *right, void *context)
{
    const struct top_order *order = context;
    const struct top_stream *a = left, *b = right;
    int difference = compare(order, a->name, b->name, stream_number(a, order->key),
                             stream_number(b, order->key));
    return difference ? difference : by_position(a->position, b->position);
}

static int clients_compare(const void *left, const void *right, void *context)
{
    const struct top_order *order = context;
    const struct top_client *a = left, *b = right;
    int difference = compare(order, a->name, b->name, client_number(a, order->key),
                             client_number(b, order->key));
    return difference ? difference : by_position(a->position, b->position);
}

void top_order_rows(const struct top_order *order, struct top_sample *sample)
{
    struct top_order copy = *order;
    if (sample->stream_count > 1)
        qsort_r(sample->streams, sample->stream_count, sizeof(*sample->streams), streams_compare,
                &copy);
    if (sample->client_count > 1)
        qsort_r(sample->client_rows, sample->client_count, sizeof(*sample->client_rows),
                clients_compare, &copy);
}
