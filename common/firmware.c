// SPDX-License-Identifier: Apache-2.0

#include "common/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/sysfs.h"

#define MAILBOX_PROPERTY _IOWR(100, 0, char *)
#define TAG_COMMAND 0x00030080u
#define TAG_THROTTLED 0x00030046u
#define ANSWER_BYTES 4096u
#define COMMAND_WORDS (6 + ANSWER_BYTES / 4 + 1)
#define RESPONSE_GOOD 0x80000000u // in [1] after a call

static int device_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int device_call(int fd, unsigned long request, void *message)
{
    return ioctl(fd, request, message) < 0 ? -errno : 0;
}

static void device_close(int fd)
{
    close(fd);
}

const struct firmware_ops firmware_device = {
    .open = device_open, .call = device_call, .close = device_close};

int firmware_open(struct firmware *firmware, const struct firmware_ops *ops, const char *root)
{
    static const char *const paths[] = {"/dev/vcio_gencmd", "/dev/vcio"};
    int status = -ENOENT;
    *firmware = (struct firmware){.ops = ops, .fd = -1};
    for (int i = 0; i < 2; i++) {
        char path[SYSFS_PATH_MAX];
        snprintf(path, sizeof(path), "%s%s", root, paths[i]);
        firmware->fd = ops->open(path);
        if (firmware->fd >= 0) {
            firmware->tags = i == 1;
            return 0;
        }
        if (status == -ENOENT)
            status = firmware->fd;
        firmware->fd = -1;
    }
    return status;
}

void firmware_close(struct firmware *firmware)
{
    if (firmware->fd >= 0)
        firmware->ops->close(firmware->fd);
    firmware->fd = -1;
}

int firmware_command(const struct firmware *firmware, const char *command, char *answer,
                     size_t size)
{
    uint32_t words[COMMAND_WORDS] = {sizeof(words), 0, TAG_COMMAND, ANSWER_BYTES};
    char *text = (char *)&words[6];
    if (strlen(command) >= ANSWER_BYTES)
        return -EINVAL;
    strcpy(text, command); // its length was looked at
    int status = firmware->ops->call(firmware->fd, MAILBOX_PROPERTY, words);
    if (status < 0)
        return status;
    if (words[5] != 0)
        return -EREMOTEIO;
    if (!memchr(text, '\0', ANSWER_BYTES))
        return -EPROTO;
    snprintf(answer, size, "%s", text);
    return strncmp(answer, "error=", 6) == 0 ? -EREMOTEIO : 0;
}

static int throttled_by_tag(const struct firmware *firmware, uint32_t *bits)
{
    // size, request, tag, room for the value, its length, the sticky bits to clear: none; end
    uint32_t words[7] = {sizeof(words), 0, TAG_THROTTLED, 4, 4, 0, 0};
    int status = firmware->ops->call(firmware->fd, MAILBOX_PROPERTY, words);
    if (status < 0)
        return status;
    if (words[1] != RESPONSE_GOOD)
        return -EREMOTEIO;
    *bits = words[5];
    return 0;
}

int firmware_get_throttled(const struct firmware *firmware, uint32_t *bits)
{
    char answer[64], *end;
    if (firmware->tags)
        return throttled_by_tag(firmware, bits);
    int status = firmware_command(firmware, "get_throttled", answer, sizeof(answer));
    if (status < 0)
        return status;
    if (strncmp(answer, "throttled=0x", 12) != 0)
        return -EPROTO;
    unsigned long value = strtoul(answer + 12, &end, 16);
    if (end == answer + 12 || (*end != '\0' && *end != '\n') || value > UINT32_MAX)
        return -EPROTO;
    *bits = (uint32_t)value;
    return 0;
}
