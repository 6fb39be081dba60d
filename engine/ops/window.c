// SPDX-License-Identifier: Apache-2.0
#include "engine/ops/window.h"

#include <errno.h>

int window_solve(struct build *b, int32_t padding, struct window_axis *axis)
{
    if (axis->stride < 1 || axis->stride > WINDOW_STEP_MAX || axis->dilation < 1 ||
        axis->dilation > WINDOW_STEP_MAX || axis->filter < 1 || axis->filter > WINDOW_STEP_MAX)
        return build_fail(b, -EINVAL, "filter %d, stride %d, dilation %d", axis->filter,
                          axis->stride, axis->dilation);
    int32_t extent = (axis->filter - 1) * axis->dilation + 1;
    if (padding == PADDING_VALID) {
        if (extent > axis->in)
            return build_fail(b, -EINVAL, "filter spans %d, picture is %d", extent, axis->in);
        axis->out = (axis->in - extent) / axis->stride + 1;
        axis->pad = 0;
        return 0;
    }
    if (padding != PADDING_SAME)
        return build_fail(b, -EINVAL, "padding kind %d", padding);
    axis->out = (axis->in - 1) / axis->stride + 1;
    int32_t total = (axis->out - 1) * axis->stride + extent - axis->in;
    axis->pad = total > 0 ? total / 2 : 0;
    return 0;
}
