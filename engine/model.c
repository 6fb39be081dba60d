// SPDX-License-Identifier: Apache-2.0
#include "engine/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/build.h"
#include "engine/chain_find.h"
#include "engine/model_impl.h"
#include "engine/plan.h"

#define ARENA_MAX ((size_t)512 << 20)
// float32 weights that are int8 in the file take 13 times their bytes while they are packed.
#define MEMORY_FACTOR 32
#define MEMORY_FLOOR ((size_t)256 << 20)

struct loader {
    struct model *model;
    struct model_error *error;
    struct store temp;
    struct graph graph;
    struct build build;
};

static int no_memory(struct loader *l)
{
    return model_fail(l->error, -ENOMEM, "out of memory while loading the model");
}

// ---- edges -------------------------------------------------------------------------------------

// Before the operators are visited: an edge converts nothing but the 128 of legacy uint8.
static void edge_init(struct edge *edge, const struct graph_tensor *tensor, int32_t index)
{
    edge->tensor = index;
    edge->kind = tensor->flip ? EDGE_TABLE : EDGE_COPY;
    for (uint32_t i = 0; i < 256; i++)
        edge->table[i] = (uint8_t)(i ^ 0x80);
}

static int check_input(struct loader *l, uint32_t i)
{
    int32_t index = l->graph.inputs[i];
    struct graph_tensor *t = &l->graph.tensors[index];
    if (t->known)
        return model_fail(l->error, -EINVAL, "input %u, tensor '%s', is a constant or given twice",
                          i, t->name);
    if (tensor_type_size(t->type) == 0)
        return model_fail(l->error, -ENOTSUP, "input %u, tensor '%s', is %s", i, t->name,
                          tensor_type_name(t->type));
    for (int32_t d = 0; d < t->rank; d++)
        if (t->dims[d] < 1)
            return model_fail(l->error, -ENOTSUP, "input %u, tensor '%s', has a dimension of %d", i,
                              t->name, t->dims[d]);
    if (graph_elements(t) > GRAPH_ELEMENTS_MAX)
        return model_fail(l->error, -ENOTSUP, "input %u, tensor '%s', has more than 2^28 elements",
                          i, t->name);
    t->known = true;
    return 0;
}

static int make_edges(struct loader *l)
{
    struct model *m = l->model;
    m->input_count = l->graph.input_count;
    m->output_count = l->graph.output_count;
    m->inputs = store_take_array(&m->store, m->input_count, sizeof(*m->inputs));
    m->outputs = store_take_array(&m->store, m->output_count, sizeof(*m->outputs));
    m->input_infos = store_take_array(&m->store, m->input_count, sizeof(*m->input_infos));
    m->output_infos = store_take_array(&m->store, m->output_count, sizeof(*m->output_infos));
    m->output_offsets = store_take_array(&m->store, m->output_count, sizeof(*m->output_offsets));
    if (!m->inputs || !m->outputs || !m->input_infos || !m->output_infos || !m->output_offsets)
        return no_memory(l);
    for (uint32_t i = 0; i < m->input_count; i++) {
        int rc = check_input(l, i);
        if (rc < 0)
            return rc;
        edge_init(&m->inputs[i], &l->graph.tensors[l->graph.inputs[i]], l->graph.inputs[i]);
    }
    for (uint32_t i = 0; i < m->output_count; i++)
        edge_init(&m->outputs[i], &l->graph.tensors[l->graph.outputs[i]], l->graph.outputs[i]);
    return 0;
}

static int set_info(struct loader *l, const struct graph_tensor *t, bool declared,
                    struct tensor_info *info)
{
    info->name = store_take_text(&l->model->store, t->name);
    if (!info->name)
        return no_memory(l);
    bool legacy = declared && t->flip;
    info->type = legacy ? TENSOR_UINT8 : (enum tensor_type)t->type;
    info->rank = t->rank;
    memcpy(info->dims, t->dims, sizeof(info->dims));
    info->scale = t->scales.count ? flat_list_f32(&t->scales, 0) : 0;
    info->zero_point = t->zero_point + (legacy ? 128 : 0);
    info->bytes = (size_t)graph_elements(t) * tensor_type_size(t->type);
    return 0;
}

static int finish_edges(struct loader *l)
{
    struct model *m = l->model;
    for (uint32_t i = 0; i < m->input_count; i++) {
        int rc = set_info(l, &l->graph.tensors[l->graph.inputs[i]], true, &m->input_infos[i]);
        if (rc < 0)
            return rc;
        m->inputs[i].elements = m->inputs[i].bytes_to = m->input_infos[i].bytes;
        if (m->inputs[i].kind == EDGE_QUANTIZE)
            m->inputs[i].elements /= sizeof(float);
        if (m->inputs[i].kind == EDGE_WIDEN)
            m->inputs[i].elements /= sizeof(int16_t);
    }
    for (uint32_t i = 0; i < m->output_count; i++) {
        const struct graph_tensor *t = &l->graph.tensors[l->graph.outputs[i]];
        if (!t->known)
            return model_fail(l->error, -EINVAL, "output %u, tensor '%s', is made by no operator",
                              i, t->name);
        int rc = set_info(l, t, true, &m->output_infos[i]);
        if (rc < 0)
            return rc;
        m->outputs[i].elements = m->outputs[i].bytes_to = m->output_infos[i].bytes;
        if (m->outputs[i].kind == EDGE_DEQUANTIZE)
            m->outputs[i].elements /= sizeof(float);
    }
    return 0;
}

// ---- values ------------------------------------------------------------------------------------

static void drop_dead(struct loader *l)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->build.layer_count; i++)
        if (!l->build.layers[i].dead)
            l->build.layers[kept++] = l->build.layers[i];
    l->model->layers = l->build.layers;
    l->model->layer_count = kept;
}

static int use_value(struct loader *l, int32_t index)
{
    if (index == GRAPH_ABSENT || l->model->values[index].used)
        return 0;
    struct graph_tensor *t = &l->graph.tensors[index];
    struct value *v = &l->model->values[index];
    v->used = true;
    v->root = index;
    int rc = set_info(l, t, false, &v->info);
    if (rc < 0)
        return rc;
    if (t->data) {
        l->build.op = NULL;
        uint8_t *copy = store_take(&l->model->store, t->data_bytes);
        if (!copy)
            return no_memory(l);
        for (size_t i = 0; i < t->data_bytes; i++)
            copy[i] = t->data[i] ^ (t->flip ? 0x80 : 0);
        v->data = copy;
        return 0;
    }
    if (t->alias == GRAPH_ABSENT)
        return 0;
    v->root = t->alias;
    return use_value(l, t->alias);
}

static struct value *root_of(struct model *m, int32_t index)
{
    return &m->values[m->values[index].root];
}

// Lives: from the layer that writes a value to the last that reads it. Inputs are written before
// the run; outputs are read after it, while the next input is already being written: they share
// with nothing.
static void set_lives(struct model *m)
{
    int32_t end = (int32_t)m->layer_count;
    for (uint32_t i = 0; i < m->value_count; i++)
        m->values[i].first = m->values[i].last = end;
    for (int32_t i = end; i-- > 0;)
        for (uint32_t j = 0; j < m->layers[i].out_count; j++)
            root_of(m, m->layers[i].out[j])->first = root_of(m, m->layers[i].out[j])->last = i;
    for (uint32_t i = 0; i < m->input_count; i++)
        root_of(m, m->inputs[i].tensor)->first = root_of(m, m->inputs[i].tensor)->last = -1;
    for (int32_t i = 0; i < end; i++)
        for (uint32_t j = 0; j < m->layers[i].in_count; j++) {
            if (m->layers[i].in[j] == GRAPH_ABSENT)
                continue;
            struct value *root = root_of(m, m->layers[i].in[j]);
            root->last = i > root->last ? i : root->last;
        }
    for (uint32_t i = 0; i < m->output_count; i++) {
        root_of(m, m->outputs[i].tensor)->first = -1;
        root_of(m, m->outputs[i].tensor)->last = end;
    }
}

static int make_values(struct loader *l)
{
    struct model *m = l->model;
    m->value_count = l->graph.tensor_count;
    m->values = store_take_array(&m->store, m->value_count, sizeof(*m->values));
    if (!m->values)
        return no_memory(l);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < m->layer_count; i++) {
        for (uint32_t j = 0; rc == 0 && j < m->layers[i].in_count; j++)
            rc = use_value(l, m->layers[i].in[j]);
        for (uint32_t j = 0; rc == 0 && j < m->layers[i].out_count; j++)
            rc = use_value(l, m->layers[i].out[j]);
    }
    for (uint32_t i = 0; rc == 0 && i < m->input_count; i++)
        rc = use_value(l, m->inputs[i].tensor);
    for (uint32_t i = 0; rc == 0 && i < m->output_count; i++)
        rc = use_value(l, m->outputs[i].tensor);
    if (rc == 0)
        set_lives(m);
    return rc;
}

// ---- memory ------------------------------------------------------------------------------------

static int plan_memory(struct loader *l, size_t limit)
{
    struct model *m = l->model;
    struct plan_value *plan = store_take_array(&l->temp, m->value_count, sizeof(*plan));
    uint32_t *order = store_take_array(&l->temp, m->value_count, sizeof(*order));
    uint32_t *which = store_take_array(&l->temp, m->value_count, sizeof(*which)), count = 0;
    if (!plan || !order || !which)
        return no_memory(l);
    for (uint32_t i = 0; i < m->value_count; i++) {
        const struct value *v = &m->values[i];
        if (!v->used || v->data || v->root != (int32_t)i)
            continue;
        which[count] = i;
        plan[count++] = (struct plan_value){v->info.bytes, v->first, v->last, 0};
    }
    int rc = plan_place(plan, count, order, &m->arena);
    if (rc < 0)
        return model_fail(l->error, -ENOTSUP, "the activations do not fit the address space");
    for (uint32_t i = 0; i < count; i++)
        m->values[which[i]].offset = plan[i].offset;
    for (uint32_t i = 0; i < m->output_count; i++) {
        m->output_offsets[i] = m->arena;
        if (m->outputs[i].kind != EDGE_COPY)
            m->arena += (m->output_infos[i].bytes + 63) / 64 * 64;
    }
    for (uint32_t i = 0; i < m->layer_count; i++)
        if (m->layers[i].scratch > m->scratch)
            m->scratch = (m->layers[i].scratch + 63) / 64 * 64;
    if (m->arena > limit || m->scratch > limit)
        return model_fail(l->error, -ENOTSUP, "activations need %zu MiB, the limit is %zu MiB",
                          (m->arena > m->scratch ? m->arena : m->scratch) >> 20, limit >> 20);
    return 0;
}

// ---- loading -----------------------------------------------------------------------------------

static size_t memory_limit(const struct model_options *options, size_t file)
{
    if (options->memory_max)
        return options->memory_max;
    bool fits = file <= (SIZE_MAX - MEMORY_FLOOR) / MEMORY_FACTOR;
    return fits ? MEMORY_FLOOR + MEMORY_FACTOR * file : SIZE_MAX;
}

static int load(struct loader *l, const void *data, size_t size,
                const struct model_options *options)
{
    if (size > INT32_MAX)
        return model_fail(l->error, -ENOTSUP, "a file of %zu bytes, at most 2 GiB are supported",
                          size);
    struct flat flat = {.data = data, .size = (uint32_t)size};
    int rc = graph_read(&l->graph, &flat, &l->temp, l->error);
    if (rc == 0)
        rc = make_edges(l);
    if (rc < 0)
        return rc;
    l->model->operators = l->graph.operator_count;
    l->model->file_bytes = size;
    l->build = (struct build){.graph = &l->graph,
                              .cpu = options->cpu,
                              .memory_max = memory_limit(options, size),
                              .keep = &l->model->store,
                              .temp = &l->temp,
                              .error = l->error,
                              .inputs = l->model->inputs,
                              .outputs = l->model->outputs};
    rc = build_layers(&l->build);
    if (rc < 0)
        return rc;
    if (!options->no_chains)
        rc = chain_find(&l->build, options->cache ? options->cache : chain_cache());
    if (rc < 0)
        return rc;
    drop_dead(l);
    rc = finish_edges(l);
    if (rc == 0)
        rc = make_values(l);
    if (rc == 0)
        rc = plan_memory(l, options->arena_max ? options->arena_max : ARENA_MAX);
    if (rc < 0 || l->graph.metadata.count == 0)
        return rc;
    return metadata_read(&l->model->metadata, flat_list_bytes(&l->graph.metadata),
                         l->graph.metadata.count, data, size, &l->model->store, l->error);
}

int model_open_memory(const void *data, size_t size, const struct model_options *options,
                      struct model **model, struct model_error *error)
{
    struct loader loader = {.model = calloc(1, sizeof(struct model)), .error = error};
    if (!loader.model)
        return no_memory(&loader);
    int rc = load(&loader, data, size, options);
    store_finish(&loader.temp);
    if (rc < 0) {
        model_close(loader.model);
        return rc;
    }
    *model = loader.model;
    return 0;
}

// Mapped anonymously and read, not mapped from the file: a file that shrinks later must not kill
// us, and the copy goes back to the system as soon as the weights are packed.
int model_read_file(const char *path, void **data, size_t *size, struct model_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not hang the daemon
    struct stat st = {.st_mode = S_IFREG};
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        int rc = fd >= 0 && !S_ISREG(st.st_mode) ? -EINVAL : -errno;
        if (fd >= 0)
            close(fd);
        return model_fail(error, rc, "%s", rc == -EINVAL ? "not a regular file" : strerror(-rc));
    }
    size_t got = 0, total = (size_t)st.st_size;
    char *memory =
        total ? mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
              : MAP_FAILED;
    while (memory != MAP_FAILED && got < total) {
        ssize_t n = read(fd, memory + got, total - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    if (memory == MAP_FAILED)
        return total ? model_fail(error, -ENOMEM, "no memory for %zu bytes", total)
                     : model_fail(error, -EINVAL, "the file is empty");
    if (got < total) {
        munmap(memory, total);
        return model_fail(error, -EIO, "read %zu of %zu bytes", got, total);
    }
    *data = memory;
    *size = total;
    return 0;
}

int model_open(const char *path, const struct model_options *options, struct model **model,
               struct model_error *error)
{
    void *data = NULL;
    size_t size = 0;
    int rc = model_read_file(path, &data, &size, error);
    if (rc < 0)
        return rc;
    rc = model_open_memory(data, size, options, model, error);
    munmap(data, size);
    return rc;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    store_finish(&model->store);
    free(model);
}
