// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_buffers.h"

#include <errno.h>
#include <string.h>

#include "daemon/v4l2_trouble.h"

// ---- set up ----------------------------------------------------------------

static int map_buffer(struct v4l2_node *node, uint32_t index, struct source_trouble *trouble)
{
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer buffer = {.type = node->type, .memory = V4L2_MEMORY_MMAP, .index = index};
    bool multi = v4l2_node_is_multi_planar(node);
    if (multi) {
        buffer.m.planes = planes;
        buffer.length = VIDEO_MAX_PLANES;
    }
    int status = v4l2_node_call(node, VIDIOC_QUERYBUF, &buffer);
    if (status < 0)
        return v4l2_trouble_say(trouble, node->path, status, "can not ask for buffer %u: %s", index,
                                strerror(-status));
    for (uint32_t i = 0; i < node->row->planes; i++) {
        size_t length = multi ? planes[i].length : buffer.length;
        uint32_t offset = multi ? planes[i].m.mem_offset : buffer.m.offset;
        errno = ENOMEM;
        void *address = node->ops->map(node->fd, length, offset);
        if (!address)
            return v4l2_trouble_say(trouble, node->path, -errno, "can not map buffer %u: %s", index,
                                    strerror(errno));
        node->buffers[index].address[i] = address;
        node->buffers[index].length[i] = length;
    }
    return 0;
}

// What a driver says of lines, sizes and buffers may contradict itself: then no frame is whole.
static int check_buffer(struct v4l2_node *node, uint32_t index, struct source_trouble *trouble)
{
    const size_t *lengths = node->buffers[index].length;
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer buffer = {.index = index, .bytesused = (uint32_t)lengths[0]};
    struct image image;
    for (uint32_t i = 0; i < node->row->planes; i++)
        planes[i].bytesused = (uint32_t)lengths[i];
    if (v4l2_node_is_multi_planar(node))
        buffer.m.planes = planes;
    if (v4l2_buffers_image(node, &buffer, &image) < 0)
        return v4l2_trouble_say(trouble, node->path, -ENOTSUP,
                                "the driver's buffers (%zu bytes) hold no frame %s %dx%d",
                                lengths[0], node->row->name, node->width, node->height);
    return 0;
}

int v4l2_buffers_request(struct v4l2_node *node, uint32_t count, struct source_trouble *trouble)
{
    struct v4l2_requestbuffers request = {
        .count = count, .type = node->type, .memory = V4L2_MEMORY_MMAP};
    int status = v4l2_node_call(node, VIDIOC_REQBUFS, &request);
    if (status == -EBUSY)
        return v4l2_trouble_busy(trouble, node->path);
    if (status < 0 || request.count < 2)
        return v4l2_trouble_say(trouble, node->path, status < 0 ? status : -ENOMEM,
                                "gives no buffers: %s", strerror(status < 0 ? -status : ENOMEM));
    node->buffer_count = request.count < V4L2_BUFFERS_MAX ? request.count : V4L2_BUFFERS_MAX;
    for (uint32_t i = 0; i < node->buffer_count; i++) {
        status = map_buffer(node, i, trouble);
        if (status == 0)
            status = check_buffer(node, i, trouble);
        if (status < 0)
            return status;
    }
    return 0;
}

void v4l2_buffers_unmap(struct v4l2_node *node)
{
    for (uint32_t i = 0; i < node->buffer_count; i++)
        for (uint32_t p = 0; p < V4L2_PLANES_MAX; p++)
            if (node->buffers[i].address[p])
                node->ops->unmap(node->buffers[i].address[p], node->buffers[i].length[p]);
}

// ---- streaming -------------------------------------------------------------

static void init_buffer(const struct v4l2_node *node, struct v4l2_buffer *buffer,
                        struct v4l2_plane *planes)
{
    *buffer = (struct v4l2_buffer){.type = node->type, .memory = V4L2_MEMORY_MMAP};
    if (v4l2_node_is_multi_planar(node)) {
        memset(planes, 0, VIDEO_MAX_PLANES * sizeof(*planes));
        buffer->m.planes = planes;
        buffer->length = node->row->planes;
    }
}

int v4l2_buffers_queue(struct v4l2_node *node, uint32_t index)
{
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
    init_buffer(node, &buffer, planes);
    buffer.index = index;
    // before the call: once the driver has it another thread may take it
    atomic_fetch_or(&node->queued, UINT32_C(1) << index);
    int status = v4l2_node_call(node, VIDIOC_QBUF, &buffer);
    if (status < 0)
        atomic_fetch_and(&node->queued, ~(UINT32_C(1) << index));
    return status;
}

int v4l2_buffers_dequeue(struct v4l2_node *node, struct v4l2_buffer *buffer,
                         struct v4l2_plane *planes)
{
    init_buffer(node, buffer, planes);
    int status = v4l2_node_call(node, VIDIOC_DQBUF, buffer);
    if (status < 0)
        return status;
    if (buffer->index >= node->buffer_count)
        return -EPROTO;
    uint32_t bit = UINT32_C(1) << buffer->index;
    return atomic_fetch_and(&node->queued, ~bit) & bit ? 0 : -EPROTO;
}

// One memory area for each plane of the picture (the "M" formats).
static int image_of_planes(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                           struct image *image)
{
    const struct v4l2_buffer_map *map = &node->buffers[buffer->index];
    *image =
        (struct image){.format = node->row->image, .width = node->width, .height = node->height};
    for (uint32_t i = 0; i < node->row->planes; i++) {
        uint32_t used = buffer->m.planes[i].bytesused, offset = buffer->m.planes[i].data_offset;
        if (used > map->length[i] || offset > used)
            return -EMSGSIZE;
        image->planes[i] = (const uint8_t *)map->address[i] + offset;
        image->strides[i] = node->strides[i];
        image->size[i] = used - offset;
    }
    return image_check(image);
}

int v4l2_buffers_image(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                       struct image *image)
{
    const struct v4l2_buffer_map *map = &node->buffers[buffer->index];
    bool multi = v4l2_node_is_multi_planar(node);
    int status;
    if (node->row->planes > 1) {
        status = image_of_planes(node, buffer, image);
    } else {
        uint32_t used = multi ? buffer->m.planes[0].bytesused : buffer->bytesused;
        uint32_t offset = multi ? buffer->m.planes[0].data_offset : 0;
        if (used > map->length[0] || offset > used)
            return -EMSGSIZE;
        status = image_from_buffer(image, node->row->image, node->width, node->height,
                                   node->row->compressed ? 0 : node->strides[0],
                                   (const uint8_t *)map->address[0] + offset, used - offset);
    }
    image->matrix = node->matrix;
    image->range = node->row->compressed ? IMAGE_FULL : node->range;
    return status;
}
