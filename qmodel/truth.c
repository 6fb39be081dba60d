// SPDX-License-Identifier: Apache-2.0
#include "qmodel/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "qmodel/command.h"

struct reader {
    struct truth *truth;
    const char *command, *path;
    const struct samples *samples;
    const struct model *model;
    uint32_t classes; // of the model's output
    uint32_t next;    // sample that the next line is expected to speak of
};

static uint32_t output_classes(const struct model *model)
{
    const struct tensor_info *out = model_output(model, 0);
    uint32_t n = 1;
    for (int32_t d = 0; d < out->rank; d++)
        n *= (uint32_t)out->dims[d];
    return n;
}

static int32_t class_of(const struct reader *r, const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end != text && *end == '\0' && !errno)
        return number >= 0 && number < (long)r->classes ? (int32_t)number : -1;
    for (uint32_t i = 0; i < model_label_count(r->model) && i < r->classes; i++)
        if (strcmp(model_label(r->model, i), text) == 0)
            return (int32_t)i;
    return -1;
}

static void set_class(struct reader *r, uint32_t sample, int32_t class)
{
    r->truth->known += r->truth->classes[sample] < 0;
    r->truth->classes[sample] = class;
}

// ---- folders ----------------------------------------------------------------

// A folder that is no class ("others") leaves its pictures unknown.
static void read_folders(struct reader *r)
{
    size_t length = strlen(r->samples->path);
    for (uint32_t i = 0; i < r->samples->count; i++) {
        const char *name = samples_name(r->samples, i), *slash = name ? strrchr(name, '/') : NULL;
        if (!slash || strncmp(name, r->samples->path, length) != 0 || slash <= name + length + 1)
            continue; // not in a folder of the data's folder
        const char *from = name + length + 1;
        cleanup_free char *folder = strndup(from, (size_t)(slash - from));
        int32_t class = folder ? class_of(r, folder) : -1;
        if (class >= 0)
            set_class(r, i, class);
    }
}

// ---- lists ------------------------------------------------------------------

static bool is_called(const char *sample, const char *name)
{
    size_t whole = sample ? strlen(sample) : 0, part = strlen(name);
    return part > 0 && whole >= part && strcmp(sample + whole - part, name) == 0 &&
           (whole == part || sample[whole - part - 1] == '/' || name[0] == '/');
}

// In order as a rule, so the expected one is looked at first.
static bool find_sample(struct reader *r, const char *name, uint32_t *sample)
{
    for (uint32_t i = 0; i < r->samples->count; i++) {
        *sample = (r->next + i) % r->samples->count;
        if (is_called(samples_name(r->samples, *sample), name)) {
            r->next = *sample + 1;
            return true;
        }
    }
    return false;
}

static int read_line(struct reader *r, char *line, uint32_t number)
{
    char *split = strrchr(line, '\t');
    if (!split)
        split = strrchr(line, ' ');
    const char *text = split ? split + 1 : line;
    uint32_t sample = r->next;
    if (split) {
        *split = '\0';
        if (!find_sample(r, line, &sample))
            return 0; // a list may speak of more than is compared
    } else if (r->next++ >= r->samples->count) {
        return command_fail(r->command, "%s: more lines than samples (%u)", r->path,
                            r->samples->count);
    }
    int32_t class = class_of(r, text);
    if (class < 0)
        return command_fail(r->command,
                            "%s: line %u: '%s' is no class of the model (0 to %u, or a label)",
                            r->path, number, text, r->classes - 1);
    set_class(r, sample, class);
    return 0;
}

static int read_list(struct reader *r, FILE *file)
{
    cleanup_free char *line = NULL;
    size_t capacity = 0;
    uint32_t number = 0;
    int rc = 0;
    for (ssize_t n; rc == 0 && (n = getline(&line, &capacity, file)) >= 0;) {
        number++;
        while (n > 0 && strchr("\r\n\t ", line[n - 1]))
            line[--n] = '\0';
        if (n > 0)
            rc = read_line(r, line, number);
    }
    return rc == 0 && ferror(file) ? command_fail(r->command, "%s: %s", r->path, strerror(errno))
                                   : rc;
}

// ---- .npy -------------------------------------------------------------------

static int32_t integer_at(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value < INT32_MAX ? (int32_t)value : -1;
}

static int read_array(struct reader *r, FILE *file)
{
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"'|u1'", 1}, {"'|i1'", 1}, {"'<i2'", 2}, {"'<i4'", 4}, {"'<i8'", 8}};
    uint8_t prefix[12], value[8];
    char header[1024] = {0}, shape[64];
    size_t size = 0;
    if (fread(prefix, 1, 10, file) != 10)
        return command_fail(r->command, "%s: a .npy file without a header", r->path);
    size_t length = prefix[8] | (size_t)prefix[9] << 8, more = prefix[6] > 1 ? 2 : 0;
    if (length < sizeof(header) && fread(prefix + 10, 1, more, file) == more &&
        fread(header, 1, length, file) == length)
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            size = strstr(header, types[i].name) ? types[i].size : size;
    snprintf(shape, sizeof(shape), "'shape': (%u,)", r->samples->count);
    if (size == 0 || !strstr(header, shape))
        return command_fail(r->command, "%s: not a .npy file of %u integers, one a sample", r->path,
                            r->samples->count);
    for (uint32_t i = 0; i < r->samples->count; i++) {
        if (fread(value, 1, size, file) != size)
            return command_fail(r->command, "%s: shorter than its header says", r->path);
        int32_t class = integer_at(value, size);
        if (class < 0 || class >= (int32_t)r->classes)
            return command_fail(r->command, "%s: entry %u is no class of the model (0 to %u)",
                                r->path, i, r->classes - 1);
        set_class(r, i, class);
    }
    return 0;
}

// ---- all --------------------------------------------------------------------

static int read_file(struct reader *r)
{
    char start[6] = {0};
    cleanup_file FILE *file = fopen(r->path, "re");
    if (!file)
        return command_fail(r->command, "%s: %s", r->path, strerror(errno));
    size_t got = fread(start, 1, sizeof(start), file);
    rewind(file);
    bool array = got == sizeof(start) && memcmp(start, "\x93NUMPY", sizeof(start)) == 0;
    int rc = array ? read_array(r, file) : read_list(r, file);
    if (rc == 0 && r->truth->known == 0)
        rc = command_fail(r->command, "%s: it speaks of none of the samples", r->path);
    return rc;
}

int truth_open(struct truth *truth, const char *command, const char *path,
               const struct samples *samples, const struct model *model)
{
    struct reader r = {.truth = truth,
                       .command = command,
                       .path = path,
                       .samples = samples,
                       .model = model,
                       .classes = output_classes(model)};
    *truth = (struct truth){.classes = malloc((samples->count + 1) * sizeof(*truth->classes))};
    if (!truth->classes)
        return command_fail(command, "no memory for the right classes");
    memset(truth->classes, 0xff, samples->count * sizeof(*truth->classes));
    int rc = 0;
    if (path)
        rc = read_file(&r);
    else
        read_folders(&r);
    if (rc != 0 || truth->known == 0)
        truth_close(truth);
    return rc;
}

void truth_close(struct truth *truth)
{
    free(truth->classes);
    *truth = (struct truth){0};
}
