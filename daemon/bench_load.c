// SPDX-License-Identifier: Apache-2.0

#include "daemon/bench_load.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/ring_abi.h"
#include "daemon/network.h"
#include "daemon/worker.h"
#include "engine/classify.h"
#include "engine/team.h"

#define BYTES_MAX (64u << 20)
#define JPEG_QUALITY 85 // about what cameras do

enum { FRAME_MISSING, FRAME_BEING_MADE, FRAME_THERE };

struct bench_load *bench_load_create(struct network *network, const struct image *shape,
                                     uint32_t top_k, uint64_t limit_ns)
{
    struct bench_load *load = calloc(1, sizeof(*load));
    if (!load)
        return NULL;
    load->refs = 1;
    load->network = network;
    load->top_k = top_k;
    load->limit_ns = limit_ns;
    load->shape = (struct image){.format = shape->format,
                                 .matrix = shape->matrix,
                                 .range = shape->range,
                                 .width = shape->width,
                                 .height = shape->height};
    load->from_ns = load->until_ns = UINT64_MAX;
    return load;
}

void bench_load_unref(struct bench_load *load)
{
    if (!load || atomic_fetch_sub_explicit(&load->refs, 1, memory_order_acq_rel) > 1)
        return;
    network_unref(load->network);
    encoded_finish(&load->jpeg);
    free(load->pixels);
    free(load);
}

bool bench_load_take(void *arg)
{
    struct bench_load *load = arg;
    if (atomic_load_explicit(&load->readiness, memory_order_acquire) == FRAME_BEING_MADE ||
        atomic_load_explicit(&load->error, memory_order_relaxed) || clock_now_ns() > load->limit_ns)
        return false;
    uint32_t missing = FRAME_MISSING;
    atomic_compare_exchange_strong(&load->readiness, &missing, FRAME_BEING_MADE);
    atomic_fetch_add_explicit(&load->refs, 1, memory_order_relaxed);
    return true;
}

// ---- the frame ----

static size_t bytes_of(const struct image *image)
{
    size_t bytes = 0;
    for (int p = 0; p < image_plane_count(image->format); p++)
        bytes += image_row_bytes(image->format, p, image->width) *
                 (size_t)image_plane_rows(image->format, p, image->height);
    return bytes;
}

// Slopes with some noise on them: a JPEG of it is neither empty nor as large as one of noise alone.
static void fill(uint8_t *pixels, size_t bytes, size_t row)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < bytes; i++) {
        noise = noise * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(((i % row) * 160 / row + i / row / 4 + (noise >> 27)) & 255);
    }
}

static int pixels_make(struct bench_load *load, enum image_format format)
{
    struct image image = load->shape;
    image.format = format;
    size_t bytes = bytes_of(&image);
    if (bytes == 0 || bytes > BYTES_MAX)
        return bytes ? -EFBIG : -EINVAL;
    load->pixels = malloc(bytes);
    if (!load->pixels)
        return -ENOMEM;
    fill(load->pixels, bytes, image_row_bytes(format, 0, image.width));
    int status =
        image_from_buffer(&image, format, image.width, image.height, 0, load->pixels, bytes);
    image.matrix = load->shape.matrix;
    image.range = load->shape.range;
    load->image = image;
    return status;
}

// A camera that codes JPEGs: so is this one, and its decoding is a part of what is measured.
static int frame_make(struct bench_load *load)
{
    if (load->shape.format != IMAGE_JPEG)
        return pixels_make(load, load->shape.format);
    int status = pixels_make(load, IMAGE_RGB24);
    if (status == 0)
        status = jpeg_encode(&load->image, JPEG_QUALITY, &load->jpeg, NULL);
    free(load->pixels);
    load->pixels = NULL;
    load->image = (struct image){.format = IMAGE_JPEG,
                                 .width = load->shape.width,
                                 .height = load->shape.height,
                                 .planes = {load->jpeg.data},
                                 .size = {load->jpeg.size}};
    return status;
}

static int frame_ensure(struct bench_load *load)
{
    if (atomic_load_explicit(&load->readiness, memory_order_acquire) == FRAME_THERE)
        return 0;
    int status = frame_make(load);
    atomic_store_explicit(&load->readiness, FRAME_THERE, memory_order_release);
    return status;
}

// ---- one time through ----

static void count(struct bench_load *load, uint64_t started_ns, uint64_t preprocessed_ns,
                  uint64_t done_ns)
{
    atomic_fetch_add_explicit(&load->done, 1, memory_order_relaxed);
    if (done_ns < atomic_load(&load->from_ns) || done_ns > atomic_load(&load->until_ns))
        return;
    stats_histogram_add(&load->stages[BENCH_PREPROCESS], preprocessed_ns - started_ns);
    stats_histogram_add(&load->stages[BENCH_INFER], done_ns - preprocessed_ns);
    stats_histogram_add(&load->stages[BENCH_FRAME], done_ns - started_ns);
}

static int frame_run(struct bench_load *load, struct worker *worker, struct team *team)
{
    struct context *context = load->network->contexts[worker->index];
    struct classify_hit hits[RING_TOP_K];
    int status = frame_ensure(load);
    if (status < 0)
        return status;
    uint64_t started = clock_now_ns();
    bool woken = team && context_wants_team(context);
    if (woken)
        team_wake(team);
    status = worker_preprocess(worker, load->network, &load->image, context_native_input(context));
    uint64_t preprocessed = clock_now_ns();
    if (status < 0) {
        if (woken)
            team_rest(team);
        return status;
    }
    context_run(context, team);
    classify_top_k(model_output(load->network->model, 0), context_output(context, 0), load->top_k,
                   hits);
    count(load, started, preprocessed, clock_now_ns());
    return 0;
}

void bench_load_run(void *arg, struct worker *worker, struct team *team)
{
    struct bench_load *load = arg;
    int status = frame_run(load, worker, team);
    if (status < 0)
        atomic_store(&load->error, status);
    bench_load_unref(load);
}
