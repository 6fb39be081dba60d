// SPDX-License-Identifier: Apache-2.0
//
// A picture file as a model's input: decoded, cropped or fitted, resized and quantized.

#ifndef QEDGE_QMODEL_PICTURE_INPUT_H
#define QEDGE_QMODEL_PICTURE_INPUT_H

#include "engine/context.h"
#include "engine/model.h"
#include "imaging/convert.h"

struct picture_options {
    enum convert_fit fit;
    bool bgr;
    uint32_t mean_count, std_count; // 0 = from the model, 1 or 3
    float mean[3], std[3];
    struct image frame; // what files are, unless its format is IMAGE_NONE: then pictures
};

struct picture_error {
    char text[256];
};

// How pixels become values of the model's first input: from the options; else from its metadata;
// else floats from -1 to 1, and for quantized inputs the pixel itself as the stored value. 0, or
// -ENOTSUP when the input is not one picture.
int picture_input_target(const struct model *model, const struct picture_options *options,
                         struct convert_target *target);

// Reads the file (a raw frame when frame->format says so, else a picture) and writes
// context_native_input. 0 or -errno with a line in `error`.
int picture_input_load(const struct convert_target *target, const struct image *frame,
                       const char *path, struct context *context, struct picture_error *error);

// The same for a picture in memory, JPEG included; `name` stands for it in the line.
int picture_input_convert(const struct convert_target *target, const struct image *image,
                          const char *name, struct context *context, struct picture_error *error);

// The options' words: "127.5" or "123,117,104", all finite; "crop", "stretch" or "letterbox". 0, or
// COMMAND_USAGE with the line written.
int picture_option_values(const char *command, const char *option, const char *text,
                          float values[3], uint32_t *count);
int picture_option_fit(const char *command, const char *text, enum convert_fit *fit);
// When all words are read: is every --std above 0? 0, or COMMAND_USAGE with the line written.
int picture_option_check(const char *command, const struct picture_options *options);

#endif
