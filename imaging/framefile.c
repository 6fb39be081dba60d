// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imaging/decode_error.h"
#include "imaging/framefile.h"

#define BROKEN_MAX 1000 // frames in a row at the start before the file is refused

struct framefile {
    int fd;
    const uint8_t *data;
    size_t size;
    size_t first, offset; // of the first and the next frame
    bool is_y4m;
    struct y4m_stream y4m;
};

static int file_map(struct framefile *file, const char *path, struct decode_error *error)
{
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return decode_fail(error, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return decode_fail(error, -EINVAL, "%s: not a regular file", path);
    if (status.st_size <= 0 || (uint64_t)status.st_size > SIZE_MAX / 2)
        return decode_fail(error, status.st_size <= 0 ? -EBADMSG : -EFBIG, "%s: file of %lld bytes",
                           path, (long long)status.st_size);
    void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (map == MAP_FAILED)
        return decode_fail(error, -errno, "%s: %s", path, strerror(errno));
    file->data = map;
    file->size = (size_t)status.st_size;
    return 0;
}

static int kind_find(struct framefile *file, const char *path, struct decode_error *error)
{
    static const char y4m_magic[] = "YUV4MPEG2";
    struct decode_error inner = {{0}};
    struct image image;
    int result;

    if (file->size >= sizeof(y4m_magic) &&
        memcmp(file->data, y4m_magic, sizeof(y4m_magic) - 1) == 0) {
        file->is_y4m = true;
        result = y4m_parse_header(file->data, file->size, &file->y4m, &file->first, &inner);
        if (result < 0)
            decode_fail(error, result, "%.80s: %.100s", path, inner.text);
        return result;
    }
    if (file->size < 3 || file->data[0] != 0xff || file->data[1] != 0xd8 || file->data[2] != 0xff)
        return decode_fail(error, -ENOTSUP, "%s: neither a Y4M nor an MJPEG file", path);
    size_t offset = 0;
    int broken = 0;
    do {
        result = mjpeg_next(file->data, file->size, &offset, &image, &inner);
    } while (result < 0 && broken++ < BROKEN_MAX);
    if (result != 0)
        return decode_fail(error, -EBADMSG, "%.80s: no whole JPEG frame: %.80s", path, inner.text);
    return 0;
}

int framefile_open(const char *path, struct framefile **result, struct decode_error *error)
{
    struct framefile *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return decode_fail(error, -ENOMEM, "%s: no memory", path);
    int status;
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0)
        status = decode_fail(error, -errno, "%s: %s", path, strerror(errno));
    else if ((status = file_map(file, path, error)) == 0)
        status = kind_find(file, path, error);
    if (status < 0) {
        framefile_close(file);
        return status;
    }
    file->offset = file->first;
    *result = file;
    return 0;
}

void framefile_close(struct framefile *file)
{
    if (file == NULL)
        return;
    if (file->data != NULL)
        munmap((void *)(uintptr_t)file->data, file->size);
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

int framefile_next(struct framefile *file, struct image *image, struct decode_error *error)
{
    struct stat status;
    *image = (struct image){0};
    // Touching a page behind the end of a file that shrank would be SIGBUS.
    if (fstat(file->fd, &status) < 0 || status.st_size < 0 || (uint64_t)status.st_size < file->size)
        return decode_fail(error, -ESTALE, "the file was made shorter while it was read");
    if (file->is_y4m)
        return y4m_next(&file->y4m, file->data, file->size, &file->offset, image, error);
    return mjpeg_next(file->data, file->size, &file->offset, image, error);
}

void framefile_rewind(struct framefile *file)
{
    file->offset = file->first;
}

double framefile_rate(const struct framefile *file)
{
    return file->is_y4m ? file->y4m.rate : 0;
}
