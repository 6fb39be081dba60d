// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/convert.h"
#include "imaging/decode_error.h"
#include "imaging/encode.h"

static int32_t side(int32_t length, int32_t longest)
{
    int64_t scaled = longest <= ENCODE_SIDE_MAX
                         ? length
                         : ((int64_t)length * ENCODE_SIDE_MAX + longest / 2) / longest;
    return scaled < 1 ? 1 : (int32_t)scaled;
}

static int render(const struct image *image, struct picture *picture, struct decode_error *error)
{
    int32_t longest = image->width > image->height ? image->width : image->height;
    struct convert_target target = {.width = side(image->width, longest),
                                    .height = side(image->height, longest),
                                    .channels = 3,
                                    .fit = CONVERT_STRETCH,
                                    .std = {1, 1, 1},
                                    .output = CONVERT_UINT8,
                                    .scale = 1};
    struct convert *convert = NULL;
    uint8_t *pixels;
    int status =
        picture_allocate(picture, IMAGE_RGB24, target.width, target.height, &pixels, error);
    if (status < 0)
        return status;
    status = convert_create(image, &target, &convert);
    if (status == 0)
        status = convert_run(convert, image, pixels);
    convert_destroy(convert);
    if (status < 0) {
        picture_finish(picture);
        decode_fail(error, status, "%s picture of %d x %d pixels: %s",
                    image_format_name(image->format), image->width, image->height,
                    strerror(-status));
    }
    return status;
}

int picture_render(const struct image *image, struct picture *picture, struct decode_error *error)
{
    struct jpeg_decoder *decoder = NULL;
    struct image decoded;
    *picture = (struct picture){0};
    if (image->format != IMAGE_JPEG) {
        int status = image_check(image);
        return status < 0 ? decode_fail(error, status, "not a whole picture")
                          : render(image, picture, error);
    }
    int status = jpeg_decoder_create(&decoder);
    if (status < 0)
        return decode_fail(error, status, "no memory for a JPEG decoder");
    status = jpeg_decode(decoder, image->planes[0], image->size[0], 0, 0, &decoded, error);
    if (status == 0)
        status = render(&decoded, picture, error);
    jpeg_decoder_destroy(decoder);
    return status;
}

void encoded_finish(struct encoded *encoded)
{
    free(encoded->data);
    *encoded = (struct encoded){0};
}
