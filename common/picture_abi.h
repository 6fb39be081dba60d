// SPDX-License-Identifier: Apache-2.0
//
// A shared picture: the memfd that qedged hands out when a client asks for a snapshot, one a stream
// and used again for the next one, so that no client can make the daemon hold more than that.
//
//   0                64
//   ├─ header ────────┼─ pixels: planes one after the other, rows without gaps (imaging/image.h) ─┤
//
// `stamp` is odd while a picture is written. A message WIRE_PICTURE names the stamp of its picture;
// a reader copies the pixels out and uses them only when the stamp was that one before and after.

#ifndef QEDGE_COMMON_PICTURE_ABI_H
#define QEDGE_COMMON_PICTURE_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_MAGIC 0x50474551u // "QEGP"
#define PICTURE_HEADER_SIZE 64
#define PICTURE_BYTES_MAX (64u << 20) // larger pictures are not shared
#define PICTURE_SIDE_MAX 16384

// Numbers of imaging/image.h's formats and of qclient.h's, which a test holds against each other.
#define PICTURE_FORMAT_MAX 13

struct picture_header {
    uint32_t magic;
    uint32_t stamp;
    uint32_t reserved[14];
};

_Static_assert(sizeof(struct picture_header) == PICTURE_HEADER_SIZE, "header");
_Static_assert(offsetof(struct picture_header, stamp) == 4, "stamp");

#endif
