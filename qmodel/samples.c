// SPDX-License-Identifier: Apache-2.0
#include "qmodel/samples.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "imaging/decode.h"
#include "qmodel/command.h"
#include "qmodel/ring_frames.h"

#define SAMPLES_MAX 1000000

// ---- pictures ---------------------------------------------------------------

static int add_name(struct samples *s, const char *folder, size_t folder_length, const char *name)
{
    if ((s->count & (s->count - 1)) == 0) { // full at every power of two
        char **more = reallocarray(s->names, s->count ? 2 * s->count : 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        s->names = more;
    }
    if (s->count == SAMPLES_MAX)
        return -E2BIG;
    if (name[0] == '/')
        folder_length = 0;
    if (asprintf(&s->names[s->count], "%.*s%s", (int)folder_length, folder, name) < 0)
        return -ENOMEM;
    s->count++;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_files(struct samples *s, const char *path)
{
    cleanup_free char *folder = NULL;
    if (asprintf(&folder, "%s/", path) < 0)
        return -ENOMEM;
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        struct stat st;
        if (picture_is_named(entry->d_name) && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
            S_ISREG(st.st_mode))
            rc = add_name(s, folder, strlen(folder), entry->d_name);
    }
    closedir(dir);
    return rc;
}

static int read_class_folders(struct samples *s, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        struct stat st;
        cleanup_free char *folder = NULL;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        rc = asprintf(&folder, "%s/%s", path, entry->d_name) < 0 ? -ENOMEM : read_files(s, folder);
    }
    closedir(dir);
    return rc;
}

static int read_folder(struct samples *s, const char *path)
{
    int rc = read_files(s, path);
    if (rc == 0 && s->count == 0)
        rc = read_class_folders(s, path);
    if (s->count)
        qsort(s->names, s->count, sizeof(*s->names), compare_names);
    return rc;
}

static int read_list(struct samples *s, const char *path, FILE *file)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *line = NULL;
    size_t capacity = 0;
    int rc = 0;
    for (ssize_t n; rc == 0 && (n = getline(&line, &capacity, file)) >= 0;) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = '\0';
        if (strlen(line) != (size_t)n)
            rc = -EILSEQ; // a picture itself, say
        else if (n > 0)
            rc = add_name(s, path, slash ? (size_t)(slash - path) + 1 : 0, line);
    }
    return rc == 0 && ferror(file) ? -EIO : rc;
}

static int open_pictures(struct samples *s, const struct model *model,
                         const struct picture_options *options)
{
    s->pictures = true;
    if (picture_input_target(model, options, &s->target) < 0)
        return command_fail(
            s->command,
            "%s: the model's input is not one picture of 1 or 3 channels: give a .npy file",
            s->path);
    if (s->count == 0)
        return command_fail(s->command, "%s: no picture in it", s->path);
    return 0;
}

// ---- .npy -------------------------------------------------------------------

// "{'descr': '<f4', 'fortran_order': False, 'shape': (200, 96, 96, 3), }": the shape's numbers.
static int parse_header(const char *header, int64_t dims[8], int *rank)
{
    const char *at = strstr(header, "'shape':");
    if (!strstr(header, "'<f4'") || !strstr(header, "'fortran_order': False") || !at ||
        !(at = strchr(at, '(')))
        return -EINVAL;
    *rank = 0;
    for (at++; *at && *at != ')' && *rank < 8;) {
        char *end;
        errno = 0;
        int64_t n = strtoll(at, &end, 10);
        if (end == at || errno || n < 0 || n > INT32_MAX)
            return -EINVAL;
        dims[(*rank)++] = n;
        at = end + strspn(end, ", ");
    }
    return *at == ')' ? 0 : -EINVAL;
}

// How many inputs the array holds; 0 when it does not fit the model.
static int64_t count_tensors(const int64_t *dims, int rank, const struct tensor_info *in)
{
    int32_t from = in->rank && in->dims[0] == 1 ? 1
                                                : 0; // the batch of one may be the samples' axis
    for (int lead = 0; lead <= 1; lead++) {
        for (int32_t skip = 0; skip <= from; skip++) {
            int32_t d = 0;
            while (rank - lead == in->rank - skip && d < in->rank - skip &&
                   dims[lead + d] == in->dims[skip + d])
                d++;
            if (rank - lead == in->rank - skip && d == in->rank - skip)
                return lead ? dims[0] : 1;
        }
    }
    return 0;
}

static int open_tensors(struct samples *s, const struct model *model)
{
    uint8_t prefix[12];
    char header[1024] = {0}, want[128];
    int64_t dims[8];
    int rank;
    struct stat st;
    if (fread(prefix, 1, 10, s->tensors) != 10)
        return command_fail(s->command, "%s: a .npy file without a header", s->path);
    size_t length = prefix[8] | (size_t)prefix[9] << 8, more = prefix[6] > 1 ? 2 : 0;
    if (length >= sizeof(header) || fread(prefix + 10, 1, more, s->tensors) != more ||
        fread(header, 1, length, s->tensors) != length || parse_header(header, dims, &rank) < 0)
        return command_fail(s->command, "%s: not a .npy file of float32 in C order", s->path);
    const struct tensor_info *in = model_native_input(model);
    int64_t count = count_tensors(dims, rank, in);
    size_t at = (size_t)snprintf(want, sizeof(want), "[n");
    for (int32_t d = in->rank && in->dims[0] == 1 ? 1 : 0; d < in->rank && at < sizeof(want); d++)
        at += (size_t)snprintf(want + at, sizeof(want) - at, ", %d", in->dims[d]);
    if (count == 0 || count > SAMPLES_MAX)
        return command_fail(s->command, "%s: its shape is not %s], as the model's input wants it",
                            s->path, want);
    s->count = (uint32_t)count;
    s->elements = in->bytes / (in->type == TENSOR_FLOAT32 ? sizeof(float) : 1);
    s->input = in;
    s->tensor = malloc(s->elements * sizeof(float));
    if (!s->tensor)
        return command_fail(s->command, "%s: no memory for a tensor", s->path);
    s->first = ftell(s->tensors);
    if (fstat(fileno(s->tensors), &st) < 0 ||
        st.st_size - s->first < (off_t)(s->elements * sizeof(float) * s->count))
        return command_fail(s->command, "%s: shorter than its header says", s->path);
    return 0;
}

// ---- both -------------------------------------------------------------------

static int open_any(struct samples *s, const struct model *model,
                    const struct picture_options *options)
{
    static const char magic[6] = "\x93NUMPY";
    struct stat st;
    char start[6] = {0};
    enum tensor_type type = model_native_input(model)->type;
    if (model_input_count(model) != 1 || (type != TENSOR_FLOAT32 && type != TENSOR_INT8))
        return command_fail(
            s->command,
            "the model has not one input of float or int8: there is no data format for it");
    if (ring_frames_is(s->path)) {
        int rc = ring_frames_take(s->command, s->path, &s->count);
        return rc != 0 ? rc : open_pictures(s, model, options);
    }
    if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        int rc = read_folder(s, s->path);
        return rc < 0 ? command_fail(s->command, "%s: %s", s->path, strerror(-rc))
                      : open_pictures(s, model, options);
    }
    FILE *file = fopen(s->path, "re");
    if (!file)
        return command_fail(s->command, "%s: %s", s->path, strerror(errno));
    size_t got = fread(start, 1, sizeof(start), file);
    rewind(file);
    if (got == sizeof(start) && memcmp(start, magic, sizeof(magic)) == 0) {
        s->tensors = file;
        return open_tensors(s, model);
    }
    int rc = read_list(s, s->path, file);
    fclose(file);
    if (rc == -EILSEQ)
        return command_fail(
            s->command, "%s: not a folder, a .npy file or a text file with a picture a line",
            s->path);
    return rc < 0 ? command_fail(s->command, "%s: %s", s->path, strerror(-rc))
                  : open_pictures(s, model, options);
}

int samples_open(struct samples *samples, const char *command, const char *path,
                 const struct model *model, const struct picture_options *options)
{
    *samples = (struct samples){.command = command, .path = path};
    int rc = open_any(samples, model, options);
    if (rc != 0)
        samples_close(samples);
    return rc;
}

void samples_close(struct samples *s)
{
    for (uint32_t i = 0; s->names && i < s->count; i++)
        free(s->names[i]);
    free(s->names);
    free(s->tensor);
    if (s->tensors)
        fclose(s->tensors);
    *s = (struct samples){0};
}

static void set_input(const struct samples *s, void *native)
{
    const struct tensor_info *in = s->input;
    int8_t *steps = native;
    if (in->type == TENSOR_FLOAT32) {
        memcpy(native, s->tensor, s->elements * sizeof(float));
        return;
    }
    for (size_t i = 0; i < s->elements; i++) {
        float q = rintf(s->tensor[i] / in->scale) + (float)in->zero_point;
        steps[i] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q == q ? q : 0);
    }
}

int samples_load(struct samples *s, uint32_t index, struct context *context)
{
    struct picture_error error;
    if (!s->pictures) {
        off_t at = s->first + (off_t)index * (off_t)(s->elements * sizeof(float));
        if (fseeko(s->tensors, at, SEEK_SET) < 0 ||
            fread(s->tensor, sizeof(float), s->elements, s->tensors) != s->elements)
            return command_fail(s->command, "%s: tensor %u cannot be read", s->path, index);
        set_input(s, context_native_input(context));
        return 0;
    }
    if (!s->names) {
        struct image image;
        int rc = ring_frames_get(index, &image);
        if (rc < 0)
            return command_fail(s->command, "%s: picture %u: %s", s->path, index, strerror(-rc));
        if (picture_input_convert(&s->target, &image, s->path, context, &error) < 0)
            return command_fail(s->command, "%s", error.text);
        return 0;
    }
    if (picture_input_load(&s->target, &(const struct image){0}, s->names[index], context, &error) <
        0)
        return command_fail(s->command, "%s", error.text);
    return 0;
}

const char *samples_name(const struct samples *s, uint32_t index)
{
    return s->names ? s->names[index] : NULL;
}

bool samples_bounds(const struct samples *s, float *low, float *high)
{
    if (!s->pictures)
        return false;
    for (int32_t c = 0; c < s->target.channels; c++) {
        float from = (0 - s->target.mean[c]) / s->target.std[c],
              to = (255 - s->target.mean[c]) / s->target.std[c];
        *low = c == 0 || from < *low ? from : *low;
        *high = c == 0 || to > *high ? to : *high;
    }
    return true;
}
