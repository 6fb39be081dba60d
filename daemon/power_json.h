// SPDX-License-Identifier: Apache-2.0
//
// Power and the machine's condition as members of a JSON object, unit in every key. A number that
// is not known is null.

#ifndef QEDGE_DAEMON_POWER_JSON_H
#define QEDGE_DAEMON_POWER_JSON_H

struct json_writer;
struct machine;
struct power;

// "power": {source, scope, detail, estimated, power_mw, mean_mw, window_s, energy_mj, baseline_mw,
// inferences, energy_per_inference_mj}
void power_json_write(struct json_writer *json, const struct power *power);
// "machine": {temperature_c, temperature_source, clock_mhz, clock_max_mhz, throttle_source,
// throttled, under_voltage, frequency_capped, thermal_throttled, soft_temperature_limit, throttle,
// throttle_since_boot}
void power_json_write_machine(struct json_writer *json, const struct machine *machine);

#endif
