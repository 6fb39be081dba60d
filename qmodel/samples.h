// SPDX-License-Identifier: Apache-2.0
//
// Representative inputs, one at a time: a folder of pictures, a list of pictures, or tensors in a
// .npy file. Memory does not grow with their number (a list keeps its names).
//
//     ring:STREAM[:COUNT]  pictures taken live from a running qedged (ring_frames.h)
//     DIR       files named .jpg, .jpeg, .png, .bmp, .pgm, .ppm or .pnm, in byte order of their
//               names; when it has none itself, those of its folders, one a class
//     LIST      a text file, one picture a line; relative names start at the list's folder
//     FILE.npy  float32, C order, little-endian: [n, ...] with the model's input as "...", or one
//               input alone

#ifndef QEDGE_QMODEL_SAMPLES_H
#define QEDGE_QMODEL_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/context.h"
#include "qmodel/picture_input.h"

struct samples {
    const char *command, *path; // borrowed
    uint32_t count;
    bool pictures; // else tensors
    struct convert_target target;
    char **names; // pictures in files; NULL: taken from a stream
    FILE *tensors;
    long first; // byte of the first tensor
    const struct tensor_info *input;
    float *tensor; // one, as the file has it
    size_t elements;
};

// For a model with one input, float32 or int8 (tensors are quantized then). Borrows the model. 0,
// or COMMAND_FAILED with the line written; empty data is an error.
int samples_open(struct samples *samples, const char *command, const char *path,
                 const struct model *model, const struct picture_options *options);
void samples_close(struct samples *samples);

// Writes sample `index` to context_native_input. 0, or COMMAND_FAILED with the line written.
int samples_load(struct samples *samples, uint32_t index, struct context *context);

// What sample `index` is called: the picture's path; NULL for tensors and pictures of a stream.
const char *samples_name(const struct samples *samples, uint32_t index);

// Values that pictures can have as input, whatever is in these: of the pixels 0 and 255. False for
// tensors.
bool samples_bounds(const struct samples *samples, float *low, float *high);

#endif
