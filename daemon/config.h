// SPDX-License-Identifier: Apache-2.0
//
// Settings of the daemon, as read from qedged.yaml. Plain values, no pointers: a section may be
// copied and compared with memcmp (every struct is zeroed before it is filled).
//
// The keys, their defaults, units and ranges live in one table (config_schema.c); reading, --check,
// etc/qedged.yaml and the manual page are all held against it.

#ifndef QEDGE_DAEMON_CONFIG_H
#define QEDGE_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config_errors.h"

#define CONFIG_STREAMS_MAX 16
#define CONFIG_THREADS_MAX 64
#define CONFIG_CPUS_MAX 1024

enum config_source_type { CONFIG_V4L2, CONFIG_REPLAY, CONFIG_PATTERN };
enum config_mode { CONFIG_MODE_AUTO, CONFIG_MODE_THROUGHPUT, CONFIG_MODE_LATENCY };
enum config_fit { CONFIG_FIT_CROP, CONFIG_FIT_STRETCH, CONFIG_FIT_LETTERBOX };

#define CONFIG_FPS_AUTO 0.0   // the source's own rate
#define CONFIG_FPS_MAX (-1.0) // as fast as the workers can, nothing dropped

struct config_size {
    int32_t width, height; // pixels; 0 x 0 = auto
};

struct config_source {
    int32_t type; // enum config_source_type
    char device[256];
    char path[512];
    char format[16]; // "auto" or a name of v4l2_format.c
    struct config_size size;
    double fps;
    int32_t buffers;
    bool loop;
};

struct config_values {
    int32_t count; // 0 = not given, 1 or 3
    float value[3];
};

struct config_model {
    char path[512];
    char labels[512]; // "" = from the model file
    struct config_values mean, std;
    int32_t fit;  // enum config_fit
    int32_t fill; // 0..255
    bool bgr;
};

struct config_gate {
    double threshold; // percent of the picture, 0 = off: every frame is inferred
    double level;     // grey levels
    double heartbeat; // seconds
};

struct config_stream {
    char name[64];
    struct config_source source;
    struct config_model model;
    int32_t top_k;
    int32_t mode; // enum config_mode
    int32_t ring_slots;
    bool snapshots; // clients may ask for pictures
    double max_fps; // 0 = every frame
    struct config_gate gate;
};

struct config_cpus {
    bool all;
    uint64_t bits[CONFIG_CPUS_MAX / 64];
};

struct config_workers {
    int32_t threads; // 0 = auto
    struct config_cpus cpus;
    int32_t nice;
    int32_t realtime; // 0 = off, else the SCHED_FIFO priority
    bool lock_memory;
};

// In the order in which sources are tried, best first.
enum config_power_source {
    CONFIG_POWER_AUTO,
    CONFIG_POWER_HWMON,
    CONFIG_POWER_SUPPLY,
    CONFIG_POWER_PMIC,
    CONFIG_POWER_RAPL,
    CONFIG_POWER_ESTIMATE,
    CONFIG_POWER_NONE,
};

struct config_power {
    int32_t source;          // enum config_power_source
    char meter[64];          // "auto", or which hwmon or power_supply
    int32_t shunt_micro_ohm; // 0 = as the driver believes
    int32_t pmic_scale_permille, pmic_offset_mw;
    int32_t estimate_core_mw; // 0 = by the board
    int32_t baseline_mw;      // 0 = measured by qctl power --baseline, or not known
};

struct config_budget { // 0 = none
    double watts, celsius, mj_per_inference;
};

struct config {
    char socket[108];
    char socket_group[64];
    int32_t max_clients;
    int32_t log_level; // enum log_level
    struct config_workers workers;
    struct config_power power;
    struct config_budget budget;
    int32_t stream_count;
    struct config_stream streams[CONFIG_STREAMS_MAX];
};

// Reads and checks. 0; -EINVAL with errors filled, as "file:line:column: key: what was expected";
// -errno of open/read or -ENOMEM (one error line too). *config is changed only on success; errors
// must be zeroed by the caller, who finishes it. Any thread.
int config_load(const char *path, struct config *config, struct config_errors *errors);
// The same from memory; `name` stands for the file in the error lines.
int config_parse(const char *name, const void *data, size_t size, struct config *config,
                 struct config_errors *errors);

#endif
