// SPDX-License-Identifier: Apache-2.0
#include "imaging/image.h"

#include <errno.h>
#include <string.h>

struct plane_layout {
    uint8_t group_pixels; // pixels in one group of bytes
    uint8_t group_bytes;
    uint8_t row_pixels; // picture rows that one plane row stands for
};

struct format_layout {
    const char *name;
    int planes;
    struct plane_layout plane[3];
};

static const struct format_layout layouts[] = {
    [IMAGE_NONE] = {"none", 0, {{0}}},
    [IMAGE_GREY] = {"GREY", 1, {{1, 1, 1}}},
    [IMAGE_RGB24] = {"RGB24", 1, {{1, 3, 1}}},
    [IMAGE_BGR24] = {"BGR24", 1, {{1, 3, 1}}},
    [IMAGE_XBGR32] = {"XBGR32", 1, {{1, 4, 1}}},
    [IMAGE_YUYV] = {"YUYV", 1, {{2, 4, 1}}},
    [IMAGE_UYVY] = {"UYVY", 1, {{2, 4, 1}}},
    [IMAGE_NV12] = {"NV12", 2, {{1, 1, 1}, {2, 2, 2}}},
    [IMAGE_NV21] = {"NV21", 2, {{1, 1, 1}, {2, 2, 2}}},
    [IMAGE_I420] = {"I420", 3, {{1, 1, 1}, {2, 1, 2}, {2, 1, 2}}},
    [IMAGE_YV12] = {"YV12", 3, {{1, 1, 1}, {2, 1, 2}, {2, 1, 2}}},
    [IMAGE_I422] = {"I422", 3, {{1, 1, 1}, {2, 1, 1}, {2, 1, 1}}},
    [IMAGE_JPEG] = {"JPEG", 1, {{0}}},
    [IMAGE_I444] = {"I444", 3, {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
};

static const struct format_layout *layout_of(enum image_format format)
{
    size_t index = (size_t)format;
    return &layouts[index < sizeof(layouts) / sizeof(layouts[0]) ? index : IMAGE_NONE];
}

const char *image_format_name(enum image_format format)
{
    return layout_of(format)->name;
}

int image_plane_count(enum image_format format)
{
    return layout_of(format)->planes;
}

size_t image_row_bytes(enum image_format format, int plane, int32_t width)
{
    if (plane < 0 || plane >= layout_of(format)->planes || width < 1)
        return 0;
    const struct plane_layout *layout = &layout_of(format)->plane[plane];
    if (layout->group_pixels == 0)
        return 0;
    return ((size_t)width + layout->group_pixels - 1) / layout->group_pixels * layout->group_bytes;
}

int32_t image_plane_rows(enum image_format format, int plane, int32_t height)
{
    if (plane < 0 || plane >= layout_of(format)->planes || height < 1)
        return 0;
    int32_t step = layout_of(format)->plane[plane].row_pixels;
    return step == 0 ? 0 : (height - 1) / step + 1;
}

static int plane_check(const struct image *image, int plane)
{
    size_t row = image_row_bytes(image->format, plane, image->width);
    size_t rows = (size_t)image_plane_rows(image->format, plane, image->height);
    if (image->planes[plane] == NULL || image->strides[plane] < 0 ||
        (size_t)image->strides[plane] < row)
        return -EINVAL;
    uint64_t need = (uint64_t)image->strides[plane] * (rows - 1) + row;
    return image->size[plane] < need ? -EMSGSIZE : 0;
}

int image_check(const struct image *image)
{
    const struct format_layout *layout = layout_of(image->format);
    if (layout->planes == 0)
        return -EINVAL;
    if (image->format == IMAGE_JPEG)
        return image->planes[0] == NULL ? -EINVAL : image->size[0] == 0 ? -EMSGSIZE : 0;
    if (image->width < 1 || image->width > IMAGE_SIDE_MAX || image->height < 1 ||
        image->height > IMAGE_SIDE_MAX)
        return -EINVAL;
    for (int plane = 0; plane < layout->planes; plane++) {
        int result = plane_check(image, plane);
        if (result < 0)
            return result;
    }
    return 0;
}

// The chroma plane holds stride0 / group_pixels groups in a row when the luma plane holds stride0
// pixels.
static int32_t plane_stride(const struct format_layout *layout, int plane, int32_t stride0)
{
    const struct plane_layout *p = &layout->plane[plane];
    if (plane == 0)
        return stride0;
    return (stride0 + p->group_pixels - 1) / p->group_pixels * p->group_bytes;
}

int image_from_buffer(struct image *image, enum image_format format, int32_t width, int32_t height,
                      int32_t stride0, const void *data, size_t size)
{
    const struct format_layout *layout = layout_of(format);
    *image = (struct image){.format = format, .width = width, .height = height};
    image->range = format == IMAGE_GREY || format == IMAGE_JPEG ? IMAGE_FULL : IMAGE_LIMITED;
    if (format == IMAGE_JPEG) {
        image->planes[0] = data;
        image->size[0] = size;
        return image_check(image);
    }
    if (layout->planes == 0 || data == NULL || width < 1 || width > IMAGE_SIDE_MAX || height < 1 ||
        height > IMAGE_SIDE_MAX || stride0 < 0 || stride0 > 16 * IMAGE_SIDE_MAX)
        return -EINVAL;
    if (stride0 == 0)
        stride0 = (int32_t)image_row_bytes(format, 0, width);

    const uint8_t *next = data;
    size_t left = size;
    for (int plane = 0; plane < layout->planes; plane++) {
        int32_t stride = plane_stride(layout, plane, stride0);
        size_t bytes = (size_t)stride * (size_t)image_plane_rows(format, plane, height);
        image->planes[plane] = next;
        image->strides[plane] = stride;
        image->size[plane] = left;
        if (bytes > left) // the last row may lack its padding: image_check decides
            bytes = left;
        next += bytes;
        left -= bytes;
    }
    return image_check(image);
}
