// SPDX-License-Identifier: Apache-2.0

#include "ctl/text.h"

#include <string.h>

size_t text_decode(const char *text, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    size_t size = first == 0             ? 0
                  : first < 0x80         ? 1
                  : (first >> 5) == 0x06 ? 2
                  : (first >> 4) == 0x0e ? 3
                  : (first >> 3) == 0x1e ? 4
                                         : 0;
    uint32_t value = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte & 0x3f);
    }
    if (size == 0 || value < least[size] || value > 0x10ffff || (value >> 11) == 0x1b)
        return 0;
    *point = value;
    return size;
}

bool text_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

void text_clean(const char *raw, bool keep_controls, char *clean, size_t size)
{
    size_t length = 0;
    while (*raw) {
        uint32_t point;
        size_t bytes = text_decode(raw, &point);
        bool good = bytes > 0 && (keep_controls || !text_is_control(point));
        size_t wanted = good ? bytes : 1;
        if (length + wanted >= size)
            break;
        memcpy(clean + length, good ? raw : "?", wanted);
        length += wanted;
        raw += bytes ? bytes : 1;
    }
    clean[length] = '\0';
}
