// SPDX-License-Identifier: Apache-2.0
//
// JPEG frames, from a camera that knows nothing else and from an .mjpeg file: the classes are those
// that qmodel gives for the same picture, number for number, and broken frames between good ones
// are counted and harm nobody.

#include <unistd.h>

#include "engine/classify.h"
#include "qmodel/frame_option.h"
#include "qmodel/picture_input.h"
#include "tests/unit/daemon_camera_rig.h"
#include "tests/unit/imaging_files.h"

#define NODE "/dev/video0"
#define NET "tests/golden/float/net.tflite" // 24 x 24 in, 50 values out

static const struct fake_mode jpeg_only[] = {{V4L2_PIX_FMT_MJPEG, 640, 480, 30}, {0, 0, 0, 0}};
static char path[] = "/tmp/qedge-mjpeg.XXXXXX.mjpeg";

static int setup_file(void **state)
{
    memcpy(strrchr(path, '.') - 6, "XXXXXX", 6);
    int fd = mkstemps(path, (int)strlen(".mjpeg"));
    if (fd < 0 || close(fd) < 0)
        return -1;
    return setup(state);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const struct test_file *content)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content->data, 1, content->size, file), content->size);
    assert_int_equal(fclose(file), 0);
}

// ---- what qmodel says ------------------------------------------------------

struct answer {
    uint32_t count;
    struct classify_hit hits[RING_TOP_K];
};

// `qmodel run --frame MJPG`. (Without --frame a JPEG is a photograph: libjpeg's own colours at full
// size, as tools for training read it. A frame is only decoded as far as the model needs.)
static void ask_qmodel(const struct test_file *jpeg, struct answer *answer)
{
    struct config_model config = {.path = NET};
    struct picture_options options = {0};
    struct picture_error error;
    struct network_error why;
    struct convert_target target;
    struct network *network;
    assert_int_equal(network_create(&config, 1, &network, &why), 0);
    struct context *context = network->contexts[0];
    assert_int_equal(picture_input_target(network->model, &options, &target), 0);
    assert_int_equal(frame_option_parse("run", "MJPG", &options.frame), 0);
    write_file(jpeg);
    if (picture_input_load(&target, &options.frame, path, context, &error) < 0)
        fail_msg("%s", error.text);
    context_run(context, NULL);
    answer->count = classify_top_k(model_output(network->model, 0), context_output(context, 0),
                                   RING_TOP_K, answer->hits);
    network_unref(network);
}

static bool is_answer(const struct ring_record *record, const struct answer *answer)
{
    bool same = record->hit_count == answer->count;
    for (uint32_t i = 0; same && i < answer->count; i++)
        same = record->hits[i].label == answer->hits[i].index &&
               memcmp(&record->hits[i].score, &answer->hits[i].score, sizeof(float)) == 0;
    return same;
}

static void expect_answer(struct rig *rig, const struct answer *answer)
{
    struct ring_record record;
    wait_for(rig, STATS_FRAMES_PUBLISHED, 3);
    assert_true(stream_last_record(rig->stream, &record));
    assert_int_equal(record.hit_count, RING_TOP_K);
    if (!is_answer(&record, answer))
        fail_msg("class %u %.9g, not %u %.9g", record.hits[0].label, (double)record.hits[0].score,
                 answer->hits[0].index, (double)answer->hits[0].score);
    assert_int_equal(counter(rig, STATS_FRAMES_BAD), 0);
    rig_stop(rig);
}

// ---- the same classes ------------------------------------------------------

static struct config_source replay_config(double fps, bool loop)
{
    struct config_source config = camera_config("", 0, 0, fps, "auto");
    config.type = CONFIG_REPLAY;
    config.loop = loop;
    snprintf(config.path, sizeof(config.path), "%s", path);
    return config;
}

static void compare(const struct test_file *jpeg)
{
    struct config_source camera = camera_config(NODE, 640, 480, 30, "auto");
    struct config_source replay = replay_config(CONFIG_FPS_MAX, true);
    struct answer answer;
    struct rig rig;
    ask_qmodel(jpeg, &answer);
    fake_count = 0;
    struct fake_camera *fake = fake_add(NODE, jpeg_only);
    fake->jpeg = jpeg->data;
    fake->jpeg_size = jpeg->size;
    rig_start_model(&rig, &camera, NET, RING_TOP_K);
    expect_answer(&rig, &answer);
    write_file(jpeg);
    rig_start_model(&rig, &replay, NET, RING_TOP_K);
    expect_answer(&rig, &answer);
}

static void test_same_classes(void **state)
{
    (void)state;
    static const struct jpeg_kind kinds[] = {{JCS_YCbCr, 2, 2, false, 0, false},
                                             {JCS_YCbCr, 2, 1, false, 0, false},
                                             {JCS_YCbCr, 1, 1, false, 0, false},
                                             {JCS_YCbCr, 2, 1, false, 3, false},
                                             {JCS_GRAYSCALE, 1, 1, false, 0, false}};
    static const int sizes[][2] = {{40, 30}, {47, 45}, {640, 480}, {353, 640}};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            struct test_file jpeg = test_jpeg(sizes[s][0], sizes[s][1], kinds[k]);
            compare(&jpeg);
            test_file_finish(&jpeg);
        }
    }
}

// UVC cameras leave the Huffman tables out: the standard ones are meant.
static void test_without_tables(void **state)
{
    (void)state;
    struct test_file whole =
        test_jpeg(40, 30, (struct jpeg_kind){JCS_YCbCr, 2, 1, false, 0, false});
    struct test_file jpeg = test_jpeg_without_tables(&whole);
    struct answer answer, bare;
    ask_qmodel(&whole, &answer);
    ask_qmodel(&jpeg, &bare);
    assert_memory_equal(answer.hits, bare.hits, sizeof(bare.hits));
    compare(&jpeg);
    test_file_finish(&jpeg);
    test_file_finish(&whole);
}

// ---- broken frames between good ones ---------------------------------------

#define BREAKAGES 7 // kinds of damage; the first is none

// Frame n of the camera, damaged in way n % BREAKAGES.
static struct test_file damage(const struct test_file *jpeg, uint32_t way)
{
    struct test_file file = {0};
    test_file_append(&file, jpeg->data, jpeg->size);
    switch (way) {
    case 1: file.size /= 2; break;
    case 2: file.size = 30; break;
    case 3: memset(file.data + file.size / 2, 0xff, file.size / 4); break;
    case 4: memset(file.data, 0, file.size); break;
    case 5: file.data[0] = 0; break;
    case 6: file.size = 1; break;
    default: break;
    }
    return file;
}

static struct test_file frames[BREAKAGES];

static int damaged_frames(struct fake_camera *fake, unsigned long request, void *argument,
                          int status)
{
    struct v4l2_buffer *buffer = argument;
    if (request != VIDIOC_DQBUF || status < 0)
        return status;
    const struct test_file *frame = &frames[buffer->sequence % BREAKAGES];
    memcpy(fake->memory[buffer->index][0], frame->data, frame->size);
    buffer->bytesused = (uint32_t)frame->size;
    return status;
}

// What is published is every seventh frame, as it should be; the rest is counted.
static void check_published(struct rig *rig, struct ring_reader *reader,
                            const struct answer *answer)
{
    struct ring_record record;
    uint64_t lost, count = 0;
    for (; ring_next(reader, &record, &lost) == 0; count++) {
        if (record.frame % BREAKAGES != 0 || !is_answer(&record, answer))
            fail_msg("frame %llu was published, class %u", (unsigned long long)record.frame,
                     record.hits[0].label);
    }
    assert_int_equal(count, counter(rig, STATS_FRAMES_PUBLISHED));
}

static void test_damaged_in_camera(void **state)
{
    (void)state;
    struct config_source config = camera_config(NODE, 640, 480, 30, "auto");
    struct test_file jpeg =
        test_jpeg(160, 120, (struct jpeg_kind){JCS_YCbCr, 2, 1, false, 0, false});
    struct source_status status;
    struct ring_reader reader;
    struct answer answer;
    struct rig rig;
    ask_qmodel(&jpeg, &answer);
    for (uint32_t way = 0; way < BREAKAGES; way++)
        frames[way] = damage(&jpeg, way);
    struct fake_camera *fake = fake_add(NODE, jpeg_only);
    fake->jpeg = jpeg.data;
    fake->jpeg_size = jpeg.size;
    fake->twist = damaged_frames;
    fake->period_ms = 2;
    rig_start_model(&rig, &config, NET, RING_TOP_K);
    assert_int_equal(ring_reader_init(&reader, rig.stream->publisher.ring.fd, true), 0);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 15);
    assert_true(counter(&rig, STATS_FRAMES_BAD) > 15);
    source_get_status(rig.source, &status);
    assert_int_equal(status.state, SOURCE_RUNNING);
    assert_int_equal(fake->opens, 1);
    source_join(rig.source); // its frames come back, counted
    while (!stream_is_idle(rig.stream))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(counter(&rig, STATS_FRAMES_IN), counter(&rig, STATS_FRAMES_PUBLISHED) +
                                                         counter(&rig, STATS_FRAMES_BAD) +
                                                         counter(&rig, STATS_FRAMES_DROPPED));
    check_published(&rig, &reader, &answer);
    ring_reader_finish(&reader);
    rig_stop(&rig);
    for (uint32_t way = 0; way < BREAKAGES; way++)
        test_file_finish(&frames[way]);
    test_file_finish(&jpeg);
}

// In a file nothing is dropped, so the counts are exact. Damage that leaves no beginning of a JPEG
// is no frame but something between two.
static void test_damaged_in_file(void **state)
{
    (void)state;
    static const uint32_t ways[] = {0, 1, 0, 3, 0, 4, 0, 2, 5, 0, 6, 0, 3, 3, 0};
    struct test_file jpeg =
        test_jpeg(160, 120, (struct jpeg_kind){JCS_YCbCr, 2, 2, false, 0, false});
    struct test_file film = {0};
    struct config_source config;
    struct ring_reader reader;
    struct ring_record record;
    struct answer answer;
    struct rig rig;
    uint64_t lost, good = 0;
    ask_qmodel(&jpeg, &answer);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct test_file frame = damage(&jpeg, ways[i]);
        test_file_append(&film, frame.data, frame.size);
        test_file_finish(&frame);
        good += ways[i] == 0;
    }
    write_file(&film);
    config = replay_config(CONFIG_FPS_MAX, false);
    rig_start_model(&rig, &config, NET, RING_TOP_K);
    assert_int_equal(ring_reader_init(&reader, rig.stream->publisher.ring.fd, true), 0);
    struct source_status status;
    wait_state(&rig, SOURCE_FINISHED, &status);
    assert_int_equal(counter(&rig, STATS_FRAMES_PUBLISHED), good);
    assert_int_equal(counter(&rig, STATS_FRAMES_DROPPED), 0);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 5); // ways 1, 3, 2, 3 and 3
    while (ring_next(&reader, &record, &lost) == 0)
        assert_true(is_answer(&record, &answer));
    ring_reader_finish(&reader);
    rig_stop(&rig);
    test_file_finish(&film);
    test_file_finish(&jpeg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_classes, setup_file, remove_file),
        cmocka_unit_test_setup_teardown(test_without_tables, setup_file, remove_file),
        cmocka_unit_test_setup_teardown(test_damaged_in_camera, setup_file, remove_file),
        cmocka_unit_test_setup_teardown(test_damaged_in_file, setup_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
