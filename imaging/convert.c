// SPDX-License-Identifier: Apache-2.0
//
// The plan of a conversion, and its run. A plan holds the weights of each plane's rows and of each
// component's columns, one strip of row sums per plane, a few rows of pixels, and the quantization
// table.

#include "imaging/convert.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/convert_ops.h"
#include "imaging/convert_table.h"
#include "kernels/kernels.h"

// Where a component's samples lie. Components in the order R G B or Y U V.
struct sample_layout {
    uint8_t plane, offset, pitch;  // bytes
    uint8_t column_step, row_step; // pixels that one sample stands for
};

static const struct {
    int components;
    struct sample_layout sample[3];
} layouts[] = {
    [IMAGE_GREY] = {1, {{0, 0, 1, 1, 1}}},
    [IMAGE_RGB24] = {3, {{0, 0, 3, 1, 1}, {0, 1, 3, 1, 1}, {0, 2, 3, 1, 1}}},
    [IMAGE_BGR24] = {3, {{0, 2, 3, 1, 1}, {0, 1, 3, 1, 1}, {0, 0, 3, 1, 1}}},
    [IMAGE_XBGR32] = {3, {{0, 2, 4, 1, 1}, {0, 1, 4, 1, 1}, {0, 0, 4, 1, 1}}},
    [IMAGE_YUYV] = {3, {{0, 0, 2, 1, 1}, {0, 1, 4, 2, 1}, {0, 3, 4, 2, 1}}},
    [IMAGE_UYVY] = {3, {{0, 1, 2, 1, 1}, {0, 0, 4, 2, 1}, {0, 2, 4, 2, 1}}},
    [IMAGE_NV12] = {3, {{0, 0, 1, 1, 1}, {1, 0, 2, 2, 2}, {1, 1, 2, 2, 2}}},
    [IMAGE_NV21] = {3, {{0, 0, 1, 1, 1}, {1, 1, 2, 2, 2}, {1, 0, 2, 2, 2}}},
    [IMAGE_I420] = {3, {{0, 0, 1, 1, 1}, {1, 0, 1, 2, 2}, {2, 0, 1, 2, 2}}},
    [IMAGE_YV12] = {3, {{0, 0, 1, 1, 1}, {2, 0, 1, 2, 2}, {1, 0, 1, 2, 2}}},
    [IMAGE_I422] = {3, {{0, 0, 1, 1, 1}, {1, 0, 1, 2, 1}, {2, 0, 1, 2, 1}}},
    [IMAGE_JPEG] = {0, {{0}}},
    [IMAGE_I444] = {3, {{0, 0, 1, 1, 1}, {1, 0, 1, 1, 1}, {2, 0, 1, 1, 1}}},
};

struct plane_plan {
    struct taps rows;
    int32_t byte; // first byte of a row that is used; strip column 0
};

struct convert {
    const struct convert_ops *ops;
    struct image like;
    int32_t width, height; // of the target
    struct convert_rect crop, place;
    struct plane_plan plane[3];
    struct taps columns[3];
    int32_t *column[3];
    struct convert_strip strip;
    uint8_t *pixels; // [ops->rows][place.width * channels]
    size_t pixels_stride;
    uint8_t *border; // one target row of `fill`, quantized; NULL without borders
    struct convert_table table;
};

// Best first, C last.
static const struct convert_ops *const ops_table[] = {
#if defined(__x86_64__)
    &convert_ops_avx2,
#elif defined(__aarch64__) || defined(__arm__)
    &convert_ops_neon,
#endif
    &convert_ops_c,
};

static const struct convert_ops *ops_select(uint32_t cpu)
{
    for (size_t i = 0; i < sizeof(ops_table) / sizeof(ops_table[0]); i++)
        if ((ops_table[i]->cpu & ~cpu) == 0)
            return ops_table[i];
    return &convert_ops_c;
}

static int target_check(const struct convert_target *target)
{
    if ((target->channels != 1 && target->channels != 3) ||
        (unsigned)target->output > CONVERT_FLOAT32)
        return -EINVAL;
    for (int c = 0; c < target->channels; c++)
        if (!isfinite(target->mean[c]) || !isfinite(target->std[c]) || !(target->std[c] > 0))
            return -EINVAL;
    if (target->output == CONVERT_FLOAT32)
        return 0;
    return isfinite(target->scale) && target->scale > 0 ? 0 : -EINVAL;
}

static int like_check(const struct image *like)
{
    if ((unsigned)like->matrix > IMAGE_BT709 || (unsigned)like->range > IMAGE_FULL)
        return -EINVAL;
    if ((unsigned)like->format >= sizeof(layouts) / sizeof(layouts[0]) ||
        layouts[like->format].components == 0)
        return -ENOTSUP;
    return 0;
}

// Component k of the strip. RGB becomes BGR by taking its components the other way round.
static const struct sample_layout *sample_of(const struct convert *convert, int k)
{
    return &layouts[convert->like.format].sample[convert->strip.mix.reversed ? 2 - k : k];
}

// ---- planning -----------------------------------------------------------------------------------

static void *aligned_zeros(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

static int columns_plan(struct convert *convert, int k)
{
    const struct sample_layout *sample = sample_of(convert, k);
    struct strip_component *component = &convert->strip.component[k];
    const struct taps_axis axis = {
        .offset = convert->crop.x,
        .length = convert->crop.width,
        .step = sample->column_step,
        .samples = (convert->like.width + sample->column_step - 1) / sample->column_step,
        .targets = convert->place.width,
        .sum = CONVERT_COLUMN_SUM,
    };
    int result = taps_create(&convert->columns[k], &axis);
    if (result < 0)
        return result;
    convert->column[k] = calloc((size_t)axis.targets, sizeof(int32_t));
    if (convert->column[k] == NULL)
        return -ENOMEM;
    *component = (struct strip_component){.plane = sample->plane,
                                          .pitch = sample->pitch,
                                          .taps = &convert->columns[k],
                                          .column = convert->column[k]};
    return 0;
}

static int rows_plan(struct convert *convert, const struct sample_layout *sample)
{
    struct plane_plan *plane = &convert->plane[sample->plane];
    if (plane->rows.targets != 0) // another component of the same plane
        return 0;
    const struct taps_axis axis = {
        .offset = convert->crop.y,
        .length = convert->crop.height,
        .step = sample->row_step,
        .samples = (convert->like.height + sample->row_step - 1) / sample->row_step,
        .targets = convert->place.height,
        .sum = CONVERT_ROW_SUM,
    };
    return taps_create(&plane->rows, &axis);
}

// The bytes of a row that the plane's components need, and the strip to sum them in.
static int strip_plan(struct convert *convert, int plane)
{
    int32_t low = INT32_MAX, high = 0, touched = 0;
    for (int k = 0; k < convert->strip.mix.components; k++) {
        const struct sample_layout *sample = sample_of(convert, k);
        const struct taps *taps = &convert->columns[k];
        if (sample->plane != plane)
            continue;
        int32_t first = sample->offset + sample->pitch * taps->low;
        int32_t end = sample->offset + sample->pitch * (taps->high - 1) + 1;
        int32_t padded = sample->offset + sample->pitch * (taps->high + taps->width);
        low = first < low ? first : low;
        high = end > high ? end : high;
        touched = padded > touched ? padded : touched;
    }
    if (high == 0)
        return 0; // a plane that grey output does not need
    struct strip_plane *strip = &convert->strip.plane[plane];
    convert->plane[plane].byte = low;
    strip->columns = high - low;
    strip->stride = ((size_t)strip->columns + CONVERT_STRIP_ALIGN - 1) / CONVERT_STRIP_ALIGN *
                    CONVERT_STRIP_ALIGN;
    size_t turned =
        (size_t)(touched - low) > strip->stride ? (size_t)(touched - low) : strip->stride;
    size_t rows = (size_t)convert->ops->rows;
    strip->rows = aligned_zeros(rows * strip->stride * sizeof(uint16_t));
    strip->turned = aligned_zeros(rows * turned * sizeof(uint16_t));
    return strip->rows == NULL || strip->turned == NULL ? -ENOMEM : 0;
}

static void column_numbers_plan(struct convert *convert, int k)
{
    const struct sample_layout *sample = sample_of(convert, k);
    const struct taps *taps = &convert->columns[k];
    for (int32_t x = 0; x < taps->targets; x++)
        convert->column[k][x] =
            sample->offset + sample->pitch * taps->first[x] - convert->plane[sample->plane].byte;
}

static int border_plan(struct convert *convert, uint8_t fill)
{
    if (convert->place.width == convert->width && convert->place.height == convert->height)
        return 0;
    size_t count = (size_t)convert->width * (size_t)convert->strip.mix.channels;
    uint8_t *values = malloc(count);
    convert->border = aligned_zeros(count * convert_table_element(&convert->table));
    if (values != NULL && convert->border != NULL) {
        memset(values, fill, count);
        convert_table_apply_c(&convert->table, values, count, convert->border);
    }
    int result = values == NULL || convert->border == NULL ? -ENOMEM : 0;
    free(values);
    return result;
}

static int plan_make(struct convert *convert, const struct convert_target *target)
{
    int result = convert_geometry(convert->like.width, convert->like.height, target, &convert->crop,
                                  &convert->place);
    if (result < 0)
        return result;
    struct convert_strip *strip = &convert->strip;
    colour_mix_init(&strip->mix, &convert->like, target->channels, target->bgr);
    convert_table_init(&convert->table, target);
    strip->planes = image_plane_count(convert->like.format);
    strip->targets = convert->place.width;
    for (int k = 0; k < strip->mix.components; k++)
        if ((result = columns_plan(convert, k)) < 0 ||
            (result = rows_plan(convert, sample_of(convert, k))) < 0)
            return result;
    for (int plane = 0; plane < strip->planes; plane++)
        if ((result = strip_plan(convert, plane)) < 0)
            return result;
    for (int k = 0; k < strip->mix.components; k++)
        column_numbers_plan(convert, k);
    convert->pixels_stride = (size_t)strip->targets * (size_t)target->channels;
    convert->pixels = aligned_zeros(convert->pixels_stride * (size_t)convert->ops->rows);
    strip->scratch = aligned_zeros(CONVERT_SCRATCH(strip->targets));
    if (convert->pixels == NULL || strip->scratch == NULL)
        return -ENOMEM;
    return border_plan(convert, target->fill);
}

int convert_create_for(uint32_t cpu, const struct image *like, const struct convert_target *target,
                       struct convert **result)
{
    int status = target_check(target);
    if (status == 0)
        status = like_check(like);
    if (status < 0)
        return status;
    struct convert *convert = calloc(1, sizeof(*convert));
    if (convert == NULL)
        return -ENOMEM;
    convert->ops = ops_select(cpu);
    convert->like = (struct image){.format = like->format,
                                   .matrix = like->matrix,
                                   .range = like->range,
                                   .width = like->width,
                                   .height = like->height};
    convert->width = target->width;
    convert->height = target->height;
    status = plan_make(convert, target);
    if (status < 0) {
        convert_destroy(convert);
        return status;
    }
    *result = convert;
    return 0;
}

int convert_create(const struct image *like, const struct convert_target *target,
                   struct convert **convert)
{
    const char *bad;
    uint32_t cpu;
    // Programs have refused a QEDGE_CPU that is wrong before they come here.
    (void)kernel_cpu_allowed(&cpu, &bad);
    return convert_create_for(cpu, like, target, convert);
}

void convert_destroy(struct convert *convert)
{
    if (convert == NULL)
        return;
    for (int i = 0; i < 3; i++) {
        taps_finish(&convert->plane[i].rows);
        taps_finish(&convert->columns[i]);
        free(convert->column[i]);
        free(convert->strip.plane[i].rows);
        free(convert->strip.plane[i].turned);
    }
    free(convert->pixels);
    free(convert->strip.scratch);
    free(convert->border);
    free(convert);
}

const char *convert_kernel(const struct convert *convert)
{
    return convert->ops->name;
}

bool convert_matches(const struct convert *convert, const struct image *image)
{
    const struct image *like = &convert->like;
    return image->format == like->format && image->matrix == like->matrix &&
           image->range == like->range && image->width == like->width &&
           image->height == like->height;
}

// ---- running ------------------------------------------------------------------------------------

static void strip_rows_sum(struct convert *convert, const struct image *image, int32_t y,
                           int32_t rows)
{
    for (int p = 0; p < convert->strip.planes; p++) {
        const struct strip_plane *strip = &convert->strip.plane[p];
        const struct plane_plan *plane = &convert->plane[p];
        size_t stride = (size_t)image->strides[p];
        if (strip->columns == 0)
            continue;
        for (int32_t row = 0; row < rows; row++) {
            size_t target = (size_t)(y + row);
            const uint8_t *source =
                image->planes[p] + stride * (size_t)plane->rows.first[target] + plane->byte;
            convert->ops->rows_sum(source, stride,
                                   plane->rows.weights + target * (size_t)plane->rows.width,
                                   plane->rows.used[target], strip->columns,
                                   strip->rows + strip->stride * (size_t)row);
        }
    }
}

static void borders_write(const struct convert *convert, uint8_t *dst)
{
    const struct convert_rect *place = &convert->place;
    size_t pixel = (size_t)convert->strip.mix.channels * convert_table_element(&convert->table);
    size_t row = (size_t)convert->width * pixel;
    size_t left = (size_t)place->x * pixel, right = (size_t)(place->x + place->width) * pixel;
    for (int32_t y = 0; y < convert->height; y++, dst += row) {
        if (y < place->y || y >= place->y + place->height) {
            memcpy(dst, convert->border, row);
        } else {
            memcpy(dst, convert->border, left);
            memcpy(dst + right, convert->border, row - right);
        }
    }
}

int convert_run(struct convert *convert, const struct image *image, void *dst)
{
    int result = image_check(image);
    if (!convert_matches(convert, image))
        return -EINVAL;
    if (result < 0)
        return result;
    const struct convert_rect *place = &convert->place;
    size_t pixel = (size_t)convert->strip.mix.channels * convert_table_element(&convert->table);
    uint8_t *out =
        (uint8_t *)dst + ((size_t)place->y * (size_t)convert->width + (size_t)place->x) * pixel;

    if (convert->border != NULL)
        borders_write(convert, dst);
    for (int32_t y = 0; y < place->height; y += convert->ops->rows) {
        int32_t rows =
            place->height - y < convert->ops->rows ? place->height - y : convert->ops->rows;
        strip_rows_sum(convert, image, y, rows);
        convert->ops->columns_sum(&convert->strip, convert->pixels, convert->pixels_stride);
        for (int32_t row = 0; row < rows; row++, out += (size_t)convert->width * pixel)
            convert->ops->table_apply(&convert->table,
                                      convert->pixels + convert->pixels_stride * (size_t)row,
                                      convert->pixels_stride, out);
    }
    return 0;
}
