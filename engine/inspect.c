// SPDX-License-Identifier: Apache-2.0
#include "engine/inspect.h"

#include <errno.h>
#include <string.h>

#include "engine/model_impl.h"
#include "engine/schema.h"

uint32_t model_input_count(const struct model *model)
{
    return model->input_count;
}

uint32_t model_output_count(const struct model *model)
{
    return model->output_count;
}

const struct tensor_info *model_input(const struct model *model, uint32_t index)
{
    return index < model->input_count ? &model->input_infos[index] : NULL;
}

const struct tensor_info *model_output(const struct model *model, uint32_t index)
{
    return index < model->output_count ? &model->output_infos[index] : NULL;
}

const struct tensor_info *model_native_input(const struct model *model)
{
    return &model->values[model->inputs[0].tensor].info;
}

int model_picture_size(const struct model *model, int32_t *height, int32_t *width,
                       int32_t *channels)
{
    const struct tensor_info *in = model_native_input(model);
    bool type = in->type == TENSOR_INT8 || in->type == TENSOR_FLOAT32;
    if (!type || in->rank != 4 || in->dims[0] != 1 || (in->dims[3] != 1 && in->dims[3] != 3))
        return -ENOTSUP;
    *height = in->dims[1];
    *width = in->dims[2];
    *channels = in->dims[3];
    return 0;
}

uint32_t model_label_count(const struct model *model)
{
    return model->metadata.label_count;
}

const char *model_label(const struct model *model, uint32_t index)
{
    return index < model->metadata.label_count ? model->metadata.labels[index] : NULL;
}

uint32_t model_normalisation(const struct model *model, float mean[4], float std[4])
{
    memcpy(mean, model->metadata.mean, 4 * sizeof(*mean));
    memcpy(std, model->metadata.std, 4 * sizeof(*std));
    return model->metadata.channels;
}

size_t model_arena_size(const struct model *model)
{
    return model->arena;
}

uint64_t model_macs(const struct model *model)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < model->layer_count; i++)
        sum += model->layers[i].macs;
    return sum;
}

uint32_t model_layer_count(const struct model *model)
{
    return model->layer_count;
}

void model_layer(const struct model *model, uint32_t index, struct layer_info *info)
{
    const struct layer *layer = &model->layers[index];
    *info = (struct layer_info){
        .op = layer->op,
        .kernel = layer->kernel,
        .op_index = layer->op_index,
        .macs = layer->macs,
        .units = layer->units,
        .packed_bytes = layer->packed_bytes,
        .scratch_bytes = layer->scratch,
        .input = &model->values[layer->in[0]].info,
        .output = &model->values[layer->out[0]].info,
    };
}

uint32_t model_value_count(const struct model *model)
{
    return model->value_count;
}

bool model_value(const struct model *model, uint32_t index, struct value_info *info)
{
    if (index >= model->value_count || !model->values[index].used)
        return false;
    const struct value *v = &model->values[index], *root = &model->values[v->root];
    *info = (struct value_info){&v->info,     v->data != NULL, v->root != (int32_t)index,
                                root->offset, root->first,     root->last};
    return true;
}

void model_summarize(const struct model *model, struct model_summary *summary)
{
    const struct metadata *m = &model->metadata;
    *summary = (struct model_summary){
        .file_bytes = model->file_bytes,
        .arena_bytes = model->arena,
        .scratch_bytes = model->scratch,
        .operators = model->operators,
        .layers = model->layer_count,
        .macs = model_macs(model),
        .name = m->name,
        .description = m->description,
        .version = m->version,
        .author = m->author,
        .license = m->license,
    };
    for (uint32_t i = 0; i < model->layer_count; i++)
        summary->packed_bytes += model->layers[i].packed_bytes;
}

const char *tensor_type_text(enum tensor_type type)
{
    return tensor_type_name(type);
}
