// SPDX-License-Identifier: Apache-2.0
//
// PNG through libpng. libpng reports errors by longjmp: everything between setjmp and the end of a
// read lives in struct png_job, so that no local variable is lost on the way.

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/decode_error.h"

struct png_job {
    const uint8_t *data;
    size_t size, used;
    png_structp png;
    png_infop info;
    png_bytep *rows;
    struct picture *picture;
    struct decode_error *error;
    int result;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_job *job = png_get_error_ptr(png);
    if (job->result == 0)
        job->result = decode_fail(job->error, -EBADMSG, "PNG: %.120s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t count)
{
    struct png_job *job = png_get_io_ptr(png);
    if (count > job->size - job->used)
        png_error(png, "truncated");
    memcpy(out, job->data + job->used, count);
    job->used += count;
}

// Whatever the file holds becomes 8-bit grey or RGB, alpha composed over black.
static enum image_format transforms_set(struct png_job *job)
{
    static const png_color_16 black = {0};
    int colour = png_get_color_type(job->png, job->info);
    if (png_get_bit_depth(job->png, job->info) == 16)
        png_set_scale_16(job->png);
    png_set_expand(job->png);
    if ((colour & PNG_COLOR_MASK_ALPHA) != 0 ||
        png_get_valid(job->png, job->info, PNG_INFO_tRNS) != 0)
        png_set_background(job->png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    return (colour & PNG_COLOR_MASK_COLOR) != 0 ? IMAGE_RGB24 : IMAGE_GREY;
}

static int pixels_read(struct png_job *job)
{
    png_set_user_limits(job->png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(job->png, 8 << 20);
    png_set_chunk_cache_max(job->png, 64);
    png_set_read_fn(job->png, job, on_read);
    png_read_info(job->png, job->info);
    int64_t width = png_get_image_width(job->png, job->info),
            height = png_get_image_height(job->png, job->info);
    int result = decode_check_size("PNG", width, height, job->error);
    if (result < 0)
        return result;
    enum image_format format = transforms_set(job);
    uint8_t *pixels;
    result = picture_allocate(job->picture, format, (int32_t)width, (int32_t)height, &pixels,
                              job->error);
    if (result < 0)
        return result;
    size_t stride = (size_t)job->picture->image.strides[0];
    if (png_get_rowbytes(job->png, job->info) != stride)
        return decode_fail(job->error, -ENOTSUP, "PNG: rows of an unexpected size");
    job->rows = malloc((size_t)height * sizeof(*job->rows));
    if (job->rows == NULL)
        return decode_fail(job->error, -ENOMEM, "PNG: no memory");
    for (int64_t y = 0; y < height; y++)
        job->rows[y] = pixels + stride * (size_t)y;
    png_read_image(job->png, job->rows);
    png_read_end(job->png, NULL);
    return 0;
}

static void job_run(struct png_job *job)
{
    if (setjmp(png_jmpbuf(job->png)) == 0)
        job->result = pixels_read(job);
}

int png_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error)
{
    struct png_job job = {.data = data, .size = size, .picture = picture, .error = error};
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (job.png != NULL)
        job.info = png_create_info_struct(job.png);
    if (job.info != NULL)
        job_run(&job);
    else
        job.result = decode_fail(error, -ENOMEM, "PNG: no memory");
    png_destroy_read_struct(&job.png, &job.info, NULL);
    free(job.rows);
    return job.result; // a picture half filled is freed by picture_decode
}
