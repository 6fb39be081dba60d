// SPDX-License-Identifier: Apache-2.0

#include "ctl/overlay.h"

#include <stdbool.h>
#include <string.h>

#include "ctl/font.h"
#include "ctl/text.h"

#define LINES_HIGH 18    // so many lines would fill a picture's height …
#define LETTERS_WIDE 24  // … and at least so many letters its width
#define LETTERS_MAX 4096 // of a line
#define FIRST_LIGHT 255
#define OTHER_LIGHT 190

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

// Pixels of the picture to one of the font.
static int32_t scale_choose(const struct overlay_canvas *canvas)
{
    int32_t high = canvas->height / (LINES_HIGH * FONT_HEIGHT);
    int32_t wide = canvas->width / (LETTERS_WIDE * FONT_WIDTH);
    int32_t scale = least(high, wide);
    return scale < 1 ? 1 : scale;
}

static unsigned letters_count(const char *line)
{
    unsigned count = 0;
    for (uint32_t point; *line && count < LETTERS_MAX; count++) {
        size_t bytes = text_decode(line, &point);
        line += bytes ? bytes : 1;
    }
    return count;
}

static void pixel_dim(uint8_t *pixel)
{
    for (int c = 0; c < 3; c++)
        pixel[c] /= 4;
}

static uint8_t *pixel_at(const struct overlay_canvas *canvas, int32_t x, int32_t y)
{
    return canvas->pixels + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x);
}

static void box_draw(const struct overlay_canvas *canvas, const struct overlay_box *box)
{
    for (int32_t y = box->y; y < box->y + box->height; y++) {
        for (int32_t x = box->x; x < box->x + box->width; x++)
            pixel_dim(pixel_at(canvas, x, y));
    }
}

static void glyph_draw(const struct overlay_canvas *canvas, uint32_t point, int32_t left,
                       int32_t top, int32_t scale, int light)
{
    const uint8_t *glyph = font_glyph(point);
    int32_t right = least(left + FONT_WIDTH * scale, canvas->width);
    int32_t bottom = least(top + FONT_HEIGHT * scale, canvas->height);
    for (int32_t y = top; y < bottom; y++) {
        uint8_t row = glyph[(y - top) / scale];
        for (int32_t x = left; x < right; x++) {
            if (row >> (7 - (x - left) / scale) & 1)
                memset(pixel_at(canvas, x, y), light, 3);
        }
    }
}

// The first `room` letters; of a longer line the last three are dots.
static void line_draw(const struct overlay_canvas *canvas, const char *line, unsigned room,
                      int32_t left, int32_t top, int32_t scale, int light)
{
    bool cut = letters_count(line) > room;
    for (unsigned i = 0; *line && i < room; i++) {
        uint32_t point = '?';
        size_t bytes = text_decode(line, &point);
        if (cut && room > 3 && i + 3 >= room)
            point = '.';
        glyph_draw(canvas, point, left + (int32_t)i * FONT_WIDTH * scale, top, scale, light);
        line += bytes ? bytes : 1;
    }
}

void overlay_draw(const struct overlay_canvas *canvas, const char *const *lines, unsigned count,
                  struct overlay_box *box)
{
    int32_t scale = scale_choose(canvas), margin = 2 * scale;
    int32_t letter = FONT_WIDTH * scale, line = FONT_HEIGHT * scale;
    int32_t room = (canvas->width - 4 * margin) / letter;
    int32_t fit = (canvas->height - 4 * margin) / line;
    unsigned longest = 0, shown = least((int32_t)count, fit < 1 ? 1 : fit);
    for (unsigned i = 0; i < shown; i++)
        longest = letters_count(lines[i]) > longest ? letters_count(lines[i]) : longest;
    room = room < 1 ? 1 : least(room, (int32_t)longest);
    box->x = least(margin, canvas->width);
    box->y = least(margin, canvas->height);
    box->width = least(room * letter + 2 * margin, canvas->width - box->x);
    box->height = least((int32_t)shown * line + 2 * margin, canvas->height - box->y);
    box_draw(canvas, box);
    for (unsigned i = 0; i < shown; i++)
        line_draw(canvas, lines[i], (unsigned)room, 2 * margin,
                  2 * margin + (int32_t)i * line, scale, i == 0 ? FIRST_LIGHT : OTHER_LIGHT);
}
