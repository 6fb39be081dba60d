// SPDX-License-Identifier: Apache-2.0
//
// JPEG through libjpeg-turbo, into memory. What must survive libjpeg's longjmp lives in a job. The
// memory is as large as a JPEG can get (as turbojpeg's tjBufSize has it), because libjpeg's own
// growing buffer is lost when it fails on the way.

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "imaging/decode_error.h"
#include "imaging/encode.h"

#define FULL_CHROMA_FROM 90

struct jpeg_job {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    jmp_buf trap;
    unsigned char *data;
    unsigned long size; // of data; in the end of the file
    const struct image *image;
    int quality;
    struct decode_error *error;
    int result;
};

static void on_error_exit(j_common_ptr cinfo)
{
    struct jpeg_job *job = cinfo->client_data;
    char message[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, message);
    job->result = decode_fail(job->error, -EIO, "JPEG: %.150s", message);
    longjmp(job->trap, 1);
}

static void on_message(j_common_ptr cinfo, int level)
{
    (void)cinfo;
    (void)level;
}

static void write_all(struct jpeg_job *job)
{
    struct jpeg_compress_struct *cinfo = &job->cinfo;
    const struct image *image = job->image;
    jpeg_create_compress(cinfo);
    jpeg_mem_dest(cinfo, &job->data, &job->size);
    cinfo->image_width = (JDIMENSION)image->width;
    cinfo->image_height = (JDIMENSION)image->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, job->quality, TRUE);
    if (job->quality >= FULL_CHROMA_FROM)
        cinfo->comp_info[0].h_samp_factor = cinfo->comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(cinfo, TRUE);
    while (cinfo->next_scanline < cinfo->image_height) {
        JSAMPROW row = (JSAMPROW)(image->planes[0] +
                                  (size_t)cinfo->next_scanline * (size_t)image->strides[0]);
        jpeg_write_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_compress(cinfo);
}

static void run_trapped(struct jpeg_job *job)
{
    if (setjmp(job->trap) == 0)
        write_all(job);
}

static size_t bytes_max(const struct image *image)
{
    size_t width = ((size_t)image->width + 15) & ~(size_t)15;
    size_t height = ((size_t)image->height + 15) & ~(size_t)15;
    return 6 * width * height + 4096;
}

int jpeg_encode(const struct image *image, int quality, struct encoded *encoded,
                struct decode_error *error)
{
    *encoded = (struct encoded){0};
    if (image->format != IMAGE_RGB24 || image_check(image) < 0)
        return decode_fail(error, -EINVAL, "JPEG: not an RGB picture");
    struct jpeg_job *job = calloc(1, sizeof(*job));
    uint8_t *data = malloc(bytes_max(image));
    int result = -ENOMEM;
    if (job && data) {
        *job = (struct jpeg_job){.data = data,
                                 .size = bytes_max(image),
                                 .image = image,
                                 .quality = quality,
                                 .error = error};
        job->cinfo.err = jpeg_std_error(&job->errors);
        job->cinfo.client_data = job;
        job->errors.error_exit = on_error_exit;
        job->errors.emit_message = on_message;
        run_trapped(job);
        jpeg_destroy_compress(&job->cinfo);
        result = job->result;
    } else {
        decode_fail(error, result, "JPEG: no memory");
    }
    if (result == 0)
        *encoded = (struct encoded){.data = data, .size = job->size};
    else
        free(data);
    free(job);
    return result;
}
