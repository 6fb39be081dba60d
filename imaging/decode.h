// SPDX-License-Identifier: Apache-2.0
//
// Picture readers: JPEG (libjpeg-turbo, scaled decode), PNG (libpng), BMP/PGM/PPM, and the frame
// containers Y4M and MJPEG. All input is hostile: sizes are bounded (16384 x 16384, 128 Mpixel)
// before memory is taken; errors name what is wrong, in one line, and nothing is printed.
//
// Errors, everywhere: -EBADMSG corrupt or truncated, -ENOTSUP valid but not ours, -EFBIG over the
// bounds, -ENOMEM, and what the file system says. `error` may be NULL.

#ifndef QEDGE_IMAGING_DECODE_H
#define QEDGE_IMAGING_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imaging/image.h"

#define DECODE_PIXELS_MAX (128 << 20)
#define DECODE_FILE_MAX ((size_t)256 << 20) // bytes of a picture file (frame containers: any size)

struct decode_error {
    char text[192];
};

// A JPEG decoder that keeps its buffers between frames (one per thread).
struct jpeg_decoder;
int jpeg_decoder_create(struct jpeg_decoder **decoder);
void jpeg_decoder_destroy(struct jpeg_decoder *decoder); // takes NULL

// Decodes to planar YUV (I420, I422, I444; full range BT.601, as JFIF says), GREY, or RGB24 for
// rarer samplings and RGB-coded files, scaled down by the smallest of 1/8, 1/4, 1/2 and 1 that
// keeps at least min_width x min_height (0 = full size). *image points into the decoder until the
// next call. A frame is never half accepted: every libjpeg warning about the coded data is an
// error, a missing end marker too. Frames without Huffman tables (UVC cameras) get the standard
// ones. CMYK is -ENOTSUP.
int jpeg_decode(struct jpeg_decoder *decoder, const void *data, size_t size, int32_t min_width,
                int32_t min_height, struct image *image, struct decode_error *error);

// A picture file of any kind we read, by content, as RGB24 or GREY (full range) in memory of its
// own.
//   JPEG  baseline and progressive; EXIF orientation is not applied
//   PNG   every colour type and depth; alpha is composed over black, 16 bit rounded to 8
//   BMP   8 bit palette, 24 and 32 bit, uncompressed, either row order; a fourth byte is ignored
//   PNM   P5 and P6, maxval to 65535
struct picture {
    struct image image;
    void *memory;
};
int picture_read(const char *path, struct picture *picture, struct decode_error *error);
// Of a folder's files, is this one meant as a picture? By the ending of its name, capital or small:
// .jpg .jpeg .png .bmp .pgm .ppm .pnm. Hidden files are not.
bool picture_is_named(const char *name);
// A file that holds a frame as a camera delivers it (v4l2-ctl --stream-to), rows tight. format,
// width, height, matrix and range of `layout` say what it is (not IMAGE_JPEG); what follows the
// first frame is left. -EMSGSIZE: the file is shorter.
int picture_read_frame(const char *path, const struct image *layout, struct picture *picture,
                       struct decode_error *error);
// As picture_read, from memory (borrowed during the call).
int picture_decode(const void *data, size_t size, struct picture *picture,
                   struct decode_error *error);
void picture_finish(struct picture *picture); // takes an all-zero picture; leaves one

// Frame containers, read frame by frame (mapped file; frames are borrowed from the map until
// close). One thread at a time. The file may grow, and is then seen as it was; when it was made
// shorter, next() gives -ESTALE for good.
//   .y4m    C420 (any siting), C422, C444, Cmono, 8 bit; BT.601; limited unless XCOLORRANGE=FULL
//   .mjpeg  JPEG files one after another, junk between them skipped
struct framefile;
int framefile_open(const char *path, struct framefile **file, struct decode_error *error);
void framefile_close(struct framefile *file); // takes NULL
// 0 with *image (IMAGE_I420/I422/I444/GREY, or IMAGE_JPEG with the size its header tells), 1 at the
// end, -EBADMSG for a broken frame (skipped: the next call goes on behind it).
int framefile_next(struct framefile *file, struct image *image, struct decode_error *error);
void framefile_rewind(struct framefile *file);
// Frames a second, 0 when the file does not say.
double framefile_rate(const struct framefile *file);

#endif
