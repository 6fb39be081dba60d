// SPDX-License-Identifier: Apache-2.0
//
// `qctl watch --exec`: runs a command for an event, one at a time. What the model's author wrote
// reaches it as environment and on stdin, never as part of the command. The stdin is a file in
// memory, so a command that reads nothing stops nobody. It is looked after between results; while
// one runs, further events are left out and counted.

#ifndef QEDGE_CTL_RUNNER_H
#define QEDGE_CTL_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNNER_VARIABLES 8

struct runner {
    const char *command; // NULL: nothing to run
    bool keep_stdout;    // ours is for JSON: the command's goes to stderr
    pid_t child;         // 0: none
    uint64_t sequence;   // of the result that it runs for
    uint64_t started_ns;
    uint64_t left_out; // events meanwhile
    char **environment;
    char variables[RUNNER_VARIABLES][600];
};

// One event; the texts are borrowed during the call.
struct runner_event {
    const char *stream, *label, *json, *socket; // socket: NULL leaves the environment's
    uint32_t index;
    double score;
    uint64_t sequence, frame;
    uint64_t wall_ns; // since 1970
};

// 0 or -ENOMEM. Takes the environment as it is now.
int runner_init(struct runner *runner, const char *command, bool keep_stdout);
// Waits up to 10 s for the command at hand, then leaves it to itself and says so.
void runner_finish(struct runner *runner);
// A command at hand makes this an event that is left out.
void runner_start(struct runner *runner, const struct runner_event *event);
// Collects a command that has ended and says how, in one line on stderr.
void runner_poll(struct runner *runner);
bool runner_is_busy(const struct runner *runner);

#endif
