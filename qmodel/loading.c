// SPDX-License-Identifier: Apache-2.0
#include "qmodel/loading.h"

#include <stdio.h>
#include <string.h>

#include "engine/inspect.h"
#include "kernels/kernels.h"
#include "qmodel/command.h"

int loading_cpu(const char *command, uint32_t *cpu)
{
    const char *bad;
    if (kernel_cpu_allowed(cpu, &bad) < 0)
        return command_usage(command, "QEDGE_CPU has an unknown name at '%s'", bad);
    return 0;
}

const char *loading_cpu_text(uint32_t cpu, char *text, size_t size)
{
    size_t length = 0;
    snprintf(text, size, "%s", kernel_cpu_name(0));
    for (uint32_t bit = 0; bit < 32 && length < size; bit++)
        if (cpu >> bit & 1)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length ? "," : "",
                                       kernel_cpu_name(UINT32_C(1) << bit));
    return text;
}

int loading_open(const char *command, const char *path, struct model **model)
{
    return loading_open_with(command, path, &(struct model_options){0}, model);
}

int loading_open_with(const char *command, const char *path, const struct model_options *wanted,
                      struct model **model)
{
    struct model_options options = *wanted;
    struct model_error error;
    int rc = loading_cpu(command, &options.cpu);
    if (rc != 0)
        return rc;
    if (model_open(path, &options, model, &error) < 0)
        return command_fail(command, "%s: %s", path, error.text);
    return 0;
}

const char *loading_tensor_text(const struct tensor_info *t, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%s [", tensor_type_text(t->type));
    for (int32_t d = 0; d < t->rank && length < size; d++)
        length += (size_t)snprintf(text + length, size - length, "%s%d", d ? ", " : "", t->dims[d]);
    if (length < size)
        length += (size_t)snprintf(text + length, size - length, "]");
    if (t->scale > 0 && length < size)
        snprintf(text + length, size - length, " scale %g zero point %d", (double)t->scale,
                 t->zero_point);
    return text;
}
