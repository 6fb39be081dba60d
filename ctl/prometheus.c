// SPDX-License-Identifier: Apache-2.0

#include "ctl/prometheus.h"

#include <stdio.h>
#include <string.h>

static void head(const char *name, const char *type, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// A label's value: backslash, quote and newline are escaped, as the format wants; the daemon's JSON
// is UTF-8 already.
static void label(const char *name, const char *value)
{
    printf("%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            printf("\\%c", *value);
        else if (*value == '\n')
            fputs("\\n", stdout);
        else
            putchar(*value);
    }
    putchar('"');
}

static void one(const char *name, const char *type, const char *help, double value)
{
    head(name, type, help);
    printf("%s %.12g\n", name, value);
}

// A number that is not known is left out.
static void one_of(const char *name, const char *type, const char *help, struct json_object *object,
                   const char *key, double scale)
{
    if (ask_object(object, key))
        one(name, type, help, ask_number(object, key) * scale);
}

// ---- the daemon ------------------------------------------------------------

static void write_daemon(struct json_object *status)
{
    one("qedge_up", "gauge", "Whether qedged answers.", 1);
    one("qedge_healthy", "gauge", "Whether all streams are as they should be.",
        ask_bool(status, "healthy"));
    head("qedge_build_info", "gauge", "Version and kernels of the running qedged.");
    fputs("qedge_build_info{", stdout);
    label("version", ask_string(status, "version"));
    putchar(',');
    label("kernels", ask_string(status, "kernels"));
    puts("} 1");
    one_of("qedge_uptime_seconds", "gauge", "Time since qedged was started.", status, "uptime_s",
           1);
    one_of("qedge_cpu_usage_ratio", "gauge", "CPU time a second of time; 1 is one core.", status,
           "cpu_percent", 0.01);
    one_of("qedge_memory_bytes", "gauge", "Memory of qedged's own (unique set size).", status,
           "memory_kb", 1024);
    one_of("qedge_worker_threads", "gauge", "Worker threads.", status, "threads", 1);
    one_of("qedge_clients", "gauge", "Connections.", status, "clients", 1);
}

// ---- streams ---------------------------------------------------------------

static void write_states(struct json_object *status)
{
    static const char *const states[] = {"starting", "running", "waiting",
                                         "degraded", "failed",  "finished"};
    head("qedge_stream_state", "gauge", "1 for the state that the stream is in.");
    for (size_t i = 0; i < ask_length(status, "streams"); i++) {
        struct json_object *stream = ask_item(status, "streams", i);
        for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
            fputs("qedge_stream_state{", stdout);
            label("stream", ask_string(stream, "name"));
            printf(",state=\"%s\"} %d\n", states[k],
                   strcmp(ask_string(stream, "state"), states[k]) == 0);
        }
    }
}

// Without a budget there is nothing to tell.
static void write_governor(struct json_object *governor)
{
    if (!governor)
        return;
    one("qedge_budget_frames_ratio", "gauge",
        "Share of the frames that the budget lets through; 1: nothing is held back.",
        ask_number(governor, "frames_percent") / 100);
    one("qedge_budget_threads", "gauge", "Frames that the budget lets be worked on at a time.",
        ask_number(governor, "threads"));
    one("qedge_budget_held", "gauge", "Whether every budget can be measured and is held.",
        strcmp(ask_string(governor, "state"), "free") == 0 ||
            strcmp(ask_string(governor, "state"), "holding") == 0);
}

static void write_counters(struct json_object *status)
{
    static const struct {
        const char *name, *type, *key, *help;
    } rows[] = {
        {"qedge_frames_received_total", "counter", "frames_in", "Frames that the source gave."},
        {"qedge_frames_dropped_total", "counter", "frames_dropped",
         "Frames replaced by a newer one before a worker was free."},
        {"qedge_frames_bad_total", "counter", "frames_bad", "Broken frames."},
        {"qedge_frames_skipped_total", "counter", "frames_skipped",
         "Frames let go by choice: max_fps or a budget."},
        {"qedge_frames_gated_total", "counter", "frames_gated",
         "Results published again because nothing had changed."},
        {"qedge_frames_missed_total", "counter", "frames_missed",
         "Frames that the device itself lost."},
        {"qedge_results_published_total", "counter", "frames_published", "Results published."},
        {"qedge_model_generation", "gauge", "generation",
         "Counts how often the model was replaced."},
        {"qedge_stream_clients", "gauge", "clients", "Clients that read the stream."},
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        head(rows[r].name, rows[r].type, rows[r].help);
        for (size_t i = 0; i < ask_length(status, "streams"); i++) {
            struct json_object *stream = ask_item(status, "streams", i);
            printf("%s{", rows[r].name);
            label("stream", ask_string(stream, "name"));
            printf("} %lld\n", ask_integer(stream, rows[r].key));
        }
    }
}

static void stage_labels(const char *name, struct json_object *stream, const char *stage)
{
    printf("%s{", name);
    label("stream", ask_string(stream, "name"));
    printf(",stage=\"%s\"", stage);
}

static void write_stage(struct json_object *stream, const char *stage)
{
    static const struct {
        const char *quantile, *key;
    } quantiles[] = {
        {"0.5", "p50_us"}, {"0.9", "p90_us"}, {"0.99", "p99_us"}, {"0.999", "p999_us"}};
    struct json_object *all = ask_object(ask_object(stream, "latency"), stage);
    struct json_object *recent = ask_object(ask_object(stream, "latency_recent"), stage);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        stage_labels("qedge_stage_latency_seconds", stream, stage);
        if (ask_integer(recent, "count") > 0)
            printf(",quantile=\"%s\"} %.9g\n", quantiles[i].quantile,
                   ask_number(recent, quantiles[i].key) / 1e6);
        else
            printf(",quantile=\"%s\"} NaN\n", quantiles[i].quantile);
    }
    stage_labels("qedge_stage_latency_seconds_sum", stream, stage);
    printf("} %.12g\n", ask_number(all, "sum_us") / 1e6);
    stage_labels("qedge_stage_latency_seconds_count", stream, stage);
    printf("} %lld\n", ask_integer(all, "count"));
}

static void write_latency(struct json_object *status)
{
    static const char *const stages[] = {"capture", "wait",    "preprocess",
                                         "infer",   "publish", "total"};
    head("qedge_stage_latency_seconds", "summary",
         "Time in each stage, and from the sensor to publishing (total).");
    for (size_t i = 0; i < ask_length(status, "streams"); i++)
        for (size_t k = 0; k < sizeof(stages) / sizeof(stages[0]); k++)
            write_stage(ask_item(status, "streams", i), stages[k]);
}

// ---- clients ---------------------------------------------------------------

static void write_clients(struct json_object *clients)
{
    static const struct {
        const char *name, *type, *key, *help;
    } rows[] = {
        {"qedge_client_lag_results", "gauge", "lag",
         "Results published that the client has not read."},
        {"qedge_client_lost_results_total", "counter", "lost",
         "Results overwritten before the client read them."},
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        head(rows[r].name, rows[r].type, rows[r].help);
        for (size_t i = 0; i < ask_length(clients, "clients"); i++) {
            struct json_object *client = ask_item(clients, "clients", i);
            if (!*ask_string(client, "stream"))
                continue;
            printf("%s{", rows[r].name);
            label("client", ask_string(client, "name"));
            printf(",pid=\"%lld\",connection=\"%zu\",", ask_integer(client, "pid"), i);
            label("stream", ask_string(client, "stream"));
            printf("} %lld\n", ask_integer(client, rows[r].key));
        }
    }
}

// ---- power -----------------------------------------------------------------

static void write_power(struct json_object *power)
{
    if (*ask_string(power, "source")) {
        head("qedge_power_info", "gauge", "Where the watts come from and what they cover.");
        fputs("qedge_power_info{", stdout);
        label("source", ask_string(power, "source"));
        putchar(',');
        label("scope", ask_string(power, "scope"));
        printf(",estimated=\"%s\"} 1\n", ask_bool(power, "estimated") ? "true" : "false");
    }
    one_of("qedge_power_watts", "gauge", "Power at the last look; see qedge_power_info.", power,
           "power_mw", 1e-3);
    one_of("qedge_power_mean_watts", "gauge", "Mean power over the last ten seconds.", power,
           "mean_mw", 1e-3);
    one_of("qedge_power_idle_watts", "gauge", "Idle baseline.", power, "baseline_mw", 1e-3);
    one_of("qedge_energy_joules_total", "counter", "Energy since qedged was started.", power,
           "energy_mj", 1e-3);
    one_of("qedge_inference_energy_joules", "gauge",
           "Energy of an inference above idle, over the last ten seconds.", power,
           "energy_per_inference_mj", 1e-3);
}

static void write_machine(struct json_object *machine)
{
    static const struct {
        const char *cause, *key;
    } causes[] = {{"under_voltage", "under_voltage"},
                  {"frequency_capped", "frequency_capped"},
                  {"thermal", "thermal_throttled"},
                  {"soft_temperature_limit", "soft_temperature_limit"}};
    one_of("qedge_temperature_celsius", "gauge", "Temperature of the processor.", machine,
           "temperature_c", 1);
    one_of("qedge_clock_hertz", "gauge", "Clock of the fastest core.", machine, "clock_mhz", 1e6);
    if (!ask_object(machine, "throttle_source"))
        return;
    head("qedge_throttled", "gauge", "Whether the machine is held back at the moment, by cause.");
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        printf("qedge_throttled{cause=\"%s\"} %d\n", causes[i].cause,
               ask_bool(machine, causes[i].key));
}

void prometheus_write(struct json_object *status, struct json_object *clients)
{
    write_daemon(status);
    write_states(status);
    write_governor(ask_object(status, "governor"));
    write_counters(status);
    write_latency(status);
    write_clients(clients);
    write_power(ask_object(status, "power"));
    write_machine(ask_object(status, "machine"));
}

void prometheus_write_down(void)
{
    one("qedge_up", "gauge", "Whether qedged answers.", 0);
}
