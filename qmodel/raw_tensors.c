// SPDX-License-Identifier: Apache-2.0
#include "qmodel/raw_tensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "qmodel/command.h"

static size_t set_size(const struct model *model)
{
    size_t size = 0;
    for (uint32_t i = 0; i < model_input_count(model); i++)
        size += model_input(model, i)->bytes;
    return size;
}

static int write_outputs(const struct model *model, const struct context *context, FILE *file)
{
    for (uint32_t i = 0; i < model_output_count(model); i++) {
        size_t bytes = model_output(model, i)->bytes;
        if (fwrite(context_output(context, i), 1, bytes, file) != bytes)
            return -EIO;
    }
    return 0;
}

int raw_tensors_run(const char *command, const struct model *model, struct context *context,
                    struct team *team, const char *input, const char *output)
{
    size_t size = set_size(model), got, sets = 0;
    cleanup_file FILE *in = fopen(input, "re");
    if (!in)
        return command_fail(command, "%s: %s", input, strerror(errno));
    cleanup_free uint8_t *set = malloc(size + 1);
    if (!set)
        return command_fail(command, "no memory for %zu bytes of input", size);
    cleanup_file FILE *out = NULL;
    while ((got = fread(set, 1, size, in)) == size) {
        if (!out && !(out = fopen(output, "we")))
            return command_fail(command, "%s: %s", output, strerror(errno));
        for (uint32_t i = 0, at = 0; i < model_input_count(model); i++) {
            context_set_input(context, i, set + at);
            at += (uint32_t)model_input(model, i)->bytes;
        }
        context_run(context, team);
        if (write_outputs(model, context, out) < 0)
            return command_fail(command, "%s: %s", output, strerror(errno));
        sets++;
    }
    if (ferror(in))
        return command_fail(command, "%s: %s", input, strerror(errno));
    if (got != 0 || sets == 0)
        return command_fail(
            command, "%s: its size is not a multiple of the %zu bytes that the model's inputs take",
            input, size);
    FILE *done = out;
    out = NULL;
    if (fclose(done) != 0)
        return command_fail(command, "%s: %s", output, strerror(errno));
    return COMMAND_OK;
}
