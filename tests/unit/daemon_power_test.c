// SPDX-License-Identifier: Apache-2.0
//
// Meters, throttling and energy against trees like those of real machines below a temporary root,
// and a firmware mailbox that this test plays. What can go wrong there goes wrong here: files that
// are missing or vanish, ENODATA, garbage, currents that run backwards, counters that wrap.

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
#include "daemon/power.h"
#include "common/sysfs.h"

#define S CLOCK_NS_PER_S

static char root[64];

// ---- a read() that fails where it is told to -------------------------------

static char fail_path[64]; // part of the path; "" = nowhere
static int fail_errno;
static int health_reads;

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

static void fail_reads(const char *path, int error)
{
    snprintf(fail_path, sizeof(fail_path), "%s", path);
    fail_errno = error;
}

// ---- the tree --------------------------------------------------------------

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    make_folders(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static void put_number(const char *name, long long value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", value);
    put(name, text);
}

static void drop(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    assert_int_equal(unlink(path), 0);
}

static void put_link(const char *name, const char *target)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    make_folders(path);
    assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/qedge-power.XXXXXX");
    fail_reads("", 0);
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
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

static int mailbox_open(const char *path)
{
    assert_memory_equal(path, root, strlen(root));
    if (!mailbox.device || strcmp(path + strlen(root), mailbox.device) != 0)
        return -ENOENT;
    mailbox.opened++;
    return 1000;
}

static void mailbox_close(int fd)
{
    assert_int_equal(fd, 1000);
    mailbox.opened--;
}

static int mailbox_call(int fd, unsigned long request, void *message)
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
static const double adc_mw =
    1000 * (0.00390630 * 3.719 + 0.058569 * 3.310709 + 0.165929 * 1.797198 + 0.0214729 * 1.104639 +
            0.177649 * 1.105623 + 0.322099 * 0.800733 + 0.802902 * 0.721102 +
            0.00006105 * 3.307392 + 0.004188 * 0.795639 + 0.0119658 * 5.10888);

// ---- helpers ---------------------------------------------------------------

static struct config_power defaults(void)
{
    return (struct config_power){.source = CONFIG_POWER_AUTO, .meter = "auto",
                                 .pmic_scale_permille = 1000};
}

static void expect_mw(double got, double expected)
{
    if (!(fabs(got - expected) <= 0.001 + fabs(expected) * 1e-6))
        fail_msg("%.4f mW, not %.4f", got, expected);
}

// Opens what `config` finds and samples it once; returns the status of the sampling, or of the
// opening.
static int measure(const struct config_power *config, const char *kind, double *power_mw)
{
    struct power_settings settings = {.config = config, .root = root, .firmware = &mailbox_ops};
    struct power_meter meter;
    int status = power_meter_open(&settings, &meter);
    if (status < 0)
        return status;
    assert_string_equal(meter.kind->name, kind);
    status = meter.kind->sample(&meter, clock_now_ns() + S, power_mw);
    power_meter_close(&meter);
    power_meter_close(&meter);
    return status;
}

static void put_ina(int number, const char *chip, const char *place, long millivolts,
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

// ---- sysfs -----------------------------------------------------------------

static void test_sysfs(void **state)
{
    static const struct {
        const char *text;
        int status;
        int64_t value;
    } cases[] = {{"123", 0, 123},        {"  -5 ", 0, -5},         {"0", 0, 0},
                 {"12x", -EINVAL, 0},    {"", -EINVAL, 0},         {"1 2", -EINVAL, 0},
                 {"0x10", -EINVAL, 0},   {"1.5", -EINVAL, 0},      {"\xff\xfe", -EINVAL, 0},
                 {"99999999999999999999", -EINVAL, 0}};
    char names[4][SYSFS_NAME_MAX], text[8];
    int64_t value;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put("/x", cases[i].text);
        assert_int_equal(sysfs_read_number(root, "/x", &value), cases[i].status);
        if (cases[i].status == 0)
            assert_int_equal(value, cases[i].value);
    }
    assert_int_equal(sysfs_read_number(root, "/y", &value), -ENOENT);
    assert_int_equal(sysfs_read_number(root, "", &value), -EISDIR);
    put("/x", "longer than that");
    assert_int_equal(sysfs_read_text(root, "/x", text, sizeof(text)), 6);
    assert_string_equal(text, "longer");
    put("/f/hwmon10", "");
    put("/f/hwmon2", "");
    put("/f/other", "");
    put("/f/hwmon1", "");
    assert_int_equal(sysfs_list(root, "/f", "hwmon", names, 4), 3);
    assert_string_equal(names[0], "hwmon1");
    assert_string_equal(names[1], "hwmon2");
    assert_string_equal(names[2], "hwmon10");
    assert_int_equal(sysfs_list(root, "/nowhere", "", names, 4), 0);
}

// ---- meters ----------------------------------------------------------------

static void test_hwmon(void **state)
{
    struct config_power config = defaults();
    double mw;
    (void)state;
    put("/sys/class/hwmon/hwmon0/name", "cpu_thermal");
    put_ina(3, "ina226", "0040", 5100, 612);
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3121.2);
    put_number("/sys/class/hwmon/hwmon3/curr1_input", -612); // the other way round
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3121.2);
    // a 5 mOhm shunt that the driver takes for 10 mOhm: twice the current
    put_number("/sys/class/hwmon/hwmon3/shunt_resistor", 10000);
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3121.2);
    config.shunt_micro_ohm = 5000;
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 6242.4);
    put_number("/sys/class/hwmon/hwmon3/shunt_resistor", 0); // nonsense is not divided by
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3121.2);
    config.shunt_micro_ohm = 0;
    // without amperes the chip's own power register
    put_number("/sys/class/hwmon/hwmon3/power1_input", 3125000);
    drop("/sys/class/hwmon/hwmon3/curr1_input");
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3125);
    drop("/sys/class/hwmon/hwmon3/power1_input");
    assert_int_equal(measure(&config, "hwmon", &mw), -ENOENT);
    put("/sys/class/hwmon/hwmon3/curr1_input", "garbage");
    assert_int_equal(measure(&config, "hwmon", &mw), -EINVAL);
    put_number("/sys/class/hwmon/hwmon3/curr1_input", 612);
    fail_reads("in1_input", ENODATA);
    assert_int_equal(measure(&config, "hwmon", &mw), -ENODATA);
    fail_reads("", 0);
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
}

static void test_hwmon_kinds(void **state)
{
    static const char *const chips[] = {"ina219", "ina220", "ina226", "ina230", "ina231", "ina234"};
    struct config_power config = defaults();
    double mw;
    (void)state;
    config.shunt_micro_ohm = 5000;
    put_number("/sys/class/hwmon/hwmon1/shunt_resistor", 10000);
    for (size_t i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) {
        put_ina(1, chips[i], "", 1000, 1000);
        assert_int_equal(measure(&config, "hwmon", &mw), 0);
        expect_mw(mw, 2000);
    }
    put("/sys/class/hwmon/hwmon1/name", "ina260"); // its shunt is inside
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 1000);
    put("/sys/class/hwmon/hwmon1/name", "powerz");
    put_number("/sys/class/hwmon/hwmon1/in0_input", 5200);
    put_number("/sys/class/hwmon/hwmon1/curr1_input", -800);
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 4160);
}

static void test_hwmon_several(void **state)
{
    struct config_power config = defaults();
    struct power_settings settings = {.config = &config, .root = root, .firmware = &mailbox_ops};
    struct power_meter meter;
    double mw;
    (void)state;
    put_ina(1, "ina226", "0040", 1000, 1000);
    put_ina(2, "ina226", "0041", 1000, 3000);
    config.source = CONFIG_POWER_HWMON;
    assert_int_equal(power_meter_open(&settings, &meter), -ENODEV);
    assert_non_null(strstr(meter.detail, "1-0040, 1-0041"));
    assert_non_null(strstr(meter.detail, "power.meter"));
    strcpy(config.meter, "1-0041");
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 3000);
    strcpy(config.meter, "hwmon1");
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    expect_mw(mw, 1000);
    strcpy(config.meter, "1-0077");
    assert_int_equal(power_meter_open(&settings, &meter), -ENODEV);
    // which one is the input is not guessed; the next best source serves, and says why
    strcpy(config.meter, "auto");
    config.source = CONFIG_POWER_AUTO;
    assert_int_equal(power_meter_open(&settings, &meter), 0);
    assert_string_equal(meter.kind->name, "estimate");
    assert_non_null(strstr(meter.detail, "busy core"));
    assert_non_null(strstr(meter.detail, "; 1-0040, 1-0041: name the one at the input"));
    power_meter_close(&meter);
    assert_int_equal(measure(&config, "estimate", &mw), 0);
}

static void test_supply(void **state)
{
    struct config_power config = defaults();
    double mw;
    (void)state;
    put("/sys/class/power_supply/BAT0/type", "Battery");
    put("/sys/class/power_supply/BAT0/status", "Charging");
    put_number("/sys/class/power_supply/BAT0/power_now", 9000000);
    assert_int_equal(measure(&config, "estimate", &mw), 0); // what charges it is not what we use
    put("/sys/class/power_supply/BAT0/status", "Discharging");
    assert_int_equal(measure(&config, "power_supply", &mw), 0);
    expect_mw(mw, 9000);
    drop("/sys/class/power_supply/BAT0/power_now");
    put_number("/sys/class/power_supply/BAT0/voltage_now", 11400000);
    put_number("/sys/class/power_supply/BAT0/current_now", -500000);
    assert_int_equal(measure(&config, "power_supply", &mw), 0);
    expect_mw(mw, 5700);
    put("/sys/class/power_supply/BAT0/status", "Full");
    put("/sys/class/power_supply/poe/type", "Mains");
    put_number("/sys/class/power_supply/poe/online", 0);
    put_number("/sys/class/power_supply/poe/voltage_now", 5000000);
    put_number("/sys/class/power_supply/poe/current_now", 900000);
    put("/sys/class/power_supply/poe/health", "Good");
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    put_number("/sys/class/power_supply/poe/online", 1);
    assert_int_equal(measure(&config, "power_supply", &mw), 0);
    expect_mw(mw, 4500);
    drop("/sys/class/power_supply/poe/current_now");
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    assert_int_equal(health_reads, 0); // reading it clears a flag of the PoE+ HAT
}

static void test_pmic(void **state)
{
    struct config_power config = defaults();
    double mw, input_mv;
    int rails;
    (void)state;
    expect_mw(power_pmic_sum(adc_text, &rails, &input_mv), adc_mw);
    assert_int_equal(rails, 12);
    expect_mw(input_mv, 5106.74);
    // lines that make no sense do not count
    static const char *const nonsense[] = {
        "", "\n\n\n", "VDD_CORE_A current(7)=1.0", "VDD_CORE_A current(7)=nanA\nVDD_CORE_V volt(8)=1V",
        "VDD_CORE_A volt(7)=1.0V\nVDD_CORE_V current(8)=1.0A", "_A current(1)=1A\n_V volt(2)=1V",
        "A_V volt(1)=1V", "X_A current(1)=1e300A\nX_V volt(2)=1V", "\xff\xfe current(1)=1A"};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        expect_mw(power_pmic_sum(nonsense[i], &rails, &input_mv), 0);
        assert_int_equal(rails, 0);
    }
    memset(&mailbox, 0, sizeof(mailbox));
    mailbox.adc = adc_text;
    assert_int_equal(measure(&config, "estimate", &mw), 0); // no such device
    mailbox.device = "/dev/vcio";
    assert_int_equal(measure(&config, "pmic", &mw), 0);
    expect_mw(mw, adc_mw);
    mailbox.device = "/dev/vcio_gencmd";
    config.pmic_scale_permille = 1145;
    config.pmic_offset_mw = 588;
    assert_int_equal(measure(&config, "pmic", &mw), 0);
    expect_mw(mw, adc_mw * 1.145 + 588);
    mailbox.adc = NULL; // a Raspberry Pi 4
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    mailbox.adc = "what is this";
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    mailbox.adc = adc_text;
    mailbox.endless = true;
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    mailbox.endless = false;
    mailbox.result = 1;
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    mailbox.result = 0;
    mailbox.error = -EIO;
    assert_int_equal(measure(&config, "estimate", &mw), 0);
    assert_int_equal(mailbox.opened, 0);
}

static void put_zone(const char *zone, const char *name, long long energy_uj, long long range_uj)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/name", zone);
    put(path, name);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/energy_uj", zone);
    put_number(path, energy_uj);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/max_energy_range_uj", zone);
    put_number(path, range_uj);
}

static void test_rapl(void **state)
{
    struct config_power config = defaults();
    struct power_settings settings = {.config = &config, .root = root, .firmware = &mailbox_ops};
    struct power_meter meter;
    double mw = -1;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    put_zone("intel-rapl:0", "package-0", 1000000, 262143328850);
    put_zone("intel-rapl:0:0", "core", 400000, 262143328850); // inside the package
    put_zone("intel-rapl:0:1", "package-0-part", 400000, 262143328850); // whatever its name
    put_zone("intel-rapl:1", "package-1", 262143328000, 262143328850);
    put_zone("intel-rapl:2", "psys", 5000000, 262143328850); // around them
    put_zone("intel-rapl-mmio:0", "package-0", 1000000, 262143328850); // the same once more
    assert_int_equal(power_meter_open(&settings, &meter), 0);
    assert_string_equal(meter.kind->name, "rapl");
    assert_string_equal(meter.detail, "2 processor packages");
    assert_int_equal(meter.kind->sample(&meter, 10 * S, &mw), -EAGAIN); // a first look
    put_number("/sys/class/powercap/intel-rapl:0/energy_uj", 13000000);
    put_number("/sys/class/powercap/intel-rapl:0:0/energy_uj", 9000000);
    put_number("/sys/class/powercap/intel-rapl:2/energy_uj", 99000000);
    put_number("/sys/class/powercap/intel-rapl:1/energy_uj", 3999150); // wrapped: 850 + 3999150
    assert_int_equal(meter.kind->sample(&meter, 12 * S, &mw), 0);
    expect_mw(mw, (12000.0 + 4000.0) / 2);
    // a counter that can not be read leaves this sample out; the next one covers both
    put_number("/sys/class/powercap/intel-rapl:0/energy_uj", 14000000);
    fail_reads("intel-rapl:0/energy_uj", ENODATA);
    assert_int_equal(meter.kind->sample(&meter, 13 * S, &mw), -ENODATA);
    fail_reads("intel-rapl:1/energy_uj", EIO);
    assert_int_equal(meter.kind->sample(&meter, 14 * S, &mw), -EIO);
    fail_reads("", 0);
    put_number("/sys/class/powercap/intel-rapl:0/energy_uj", 16000000);
    assert_int_equal(meter.kind->sample(&meter, 16 * S, &mw), 0);
    expect_mw(mw, 3000.0 / 4);
    put("/sys/class/powercap/intel-rapl:1/energy_uj", "garbage");
    assert_int_equal(meter.kind->sample(&meter, 17 * S, &mw), -EINVAL);
    put_number("/sys/class/powercap/intel-rapl:1/energy_uj", 999999999999); // beyond its range
    assert_int_equal(meter.kind->sample(&meter, 17 * S, &mw), -EINVAL);
    drop("/sys/class/powercap/intel-rapl:1/energy_uj");
    assert_int_equal(meter.kind->sample(&meter, 18 * S, &mw), -ENOENT);
    power_meter_close(&meter);
}

static void test_estimate(void **state)
{
    static const struct {
        const char *model;
        const char *detail;
    } boards[] = {{"Raspberry Pi 5 Model B Rev 1.0", "assumes 1500 mW a busy core (Raspberry Pi 5"},
                  {"Raspberry Pi Zero 2 W Rev 1.0", "assumes 450 mW"},
                  {"Something else", "assumes 3000 mW a busy core (Something else)"}};
    struct config_power config = defaults();
    struct power_settings settings = {.config = &config, .root = root, .firmware = &mailbox_ops};
    struct power_meter meter;
    double mw;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
        put("/sys/firmware/devicetree/base/model", boards[i].model);
        assert_int_equal(power_meter_open(&settings, &meter), 0);
        assert_memory_equal(meter.detail, boards[i].detail, strlen(boards[i].detail));
        assert_true(meter.kind->estimated);
        power_meter_close(&meter);
    }
    config.estimate_core_mw = 2000;
    assert_int_equal(power_meter_open(&settings, &meter), 0);
    meter.kind->sample(&meter, clock_now_ns(), &mw);
    uint64_t start = clock_now_ns(), cpu = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID), end;
    while ((end = clock_now_ns()) - start < 100 * CLOCK_NS_PER_MS)
        continue;
    assert_int_equal(meter.kind->sample(&meter, end, &mw), 0);
    double share = (double)(clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)(end - start);
    assert_true(mw > 2000 * share * 0.9 && mw < 2000 * share * 1.1);
    power_meter_close(&meter);
    config.source = CONFIG_POWER_NONE;
    assert_int_equal(power_meter_open(&settings, &meter), -ENODEV);
    assert_non_null(strstr(meter.detail, "power.source: none"));
}

// The best source there is, all of them being there.
static void test_order(void **state)
{
    struct config_power config = defaults();
    double mw;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    put_zone("intel-rapl:0", "package-0", 1000000, 262143328850);
    assert_int_equal(measure(&config, "rapl", &mw), -EAGAIN);
    mailbox.device = "/dev/vcio_gencmd";
    mailbox.adc = adc_text;
    assert_int_equal(measure(&config, "pmic", &mw), 0);
    put("/sys/class/power_supply/poe/type", "Mains");
    put_number("/sys/class/power_supply/poe/online", 1);
    put_number("/sys/class/power_supply/poe/power_now", 5000000);
    assert_int_equal(measure(&config, "power_supply", &mw), 0);
    put_ina(1, "ina219", "0040", 5000, 1000);
    assert_int_equal(measure(&config, "hwmon", &mw), 0);
    config.source = CONFIG_POWER_RAPL;
    assert_int_equal(measure(&config, "rapl", &mw), -EAGAIN);
}

// ---- energy ----------------------------------------------------------------

static void test_energy(void **state)
{
    struct config_power config = defaults();
    struct power power;
    struct power_report report;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    put_ina(1, "ina219", "0040", 5000, 1000);
    config.baseline_mw = 2000;
    power_init(&power, &config, &mailbox_ops, root, NULL);
    uint64_t now = power.sampled_ns, inferences = 0;
    power_get(&power, &report);
    assert_string_equal(report.source, "hwmon");
    assert_string_equal(report.scope, "input");
    assert_false(report.estimated || report.has_power || report.has_mean || report.has_inference);
    for (int second = 1; second <= 25; second++) {
        put_number("/sys/class/hwmon/hwmon1/curr1_input", second <= 15 ? 500 : 1000);
        inferences += second <= 15 ? 5 : 30;
        power_sample(&power, now += S, inferences);
    }
    power_get(&power, &report);
    assert_true(report.has_power && report.has_mean && report.has_baseline && report.has_inference);
    expect_mw(report.power_mw, 5000);
    expect_mw(report.mean_mw, 5000); // the last ten seconds only
    expect_mw(report.window_s, 10);
    assert_int_equal(report.inferences, 300);
    expect_mw(report.inference_mj, (5000.0 - 2000) * 10 / 300);
    expect_mw(report.energy_mj, 15 * 2500 + 10 * 5000);
    // a second without a number belongs to the next one
    fail_reads("curr1_input", ENODATA);
    inferences += 30;
    power_sample(&power, now += S, inferences);
    power_get(&power, &report);
    assert_false(report.has_power);
    assert_true(report.has_mean);
    fail_reads("", 0);
    inferences += 30;
    power_sample(&power, now += S, inferences);
    power_get(&power, &report);
    expect_mw(report.window_s, 11);
    assert_int_equal(report.inferences, 330);
    expect_mw(report.energy_mj, 15 * 2500 + 12 * 5000);
    // less than at the baseline: no number rather than a negative one
    put_number("/sys/class/hwmon/hwmon1/curr1_input", 100);
    for (int i = 0; i < 10; i++)
        power_sample(&power, now += S, inferences += 30);
    power_get(&power, &report);
    expect_mw(report.mean_mw, 500);
    assert_false(report.has_inference);
    // streams that were taken away take their counts with them
    power_sample(&power, now += S, 3);
    power_get(&power, &report);
    assert_int_equal(report.inferences, 270);
    power_finish(&power);
}

// A meter that goes away is given up after three seconds for the next best one.
static void test_vanishing(void **state)
{
    struct config_power config = defaults();
    struct power power;
    struct power_report report;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    put_ina(1, "ina219", "0040", 5000, 1000);
    power_init(&power, &config, &mailbox_ops, root, NULL);
    uint64_t now = power.sampled_ns;
    power_sample(&power, now += S, 10);
    drop("/sys/class/hwmon/hwmon1/curr1_input");
    drop("/sys/class/hwmon/hwmon1/in1_input");
    drop("/sys/class/hwmon/hwmon1/name");
    put_zone("intel-rapl:0", "package-0", 1000000, 262143328850);
    for (int i = 0; i < 3; i++) {
        power_sample(&power, now += S, 10);
        power_get(&power, &report);
        assert_string_equal(report.source, "hwmon");
        assert_false(report.has_power);
    }
    power_sample(&power, now += S, 10);
    put_number("/sys/class/powercap/intel-rapl:0/energy_uj", 8000000);
    power_sample(&power, now += S, 10);
    power_get(&power, &report);
    assert_string_equal(report.source, "rapl");
    expect_mw(report.mean_mw, 7000);
    expect_mw(report.energy_mj, 7000); // another meter's joules are not added to the first one's
    power_finish(&power);
    config.source = CONFIG_POWER_HWMON; // now only that one would do; it comes back later
    power_init(&power, &config, &mailbox_ops, root, NULL);
    now = power.sampled_ns;
    power_sample(&power, now += S, 10);
    power_get(&power, &report);
    assert_null(report.source);
    put_ina(1, "ina219", "", 5000, 1000);
    power_sample(&power, now += 11 * S, 10);
    power_sample(&power, now += S, 10);
    power_get(&power, &report);
    assert_string_equal(report.source, "hwmon");
    expect_mw(report.power_mw, 5000);
    power_finish(&power);
    // an estimate makes room for a meter that is plugged in, and for nothing else
    config.source = CONFIG_POWER_AUTO;
    drop("/sys/class/hwmon/hwmon1/name");
    drop("/sys/class/powercap/intel-rapl:0/name");
    power_init(&power, &config, &mailbox_ops, root, NULL);
    now = power.sampled_ns;
    power_sample(&power, now += 11 * S, 10);
    power_get(&power, &report);
    assert_string_equal(report.source, "estimate");
    assert_true(report.has_power);
    put("/sys/class/hwmon/hwmon1/name", "ina219");
    power_sample(&power, now += 11 * S, 10);
    power_sample(&power, now += S, 10);
    power_get(&power, &report);
    assert_string_equal(report.source, "hwmon");
    assert_false(report.estimated);
    expect_mw(report.mean_mw, 5000);
    power_finish(&power);
}

static void test_baseline(void **state)
{
    struct config_power config = defaults();
    struct power power;
    struct power_report report;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    power_init(&power, &config, &mailbox_ops, root, root);
    assert_int_equal(power_baseline_start(&power, power.sampled_ns, 5), -ENODATA); // an estimate
    power_get(&power, &report);
    assert_true(report.estimated && report.has_baseline && report.baseline_mw == 0);
    power_finish(&power);

    put_ina(1, "ina219", "0040", 5000, 1000);
    power_init(&power, &config, &mailbox_ops, root, root);
    power_get(&power, &report);
    assert_false(report.has_baseline);
    uint64_t now = power.sampled_ns;
    assert_int_equal(power_baseline_start(&power, now, 4), 0);
    assert_int_equal(power_baseline_start(&power, now, 4), -EBUSY);
    for (int second = 1; second <= 5; second++) {
        assert_int_equal(power_baseline_poll(&power, now), 1);
        // the first second still has the last frames in it
        put_number("/sys/class/hwmon/hwmon1/curr1_input", second == 1 ? 900 : 400 + second);
        power_sample(&power, now += S, 0);
    }
    assert_int_equal(power_baseline_poll(&power, now), 0);
    assert_int_equal(power_baseline_poll(&power, now), 1);
    expect_mw(power.baseline_mw, 5 * (402 + 403 + 404 + 405) / 4.0);
    power_finish(&power);

    power_init(&power, &config, &mailbox_ops, root, root); // a restart: it is kept
    power_get(&power, &report);
    assert_true(report.has_baseline);
    expect_mw(report.baseline_mw, 2017.5);
    now = power.sampled_ns;
    assert_int_equal(power_baseline_start(&power, now, 2), 0);
    fail_reads("curr1_input", EIO);
    power_sample(&power, now += 3 * S, 0);
    assert_int_equal(power_baseline_poll(&power, now), -ENODATA);
    fail_reads("", 0);
    expect_mw(power.baseline_mw, 2017.5);
    power_finish(&power);

    config.source = CONFIG_POWER_PMIC; // another source has another baseline
    mailbox.device = "/dev/vcio";
    mailbox.adc = adc_text;
    power_init(&power, &config, &mailbox_ops, root, root);
    power_get(&power, &report);
    assert_string_equal(report.source, "pmic");
    assert_false(report.has_baseline);
    power_finish(&power);
    put("/power_baseline", "hwmon -17 and more nonsense");
    config.source = CONFIG_POWER_HWMON;
    power_init(&power, &config, &mailbox_ops, root, root);
    power_get(&power, &report);
    assert_false(report.has_baseline);
    power_finish(&power);
}

// ---- the machine -----------------------------------------------------------

static void test_heat_and_clock(void **state)
{
    struct machine machine;
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    machine_init(&machine, &mailbox_ops, root);
    machine_sample(&machine, machine.looked_ns);
    assert_false(machine.has_temperature || machine.has_clock || machine_is_throttled(&machine));
    assert_null(machine.throttle.source);
    put("/sys/class/hwmon/hwmon0/name", "coretemp");
    put_number("/sys/class/hwmon/hwmon0/temp1_input", 45500);
    put_number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 600000);
    put_number("/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", 1500000);
    put_number("/sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", 1800000);
    put("/sys/devices/system/cpu/cpuidle/current_driver", "none");
    machine_sample(&machine, machine.looked_ns + 31 * S); // looked for again
    assert_true(machine.has_temperature && machine.has_clock);
    expect_mw(machine.temperature_c, 45.5);
    expect_mw(machine.clock_mhz, 1500);
    expect_mw(machine.clock_max_mhz, 1800);
    put("/sys/class/hwmon/hwmon0/temp1_input", "hot");
    machine_sample(&machine, machine.looked_ns);
    assert_false(machine.has_temperature);
    put("/sys/class/thermal/thermal_zone0/type", "acpitz");
    put_number("/sys/class/thermal/thermal_zone0/temp", 20000);
    put("/sys/class/thermal/thermal_zone1/type", "cpu-thermal");
    put_number("/sys/class/thermal/thermal_zone1/temp", 61000);
    machine_sample(&machine, machine.looked_ns + 31 * S);
    expect_mw(machine.temperature_c, 61);
    assert_string_equal(machine.temperature_source, "cpu-thermal");
    machine_finish(&machine);
}

static void test_throttled(void **state)
{
    struct machine machine;
    char text[80];
    (void)state;
    memset(&mailbox, 0, sizeof(mailbox));
    for (int tags = 0; tags < 2; tags++) {
        mailbox.device = tags ? "/dev/vcio" : "/dev/vcio_gencmd";
        mailbox.throttled = 0x50000;
        machine_init(&machine, &mailbox_ops, root);
        machine_sample(&machine, machine.looked_ns);
        assert_string_equal(machine.throttle.source, "firmware");
        assert_false(machine_is_throttled(&machine));
        machine_describe(machine.throttle.since_boot, text, sizeof(text));
        assert_string_equal(text, "low voltage, throttled");
        mailbox.throttled = 0xa000a;
        machine_sample(&machine, machine.looked_ns);
        assert_true(machine_is_throttled(&machine));
        machine_describe(machine.throttle.now, text, sizeof(text));
        assert_string_equal(text, "clock capped, soft temperature limit");
        machine_describe(0xf, text, 20);
        assert_string_equal(text, "low voltage, clock ");
        // a mailbox that stops answering: not known is not throttled
        mailbox.error = -EIO;
        machine_sample(&machine, machine.looked_ns);
        assert_null(machine.throttle.source);
        assert_false(machine_is_throttled(&machine));
        mailbox.error = 0;
        machine_finish(&machine);
    }
    assert_int_equal(mailbox.opened, 0);
    mailbox.device = NULL;
    put("/sys/class/hwmon/hwmon4/name", "rpi_volt");
    put_number("/sys/class/hwmon/hwmon4/in0_lcrit_alarm", 1);
    put_number("/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", 7);
    machine_init(&machine, &mailbox_ops, root);
    machine_sample(&machine, machine.looked_ns);
    assert_string_equal(machine.throttle.source, "rpi_volt");
    assert_int_equal(machine.throttle.now, FIRMWARE_UNDER_VOLTAGE);
    put_number("/sys/class/hwmon/hwmon4/in0_lcrit_alarm", 0);
    machine_sample(&machine, machine.looked_ns);
    assert_int_equal(machine.throttle.now, 0);
    assert_int_equal(machine.throttle.since_start, FIRMWARE_UNDER_VOLTAGE);
    drop("/sys/class/hwmon/hwmon4/in0_lcrit_alarm");
    machine_sample(&machine, machine.looked_ns);
    assert_string_equal(machine.throttle.source, "thermal_throttle");
    assert_int_equal(machine.throttle.now, 0); // 7 before we looked
    put_number("/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", 9);
    machine_sample(&machine, machine.looked_ns);
    assert_int_equal(machine.throttle.now, FIRMWARE_THROTTLED);
    machine_sample(&machine, machine.looked_ns);
    assert_int_equal(machine.throttle.now, 0);
    machine_finish(&machine);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sysfs),    CASE(test_hwmon),     CASE(test_hwmon_kinds), CASE(test_hwmon_several),
        CASE(test_supply),   CASE(test_pmic),      CASE(test_rapl),        CASE(test_estimate),
        CASE(test_order),    CASE(test_energy),    CASE(test_vanishing),   CASE(test_baseline),
        CASE(test_heat_and_clock), CASE(test_throttled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
