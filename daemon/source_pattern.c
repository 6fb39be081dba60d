// SPDX-License-Identifier: Apache-2.0
//
// A moving test picture, without camera or file: colour bars over a brightness ramp that travel
// sideways. One YUYV picture, twice as wide as a frame, is drawn at start; frame n is a window into
// it, shifted by n. So frames cost nothing and share memory that nobody writes.

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/pacer.h"
#include "daemon/source.h"

#define PLACES 160 // more frames than mailboxes and workers can hold at once
#define STEP 2     // pixels that the picture moves a frame; even, for YUYV

struct pattern {
    struct pacer pacer;
    int32_t width, height;
    double fps;
    uint64_t number;
    struct source *source;
    struct frame frames[PLACES];
    uint8_t pixels[];
};

static void draw(struct pattern *self)
{
    // BT.601 limited: white, yellow, cyan, green, magenta, red, blue, black
    static const uint8_t bars[8][3] = {{235, 128, 128}, {210, 16, 146},  {170, 166, 16},
                                       {145, 54, 34},   {106, 202, 222}, {81, 90, 240},
                                       {41, 240, 110},  {16, 128, 128}};
    for (int32_t y = 0; y < self->height; y++) {
        uint8_t *row = self->pixels + (size_t)y * (size_t)self->width * 4;
        for (int32_t x = 0; x < 2 * self->width; x += 2) {
            const uint8_t *bar = bars[(x % self->width) * 8 / self->width];
            bool ramp = y > self->height * 2 / 3;
            uint8_t luma = ramp ? (uint8_t)(16 + (x % self->width) * 219 / self->width) : bar[0];
            row[2 * x] = luma;
            row[2 * x + 1] = ramp ? 128 : bar[1];
            row[2 * x + 2] = luma;
            row[2 * x + 3] = ramp ? 128 : bar[2];
        }
    }
}

static int pattern_open(const struct config_source *config, struct source *source, int wake_fd,
                        void **self, struct source_trouble *trouble)
{
    // even, so that a window starts on a whole YUYV pair
    int32_t width = config->size.width ? config->size.width & ~1 : 640;
    int32_t height = config->size.height ? config->size.height : 480;
    size_t bytes = (size_t)width * 4 * (size_t)height;
    struct pattern *fresh = calloc(1, sizeof(*fresh) + bytes);
    if (!fresh) {
        snprintf(trouble->reason, sizeof(trouble->reason), "no memory for a %dx%d picture", width,
                 height);
        return -ENOMEM;
    }
    fresh->width = width;
    fresh->height = height;
    fresh->fps = config->fps == CONFIG_FPS_AUTO ? 30 : config->fps;
    fresh->source = source;
    pacer_init(&fresh->pacer, fresh->fps, wake_fd);
    draw(fresh);
    *self = fresh;
    return 0;
}

static int pattern_next(void *arg, int wait_ms, struct frame **frame,
                        struct source_trouble *trouble)
{
    struct pattern *self = arg;
    (void)trouble;
    int status = pacer_wait(&self->pacer, wait_ms);
    if (status < 0)
        return status;
    struct frame *place = &self->frames[self->number % PLACES];
    if (atomic_load_explicit(&place->refs, memory_order_acquire) > 0)
        return -EAGAIN;
    size_t shift = (size_t)(self->number * STEP % (uint64_t)self->width);
    place->source = self->source;
    place->number = self->number++;
    place->sensor_ns = self->pacer.due_ns;
    place->dequeued_ns = pacer_take(&self->pacer);
    int32_t stride = self->width * 4;
    place->image = (struct image){.format = IMAGE_YUYV,
                                  .width = self->width,
                                  .height = self->height,
                                  .planes = {self->pixels + shift * 2},
                                  .strides = {stride},
                                  .size = {(size_t)stride * (size_t)self->height - shift * 2}};
    *frame = place;
    return 0;
}

static void pattern_release(void *arg, struct frame *frame)
{
    (void)arg;
    (void)frame;
}

static void pattern_close(void *arg)
{
    free(arg);
}

static void pattern_describe(const void *arg, char *text, size_t size)
{
    const struct pattern *self = arg;
    char rate[32];
    pacer_describe(&self->pacer, rate, sizeof(rate));
    snprintf(text, size, "%dx%d YUYV %s", self->width, self->height, rate);
}

const struct source_kind source_pattern = {.name = "pattern",
                                           .open = pattern_open,
                                           .next = pattern_next,
                                           .release = pattern_release,
                                           .close = pattern_close,
                                           .describe = pattern_describe};
