// SPDX-License-Identifier: Apache-2.0
//
// Everything that is loaded: models, contexts, teams, settings, labels, pictures, recordings and
// conversions. Each call on the way fails once (then: it and all that follow): the loader says why,
// or did not need it and the result is right; nothing stays open, mapped or, under ASan, allocated.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/labels.h"
#include "common/ring.h"
#include "common/stats.h"
#include "daemon/config.h"
#include "daemon/label_file.h"
#include "daemon/network.h"
#include "engine/context.h"
#include "engine/model.h"
#include "engine/team.h"
#include "imaging/convert.h"
#include "imaging/decode.h"
#include "kernels/kernels.h"
#include "tests/fault/inject.h"
#include "tests/unit/fds_open.h"

#define CALLS_MAX 5000
#define TINY "tests/golden/models/conv_same.tflite"

struct outcome {
    int status;
    char text[1000]; // what was said
    uint64_t sum;    // of the result: the same in every run that succeeds
};

static uint64_t sum_bytes(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + ((const uint8_t *)bytes)[i];
    return sum;
}

// ---- what is loaded -----------------------------------------------------------------------------

static void run_model(const struct model *model, struct outcome *outcome)
{
    struct context *context;
    outcome->status = context_create(model, 1, &context);
    if (outcome->status < 0) {
        snprintf(outcome->text, sizeof(outcome->text), "no memory for a context");
        return;
    }
    memset(context_native_input(context), 3, model_native_input(model)->bytes);
    context_run(context, NULL);
    outcome->sum = sum_bytes(1, context_output(context, 0), model_output(model, 0)->bytes);
    context_destroy(context);
}

static void load_model(const char *path, struct outcome *outcome)
{
    struct model_options options = {.cpu = kernel_cpu_detect()};
    struct model_error error = {{0}};
    struct model *model;
    outcome->status = model_open(path, &options, &model, &error);
    snprintf(outcome->text, sizeof(outcome->text), "%s", error.text);
    if (outcome->status < 0)
        return;
    run_model(model, outcome);
    model_close(model);
}

static void load_tiny(struct outcome *outcome)
{
    load_model(TINY, outcome);
}

static void load_float(struct outcome *outcome)
{
    load_model("tests/golden/models/float_io_conv.tflite", outcome);
}

// As the daemon loads one: model, labels, a context for each of two workers.
static void load_network(struct outcome *outcome)
{
    struct config_model config = {.path = TINY};
    struct network *network;
    struct network_error error = {{0}};
    outcome->status = network_create(&config, 2, &network, &error);
    snprintf(outcome->text, sizeof(outcome->text), "%s", error.text);
    if (outcome->status < 0)
        return;
    outcome->sum = network->label_count + 1;
    network_unref(network);
}

static void load_labels(struct outcome *outcome)
{
    char **labels;
    uint32_t count;
    outcome->status = label_file_read("models/imagenet_labels.txt", &labels, &count, outcome->text,
                                      sizeof(outcome->text));
    if (outcome->status < 0)
        return;
    outcome->sum = count;
    label_file_free(labels, count);
}

static void make_team(struct outcome *outcome)
{
    struct team_options options = {.members = 3};
    struct team *team;
    outcome->status = team_create(&options, &team);
    snprintf(outcome->text, sizeof(outcome->text), "no team");
    if (outcome->status == 0)
        team_destroy(team);
}

static void load_settings(const char *text, struct outcome *outcome)
{
    static struct config config, before;
    struct config_errors errors = {0};
    memset(&before, 0x77, sizeof(before));
    memcpy(&config, &before, sizeof(config));
    outcome->status = text ? config_parse("x.yaml", text, strlen(text), &config, &errors)
                           : config_load("etc/qedged.yaml", &config, &errors);
    if (outcome->status == 0)
        outcome->sum = sum_bytes(1, &config, sizeof(config));
    else if (memcmp(&config, &before, sizeof(config)) != 0)
        outcome->sum = 99; // half filled
    snprintf(outcome->text, sizeof(outcome->text), "%s", errors.count ? errors.lines[0] : "");
    config_errors_finish(&errors);
}

static void load_good_settings(struct outcome *outcome)
{
    load_settings(NULL, outcome);
}

// Whatever fails, a bad file is never good.
static void load_bad_settings(struct outcome *outcome)
{
    load_settings("max_clients: 0\nstreams: [{name: a, source: {type: pattern, fps: -3}, model: "
                  "{path: x, colour: red}}]\n",
                  outcome);
    if (outcome->status == -EINVAL) { // as it must be
        outcome->status = 0;
        outcome->sum = 1;
    } else if (outcome->status == 0) {
        outcome->sum = 2; // accepted!
    }
}

static void load_picture(const char *path, struct outcome *outcome)
{
    struct picture picture = {0};
    struct decode_error error = {{0}};
    outcome->status = picture_read(path, &picture, &error);
    snprintf(outcome->text, sizeof(outcome->text), "%s", error.text);
    if (outcome->status < 0)
        return;
    outcome->sum = sum_bytes(1, picture.image.planes[0], picture.image.size[0]);
    picture_finish(&picture);
}

static void load_jpeg(struct outcome *outcome)
{
    load_picture("models/pictures/hotdog.jpg", outcome);
}

static void load_png(struct outcome *outcome)
{
    load_picture("models/pictures/espresso.png", outcome);
}

static char recording[64];

static void load_recording(struct outcome *outcome)
{
    struct framefile *file;
    struct decode_error error = {{0}};
    struct image image;
    outcome->status = framefile_open(recording, &file, &error);
    snprintf(outcome->text, sizeof(outcome->text), "%s", error.text);
    if (outcome->status < 0)
        return;
    outcome->status = framefile_next(file, &image, &error);
    snprintf(outcome->text, sizeof(outcome->text), "%s", error.text);
    if (outcome->status == 0)
        outcome->sum = sum_bytes(1, image.planes[0], image.size[0]);
    framefile_close(file);
}

static void make_conversion(struct outcome *outcome)
{
    static uint8_t pixels[64 * 48 * 3], input[20 * 24 * 3];
    struct convert_target target = {.width = 20,
                                    .height = 24,
                                    .channels = 3,
                                    .mean = {127, 127, 127},
                                    .std = {128, 128, 128},
                                    .output = CONVERT_INT8,
                                    .scale = 0.01f};
    struct image image;
    struct convert *convert;
    image_from_buffer(&image, IMAGE_YUYV, 64, 48, 0, pixels, sizeof(pixels));
    outcome->status = convert_create(&image, &target, &convert);
    snprintf(outcome->text, sizeof(outcome->text), "no conversion");
    if (outcome->status < 0)
        return;
    convert_run(convert, &image, input);
    outcome->sum = sum_bytes(1, input, sizeof(input));
    convert_destroy(convert);
}

static void make_ring(struct outcome *outcome)
{
    static const char *const labels[2] = {"a", "b"};
    struct ring_writer ring;
    struct stats_writer stats;
    struct ring_reader reader;
    struct labels_reader texts = {0};
    snprintf(outcome->text, sizeof(outcome->text), "no shared memory");
    outcome->status = ring_writer_init(&ring, "fault", 8);
    if (outcome->status < 0)
        return;
    outcome->status = stats_writer_init(&stats, "fault");
    if (outcome->status == 0)
        outcome->status = ring_reader_init(&reader, ring.fd, true);
    if (outcome->status == 0) {
        int fd = labels_create(labels, 2, 1);
        outcome->status = fd < 0 ? fd : labels_reader_init(&texts, fd);
        if (fd >= 0)
            close(fd);
        outcome->sum = texts.count;
        labels_reader_finish(&texts);
        ring_reader_finish(&reader);
    }
    stats_writer_finish(&stats);
    ring_writer_finish(&ring);
}

// ---- failing ------------------------------------------------------------------------------------

struct loader {
    const char *name;
    void (*load)(struct outcome *outcome);
};

static int failed_tests;

static void complain(const struct loader *loader, unsigned n, const char *mode, const char *what,
                     const struct outcome *outcome)
{
    failed_tests++;
    fprintf(stderr, "FAIL %s, call %u (%s, %s): %s; status %d, '%s'\n", loader->name, n,
            inject_name(), mode, what, outcome->status, outcome->text);
}

static void check(const struct loader *loader, unsigned n, const char *mode,
                  const struct outcome *outcome, uint64_t good)
{
    if (outcome->status == 0) {
        if (outcome->sum != good)
            complain(loader, n, mode, "succeeded with another result", outcome);
        return;
    }
    if (outcome->status > 0)
        complain(loader, n, mode, "neither 0 nor -errno", outcome);
    else if (!outcome->text[0] && outcome->status != -ENOMEM) // ENOMEM: may lack even the text
        complain(loader, n, mode, "nothing was said", outcome);
    else if (strchr(outcome->text, '\n') || strcmp(outcome->text, "Success") == 0)
        complain(loader, n, mode, "not one line that says why", outcome);
    else if (outcome->sum == 99)
        complain(loader, n, mode, "half done", outcome);
}

static void torture(const struct loader *loader, enum inject_mode mode)
{
    const char *mode_name = mode == INJECT_ONE ? "once" : "from then on";
    struct outcome first = {0};
    loader->load(&first);
    if (first.status != 0)
        complain(loader, 0, "not armed", "does not even work", &first);
    unsigned fds = fds_open(), maps = inject_memfd_maps(), n, refused = 0;
    unsigned bad_closes = inject_bad_closes();
    for (n = 1; n < CALLS_MAX; n++) {
        struct outcome outcome = {0};
        inject_enter();
        inject_arm(n, mode);
        loader->load(&outcome);
        bool hit = inject_disarm();
        inject_leave();
        check(loader, n, mode_name, &outcome, first.sum);
        refused += outcome.status < 0;
        if (fds_open() != fds || inject_memfd_maps() != maps) {
            complain(loader, n, mode_name, "something was left open or mapped", &outcome);
            fds = fds_open(), maps = inject_memfd_maps();
        }
        if (inject_bad_closes() != bad_closes) {
            complain(loader, n, mode_name, "something was closed twice", &outcome);
            bad_closes = inject_bad_closes();
        }
        if (!hit)
            break;
    }
    printf("%s: %u calls failed %s, %u refusals\n", loader->name, n - 1, mode_name, refused);
    if (n < 2 || refused == 0)
        complain(loader, n, mode_name, "nothing was put to the test", &first);
}

static void write_recording(void)
{
    char frame[16 * 12];
    snprintf(recording, sizeof(recording), "/tmp/qedge-fault.%d.y4m", (int)getpid());
    FILE *file = fopen(recording, "wb");
    if (!file)
        exit(1);
    memset(frame, 90, sizeof(frame));
    fputs("YUV4MPEG2 W16 H12 F30:1 Cmono\nFRAME\n", file);
    fwrite(frame, 1, sizeof(frame), file);
    fclose(file);
}

int main(int argc, char **argv)
{
    static const struct loader loaders[] = {
        {"model", load_tiny},
        {"float model", load_float},
        {"network", load_network},
        {"label file", load_labels},
        {"team", make_team},
        {"settings", load_good_settings},
        {"bad settings", load_bad_settings},
        {"JPEG", load_jpeg},
        {"PNG", load_png},
        {"recording", load_recording},
        {"conversion", make_conversion},
        {"ring, stats, labels", make_ring},
    };
    write_recording();
    for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++) {
        if (argc > 1 && strcmp(argv[1], loaders[i].name) != 0)
            continue;
        torture(&loaders[i], INJECT_ONE);
        torture(&loaders[i], INJECT_FROM);
    }
    unlink(recording);
    return failed_tests != 0;
}
