// SPDX-License-Identifier: Apache-2.0
//
// The option --frame FORMAT:WIDTHxHEIGHT[:bt709][:full] or MJPG: picture files are frames as
// cameras deliver them, and are read as qedged reads those.

#ifndef QEDGE_QMODEL_FRAME_OPTION_H
#define QEDGE_QMODEL_FRAME_OPTION_H

#include "imaging/image.h"

// Sets format, width, height (0 for MJPG, whose frames say it), matrix (default BT.601) and range
// (default limited; GREY and MJPG full) of *frame, which is zeroed otherwise. FORMAT is our name or
// V4L2's four characters. 0, or COMMAND_USAGE with the line written.
int frame_option_parse(const char *command, const char *text, struct image *frame);

#endif
