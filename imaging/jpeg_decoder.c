// SPDX-License-Identifier: Apache-2.0
//
// JPEG through libjpeg-turbo: raw planes (no upsampling, no colour conversion: the converter does
// both on the few pixels that the model sees), scaled in the inverse DCT.
//
// libjpeg reports errors by longjmp. decode_trapped() is the only caller of setjmp, keeps no
// locals, and everything that must survive lives in struct jpeg_decoder.

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "imaging/decode_error.h"
#include "imaging/jpeg_memory.h"

#define SCANS_MAX 100                 // a small file may ask for endless passes over the picture
#define CODER_MEMORY_MAX (512L << 20) // coefficients of a progressive picture
#define PLANE_ALIGN 64
#define IMCU_ROWS_MAX 64 // 4 blocks of 16 lines

// Since API version 7 the scaled block size has a width and a height.
#if JPEG_LIB_VERSION >= 70
#define BLOCK_WIDTH(component) ((component)->DCT_h_scaled_size)
#define BLOCK_HEIGHT(component) ((component)->DCT_v_scaled_size)
#define BLOCK_MIN(cinfo) ((cinfo)->min_DCT_v_scaled_size)
#else
#define BLOCK_WIDTH(component) ((component)->DCT_scaled_size)
#define BLOCK_HEIGHT(component) ((component)->DCT_scaled_size)
#define BLOCK_MIN(cinfo) ((cinfo)->min_DCT_scaled_size)
#endif

struct jpeg_decoder {
    struct jpeg_memory memory; // first: client_data is both
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf trap;
    char message[JMSG_LENGTH_MAX];
    uint8_t *buffer;
    size_t capacity;

    // The call in progress.
    const uint8_t *data;
    size_t size;
    int32_t min_width, min_height;
    bool want_rgb;
    struct image *image;
    struct decode_error *error;
    int result;
};

_Static_assert(offsetof(struct jpeg_decoder, memory) == 0, "jpeg_memory.c goes by client_data");

// ---- what libjpeg calls -------------------------------------------------------------------------

static void on_error_exit(j_common_ptr cinfo)
{
    struct jpeg_decoder *decoder = cinfo->client_data;
    if (decoder->message[0] == 0)
        cinfo->err->format_message(cinfo, decoder->message);
    longjmp(decoder->trap, 1);
}

// Warnings that say nothing about the pixels: odd application markers, padding between segments.
static bool warning_is_harmless(int code)
{
    return code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_EXTRANEOUS_DATA;
}

static void on_message(j_common_ptr cinfo, int level)
{
    struct jpeg_decoder *decoder = cinfo->client_data;
    if (level >= 0 || warning_is_harmless(cinfo->err->msg_code))
        return;
    if (decoder->message[0] == 0)
        cinfo->err->format_message(cinfo, decoder->message);
    longjmp(decoder->trap, 1); // no use in decoding the rest
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    struct jpeg_decoder *decoder = cinfo->client_data;
    if (((j_decompress_ptr)cinfo)->input_scan_number <= SCANS_MAX)
        return;
    snprintf(decoder->message, sizeof(decoder->message), "more than %d scans", SCANS_MAX);
    longjmp(decoder->trap, 1);
}

// ---- one frame ----------------------------------------------------------------------------------

// The DCT sizes 1, 2, 4 and 8 have SIMD code; those between take longer than the next bigger one.
static unsigned scale_choose(const struct jpeg_decoder *decoder)
{
    const struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    if (decoder->min_width <= 0 && decoder->min_height <= 0)
        return 8;
    for (unsigned scale = 1; scale < 8; scale *= 2)
        if ((int64_t)cinfo->image_width * scale >= (int64_t)8 * decoder->min_width &&
            (int64_t)cinfo->image_height * scale >= (int64_t)8 * decoder->min_height)
            return scale;
    return 8;
}

// Our format for the planes as libjpeg will leave them, or IMAGE_NONE when only RGB will do.
// Scaling may leave chroma at the luma's size: libjpeg shrinks it less instead of enlarging it
// afterwards.
static enum image_format planes_format(const struct jpeg_decompress_struct *cinfo)
{
    if (cinfo->jpeg_color_space == JCS_GRAYSCALE)
        return cinfo->num_components == 1 ? IMAGE_GREY : IMAGE_NONE;
    if (cinfo->jpeg_color_space != JCS_YCbCr || cinfo->num_components != 3)
        return IMAGE_NONE;
    int wide[3], high[3];
    for (int c = 0; c < 3; c++) {
        const jpeg_component_info *component = &cinfo->comp_info[c];
        wide[c] = component->h_samp_factor * (int)BLOCK_WIDTH(component);
        high[c] = component->v_samp_factor * (int)BLOCK_HEIGHT(component);
    }
    if (wide[0] != cinfo->max_h_samp_factor * BLOCK_MIN(cinfo) ||
        high[0] != cinfo->max_v_samp_factor * BLOCK_MIN(cinfo) || wide[1] != wide[2] ||
        high[1] != high[2])
        return IMAGE_NONE;
    if (high[0] == high[1])
        return wide[0] == wide[1] ? IMAGE_I444 : wide[0] == 2 * wide[1] ? IMAGE_I422 : IMAGE_NONE;
    return high[0] == 2 * high[1] && wide[0] == 2 * wide[1] ? IMAGE_I420 : IMAGE_NONE;
}

static int buffer_reserve(struct jpeg_decoder *decoder, size_t bytes)
{
    if (bytes <= decoder->capacity)
        return 0;
    free(decoder->buffer);
    decoder->capacity = 0;
    decoder->buffer = malloc(bytes);
    if (decoder->buffer == NULL)
        return decode_fail(decoder->error, -ENOMEM, "JPEG: no memory for %zu bytes", bytes);
    decoder->capacity = bytes;
    return 0;
}

// Planes as wide and high as libjpeg writes them: whole MCUs, beyond the picture's edge.
static int planes_reserve(struct jpeg_decoder *decoder, struct image *image)
{
    const struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    size_t offset[3], total = 0;
    for (int c = 0; c < cinfo->num_components; c++) {
        const jpeg_component_info *component = &cinfo->comp_info[c];
        size_t mcu_width = 8 * (size_t)cinfo->max_h_samp_factor,
               mcu_height = 8 * (size_t)cinfo->max_v_samp_factor;
        size_t columns = (cinfo->image_width + mcu_width - 1) / mcu_width *
                         (size_t)component->h_samp_factor * (size_t)BLOCK_WIDTH(component);
        size_t rows = (cinfo->image_height + mcu_height - 1) / mcu_height *
                      (size_t)component->v_samp_factor * (size_t)BLOCK_HEIGHT(component);
        size_t stride = (columns + PLANE_ALIGN - 1) & ~(size_t)(PLANE_ALIGN - 1);
        offset[c] = total;
        image->strides[c] = (int32_t)stride;
        image->size[c] = stride * rows;
        total += stride * rows;
    }
    int result = buffer_reserve(decoder, total);
    for (int c = 0; result == 0 && c < cinfo->num_components; c++)
        image->planes[c] = decoder->buffer + offset[c];
    return result;
}

static int planes_read(struct jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    JSAMPROW rows[3][IMCU_ROWS_MAX];
    JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};
    JDIMENSION lines = (JDIMENSION)(cinfo->max_v_samp_factor * BLOCK_MIN(cinfo));

    int result = planes_reserve(decoder, decoder->image);
    if (result < 0)
        return result;
    for (size_t imcu = 0; cinfo->output_scanline < cinfo->output_height; imcu++) {
        for (int c = 0; c < cinfo->num_components; c++) {
            const jpeg_component_info *component = &cinfo->comp_info[c];
            size_t high = (size_t)component->v_samp_factor * (size_t)BLOCK_HEIGHT(component);
            size_t plane = (size_t)(decoder->image->planes[c] - decoder->buffer);
            for (size_t y = 0; y < high; y++)
                rows[c][y] = decoder->buffer + plane +
                             (imcu * high + y) * (size_t)decoder->image->strides[c];
        }
        if (jpeg_read_raw_data(cinfo, planes, lines) == 0)
            return decode_fail(decoder->error, -EBADMSG, "JPEG: truncated");
    }
    return 0;
}

static int rows_read(struct jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    size_t stride = (size_t)cinfo->output_width * (size_t)cinfo->output_components;
    size_t bytes = stride * cinfo->output_height;
    int result = buffer_reserve(decoder, bytes);
    if (result < 0)
        return result;
    decoder->image->planes[0] = decoder->buffer;
    decoder->image->strides[0] = (int32_t)stride;
    decoder->image->size[0] = bytes;
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = decoder->buffer + stride * cinfo->output_scanline;
        if (jpeg_read_scanlines(cinfo, &row, 1) == 0)
            return decode_fail(decoder->error, -EBADMSG, "JPEG: truncated");
    }
    return 0;
}

// Decides format and scale once the header is known.
static int output_choose(struct jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    int result = decode_check_size("JPEG", cinfo->image_width, cinfo->image_height, decoder->error);
    if (result < 0)
        return result;
    if (cinfo->data_precision != 8)
        return decode_fail(decoder->error, -ENOTSUP, "JPEG: %d bits a sample",
                           cinfo->data_precision);
    if (cinfo->jpeg_color_space != JCS_GRAYSCALE && cinfo->jpeg_color_space != JCS_YCbCr &&
        cinfo->jpeg_color_space != JCS_RGB)
        return decode_fail(decoder->error, -ENOTSUP,
                           "JPEG: %d components that are not YCbCr, RGB or grey",
                           cinfo->num_components);
    cinfo->scale_num = scale_choose(decoder);
    cinfo->scale_denom = 8;
    jpeg_calc_output_dimensions(cinfo);
    enum image_format format = planes_format(cinfo);
    if (format == IMAGE_GREY) {
        cinfo->out_color_space = JCS_GRAYSCALE;
    } else if (format == IMAGE_NONE || decoder->want_rgb) {
        format = IMAGE_RGB24;
        cinfo->out_color_space = JCS_RGB;
    } else {
        cinfo->out_color_space = JCS_YCbCr;
        cinfo->raw_data_out = TRUE;
    }
    *decoder->image = (struct image){.format = format, .matrix = IMAGE_BT601, .range = IMAGE_FULL};
    return 0;
}

static int frame_decode(struct jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *cinfo = &decoder->cinfo;
    jpeg_mem_src(cinfo, decoder->data, (unsigned long)decoder->size);
    jpeg_read_header(cinfo, TRUE);
    int result = output_choose(decoder);
    if (result < 0)
        return result;
    jpeg_start_decompress(cinfo);
    decoder->image->width = (int32_t)cinfo->output_width;
    decoder->image->height = (int32_t)cinfo->output_height;
    result = cinfo->raw_data_out ? planes_read(decoder) : rows_read(decoder);
    if (result < 0)
        return result;
    jpeg_finish_decompress(cinfo);
    return 0;
}

static int decode_trapped(struct jpeg_decoder *decoder)
{
    if (setjmp(decoder->trap) == 0) {
        decoder->result = frame_decode(decoder);
    } else {
        bool memory = decoder->errors.msg_code == JERR_OUT_OF_MEMORY ||
                      decoder->errors.msg_code == JERR_NO_BACKING_STORE;
        decoder->result = decode_fail(decoder->error, memory ? -ENOMEM : -EBADMSG, "JPEG: %.150s",
                                      decoder->message);
    }
    jpeg_abort_decompress(&decoder->cinfo);
    return decoder->result;
}

static int decoder_run(struct jpeg_decoder *decoder, const void *data, size_t size,
                       struct image *image, struct decode_error *error)
{
    *image = (struct image){0};
    if (data == NULL || size == 0)
        return decode_fail(error, -EBADMSG, "JPEG: empty");
    decoder->message[0] = 0;
    decoder->data = data;
    decoder->size = size;
    decoder->image = image;
    decoder->error = error;
    int result = decode_trapped(decoder);
    if (result < 0)
        *image = (struct image){0};
    return result;
}

int jpeg_decode(struct jpeg_decoder *decoder, const void *data, size_t size, int32_t min_width,
                int32_t min_height, struct image *image, struct decode_error *error)
{
    decoder->min_width = min_width;
    decoder->min_height = min_height;
    decoder->want_rgb = false;
    return decoder_run(decoder, data, size, image, error);
}

// ---- life ---------------------------------------------------------------------------------------

static int library_start(struct jpeg_decoder *decoder)
{
    if (setjmp(decoder->trap) != 0)
        return -ENOMEM;
    jpeg_create_decompress(&decoder->cinfo);
    return 0;
}

int jpeg_decoder_create(struct jpeg_decoder **result)
{
    struct jpeg_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return -ENOMEM;
    decoder->cinfo.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = on_error_exit;
    decoder->errors.emit_message = on_message;
    decoder->errors.output_message = on_output;
    decoder->cinfo.client_data = decoder;
    if (library_start(decoder) < 0) {
        free(decoder);
        return -ENOMEM;
    }
    jpeg_memory_init(&decoder->memory, &decoder->cinfo);
    decoder->cinfo.mem->max_memory_to_use = CODER_MEMORY_MAX;
    decoder->progress.progress_monitor = on_progress;
    decoder->cinfo.progress = &decoder->progress;
    *result = decoder;
    return 0;
}

void jpeg_decoder_destroy(struct jpeg_decoder *decoder)
{
    if (decoder == NULL)
        return;
    jpeg_destroy_decompress(&decoder->cinfo);
    jpeg_memory_finish(&decoder->memory);
    free(decoder->buffer);
    free(decoder);
}

int jpeg_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                      struct decode_error *error)
{
    struct jpeg_decoder *decoder;
    if (jpeg_decoder_create(&decoder) < 0)
        return decode_fail(error, -ENOMEM, "JPEG: no memory");
    decoder->min_width = decoder->min_height = 0;
    decoder->want_rgb = true;
    int result = decoder_run(decoder, data, size, &picture->image, error);
    if (result == 0) {
        picture->memory = decoder->buffer; // handed over
        decoder->buffer = NULL;
    }
    jpeg_decoder_destroy(decoder);
    return result;
}
