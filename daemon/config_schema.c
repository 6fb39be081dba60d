// SPDX-License-Identifier: Apache-2.0

#include "daemon/config_schema.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/wire.h"

#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define STREAM(member)                                                                             \
    offsetof(struct config_stream, member), sizeof(((struct config_stream *)0)->member)
#define ONLY(type) (1u << (type))
#define PIXELS_MAX 16384

static const struct config_choice log_levels[] = {{"error", LOG_LEVEL_ERROR},
                                                  {"warning", LOG_LEVEL_WARNING},
                                                  {"info", LOG_LEVEL_INFO},
                                                  {"debug", LOG_LEVEL_DEBUG},
                                                  {NULL, 0}};
static const struct config_choice source_types[] = {
    {"v4l2", CONFIG_V4L2}, {"replay", CONFIG_REPLAY}, {"pattern", CONFIG_PATTERN}, {NULL, 0}};
static const struct config_choice modes[] = {{"auto", CONFIG_MODE_AUTO},
                                             {"throughput", CONFIG_MODE_THROUGHPUT},
                                             {"latency", CONFIG_MODE_LATENCY},
                                             {NULL, 0}};
static const struct config_choice fits[] = {{"crop", CONFIG_FIT_CROP},
                                            {"stretch", CONFIG_FIT_STRETCH},
                                            {"letterbox", CONFIG_FIT_LETTERBOX},
                                            {NULL, 0}};
static const struct config_choice power_sources[] = {{"auto", CONFIG_POWER_AUTO},
                                                     {"hwmon", CONFIG_POWER_HWMON},
                                                     {"power_supply", CONFIG_POWER_SUPPLY},
                                                     {"pmic", CONFIG_POWER_PMIC},
                                                     {"rapl", CONFIG_POWER_RAPL},
                                                     {"estimate", CONFIG_POWER_ESTIMATE},
                                                     {"none", CONFIG_POWER_NONE},
                                                     {NULL, 0}};
// Only the words count here: they are kept as text.
static const struct config_choice formats[] = {{"auto", 0}, {"YUYV", 0}, {"UYVY", 0}, {"NV12", 0},
                                               {"NV21", 0}, {"YU12", 0}, {"YV12", 0}, {"422P", 0},
                                               {"GREY", 0}, {"RGB3", 0}, {"BGR3", 0}, {"XR24", 0},
                                               {"MJPG", 0}, {"JPEG", 0}, {NULL, 0}};

static const struct config_key schema[] = {
    {"socket", CONFIG_TEXT, FIELD(socket), WIRE_SOCKET_DEFAULT, "", 1, 107, NULL, 0,
     "Unix socket that clients connect to. Its folder must exist."},
    {"socket_group", CONFIG_NAME, FIELD(socket_group), "qedge", "", 1, 63, NULL, 0,
     "Members of this group may connect, besides root and the daemon's own user."},
    {"max_clients", CONFIG_INT, FIELD(max_clients), "256", "clients", 1, 4096, NULL, 0,
     "Connections served at once; more are refused."},
    {"log_level", CONFIG_CHOICE, FIELD(log_level), "info", "", 0, 0, log_levels, 0,
     "Log lines at least this important."},
    {"workers.threads", CONFIG_THREADS, FIELD(workers.threads), "auto", "threads", 1,
     CONFIG_THREADS_MAX, NULL, 0,
     "Worker threads; auto = one for each CPU that the daemon may use."},
    {"workers.cpus", CONFIG_CPUS, FIELD(workers.cpus), "all", "", 0, 0, NULL, 0,
     "CPUs that the workers may run on."},
    {"workers.nice", CONFIG_INT, FIELD(workers.nice), "0", "", -20, 19, NULL, 0,
     "Nice value of the workers; below 0 needs CAP_SYS_NICE."},
    {"workers.realtime", CONFIG_INT, FIELD(workers.realtime), "0", "", 0, 99, NULL, 0,
     "SCHED_FIFO priority of the workers; 0 = normal scheduling. Needs CAP_SYS_NICE."},
    {"workers.lock_memory", CONFIG_BOOL, FIELD(workers.lock_memory), "false", "", 0, 0, NULL, 0,
     "Keep all memory resident (mlockall). Needs CAP_IPC_LOCK or LimitMEMLOCK."},
    {"power.source", CONFIG_CHOICE, FIELD(power.source), "auto", "", 0, 0, power_sources, 0,
     "Where watts come from; auto = the first of hwmon, power_supply, pmic, rapl, estimate that is there."},
    {"power.meter", CONFIG_TEXT, FIELD(power.meter), "auto", "", 1, 63, NULL, 0,
     "Which hwmon meter (such as 1-0040 or hwmon3) or power supply; auto = the only one."},
    {"power.shunt_micro_ohm", CONFIG_INT, FIELD(power.shunt_micro_ohm), "0", "micro-ohm", 0,
     999999, NULL, 0,
     "Shunt resistor of an ina2xx meter; 0 = what its driver believes (often 10000, also where it is wrong)."},
    {"power.pmic_scale_permille", CONFIG_INT, FIELD(power.pmic_scale_permille), "1000", "1/1000",
     100, 10000, NULL, 0,
     "Raspberry Pi 5: input power = sum of rails * this / 1000 + pmic_offset_mw, as measured on your board."},
    {"power.pmic_offset_mw", CONFIG_INT, FIELD(power.pmic_offset_mw), "0", "mW", 0, 100000, NULL, 0,
     "See pmic_scale_permille."},
    {"power.estimate_core_mw", CONFIG_INT, FIELD(power.estimate_core_mw), "0", "mW", 0, 100000,
     NULL, 0,
     "What a busy core costs above an idle one, for source: estimate; 0 = a guess by the board's name."},
    {"power.baseline_mw", CONFIG_INT, FIELD(power.baseline_mw), "0", "mW", 0, 999999, NULL, 0,
     "Power while nothing is inferred; 0 = as measured last by qctl power --baseline."},
    {"budget.watts", CONFIG_LIMIT, FIELD(budget.watts), "off", "W", 0.01, 10000, NULL, 0,
     "Power that is not to be exceeded, as qctl power shows it: frames are left out, then workers, until it is held."},
    {"budget.celsius", CONFIG_LIMIT, FIELD(budget.celsius), "off", "degrees Celsius", 20, 120, NULL,
     0, "The same for the temperature of the processor, so that it need not slow itself down."},
    {"budget.mj_per_inference", CONFIG_LIMIT, FIELD(budget.mj_per_inference), "off", "mJ", 0.001,
     1000000, NULL, 0,
     "The same for the energy of an inference above idle: fewer workers, then at least half of the frames."},
    {"streams[].name", CONFIG_NAME, STREAM(name), "", "", 1, 63, NULL, 0,
     "Name that clients ask for; default: stream1, stream2, ..."},
    {"streams[].source.type", CONFIG_CHOICE, STREAM(source.type), NULL, "", 0, 0, source_types, 0,
     "Where frames come from: a camera, files, or a moving test picture."},
    {"streams[].source.device", CONFIG_TEXT, STREAM(source.device), "auto", "", 1, 255, NULL,
     ONLY(CONFIG_V4L2),
     "Camera node, best a name in /dev/v4l/by-id; auto = the first node that captures."},
    {"streams[].source.path", CONFIG_TEXT, STREAM(source.path), "", "", 1, 511, NULL,
     ONLY(CONFIG_REPLAY),
     "A picture, a folder of pictures, a .y4m or an .mjpeg file. Must be given for replay."},
    {"streams[].source.size", CONFIG_SIZE, STREAM(source.size), "auto", "pixels", 16, PIXELS_MAX,
     NULL, ONLY(CONFIG_V4L2) | ONLY(CONFIG_PATTERN),
     "Frame size wanted; the nearest that the camera has is taken. auto = 640x480."},
    {"streams[].source.fps", CONFIG_FPS, STREAM(source.fps), "auto", "frames/s", 0.01, 1000, NULL,
     0,
     "Frame rate wanted. auto = 30, or what the file says; max (replay, pattern) = as fast as the "
     "workers can, no frame is dropped."},
    {"streams[].source.format", CONFIG_CHOICE, STREAM(source.format), "auto", "", 0, 0, formats,
     ONLY(CONFIG_V4L2),
     "Pixel format; auto = uncompressed where it reaches size and rate, else JPEG."},
    {"streams[].source.buffers", CONFIG_INT, STREAM(source.buffers), "4", "buffers", 2, 32, NULL,
     ONLY(CONFIG_V4L2), "Capture buffers asked of the driver."},
    {"streams[].source.loop", CONFIG_BOOL, STREAM(source.loop), "true", "", 0, 0, NULL,
     ONLY(CONFIG_REPLAY),
     "Start again at the end; false: the stream is closed after the last frame."},
    {"streams[].model.path", CONFIG_TEXT, STREAM(model.path), NULL, "", 1, 511, NULL, 0,
     "The .tflite file."},
    {"streams[].model.labels", CONFIG_TEXT, STREAM(model.labels), "", "", 1, 511, NULL, 0,
     "Text file, one label a line; default: the labels packed into the model file."},
    {"streams[].model.mean", CONFIG_VALUES, STREAM(model.mean), "", "pixel values", -1000, 1000,
     NULL, 0,
     "Normalisation: input = (pixel - mean) / std; default: the model file's metadata, else (pixel - 127.5) "
     "/ 127.5 for float models and the pixel itself for quantized ones."},
    {"streams[].model.std", CONFIG_VALUES, STREAM(model.std), "", "pixel values", 1e-6, 1e6, NULL,
     0, "See mean; both are given or none."},
    {"streams[].model.fit", CONFIG_CHOICE, STREAM(model.fit), "crop", "", 0, 0, fits, 0,
     "How a frame becomes the model's shape: largest centred cut, whole and distorted, or whole with borders."},
    {"streams[].model.fill", CONFIG_INT, STREAM(model.fill), "128", "pixel value", 0, 255, NULL, 0,
     "Grey of the letterbox borders."},
    {"streams[].model.bgr", CONFIG_BOOL, STREAM(model.bgr), "false", "", 0, 0, NULL, 0,
     "The model wants blue first."},
    {"streams[].top_k", CONFIG_INT, STREAM(top_k), "5", "classes", 1, 16, NULL, 0,
     "Best classes published with each result."},
    {"streams[].mode", CONFIG_CHOICE, STREAM(mode), "auto", "", 0, 0, modes, 0,
     "throughput: one frame a worker; latency: all workers share one frame; auto: measured, the better is taken."},
    {"streams[].ring_slots", CONFIG_POWER2, STREAM(ring_slots), "256", "results", 8, 65536, NULL, 0,
     "Results that the ring keeps: how far a reader may fall behind."},
    {"streams[].snapshots", CONFIG_BOOL, STREAM(snapshots), "true", "", 0, 0, NULL, 0,
     "Who may connect may also ask for single pictures (qctl snapshot); false: only for results."},
    {"streams[].max_fps", CONFIG_LIMIT, STREAM(max_fps), "off", "frames/s", 0.1, 1000, NULL, 0,
     "At most so many frames a second are worked on; the others are let go at once, counted as skipped."},
    {"streams[].gate.threshold", CONFIG_LIMIT, STREAM(gate.threshold), "off", "percent", 0.1, 100,
     NULL, 0,
     "Motion gate: a frame is inferred only when more than this share of the picture has changed since the last inference; else the last result is published again, marked gated. 0.5 notices small things."},
    {"streams[].gate.level", CONFIG_NUMBER, STREAM(gate.level), "8", "grey levels", 1, 128, NULL, 0,
     "A spot counts as changed when it differs by more than this many of 255 grey levels, beyond what the whole picture differs by (noise, flicker)."},
    {"streams[].gate.heartbeat", CONFIG_NUMBER, STREAM(gate.heartbeat), "10", "seconds", 0.1, 3600,
     NULL, 0, "With the gate: one frame is inferred at least so often, whatever it shows."},
};

const struct config_key *config_schema(size_t *count)
{
    *count = sizeof(schema) / sizeof(schema[0]);
    return schema;
}

const struct config_key *config_schema_find(const char *path, size_t *row)
{
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            *row = i;
            return &keys[i];
        }
    }
    return NULL;
}

bool config_schema_is_group(const char *path, const char *mark)
{
    size_t count, length = strlen(path);
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(keys[i].path, path, length) == 0 &&
            strncmp(keys[i].path + length, mark, strlen(mark)) == 0)
            return true;
    return false;
}

void config_schema_words(const char *prefix, char *text, size_t size)
{
    size_t count, length = strlen(prefix), used = 0;
    const struct config_key *keys = config_schema(&count);
    char last[64] = "";
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strncmp(keys[i].path, prefix, length) != 0)
            continue;
        char word[64];
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(keys[i].path + length, ".["),
                 keys[i].path + length);
        if (strcmp(word, last) == 0)
            continue;
        used += (size_t)snprintf(text + used, used < size ? size - used : 0, "%s%s",
                                 used ? ", " : "", word);
        if (used >= size)
            return;
        snprintf(last, sizeof(last), "%s", word);
    }
}
