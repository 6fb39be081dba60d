// SPDX-License-Identifier: Apache-2.0

#include "daemon/label_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define LINES_MAX 65536
#define LINE_BYTES_MAX 1000
#define FILE_MAX (LINES_MAX * (LINE_BYTES_MAX + 2))

static int refuse(char *error, size_t size, const char *path, int status, const char *why)
{
    snprintf(error, size, "%s: %s", path, why);
    return status;
}

void label_file_free(char **labels, uint32_t count)
{
    for (uint32_t i = 0; labels && i < count; i++)
        free(labels[i]);
    free(labels);
}

static int read_lines(FILE *file, char **labels, uint32_t *count)
{
    cleanup_free char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length > LINE_BYTES_MAX || strlen(line) != (size_t)length || *count == LINES_MAX)
            return -EINVAL;
        labels[*count] = strdup(line);
        if (!labels[*count])
            return -ENOMEM;
        ++*count;
    }
    while (*count && !labels[*count - 1][0])
        free(labels[--*count]);
    return 0;
}

int label_file_read(const char *path, char ***labels, uint32_t *count, char *error,
                    size_t error_size)
{
    // a FIFO or a device must not hang the daemon
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0)
        return refuse(error, error_size, path, -errno, strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return refuse(error, error_size, path, -EINVAL, "not a file");
    if (stat.st_size > FILE_MAX) // a line is read whole before it is measured
        return refuse(error, error_size, path, -EFBIG, "larger than any label file");
    cleanup_file FILE *file = fdopen(fd, "r");
    if (file)
        steal_fd(&fd); // which is the file's now
    char **lines = calloc(LINES_MAX, sizeof(*lines));
    if (!file || !lines) {
        free(lines);
        return refuse(error, error_size, path, -ENOMEM, "no memory");
    }
    uint32_t used = 0;
    int status = read_lines(file, lines, &used);
    if (status < 0) {
        label_file_free(lines, used);
        return refuse(error, error_size, path, status,
                      "not a label file: one label a line, at most 1000 bytes each");
    }
    *labels = lines;
    *count = used;
    return 0;
}
