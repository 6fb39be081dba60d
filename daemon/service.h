// SPDX-License-Identifier: Apache-2.0
//
// The running whole: settings, sources, streams, pool, and the loop with what hangs on it.
// Everything here belongs to the loop's thread.

#ifndef QEDGE_DAEMON_SERVICE_H
#define QEDGE_DAEMON_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/bench.h"
#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/governor.h"
#include "daemon/hotplug.h"
#include "common/machine.h"
#include "daemon/notify.h"
#include "daemon/power.h"
#include "daemon/sysinfo.h"

struct network;
struct pool;
struct reload;
struct source;
struct stream;

struct service {
    const char *config_path;
    const char *root; // of /sys and /dev: QEDGE_ROOT, "" on a machine
    struct config *config;
    uint64_t daemon_id; // random, new with each start
    uint64_t started_ns;
    const char *kernels; // best instruction set in use
    struct pool *pool;
    struct source *sources[2 * CONFIG_STREAMS_MAX]; // twice: a reload adds before it takes away
    uint32_t source_count;
    struct stream *streams[CONFIG_STREAMS_MAX]; // in the order of the configuration
    uint32_t stream_count;
    uv_loop_t loop;
    uv_signal_t signals[3]; // TERM, INT, HUP
    uv_timer_t tick;
    struct control control;
    struct notify notify;
    struct hotplug hotplug;
    struct sysinfo sysinfo;
    struct machine machine;
    struct power power;
    struct governor governor;
    const char *governor_said; // its state when it was logged last
    uint64_t baseline_client; // who waits for the baseline's answer
    uint32_t baseline_token;
    struct bench bench;
    int lock_in; // ticks until memory is locked (again): at start, and after a reload has brought
                 // new memory
    struct reload *reload;
    bool stopping;
};

// Exit codes of qedged. After SERVICE_BAD_CONFIG systemd does not try again: somebody has to mend
// the settings or a model.
enum { SERVICE_OK = 0, SERVICE_FAILED = 1, SERVICE_BAD_CONFIG = 78 };
// Which of the last two for settings or a model that gave this -errno: SERVICE_FAILED for what the
// machine may have again by itself (memory, descriptors, a disk that answers).
int service_load_code(int status);

// Loads all models, starts everything, runs until SIGTERM or SIGINT, stops in order. Logs what
// fails. Takes over config (malloc'ed). Returns an exit code.
int service_run(const char *config_path, struct config *config);
// Loads what the configuration names, to see whether it works; logs what does not. Returns an exit
// code.
int service_check(const struct config *config);

// ---- sources (service_sources.c), for service.c and reload ----
// Makes a source for a stream, or finds the one that is there, and attaches. 0 or -errno.
int service_attach_source(struct service *service, struct stream *stream);
// A recording that has come to its end gives no more frames, whoever is attached.
bool service_source_has_ended(struct source *source);
// The source with exactly these settings that has not ended, or NULL.
struct source *service_find_source(const struct service *service,
                                   const struct config_source *config);
// Takes sources that feed nobody out of the list, at most `max` into `unused`.
uint32_t service_take_unused_sources(struct service *service, struct source **unused, uint32_t max);

// ---- for reload ----
bool service_needs_team(const struct config *config);
// The one line of `systemctl status`, brought up to date.
void service_say_status(struct service *service);

// Once a second for a while after this, memory is locked, where it is configured.
void service_lock_memory(struct service *service);

#endif
