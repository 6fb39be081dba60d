// SPDX-License-Identifier: Apache-2.0

#include "ctl/paint.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "ctl/text.h"

static bool colour;
static bool utf8;
static unsigned width = 80;

static const char *const style_codes[] = {
    [PAINT_PLAIN] = "",        [PAINT_BOLD] = "\033[1m",  [PAINT_DIM] = "\033[2m",
    [PAINT_GOOD] = "\033[32m", [PAINT_WARN] = "\033[33m", [PAINT_BAD] = "\033[31m",
    [PAINT_MARK] = "\033[7m",
};

void paint_init(void)
{
    struct winsize size;
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!isatty(STDOUT_FILENO))
        return;
    colour = !(no_colour && *no_colour) && !(terminal && strcmp(terminal, "dumb") == 0);
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        width = size.ws_col;
}

void paint_plain(void)
{
    colour = false;
}

void paint_set_width(unsigned columns)
{
    width = columns > 0 ? columns : 1;
}

unsigned paint_width(void)
{
    return width;
}

bool paint_utf8(void)
{
    return utf8;
}

void paint_begin(struct paint_line *line)
{
    line->length = 0;
    line->column = 0;
    line->width = width;
}

static void put(struct paint_line *line, const char *bytes, size_t count)
{
    if (count > sizeof(line->bytes) - line->length)
        return;
    memcpy(line->bytes + line->length, bytes, count);
    line->length += count;
}

// Characters that take no room but change what is around them: direction, joining of lines, tags.
static bool is_deceptive(uint32_t point)
{
    static const uint32_t ranges[][2] = {
        {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200b}, {0x200e, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (point >= ranges[i][0] && point <= ranges[i][1])
            return true;
    }
    return false;
}

// Columns that it takes on the terminal, -1 when it must not get there.
static int point_columns(uint32_t point)
{
    if (text_is_control(point) || is_deceptive(point) || (point >= 0x80 && !utf8))
        return -1;
    return point < 0x80 ? 1 : wcwidth((wchar_t)point);
}

// One code point as it may be shown; advances *text. False: it is too wide for the line.
static bool put_tame(struct paint_line *line, const char **text)
{
    const unsigned char *here = (const unsigned char *)*text;
    uint32_t point;
    size_t size = text_decode(*text, &point);
    int columns = size > 0 ? point_columns(point) : -1;
    if (columns > (int)(line->width - line->column))
        return false;
    if (columns >= 0) {
        put(line, *text, size);
        *text += size;
        line->column += (unsigned)columns;
        return true;
    }
    put(line, "?", 1);
    // The rest of the sequence goes with its first byte: one '?' a character, not one a byte.
    *text += 1;
    while (here[0] >= 0xc0 && ((unsigned char)**text & 0xc0) == 0x80)
        *text += 1;
    line->column++;
    return true;
}

void paint_text(struct paint_line *line, enum paint_style style, const char *text)
{
    bool coded = colour && style != PAINT_PLAIN;
    if (line->column >= line->width)
        return;
    if (coded)
        put(line, style_codes[style], strlen(style_codes[style]));
    // 64 bytes are kept for the codes that end a style.
    while (*text && line->column < line->width && line->length < sizeof(line->bytes) - 64) {
        if (!put_tame(line, &text))
            break;
    }
    if (coded)
        put(line, "\033[0m", 4);
}

void paint_format(struct paint_line *line, enum paint_style style, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    paint_text(line, style, text);
}

// Columns of the text when there is room for it.
static unsigned text_columns(const char *text)
{
    struct paint_line scratch = {.width = 1024};
    while (*text && scratch.column < scratch.width) {
        scratch.length = 0;
        if (!put_tame(&scratch, &text))
            break;
    }
    return scratch.column;
}

void paint_cell(struct paint_line *line, enum paint_style style, const char *text, unsigned columns,
                bool right)
{
    unsigned whole = line->width, end = line->column + columns;
    unsigned wanted = right ? text_columns(text) : columns;
    paint_to(line, end - (wanted < columns ? wanted : columns));
    line->width = end < whole ? end : whole;
    paint_text(line, style, text);
    paint_to(line, end);
    line->width = whole;
}

void paint_to(struct paint_line *line, unsigned column)
{
    while (line->column < column && line->column < line->width &&
           line->length < sizeof(line->bytes) - 64) {
        put(line, " ", 1);
        line->column++;
    }
}

void paint_bar(struct paint_line *line, enum paint_style style, double share, unsigned columns)
{
    char text[256] = "";
    size_t length = 0;
    double clean = share >= 0 && share <= 1 ? share : share > 1 ? 1 : 0; // NaN is 0
    unsigned full = (unsigned)(clean * columns + 0.5);
    for (unsigned i = 0; i < columns && length + 4 < sizeof(text); i++) {
        const char *cell = utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : ".");
        size_t size = strlen(cell);
        memcpy(text + length, cell, size + 1);
        length += size;
    }
    paint_text(line, style, text);
}

void paint_trim(struct paint_line *line)
{
    while (line->length > 0 && line->bytes[line->length - 1] == ' ')
        line->length--;
}

void paint_end(struct paint_line *line)
{
    paint_trim(line);
    fwrite(line->bytes, 1, line->length, stdout);
    fputc('\n', stdout);
    fflush(stdout);
}
