// SPDX-License-Identifier: Apache-2.0

#include "daemon/power_json.h"

#include <math.h>

#include "common/json.h"
#include "common/machine.h"
#include "daemon/power.h"

// json_write_fixed writes null for what is no number.
static void write_if(struct json_writer *json, const char *key, bool known, double value,
                     int decimals)
{
    json_write_member_fixed(json, key, known ? value : (double)NAN, decimals);
}

void power_json_write(struct json_writer *json, const struct power *power)
{
    struct power_report report;
    power_get(power, &report);
    json_write_key(json, "power");
    json_write_object_begin(json);
    json_write_member_string(json, "source", report.source);
    json_write_member_string(json, "scope", report.scope);
    json_write_member_string(json, "detail", report.detail);
    json_write_member_bool(json, "estimated", report.estimated);
    write_if(json, "power_mw", report.has_power, report.power_mw, 1);
    write_if(json, "mean_mw", report.has_mean, report.mean_mw, 1);
    json_write_member_fixed(json, "window_s", report.window_s, 1);
    write_if(json, "energy_mj", report.source, report.energy_mj, 1);
    write_if(json, "baseline_mw", report.has_baseline, report.baseline_mw, 1);
    json_write_member_u64(json, "inferences", report.inferences);
    write_if(json, "energy_per_inference_mj", report.has_inference, report.inference_mj, 3);
    json_write_object_end(json);
}

void power_json_write_machine(struct json_writer *json, const struct machine *machine)
{
    const struct machine_throttle *throttle = &machine->throttle;
    char now[80], since[80];
    machine_describe(throttle->now, now, sizeof(now));
    machine_describe(throttle->since_boot, since, sizeof(since));
    json_write_key(json, "machine");
    json_write_object_begin(json);
    write_if(json, "temperature_c", machine->has_temperature, machine->temperature_c, 1);
    json_write_member_string(json, "temperature_source",
                             machine->has_temperature ? machine->temperature_source : NULL);
    write_if(json, "clock_mhz", machine->has_clock, machine->clock_mhz, 0);
    write_if(json, "clock_max_mhz", machine->clock_max_mhz > 0, machine->clock_max_mhz, 0);
    json_write_member_string(json, "throttle_source", throttle->source);
    json_write_member_bool(json, "throttled", machine_is_throttled(machine));
    json_write_member_bool(json, "under_voltage", throttle->now & FIRMWARE_UNDER_VOLTAGE);
    json_write_member_bool(json, "frequency_capped", throttle->now & FIRMWARE_FREQUENCY_CAPPED);
    json_write_member_bool(json, "thermal_throttled", throttle->now & FIRMWARE_THROTTLED);
    json_write_member_bool(json, "soft_temperature_limit", throttle->now & FIRMWARE_SOFT_LIMIT);
    json_write_member_string(json, "throttle", now);
    json_write_member_string(json, "throttle_since_boot", since);
    json_write_object_end(json);
}
