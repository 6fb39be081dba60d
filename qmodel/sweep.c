// SPDX-License-Identifier: Apache-2.0
//
// Threads: lanes are handed out once, thread t has lanes t, t + threads, ... Reading samples is
// behind a lock (files have a position), running is not. The first failure stops all; its thread
// has written the line.

#include "qmodel/sweep.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/context.h"
#include "engine/tflite_writer.h"
#include "qmodel/command.h"
#include "qmodel/loading.h"
#include "qmodel/progress_bar.h"
#include "qmodel/samples.h"

struct sweep {
    const struct sweep_options *options;
    const struct draft *const *drafts;
    uint32_t models, threads, total; // total: samples to run
    uint32_t first, step, available; // the part's: number of its first, distance, how many
    sweep_watcher *watcher;
    void *arg;
    struct model *model[2];
    struct samples samples[2];
    struct progress_bar progress;
    pthread_mutex_t lock; // of what follows and of reading samples
    int rc;
    uint32_t done;
};

struct worker {
    struct sweep *sweep;
    pthread_t thread;
    uint32_t index;
    struct context *context[2];
    // Of the run under way.
    uint32_t sample, which;
    int rc;
    int32_t failed; // tensor
};

static void watch(void *arg, int32_t tensor, const void *data)
{
    struct worker *w = arg;
    if (w->rc < 0)
        return;
    w->rc = w->sweep->watcher(w->sweep->arg, w->sample % SWEEP_LANES, w->sample, w->which, tensor,
                              data);
    w->failed = tensor;
}

static int load(struct worker *w)
{
    struct sweep *s = w->sweep;
    uint32_t among = (uint32_t)((uint64_t)w->sample * s->available / s->total),
             index = s->first + among * s->step;
    pthread_mutex_lock(&s->lock);
    int rc = s->rc;
    for (uint32_t i = 0; rc == 0 && i < s->models; i++)
        rc = samples_load(&s->samples[i], index, w->context[i]);
    s->rc = rc;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static int report(const struct worker *w)
{
    const struct sweep_options *o = w->sweep->options;
    const char *name = w->sweep->drafts[w->which]->tensors[w->failed].name;
    progress_bar_finish(&w->sweep->progress);
    if (w->rc == -ENOMEM)
        return command_fail(o->command, "%s: no memory for tensor '%s'", o->what, name);
    return command_fail(o->command, "sample %u: tensor '%s' has a value that is not finite",
                        w->sample, name);
}

static int run_sample(struct worker *w)
{
    struct sweep *s = w->sweep;
    int rc = load(w);
    for (w->which = 0; rc == 0 && w->rc == 0 && w->which < s->models; w->which++) {
        watch(w, s->drafts[w->which]->inputs[0], context_native_input(w->context[w->which]));
        context_run(w->context[w->which], NULL);
        if (w->rc < 0)
            break;
    }
    pthread_mutex_lock(&s->lock);
    if (w->rc < 0 && s->rc == 0)
        rc = s->rc = report(w);
    s->done++;
    if (s->rc == 0)
        progress_bar_step(&s->progress, s->done);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct sweep *s = w->sweep;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->total; i++)
        if (i % SWEEP_LANES % s->threads == w->index) {
            w->sample = i;
            rc = run_sample(w);
        }
    return NULL;
}

// The calling thread is the first worker.
static int run_workers(struct sweep *s)
{
    struct worker workers[SWEEP_LANES] = {0};
    uint32_t started = 0;
    for (uint32_t t = 0; t < s->threads && s->rc == 0; t++) {
        workers[t].sweep = s;
        workers[t].index = t;
        for (uint32_t i = 0; i < s->models && s->rc == 0; i++) {
            if (context_create(s->model[i], 1, &workers[t].context[i]) < 0)
                s->rc = command_fail(s->options->command, "no memory to run the model");
            else
                context_watch(workers[t].context[i], watch, &workers[t]);
        }
    }
    for (uint32_t t = 1; t < s->threads && s->rc == 0; t++, started++)
        if (pthread_create(&workers[t].thread, NULL, work, &workers[t]) != 0) {
            pthread_mutex_lock(&s->lock);
            s->rc = command_fail(s->options->command, "no thread to run the model");
            pthread_mutex_unlock(&s->lock);
            break;
        }
    if (started + 1 == s->threads)
        work(&workers[0]);
    for (uint32_t t = 1; t <= started; t++)
        pthread_join(workers[t].thread, NULL);
    for (uint32_t t = 0; t < s->threads; t++)
        for (uint32_t i = 0; i < s->models; i++)
            context_destroy(workers[t].context[i]);
    return s->rc;
}

static bool has_floats(const struct draft *d)
{
    for (uint32_t i = 0; i < d->operator_count; i++)
        if (d->tensors[d->operators[i].outputs[0]].type == TENSOR_FLOAT32)
            return true;
    return false;
}

static int open_model(const struct sweep *s, const struct draft *draft, struct model **model)
{
    uint32_t cpu;
    uint8_t *bytes;
    size_t size;
    struct model_error error;
    int rc = loading_cpu(s->options->command, &cpu);
    if (rc != 0)
        return rc;
    struct model_options options = {.cpu = has_floats(draft) ? 0 : cpu, .no_chains = true};
    rc = tflite_write(draft, &bytes, &size);
    if (rc < 0)
        return command_fail(s->options->command, "writing the model to run it: %s", strerror(-rc));
    rc = model_open_memory(bytes, size, &options, model, &error);
    free(bytes);
    return rc < 0 ? command_fail(s->options->command, "%s", error.text) : 0;
}

static int open_all(struct sweep *s)
{
    const struct sweep_options *o = s->options;
    for (uint32_t i = 0; i < s->models; i++) {
        int rc = open_model(s, s->drafts[i], &s->model[i]);
        if (rc == 0)
            rc = samples_open(&s->samples[i], o->command, o->data, s->model[i], &o->picture);
        if (rc != 0)
            return rc;
    }
    s->first = o->part == SWEEP_HELD;
    s->step = o->part == SWEEP_ALL ? 1 : 2;
    s->available = (s->samples[0].count + s->step - 1 - s->first) / s->step;
    s->total = o->most && o->most < s->available ? o->most : s->available;
    s->threads = o->threads < SWEEP_LANES ? o->threads : SWEEP_LANES;
    s->threads = s->threads < s->total ? s->threads : s->total;
    return 0;
}

int sweep_run(const struct sweep_options *options, const struct draft *const *drafts,
              uint32_t count, sweep_watcher *watcher, void *arg, struct sweep_samples *samples)
{
    struct sweep s = {.options = options,
                      .drafts = drafts,
                      .models = count,
                      .watcher = watcher,
                      .arg = arg,
                      .lock = PTHREAD_MUTEX_INITIALIZER};
    int rc = open_all(&s);
    progress_bar_start(&s.progress, options->what, s.total);
    if (rc == 0)
        rc = run_workers(&s);
    progress_bar_finish(&s.progress);
    *samples = (struct sweep_samples){.count = s.total};
    if (rc == 0)
        samples->bounded = samples_bounds(&s.samples[0], &samples->low, &samples->high);
    for (uint32_t i = 0; i < count; i++) {
        if (s.samples[i].path)
            samples_close(&s.samples[i]);
        model_close(s.model[i]);
    }
    pthread_mutex_destroy(&s.lock);
    return rc;
}
