// SPDX-License-Identifier: Apache-2.0
//
// `qctl bench`: the daemon runs a stream's model on synthetic frames, beside the live ones or
// alone.

#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"
#include "ctl/status_machine.h"

#define SECONDS 5
#define SECONDS_MAX 60
#define ANSWER_MARGIN_MS 6000 // it begins with the next second of the daemon

static void stage_show(const char *name, struct json_object *stage)
{
    static const char *const keys[] = {"p50_us", "p90_us", "p99_us", "max_us"};
    struct paint_line line;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "    %s", name);
    paint_to(&line, 16);
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (ask_integer(stage, "count") > 0)
            paint_format(&line, PAINT_PLAIN, "%9.3f", ask_number(stage, keys[i]) / 1000);
        else
            paint_format(&line, PAINT_DIM, "%9s", "-");
    }
    paint_end(&line);
}

static void power_show(struct json_object *answer)
{
    char text[200], watts[40];
    if (!*ask_string(answer, "power_source")) {
        status_field_show("power", "nothing measures it here (qctl power says why)", PAINT_DIM);
        return;
    }
    if (!ask_object(answer, "mean_mw")) {
        status_field_show("power", "the meter gave no numbers", PAINT_WARN);
        return;
    }
    status_watts_format(watts, sizeof(watts), ask_number(answer, "mean_mw"));
    snprintf(text, sizeof(text), "mean %s (%s: %s)", watts, ask_string(answer, "power_source"),
             ask_string(answer, "power_scope"));
    status_field_show("power", text, PAINT_PLAIN);
    if (ask_object(answer, "energy_per_inference_mj"))
        snprintf(text, sizeof(text), "%.3f mJ an inference above idle%s",
                 ask_number(answer, "energy_per_inference_mj"),
                 ask_bool(answer, "power_estimated") ? ", estimated" : "");
    else
        snprintf(text, sizeof(text), "%s",
                 ask_object(answer, "baseline_mw")
                     ? "of an inference: no more than idle"
                     : "of an inference: not known before qctl power --baseline");
    status_field_show("energy", text, PAINT_PLAIN);
}

static void answer_show(struct json_object *answer)
{
    char text[300];
    struct paint_line line;
    bool alone = ask_bool(answer, "alone");
    paint_begin(&line);
    paint_text(&line, PAINT_BOLD, ask_string(answer, "stream"));
    paint_format(&line, PAINT_PLAIN, "  %lld synthetic frames in %.1f s, %s",
                 ask_integer(answer, "frames"), ask_number(answer, "seconds"),
                 alone ? "all streams paused" : "beside the live ones");
    paint_end(&line);
    status_field_show("model", ask_string(answer, "model"), PAINT_PLAIN);
    snprintf(text, sizeof(text), "%s  %lld workers, mode %s, main kernel %s",
             ask_string(answer, "frame"), ask_integer(answer, "threads"),
             ask_string(answer, "mode"), ask_string(answer, "kernel"));
    status_field_show("frame", text, PAINT_PLAIN);
    int used = snprintf(text, sizeof(text), "%.1f fps", ask_number(answer, "fps"));
    if (!alone)
        snprintf(text + used, sizeof(text) - (size_t)used,
                 " more than the %.1f fps of live inferences", ask_number(answer, "live_fps"));
    status_field_show("rate", text, PAINT_BOLD);
    if (ask_integer(answer, "frames") == 0)
        status_field_show("", "the live streams leave no time; --alone pauses them", PAINT_WARN);
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  %-14s%9s%9s%9s%9s", "latency ms", "p50", "p90", "p99", "max");
    paint_end(&line);
    stage_show("preprocess", ask_object(answer, "preprocess"));
    stage_show("infer", ask_object(answer, "infer"));
    stage_show("total", ask_object(answer, "total"));
    power_show(answer);
    if (ask_bool(answer, "throttled")) {
        snprintf(text, sizeof(text), "the machine was held back meanwhile: %s",
                 ask_string(answer, "throttle"));
        status_field_show("throttled", text, PAINT_BAD);
    }
}

int ctl_bench(const struct ctl_settings *settings, const char *stream)
{
    struct ctl_settings patient = *settings;
    char request[160];
    long seconds = settings->count ? settings->count : SECONDS;
    if (seconds > SECONDS_MAX) {
        fprintf(stderr, "qctl: bench takes 1 to %d seconds\n", SECONDS_MAX);
        return CTL_EXIT_USAGE;
    }
    if (snprintf(request, sizeof(request), "bench %ld %s %s", seconds,
                 settings->alone ? "alone" : "beside", stream ? stream : "") >=
        (int)sizeof(request)) {
        fprintf(stderr, "qctl: no such stream; `qctl streams` lists them\n");
        return CTL_EXIT_FAILED;
    }
    patient.answer_ms = (int)seconds * 1000 + ANSWER_MARGIN_MS;
    return ask_and_show(&patient, request, answer_show);
}
