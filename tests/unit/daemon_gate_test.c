// SPDX-License-Identifier: Apache-2.0
//
// The motion gate: what opens it and what does not (sensor noise, flicker, drift, small and large
// things), the order of decisions when workers overtake each other, and max_fps.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/gate.h"
#include "daemon/publisher.h"
#include "daemon/rate_limit.h"
#include "imaging/convert.h"
#include "kernels/kernels.h"

#define SIDE 224
#define BYTES (SIDE * SIDE * 3)
#define S CLOCK_NS_PER_S

static const struct gate_picture shape = {SIDE, SIDE, 3, 1};
static const struct config_gate usual = {.threshold = 0.5, .level = 8, .heartbeat = 10};
static uint64_t random_state;

static int random_below(int limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((random_state >> 33) % (uint64_t)limit);
}

// Roughly normal: twelve uniform numbers have a variance of 1.
static double noise(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += random_below(1000) / 999.0;
    return sum;
}

// ---- a scene: a wall that gets brighter to the right, with a pattern, and a grey box -----------

struct scene {
    double sigma, brightness;
    int box_x, box_side, box_grey;
};

static uint8_t clamped(double grey)
{
    return grey < 0 ? 0 : grey > 255 ? 255 : (uint8_t)(grey + 0.5);
}

static void draw(const struct scene *scene, int8_t *picture)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++) {
                bool box = x >= scene->box_x && x < scene->box_x + scene->box_side && y >= 100 &&
                           y < 100 + scene->box_side;
                double grey = box ? scene->box_grey
                                  : 60 + x / 2 + ((x / 5 + y / 7) % 2) * 30 + c * 5;
                grey += scene->brightness + (scene->sigma > 0 ? scene->sigma * noise() : 0);
                picture[(y * SIDE + x) * 3 + c] = (int8_t)(clamped(grey) - 128);
            }
}

static bool opens(const struct scene *now, const struct scene *then, const struct config_gate *gate)
{
    static int8_t a[BYTES], b[BYTES];
    struct gate_change change;
    draw(now, a);
    draw(then, b);
    gate_compare(kernel_difference_select(kernel_cpu_detect()), &shape, a, b, gate->level, &change);
    assert_int_equal(change.cells, GATE_SIDE * GATE_SIDE);
    return (change.changed && change.changed * 100.0 > gate->threshold * change.cells) ||
           change.median > GATE_WHOLE * gate->level;
}

static void test_noise(void **state)
{
    (void)state;
    struct scene still = {.box_side = 0}, noisy;
    for (int sigma = 0; sigma <= 16; sigma += 4) {
        noisy = (struct scene){.sigma = sigma};
        for (int i = 0; i < 3; i++)
            if (opens(&noisy, i ? &noisy : &still, &usual))
                fail_msg("noise of %d levels opens the gate", sigma);
    }
    // a lamp's flicker, and that in noise
    noisy = (struct scene){.brightness = 12};
    assert_false(opens(&noisy, &still, &usual));
    noisy.sigma = 6;
    assert_false(opens(&noisy, &still, &usual));
}

static void test_things(void **state)
{
    (void)state;
    for (int sigma = 0; sigma <= 8; sigma += 4) {
        struct scene without = {.sigma = sigma},
                     with = {.sigma = sigma, .box_x = 50, .box_side = 24, .box_grey = 20};
        struct scene moved = with, tiny = with;
        moved.box_x += 12;
        tiny.box_side = 2;
        if (!opens(&with, &without, &usual) || !opens(&without, &with, &usual))
            fail_msg("a thing that comes or goes in noise of %d is not seen", sigma);
        if (!opens(&moved, &with, &usual))
            fail_msg("a moved thing in noise of %d is not seen", sigma);
        if (opens(&tiny, &without, &usual))
            fail_msg("2 x 2 pixels open the gate");
        struct config_gate blind = usual;
        blind.threshold = 20; // percent; the box is 1
        if (opens(&with, &without, &blind))
            fail_msg("threshold is not minded");
        blind = usual;
        blind.level = 128;
        if (opens(&with, &without, &blind))
            fail_msg("level is not minded");
    }
    // everything: the light went on
    struct scene dark = {.brightness = 0}, light = {.brightness = 60};
    assert_true(opens(&light, &dark, &usual));
}

// Same bytes by every kernel, whatever the size: models for 96 x 96 grey pictures and for odd ones.
static void test_sizes(void **state)
{
    (void)state;
    static const struct gate_picture shapes[] = {{96, 96, 1, 1}, {32, 32, 3, 0.5},
                                                 {1, 1, 1, 1},   {3, 200, 3, 2},
                                                 {301, 7, 3, 1}, {10922, 1, 3, 1}};
    static int8_t a[33000], b[33000];
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const struct gate_picture *picture = &shapes[i];
        size_t bytes = (size_t)(picture->width * picture->height * picture->channels);
        struct gate_change one, all;
        memset(a, -128, bytes);
        memset(b, -128, bytes);
        gate_compare(kernel_difference_select(0), picture, a, b, 8, &one);
        assert_true(one.cells > 0 && one.cells <= GATE_SIDE * GATE_SIDE && one.changed == 0);
        memset(b, 127, bytes); // saturates, or is 127 of 255 levels
        gate_compare(kernel_difference_select(0), picture, a, b, 8, &all);
        double expected = 255 * picture->levels < 255.75 ? 255 * picture->levels : 255.75;
        assert_true(all.cells == one.cells && all.changed == 0);
        assert_float_equal((float)all.median, (float)expected, 0.25f);
        for (size_t k = 0; k < bytes; k++)
            b[k] = (int8_t)random_below(256);
        gate_compare(kernel_difference_select(0), picture, a, b, 8, &one);
        gate_compare(kernel_difference_select(kernel_cpu_detect()), picture, a, b, 8, &all);
        assert_memory_equal(&one, &all, sizeof(one));
    }
}

// ---- decisions -------------------------------------------------------------

static const struct convert_target int8_input = {.width = SIDE,
                                                 .height = SIDE,
                                                 .channels = 3,
                                                 .std = {128, 128, 128},
                                                 .mean = {127, 127, 127},
                                                 .output = CONVERT_INT8,
                                                 .scale = 1.0f / 128};

static struct gate_memory *memory_for(const struct config_gate *settings,
                                      const struct convert_target *target)
{
    struct gate_memory *memory;
    assert_int_equal(gate_memory_create(settings, target, &memory), 0);
    return memory;
}

static void start(struct gate *gate, const struct convert_target *target)
{
    gate_init(gate, &usual, memory_for(&usual, target));
}

static void set(struct gate *gate, const struct config_gate *settings)
{
    gate_memory_unref(gate_swap(gate, settings, memory_for(settings, &int8_input)));
}

static bool decide(struct gate *gate, const void *picture, uint64_t now_ns, bool must)
{
    struct gate_turn turn = gate_take_turn(gate);
    return gate_decide(gate, &turn, picture, now_ns, must);
}

static void test_decisions(void **state)
{
    (void)state;
    static int8_t wall[BYTES], box[BYTES];
    struct gate gate;
    struct config_gate off = {.threshold = 0, .level = 8, .heartbeat = 10};
    draw(&(struct scene){.sigma = 2}, wall);
    draw(&(struct scene){.sigma = 2, .box_x = 50, .box_side = 30}, box);
    start(&gate, &int8_input);
    assert_true(decide(&gate, wall, 1 * S, false)); // the first
    assert_false(decide(&gate, wall, 2 * S, false));
    assert_true(decide(&gate, box, 3 * S, false));
    assert_false(decide(&gate, box, 4 * S, false));
    assert_true(decide(&gate, box, 5 * S, true)); // asked for
    assert_false(decide(&gate, box, 15 * S - 1, false));
    assert_true(decide(&gate, box, 15 * S, false));  // the heartbeat
    assert_false(decide(&gate, box, 14 * S, false)); // a worker with an older time
    set(&gate, &usual);
    assert_true(decide(&gate, box, 17 * S, false)); // another model, other settings
    assert_false(decide(&gate, box, 17 * S, false));
    set(&gate, &off);
    assert_true(decide(&gate, box, 18 * S, false));
    assert_true(decide(&gate, box, 18 * S, false));
    set(&gate, &usual);
    assert_true(decide(&gate, box, 19 * S, false)); // what was inferred meanwhile is not known
    struct gate_turn broken = gate_take_turn(&gate);
    gate_pass(&gate, &broken);
    assert_false(decide(&gate, box, 20 * S, false));
    gate_finish(&gate);
}

// A tree's shadow: one frame differs from the one before by next to nothing, but it adds up.
static void test_drift(void **state)
{
    (void)state;
    static int8_t picture[BYTES];
    struct gate gate;
    int opened = 0;
    start(&gate, &int8_input);
    for (int i = 0; i <= 60; i++) {
        draw(&(struct scene){.sigma = 2, .box_x = 80, .box_side = 40, .box_grey = 60 + i}, picture);
        opened += decide(&gate, picture, (uint64_t)(i + 1) * S / 30, false);
    }
    assert_in_range(opened, 4, 9);
    gate_finish(&gate);
}

// The same scene as uint8 and as floats, and steps that are more than a grey level.
static void test_kinds(void **state)
{
    (void)state;
    static int8_t scenes[2][BYTES];
    static uint8_t bytes[BYTES];
    static float floats[BYTES];
    draw(&(struct scene){.sigma = 2}, scenes[0]);
    draw(&(struct scene){.sigma = 2, .box_x = 50, .box_side = 24, .box_grey = 20}, scenes[1]);
    for (int kind = 0; kind < 2; kind++) {
        struct gate gate;
        struct convert_target target = int8_input;
        target.output = kind ? CONVERT_FLOAT32 : CONVERT_UINT8;
        target.mean[0] = target.mean[1] = target.mean[2] = 127.5f;
        start(&gate, &target);
        for (int i = 0; i < 4; i++) {
            const int8_t *scene = scenes[i / 2];
            for (size_t k = 0; k < BYTES; k++) {
                bytes[k] = (uint8_t)(scene[k] + 128);
                floats[k] = ((float)bytes[k] - 127.5f) / 128;
            }
            bool opened = decide(&gate, kind ? (void *)floats : bytes, (uint64_t)(i + 1), false);
            assert_int_equal(opened, i % 2 == 0);
        }
        gate_finish(&gate);
    }
}

// ---- order -----------------------------------------------------------------

struct late {
    struct gate *gate;
    struct gate_turn turn;
    const int8_t *picture;
    bool opened;
};

static void *decide_late(void *arg)
{
    struct late *late = arg;
    late->opened = gate_decide(late->gate, &late->turn, late->picture, S, false);
    return NULL;
}

// Three workers, the last frame's is ready first: each is compared with what came before it.
static void test_order(void **state)
{
    (void)state;
    static int8_t wall[BYTES], box[BYTES];
    struct gate gate;
    struct late late[3];
    pthread_t threads[3];
    draw(&(struct scene){.sigma = 0}, wall);
    draw(&(struct scene){.box_x = 50, .box_side = 30}, box);
    start(&gate, &int8_input);
    assert_true(decide(&gate, wall, S, false));
    for (int i = 0; i < 3; i++)
        late[i] = (struct late){
            .gate = &gate, .turn = gate_take_turn(&gate), .picture = i == 1 ? box : wall};
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(pthread_create(&threads[i], NULL, decide_late, &late[i]), 0);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_false(late[0].opened); // the wall as before
    assert_true(late[1].opened);  // the box is there
    assert_true(late[2].opened);  // it is gone
    gate_finish(&gate);
}

// A reload while a worker is at a frame: that one is compared with what its own network has seen,
// by the pictures it took along, whatever size the next network's are.
static void test_swap_under_way(void **state)
{
    (void)state;
    static int8_t wall[BYTES];
    struct gate gate;
    struct convert_target small = int8_input;
    small.width = small.height = 1;
    draw(&(struct scene){.sigma = 0}, wall);
    start(&gate, &int8_input);
    assert_true(decide(&gate, wall, S, false));
    struct gate_turn under_way = gate_take_turn(&gate);
    gate_memory_unref(gate_swap(&gate, &usual, memory_for(&usual, &small)));
    struct gate_turn next = gate_take_turn(&gate);
    assert_false(gate_decide(&gate, &under_way, wall, 2 * S, false));
    assert_true(gate_decide(&gate, &next, wall, 3 * S, false));
    gate_finish(&gate);
}

// A gated record has its own times and numbers and the last inference's hits, whatever settles
// first.
static void test_repeated(void **state)
{
    (void)state;
    struct publisher publisher;
    struct ring_reader reader;
    struct ring_record record;
    uint64_t lost;
    assert_int_equal(publisher_init(&publisher, "test", 16), 0);
    assert_int_equal(ring_reader_init(&reader, publisher.ring.fd, true), 0);
    for (uint64_t i = 6; i-- > 0;) { // 0 and 3 are inferred, 5 … 0 settle in that order
        bool inferred = i % 3 == 0;
        record = (struct ring_record){.frame = 100 + i, .flags = inferred ? 0 : RING_RECORD_GATED};
        if (inferred) {
            record.hit_count = 2;
            record.hits[0] = (struct ring_hit){.label = (uint32_t)i + 7, .score = 0.5f};
        }
        publisher_settle(&publisher, i, &record);
    }
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(ring_next(&reader, &record, &lost), 0);
        assert_int_equal(record.sequence, i + 1);
        assert_int_equal(record.frame, 100 + i);
        assert_int_equal(record.hit_count, 2);
        assert_int_equal(record.hits[0].label, (i / 3) * 3 + 7);
        assert_int_equal(record.flags, i % 3 ? RING_RECORD_GATED : 0);
    }
    struct stats_reader stats = stats_writer_reader(&publisher.stats);
    struct stats_summary infer;
    assert_int_equal(stats_counter(&stats, STATS_FRAMES_GATED), 4);
    assert_int_equal(stats_counter(&stats, STATS_FRAMES_PUBLISHED), 6);
    stats_summarize(&stats, STATS_STAGE_INFER, &infer);
    assert_int_equal(infer.count, 2);
    ring_reader_finish(&reader);
    publisher_finish(&publisher);
}

// ---- max_fps ---------------------------------------------------------------

// How many of a camera's frames in ten seconds; its frames come up to jitter_us early or late.
static int admitted(double camera_fps, double max_fps, int jitter_us, int *in_a_row)
{
    struct rate_limit limit = {0};
    int count = 0, row = 0;
    rate_limit_set(&limit, max_fps);
    *in_a_row = 0;
    for (int i = 0; i < (int)(10 * camera_fps); i++) {
        double at = 1e12 + i * 1e9 / camera_fps;
        if (jitter_us)
            at += 1000.0 * (random_below(2 * jitter_us) - jitter_us);
        bool taken = rate_limit_admits(&limit, (uint64_t)at);
        count += taken;
        row = taken ? 0 : row + 1;
        *in_a_row = row > *in_a_row ? row : *in_a_row;
    }
    return count;
}

static void test_rates(void **state)
{
    (void)state;
    int row;
    assert_int_equal(admitted(30, 0, 0, &row), 300);
    assert_int_equal(admitted(30, 60, 2000, &row), 300);
    for (int jitter = 0; jitter <= 4000; jitter += 2000) {
        assert_in_range(admitted(30, 30, jitter, &row), 297, 300);
        assert_in_range(admitted(30, 25, jitter, &row), 248, 251);
        assert_in_range(admitted(30, 15, jitter, &row), 149, 151);
        assert_in_range(row, 1, 2);
        assert_in_range(admitted(30, 10, jitter, &row), 99, 101);
        assert_in_range(row, 2, 3);
        assert_in_range(admitted(30, 0.5, jitter, &row), 5, 6);
    }
    // a pause is not made up for
    struct rate_limit limit = {0};
    rate_limit_set(&limit, 10);
    int count = 0;
    for (uint64_t at = 100 * S; at < 101 * S; at += S / 100)
        count += rate_limit_admits(&limit, at);
    for (uint64_t at = 110 * S; at < 111 * S; at += S / 100)
        count += rate_limit_admits(&limit, at);
    assert_in_range(count, 19, 22);
    // from slow to fast: not only after the slow one's next moment
    rate_limit_set(&limit, 0.1);
    assert_true(rate_limit_admits(&limit, 200 * S));
    assert_false(rate_limit_admits(&limit, 201 * S));
    rate_limit_set(&limit, 10);
    assert_true(rate_limit_admits(&limit, 201 * S + S / 5));
    rate_limit_set(&limit, 0);
    assert_true(rate_limit_admits(&limit, 201 * S + S / 5 + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise),     cmocka_unit_test(test_things),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_drift),
        cmocka_unit_test(test_decisions), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_swap_under_way),
        cmocka_unit_test(test_repeated),  cmocka_unit_test(test_rates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
