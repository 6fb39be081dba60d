// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FORMATS_MAX 64
#define ENUM_MAX 256 // sizes and intervals looked at, should a driver never end its list

// Cheapest first.
static const struct v4l2_format_row rows[] = {
    {V4L2_PIX_FMT_NV12, IMAGE_NV12, 1, false, "NV12"},
    {V4L2_PIX_FMT_NV12M, IMAGE_NV12, 2, false, "NV12"},
    {V4L2_PIX_FMT_YUV420, IMAGE_I420, 1, false, "YU12"},
    {V4L2_PIX_FMT_YUV420M, IMAGE_I420, 3, false, "YU12"},
    {V4L2_PIX_FMT_YUYV, IMAGE_YUYV, 1, false, "YUYV"},
    {V4L2_PIX_FMT_UYVY, IMAGE_UYVY, 1, false, "UYVY"},
    {V4L2_PIX_FMT_NV21, IMAGE_NV21, 1, false, "NV21"},
    {V4L2_PIX_FMT_NV21M, IMAGE_NV21, 2, false, "NV21"},
    {V4L2_PIX_FMT_YVU420, IMAGE_YV12, 1, false, "YV12"},
    {V4L2_PIX_FMT_YVU420M, IMAGE_YV12, 3, false, "YV12"},
    {V4L2_PIX_FMT_YUV422P, IMAGE_I422, 1, false, "422P"},
    {V4L2_PIX_FMT_YUV422M, IMAGE_I422, 3, false, "422P"},
    {V4L2_PIX_FMT_RGB24, IMAGE_RGB24, 1, false, "RGB3"},
    {V4L2_PIX_FMT_BGR24, IMAGE_BGR24, 1, false, "BGR3"},
    {V4L2_PIX_FMT_XBGR32, IMAGE_XBGR32, 1, false, "XR24"},
    {V4L2_PIX_FMT_ABGR32, IMAGE_XBGR32, 1, false, "XR24"},
    {V4L2_PIX_FMT_BGR32, IMAGE_XBGR32, 1, false, "XR24"},
    {V4L2_PIX_FMT_GREY, IMAGE_GREY, 1, false, "GREY"},
    {V4L2_PIX_FMT_MJPEG, IMAGE_JPEG, 1, true, "MJPG"},
    {V4L2_PIX_FMT_JPEG, IMAGE_JPEG, 1, true, "JPEG"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct v4l2_format_row *v4l2_format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].fourcc == fourcc)
            return &rows[i];
    return NULL;
}

void v4l2_format_fourcc(uint32_t fourcc, char text[5])
{
    for (int i = 0; i < 4; i++) {
        char byte = (char)(fourcc >> 8 * i & 0x7f);
        text[i] = byte > ' ' && byte < 0x7f ? byte : '?';
    }
    text[4] = '\0';
}

// ---- size ------------------------------------------------------------------

struct search {
    const struct v4l2_device_ops *ops;
    int fd;
    uint32_t type;
    int32_t width, height; // wanted
    double fps;            // wanted
};

// Smaller is nearer. One that covers what is wanted beats every one that does not.
static double size_distance(const struct search *search, int32_t width, int32_t height)
{
    double area = (double)width * height, wanted = (double)search->width * search->height;
    bool covers = width >= search->width && height >= search->height;
    return covers ? area - wanted : 1e12 + (wanted - area);
}

static int32_t step_to(uint32_t wanted, uint32_t min, uint32_t max, uint32_t step)
{
    if (wanted <= min)
        return (int32_t)min;
    if (wanted >= max)
        return (int32_t)max;
    uint32_t steps = step ? (wanted - min + step - 1) / step : 0;
    uint32_t value = step ? min + steps * step : wanted;
    return (int32_t)(value > max ? max : value);
}

// Drivers without a list of sizes are asked to try.
static bool try_size(const struct search *search, const struct v4l2_format_row *row,
                     struct v4l2_choice *choice)
{
    struct v4l2_format format = {.type = search->type};
    bool multi = search->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    if (multi) {
        format.fmt.pix_mp.width = (uint32_t)search->width;
        format.fmt.pix_mp.height = (uint32_t)search->height;
        format.fmt.pix_mp.pixelformat = row->fourcc;
        format.fmt.pix_mp.num_planes = row->planes;
    } else {
        format.fmt.pix.width = (uint32_t)search->width;
        format.fmt.pix.height = (uint32_t)search->height;
        format.fmt.pix.pixelformat = row->fourcc;
    }
    if (search->ops->ioctl(search->fd, VIDIOC_TRY_FMT, &format) < 0)
        return false;
    if ((multi ? format.fmt.pix_mp.pixelformat : format.fmt.pix.pixelformat) != row->fourcc)
        return false;
    choice->width = (int32_t)(multi ? format.fmt.pix_mp.width : format.fmt.pix.width);
    choice->height = (int32_t)(multi ? format.fmt.pix_mp.height : format.fmt.pix.height);
    return true;
}

static double interval_fps(const struct v4l2_fract *interval)
{
    return interval->numerator ? (double)interval->denominator / interval->numerator : 0;
}

// The best rate named for this size; 0 when the driver does not say.
static double best_rate(const struct search *search, uint32_t fourcc, int32_t width, int32_t height)
{
    double best = 0;
    for (uint32_t i = 0; i < ENUM_MAX; i++) {
        struct v4l2_frmivalenum one = {.index = i,
                                       .pixel_format = fourcc,
                                       .width = (uint32_t)width,
                                       .height = (uint32_t)height};
        if (search->ops->ioctl(search->fd, VIDIOC_ENUM_FRAMEINTERVALS, &one) < 0)
            break;
        bool discrete = one.type == V4L2_FRMIVAL_TYPE_DISCRETE;
        double fps = interval_fps(discrete ? &one.discrete : &one.stepwise.min);
        best = fps > best ? fps : best;
        if (!discrete)
            break;
    }
    return best;
}

static bool rate_reached(const struct search *search, double fps)
{
    return fps == 0 || fps >= 0.95 * search->fps;
}

// a before b? By size, then by rate.
static int compare(const struct search *search, const struct v4l2_choice *a,
                   const struct v4l2_choice *b)
{
    double one = size_distance(search, a->width, a->height),
           other = size_distance(search, b->width, b->height);
    if (one != other)
        return one < other ? -1 : 1;
    bool reached = rate_reached(search, a->fps), other_reached = rate_reached(search, b->fps);
    if (reached != other_reached)
        return reached ? -1 : 1;
    if (!reached && a->fps != b->fps)
        return a->fps > b->fps ? -1 : 1;
    return 0;
}

// The nearest size of one format.
static bool best_size(const struct search *search, const struct v4l2_format_row *row,
                      struct v4l2_choice *best)
{
    bool found = false;
    for (uint32_t i = 0; i < ENUM_MAX; i++) {
        struct v4l2_frmsizeenum one = {.index = i, .pixel_format = row->fourcc};
        struct v4l2_choice choice = {.row = row};
        if (search->ops->ioctl(search->fd, VIDIOC_ENUM_FRAMESIZES, &one) < 0) {
            if (i > 0 || !try_size(search, row, &choice))
                break;
        } else if (one.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
            choice.width = (int32_t)one.discrete.width;
            choice.height = (int32_t)one.discrete.height;
        } else {
            choice.width = step_to((uint32_t)search->width, one.stepwise.min_width,
                                   one.stepwise.max_width, one.stepwise.step_width);
            choice.height = step_to((uint32_t)search->height, one.stepwise.min_height,
                                    one.stepwise.max_height, one.stepwise.step_height);
        }
        choice.fps = best_rate(search, row->fourcc, choice.width, choice.height);
        if (choice.width > 0 && choice.height > 0 &&
            (!found || compare(search, &choice, best) < 0)) {
            *best = choice;
            found = true;
        }
        if (one.type != V4L2_FRMSIZE_TYPE_DISCRETE)
            break;
    }
    return found;
}

// ---- format ----------------------------------------------------------------

static uint32_t list_formats(const struct v4l2_device_ops *ops, int fd, uint32_t type,
                             uint32_t *fourccs)
{
    uint32_t count = 0;
    while (count < FORMATS_MAX) {
        struct v4l2_fmtdesc one = {.index = count, .type = type};
        if (ops->ioctl(fd, VIDIOC_ENUM_FMT, &one) < 0)
            break;
        fourccs[count++] = one.pixelformat;
    }
    return count;
}

static void name_formats(const uint32_t *fourccs, uint32_t count, char *text, size_t size)
{
    text[0] = '\0';
    for (uint32_t i = 0; i < count && i < 12; i++) {
        char name[5];
        size_t used = strlen(text);
        v4l2_format_fourcc(fourccs[i], name);
        snprintf(text + used, size - used, "%s%s", i ? " " : "", name);
    }
}

static bool is_offered(const uint32_t *fourccs, uint32_t count, uint32_t fourcc)
{
    for (uint32_t i = 0; i < count; i++)
        if (fourccs[i] == fourcc)
            return true;
    return false;
}

int v4l2_format_choose(const struct v4l2_device_ops *ops, int fd, uint32_t buffer_type,
                       const struct config_source *config, struct v4l2_choice *choice,
                       char *offered, size_t size)
{
    uint32_t fourccs[FORMATS_MAX], count = list_formats(ops, fd, buffer_type, fourccs);
    struct search search = {.ops = ops,
                            .fd = fd,
                            .type = buffer_type,
                            .width = config->size.width ? config->size.width : 640,
                            .height = config->size.height ? config->size.height : 480,
                            .fps = config->fps > 0 ? config->fps : 30};
    bool any = strcasecmp(config->format, "auto") == 0 || config->format[0] == '\0', found = false;
    name_formats(fourccs, count, offered, size);
    // rows are in order of preference: a later one must be better in size or rate to win
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct v4l2_choice one;
        if (!is_offered(fourccs, count, rows[i].fourcc) ||
            (!any && strcasecmp(rows[i].name, config->format) != 0))
            continue;
        if (rows[i].planes > 1 && buffer_type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE)
            continue;
        if (best_size(&search, &rows[i], &one) && (!found || compare(&search, &one, choice) < 0)) {
            *choice = one;
            found = true;
        }
    }
    return found ? 0 : -ENOTSUP;
}

void v4l2_format_colour(const struct v4l2_format *format, enum image_format image,
                        enum image_matrix *matrix, enum image_range *range)
{
    bool multi = format->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    uint32_t space = multi ? format->fmt.pix_mp.colorspace : format->fmt.pix.colorspace;
    uint32_t encoding = multi ? format->fmt.pix_mp.ycbcr_enc : format->fmt.pix.ycbcr_enc;
    uint32_t quantization = multi ? format->fmt.pix_mp.quantization : format->fmt.pix.quantization;
    // single-planar: the newer fields count only with the driver's word that it fills them in
    if (!multi && format->fmt.pix.priv != V4L2_PIX_FMT_PRIV_MAGIC)
        encoding = quantization = 0;
    if (encoding == V4L2_YCBCR_ENC_DEFAULT)
        encoding = V4L2_MAP_YCBCR_ENC_DEFAULT(space);
    *matrix = encoding == V4L2_YCBCR_ENC_709 || encoding == V4L2_YCBCR_ENC_XV709 ? IMAGE_BT709
                                                                                 : IMAGE_BT601;
    if (image == IMAGE_GREY)
        *range = quantization == V4L2_QUANTIZATION_LIM_RANGE ? IMAGE_LIMITED : IMAGE_FULL;
    else if (quantization == V4L2_QUANTIZATION_DEFAULT)
        *range =
            V4L2_MAP_QUANTIZATION_DEFAULT(false, space, encoding) == V4L2_QUANTIZATION_FULL_RANGE
                ? IMAGE_FULL
                : IMAGE_LIMITED;
    else
        *range = quantization == V4L2_QUANTIZATION_FULL_RANGE ? IMAGE_FULL : IMAGE_LIMITED;
}
