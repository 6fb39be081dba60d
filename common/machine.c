// SPDX-License-Identifier: Apache-2.0

#include "common/machine.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define ENTRIES_MAX 64
#define LOOK_AGAIN_NS (30 * CLOCK_NS_PER_S)
#define NOW_BITS 0xfu
#define THROTTLE_COUNT_PATH                                                                        \
    "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
#define CPUS "/sys/devices/system/cpu"

// ---- finding the files -----------------------------------------------------

static bool find_zone(struct machine *machine)
{
    static const char *const types[] = {"cpu-thermal", "cpu_thermal", "x86_pkg_temp", "soc-thermal",
                                        "cpu"};
    char zones[ENTRIES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(machine->root, "/sys/class/thermal", "thermal_zone", zones, ENTRIES_MAX);
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (int i = 0; i < count; i++) {
            char folder[SYSFS_PATH_MAX], type[64];
            snprintf(folder, sizeof(folder), "/sys/class/thermal/%.63s", zones[i]);
            if (sysfs_folder_text(machine->root, folder, "type", type, sizeof(type)) < 0 ||
                strncmp(type, types[t], strlen(types[t])) != 0)
                continue;
            snprintf(machine->temperature_path, sizeof(machine->temperature_path),
                     "/sys/class/thermal/%.63s/temp", zones[i]);
            snprintf(machine->temperature_source, sizeof(machine->temperature_source), "%.63s",
                     type);
            return true;
        }
    }
    return false;
}

// What hwmon has of interest: a CPU's temperature where no zone has it, and rpi_volt's alarm.
static void find_hwmon(struct machine *machine)
{
    char names[ENTRIES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(machine->root, "/sys/class/hwmon", "hwmon", names, ENTRIES_MAX);
    for (int i = 0; i < count; i++) {
        char folder[SYSFS_PATH_MAX], name[64];
        snprintf(folder, sizeof(folder), "/sys/class/hwmon/%.63s", names[i]);
        if (sysfs_folder_text(machine->root, folder, "name", name, sizeof(name)) < 0)
            continue;
        if (strcmp(name, "rpi_volt") == 0)
            snprintf(machine->alarm_path, sizeof(machine->alarm_path),
                     "/sys/class/hwmon/%.63s/in0_lcrit_alarm", names[i]);
        bool processor = strcmp(name, "coretemp") == 0 || strcmp(name, "k10temp") == 0 ||
                         strcmp(name, "cpu_thermal") == 0;
        if (processor && !machine->temperature_path[0]) {
            snprintf(machine->temperature_path, sizeof(machine->temperature_path),
                     "/sys/class/hwmon/%.63s/temp1_input", names[i]);
            snprintf(machine->temperature_source, sizeof(machine->temperature_source), "%.63s",
                     name);
        }
    }
}

static void look(struct machine *machine, uint64_t now_ns)
{
    machine->looked_ns = now_ns;
    if (!machine->temperature_path[0])
        find_zone(machine);
    if (!machine->temperature_path[0] || !machine->alarm_path[0])
        find_hwmon(machine);
    if (machine->firmware.fd < 0)
        firmware_open(&machine->firmware, machine->ops, machine->root);
    if (machine->throttle_count < 0)
        sysfs_read_number(machine->root, THROTTLE_COUNT_PATH, &machine->throttle_count);
}

void machine_init(struct machine *machine, const struct firmware_ops *ops, const char *root)
{
    *machine = (struct machine){
        .root = root, .ops = ops, .firmware = {.ops = ops, .fd = -1}, .throttle_count = -1};
    look(machine, clock_now_ns());
}

void machine_finish(struct machine *machine)
{
    firmware_close(&machine->firmware);
}

// ---- sampling --------------------------------------------------------------

static void sample_temperature(struct machine *machine)
{
    int64_t millidegrees;
    machine->has_temperature =
        machine->temperature_path[0] &&
        sysfs_read_number(machine->root, machine->temperature_path, &millidegrees) == 0 &&
        millidegrees > -100000 && millidegrees < 1000000;
    if (machine->has_temperature)
        machine->temperature_c = (double)millidegrees / 1000;
    else
        machine->temperature_path[0] = '\0'; // gone: looked for again
}

static void sample_clock(struct machine *machine)
{
    char cpus[ENTRIES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(machine->root, CPUS, "cpu", cpus, ENTRIES_MAX);
    machine->clock_mhz = machine->clock_max_mhz = 0;
    for (int i = 0; i < count; i++) {
        char folder[SYSFS_PATH_MAX];
        int64_t khz, max_khz;
        snprintf(folder, sizeof(folder), CPUS "/%.63s/cpufreq", cpus[i]);
        if (sysfs_folder_number(machine->root, folder, "scaling_cur_freq", &khz) == 0 && khz > 0 &&
            (double)khz / 1000 > machine->clock_mhz)
            machine->clock_mhz = (double)khz / 1000;
        if (sysfs_folder_number(machine->root, folder, "cpuinfo_max_freq", &max_khz) == 0 &&
            (double)max_khz / 1000 > machine->clock_max_mhz)
            machine->clock_max_mhz = (double)max_khz / 1000;
    }
    machine->has_clock = machine->clock_mhz > 0;
}

static bool sample_firmware(struct machine *machine)
{
    uint32_t bits;
    if (machine->firmware.fd < 0 || firmware_get_throttled(&machine->firmware, &bits) < 0)
        return false;
    machine->throttle.source = "firmware";
    machine->throttle.now = bits & NOW_BITS;
    machine->throttle.since_boot = bits >> FIRMWARE_SINCE_BOOT_SHIFT & NOW_BITS;
    return true;
}

static bool sample_alarm(struct machine *machine)
{
    int64_t alarm;
    if (!machine->alarm_path[0] ||
        sysfs_read_number(machine->root, machine->alarm_path, &alarm) < 0)
        return false;
    machine->throttle.source = "rpi_volt";
    machine->throttle.now = alarm ? FIRMWARE_UNDER_VOLTAGE : 0;
    return true;
}

static bool sample_count(struct machine *machine)
{
    int64_t count, before = machine->throttle_count;
    if (before < 0 || sysfs_read_number(machine->root, THROTTLE_COUNT_PATH, &count) < 0)
        return false;
    machine->throttle.source = "thermal_throttle";
    machine->throttle.now = count > before ? FIRMWARE_THROTTLED : 0;
    machine->throttle.since_boot = count > 0 ? FIRMWARE_THROTTLED : 0;
    machine->throttle_count = count;
    return true;
}

void machine_sample(struct machine *machine, uint64_t now_ns)
{
    if (now_ns - machine->looked_ns > LOOK_AGAIN_NS)
        look(machine, now_ns);
    sample_temperature(machine);
    sample_clock(machine);
    if (!sample_firmware(machine) && !sample_alarm(machine) && !sample_count(machine)) {
        machine->throttle.source = NULL;
        machine->throttle.now = 0;
    }
    machine->throttle.since_start |= machine->throttle.now;
    machine->throttle.since_boot |= machine->throttle.since_start;
}

bool machine_is_throttled(const struct machine *machine)
{
    return machine->throttle.now != 0;
}

void machine_describe(uint32_t bits, char *text, size_t size)
{
    static const char *const words[] = {"low voltage", "clock capped", "throttled",
                                        "soft temperature limit"};
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < 4; i++)
        if (bits >> i & 1 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", words[i]);
}
