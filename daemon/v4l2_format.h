// SPDX-License-Identifier: Apache-2.0
//
// Pixel formats that we read, and the choice among what a camera offers.
//
// Order of what counts: the size wanted (or the nearest: the smallest that covers it, else the
// largest), then the frame rate wanted, then uncompressed before JPEG, then how cheap the format is
// to read.

#ifndef QEDGE_DAEMON_V4L2_FORMAT_H
#define QEDGE_DAEMON_V4L2_FORMAT_H

#include <linux/videodev2.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/v4l2_device.h"
#include "imaging/image.h"

struct v4l2_format_row {
    uint32_t fourcc;
    enum image_format image;
    uint8_t planes; // in memory: 1, or more for the multi-planar kinds
    bool compressed;
    const char *name; // as in the config; several fourccs may share one
};

const struct v4l2_format_row *v4l2_format_find(uint32_t fourcc);
void v4l2_format_fourcc(uint32_t fourcc, char text[5]);

struct v4l2_choice {
    const struct v4l2_format_row *row;
    int32_t width, height;
    double fps; // best rate that the camera names for it; 0 = it does not say
};

// Picks among what the node offers. 0; -ENOTSUP: nothing that we read (`offered` lists what there
// is).
int v4l2_format_choose(const struct v4l2_device_ops *ops, int fd, uint32_t buffer_type,
                       const struct config_source *config, struct v4l2_choice *choice,
                       char *offered, size_t size);

// Colour of the frames, from the format that the driver set.
void v4l2_format_colour(const struct v4l2_format *format, enum image_format image,
                        enum image_matrix *matrix, enum image_range *range);

#endif
