// SPDX-License-Identifier: Apache-2.0
//
// R = y + 2 (1 - Kr) v, B = y + 2 (1 - Kb) u, G = (y - Kr R - Kb B) / Kg, with y and u, v stretched
// by 255/219 and 255/224 from limited range. BT.601: Kr 0.299, Kb 0.114; BT.709: Kr 0.2126, Kb
// 0.0722.

#include "imaging/convert_colour.h"

#define ONE 8192
#define HALF (1 << (COLOUR_SHIFT - 1))

struct yuv_coefficients {
    int16_t y, r_v, g_u, g_v, b_u;
    int32_t black; // of luma
};

static const struct yuv_coefficients yuv[2][2] = {
    [IMAGE_BT601] = {[IMAGE_LIMITED] = {9539, 13075, -3209, -6660, 16525, 16},
                     [IMAGE_FULL] = {8192, 11485, -2819, -5850, 14516, 0}},
    [IMAGE_BT709] = {[IMAGE_LIMITED] = {9539, 14686, -1747, -4366, 17305, 16},
                     [IMAGE_FULL] = {8192, 12901, -1535, -3835, 15201, 0}},
};

static bool is_rgb(enum image_format format)
{
    return format == IMAGE_RGB24 || format == IMAGE_BGR24 || format == IMAGE_XBGR32;
}

static int32_t luma_bias(const struct yuv_coefficients *c)
{
    return HALF - c->black * 64 * c->y;
}

static void mix_from_luma(struct colour_mix *mix, const struct yuv_coefficients *c)
{
    mix->components = 1;
    mix->copy = c->y == ONE;
    for (int channel = 0; channel < mix->channels; channel++) {
        mix->matrix[channel][0] = c->y;
        mix->bias[channel] = luma_bias(c);
    }
}

static void mix_from_rgb(struct colour_mix *mix, bool bgr)
{
    static const int16_t grey[3] = {2449, 4809, 934}; // BT.601, sum 8192
    mix->components = 3;
    mix->copy = mix->channels == 3;
    mix->reversed = mix->copy && bgr;
    for (int channel = 0; channel < mix->channels; channel++) {
        mix->bias[channel] = HALF;
        for (int k = 0; k < 3; k++)
            mix->matrix[channel][k] = mix->copy ? (k == channel ? ONE : 0) : grey[k];
    }
}

static void mix_from_yuv(struct colour_mix *mix, const struct yuv_coefficients *c, bool bgr)
{
    const int16_t rows[3][3] = {{c->y, 0, c->r_v}, {c->y, c->g_u, c->g_v}, {c->y, c->b_u, 0}};
    mix->components = 3;
    for (int channel = 0; channel < 3; channel++) {
        const int16_t *row = rows[bgr ? 2 - channel : channel];
        mix->bias[channel] = luma_bias(c) - 128 * 64 * (row[1] + row[2]);
        for (int k = 0; k < 3; k++)
            mix->matrix[channel][k] = row[k];
    }
}

void colour_mix_init(struct colour_mix *mix, const struct image *like, int32_t channels, bool bgr)
{
    const struct yuv_coefficients *c = &yuv[like->matrix == IMAGE_BT709][like->range == IMAGE_FULL];
    *mix = (struct colour_mix){.channels = channels};
    if (is_rgb(like->format))
        mix_from_rgb(mix, bgr);
    else if (like->format == IMAGE_GREY || channels == 1)
        mix_from_luma(mix, c);
    else
        mix_from_yuv(mix, c, bgr);
}
