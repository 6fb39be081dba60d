// SPDX-License-Identifier: Apache-2.0

#include "daemon/gate.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/network.h"
#include "kernels/kernels.h"

#define CELLS_MAX (GATE_SIDE * GATE_SIDE)
#define FINE 4 // differences are counted in quarters of a grey level
#define BINS (256 * FINE)
#define GROUP 8 // bytes of one sum of kernel_difference
#define GROUPS_MAX 4096

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

// ---- life ------------------------------------------------------------------

void gate_init(struct gate *gate, const struct config_gate *settings)
{
    uint32_t cpu = 0;
    const char *bad;
    (void)kernel_cpu_allowed(&cpu, &bad); // a wrong QEDGE_CPU was refused when the model was loaded
    *gate = (struct gate){.settings = *settings, .kernel = kernel_difference_select(cpu)};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->turned, NULL);
}

void gate_finish(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->turned);
    free(gate->then);
    free(gate->now);
}

void gate_set(struct gate *gate, const struct config_gate *settings)
{
    gate->settings = *settings;
    gate->epoch++;
}

struct gate_turn gate_take_turn(struct gate *gate)
{
    struct gate_turn turn = {
        .on = gate->settings.threshold > 0, .epoch = gate->epoch, .settings = gate->settings};
    if (turn.on)
        turn.number = gate->turns++;
    return turn;
}

// ---- deciding --------------------------------------------------------------

static size_t value_count(const struct convert_target *target)
{
    return (size_t)target->width * (size_t)target->height * (size_t)target->channels;
}

static bool make_picture(int8_t **picture, size_t *capacity, size_t count)
{
    if (count > *capacity) {
        free(*picture);
        *picture = malloc(count);
        *capacity = *picture ? count : 0;
    }
    return count <= *capacity;
}

static bool make_room(struct gate *gate, const struct convert_target *target)
{
    size_t count = value_count(target);
    return make_picture(&gate->then, &gate->then_capacity, count) &&
           (target->output == CONVERT_INT8 || make_picture(&gate->now, &gate->now_capacity, count));
}

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
static const int8_t *picture_of(struct gate *gate, const struct convert_target *target,
                                const void *input)
{
    if (target->output == CONVERT_INT8)
        return input;
    if (target->output == CONVERT_FLOAT32) {
        picture_of_floats(target, input, gate->now);
        return gate->now;
    }
    for (size_t i = 0, count = value_count(target); i < count; i++)
        gate->now[i] = (int8_t)(((const uint8_t *)input)[i] ^ 0x80);
    return gate->now;
}

static bool is_new(const struct gate *gate, const struct gate_turn *turn,
                   const struct convert_target *target, const int8_t *picture)
{
    struct gate_picture shape = {target->width, target->height, target->channels, 1};
    struct gate_change change;
    if (target->output != CONVERT_FLOAT32)
        shape.levels = (double)target->scale * (double)target->std[0];
    gate_compare(gate->kernel, &shape, picture, gate->then, turn->settings.level, &change);
    return (change.changed > 0 &&
            change.changed * 100.0 > turn->settings.threshold * (double)change.cells) ||
           change.median > GATE_WHOLE * turn->settings.level;
}

static bool decide(struct gate *gate, const struct gate_turn *turn, const struct network *network,
                   const void *input, uint64_t now_ns, bool must)
{
    const struct convert_target *target = &network->target;
    if ((size_t)target->width * (size_t)target->channels > GROUP * GROUPS_MAX ||
        !make_room(gate, target)) {
        gate->network = 0;
        return true;
    }
    const int8_t *picture = picture_of(gate, target, input);
    uint64_t heartbeat_ns = (uint64_t)(turn->settings.heartbeat * CLOCK_NS_PER_S);
    bool open = must || gate->network != network->number || gate->then_epoch != turn->epoch ||
                now_ns >= gate->then_ns + heartbeat_ns || is_new(gate, turn, target, picture);
    if (open) {
        memcpy(gate->then, picture, value_count(target));
        gate->network = network->number;
        gate->then_epoch = turn->epoch;
        gate->then_ns = now_ns;
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

static void end_turn(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->next++;
    pthread_cond_broadcast(&gate->turned);
    pthread_mutex_unlock(&gate->lock);
}

bool gate_decide(struct gate *gate, const struct gate_turn *turn, const struct network *network,
                 const void *input, uint64_t now_ns, bool must)
{
    if (!turn->on)
        return true;
    await_turn(gate, turn);
    bool open = decide(gate, turn, network, input, now_ns, must);
    end_turn(gate);
    return open;
}

void gate_pass(struct gate *gate, const struct gate_turn *turn)
{
    if (!turn->on)
        return;
    await_turn(gate, turn);
    end_turn(gate);
}
