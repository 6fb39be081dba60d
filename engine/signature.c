// SPDX-License-Identifier: Apache-2.0
#include "engine/signature.h"

#include <errno.h>
#include <string.h>

struct reader {
    struct flat *flat;
    const struct graph *graph;
    struct store *store;
    struct model_error *error;
    uint32_t index; // of the signature
};

static int no_memory(const struct reader *r)
{
    return model_fail(r->error, -ENOMEM, "out of memory while reading the model");
}

static int fault(const struct reader *r)
{
    return model_fail(r->error, -EINVAL, "signatures: %s at byte %u", r->flat->fault,
                      r->flat->fault_at);
}

static int read_name(struct reader *r, const struct flat_table *table, uint32_t field,
                     const char **name)
{
    char text[SIGNATURE_NAME_MAX + 1];
    struct flat_vector string = flat_list(table, field, 1);
    if (string.count > SIGNATURE_NAME_MAX)
        return model_fail(r->error, -ENOTSUP,
                          "signature %u: a name of %u bytes, at most %d are supported", r->index,
                          string.count, SIGNATURE_NAME_MAX);
    flat_text(&string, text, sizeof(text));
    *name = store_take_text(r->store, text);
    return *name ? 0 : no_memory(r);
}

static int find_place(struct reader *r, const char *what, uint32_t tensor,
                      struct signature_entry *entry)
{
    bool out = what[0] == 'o';
    const int32_t *places = out ? r->graph->outputs : r->graph->inputs;
    uint32_t count = out ? r->graph->output_count : r->graph->input_count;
    if (tensor >= r->graph->tensor_count)
        return model_fail(r->error, -EINVAL, "signature %u: %s '%.60s' is tensor %u of %u",
                          r->index, what, entry->name, tensor, r->graph->tensor_count);
    for (entry->place = 0; entry->place < count; entry->place++)
        if ((uint32_t)places[entry->place] == tensor)
            return 0;
    return model_fail(r->error, -ENOTSUP, "signature %u: %s '%.60s' is not an %s of the model",
                      r->index, what, entry->name, what);
}

static int read_entries(struct reader *r, const struct flat_table *table, uint32_t field,
                        const char *what, struct signature_entry **entries, uint32_t *count)
{
    struct flat_vector list = flat_list(table, field, 4);
    if (list.count > GRAPH_ARGUMENTS_MAX)
        return model_fail(r->error, -ENOTSUP, "signature %u: %u %ss, at most %d are supported",
                          r->index, list.count, what, GRAPH_ARGUMENTS_MAX);
    *entries = store_take_array(r->store, list.count, sizeof(**entries));
    if (!*entries)
        return no_memory(r);
    *count = list.count;
    for (uint32_t i = 0; i < list.count; i++) {
        struct flat_table entry = flat_list_table(&list, i);
        int rc = read_name(r, &entry, MAP_NAME, &(*entries)[i].name);
        uint32_t tensor = (uint32_t)flat_i32(&entry, MAP_TENSOR, 0);
        if (r->flat->fault)
            return fault(r);
        if (rc == 0)
            rc = find_place(r, what, tensor, &(*entries)[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_signature(struct reader *r, const struct flat_table *table, struct signature *s)
{
    uint32_t subgraph = (uint32_t)flat_i32(table, SIGNATURE_SUBGRAPH, 0);
    if (subgraph != 0)
        return model_fail(r->error, -EINVAL, "signature %u: subgraph %u of 1", r->index, subgraph);
    int rc = read_name(r, table, SIGNATURE_KEY, &s->key);
    if (rc == 0)
        rc = read_entries(r, table, SIGNATURE_INPUTS, "input", &s->inputs, &s->input_count);
    if (rc == 0)
        rc = read_entries(r, table, SIGNATURE_OUTPUTS, "output", &s->outputs, &s->output_count);
    return rc;
}

int signatures_read(struct signatures *signatures, struct flat *flat, const struct graph *graph,
                    struct store *store, struct model_error *error)
{
    struct reader r = {.flat = flat, .graph = graph, .store = store, .error = error};
    memset(signatures, 0, sizeof(*signatures));
    struct flat_table model = flat_root(flat, SCHEMA_IDENTIFIER);
    struct flat_vector list = flat_list(&model, MODEL_SIGNATURES, 4);
    if (flat->fault)
        return fault(&r);
    if (list.count > SIGNATURES_MAX)
        return model_fail(error, -ENOTSUP, "%u signatures, at most %d are supported", list.count,
                          SIGNATURES_MAX);
    signatures->list = store_take_array(store, list.count, sizeof(*signatures->list));
    if (!signatures->list)
        return no_memory(&r);
    signatures->count = list.count;
    for (r.index = 0; r.index < list.count; r.index++) {
        struct flat_table table = flat_list_table(&list, r.index);
        int rc = read_signature(&r, &table, &signatures->list[r.index]);
        if (flat->fault)
            return fault(&r);
        if (rc < 0)
            return rc;
    }
    return 0;
}
