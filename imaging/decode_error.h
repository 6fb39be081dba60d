// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: how readers fail, and the bounds they share.

#ifndef QEDGE_IMAGING_DECODE_ERROR_H
#define QEDGE_IMAGING_DECODE_ERROR_H

#include "imaging/decode.h"

// Writes the line (error may be NULL) and returns `result`, so that a reader can `return
// decode_fail(...)`.
int decode_fail(struct decode_error *error, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// 0, or -EBADMSG (no pixels) / -EFBIG (over the bounds), named `what`.
int decode_check_size(const char *what, int64_t width, int64_t height, struct decode_error *error);

// Readers of one picture format each: the bytes start with the format's magic already.
int png_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error);
int bmp_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error);
int pnm_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error);
int jpeg_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                      struct decode_error *error);

// Memory for a picture of this format with tight rows; *pixels is where to write. 0 or -ENOMEM.
int picture_allocate(struct picture *picture, enum image_format format, int32_t width,
                     int32_t height, uint8_t **pixels, struct decode_error *error);

#endif
