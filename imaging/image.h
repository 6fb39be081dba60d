// SPDX-License-Identifier: Apache-2.0
//
// A picture in memory as cameras and decoders give it: format, size, planes. Borrowed, never owned.

#ifndef QEDGE_IMAGING_IMAGE_H
#define QEDGE_IMAGING_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum image_format {
    IMAGE_NONE = 0,
    IMAGE_GREY,   // 8 bit
    IMAGE_RGB24,
    IMAGE_BGR24,
    IMAGE_XBGR32, // bytes B G R X (V4L2 XBGR32 / XR24)
    IMAGE_YUYV,
    IMAGE_UYVY,
    IMAGE_NV12,
    IMAGE_NV21,
    IMAGE_I420,   // V4L2 YU12
    IMAGE_YV12,
    IMAGE_I422,   // planar 4:2:2, what most MJPEG cameras code and y4m's C422
    IMAGE_JPEG,   // planes[0] = bytes, size[0] = length
};

// Colour: BT.601 or BT.709 matrix, limited (16..235) or full range. RGB formats ignore both.
enum image_matrix { IMAGE_BT601 = 0, IMAGE_BT709 };
enum image_range { IMAGE_LIMITED = 0, IMAGE_FULL };

struct image {
    enum image_format format;
    enum image_matrix matrix;
    enum image_range range;
    int32_t width, height; // pixels, 1..16384
    const uint8_t *planes[3];
    int32_t strides[3];    // bytes from row to row
    size_t size[3];        // bytes that may be read in each plane
};

// Does every row of every plane lie within its size? 0, -EINVAL (geometry), -EMSGSIZE (buffer too small).
int image_check(const struct image *image);
const char *image_format_name(enum image_format format);
// Lays the planes of a contiguous buffer with tight rows (stride0 = 0) or V4L2's bytesperline. As image_check.
int image_from_buffer(struct image *image, enum image_format format, int32_t width, int32_t height, int32_t stride0,
                      const void *data, size_t size);

#endif
