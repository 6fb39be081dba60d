// SPDX-License-Identifier: Apache-2.0
//
// Pictures for people: any frame as RGB, and RGB as a PNG or JPEG file in memory. Not for the frame
// path: everything allocates.

#ifndef QEDGE_IMAGING_ENCODE_H
#define QEDGE_IMAGING_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "imaging/decode.h"

#define ENCODE_SIDE_MAX 4096 // of a rendered picture

// Any image of image.h (JPEG: decoded) as RGB24, tight rows, full range, in memory of its own: the
// colours that a model sees, at full size. Larger than ENCODE_SIDE_MAX a side: shrunk to that,
// aspect kept. *picture is zero on failure. Errors as in decode.h, -EINVAL, -EMSGSIZE.
int picture_render(const struct image *image, struct picture *picture, struct decode_error *error);

// A file in memory.
struct encoded {
    uint8_t *data; // malloc'ed
    size_t size;
};
void encoded_finish(struct encoded *encoded); // takes an all-zero one; leaves one

// RGB24 with any stride. 0, -EINVAL (other formats), -ENOMEM, -EIO (error says what the library
// does). *encoded is zero on failure.
int png_encode(const struct image *image, struct encoded *encoded, struct decode_error *error);
// quality: 1..100. Chroma is coded at full size from 90 on.
int jpeg_encode(const struct image *image, int quality, struct encoded *encoded,
                struct decode_error *error);

#endif
