// SPDX-License-Identifier: Apache-2.0
//
// `qctl snapshot`: the frame behind a result as a PNG or JPEG, with its labels drawn on it.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/output_file.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/overlay.h"
#include "ctl/paint.h"
#include "ctl/result_json.h"
#include "imaging/encode.h"
#include "qclient.h"

#define PICTURE_TIMEOUT_MS 10000
#define JPEG_QUALITY 92
#define LINES_MAX 5
#define SHOWN_SCORE 0.005 // rounds to 0.00

_Static_assert((int)QCLIENT_GREY == (int)IMAGE_GREY && (int)QCLIENT_RGB24 == (int)IMAGE_RGB24 &&
                   (int)QCLIENT_BGR24 == (int)IMAGE_BGR24 &&
                   (int)QCLIENT_XBGR32 == (int)IMAGE_XBGR32 &&
                   (int)QCLIENT_YUYV == (int)IMAGE_YUYV && (int)QCLIENT_UYVY == (int)IMAGE_UYVY &&
                   (int)QCLIENT_NV12 == (int)IMAGE_NV12 && (int)QCLIENT_NV21 == (int)IMAGE_NV21 &&
                   (int)QCLIENT_I420 == (int)IMAGE_I420 && (int)QCLIENT_YV12 == (int)IMAGE_YV12 &&
                   (int)QCLIENT_I422 == (int)IMAGE_I422 && (int)QCLIENT_JPEG == (int)IMAGE_JPEG &&
                   (int)QCLIENT_I444 == (int)IMAGE_I444,
               "one numbering of formats");

enum file_kind { FILE_UNKNOWN, FILE_PNG, FILE_JPEG };

static enum file_kind kind_parse(const char *word)
{
    if (strcasecmp(word, "png") == 0)
        return FILE_PNG;
    return strcasecmp(word, "jpg") == 0 || strcasecmp(word, "jpeg") == 0 ? FILE_JPEG : FILE_UNKNOWN;
}

// --format, else the file's extension.
static enum file_kind kind_choose(const struct ctl_settings *settings)
{
    const char *dot = strrchr(settings->output, '.');
    if (settings->format)
        return kind_parse(settings->format);
    return dot && !strchr(dot, '/') ? kind_parse(dot + 1) : FILE_UNKNOWN;
}

static int usage_complain(const char *text)
{
    fprintf(stderr, "qctl: snapshot: %s (qctl --help)\n", text);
    return CTL_EXIT_USAGE;
}

static int usage_check(const struct ctl_settings *settings)
{
    if (!settings->output)
        return usage_complain("needs -o FILE.png or FILE.jpg");
    if (kind_choose(settings) == FILE_UNKNOWN)
        return usage_complain(settings->format
                                  ? "--format takes png or jpg"
                                  : "png or jpg? give FILE that extension, or --format");
    if (strcmp(settings->output, "-") == 0 && (settings->json || isatty(STDOUT_FILENO)))
        return usage_complain(settings->json ? "--json and -o - do not go together"
                                             : "a picture does not go to a terminal");
    return 0;
}

// ---- asking ----

static int snapshot_complain(const struct ctl_settings *settings, int error)
{
    const char *text = error == -EACCES ? "this stream shares no pictures (snapshots: false), or "
                                          "this user is not in the group that qedged serves"
                       : error == -ETIMEDOUT  ? "no result came; does the stream run? (qctl status)"
                       : error == -EPIPE      ? "the stream has ended"
                       : error == -EFBIG      ? "the frame is larger than 64 MiB"
                       : error == -EOPNOTSUPP ? "this qedged is too old for pictures"
                                              : NULL;
    if (!text)
        return ctl_complain(settings, error, NULL);
    fprintf(stderr, "qctl: snapshot: %s\n", text);
    return CTL_EXIT_FAILED;
}

static int picture_ask(const struct ctl_settings *settings, const char *stream,
                       struct qclient_picture **picture)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = settings->socket,
                                      .stream = stream,
                                      .name = "qctl snapshot",
                                      .connect_timeout_ms = settings->wait_ms};
    int status = qclient_snapshot(&options, PICTURE_TIMEOUT_MS + settings->wait_ms, picture);
    return status == 0 ? 0 : snapshot_complain(settings, status);
}

// ---- drawing ----

static int image_of(const struct qclient_picture *picture, struct image *image)
{
    if (picture->format == QCLIENT_JPEG) {
        *image = (struct image){.format = IMAGE_JPEG,
                                .planes = {picture->pixels},
                                .size = {picture->bytes}};
        return 0;
    }
    int status = image_from_buffer(image, (enum image_format)picture->format, picture->width,
                                   picture->height, 0, picture->pixels, picture->bytes);
    image->matrix = (enum image_matrix)picture->matrix;
    image->range = (enum image_range)picture->range;
    return status;
}

static void hit_text(const struct qclient_picture *picture, uint32_t hit, char *text, size_t size)
{
    const struct qclient_hit *one = &picture->result.hits[hit];
    if (*picture->labels[hit])
        snprintf(text, size, "%.2f %s", (double)one->score, picture->labels[hit]);
    else
        snprintf(text, size, "%.2f class %u", (double)one->score, one->label);
}

static void labels_draw(const struct qclient_picture *picture, struct picture *rendered)
{
    char texts[LINES_MAX][1024];
    const char *lines[LINES_MAX];
    const struct qclient_result *result = &picture->result;
    unsigned count = 0;
    struct overlay_box box;
    struct overlay_canvas canvas = {.pixels = rendered->memory,
                                    .width = rendered->image.width,
                                    .height = rendered->image.height};
    for (uint32_t i = 0; i < result->hit_count && count < LINES_MAX; i++) {
        double score = (double)result->hits[i].score;
        if (i > 0 && !(score >= SHOWN_SCORE))
            break;
        hit_text(picture, i, texts[count], sizeof(texts[0]));
        lines[count] = texts[count];
        count++;
    }
    if (count > 0)
        overlay_draw(&canvas, lines, count, &box);
}

static int picture_encode(const struct ctl_settings *settings,
                          const struct qclient_picture *picture, struct encoded *file,
                          struct image *size)
{
    struct image image;
    struct picture rendered;
    struct decode_error error = {.text = "not a whole picture"};
    int status = image_of(picture, &image);
    if (status == 0)
        status = picture_render(&image, &rendered, &error);
    if (status == 0) {
        if (!settings->plain)
            labels_draw(picture, &rendered);
        *size = rendered.image;
        status = kind_choose(settings) == FILE_PNG
                     ? png_encode(&rendered.image, file, &error)
                     : jpeg_encode(&rendered.image, JPEG_QUALITY, file, &error);
        picture_finish(&rendered);
    }
    if (status < 0)
        fprintf(stderr, "qctl: snapshot: %s\n", error.text);
    return status;
}

// ---- telling ----

static void said_json(const struct ctl_settings *settings, const struct qclient_picture *picture,
                      const struct image *size)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "file", json_object_new_string(settings->output));
    json_object_object_add(root, "stream", json_object_new_string(picture->stream));
    json_object_object_add(root, "width", json_object_new_int(size->width));
    json_object_object_add(root, "height", json_object_new_int(size->height));
    json_object_object_add(root, "sequence", json_object_new_uint64(picture->result.sequence));
    json_object_object_add(root, "frame", json_object_new_uint64(picture->result.frame));
    json_object_object_add(root, "hits", result_json_hits(&picture->result, picture->labels));
    ask_print(root);
    json_object_put(root);
}

static void said(const struct ctl_settings *settings, const struct qclient_picture *picture,
                 const struct image *size)
{
    struct paint_line line;
    char hit[1024];
    paint_begin(&line);
    paint_text(&line, PAINT_BOLD, settings->output);
    paint_format(&line, PAINT_PLAIN, "  %d x %d  %s #%llu ", size->width, size->height,
                 picture->stream, (unsigned long long)picture->result.sequence);
    if (picture->result.hit_count > 0) {
        hit_text(picture, 0, hit, sizeof(hit));
        paint_text(&line, PAINT_PLAIN, " ");
        paint_text(&line, PAINT_PLAIN, hit);
    }
    paint_end(&line);
}

int ctl_snapshot(const struct ctl_settings *settings, const char *stream)
{
    struct qclient_picture *picture;
    struct encoded file = {0};
    struct image size = {0};
    int code = usage_check(settings);
    if (code == 0)
        code = picture_ask(settings, stream, &picture);
    if (code != 0)
        return code;
    int status = picture_encode(settings, picture, &file, &size);
    if (status == 0) {
        status = strcmp(settings->output, "-") == 0
                     ? output_file_fill(STDOUT_FILENO, file.data, file.size)
                     : output_file_write(settings->output, file.data, file.size);
        if (status < 0)
            fprintf(stderr, "qctl: %s: %s\n", settings->output, strerror(-status));
    }
    if (status == 0 && settings->json)
        said_json(settings, picture, &size);
    else if (status == 0 && strcmp(settings->output, "-") != 0)
        said(settings, picture, &size);
    encoded_finish(&file);
    qclient_picture_free(picture);
    return status < 0 ? CTL_EXIT_FAILED : CTL_EXIT_OK;
}
