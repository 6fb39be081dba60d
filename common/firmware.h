// SPDX-License-Identifier: Apache-2.0
//
// The Raspberry Pi's firmware mailbox: a text command in, an answer out (what vcgencmd does), and
// the throttling bits. Through /dev/vcio_gencmd where the kernel has it, else /dev/vcio.
//
// A message is 1031 words of 32 bits:
//   [0] bytes in all  [1] 0  [2] tag 0x00030080  [3] 4096  [4] 0  [5] result, 0 = good
//   [6 …] the command, NUL-terminated; overwritten by the answer  [1030] 0

#ifndef QEDGE_COMMON_FIRMWARE_H
#define QEDGE_COMMON_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the device does; tests put their own in its place. Each returns 0 (open: an fd) or -errno.
struct firmware_ops {
    int (*open)(const char *path);
    int (*call)(int fd, unsigned long request, void *message);
    void (*close)(int fd);
};
extern const struct firmware_ops firmware_device;

struct firmware {
    const struct firmware_ops *ops;
    int fd; // -1 = not open
    bool tags; // /dev/vcio: takes all tags, not only commands
};

// root: see sysfs.h. 0, -ENOENT: no such machine, or -errno (-EACCES: not in the group video).
int firmware_open(struct firmware *firmware, const struct firmware_ops *ops, const char *root);
void firmware_close(struct firmware *firmware); // takes one that is not open
// 0 with the answer's text; -EREMOTEIO: the firmware does not know the command; -EPROTO: the answer
// makes no sense; or -errno of the ioctl.
int firmware_command(const struct firmware *firmware, const char *command, char *answer,
                     size_t size);

// Bits of firmware_get_throttled(): now; the same 16 bits higher: at some time since boot.
enum {
    FIRMWARE_UNDER_VOLTAGE = 1u << 0,
    FIRMWARE_FREQUENCY_CAPPED = 1u << 1,
    FIRMWARE_THROTTLED = 1u << 2,
    FIRMWARE_SOFT_LIMIT = 1u << 3, // of the temperature
    FIRMWARE_SINCE_BOOT_SHIFT = 16,
};
// 0 or -errno as above. Clears nothing.
int firmware_get_throttled(const struct firmware *firmware, uint32_t *bits);

#endif
