// SPDX-License-Identifier: Apache-2.0
//
// Picture files made in memory for the reader tests.

#ifndef QEDGE_TESTS_IMAGING_FILES_H
#define QEDGE_TESTS_IMAGING_FILES_H

#include "tests/unit/imaging_support.h"

#include <png.h>

#include <jpeglib.h>

struct test_file {
    uint8_t *data;
    size_t size;
};

static inline void test_file_finish(struct test_file *file)
{
    free(file->data);
    *file = (struct test_file){0};
}

static inline void test_file_append(struct test_file *file, const void *data, size_t size)
{
    file->data = realloc(file->data, file->size + size + 1);
    assert_non_null(file->data);
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

// A soft pattern, channel c of pixel x, y.
static inline uint8_t test_pixel(int x, int y, int c)
{
    return (uint8_t)(40 + 2 * x + y + 25 * c);
}

struct jpeg_kind {
    J_COLOR_SPACE space; // of the file
    int h, v;            // luma sampling
    bool progressive;
    int restart;   // MCUs between restart markers, 0 = none
    bool separate; // a scan for each component
};

static inline struct test_file test_jpeg(int width, int height, struct jpeg_kind kind)
{
    struct jpeg_compress_struct c = {0};
    struct jpeg_error_mgr errors;
    unsigned char *memory = NULL;
    unsigned long size = 0;
    struct test_file file = {0};
    int channels = kind.space == JCS_GRAYSCALE ? 1 : kind.space == JCS_CMYK ? 4 : 3;

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &memory, &size);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = channels;
    c.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, kind.space);
    jpeg_set_quality(&c, 95, TRUE);
    c.comp_info[0].h_samp_factor = kind.h;
    c.comp_info[0].v_samp_factor = kind.v;
    c.restart_interval = (unsigned)kind.restart;
    static const jpeg_scan_info separate[3] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (kind.separate) {
        c.scan_info = separate;
        c.num_scans = 3;
    }
    if (kind.progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    uint8_t *row = malloc((size_t)width * 4);
    assert_non_null(row);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < width * channels; i++)
            row[i] = test_pixel(i / channels, y, i % channels);
        jpeg_write_scanlines(&c, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    test_file_append(&file, memory, size);
    free(memory);
    return file;
}

// The same file without its Huffman tables, as UVC cameras send it.
static inline struct test_file test_jpeg_without_tables(const struct test_file *jpeg)
{
    struct test_file file = {0};
    size_t at = 2;
    test_file_append(&file, jpeg->data, 2);
    while (jpeg->data[at + 1] != 0xda) {
        size_t length = 2 + ((size_t)jpeg->data[at + 2] << 8 | jpeg->data[at + 3]);
        if (jpeg->data[at + 1] != 0xc4)
            test_file_append(&file, jpeg->data + at, length);
        at += length;
    }
    test_file_append(&file, jpeg->data + at, jpeg->size - at);
    return file;
}

static inline void test_png_write(png_structp png, png_bytep data, size_t size)
{
    test_file_append(png_get_io_ptr(png), data, size);
}

static inline void test_png_flush(png_structp png)
{
    (void)png;
}

struct png_kind {
    int colour, depth;
    bool interlaced, transparent; // a tRNS chunk: the colour of pixel 0, 0 (palette: entry 0)
};

// Samples of the file at pixel x, y, channel c (alpha comes last), in the file's own depth.
static inline unsigned test_png_sample(struct png_kind kind, int x, int y, int c)
{
    unsigned value = test_pixel(x, y, c);
    return kind.depth == 16 ? value * 257 : value >> (8 - kind.depth);
}

static inline struct test_file test_png(int width, int height, struct png_kind kind)
{
    struct test_file file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256];
    png_color_16 clear = {0};
    uint8_t alpha = 0;
    int channels = kind.colour == PNG_COLOR_TYPE_RGB          ? 3
                   : kind.colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                   : kind.colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                              : 1;
    png_set_write_fn(png, &file, test_png_write, test_png_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, kind.depth, kind.colour,
                 kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i ^ 0x55)};
    if (kind.colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << kind.depth);
    clear.gray = clear.red = (uint16_t)test_png_sample(kind, 0, 0, 0);
    clear.green = (uint16_t)test_png_sample(kind, 0, 0, 1);
    clear.blue = (uint16_t)test_png_sample(kind, 0, 0, 2);
    if (kind.transparent)
        png_set_tRNS(png, info, &alpha, 1, &clear);
    png_write_info(png, info);

    size_t bits = (size_t)width * (size_t)channels * (size_t)kind.depth, stride = (bits + 7) / 8;
    uint8_t *pixels = calloc((size_t)height, stride);
    png_bytep *rows = calloc((size_t)height, sizeof(*rows));
    assert_true(pixels != NULL && rows != NULL);
    for (int y = 0; y < height; y++) {
        rows[y] = pixels + stride * (size_t)y;
        for (int i = 0; i < width * channels; i++) {
            unsigned value = test_png_sample(kind, i / channels, y, i % channels);
            size_t bit = (size_t)i * (size_t)kind.depth;
            if (kind.depth == 16) {
                rows[y][2 * i] = (uint8_t)(value >> 8);
                rows[y][2 * i + 1] = (uint8_t)value;
            } else {
                rows[y][bit / 8] |= (uint8_t)(value << (8 - (size_t)kind.depth - bit % 8));
            }
        }
    }
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(pixels);
    return file;
}

static inline void test_put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

// bits 8 (palette: grey or coloured), 24, 32 (also with bit fields).
static inline struct test_file test_bmp(int width, int height, int bits, bool top_down, bool grey,
                                        bool fields)
{
    uint8_t head[54] = {'B', 'M'};
    struct test_file file = {0};
    uint32_t offset = 54 + (bits == 8 ? 1024 : 0) + (fields ? 12 : 0);
    test_put_u32(head + 10, offset);
    test_put_u32(head + 14, 40);
    test_put_u32(head + 18, (uint32_t)width);
    test_put_u32(head + 22, (uint32_t)(top_down ? -height : height));
    head[26] = 1;
    head[28] = (uint8_t)bits;
    head[30] = fields ? 3 : 0;
    test_file_append(&file, head, sizeof(head));
    for (int i = 0; bits == 8 && i < 256; i++) {
        const uint8_t colour[4] = {(uint8_t)(grey ? i : 255 - i), (uint8_t)i, (uint8_t)i,
                                   0}; // B G R
        test_file_append(&file, colour, 4);
    }
    if (fields) {
        static const uint8_t masks[12] = {0, 0, 0xff, 0, 0, 0xff, 0, 0, 0xff, 0, 0, 0};
        test_file_append(&file, masks, sizeof(masks));
    }
    for (int row = 0; row < height; row++) {
        int y = top_down ? row : height - 1 - row;
        for (int x = 0; x < width; x++) {
            const uint8_t bgrx[4] = {test_pixel(x, y, 2), test_pixel(x, y, 1), test_pixel(x, y, 0),
                                     77};
            if (bits == 8)
                test_file_append(&file, bgrx + 2, 1);
            else
                test_file_append(&file, bgrx, (size_t)bits / 8);
        }
        test_file_append(&file, "\0\0\0", (size_t)(-width * bits / 8) & 3);
    }
    return file;
}

static inline struct test_file test_pnm(int width, int height, int channels, int maxval)
{
    struct test_file file = {0};
    char head[64];
    int length = snprintf(head, sizeof(head), "P%d\n# a comment\n%d %d\n%d\n",
                          channels == 1 ? 5 : 6, width, height, maxval);
    test_file_append(&file, head, (size_t)length);
    for (int i = 0; i < width * height * channels; i++) {
        int value =
            test_pixel(i / channels % width, i / channels / width, i % channels) * maxval / 255;
        const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        test_file_append(&file, maxval > 255 ? bytes : bytes + 1, maxval > 255 ? 2 : 1);
    }
    return file;
}

// `tags` follow W and H. Frames are filled with their number.
static inline struct test_file test_y4m(int width, int height, const char *tags, size_t frame_bytes,
                                        int frames)
{
    struct test_file file = {0};
    char head[256];
    uint8_t *frame = malloc(frame_bytes);
    assert_non_null(frame);
    int length = snprintf(head, sizeof(head), "YUV4MPEG2 W%d H%d%s\n", width, height, tags);
    test_file_append(&file, head, (size_t)length);
    for (int i = 0; i < frames; i++) {
        memset(frame, i + 1, frame_bytes);
        test_file_append(&file, i == 1 ? "FRAME Ip\n" : "FRAME\n", i == 1 ? 9 : 6);
        test_file_append(&file, frame, frame_bytes);
    }
    free(frame);
    return file;
}

#endif
