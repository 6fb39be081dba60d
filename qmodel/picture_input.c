// SPDX-License-Identifier: Apache-2.0
#include "qmodel/picture_input.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/decode.h"
#include "qmodel/command.h"

static void set_normalisation(const struct model *model, const struct picture_options *options,
                              struct convert_target *target)
{
    const struct tensor_info *in = model_native_input(model);
    float mean[4], std[4];
    uint32_t given = model_normalisation(model, mean, std);
    for (uint32_t c = 0; c < 3; c++) {
        bool real = in->type == TENSOR_FLOAT32;
        target->mean[c] = given  ? mean[given >= 3 ? c : 0]
                          : real ? 127.5f
                                 : (float)(in->zero_point + 128);
        target->std[c] = given ? std[given >= 3 ? c : 0] : real ? 127.5f : 1.0f / in->scale;
        if (options->mean_count)
            target->mean[c] = options->mean[options->mean_count == 3 ? c : 0];
        if (options->std_count)
            target->std[c] = options->std[options->std_count == 3 ? c : 0];
    }
}

int picture_input_target(const struct model *model, const struct picture_options *options,
                         struct convert_target *target)
{
    const struct tensor_info *in = model_native_input(model);
    memset(target, 0, sizeof(*target));
    if (model_input_count(model) != 1 ||
        model_picture_size(model, &target->height, &target->width, &target->channels) < 0)
        return -ENOTSUP;
    bool real = in->type == TENSOR_FLOAT32;
    if (!real && !(in->scale > 0))
        return -ENOTSUP;
    target->fit = options->fit;
    target->bgr = options->bgr;
    target->output = real ? CONVERT_FLOAT32 : CONVERT_INT8;
    target->scale = real ? 1 : in->scale;
    target->zero_point = in->zero_point;
    set_normalisation(model, options, target);
    return 0;
}

static int convert(const struct convert_target *target, const struct image *image, const char *name,
                   struct context *context, struct picture_error *error)
{
    struct convert *convert;
    int rc = convert_create(image, target, &convert);
    if (rc == 0) {
        rc = convert_run(convert, image, context_native_input(context));
        convert_destroy(convert);
    }
    if (rc < 0)
        snprintf(error->text, sizeof(error->text), "%.150s: cannot be converted to %d x %d: %s",
                 name, target->width, target->height, strerror(-rc));
    return rc;
}

int picture_input_load(const struct convert_target *target, const struct image *frame,
                       const char *path, struct context *context, struct picture_error *error)
{
    struct picture picture = {0};
    struct decode_error decode = {{0}};
    int rc = frame->format != IMAGE_NONE ? picture_read_frame(path, frame, &picture, &decode)
                                         : picture_read(path, &picture, &decode);
    if (rc < 0) {
        snprintf(error->text, sizeof(error->text), "%s", decode.text);
        return rc;
    }
    rc = picture_input_convert(target, &picture.image, path, context, error);
    picture_finish(&picture);
    return rc;
}

int picture_input_convert(const struct convert_target *target, const struct image *image,
                          const char *name, struct context *context, struct picture_error *error)
{
    if (image->format != IMAGE_JPEG)
        return convert(target, image, name, context, error);
    struct jpeg_decoder *decoder;
    struct decode_error decode = {{0}};
    struct image decoded;
    int rc = jpeg_decoder_create(&decoder);
    if (rc < 0) {
        snprintf(error->text, sizeof(error->text), "%.150s: no memory for a JPEG decoder", name);
        return rc;
    }
    rc = jpeg_decode(decoder, image->planes[0], image->size[0], target->width, target->height,
                     &decoded, &decode);
    if (rc < 0)
        snprintf(error->text, sizeof(error->text), "%.100s: %.150s", name, decode.text);
    else
        rc = convert(target, &decoded, name, context, error);
    jpeg_decoder_destroy(decoder);
    return rc;
}

int picture_option_values(const char *command, const char *option, const char *text,
                          float values[3], uint32_t *count)
{
    const char *at = text;
    for (*count = 0; *count < 3;) {
        char *end;
        float value = strtof(at, &end);
        if (end == at || !isfinite(value))
            break;
        values[(*count)++] = value;
        at = end;
        if (*at != ',')
            break;
        at++;
    }
    if (*at || (*count != 1 && *count != 3))
        return command_usage(command, "%s takes one number or three with commas, not '%s'", option,
                             text);
    return 0;
}

int picture_option_fit(const char *command, const char *text, enum convert_fit *fit)
{
    static const char *const names[] = {
        [CONVERT_CROP] = "crop", [CONVERT_STRETCH] = "stretch", [CONVERT_LETTERBOX] = "letterbox"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], text) == 0) {
            *fit = (enum convert_fit)i;
            return 0;
        }
    return command_usage(command, "--fit takes crop, stretch or letterbox, not '%s'", text);
}

int picture_option_check(const char *command, const struct picture_options *options)
{
    for (uint32_t c = 0; c < options->std_count; c++)
        if (!(options->std[c] > 0))
            return command_usage(command, "--std must be above 0");
    return 0;
}
