// SPDX-License-Identifier: Apache-2.0
//
// The meters against trees like those of real machines, and the Raspberry Pi 5's power chip. What
// can go wrong there goes wrong here: files that are missing, ENODATA, garbage, currents that run
// backwards, counters that wrap.

#include "daemon_power_rig.h"

static const double adc_mw =
    1000 * (0.00390630 * 3.719 + 0.058569 * 3.310709 + 0.165929 * 1.797198 + 0.0214729 * 1.104639 +
            0.177649 * 1.105623 + 0.322099 * 0.800733 + 0.802902 * 0.721102 +
            0.00006105 * 3.307392 + 0.004188 * 0.795639 + 0.0119658 * 5.10888);

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
    static const char *const nonsense[] = {"",
                                           "\n\n\n",
                                           "VDD_CORE_A current(7)=1.0",
                                           "VDD_CORE_A current(7)=nanA\nVDD_CORE_V volt(8)=1V",
                                           "VDD_CORE_A volt(7)=1.0V\nVDD_CORE_V current(8)=1.0A",
                                           "_A current(1)=1A\n_V volt(2)=1V",
                                           "A_V volt(1)=1V",
                                           "X_A current(1)=1e300A\nX_V volt(2)=1V",
                                           "\xff\xfe current(1)=1A"};
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
    bool agrees = false; // unless the machine stands still between two looks at the clock
    for (int i = 0; i < 50 && !agrees; i++) {
        meter.kind->sample(&meter, clock_now_ns(), &mw);
        uint64_t start = clock_now_ns(), cpu = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID), end;
        while ((end = clock_now_ns()) - start < 100 * CLOCK_NS_PER_MS)
            continue;
        assert_int_equal(meter.kind->sample(&meter, end, &mw), 0);
        double used = (double)(clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        double expected = 2000 * used / (double)(end - start);
        agrees = mw > expected * 0.9 && mw < expected * 1.1;
    }
    assert_true(agrees);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sysfs),
        CASE(test_hwmon),
        CASE(test_hwmon_kinds),
        CASE(test_hwmon_several),
        CASE(test_supply),
        CASE(test_pmic),
        CASE(test_rapl),
        CASE(test_estimate),
        CASE(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
