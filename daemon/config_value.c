// SPDX-License-Identifier: Apache-2.0
//
// From the text of one YAML scalar to a typed, range-checked field.

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config_schema.h"

static void append(char *text, size_t size, const char *part)
{
    size_t used = strlen(text);
    if (used < size)
        snprintf(text + used, size - used, "%s", part);
}

static void expect_choice(const struct config_key *key, char *text, size_t size)
{
    text[0] = '\0';
    for (const struct config_choice *choice = key->choices; choice->word; choice++) {
        if (choice != key->choices)
            append(text, size, " | ");
        append(text, size, choice->word);
    }
}

void config_key_expect(const struct config_key *key, char *text, size_t size)
{
    switch (key->kind) {
    case CONFIG_TEXT: snprintf(text, size, "text of %g to %g bytes", key->min, key->max); break;
    case CONFIG_NAME:
        snprintf(text, size, "a name of %g to %g letters, digits, '.', '_' or '-'", key->min,
                 key->max);
        break;
    case CONFIG_INT:
        snprintf(text, size, "a whole number from %g to %g", key->min, key->max);
        break;
    case CONFIG_BOOL: snprintf(text, size, "true or false"); break;
    case CONFIG_CHOICE: expect_choice(key, text, size); break;
    case CONFIG_POWER2:
        snprintf(text, size, "a power of two from %g to %g", key->min, key->max);
        break;
    case CONFIG_THREADS:
        snprintf(text, size, "auto or a whole number from %g to %g", key->min, key->max);
        break;
    case CONFIG_CPUS:
        snprintf(text, size, "all or a list such as 0-2,5 (0 to %d)", CONFIG_CPUS_MAX - 1);
        break;
    case CONFIG_SIZE:
        snprintf(text, size, "auto or WIDTHxHEIGHT, each from %g to %g", key->min, key->max);
        break;
    case CONFIG_FPS:
        snprintf(text, size, "auto, max or a number from %g to %g", key->min, key->max);
        break;
    case CONFIG_NUMBER:
        snprintf(text, size, "a number from %g to %g", key->min, key->max);
        break;
    case CONFIG_LIMIT:
        snprintf(text, size, "off or a number from %g to %g", key->min, key->max);
        break;
    case CONFIG_VALUES:
        snprintf(text, size, "one number or a list of three, each from %g to %g", key->min,
                 key->max);
        break;
    }
}

static int parse_number(const char *text, double min, double max, double *value)
{
    // strtod would also take hexadecimal, "inf" and leading blanks: a config that needs those is a
    // mistake
    if (!text[0] || strspn(text, "+-0123456789.eE") != strlen(text))
        return -EINVAL;
    char *end;
    double number = strtod(text, &end);
    if (*end || !isfinite(number) || number < min || number > max)
        return -EINVAL;
    *value = number;
    return 0;
}

static int parse_int(const char *text, double min, double max, int32_t *value)
{
    double number;
    if (strspn(text, "+-0123456789") != strlen(text) || parse_number(text, min, max, &number) < 0)
        return -EINVAL;
    *value = (int32_t)number;
    return 0;
}

static int parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < 3; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = strcasecmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return -EINVAL;
}

static int set_text(const struct config_key *key, char *field, const char *text)
{
    size_t length = strlen(text);
    if (length < key->min || length > key->max || length >= key->size)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte == 0x7f)
            return -EINVAL;
        if (key->kind == CONFIG_NAME && !isalnum(byte) && !strchr("._-", byte))
            return -EINVAL;
    }
    memset(field, 0, key->size);
    memcpy(field, text, length);
    return 0;
}

static int set_choice(const struct config_key *key, void *field, const char *text)
{
    for (const struct config_choice *choice = key->choices; choice->word; choice++) {
        if (strcasecmp(choice->word, text) != 0)
            continue;
        if (key->size == sizeof(int32_t))
            *(int32_t *)field = choice->value;
        else
            strncpy(field, choice->word, key->size); // zero-fills
        return 0;
    }
    return -EINVAL;
}

static int set_cpus(struct config_cpus *cpus, const char *text)
{
    struct config_cpus wanted = {.all = strcasecmp(text, "all") == 0};
    const char *at = text;
    while (!wanted.all) {
        char *end;
        if (!isdigit((unsigned char)*at))
            return -EINVAL;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1]))
                return -EINVAL;
            last = strtoul(end + 1, &end, 10);
        }
        if (first > last || last >= CONFIG_CPUS_MAX)
            return -EINVAL;
        for (unsigned long cpu = first; cpu <= last; cpu++)
            wanted.bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
        if (!*end)
            break;
        if (*end != ',')
            return -EINVAL;
        at = end + 1;
    }
    *cpus = wanted;
    return 0;
}

static int set_size(const struct config_key *key, struct config_size *field, const char *text)
{
    if (strcasecmp(text, "auto") == 0) {
        *field = (struct config_size){0, 0};
        return 0;
    }
    const char *cross = strpbrk(text, "xX");
    char width[8];
    if (!cross || (size_t)(cross - text) >= sizeof(width))
        return -EINVAL;
    memcpy(width, text, (size_t)(cross - text));
    width[cross - text] = '\0';
    struct config_size size;
    if (parse_int(width, key->min, key->max, &size.width) < 0 ||
        parse_int(cross + 1, key->min, key->max, &size.height) < 0)
        return -EINVAL;
    *field = size;
    return 0;
}

static int set_fps(const struct config_key *key, double *field, const char *text)
{
    if (strcasecmp(text, "auto") == 0) {
        *field = CONFIG_FPS_AUTO;
        return 0;
    }
    if (strcasecmp(text, "max") == 0) {
        *field = CONFIG_FPS_MAX;
        return 0;
    }
    return parse_number(text, key->min, key->max, field);
}

int config_key_set_value(const struct config_key *key, void *base, int32_t count, int32_t index,
                         const char *text)
{
    struct config_values *values = (struct config_values *)((char *)base + key->offset);
    double number;
    if (count != 1 && count != 3)
        return -EINVAL;
    if (parse_number(text, key->min, key->max, &number) < 0)
        return -EINVAL;
    values->count = count;
    values->value[index] = (float)number;
    return 0;
}

int config_key_set(const struct config_key *key, void *base, const char *text)
{
    void *field = (char *)base + key->offset;
    int32_t number;
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_NAME: return set_text(key, field, text);
    case CONFIG_INT: return parse_int(text, key->min, key->max, field);
    case CONFIG_BOOL: return parse_bool(text, field);
    case CONFIG_CHOICE: return set_choice(key, field, text);
    case CONFIG_POWER2:
        if (parse_int(text, key->min, key->max, &number) < 0 || (number & (number - 1)) != 0)
            return -EINVAL;
        *(int32_t *)field = number;
        return 0;
    case CONFIG_THREADS:
        if (strcasecmp(text, "auto") == 0) {
            *(int32_t *)field = 0;
            return 0;
        }
        return parse_int(text, key->min, key->max, field);
    case CONFIG_CPUS: return set_cpus(field, text);
    case CONFIG_SIZE: return set_size(key, field, text);
    case CONFIG_FPS: return set_fps(key, field, text);
    case CONFIG_NUMBER: return parse_number(text, key->min, key->max, field);
    case CONFIG_LIMIT:
        if (strcasecmp(text, "off") == 0) {
            *(double *)field = 0;
            return 0;
        }
        return parse_number(text, key->min, key->max, field);
    case CONFIG_VALUES: return config_key_set_value(key, base, 1, 0, text);
    }
    return -EINVAL;
}
