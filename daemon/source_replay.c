// SPDX-License-Identifier: Apache-2.0
//
// Frames from files: one picture, a folder of pictures in the order of their names, a .y4m or an
// .mjpeg.
//
// Pictures are decoded once and kept while they fit into a budget; what does not fit is decoded
// each time it comes round. Frames of .y4m and .mjpeg are lent straight from the mapped file.

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/pacer.h"
#include "daemon/source.h"
#include "imaging/decode.h"

#define PLACES 160           // more frames than mailboxes and workers can hold at once
#define KEEP_MAX (48u << 20) // bytes of decoded pictures kept
#define FILES_MAX 100000

struct entry {
    char *path;
    struct picture picture; // memory == NULL: not kept
    char *trouble;          // why it can not be read, until that is said
    bool bad;
};

struct place {
    struct frame frame; // first: release gets this address
    struct picture own; // of a picture that is not kept
};

struct replay {
    struct pacer pacer;
    struct config_source config;
    struct source *source;
    struct framefile *file; // NULL: pictures
    struct entry *entries;
    size_t entry_count, at, kept_bytes;
    size_t bad_in_row;
    bool good; // some picture was read
    uint64_t number;
    struct place places[PLACES];
};

// ---- the list of pictures --------------------------------------------------

static int select_picture(const struct dirent *entry)
{
    return picture_is_named(entry->d_name);
}

static int list_folder(struct replay *self, struct source_trouble *trouble)
{
    struct dirent **names = NULL;
    int count = scandir(self->config.path, &names, select_picture, alphasort);
    if (count < 0)
        return -errno;
    int status = 0;
    self->entries = calloc((size_t)count + 1, sizeof(*self->entries));
    for (int i = 0; i < count; i++) {
        char *path;
        if (self->entries && i < FILES_MAX &&
            asprintf(&path, "%s/%s", self->config.path, names[i]->d_name) > 0)
            self->entries[self->entry_count++].path = path;
        else
            status = i < FILES_MAX ? -ENOMEM : -E2BIG;
        free(names[i]);
    }
    free(names);
    if (count == 0) {
        snprintf(trouble->reason, sizeof(trouble->reason), "no pictures in %.120s",
                 self->config.path);
        return -ENOENT;
    }
    return status;
}

static int list_one(struct replay *self)
{
    self->entries = calloc(1, sizeof(*self->entries));
    if (!self->entries || !(self->entries[0].path = strdup(self->config.path)))
        return -ENOMEM;
    self->entry_count = 1;
    return 0;
}

static bool is_container(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".y4m") == 0 || strcasecmp(dot, ".mjpeg") == 0 ||
                   strcasecmp(dot, ".mjpg") == 0);
}

// ---- life ------------------------------------------------------------------

static void replay_close(void *arg)
{
    struct replay *self = arg;
    framefile_close(self->file);
    for (size_t i = 0; i < self->entry_count; i++) {
        picture_finish(&self->entries[i].picture);
        free(self->entries[i].path);
        free(self->entries[i].trouble);
    }
    free(self->entries);
    for (size_t i = 0; i < PLACES; i++)
        picture_finish(&self->places[i].own);
    free(self);
}

static void set_hint(int status, struct source_trouble *trouble)
{
    const char *hint = "source.path: these files are broken, or of a kind that is not read";
    if (status == -EACCES || status == -EPERM)
        hint = "qedged's user must be allowed to read it; the service sees nothing of /home";
    else if (status == -ENOENT || status == -ENOTDIR)
        hint = "source.path must name pictures, a .y4m or an .mjpeg; it is looked for again every second";
    else if (status == -ENOMEM || status == -E2BIG)
        hint = "fewer or smaller pictures in source.path";
    snprintf(trouble->hint, sizeof(trouble->hint), "%s", hint);
}

static int open_files(struct replay *self, struct source_trouble *trouble)
{
    struct decode_error error = {{0}};
    struct stat stat_buffer;
    int status;
    if (stat(self->config.path, &stat_buffer) < 0)
        status = -errno;
    else if (S_ISDIR(stat_buffer.st_mode))
        status = list_folder(self, trouble);
    else if (!S_ISREG(stat_buffer.st_mode))
        status = -EINVAL;
    else if (is_container(self->config.path))
        status = framefile_open(self->config.path, &self->file, &error);
    else
        status = list_one(self);
    if (status < 0 && !trouble->reason[0])
        snprintf(trouble->reason, sizeof(trouble->reason), "%.100s: %.50s", self->config.path,
                 error.text[0] ? error.text : strerror(-status));
    if (status < 0)
        set_hint(status, trouble);
    return status;
}

static int replay_open(const struct config_source *config, struct source *source, int wake_fd,
                       void **result, struct source_trouble *trouble)
{
    struct replay *self = calloc(1, sizeof(*self));
    if (!self) {
        snprintf(trouble->reason, sizeof(trouble->reason), "no memory");
        return -ENOMEM;
    }
    self->config = *config;
    self->source = source;
    int status = open_files(self, trouble);
    if (status < 0) {
        replay_close(self);
        return status;
    }
    double rate = self->file ? framefile_rate(self->file) : 0;
    if (config->fps != CONFIG_FPS_AUTO)
        rate = config->fps;
    pacer_init(&self->pacer, rate == 0 ? 30 : rate, wake_fd);
    *result = self;
    return 0;
}

// ---- frames ----------------------------------------------------------------

static struct place *free_place(struct replay *self)
{
    for (size_t i = 0; i < PLACES; i++)
        if (atomic_load_explicit(&self->places[i].frame.refs, memory_order_acquire) == 0)
            return &self->places[i];
    return NULL;
}

static size_t picture_bytes(const struct image *image)
{
    return image->size[0] + image->size[1] + image->size[2];
}

// Each is said once; of nothing but bad ones the trouble says enough, however often it is tried.
static void say_bad_ones(struct replay *self)
{
    for (size_t i = 0; self->good && i < self->entry_count; i++) {
        struct entry *entry = &self->entries[i];
        if (entry->trouble)
            log_warning("source replay: %s; skipped", entry->trouble);
        free(entry->trouble);
        entry->trouble = NULL;
    }
}

static int load_picture(struct replay *self, struct entry *entry, struct place *place)
{
    struct decode_error error;
    if (entry->picture.memory) {
        place->frame.image = entry->picture.image;
        return 0;
    }
    picture_finish(&place->own);
    memset(&place->own, 0, sizeof(place->own));
    int status = picture_read(entry->path, &place->own, &error);
    if (status < 0) {
        memset(&place->own, 0, sizeof(place->own));
        if (!entry->bad)
            entry->trouble = strdup(error.text);
        entry->bad = true;
        say_bad_ones(self);
        return status;
    }
    if (!self->good) {
        self->good = true;
        say_bad_ones(self);
    }
    place->frame.image = place->own.image;
    if (self->kept_bytes + picture_bytes(&place->own.image) <= KEEP_MAX) {
        self->kept_bytes += picture_bytes(&place->own.image);
        entry->picture = place->own;
        memset(&place->own, 0, sizeof(place->own));
    }
    return 0;
}

static int next_picture(struct replay *self, struct place *place, struct source_trouble *trouble)
{
    if (self->at == self->entry_count) {
        if (!self->config.loop)
            return 1;
        self->at = 0;
    }
    int status = load_picture(self, &self->entries[self->at], place);
    self->at++;
    if (status == 0) {
        self->bad_in_row = 0;
        return 0;
    }
    if (++self->bad_in_row < self->entry_count)
        return -EBADMSG;
    snprintf(trouble->reason, sizeof(trouble->reason), "nothing in %.110s can be read",
             self->config.path);
    self->bad_in_row = 0;
    set_hint(-EBADMSG, trouble);
    return status == -EBADMSG ? -EINVAL : status;
}

static int next_in_file(struct replay *self, struct place *place, struct source_trouble *trouble)
{
    struct decode_error error;
    int status = framefile_next(self->file, &place->frame.image, &error);
    if (status == 1 && self->config.loop) {
        framefile_rewind(self->file);
        status = framefile_next(self->file, &place->frame.image, &error);
        if (status == 1) {
            snprintf(trouble->reason, sizeof(trouble->reason), "%.120s holds no frame",
                     self->config.path);
            set_hint(-EBADMSG, trouble);
            return -EINVAL;
        }
    }
    return status;
}

static int replay_next(void *arg, int wait_ms, struct frame **frame, struct source_trouble *trouble)
{
    struct replay *self = arg;
    int status = pacer_wait(&self->pacer, wait_ms);
    struct place *place = status == 0 ? free_place(self) : NULL;
    if (!place)
        return -EAGAIN;
    uint64_t due = self->pacer.due_ns, now = pacer_take(&self->pacer);
    status = self->file ? next_in_file(self, place, trouble) : next_picture(self, place, trouble);
    if (status != 0)
        return status;
    place->frame.source = self->source;
    place->frame.number = self->number++;
    place->frame.sensor_ns = due < now ? due : now;
    place->frame.dequeued_ns = clock_now_ns();
    *frame = &place->frame;
    return 0;
}

static void replay_release(void *arg, struct frame *frame)
{
    (void)arg;
    (void)frame; // its place is free when nobody refers to it
}

static void replay_describe(const void *arg, char *text, size_t size)
{
    const struct replay *self = arg;
    char rate[32];
    pacer_describe(&self->pacer, rate, sizeof(rate));
    if (self->file)
        snprintf(text, size, "%.200s %s", self->config.path, rate);
    else
        snprintf(text, size, "%.200s %zu picture%s %s", self->config.path, self->entry_count,
                 self->entry_count == 1 ? "" : "s", rate);
}

const struct source_kind source_replay = {.name = "replay",
                                          .open = replay_open,
                                          .next = replay_next,
                                          .release = replay_release,
                                          .close = replay_close,
                                          .describe = replay_describe};
