// SPDX-License-Identifier: Apache-2.0
//
// The Raspberry Pi 5's power chip through the firmware: `pmic_read_adc` lists volts and amperes of
// its rails, by name ("VDD_CORE_A current(7)=1.23456789A", "VDD_CORE_V volt(15)=0.7654321V"). Rails
// are paired by name, because numbers and names differ between boards. What comes out is the
// board's inner side: USB, HATs, disks and the regulators' losses are not in it.
// power.pmic_scale_permille and power.pmic_offset_mw turn it into the input of a board that somebody
// has measured.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/power_meter.h"

#define RAILS_MAX 48
#define NAME_MAX_BYTES 24
#define VALUE_MAX 100.0 // volts or amperes: more is no reading

struct rail {
    char name[NAME_MAX_BYTES];
    double volts, amperes;
    bool has_volts, has_amperes;
};

static struct rail *find_rail(struct rail *rails, int *count, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(rails[i].name, name) == 0)
            return &rails[i];
    if (*count == RAILS_MAX)
        return NULL;
    struct rail *rail = &rails[(*count)++];
    memset(rail, 0, sizeof(*rail));
    snprintf(rail->name, sizeof(rail->name), "%s", name);
    return rail;
}

// "  VDD_CORE_A current(7)=1.23456789A": the name without its last letters, and the value.
static void take_line(struct rail *rails, int *count, const char *line)
{
    char name[NAME_MAX_BYTES], kind[8], unit;
    double value;
    int index, used = 0;
    if (sscanf(line, " %23[A-Z0-9_] %7[a-z](%d)=%lf%c%n", name, kind, &index, &value, &unit, &used) !=
            5 ||
        used == 0)
        return;
    bool amperes = strcmp(kind, "current") == 0 && unit == 'A';
    bool volts = strcmp(kind, "volt") == 0 && unit == 'V';
    size_t length = strlen(name);
    if ((!amperes && !volts) || length < 3 || !(value > -VALUE_MAX && value < VALUE_MAX) ||
        strcmp(name + length - 2, amperes ? "_A" : "_V") != 0)
        return;
    name[length - 2] = '\0';
    struct rail *rail = find_rail(rails, count, name);
    if (!rail)
        return;
    if (amperes)
        rail->amperes = value;
    else
        rail->volts = value;
    rail->has_amperes |= amperes;
    rail->has_volts |= volts;
}

double power_pmic_sum(const char *text, int *rails, double *input_mv)
{
    struct rail list[RAILS_MAX];
    int count = 0;
    double sum = 0;
    *rails = 0;
    *input_mv = 0;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        char copy[100];
        snprintf(copy, sizeof(copy), "%.*s", (int)length, line);
        take_line(list, &count, copy);
        line += length + (line[length] == '\n');
    }
    for (int i = 0; i < count; i++) {
        if (list[i].has_volts && list[i].has_amperes) {
            sum += list[i].volts * list[i].amperes * 1000;
            ++*rails;
        } else if (list[i].has_volts && strcmp(list[i].name, "EXT5V") == 0) {
            *input_mv = list[i].volts * 1000;
        }
    }
    return sum;
}

static int read_rails(const struct firmware *firmware, double *sum, int *rails)
{
    char text[4096];
    double input_mv;
    int status = firmware_command(firmware, "pmic_read_adc", text, sizeof(text));
    if (status < 0)
        return status;
    *sum = power_pmic_sum(text, rails, &input_mv);
    return *rails > 0 && *sum > 0 ? 0 : -ENODATA;
}

static int pmic_open(const struct power_settings *settings, struct power_meter *meter)
{
    struct firmware *firmware = malloc(sizeof(*firmware));
    double sum;
    int rails = 0;
    if (!firmware)
        return -ENOMEM;
    int status = firmware_open(firmware, settings->firmware, settings->root);
    if (status == 0)
        status = read_rails(firmware, &sum, &rails);
    if (status < 0) {
        firmware_close(firmware);
        free(firmware);
        if (status != -EACCES)
            return -ENODEV; // not a Raspberry Pi, or one without that chip
        snprintf(meter->detail, sizeof(meter->detail),
                 "the firmware mailbox may not be opened: qedged's user must be in the group video");
        return status;
    }
    snprintf(meter->detail, sizeof(meter->detail), "%d rails of the power chip, without USB and HATs",
             rails);
    meter->self = firmware;
    return 0;
}

static int pmic_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    const struct config_power *config = meter->settings->config;
    double sum;
    int rails;
    (void)now_ns;
    int status = read_rails(meter->self, &sum, &rails);
    if (status == 0)
        *power_mw = sum * config->pmic_scale_permille / 1000 + config->pmic_offset_mw;
    return status;
}

static void pmic_close(struct power_meter *meter)
{
    firmware_close(meter->self);
    free(meter->self);
}

const struct power_meter_kind power_pmic = {.name = "pmic",
                                            .scope = "board rails",
                                            .open = pmic_open,
                                            .sample = pmic_sample,
                                            .close = pmic_close};
