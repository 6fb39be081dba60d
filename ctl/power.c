// SPDX-License-Identifier: Apache-2.0
//
// `qctl power`: where the watts come from; with --baseline the idle power is measured first.

#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/status_machine.h"

#define BASELINE_SECONDS 10
#define BASELINE_SECONDS_MAX 600
#define ANSWER_MARGIN_MS 5000

static void baseline_show(struct json_object *answer)
{
    printf("idle: %.3f W (%s: %s)\n", ask_number(answer, "baseline_mw") / 1000,
           ask_string(answer, "source"), ask_string(answer, "scope"));
    if (ask_string(answer, "not_kept")[0])
        printf("until qedged ends: it could not be kept: %s\n", ask_string(answer, "not_kept"));
}

static int baseline_measure(const struct ctl_settings *settings)
{
    struct ctl_settings patient = *settings;
    char request[32];
    long seconds = settings->count ? settings->count : BASELINE_SECONDS;
    snprintf(request, sizeof(request), "baseline %ld", seconds);
    patient.answer_ms = (int)(seconds + 1) * 1000 + ANSWER_MARGIN_MS;
    if (!settings->json)
        printf("all streams pause for %ld s\n", seconds + 1);
    fflush(stdout);
    return ask_and_show(&patient, request, baseline_show);
}

static void power_show(struct json_object *answer)
{
    status_power_show(ask_object(answer, "power"));
    status_machine_show(ask_object(answer, "machine"));
}

int ctl_power(const struct ctl_settings *settings)
{
    if (settings->count && !settings->baseline) {
        fprintf(stderr, "qctl: power takes seconds only with --baseline (qctl --help)\n");
        return CTL_EXIT_USAGE;
    }
    if (settings->count > BASELINE_SECONDS_MAX) {
        fprintf(stderr, "qctl: power --baseline takes 1 to %d seconds\n", BASELINE_SECONDS_MAX);
        return CTL_EXIT_USAGE;
    }
    return settings->baseline ? baseline_measure(settings)
                              : ask_and_show(settings, "power", power_show);
}
