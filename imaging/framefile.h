// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: the frame containers behind framefile_*. Each finds its next frame in a byte
// range.

#ifndef QEDGE_IMAGING_FRAMEFILE_H
#define QEDGE_IMAGING_FRAMEFILE_H

#include "imaging/decode.h"

struct y4m_stream {
    struct image like; // format, colour, size
    size_t frame_bytes;
    double rate;
};

// Parses the stream header; *offset is where the first frame starts.
int y4m_parse_header(const uint8_t *data, size_t size, struct y4m_stream *stream, size_t *offset,
                     struct decode_error *error);
// The frame at *offset, which moves behind it (or behind what is broken). Returns as
// framefile_next.
int y4m_next(const struct y4m_stream *stream, const uint8_t *data, size_t size, size_t *offset,
             struct image *image, struct decode_error *error);

// The next JPEG at or after *offset, which moves on. Returns as framefile_next.
int mjpeg_next(const uint8_t *data, size_t size, size_t *offset, struct image *image,
               struct decode_error *error);

#endif
