// SPDX-License-Identifier: Apache-2.0
//
// Constants of a .tflite file as they are stored, before anything is folded or packed: for looking
// at quantized weights and for comparing files. Not for running.

#ifndef QEDGE_ENGINE_STORED_H
#define QEDGE_ENGINE_STORED_H

#include "engine/graph.h"

struct stored {
    void *file;
    size_t file_bytes;
    struct flat flat;
    struct store store;
    struct graph graph;
};

// 0, or -errno with the line written; then nothing is left to finish. What the engine would refuse
// to run may open: only the file's structure is checked.
int stored_open(struct stored *stored, const char *path, struct model_error *error);
void stored_finish(struct stored *stored);

// The weights of a convolution, depthwise convolution or fully connected layer.
struct stored_weights {
    const char *op; // "CONV_2D"
    uint32_t index; // of the operator in the file
    int32_t output; // its output tensor: its name is the layer's
    const char *layer;
    const struct graph_tensor *tensor; // float16 behind a DEQUANTIZE: the float16 one
    int32_t axis;                      // of the output channels
    int64_t channels, elements;        // 1 <= channels, and it divides elements
    bool offset;                       // legacy uint8: stored with 128 added
};
// False when operator `index` has none, or ones of a type that is not read.
bool stored_weights_get(const struct stored *stored, uint32_t index,
                        struct stored_weights *weights);
// How many scales there are: 0 = not quantized, 1 = per tensor, else one a channel.
uint32_t stored_scale_count(const struct stored_weights *weights);
// Of a channel. 0 when not quantized.
float stored_scale(const struct stored_weights *weights, int64_t channel);
int64_t stored_zero_point(const struct stored_weights *weights, int64_t channel);
// Element `index` of the tensor, in the file's order: as stored (quantized types), as a number.
int32_t stored_step(const struct stored_weights *weights, int64_t index);
float stored_value(const struct stored_weights *weights, int64_t index);
int64_t stored_channel(const struct stored_weights *weights, int64_t index);
// Position of element `nth` of a channel.
int64_t stored_position(const struct stored_weights *weights, int64_t channel, int64_t nth);

// All numbers that operators compute with: weights and biases, not shapes.
void stored_size(const struct stored *stored, uint64_t *bytes, uint64_t *elements);

#endif
