// SPDX-License-Identifier: Apache-2.0
//
// Picture readers: JPEG (libjpeg-turbo, scaled decode), PNG (libpng), BMP/PGM/PPM, and the frame
// containers Y4M and MJPEG. All input is hostile: sizes are bounded (16384 x 16384, 128 Mpixel) before
// memory is taken; errors name what is wrong.

#ifndef QEDGE_IMAGING_DECODE_H
#define QEDGE_IMAGING_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "imaging/image.h"

struct decode_error { char text[192]; };

// A JPEG decoder that keeps its buffers between frames (one per thread).
struct jpeg_decoder;
int jpeg_decoder_create(struct jpeg_decoder **decoder);
void jpeg_decoder_destroy(struct jpeg_decoder *decoder);
// Decodes to planar YUV or RGB24/GREY, scaled down by the largest M/8 that keeps at least min_width x
// min_height (0 = full size). *image points into the decoder until the next call. -EBADMSG: corrupt or
// truncated (a frame is never half accepted).
int jpeg_decode(struct jpeg_decoder *decoder, const void *data, size_t size, int32_t min_width, int32_t min_height,
                struct image *image, struct decode_error *error);

// A picture file of any kind we read, by content, as RGB24 or GREY in memory of its own.
struct picture {
    struct image image;
    void *memory;
};
int picture_read(const char *path, struct picture *picture, struct decode_error *error);
void picture_finish(struct picture *picture);

// Frame containers, read frame by frame (mapped file; frames are borrowed from the map until close).
struct framefile; // .y4m or .mjpeg
int framefile_open(const char *path, struct framefile **file, struct decode_error *error);
void framefile_close(struct framefile *file);
// 0 with *image (IMAGE_I420/I422/GREY..., or IMAGE_JPEG), 1 at the end, -EBADMSG for a broken frame (skipped).
int framefile_next(struct framefile *file, struct image *image, struct decode_error *error);
void framefile_rewind(struct framefile *file);
double framefile_rate(const struct framefile *file); // frames a second, 0 when the file does not say

#endif
