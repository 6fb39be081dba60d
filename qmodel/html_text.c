// SPDX-License-Identifier: Apache-2.0
#include "qmodel/html_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLACEMENT "\xef\xbf\xbd"

// Bytes of the character at `at`; 0: not UTF-8 (cut, too long, a surrogate, past U+10FFFF).
static size_t utf8_size(const uint8_t *at)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80       ? 1
                  : at[0] >> 5 == 6  ? 2
                  : at[0] >> 4 == 14 ? 3
                  : at[0] >> 3 == 30 ? 4
                                     : 0;
    uint32_t code = size == 1 ? at[0] : at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    bool good = code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return good ? size : 0;
}

// C0, DEL, C1, and the marks that turn the direction of writing around.
static bool is_control(const uint8_t *at, size_t size)
{
    if (size == 1)
        return at[0] < 0x20 || at[0] == 0x7f;
    if (size == 2)
        return at[0] == 0xc2 && at[1] < 0xa0;
    bool marks = size == 3 && at[0] == 0xe2 && at[1] == 0x80;
    return (marks && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
           (size == 3 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

void html_text(FILE *file, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at) {
        size_t size = utf8_size(at);
        if (size == 0 || is_control(at, size))
            fputs(REPLACEMENT, file);
        else if (*at == '&')
            fputs("&amp;", file);
        else if (*at == '<')
            fputs("&lt;", file);
        else if (*at == '>')
            fputs("&gt;", file);
        else if (*at == '"')
            fputs("&quot;", file);
        else if (*at == '\'')
            fputs("&#39;", file);
        else
            fwrite(at, 1, size, file);
        at += size ? size : 1;
    }
}
