// SPDX-License-Identifier: Apache-2.0
#include "qmodel/draft_file.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/output_file.h"
#include "engine/tflite_writer.h"
#include "qmodel/command.h"

static int make_bytes(const struct draft *draft, uint8_t **bytes, size_t *size,
                      struct model_error *error)
{
    struct model *model;
    int rc = tflite_write(draft, bytes, size);
    if (rc < 0)
        return model_fail(error, rc, "the model made of it: %s", strerror(-rc));
    rc = model_open_memory(*bytes, *size, &(struct model_options){0}, &model, error);
    if (rc == 0)
        model_close(model);
    return rc;
}

int draft_file_write(const char *command, const char *source, const struct draft *draft,
                     const char *path, size_t *size)
{
    struct model_error error;
    cleanup_free uint8_t *bytes = NULL;
    if (make_bytes(draft, &bytes, size, &error) < 0)
        return command_fail(command, "%s: %s", source, error.text);
    int rc = output_file_write(path, bytes, *size);
    return rc < 0 ? command_fail(command, "%s: %s", path, strerror(-rc)) : 0;
}
