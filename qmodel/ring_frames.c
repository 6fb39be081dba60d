// SPDX-License-Identifier: Apache-2.0
#include "qmodel/ring_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "qclient.h"
#include "qmodel/command.h"
#include "qmodel/progress_bar.h"

#define WAIT_MS 10000

_Static_assert((int)QCLIENT_JPEG == (int)IMAGE_JPEG && (int)QCLIENT_I444 == (int)IMAGE_I444,
               "one numbering of formats");

struct frame {
    off_t at;
    size_t bytes;
    struct image image; // without its planes
};

// What this process has taken; it goes with the process.
static struct {
    char *data; // the words it was taken for
    int file;
    uint32_t count;
    struct frame frames[RING_FRAMES_MAX];
    off_t end;
    uint8_t *pixels; // of the one handed out last
    size_t capacity;
} taken;

bool ring_frames_is(const char *data)
{
    return strncmp(data, "ring:", 5) == 0;
}

static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    cleanup_free char *name = NULL;
    if (asprintf(&name, "%s/qmodel-frames.XXXXXX", folder && *folder ? folder : "/tmp") < 0)
        return -ENOMEM;
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(name);
    return fd;
}

static int store(const struct qclient_picture *picture)
{
    struct frame *frame = &taken.frames[taken.count];
    *frame = (struct frame){.at = taken.end,
                            .bytes = picture->bytes,
                            .image = {.format = (enum image_format)picture->format,
                                      .matrix = (enum image_matrix)picture->matrix,
                                      .range = (enum image_range)picture->range,
                                      .width = picture->width,
                                      .height = picture->height}};
    for (size_t done = 0; done < picture->bytes;) {
        ssize_t n = pwrite(taken.file, picture->pixels + done, picture->bytes - done, taken.end);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
        taken.end += n;
    }
    taken.count++;
    return 0;
}

static const char *say(int status)
{
    switch (status) {
    case -ENOENT:
    case -ECONNREFUSED: return "no qedged is running";
    case -ENODEV: return "qedged has no such stream";
    case -EACCES:
        return "not allowed: another group, or the stream shares no pictures (snapshots: false)";
    case -ETIMEDOUT: return "no picture within 10 s";
    case -EPIPE: return "the stream has ended";
    default: return strerror(-status);
    }
}

static int take_all(const char *command, const char *data, const char *stream, uint32_t count)
{
    struct qclient_options options = {.size = sizeof(options), .stream = *stream ? stream : NULL};
    struct progress_bar progress;
    int status = taken.file = open_file();
    progress_bar_start(&progress, "taking pictures", count);
    while (status >= 0 && taken.count < count) {
        struct qclient_picture *picture;
        status = qclient_snapshot(&options, WAIT_MS, &picture);
        if (status == 0)
            status = store(picture);
        qclient_picture_free(picture);
        progress_bar_step(&progress, taken.count);
    }
    progress_bar_finish(&progress);
    if (status < 0)
        return command_fail(command, "%s: %s", data, say(status));
    taken.data = strdup(data);
    return taken.data ? 0 : command_fail(command, "no memory");
}

int ring_frames_take(const char *command, const char *data, uint32_t *count)
{
    char stream[64] = "";
    long wanted = RING_FRAMES_DEFAULT;
    const char *words = data + 5, *colon = strchr(words, ':');
    size_t length = colon ? (size_t)(colon - words) : strlen(words);
    if (length >= sizeof(stream))
        return command_usage(command, "%s: a stream's name has at most 63 letters", data);
    memcpy(stream, words, length);
    int rc = colon ? command_number(command, "ring:STREAM:COUNT", colon + 1, 1, RING_FRAMES_MAX,
                                    &wanted)
                   : 0;
    if (rc == 0 && (!taken.data || strcmp(taken.data, data) != 0))
        rc = taken.data ? command_fail(command, "%s: only one stream at a time", data)
                        : take_all(command, data, stream, (uint32_t)wanted);
    *count = taken.count;
    return rc;
}

int ring_frames_get(uint32_t index, struct image *image)
{
    const struct frame *frame = &taken.frames[index];
    if (frame->bytes > taken.capacity) {
        uint8_t *more = realloc(taken.pixels, frame->bytes);
        if (!more)
            return -ENOMEM;
        taken.pixels = more;
        taken.capacity = frame->bytes;
    }
    for (size_t done = 0; done < frame->bytes;) {
        ssize_t n = pread(taken.file, taken.pixels + done, frame->bytes - done,
                          frame->at + (off_t)done);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    int status = image_from_buffer(image, frame->image.format, frame->image.width,
                                   frame->image.height, 0, taken.pixels, frame->bytes);
    image->matrix = frame->image.matrix;
    image->range = frame->image.range;
    return status;
}
