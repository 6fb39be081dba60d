// SPDX-License-Identifier: Apache-2.0
//
// Who has the camera that a stream waits for. The daemon's sandbox hides other users' processes;
// who asks for the status may see more, root all of them.

#ifndef QEDGE_CTL_HOLDER_H
#define QEDGE_CTL_HOLDER_H

#include <json-c/json.h>

// Completes reason and hint of the status answer's streams where that can be seen.
void holder_name(struct json_object *status);

#endif
