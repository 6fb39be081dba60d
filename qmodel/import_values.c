// SPDX-License-Identifier: Apache-2.0
//
// Names to values. Initializers are known from the start and read when somebody asks for them, so
// that one that nobody uses costs nothing and cannot be wrong.

#include <errno.h>
#include <string.h>

#include "qmodel/importer.h"

#define NAMES_MOST 65536

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u; // FNV-1a
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

static struct import_slot *slot_of(struct importer *im, const char *name)
{
    uint32_t at = hash(name) & (im->slot_count - 1);
    while (im->slots[at].name && strcmp(im->slots[at].name, name) != 0)
        at = (at + 1) & (im->slot_count - 1);
    return &im->slots[at];
}

static int count_names(struct importer *im, size_t *count)
{
    const Onnx__Graph *g = im->graph;
    *count = g->n_initializer + g->n_input;
    for (size_t i = 0; i < g->n_node; i++)
        *count += g->node[i]->n_output;
    if (*count > NAMES_MOST || g->n_node > GRAPH_OPERATORS_MAX)
        return model_fail(im->error, -ENOTSUP,
                          "%zu nodes with %zu values, at most %d and %d are supported", g->n_node,
                          *count, GRAPH_OPERATORS_MAX, NAMES_MOST);
    return 0;
}

int import_values_open(struct importer *im)
{
    size_t count;
    int rc = count_names(im, &count);
    if (rc < 0)
        return rc;
    im->slot_count = 64;
    while (im->slot_count < 2 * count)
        im->slot_count *= 2;
    im->value_capacity = (uint32_t)count;
    im->slots = import_take(im, im->slot_count, sizeof(*im->slots));
    im->values = import_take(im, count, sizeof(*im->values));
    if (!im->slots || !im->values)
        return -ENOMEM;
    for (size_t i = 0; i < im->graph->n_initializer; i++) {
        const Onnx__Tensor *tensor = im->graph->initializer[i];
        struct import_value *value = tensor->name ? import_value_add(im, tensor->name) : NULL;
        if (!value)
            return tensor->name ? -EINVAL
                                : model_fail(im->error, -EINVAL, "initializer %zu has no name", i);
        value->initializer = tensor;
    }
    return 0;
}

struct import_value *import_value_add(struct importer *im, const char *name)
{
    struct import_slot *slot = slot_of(im, name);
    if (slot->name || im->value_count == im->value_capacity) {
        import_fail(im, -EINVAL, "value '%.60s' is defined twice", import_text(im, name));
        return NULL;
    }
    struct import_value *value = &im->values[im->value_count++];
    const char *text = import_text(im, name);
    if (!text)
        return NULL;
    *value = (struct import_value){.name = text, .tensor = IMPORT_NONE, .gate_of = IMPORT_NONE};
    *slot = (struct import_slot){.name = name, .value = value};
    return value;
}

struct import_value *import_value_find(struct importer *im, const char *name)
{
    struct import_value *value = slot_of(im, name)->value;
    if (!value || !value->initializer)
        return value;
    const Onnx__Tensor *tensor = value->initializer;
    value->initializer = NULL;
    return import_tensor_read(im, tensor, value) < 0 ? NULL : value;
}

bool import_is_initializer(struct importer *im, const char *name)
{
    const struct import_value *value = slot_of(im, name)->value;
    return value && value->initializer;
}

// ---- inputs and outputs of a node -------------------------------------------

bool import_has_input(const struct importer *im, size_t index)
{
    return index < im->node->n_input && im->node->input[index] && *im->node->input[index];
}

struct import_value *import_input(struct importer *im, size_t index)
{
    if (!import_has_input(im, index)) {
        import_fail(im, -EINVAL, "input %zu is missing", index);
        return NULL;
    }
    const char *name = im->node->input[index];
    if (!slot_of(im, name)->value) {
        import_fail(im, -EINVAL,
                    "input '%.60s' is neither an initializer nor the output of a node before it",
                    import_text(im, name));
        return NULL;
    }
    return import_value_find(im, name);
}

struct import_value *import_output(struct importer *im, size_t index)
{
    if (index >= im->node->n_output || !im->node->output[index] || !*im->node->output[index]) {
        import_fail(im, -EINVAL, "output %zu is missing", index);
        return NULL;
    }
    return import_value_add(im, im->node->output[index]);
}

// ---- constants --------------------------------------------------------------

int64_t import_elements(const struct import_value *value)
{
    int64_t n = 1;
    for (int32_t i = 0; i < value->rank; i++)
        n *= value->dims[i];
    return n;
}

int64_t import_int_at(const struct import_value *value, int64_t index)
{
    switch (value->type) {
    case TENSOR_INT64: return ((const int64_t *)value->data)[index];
    case TENSOR_INT32: return ((const int32_t *)value->data)[index];
    case TENSOR_INT8: return ((const int8_t *)value->data)[index];
    default: return ((const uint8_t *)value->data)[index];
    }
}

int import_float(struct importer *im, const struct import_value *value, float *number)
{
    if (!value->constant || value->type != TENSOR_FLOAT32 || import_elements(value) != 1)
        return import_fail(im, -ENOTSUP, "'%s' is not one constant number", value->name);
    *number = *(const float *)value->data;
    return 0;
}

int import_ints(struct importer *im, const struct import_value *value, int64_t *list, int32_t most,
                int32_t *count)
{
    int64_t elements = import_elements(value);
    if (!value->constant || (value->type != TENSOR_INT64 && value->type != TENSOR_INT32))
        return import_fail(im, -ENOTSUP, "'%s' is not constant integers", value->name);
    if (elements > most)
        return import_fail(im, -ENOTSUP, "'%s' has %lld values, at most %d are expected",
                           value->name, (long long)elements, most);
    for (int64_t i = 0; i < elements; i++)
        list[i] = import_int_at(value, i);
    *count = (int32_t)elements;
    return 0;
}

int import_need_constant(struct importer *im, const struct import_value *value, const char *what)
{
    if (!value->constant)
        return import_fail(im, -ENOTSUP, "%s '%s' that are not constant", what, value->name);
    if (value->type != TENSOR_FLOAT32 || import_elements(value) == 0)
        return import_fail(im, -EINVAL, "%s '%s' are not floats", what, value->name);
    return 0;
}

int import_need_activation(struct importer *im, const struct import_value *value, const char *what)
{
    if (value->constant)
        return import_fail(im, -ENOTSUP, "%s '%s' that is constant", what, value->name);
    return 0;
}

// ---- attributes -------------------------------------------------------------

const Onnx__Attribute *import_attribute(const struct importer *im, const char *name)
{
    for (size_t i = 0; i < im->node->n_attribute; i++) {
        const Onnx__Attribute *attribute = im->node->attribute[i];
        if (attribute->name && strcmp(attribute->name, name) == 0)
            return attribute;
    }
    return NULL;
}

int64_t import_attribute_int(const struct importer *im, const char *name, int64_t fallback)
{
    const Onnx__Attribute *attribute = import_attribute(im, name);
    return attribute && attribute->has_i       ? attribute->i
           : attribute && attribute->type == 2 ? 0
                                               : fallback;
}

float import_attribute_float(const struct importer *im, const char *name, float fallback)
{
    const Onnx__Attribute *attribute = import_attribute(im, name);
    return attribute && attribute->has_f       ? attribute->f
           : attribute && attribute->type == 1 ? 0
                                               : fallback;
}

bool import_attribute_is(const struct importer *im, const char *name, const char *text)
{
    const Onnx__Attribute *attribute = import_attribute(im, name);
    return attribute && attribute->has_s && attribute->s.len == strlen(text) &&
           memcmp(attribute->s.data, text, attribute->s.len) == 0;
}

int import_attribute_ints(struct importer *im, const char *name, int64_t *list, int32_t most,
                          int32_t *count)
{
    const Onnx__Attribute *attribute = import_attribute(im, name);
    *count = 0;
    if (!attribute)
        return 0;
    if (attribute->n_ints > (size_t)most)
        return import_fail(im, -ENOTSUP, "%zu values of '%s', at most %d are expected",
                           attribute->n_ints, name, most);
    for (size_t i = 0; i < attribute->n_ints; i++)
        list[i] = attribute->ints[i];
    *count = (int32_t)attribute->n_ints;
    return 0;
}
