// SPDX-License-Identifier: Apache-2.0
//
// The lines about power, temperature and throttling, as `qctl status` and `qctl power` show them.

#ifndef QEDGE_CTL_STATUS_MACHINE_H
#define QEDGE_CTL_STATUS_MACHINE_H

#include "ctl/ask.h"
#include "ctl/paint.h"

#define STATUS_VALUE_COLUMN 12 // where values begin

// "  name      value"; a value that is longer than the line goes on below itself, "" shows nothing.
void status_field_show(const char *name, const char *value, enum paint_style style);
// The answer's "power": present and mean watts, source and scope, energy. NULL shows nothing.
void status_power_show(struct json_object *power);
// Its "machine": one line, none when nothing is known.
void status_machine_show(struct json_object *machine);

#endif
