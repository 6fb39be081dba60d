// SPDX-License-Identifier: Apache-2.0
//
// qctl's commands. Each takes the settings and its own arguments and returns the exit status of the
// program.

#ifndef QEDGE_CTL_CTL_H
#define QEDGE_CTL_CTL_H

#include <stdbool.h>

// LSB's numbers for a service's state, then ours.
enum ctl_exit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_FAILED = 1,
    CTL_EXIT_USAGE = 2,
    CTL_EXIT_NOT_RUNNING = 3,
    CTL_EXIT_UNKNOWN = 4, // there is a daemon (or may be one), but it can not be asked
};

#define CTL_ON_MAX 16

struct ctl_settings {
    const char *socket; // NULL: libqclient's default
    bool json;
    bool prometheus; // status: in that format
    bool baseline;   // power: measure it
    // watch: results to show, top: looks, 0 = no end; power --baseline: seconds, 0 = default
    long count;
    int wait_ms;     // how long to wait for a daemon that is not there yet
    int answer_ms;   // how long for its answer, 0 = the usual time
    // watch
    const char *on[CTL_ON_MAX]; // classes, as given
    unsigned on_count;
    double min_score;        // 0: any
    double away_s, every_s;  // see trigger.h; every_s 0: never
    const char *exec;        // NULL: none
    // snapshot
    const char *output; // the file; NULL: not given
    const char *format; // as given to --format; NULL: not given
    bool plain;         // without labels
    // bench
    bool alone; // all streams pause
    // top
    bool batch;        // text, no screen
    double interval_s; // between two looks, 0 = the usual time
    int sort;          // enum top_key
};

int ctl_status(const struct ctl_settings *settings);
int ctl_streams(const struct ctl_settings *settings);
int ctl_clients(const struct ctl_settings *settings);
int ctl_power(const struct ctl_settings *settings);
int ctl_reload(const struct ctl_settings *settings);
int ctl_top(const struct ctl_settings *settings);
int ctl_version(const struct ctl_settings *settings);
int ctl_watch(const struct ctl_settings *settings, const char *stream);
int ctl_snapshot(const struct ctl_settings *settings, const char *stream);
int ctl_bench(const struct ctl_settings *settings, const char *stream);
int ctl_check(const char *config);

// One line on stderr about a failed call of libqclient; returns the exit status for it. detail: the
// daemon's own words or NULL.
int ctl_complain(const struct ctl_settings *settings, int error, const char *detail);

#endif
