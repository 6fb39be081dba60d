// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "imaging/convert.h"

// round half up of a * b / c, within 1..limit
static int32_t scaled(int32_t a, int32_t b, int32_t c, int32_t limit)
{
    int64_t value = (2 * (int64_t)a * b + c) / (2 * (int64_t)c);
    return value < 1 ? 1 : value > limit ? limit : (int32_t)value;
}

// The largest centred rectangle in width x height whose sides are as aspect_width : aspect_height.
static struct convert_rect centred(int32_t width, int32_t height, int32_t aspect_width,
                                   int32_t aspect_height)
{
    struct convert_rect rect = {0, 0, width, height};
    if ((int64_t)width * aspect_height > (int64_t)height * aspect_width)
        rect.width = scaled(height, aspect_width, aspect_height, width);
    else
        rect.height = scaled(width, aspect_height, aspect_width, height);
    rect.x = (width - rect.width) / 2;
    rect.y = (height - rect.height) / 2;
    return rect;
}

int convert_geometry(int32_t width, int32_t height, const struct convert_target *target,
                     struct convert_rect *crop, struct convert_rect *place)
{
    if (width < 1 || width > IMAGE_SIDE_MAX || height < 1 || height > IMAGE_SIDE_MAX ||
        target->width < 1 || target->width > CONVERT_SIDE_MAX || target->height < 1 ||
        target->height > CONVERT_SIDE_MAX)
        return -EINVAL;
    *crop = (struct convert_rect){0, 0, width, height};
    *place = (struct convert_rect){0, 0, target->width, target->height};
    if (target->fit == CONVERT_CROP)
        *crop = centred(width, height, target->width, target->height);
    else if (target->fit == CONVERT_LETTERBOX)
        *place = centred(target->width, target->height, width, height);
    else if (target->fit != CONVERT_STRETCH)
        return -EINVAL;
    return 0;
}
