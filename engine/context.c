// SPDX-License-Identifier: Apache-2.0
//
// All addresses are worked out in context_create; a run walks an array of steps and calls them.

#include "engine/context.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/memcheck.h"
#include "engine/model_impl.h"
#include "engine/sharing.h"
#include "engine/team.h"

_Static_assert(CONTEXT_TRIAL_RUNS == SHARING_RUNS, "told in context.h");

struct step {
    layer_run *run;
    const void *params;
    struct layer_io io;
    int32_t units;
};

// What a member of the team needs for a step.
struct task {
    struct context *context;
    const struct step *step;
};

struct context {
    const struct model *model;
    uint32_t threads;
    uint8_t *arena;
    uint8_t *scratch; // threads x scratch_stride; each has LAYER_KEPT bytes, then the scratch
    size_t scratch_stride;
    uint64_t run; // number of this run
    struct sharing *sharing; // NULL: one thread
    struct step *steps;
    struct task *tasks;     // of the steps,
    struct team_job *jobs;  // as the team has them
    void **addresses; // of all steps' tensors
    void **inputs;    // what the engine runs with
    const void **outputs_from;
    void **outputs; // what the caller reads
    uint64_t *profile;
    context_watcher *watcher;
    void *watcher_arg;
};

static void *value_address(struct context *c, int32_t index)
{
    if (index < 0)
        return NULL;
    const struct value *root = &c->model->values[c->model->values[index].root];
    return root->data ? (void *)(uintptr_t)root->data : c->arena + root->offset;
}

static size_t address_count(const struct model *model)
{
    size_t n = 0;
    for (uint32_t i = 0; i < model->layer_count; i++)
        n += model->layers[i].in_count + model->layers[i].out_count;
    return n;
}

static void set_steps(struct context *c)
{
    void **address = c->addresses;
    for (uint32_t i = 0; i < c->model->layer_count; i++) {
        const struct layer *layer = &c->model->layers[i];
        struct step *step = &c->steps[i];
        *step = (struct step){.run = layer->run, .params = layer->params, .units = layer->units};
        c->tasks[i] = (struct task){c, step};
        step->io.run = &c->run;
        step->io.in = (const void **)address;
        for (uint32_t j = 0; j < layer->in_count; j++)
            *address++ = value_address(c, layer->in[j]);
        step->io.out = address;
        for (uint32_t j = 0; j < layer->out_count; j++)
            *address++ = value_address(c, layer->out[j]);
    }
}

static void set_edges(struct context *c)
{
    const struct model *m = c->model;
    for (uint32_t i = 0; i < m->input_count; i++)
        c->inputs[i] = value_address(c, m->inputs[i].tensor);
    for (uint32_t i = 0; i < m->output_count; i++) {
        c->outputs_from[i] = value_address(c, m->outputs[i].tensor);
        bool copy = m->outputs[i].kind == EDGE_COPY;
        c->outputs[i] =
            copy ? (void *)(uintptr_t)c->outputs_from[i] : c->arena + m->output_offsets[i];
    }
}

static void *take(size_t count, size_t element)
{
    return calloc(count ? count : 1, element);
}

static int create(const struct model *model, uint32_t threads, struct sharing *sharing,
                  struct context **created)
{
    struct context *c = calloc(1, sizeof(*c));
    if (!c) {
        sharing_unref(sharing);
        return -ENOMEM;
    }
    c->model = model;
    c->threads = threads ? threads : 1;
    c->sharing = sharing;
    c->scratch_stride = LAYER_KEPT + model->scratch;
    c->steps = take(model->layer_count, sizeof(*c->steps));
    c->tasks = take(model->layer_count, sizeof(*c->tasks));
    c->jobs = take(model->layer_count, sizeof(*c->jobs));
    c->addresses = take(address_count(model), sizeof(void *));
    c->inputs = take(model->input_count, sizeof(void *));
    c->outputs_from = take(model->output_count, sizeof(void *));
    c->outputs = take(model->output_count, sizeof(void *));
    c->arena = aligned_alloc(64, model->arena + 64);
    c->scratch = aligned_alloc(64, c->scratch_stride * c->threads + 64);
    if (!c->steps || !c->tasks || !c->jobs || !c->addresses || !c->inputs || !c->outputs_from ||
        !c->outputs || !c->arena || !c->scratch) {
        context_destroy(c);
        return -ENOMEM;
    }
    // Touched now: the first run must not fault pages in. And results never depend on old memory.
    memset(c->arena, 0, model->arena + 64);
    memset(c->scratch, 0, c->scratch_stride * c->threads + 64);
    set_steps(c);
    set_edges(c);
    *created = c;
    return 0;
}

int context_create(const struct model *model, uint32_t threads, struct context **created)
{
    struct sharing *sharing = threads > 1 ? sharing_create(model->layer_count) : NULL;
    if (threads > 1 && !sharing)
        return -ENOMEM;
    return create(model, threads, sharing, created);
}

int context_create_like(const struct context *other, struct context **created)
{
    struct sharing *sharing = other->sharing ? sharing_ref(other->sharing) : NULL;
    return create(other->model, other->threads, sharing, created);
}

void context_destroy(struct context *c)
{
    if (!c)
        return;
    sharing_unref(c->sharing);
    free(c->steps);
    free(c->tasks);
    free(c->jobs);
    free(c->addresses);
    free(c->inputs);
    free(c->outputs_from);
    free(c->outputs);
    free(c->arena);
    free(c->scratch);
    free(c);
}

void *context_native_input(struct context *c)
{
    return c->inputs[0];
}

void context_set_input(struct context *c, uint32_t index, const void *data)
{
    edge_convert(&c->model->inputs[index], data, c->inputs[index]);
}

const void *context_output(const struct context *c, uint32_t index)
{
    return c->outputs[index];
}

void context_profile(struct context *c, uint64_t *ns)
{
    c->profile = ns;
}

void context_watch(struct context *c, context_watcher *watcher, void *arg)
{
    c->watcher = watcher;
    c->watcher_arg = arg;
}

// ---- running -----------------------------------------------------------------------------------

static void *scratch_of(struct context *c, uint32_t member)
{
    return c->scratch + member * c->scratch_stride + LAYER_KEPT;
}

static void run_piece(void *arg, uint32_t member, int32_t first, int32_t last)
{
    const struct task *task = arg;
    task->step->run(task->step->params, &task->step->io, scratch_of(task->context, member), first,
                    last);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_shared(const struct context *c, uint32_t index)
{
    return c->steps[index].units > 1 && sharing_asks(c->sharing, index);
}

// Opens the steps from `first` on as one list. A watcher sees each layer before the next begins,
// and a profile is of layers one by one: then it is a list of one.
static uint32_t open_steps(struct context *c, struct team *team, uint32_t first)
{
    uint32_t most = c->watcher || c->profile ? 1 : TEAM_JOBS_MAX,
             count = c->model->layer_count - first;
    count = count < most ? count : most;
    for (uint32_t i = first; i < first + count; i++)
        c->jobs[i] = (struct team_job){run_piece, &c->tasks[i], c->steps[i].units,
                                       !is_shared(c, i)};
    team_open(team, c->jobs + first, count);
    return first + count;
}

#ifdef MEMCHECK
static void show_tensors(struct context *c, const int32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (indexes[i] >= 0)
            memcheck_show(value_address(c, indexes[i]), c->model->values[indexes[i]].info.bytes);
}
#endif

// Of the arena a layer sees its own tensors, of the scratch what it asked for.
static void show_layer(struct context *c, uint32_t index)
{
#ifdef MEMCHECK
    const struct layer *layer = &c->model->layers[index];
    memcheck_hide(c->arena, c->model->arena + 64);
    memcheck_hide((uint8_t *)scratch_of(c, 0) + layer->scratch, c->model->scratch - layer->scratch);
    show_tensors(c, layer->in, layer->in_count);
    show_tensors(c, layer->out, layer->out_count);
#endif
    (void)c, (void)index;
}

static void show_all(struct context *c)
{
    memcheck_show(c->arena, c->model->arena + 64);
    memcheck_show(scratch_of(c, 0), c->model->scratch);
}

static void run_alone(struct context *c, uint32_t index)
{
    const struct step *step = &c->steps[index];
    show_layer(c, index);
    step->run(step->params, &step->io, scratch_of(c, 0), 0, step->units);
    show_all(c);
}

static void tell_watcher(struct context *c, uint32_t index)
{
    const struct layer *layer = &c->model->layers[index];
    for (uint32_t i = 0; i < layer->out_count; i++)
        c->watcher(c->watcher_arg, layer->out[i], c->steps[index].io.out[i]);
}

static void run_steps(struct context *c, struct team *team)
{
    bool share = team && sharing_begin(c->sharing), timed = share || c->profile;
    if (team && !sharing_shares(c->sharing))
        team = NULL;
    for (uint32_t i = 0, first = 0, opened = 0; i < c->model->layer_count; i++) {
        uint64_t start = timed ? now() : 0;
        if (team && i == opened)
            opened = open_steps(c, team, first = i);
        if (team)
            team_do(team, i - first);
        else
            run_alone(c, i);
        uint64_t ns = timed ? now() - start : 0;
        if (share)
            sharing_add(c->sharing, i, ns);
        if (c->profile)
            c->profile[i] = ns;
        if (c->watcher)
            tell_watcher(c, i);
    }
}

bool context_wants_team(const struct context *c)
{
    return c->sharing && sharing_wants_team(c->sharing);
}

static void run_team(struct context *c, struct team *team)
{
    bool timed = !sharing_decided(c->sharing);
    uint64_t start = timed ? now() : 0;
    if (context_wants_team(c))
        team_wake(team);
    run_steps(c, team);
    team_rest(team);
    sharing_end(c->sharing, timed ? now() - start : 0);
}

void context_run(struct context *c, struct team *team)
{
    const struct model *m = c->model;
    c->run++;
    // A bigger team would need scratch that this context does not have.
    if (team && c->sharing && team_members(team) <= c->threads)
        run_team(c, team);
    else
        run_steps(c, NULL);
    for (uint32_t i = 0; i < m->output_count; i++)
        if (m->outputs[i].kind != EDGE_COPY)
            edge_convert(&m->outputs[i], c->outputs_from[i], c->outputs[i]);
}
