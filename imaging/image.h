// SPDX-License-Identifier: Apache-2.0
//
// A picture in memory as cameras and decoders give it: format, size, planes. Borrowed, never owned.
//
// Planes in memory order (w, h = width, height; halves are rounded up, so odd sizes are allowed):
//
//   GREY    Y[h][w]                        YUYV   [h][w/2] groups Y0 U Y1 V
//   RGB24   [h][w] bytes R G B             UYVY   [h][w/2] groups U Y0 V Y1
//   BGR24   [h][w] bytes B G R             NV12   Y[h][w], then [h/2][w/2] pairs U V   (NV21: V U)
//   XBGR32  [h][w] bytes B G R X           I420   Y[h][w], U[h/2][w/2], V[h/2][w/2]
//   I422    Y[h][w], U[h][w/2], V[h][w/2]  YV12   as I420, V before U
//   I444    Y, U, V, all [h][w]
//
// Chroma counts as sited in the middle of the pixels that share it.

#ifndef QEDGE_IMAGING_IMAGE_H
#define QEDGE_IMAGING_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_SIDE_MAX 16384

enum image_format {
    IMAGE_NONE = 0,
    IMAGE_GREY, // 8 bit
    IMAGE_RGB24,
    IMAGE_BGR24,
    IMAGE_XBGR32, // bytes B G R X (V4L2 XBGR32 / XR24)
    IMAGE_YUYV,
    IMAGE_UYVY,
    IMAGE_NV12,
    IMAGE_NV21,
    IMAGE_I420, // V4L2 YU12
    IMAGE_YV12, // as I420 with planes[1] = V
    IMAGE_I422, // planar 4:2:2, what most MJPEG cameras code and y4m's C422
    IMAGE_JPEG, // planes[0] = bytes, size[0] = length
    IMAGE_I444, // planar, no chroma subsampling
};

// Colour: BT.601 or BT.709 matrix, limited (16..235) or full range. RGB formats ignore both; GREY
// has a range too.
enum image_matrix { IMAGE_BT601 = 0, IMAGE_BT709 };
enum image_range { IMAGE_LIMITED = 0, IMAGE_FULL };

struct image {
    enum image_format format;
    enum image_matrix matrix;
    enum image_range range;
    int32_t width, height; // pixels, 1..16384
    const uint8_t *planes[3];
    int32_t strides[3]; // bytes from row to row
    size_t size[3];     // bytes that may be read in each plane
};

// Does every row of every plane lie within its size? 0, -EINVAL (geometry), -EMSGSIZE (buffer too
// small). IMAGE_JPEG: has it any bytes?
int image_check(const struct image *image);

// "YUYV", "NV12", ...; "none" for what is no format.
const char *image_format_name(enum image_format format);

// Planes of a format; 0 for IMAGE_NONE and what is no format.
int image_plane_count(enum image_format format);
// Bytes that one row of a plane holds, and its rows. 0 when there is no such plane.
size_t image_row_bytes(enum image_format format, int plane, int32_t width);
int32_t image_plane_rows(enum image_format format, int plane, int32_t height);

// Lays the planes of a contiguous buffer with tight rows (stride0 = 0) or V4L2's bytesperline: the
// stride of the first plane, from which the chroma planes' strides follow. Colour is set to BT.601,
// limited range (GREY: full); change it afterwards when the source says otherwise. Returns as
// image_check.
int image_from_buffer(struct image *image, enum image_format format, int32_t width, int32_t height,
                      int32_t stride0, const void *data, size_t size);

#endif
