// SPDX-License-Identifier: Apache-2.0
//
// For tests of power and heat: a tree like that of a real machine below a temporary root, reads
// that fail where they are told to, and a firmware mailbox that the test plays.

#ifndef QEDGE_TESTS_UNIT_DAEMON_POWER_RIG_H
#define QEDGE_TESTS_UNIT_DAEMON_POWER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/machine.h"
#include "common/sysfs.h"
#include "daemon/power.h"

#define S CLOCK_NS_PER_S

static char root[64];

// ---- a read() that fails where it is told to -------------------------------

// Not static: libc's header may declare read() inline, which may not use what is.
char fail_path[64]; // part of the path; "" = nowhere
int fail_errno;
int health_reads;

ssize_t read(int fd, void *buffer, size_t size)
{
    char link[64], path[512] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof(path) - 1) > 0) {
        health_reads += strstr(path, "/health") != NULL;
        if (fail_path[0] && strstr(path, fail_path)) {
            errno = fail_errno;
            return -1;
        }
    }
    return syscall(SYS_read, fd, buffer, size);
}

static inline void fail_reads(const char *path, int error)
{
    snprintf(fail_path, sizeof(fail_path), "%s", path);
    fail_errno = error;
}

// ---- the tree --------------------------------------------------------------

static inline void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

static inline void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    make_folders(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static inline void put_number(const char *name, long long value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", value);
    put(name, text);
}

static inline void drop(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    assert_int_equal(unlink(path), 0);
}

static inline void put_link(const char *name, const char *target)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    make_folders(path);
    assert_int_equal(symlink(target, path), 0);
}

static inline int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/qedge-power.XXXXXX");
    fail_reads("", 0);
    return mkdtemp(root) ? 0 : -1;
}

static inline int teardown(void **state)
{
    char command[128];
    (void)state;
    fail_reads("", 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

// ---- the mailbox -----------------------------------------------------------

static struct {
    const char *device; // the one that exists, NULL = none
    const char *adc;    // what pmic_read_adc says; NULL: does not know the command
    uint32_t throttled;
    int error;          // of the ioctl
    uint32_t result;    // of the command, 0 = good
    bool endless;       // an answer without its end
    int opened, calls;
} mailbox;

static inline int mailbox_open(const char *path)
{
    assert_memory_equal(path, root, strlen(root));
    if (!mailbox.device || strcmp(path + strlen(root), mailbox.device) != 0)
        return -ENOENT;
    mailbox.opened++;
    return 1000;
}

static inline void mailbox_close(int fd)
{
    assert_int_equal(fd, 1000);
    mailbox.opened--;
}

static inline int mailbox_call(int fd, unsigned long request, void *message)
{
    uint32_t *words = message;
    char *text = (char *)&words[6];
    assert_int_equal(fd, 1000);
    assert_int_equal(request, sizeof(char *) == 8 ? 0xC0086400ul : 0xC0046400ul);
    mailbox.calls++;
    if (mailbox.error)
        return mailbox.error;
    if (words[2] == 0x00030046) { // only the full device knows single tags
        assert_string_equal(mailbox.device, "/dev/vcio");
        assert_int_equal(words[0], 28);
        assert_int_equal(words[5], 0); // no sticky bit is cleared
        words[1] = 0x80000000u;
        words[5] = mailbox.throttled;
        return 0;
    }
    assert_int_equal(words[0], 1031 * 4);
    assert_int_equal(words[1], 0);
    assert_int_equal(words[2], 0x00030080);
    assert_int_equal(words[3], 4096);
    assert_int_equal(words[4], 0);
    assert_int_equal(words[5], 0);
    assert_int_equal(words[1030], 0);
    words[1] = 0x80000000u;
    words[5] = mailbox.result;
    if (mailbox.endless)
        memset(text, 'x', 4096);
    else if (strcmp(text, "get_throttled") == 0)
        sprintf(text, "throttled=0x%x", mailbox.throttled);
    else if (strcmp(text, "pmic_read_adc") == 0 && mailbox.adc)
        strcpy(text, mailbox.adc);
    else
        strcpy(text, "error=1 error_msg=\"Command not registered\"");
    return 0;
}

static const struct firmware_ops mailbox_ops = {
    .open = mailbox_open, .call = mailbox_call, .close = mailbox_close};

// Names and order as a Raspberry Pi 5 lists them, one rail by its other name.
static const char adc_text[] = "   3V7_WL_SW_A current(0)=0.00390630A\n"
                               "   3V3_SYS_A current(1)=0.05856900A\n"
                               "   1V8_SYS_A current(2)=0.16592900A\n"
                               "  DDR_VDD2_A current(3)=0.02147290A\n"
                               "  DDR_VDDQ_A current(4)=0.00000000A\n"
                               "   1V1_SYS_A current(5)=0.17764900A\n"
                               "    0V8_SW_A current(6)=0.32209900A\n"
                               "  VDD_CORE_A current(7)=0.80290200A\n"
                               "   3V3_DAC_A current(17)=0.00000000A\n"
                               "   3V3_ADC_A current(18)=0.00006105A\n"
                               "   0V8_AON_A current(16)=0.00418800A\n"
                               "      HDMI_A current(22)=0.01196580A\n"
                               "   3V7_WL_SW_V volt(8)=3.71900000V\n"
                               "   3V3_SYS_V volt(9)=3.31070900V\n"
                               "   1V8_SYS_V volt(10)=1.79719800V\n"
                               "  DDR_VDD2_V volt(11)=1.10463900V\n"
                               "  DDR_VDDQ_V volt(12)=0.60695200V\n"
                               "   1V1_SYS_V volt(13)=1.10562300V\n"
                               "    0V8_SW_V volt(14)=0.80073300V\n"
                               "  VDD_CORE_V volt(15)=0.72110200V\n"
                               "   3V3_DAC_V volt(20)=3.30586600V\n"
                               "   3V3_ADC_V volt(21)=3.30739200V\n"
                               "   0V8_AON_V volt(19)=0.79563900V\n"
                               "      HDMI_V volt(23)=5.10888000V\n"
                               "     EXT5V_V volt(24)=5.10674000V\n"
                               "      BATT_V volt(25)=0.01025740V\n";
// ---- helpers ---------------------------------------------------------------

static inline struct config_power defaults(void)
{
    return (struct config_power){.source = CONFIG_POWER_AUTO, .meter = "auto",
                                 .pmic_scale_permille = 1000};
}

static inline void expect_mw(double got, double expected)
{
    if (!(fabs(got - expected) <= 0.001 + fabs(expected) * 1e-6))
        fail_msg("%.4f mW, not %.4f", got, expected);
}

static inline void put_ina(int number, const char *chip, const char *place, long millivolts,
                           long milliamperes)
{
    char name[128], target[64];
    snprintf(name, sizeof(name), "/sys/class/hwmon/hwmon%d/name", number);
    put(name, chip);
    snprintf(name, sizeof(name), "/sys/class/hwmon/hwmon%d/in1_input", number);
    put_number(name, millivolts);
    snprintf(name, sizeof(name), "/sys/class/hwmon/hwmon%d/curr1_input", number);
    put_number(name, milliamperes);
    snprintf(name, sizeof(name), "/sys/class/hwmon/hwmon%d/device", number);
    snprintf(target, sizeof(target), "../../../1-%s", place);
    if (place[0])
        put_link(name, target);
}

static inline void put_zone(const char *zone, const char *name, long long energy_uj,
                            long long range_uj)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/name", zone);
    put(path, name);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/energy_uj", zone);
    put_number(path, energy_uj);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/max_energy_range_uj", zone);
    put_number(path, range_uj);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
