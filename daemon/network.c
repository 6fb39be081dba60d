// SPDX-License-Identifier: Apache-2.0

#include "daemon/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "daemon/label_file.h"
#include "kernels/kernels.h"

static atomic_uint_fast64_t networks_made;

static int refuse(struct network_error *error, const char *path, int status, const char *why)
{
    snprintf(error->text, sizeof(error->text), "%s: %s", path, why);
    return status;
}

int network_cpu(uint32_t *mask, struct network_error *error)
{
    const char *bad = "";
    int status = kernel_cpu_allowed(mask, &bad);
    if (status < 0)
        snprintf(error->text, sizeof(error->text), "QEDGE_CPU: unknown kernels '%.40s'", bad);
    return status;
}

static void identify_file(const char *path, uint32_t i, struct network_identity *identity)
{
    struct stat stat_buffer;
    if (!path[0] || stat(path, &stat_buffer) < 0)
        return;
    identity->device[i] = stat_buffer.st_dev;
    identity->inode[i] = stat_buffer.st_ino;
    identity->size[i] = stat_buffer.st_size;
    identity->changed[i].tv_sec = stat_buffer.st_mtim.tv_sec;
    identity->changed[i].tv_nsec = stat_buffer.st_mtim.tv_nsec;
}

static void identify(const struct config_model *config, struct network_identity *identity)
{
    memset(identity, 0, sizeof(*identity));
    identify_file(config->path, 0, identity);
    identify_file(config->labels, 1, identity);
}

bool network_is_current(const struct network *network, const struct config_model *config)
{
    struct network_identity now;
    identify(config, &now);
    return memcmp(&network->config, config, sizeof(*config)) == 0 &&
           memcmp(&network->identity, &now, sizeof(now)) == 0;
}

// ---- how a frame becomes the input -----------------------------------------

// Config first, then the file's metadata; else what trainers do: floats in -1..1, and for quantized
// models the pixel itself as the stored value.
static void set_normalisation(struct network *network, const struct tensor_info *input)
{
    struct convert_target *target = &network->target;
    const struct config_model *config = &network->config;
    float mean[4], std[4];
    int count = (int)model_normalisation(network->model, mean, std);
    for (int c = 0; c < 3; c++) {
        if (config->mean.count) {
            target->mean[c] = config->mean.value[config->mean.count == 3 ? c : 0];
            target->std[c] = config->std.value[config->std.count == 3 ? c : 0];
        } else if (count) {
            target->mean[c] = mean[count >= 3 ? c : 0];
            target->std[c] = std[count >= 3 ? c : 0];
        } else if (input->type == TENSOR_FLOAT32) {
            target->mean[c] = target->std[c] = 127.5f;
        } else {
            target->mean[c] = (float)(input->zero_point + (input->type == TENSOR_INT8 ? 128 : 0));
            target->std[c] = 1.0f / input->scale;
        }
    }
}

static int set_target(struct network *network, struct network_error *error)
{
    static const enum convert_fit fits[] = {[CONFIG_FIT_CROP] = CONVERT_CROP,
                                            [CONFIG_FIT_STRETCH] = CONVERT_STRETCH,
                                            [CONFIG_FIT_LETTERBOX] = CONVERT_LETTERBOX};
    const struct config_model *config = &network->config;
    const struct tensor_info *input = model_native_input(network->model);
    if (!input || model_input_count(network->model) != 1 || model_output_count(network->model) < 1)
        return refuse(error, config->path, -ENOTSUP,
                      "not a picture classifier: it must have one input and an output");
    const int32_t *dims = input->dims + (input->rank - 3);
    if (input->rank < 3 || input->rank > 4 || (input->rank == 4 && input->dims[0] != 1) ||
        (dims[2] != 1 && dims[2] != 3))
        return refuse(error, config->path, -ENOTSUP,
                      "not a picture classifier: its input must be [1, height, width, 1 or 3]");
    if (dims[0] > CONVERT_SIDE_MAX || dims[1] > CONVERT_SIDE_MAX)
        return refuse(error, config->path, -ENOTSUP, "its input is larger than 4096 x 4096");
    if (input->type != TENSOR_INT8 && input->type != TENSOR_UINT8 && input->type != TENSOR_FLOAT32)
        return refuse(error, config->path, -ENOTSUP, "its input must be int8, uint8 or float32");
    network->target =
        (struct convert_target){.height = dims[0],
                                .width = dims[1],
                                .channels = dims[2],
                                .bgr = config->bgr,
                                .fit = fits[config->fit],
                                .fill = (uint8_t)config->fill,
                                .output = input->type == TENSOR_INT8    ? CONVERT_INT8
                                          : input->type == TENSOR_UINT8 ? CONVERT_UINT8
                                                                        : CONVERT_FLOAT32,
                                .scale = input->type == TENSOR_FLOAT32 ? 1.0f : input->scale,
                                .zero_point = input->zero_point};
    if (input->type != TENSOR_FLOAT32 && !(input->scale > 0))
        return refuse(error, config->path, -EINVAL, "its input is quantized but has no scale");
    set_normalisation(network, input);
    for (int c = 0; c < 3; c++)
        if (!(network->target.std[c] > 0))
            return refuse(error, config->path, -EINVAL,
                          "the normalisation in its metadata has a std that is not above 0");
    return 0;
}

// ---- labels ----------------------------------------------------------------

// The model's own texts; they live as long as it does.
static int list_labels(struct network *network)
{
    uint32_t count = model_label_count(network->model);
    network->labels = calloc(count ? count : 1, sizeof(*network->labels));
    if (!network->labels)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        network->labels[i] = model_label(network->model, i);
    network->label_count = count;
    return 0;
}

// Another model's file gives wrong names to right classes; that may be meant, and is said.
static void compare_label_count(const struct network *network)
{
    const struct tensor_info *output = model_output(network->model, 0);
    uint32_t classes = 1;
    for (int32_t i = 0; i < output->rank; i++)
        classes *= (uint32_t)output->dims[i];
    if (network->label_count != classes)
        log_warning("%s: %u labels, but %s has %u classes", network->config.labels,
                    network->label_count, network->config.path, classes);
}

static int set_labels(struct network *network, struct network_error *error)
{
    if (network->config.labels[0]) {
        int status = label_file_read(network->config.labels, &network->label_texts,
                                     &network->label_count, error->text, sizeof(error->text));
        network->labels = (const char **)network->label_texts;
        if (status == 0)
            compare_label_count(network);
        return status;
    }
    int status = list_labels(network);
    return status < 0 ? refuse(error, network->config.path, status, "no memory for the labels") : 0;
}

const char *network_label(const struct network *network, uint32_t index)
{
    return index < network->label_count ? network->labels[index] : "";
}

// ---- life ------------------------------------------------------------------

static int make_contexts(struct network *network, struct network_error *error)
{
    network->contexts = calloc(network->thread_count, sizeof(*network->contexts));
    for (uint32_t i = 0; network->contexts && i < network->thread_count; i++) {
        int status = i > 0 ? context_create_like(network->contexts[0], &network->contexts[i])
                           : context_create(network->model, network->thread_count,
                                            &network->contexts[0]);
        if (status < 0)
            return refuse(error, network->config.path, status, "no memory for the activations");
    }
    return network->contexts ? 0 : refuse(error, network->config.path, -ENOMEM, "no memory");
}

static int build(struct network *network, struct network_error *error)
{
    struct model_options options = {0};
    struct model_error why = {{0}};
    int status = network_cpu(&options.cpu, error);
    if (status < 0)
        return status;
    identify(&network->config, &network->identity);
    status = model_open(network->config.path, &options, &network->model, &why);
    if (status < 0) {
        // model_open names the file itself when it can not be read
        size_t length = strlen(network->config.path);
        bool named = strncmp(why.text, network->config.path, length) == 0;
        if (named || !why.text[0])
            snprintf(error->text, sizeof(error->text), "%s", named ? why.text : strerror(-status));
        else
            refuse(error, network->config.path, status, why.text);
        return status;
    }
    status = set_target(network, error);
    if (status == 0)
        status = set_labels(network, error);
    if (status == 0)
        status = make_contexts(network, error);
    return status;
}

int network_create(const struct config_model *config, uint32_t threads, struct network **network,
                   struct network_error *error)
{
    struct network *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return refuse(error, config->path, -ENOMEM, "no memory");
    fresh->refs = 1;
    fresh->number = atomic_fetch_add(&networks_made, 1) + 1;
    fresh->thread_count = threads;
    memcpy(&fresh->config, config,
           sizeof(*config)); // padding too: network_is_current compares bytes
    int status = build(fresh, error);
    if (status < 0) {
        network_unref(fresh);
        return status;
    }
    *network = fresh;
    return 0;
}

struct network *network_ref(struct network *network)
{
    atomic_fetch_add_explicit(&network->refs, 1, memory_order_relaxed);
    return network;
}

void network_unref(struct network *network)
{
    if (!network || atomic_fetch_sub_explicit(&network->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; network->contexts && i < network->thread_count; i++)
        context_destroy(network->contexts[i]);
    free(network->contexts);
    if (network->label_texts)
        label_file_free(network->label_texts, network->label_count);
    else
        free(network->labels);
    model_close(network->model);
    free(network);
}
