// SPDX-License-Identifier: Apache-2.0
//
// `qctl power`: where the watts come from; with --baseline the idle power is measured first.

#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/status_machine.h"

#define BASELINE_SECONDS 10
#define ANSWER_MARGIN_MS 5000

static int baseline_measure(const struct ctl_settings *settings)
{
    struct ctl_settings patient = *settings;
    struct json_object *answer;
    char request[32];
    long seconds = settings->count ? settings->count : BASELINE_SECONDS;
    snprintf(request, sizeof(request), "baseline %ld", seconds);
    patient.answer_ms = (int)(seconds + 1) * 1000 + ANSWER_MARGIN_MS;
    if (!settings->json)
        printf("all streams pause for %ld s\n", seconds + 1);
    fflush(stdout);
    int code = ask(&patient, request, &answer);
    if (code != 0)
        return code;
    if (settings->json)
        ask_print(answer);
    else
        printf("idle: %.3f W (%s: %s)\n", ask_number(answer, "baseline_mw") / 1000,
               ask_string(answer, "source"), ask_string(answer, "scope"));
    json_object_put(answer);
    return CTL_EXIT_OK;
}

int ctl_power(const struct ctl_settings *settings)
{
    struct json_object *answer;
    if (settings->baseline)
        return baseline_measure(settings);
    int code = ask(settings, "power", &answer);
    if (code != 0)
        return code;
    if (settings->json) {
        ask_print(answer);
    } else {
        status_power_show(ask_object(answer, "power"));
        status_machine_show(ask_object(answer, "machine"));
    }
    json_object_put(answer);
    return CTL_EXIT_OK;
}
