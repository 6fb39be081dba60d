// SPDX-License-Identifier: Apache-2.0

#include "ctl/screen_key.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ctl/screen.h"

#define REST_MS 100 // for the rest of a sequence that a slow line has cut in two

static unsigned char bytes[128];
static size_t length;

bool screen_key_pending(void)
{
    return length > 0;
}

static void take(size_t count)
{
    memmove(bytes, bytes + count, length - count);
    length -= count;
}

static bool read_more(int timeout_ms)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    if (timeout_ms > 0 && poll(&fd, 1, timeout_ms) <= 0)
        return false;
    ssize_t count = read(STDIN_FILENO, bytes + length, sizeof(bytes) - length);
    if (count <= 0)
        return false;
    length += (size_t)count;
    return true;
}

// Length of the sequence at the front (ESC [ parameters letter, ESC O letter); 0: more must come.
static size_t sequence_length(void)
{
    if (length < 2)
        return 0;
    if (bytes[1] == 'O')
        return length < 3 ? 0 : 3;
    if (bytes[1] != '[')
        return 1; // the Escape key, or Alt and a character
    for (size_t i = 2; i < length; i++) {
        if (bytes[i] >= 0x40 && bytes[i] <= 0x7e)
            return i + 1;
    }
    return length == sizeof(bytes) ? length : 0;
}

static int sequence_key(size_t size)
{
    static const struct {
        const char *rest;
        int key;
    } known[] = {{"A", SCREEN_UP},   {"B", SCREEN_DOWN},     {"C", SCREEN_RIGHT},
                 {"D", SCREEN_LEFT}, {"5~", SCREEN_PAGE_UP}, {"6~", SCREEN_PAGE_DOWN}};
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (size == 2 + strlen(known[i].rest) && memcmp(bytes + 2, known[i].rest, size - 2) == 0)
            return known[i].key;
    }
    return SCREEN_OTHER;
}

static int escape_read(void)
{
    size_t size;
    while ((size = sequence_length()) == 0) {
        if (!read_more(REST_MS)) {
            size = length; // the Escape key itself, or a sequence that never ends
            break;
        }
    }
    int key = size > 1 ? sequence_key(size) : SCREEN_OTHER;
    take(size);
    return key;
}

int screen_key_read(void)
{
    if (length == 0 && !read_more(0))
        return SCREEN_END;
    if (bytes[0] == 0x1b)
        return escape_read();
    int key = bytes[0];
    take(1);
    if (key == 0x0c)
        return SCREEN_REDRAW;
    return key >= 0x20 && key <= 0x7e ? key : SCREEN_OTHER;
}
