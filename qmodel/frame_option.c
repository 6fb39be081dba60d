// SPDX-License-Identifier: Apache-2.0
#include "qmodel/frame_option.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "qmodel/command.h"

static enum image_format format_named(const char *name)
{
    static const struct {
        const char *fourcc;
        enum image_format format;
    } others[] = {{"YU12", IMAGE_I420},
                  {"422P", IMAGE_I422},
                  {"RGB3", IMAGE_RGB24},
                  {"BGR3", IMAGE_BGR24},
                  {"XR24", IMAGE_XBGR32}};
    for (enum image_format format = IMAGE_GREY; format <= IMAGE_I444; format++)
        if (format != IMAGE_JPEG && strcmp(name, image_format_name(format)) == 0)
            return format;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(name, others[i].fourcc) == 0)
            return others[i].format;
    return IMAGE_NONE;
}

// The words after the size, each once at most and in any order.
static bool parse_colour(const char *text, struct image *frame)
{
    char words[32];
    if (strlen(text) >= sizeof(words))
        return false;
    strcpy(words, text);
    char *rest = NULL;
    for (char *word = strtok_r(words, ":", &rest); word; word = strtok_r(NULL, ":", &rest)) {
        if (strcmp(word, "bt601") == 0)
            frame->matrix = IMAGE_BT601;
        else if (strcmp(word, "bt709") == 0)
            frame->matrix = IMAGE_BT709;
        else if (strcmp(word, "full") == 0)
            frame->range = IMAGE_FULL;
        else if (strcmp(word, "limited") == 0)
            frame->range = IMAGE_LIMITED;
        else
            return false;
    }
    return true;
}

int frame_option_parse(const char *command, const char *text, struct image *frame)
{
    char name[8];
    int width, height, used = 0;
    *frame = (struct image){0};
    if (strcmp(text, "MJPG") == 0) { // says the rest itself
        frame->format = IMAGE_JPEG;
        frame->range = IMAGE_FULL;
        return 0;
    }
    if (sscanf(text, "%7[A-Z0-9a-z]:%5dx%5d%n", name, &width, &height, &used) != 3 ||
        (text[used] != '\0' && text[used] != ':'))
        return command_usage(command, "--frame takes FORMAT:WIDTHxHEIGHT or MJPG, not '%s'", text);
    frame->format = format_named(name);
    if (frame->format == IMAGE_NONE)
        return command_usage(
            command, "--frame: unknown format '%s' (YUYV, UYVY, NV12, YU12, GREY, RGB3 ...)", name);
    if (width < 1 || height < 1 || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX)
        return command_usage(command, "--frame: %d x %d is no picture size", width, height);
    frame->width = width;
    frame->height = height;
    frame->range = frame->format == IMAGE_GREY ? IMAGE_FULL : IMAGE_LIMITED;
    if (!parse_colour(text + used, frame))
        return command_usage(command,
                             "--frame: after the size come bt601, bt709, limited, full, not '%s'",
                             text + used + 1);
    return 0;
}
