// SPDX-License-Identifier: Apache-2.0

#include "ctl/runner.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/text.h"

#define PATIENCE_MS 10000
#define LOOK_MS 20

extern char **environ;

static const char *const names[RUNNER_VARIABLES] = {"QEDGE_STREAM",   "QEDGE_LABEL", "QEDGE_INDEX",
                                                    "QEDGE_SCORE",    "QEDGE_SEQUENCE",
                                                    "QEDGE_FRAME",    "QEDGE_TIME",
                                                    "QEDGE_SOCKET"};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

// ---- what the command is told ----

static bool is_ours(const char *variable)
{
    for (unsigned i = 0; i < RUNNER_VARIABLES; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(variable, names[i], length) == 0 && variable[length] == '=')
            return true;
    }
    return false;
}

int runner_init(struct runner *runner, const char *command, bool keep_stdout)
{
    size_t count = 0, kept = 0;
    *runner = (struct runner){.command = command, .keep_stdout = keep_stdout};
    while (environ && environ[count])
        count++;
    runner->environment = calloc(count + RUNNER_VARIABLES + 1, sizeof(char *));
    if (!runner->environment)
        return -ENOMEM;
    for (unsigned i = 0; i < RUNNER_VARIABLES; i++)
        runner->environment[kept++] = runner->variables[i];
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(environ[i]))
            runner->environment[kept++] = environ[i];
    }
    return 0;
}

static void time_format(uint64_t wall_ns, char text[40])
{
    time_t seconds = (time_t)(wall_ns / 1000000000ull);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t length = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, 40 - length, ".%03uZ", (unsigned)(wall_ns / 1000000 % 1000));
}

static void variables_set(struct runner *runner, const struct runner_event *event)
{
    char label[512], time[40], values[4][32];
    const char *socket = event->socket ? event->socket : getenv("QEDGE_SOCKET");
    text_clean(event->label, false, label, sizeof(label));
    time_format(event->wall_ns, time);
    snprintf(values[0], sizeof(values[0]), "%u", event->index);
    snprintf(values[1], sizeof(values[1]), "%.6f", event->score);
    snprintf(values[2], sizeof(values[2]), "%llu", (unsigned long long)event->sequence);
    snprintf(values[3], sizeof(values[3]), "%llu", (unsigned long long)event->frame);
    const char *texts[RUNNER_VARIABLES] = {event->stream, label,     values[0], values[1],
                                           values[2],     values[3], time,      socket};
    for (unsigned i = 0; i < RUNNER_VARIABLES; i++)
        snprintf(runner->variables[i], sizeof(runner->variables[i]), "%s=%s", names[i],
                 texts[i] ? texts[i] : "");
}

// A file in memory that holds the JSON, read from its start; -errno.
static int input_open(const char *json)
{
    size_t length = strlen(json);
    int fd = memfd_create("qctl-event", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, json, length) == (ssize_t)length && write(fd, "\n", 1) == 1 &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    int status = -errno;
    close(fd);
    return status;
}

// ---- running ----

static int spawn(struct runner *runner, int input)
{
    char *const arguments[] = {"sh", "-c", "--", (char *)runner->command, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return -error;
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!error && runner->keep_stdout)
        error = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (!error)
        error = posix_spawn(&runner->child, "/bin/sh", &actions, NULL, arguments,
                            runner->environment);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        runner->child = 0;
    return -error;
}

void runner_start(struct runner *runner, const struct runner_event *event)
{
    if (!runner->command)
        return;
    runner_poll(runner);
    if (runner->child) {
        if (runner->left_out++ == 0)
            fprintf(stderr,
                    "qctl: result %llu: the command of result %llu still runs (%.1f s): left out\n",
                    (unsigned long long)event->sequence, (unsigned long long)runner->sequence,
                    (double)(now_ns() - runner->started_ns) / 1e9);
        return;
    }
    variables_set(runner, event);
    fflush(stdout); // in the order in which it happened
    int input = input_open(event->json);
    int status = input < 0 ? input : spawn(runner, input);
    if (input >= 0)
        close(input);
    runner->sequence = event->sequence;
    runner->started_ns = now_ns();
    runner->left_out = 0;
    if (status < 0)
        fprintf(stderr, "qctl: result %llu: the command can not be run: %s\n",
                (unsigned long long)event->sequence, strerror(-status));
}

static void report(const struct runner *runner, int status)
{
    double seconds = (double)(now_ns() - runner->started_ns) / 1e9;
    char more[64] = "";
    if (runner->left_out)
        snprintf(more, sizeof(more), "; %llu events left out meanwhile",
                 (unsigned long long)runner->left_out);
    if (WIFSIGNALED(status))
        fprintf(stderr, "qctl: result %llu: the command was ended by signal %d after %.1f s%s\n",
                (unsigned long long)runner->sequence, WTERMSIG(status), seconds, more);
    else
        fprintf(stderr, "qctl: result %llu: the command ended with %d after %.1f s%s\n",
                (unsigned long long)runner->sequence, WEXITSTATUS(status), seconds, more);
}

void runner_poll(struct runner *runner)
{
    int status;
    if (!runner->child || waitpid(runner->child, &status, WNOHANG) == 0)
        return;
    report(runner, status);
    runner->child = 0;
}

bool runner_is_busy(const struct runner *runner)
{
    return runner->child != 0;
}

void runner_finish(struct runner *runner)
{
    for (int waited = 0; runner->child && waited < PATIENCE_MS; waited += LOOK_MS) {
        runner_poll(runner);
        if (runner->child)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    if (runner->child)
        fprintf(stderr, "qctl: the command of result %llu still runs (process %d): left alone\n",
                (unsigned long long)runner->sequence, (int)runner->child);
    free(runner->environment);
    runner->environment = NULL;
}
