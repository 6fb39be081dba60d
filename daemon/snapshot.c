// SPDX-License-Identifier: Apache-2.0

#include "daemon/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/picture_abi.h"
#include "common/sealed.h"

_Static_assert(PICTURE_SIDE_MAX == IMAGE_SIDE_MAX && PICTURE_FORMAT_MAX == IMAGE_I444,
               "what is shared is what there is");

void snapshot_init(struct snapshot *snapshot)
{
    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->fd = -1;
}

static void release(struct snapshot *snapshot)
{
    if (snapshot->map)
        munmap(snapshot->map, PICTURE_HEADER_SIZE + snapshot->capacity);
    snapshot->map = NULL;
    snapshot->capacity = 0;
    cleanup_close(&snapshot->fd);
}

void snapshot_finish(struct snapshot *snapshot)
{
    release(snapshot);
}

static void set_state(struct snapshot *snapshot, enum snapshot_state state)
{
    atomic_store_explicit(&snapshot->state, state, memory_order_release);
}

// ---- workers ---------------------------------------------------------------

static size_t tight_bytes(const struct image *image)
{
    if (image->format == IMAGE_JPEG)
        return image->size[0];
    size_t bytes = 0;
    for (int p = 0; p < image_plane_count(image->format); p++)
        bytes += image_row_bytes(image->format, p, image->width) *
                 (size_t)image_plane_rows(image->format, p, image->height);
    return bytes;
}

static void copy_planes(const struct image *image, uint8_t *pixels)
{
    if (image->format == IMAGE_JPEG) {
        memcpy(pixels, image->planes[0], image->size[0]);
        return;
    }
    for (int p = 0; p < image_plane_count(image->format); p++) {
        size_t row = image_row_bytes(image->format, p, image->width);
        const uint8_t *from = image->planes[p];
        for (int32_t y = 0; y < image_plane_rows(image->format, p, image->height); y++) {
            memcpy(pixels, from, row);
            pixels += row;
            from += image->strides[p];
        }
    }
}

static _Atomic uint32_t *stamp_of(void *map)
{
    _Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a stamp is a plain word");
    return (_Atomic uint32_t *)(void *)((uint8_t *)map + offsetof(struct picture_header, stamp));
}

// A reader of the last picture may still be at it: the odd stamp is seen before any new pixel is.
static void write_picture(struct snapshot *snapshot, const struct image *image)
{
    _Atomic uint32_t *stamp = stamp_of(snapshot->map);
    atomic_store_explicit(stamp, snapshot->stamp + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    copy_planes(image, (uint8_t *)snapshot->map + PICTURE_HEADER_SIZE);
    snapshot->stamp += 2;
    atomic_store_explicit(stamp, snapshot->stamp, memory_order_release);
}

bool snapshot_take(struct snapshot *snapshot, const struct image *image)
{
    uint32_t wanted = SNAPSHOT_WANTED;
    if (!atomic_compare_exchange_strong_explicit(&snapshot->state, &wanted, SNAPSHOT_COPYING,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return false; // another worker was first
    snapshot->image = *image;
    snapshot->bytes = tight_bytes(image);
    if (snapshot->bytes > snapshot->capacity) {
        set_state(snapshot, SNAPSHOT_TOO_SMALL);
        return false;
    }
    write_picture(snapshot, image);
    return true;
}

void snapshot_settle(struct snapshot *snapshot, const struct ring_record *record)
{
    if (record)
        snapshot->record = *record;
    set_state(snapshot, record ? SNAPSHOT_DONE : SNAPSHOT_WANTED);
}

// ---- the loop --------------------------------------------------------------

enum snapshot_state snapshot_get_state(const struct snapshot *snapshot)
{
    return (enum snapshot_state)atomic_load_explicit(&snapshot->state, memory_order_acquire);
}

void snapshot_arm(struct snapshot *snapshot)
{
    set_state(snapshot, SNAPSHOT_WANTED);
}

int snapshot_grow(struct snapshot *snapshot)
{
    // JPEGs differ from frame to frame: room for somewhat larger ones
    size_t need = snapshot->bytes, room = snapshot->image.format == IMAGE_JPEG ? need / 2 : 0;
    void *map;
    int fd = -1;
    int status = need > PICTURE_BYTES_MAX ? -EFBIG
                                          : sealed_create("qedge-picture",
                                                          PICTURE_HEADER_SIZE + need + room, &fd,
                                                          &map);
    if (status < 0) {
        set_state(snapshot, SNAPSHOT_IDLE);
        return status;
    }
    release(snapshot);
    snapshot->fd = fd;
    snapshot->map = map;
    snapshot->capacity = need + room;
    struct picture_header header = {.magic = PICTURE_MAGIC, .stamp = snapshot->stamp};
    memcpy(map, &header, sizeof(header));
    set_state(snapshot, SNAPSHOT_WANTED);
    return 0;
}

void snapshot_collect(struct snapshot *snapshot)
{
    set_state(snapshot, SNAPSHOT_IDLE);
}
