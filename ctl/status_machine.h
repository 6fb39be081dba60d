// SPDX-License-Identifier: Apache-2.0
//
// How `qctl status`, `power` and `top` show states, durations and watts, and the lines about power,
// temperature and throttling.

#ifndef QEDGE_CTL_STATUS_MACHINE_H
#define QEDGE_CTL_STATUS_MACHINE_H

#include "ctl/ask.h"
#include "ctl/paint.h"

#define STATUS_VALUE_COLUMN 12 // where values begin

// Of a stream's state or the daemon's.
enum paint_style status_state_style(const char *state);
// "12 s", "3 min", "4.5 h", "6.0 days".
void status_duration_format(char *text, size_t size, double seconds);
// Below ten watts milliwatts count.
void status_watts_format(char *text, size_t size, double milliwatts);
// "  name      value"; a value that is longer than the line goes on below itself, "" shows nothing.
void status_field_show(const char *name, const char *value, enum paint_style style);
// The answer's "power": present and mean watts, source and scope, energy. NULL shows nothing.
void status_power_show(struct json_object *power);
// Its "machine": one line, none when nothing is known.
void status_machine_show(struct json_object *machine);

#endif
