// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imaging/decode_error.h"

int decode_fail(struct decode_error *error, int result, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return result;
}

int decode_check_size(const char *what, int64_t width, int64_t height, struct decode_error *error)
{
    if (width < 1 || height < 1)
        return decode_fail(error, -EBADMSG, "%s: picture of %lld x %lld pixels", what,
                           (long long)width, (long long)height);
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > DECODE_PIXELS_MAX)
        return decode_fail(
            error, -EFBIG, "%s: %lld x %lld pixels is over the limit (%d a side, %d Mpixel)", what,
            (long long)width, (long long)height, IMAGE_SIDE_MAX, DECODE_PIXELS_MAX >> 20);
    return 0;
}

int picture_allocate(struct picture *picture, enum image_format format, int32_t width,
                     int32_t height, uint8_t **pixels, struct decode_error *error)
{
    size_t bytes = image_row_bytes(format, 0, width) * (size_t)height;
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        return decode_fail(error, -ENOMEM, "no memory for a picture of %d x %d pixels", width,
                           height);
    int result = image_from_buffer(&picture->image, format, width, height, 0, memory, bytes);
    if (result < 0) {
        free(memory);
        return decode_fail(error, result, "picture of %d x %d pixels", width, height);
    }
    picture->image.range = IMAGE_FULL;
    picture->memory = memory;
    *pixels = memory;
    return 0;
}

void picture_finish(struct picture *picture)
{
    free(picture->memory);
    *picture = (struct picture){0};
}

int picture_decode(const void *data, size_t size, struct picture *picture,
                   struct decode_error *error)
{
    static const uint8_t png_magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *bytes = data;

    *picture = (struct picture){0};
    int result;
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        result = jpeg_read_picture(bytes, size, picture, error);
    else if (size >= sizeof(png_magic) && memcmp(bytes, png_magic, sizeof(png_magic)) == 0)
        result = png_read_picture(bytes, size, picture, error);
    else if (size >= 2 && bytes[0] == 'B' && bytes[1] == 'M')
        result = bmp_read_picture(bytes, size, picture, error);
    else if (size >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6'))
        result = pnm_read_picture(bytes, size, picture, error);
    else
        result = decode_fail(error, -ENOTSUP, "not a JPEG, PNG, BMP, PGM or PPM picture");
    if (result < 0)
        picture_finish(picture);
    return result;
}

// Reads all of a regular file. The caller frees *data.
static int file_load(int fd, const char *path, uint8_t **data, size_t *size,
                     struct decode_error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return decode_fail(error, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return decode_fail(error, -EINVAL, "%s: %s", path,
                           S_ISDIR(status.st_mode) ? "a folder, not a picture" : "not a regular file");
    if (status.st_size < 0 || (uint64_t)status.st_size > DECODE_FILE_MAX)
        return decode_fail(error, -EFBIG, "%s: file of over %zu MiB", path, DECODE_FILE_MAX >> 20);

    size_t want = (size_t)status.st_size, have = 0;
    uint8_t *buffer = malloc(want + 1);
    if (buffer == NULL)
        return decode_fail(error, -ENOMEM, "%s: no memory for %zu bytes", path, want);
    while (have < want) {
        ssize_t got = read(fd, buffer + have, want - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int result = -errno;
            free(buffer);
            return decode_fail(error, result, "%s: %s", path, strerror(-result));
        }
        if (got == 0)
            break;
        have += (size_t)got;
    }
    *data = buffer;
    *size = have;
    return 0;
}

static int file_read(const char *path, uint8_t **data, size_t *size, struct decode_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return decode_fail(error, -errno, "%s: %s", path, strerror(errno));
    int result = file_load(fd, path, data, size, error);
    close(fd);
    return result;
}

bool picture_is_named(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".pnm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && name[0] != '.' && i < sizeof(endings) / sizeof(endings[0]); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

int picture_read(const char *path, struct picture *picture, struct decode_error *error)
{
    uint8_t *data = NULL;
    size_t size = 0;

    *picture = (struct picture){0};
    int result = file_read(path, &data, &size, error);
    if (result < 0)
        return result;

    struct decode_error inner = {{0}};
    result = picture_decode(data, size, picture, &inner);
    free(data);
    if (result < 0)
        decode_fail(error, result, "%.80s: %.100s", path, inner.text);
    return result;
}

int picture_read_frame(const char *path, const struct image *layout, struct picture *picture,
                       struct decode_error *error)
{
    uint8_t *data = NULL;
    size_t size = 0;

    *picture = (struct picture){0};
    int result = file_read(path, &data, &size, error);
    if (result < 0)
        return result;
    struct image *image = &picture->image;
    result = image_from_buffer(image, layout->format, layout->width, layout->height, 0, data, size);
    if (result < 0) {
        free(data);
        *picture = (struct picture){0};
        return decode_fail(error, result, "%.80s: %zu bytes are no frame %s %d x %d", path, size,
                           image_format_name(layout->format), layout->width, layout->height);
    }
    image->matrix = layout->matrix;
    image->range = layout->range;
    picture->memory = data;
    return 0;
}
