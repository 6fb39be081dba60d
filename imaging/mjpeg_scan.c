// SPDX-License-Identifier: Apache-2.0
//
// Finds whole JPEGs in a row of them. Marker segments are skipped by their length (an EXIF
// thumbnail is a JPEG within one), the coded data behind SOS byte by byte: there 0xff is followed
// by 0x00 or RSTn, and any other marker ends it.

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "imaging/decode_error.h"
#include "imaging/framefile.h"

enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, DHT = 0xc4, JPG = 0xc8, DAC = 0xcc, TEM = 0x01 };

// Segments that may hide starts of frames in one another: each start would walk over all of them.
#define MARKERS_MAX 2000

static bool is_restart(uint8_t marker)
{
    return marker >= 0xd0 && marker <= 0xd7;
}

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != DHT && marker != JPG && marker != DAC;
}

// First 0xff of a marker that ends the coded data at `at`; size when there is none.
static size_t coded_data_end(const uint8_t *data, size_t size, size_t at)
{
    while (at + 1 < size) {
        const uint8_t *found = memchr(data + at, 0xff, size - 1 - at);
        if (found == NULL)
            return size;
        at = (size_t)(found - data);
        if (data[at + 1] == 0xff)
            at++; // fill byte
        else if (data[at + 1] == 0 || is_restart(data[at + 1]))
            at += 2;
        else
            return at;
    }
    return size;
}

struct jpeg_span {
    size_t end; // behind EOI, or where looking for the next frame should start
    int32_t width, height;
    const char *broken; // NULL: whole
    bool next_frame;    // broken, and `end` is at the SOI of another
};

static struct jpeg_span span_broken(size_t end, const char *why)
{
    return (struct jpeg_span){.end = end, .broken = why};
}

static void frame_header_read(const uint8_t *segment, size_t length, struct jpeg_span *span)
{
    if (length < 7)
        return;
    span->height = segment[3] << 8 | segment[4];
    span->width = segment[5] << 8 | segment[6];
}

// Walks the JPEG whose SOI is at `start`.
static struct jpeg_span span_find(const uint8_t *data, size_t size, size_t start)
{
    struct jpeg_span span = {0};
    size_t at = start + 2;
    bool coded = false;

    for (int markers = 0; markers < MARKERS_MAX; markers++) {
        while (at + 1 < size && data[at] == 0xff && data[at + 1] == 0xff)
            at++;
        if (size - at < 2)
            return span_broken(size, "truncated");
        if (data[at] != 0xff)
            return span_broken(at, "no marker where one must be");
        uint8_t marker = data[at + 1];
        if (marker == EOI) {
            span.end = at + 2;
            span.broken = coded ? NULL : "no picture data";
            return span;
        }
        if (marker == SOI)
            return (struct jpeg_span){
                .end = at, .next_frame = true, .broken = "the next one starts before its end"};
        at += 2;
        if (is_restart(marker) || marker == TEM)
            continue;
        if (size - at < 2)
            return span_broken(size, "truncated");
        size_t length = (size_t)data[at] << 8 | data[at + 1];
        if (length < 2 || length > size - at)
            return span_broken(length < 2 ? at : size, length < 2 ? "broken segment" : "truncated");
        if (is_frame_header(marker))
            frame_header_read(data + at, length, &span);
        at += length;
        if (marker != SOS)
            continue;
        coded = true;
        at = coded_data_end(data, size, at);
    }
    return span_broken(at, "more than 2000 markers");
}

// Next SOI that another marker follows; size when there is none.
static size_t start_find(const uint8_t *data, size_t size, size_t at)
{
    static const uint8_t start[3] = {0xff, SOI, 0xff};
    const uint8_t *found = at < size ? memmem(data + at, size - at, start, sizeof(start)) : NULL;
    return found == NULL ? size : (size_t)(found - data);
}

int mjpeg_next(const uint8_t *data, size_t size, size_t *offset, struct image *image,
               struct decode_error *error)
{
    size_t start = start_find(data, size, *offset);
    if (start == size) {
        *offset = size;
        return 1;
    }
    struct jpeg_span span = span_find(data, size, start);
    if (span.broken != NULL) {
        // A lying segment length may have jumped over good frames: look from behind this SOI.
        *offset = span.next_frame ? span.end : start + 2;
        return decode_fail(error, -EBADMSG, "MJPEG: frame at byte %zu: %s", start, span.broken);
    }
    *offset = span.end;
    int result = image_from_buffer(image, IMAGE_JPEG, span.width, span.height, 0, data + start,
                                   span.end - start);
    image->range = IMAGE_FULL;
    return result;
}
