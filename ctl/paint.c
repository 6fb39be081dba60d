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

// Bytes of the UTF-8 sequence at text, 0 when it is not a good one. Strict enough for a terminal.
static size_t sequence_size(const unsigned char *text)
{
    if (text[0] >= 0x20 && text[0] < 0x7f)
        return 1;
    size_t size = text[0] >= 0xc2 && text[0] <= 0xdf   ? 2
                  : (text[0] & 0xf0) == 0xe0           ? 3
                  : text[0] >= 0xf0 && text[0] <= 0xf4 ? 4
                                                       : 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if (size == 2 && text[0] == 0xc2 && text[1] < 0xa0)
        return 0; // C1 controls
    return utf8 ? size : 0;
}

// Characters that take no room but change what is around them: direction, joining of lines, tags.
static bool is_deceptive(wchar_t character)
{
    static const wchar_t ranges[][2] = {
        {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (character >= ranges[i][0] && character <= ranges[i][1])
            return true;
    }
    return character == 0xad || character == 0x61c;
}

// Columns that a good sequence takes on the terminal, -1 when it must not get there.
static int sequence_columns(const char *text, size_t size)
{
    wchar_t character;
    mbstate_t state = {0};
    if (size == 1)
        return 1;
    if (mbrtowc(&character, text, size, &state) != size || is_deceptive(character))
        return -1;
    return wcwidth(character);
}

// One code point as it may be shown; advances *text. False: it is too wide for the line.
static bool put_tame(struct paint_line *line, const char **text)
{
    const unsigned char *here = (const unsigned char *)*text;
    size_t size = sequence_size(here);
    int columns = size > 0 ? sequence_columns(*text, size) : -1;
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
