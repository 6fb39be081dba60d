// SPDX-License-Identifier: Apache-2.0

#include "daemon/gate.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "imaging/convert.h"
#include "kernels/kernels.h"

#define CELLS_MAX (GATE_SIDE * GATE_SIDE)
#define FINE 4 // differences are counted in quarters of a grey level
#define BINS (256 * FINE)
#define GROUP 8 // bytes of one sum of kernel_difference
#define GROUPS_MAX 4096

_Static_assert(3 * CONVERT_SIDE_MAX <= GROUP * GROUPS_MAX, "a row of any network's picture");

struct gate_memory {
    _Atomic int32_t refs;
    struct convert_target target;
    // the deciding worker's
    bool known;       // there is a picture in `then`
    uint64_t then_ns; // when it was inferred
    int8_t *then;
    int8_t *now; // of networks that do not take int8, else NULL
    int8_t pictures[];
};

// ---- comparing -------------------------------------------------------------

static uint32_t smaller(size_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

// Sums of groups -> means of the cells of one strip of rows, in 1/FINE grey levels.
static void fold(const uint32_t *sums, size_t bytes, int32_t rows, double levels, uint32_t across,
                 uint16_t *cells)
{
    size_t groups = (bytes + GROUP - 1) / GROUP;
    for (uint32_t x = 0; x < across; x++) {
        size_t first = x * groups / across, last = (x + 1) * groups / across;
        size_t end = last * GROUP < bytes ? last * GROUP : bytes;
        uint64_t sum = 0;
        for (size_t i = first; i < last; i++)
            sum += sums[i];
        double mean = (double)sum * levels * FINE / ((double)(end - first * GROUP) * rows);
        cells[x] = mean < BINS - 1 ? (uint16_t)mean : BINS - 1;
    }
}

static uint32_t median_of(const uint16_t *cells, uint32_t count)
{
    uint16_t bins[BINS] = {0};
    uint32_t seen = 0, bin = 0;
    for (uint32_t i = 0; i < count; i++)
        bins[cells[i]]++;
    while (bin < BINS - 1 && (seen += bins[bin]) <= count / 2)
        bin++;
    return bin;
}

void gate_compare(const struct kernel_difference *kernel, const struct gate_picture *picture,
                  const int8_t *now, const int8_t *then, double level, struct gate_change *change)
{
    uint16_t cells[CELLS_MAX];
    uint32_t sums[GROUPS_MAX];
    size_t bytes = (size_t)picture->width * (size_t)picture->channels;
    uint32_t across = smaller((bytes + GROUP - 1) / GROUP, GATE_SIDE);
    uint32_t down = smaller((size_t)picture->height, GATE_SIDE);
    for (uint32_t y = 0; y < down; y++) {
        size_t first = y * (size_t)picture->height / down;
        int32_t rows = (int32_t)((y + 1) * (size_t)picture->height / down - first);
        kernel->run(now + first * bytes, then + first * bytes, bytes, bytes, rows, sums);
        fold(sums, bytes, rows, picture->levels, across, cells + y * across);
    }
    uint32_t median = median_of(cells, across * down);
    *change = (struct gate_change){.cells = across * down, .median = (double)median / FINE};
    for (uint32_t i = 0; i < change->cells; i++)
        change->changed += cells[i] > median + level * FINE;
}

// ---- memory ----------------------------------------------------------------

static size_t value_count(const struct convert_target *target)
{
    return (size_t)target->width * (size_t)target->height * (size_t)target->channels;
}

int gate_memory_create(const struct config_gate *settings, const struct convert_target *target,
                       struct gate_memory **memory)
{
    *memory = NULL;
    if (settings->threshold <= 0)
        return 0;
    size_t count = value_count(target), pictures = target->output == CONVERT_INT8 ? 1 : 2;
    struct gate_memory *fresh = malloc(sizeof(*fresh) + pictures * count);
    if (!fresh)
        return -ENOMEM;
    *fresh = (struct gate_memory){.refs = 1, .target = *target, .then = fresh->pictures};
    if (pictures > 1)
        fresh->now = fresh->pictures + count;
    memset(fresh->pictures, 0, pictures * count); // pages come now, not with the first frame
    *memory = fresh;
    return 0;
}

static struct gate_memory *memory_ref(struct gate_memory *memory)
{
    if (memory)
        atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
    return memory;
}

void gate_memory_unref(struct gate_memory *memory)
{
    if (memory && atomic_fetch_sub_explicit(&memory->refs, 1, memory_order_acq_rel) == 1)
        free(memory);
}

// ---- life ------------------------------------------------------------------

void gate_init(struct gate *gate, const struct config_gate *settings, struct gate_memory *memory)
{
    uint32_t cpu = 0;
    const char *bad;
    (void)kernel_cpu_allowed(&cpu, &bad); // a wrong QEDGE_CPU was refused when the model was loaded
    *gate = (struct gate){
        .settings = *settings, .memory = memory, .kernel = kernel_difference_select(cpu)};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->turned, NULL);
}

void gate_finish(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->turned);
    gate_memory_unref(gate->memory);
}

struct gate_memory *gate_swap(struct gate *gate, const struct config_gate *settings,
                              struct gate_memory *memory)
{
    struct gate_memory *old = gate->memory;
    gate->settings = *settings;
    gate->memory = memory;
    return old;
}

struct gate_turn gate_take_turn(struct gate *gate)
{
    struct gate_turn turn = {.memory = memory_ref(gate->memory), .settings = gate->settings};
    if (turn.memory)
        turn.number = gate->turns++;
    return turn;
}

// ---- deciding --------------------------------------------------------------

// Back to grey levels, as int8.
static void picture_of_floats(const struct convert_target *target, const float *input,
                              int8_t *picture)
{
    size_t count = value_count(target), channels = (size_t)target->channels;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = c; i < count; i += channels) {
            float grey = input[i] * target->std[c] + target->mean[c];
            grey = grey < 0 ? 0 : grey > 255 ? 255 : grey;
            picture[i] = (int8_t)((int32_t)(grey + 0.5f) - 128);
        }
}

// As int8 with the same distances. uint8 would be compared as if it began at 128: its sign bit is
// turned.
static const int8_t *picture_of(struct gate_memory *memory, const void *input)
{
    const struct convert_target *target = &memory->target;
    if (target->output == CONVERT_INT8)
        return input;
    if (target->output == CONVERT_FLOAT32) {
        picture_of_floats(target, input, memory->now);
        return memory->now;
    }
    for (size_t i = 0, count = value_count(target); i < count; i++)
        memory->now[i] = (int8_t)(((const uint8_t *)input)[i] ^ 0x80);
    return memory->now;
}

static bool is_new(const struct gate *gate, const struct gate_turn *turn, const int8_t *picture)
{
    const struct convert_target *target = &turn->memory->target;
    struct gate_picture shape = {target->width, target->height, target->channels, 1};
    struct gate_change change;
    if (target->output != CONVERT_FLOAT32)
        shape.levels = (double)target->scale * (double)target->std[0];
    gate_compare(gate->kernel, &shape, picture, turn->memory->then, turn->settings.level, &change);
    return (change.changed > 0 &&
            change.changed * 100.0 > turn->settings.threshold * (double)change.cells) ||
           change.median > GATE_WHOLE * turn->settings.level;
}

static bool decide(const struct gate *gate, const struct gate_turn *turn, const void *input,
                   uint64_t now_ns, bool must)
{
    struct gate_memory *memory = turn->memory;
    const int8_t *picture = picture_of(memory, input);
    uint64_t heartbeat_ns = (uint64_t)(turn->settings.heartbeat * CLOCK_NS_PER_S);
    bool open = must || !memory->known || now_ns >= memory->then_ns + heartbeat_ns ||
                is_new(gate, turn, picture);
    if (open) {
        memcpy(memory->then, picture, value_count(&memory->target));
        memory->known = true;
        memory->then_ns = now_ns;
    }
    return open;
}

static void await_turn(struct gate *gate, const struct gate_turn *turn)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->next != turn->number)
        pthread_cond_wait(&gate->turned, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void end_turn(struct gate *gate, const struct gate_turn *turn)
{
    pthread_mutex_lock(&gate->lock);
    gate->next++;
    pthread_cond_broadcast(&gate->turned);
    pthread_mutex_unlock(&gate->lock);
    gate_memory_unref(turn->memory);
}

bool gate_decide(struct gate *gate, const struct gate_turn *turn, const void *input,
                 uint64_t now_ns, bool must)
{
    if (!turn->memory)
        return true;
    await_turn(gate, turn);
    bool open = decide(gate, turn, input, now_ns, must);
    end_turn(gate, turn);
    return open;
}

void gate_pass(struct gate *gate, const struct gate_turn *turn)
{
    if (!turn->memory)
        return;
    await_turn(gate, turn);
    end_turn(gate, turn);
}
