// SPDX-License-Identifier: Apache-2.0
//
// imaging_bench [RUNS]: microseconds of pre-processing a frame into 224x224 int8, each format, the
// C and this machine's kernels in turns; and of decoding a 1280x720 JPEG for it. Median (and
// smallest) of RUNS.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#include "imaging/convert.h"
#include "imaging/decode.h"
#include "kernels/kernels.h"

enum { RUNS_MAX = 10000 };

static int runs = 200;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values)
{
    qsort(values, (size_t)runs, sizeof(*values), compare_doubles);
    return values[runs / 2];
}

static void fail(const char *what)
{
    fprintf(stderr, "imaging_bench: %s\n", what);
    exit(1);
}

static void bench_convert(enum image_format format, int width, int height)
{
    static double slow[RUNS_MAX], fast[RUNS_MAX];
    static int8_t out[2][224 * 224 * 3];
    const struct convert_target target = {.width = 224,
                                          .height = 224,
                                          .channels = 3,
                                          .mean = {127.5f, 127.5f, 127.5f},
                                          .std = {127.5f, 127.5f, 127.5f},
                                          .output = CONVERT_INT8,
                                          .scale = 1 / 127.5f,
                                          .zero_point = 0};
    size_t bytes = (size_t)width * (size_t)height * 4;
    uint8_t *pixels = calloc(1, bytes);
    struct image image;
    struct convert *c, *best;
    if (pixels == NULL || image_from_buffer(&image, format, width, height, 0, pixels, bytes) != 0 ||
        convert_create_for(0, &image, &target, &c) != 0 ||
        convert_create(&image, &target, &best) != 0)
        fail("no plan");
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    for (int i = -2; i < runs; i++) {
        double start = now_us();
        convert_run(c, &image, out[0]);
        double middle = now_us();
        convert_run(best, &image, out[1]);
        if (i >= 0) {
            slow[i] = middle - start;
            fast[i] = now_us() - middle;
        }
    }
    if (memcmp(out[0], out[1], sizeof(out[0])) != 0)
        fail("different bytes");
    double slow_us = median(slow), fast_us = median(fast);
    printf("%4dx%-4d  %-7s  c %8.1f us   %-5s %8.1f us (min %.1f)   %.1fx\n", width, height,
           image_format_name(format), slow_us, convert_kernel(best), fast_us, fast[0],
           slow_us / fast_us);
    convert_destroy(c);
    convert_destroy(best);
    free(pixels);
}

// A soft 4:2:2 picture with some noise, as a camera's MJPEG: about 100 KB.
static unsigned char *jpeg_make(int width, int height, unsigned long *size)
{
    struct jpeg_compress_struct c = {0};
    struct jpeg_error_mgr errors;
    unsigned char *memory = NULL;
    uint8_t *row = malloc((size_t)width * 3);
    uint32_t seed = 1;
    if (row == NULL)
        fail("no memory");
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &memory, size);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 85, TRUE);
    c.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < width * 3; i++) {
            seed = seed * 1664525 + 1013904223;
            row[i] = (uint8_t)(100 + (i / 90 * 7 + y / 13 * 5) % 90 + (seed >> 29));
        }
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    return memory;
}

static void bench_jpeg(int min_side)
{
    static double times[RUNS_MAX];
    unsigned long size = 0;
    unsigned char *data = jpeg_make(1280, 720, &size);
    struct jpeg_decoder *decoder;
    struct image image;
    if (jpeg_decoder_create(&decoder) != 0)
        fail("no decoder");
    for (int i = -2; i < runs; i++) {
        double start = now_us();
        if (jpeg_decode(decoder, data, size, min_side, min_side, &image, NULL) != 0)
            fail("JPEG refused");
        if (i >= 0)
            times[i] = now_us() - start;
    }
    printf("JPEG 1280x720 (%lu KB) -> %s %dx%d: %.0f us\n", size / 1024,
           image_format_name(image.format), image.width, image.height, median(times));
    jpeg_decoder_destroy(decoder);
    free(data);
}

int main(int argc, char **argv)
{
    static const enum image_format formats[] = {
        IMAGE_YUYV, IMAGE_UYVY,  IMAGE_NV12,  IMAGE_I420,   IMAGE_I422,
        IMAGE_I444, IMAGE_RGB24, IMAGE_BGR24, IMAGE_XBGR32, IMAGE_GREY,
    };
    if (argc > 1)
        runs = atoi(argv[1]);
    if (runs < 1 || runs > RUNS_MAX)
        fail("RUNS is 1..10000");
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        bench_convert(formats[i], 640, 480);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        bench_convert(formats[i], 1280, 720);
    bench_jpeg(224);
    bench_jpeg(0);
    return 0;
}
