// SPDX-License-Identifier: Apache-2.0
#include "qmodel/onnx_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph.h"

// An empty node is two bytes in the file and a hundred in memory: without a bound a small file
// takes it all.
#define BUDGET_FACTOR 8
#define BUDGET_FLOOR ((size_t)16 << 20)

static void *take(void *data, size_t size)
{
    struct onnx_file *file = data;
    file->refused = file->refused || size > file->budget;
    if (size > file->budget)
        return NULL;
    file->budget -= size;
    return malloc(size);
}

static void give(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

static int check_opset(struct onnx_file *file, struct model_error *error)
{
    const Onnx__Model *model = file->model;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSet *set = model->opset_import[i];
        if (!set->domain || !*set->domain || strcmp(set->domain, "ai.onnx") == 0)
            file->opset = set->version;
    }
    if (file->opset < ONNX_OPSET_LEAST || file->opset > ONNX_OPSET_MOST)
        return model_fail(error, -ENOTSUP, "operator set %lld; %d to %d are supported",
                          (long long)file->opset, ONNX_OPSET_LEAST, ONNX_OPSET_MOST);
    return 0;
}

int onnx_file_open(struct onnx_file *file, const void *bytes, size_t size,
                   struct model_error *error)
{
    if (size > ONNX_FILE_MOST)
        return model_fail(error, -ENOTSUP, "a file of %zu bytes, at most 1 GiB is supported", size);
    *file = (struct onnx_file){.budget = BUDGET_FACTOR * size + BUDGET_FLOOR};
    ProtobufCAllocator allocator = {.alloc = take, .free = give, .allocator_data = file};
    file->model = onnx__model__unpack(&allocator, size, bytes);
    if (!file->model)
        return file->refused
                   ? model_fail(error, -ENOMEM, "it takes too much memory to read")
                   : model_fail(error, -EINVAL, "this is not an ONNX file, or one cut short");
    int rc = 0;
    if (!file->model->graph || file->model->graph->n_node == 0)
        rc = model_fail(error, -EINVAL, "this is not an ONNX file: no graph of operators in it");
    if (rc == 0)
        rc = check_opset(file, error);
    if (rc < 0)
        onnx_file_finish(file);
    return rc;
}

void onnx_file_finish(struct onnx_file *file)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = give, .allocator_data = file};
    if (file->model)
        onnx__model__free_unpacked(file->model, &allocator);
    file->model = NULL;
}
