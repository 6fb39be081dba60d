// SPDX-License-Identifier: Apache-2.0
//
// PNG through libpng, into memory. As in png_reader.c, what must survive libpng's longjmp lives in
// a job.

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/decode_error.h"
#include "imaging/encode.h"

#define FIRST_BYTES 65536

struct png_job {
    png_structp png;
    png_infop info;
    struct encoded file;
    size_t capacity;
    const struct image *image;
    struct decode_error *error;
    int result;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_job *job = png_get_error_ptr(png);
    if (job->result == 0)
        job->result = decode_fail(job->error, -EIO, "PNG: %.120s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    struct png_job *job = png_get_io_ptr(png);
    if (count > job->capacity - job->file.size) {
        size_t wanted = 2 * (job->file.size + count) + FIRST_BYTES;
        uint8_t *grown = realloc(job->file.data, wanted);
        if (!grown) {
            job->result = decode_fail(job->error, -ENOMEM, "PNG: no memory for %zu bytes", wanted);
            png_error(png, "no memory");
        }
        job->file.data = grown;
        job->capacity = wanted;
    }
    memcpy(job->file.data + job->file.size, bytes, count);
    job->file.size += count;
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_all(struct png_job *job)
{
    const struct image *image = job->image;
    png_set_write_fn(job->png, job, on_write, on_flush);
    png_set_IHDR(job->png, job->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (int32_t y = 0; y < image->height; y++)
        png_write_row(job->png, image->planes[0] + (size_t)y * (size_t)image->strides[0]);
    png_write_end(job->png, NULL);
}

static void run_trapped(struct png_job *job)
{
    if (setjmp(png_jmpbuf(job->png)) == 0)
        write_all(job);
}

int png_encode(const struct image *image, struct encoded *encoded, struct decode_error *error)
{
    struct png_job job = {.image = image, .error = error};
    *encoded = (struct encoded){0};
    if (image->format != IMAGE_RGB24 || image_check(image) < 0)
        return decode_fail(error, -EINVAL, "PNG: not an RGB picture");
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (job.png)
        job.info = png_create_info_struct(job.png);
    if (job.info)
        run_trapped(&job);
    else
        job.result = decode_fail(error, -ENOMEM, "PNG: no memory");
    png_destroy_write_struct(&job.png, &job.info);
    if (job.result < 0)
        encoded_finish(&job.file);
    *encoded = job.file;
    return job.result;
}
