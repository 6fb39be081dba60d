// SPDX-License-Identifier: Apache-2.0
//
// Energy an inference, the idle baseline, meters that come and go, and what holds the machine back:
// heat, clock, low voltage.

#include "daemon_power_rig.h"

#include <signal.h>
#include <sys/resource.h>

#include "common/log.h"

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

// Measures one of 3 W; what keeping it gave.
static int measure_three_watts(struct power *power)
{
    uint64_t now = power->sampled_ns;
    assert_int_equal(power_baseline_start(power, now, 2), 0);
    for (int second = 1; second <= 3; second++)
        power_sample(power, now += S, 0);
    assert_int_equal(power_baseline_poll(power, now), 0);
    expect_mw(power->baseline_mw, 3000); // it holds, kept or not
    return power->baseline_unkept;
}

static void expect_state(const char *text)
{
    char names[4][SYSFS_NAME_MAX], kept[64];
    assert_int_equal(sysfs_list(root, "/state", "", names, 4), 1); // and nothing beside it
    assert_true(sysfs_read_text(root, "/state/power_baseline", kept, sizeof(kept)) > 0);
    assert_string_equal(kept, text);
}

// No byte, and only some bytes, fit on the disk (the limit's error is EFBIG, not ENOSPC).
static void test_baseline_unkept(void **state)
{
    struct config_power config = defaults();
    struct power power;
    char folder[80];
    struct rlimit before;
    (void)state;
    put_ina(1, "ina219", "0040", 5000, 600);
    put("/state/power_baseline", "hwmon 1234.500");
    snprintf(folder, sizeof(folder), "%s/state", root);
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    for (rlim_t room = 0; room <= 5; room += 5) {
        power_init(&power, &config, &mailbox_ops, root, folder);
        expect_mw(power.baseline_mw, 1234.5);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){room, before.rlim_max});
        int status = measure_three_watts(&power);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, -EFBIG);
        expect_state("hwmon 1234.500");
        power_finish(&power);
    }
    power_init(&power, &config, &mailbox_ops, root, folder); // there is room again
    assert_int_equal(measure_three_watts(&power), 0);
    expect_state("hwmon 3000.000");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_energy),
        CASE(test_vanishing),
        CASE(test_baseline),
        CASE(test_baseline_unkept),
        CASE(test_heat_and_clock),
        CASE(test_throttled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
