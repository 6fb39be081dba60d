// SPDX-License-Identifier: Apache-2.0
//
// A loaded model: parsed, checked, planned, its weights packed for this CPU. Immutable after
// model_open, so any number of contexts and threads share it (throughput mode shares packed
// weights). Nothing of the file stays open, mapped or in memory but what runs.
//
// A .tflite file is hostile until proven otherwise: every offset, vtable, vector, shape and buffer
// is checked here, once. A bad file gives -EINVAL (or -ENOTSUP for what is valid but not ours) and
// one line in `error` that names what is wrong and where.

#ifndef QEDGE_ENGINE_MODEL_H
#define QEDGE_ENGINE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tensor_type { // values of the TFLite schema
    TENSOR_FLOAT32 = 0,
    TENSOR_FLOAT16 = 1,
    TENSOR_INT32 = 2,
    TENSOR_UINT8 = 3,
    TENSOR_INT64 = 4,
    TENSOR_INT16 = 7,
    TENSOR_INT8 = 9,
};

#define TENSOR_RANK_MAX 6

struct tensor_info {
    const char *name; // lives as long as the model
    enum tensor_type type;
    int32_t rank;
    int32_t dims[TENSOR_RANK_MAX];
    float scale;        // of the first channel when per channel; 0 when not quantized
    int32_t zero_point; // real = (q - zero_point) * scale
    size_t bytes;
};

struct model_options {
    uint32_t cpu;     // kernels allowed (KERNEL_CPU_*), already masked by what the machine has
    size_t arena_max; // refuse a model that needs a bigger arena; 0 = 512 MiB
    size_t memory_max; // refuse a model that takes more for weights and constants while it is
                       // loaded; 0 = 256 MiB and 32 times the file
    bool no_chains;   // every layer on its own, its tensors in memory (engine/chain.h)
    size_t cache;     // layers whose pictures are big against it become chains; 0 = this CPU's L2
};

struct model;
struct model_error {
    char text[256];
};

int model_open(const char *path, const struct model_options *options, struct model **model,
               struct model_error *error);
// As model_open; `data` is not needed any more when it returns.
int model_open_memory(const void *data, size_t size, const struct model_options *options,
                      struct model **model, struct model_error *error);
void model_close(struct model *model); // takes NULL

// The tensors as the file declares them.
uint32_t model_input_count(const struct model *model);
uint32_t model_output_count(const struct model *model);
const struct tensor_info *model_input(const struct model *model, uint32_t index);
const struct tensor_info *model_output(const struct model *model, uint32_t index);

// The first input as the engine runs it: int8 [h, w, c] after a leading QUANTIZE or uint8 offset
// has been folded away, with the scale and zero point that a pre-processor must write (float
// and 16x8 models: float32). Its dims are the file's: [1, h, w, c] for a picture.
const struct tensor_info *model_native_input(const struct model *model);
// Height, width and channels (1 or 3) of that input. 0, or -ENOTSUP when it is not one picture.
int model_picture_size(const struct model *model, int32_t *height, int32_t *width,
                       int32_t *channels);

// From the packed TFLite Metadata; 0 / NULL when the file has none.
uint32_t model_label_count(const struct model *model);
const char *model_label(const struct model *model, uint32_t index);
// Normalisation (pixel - mean) / std per channel, 1, 3 or 4 values (of 4 the last is alpha's);
// returns how many (0 = none given).
uint32_t model_normalisation(const struct model *model, float mean[4], float std[4]);

size_t model_arena_size(const struct model *model); // bytes a context needs
uint64_t model_macs(const struct model *model);

#endif
