// SPDX-License-Identifier: Apache-2.0
//
// make_seeds FOLDER: first inputs for the fuzz targets that are not simply files, made from the
// project's own files: FOLDER/{metadata,control,client,picture}/….

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/wire.h"
#include "engine/archive.h"
#include "engine/flatbuf.h"

static const char *folder;

static FILE *seed_open(const char *target, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static uint8_t *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        exit(1);
    fclose(file);
    return bytes;
}

static void seed_write(const char *target, const char *name, const void *bytes, size_t size)
{
    FILE *file = seed_open(target, name);
    fwrite(bytes, 1, size, file);
    fclose(file);
}

// ---- metadata: the default model's FlatBuffer "M001" and its zip ----

static void make_metadata(const char *model)
{
    size_t size;
    uint8_t *bytes = file_read(model, &size);
    struct archive archive;
    uint8_t *found = memmem(bytes, size, "M001", 4);
    if (!found || archive_open(&archive, bytes, size) != 0)
        exit(1);
    // the identifier is at byte 4 of the buffer; its length stands before it
    uint32_t length;
    memcpy(&length, found - 8, sizeof(length));
    FILE *file = seed_open("metadata", "default_model");
    fwrite(&length, sizeof(length), 1, file);
    fwrite(found - 4, 1, length, file);
    fwrite(bytes + archive.base, 1, size - archive.base, file);
    fclose(file);
    free(bytes);
}

// ---- pictures: a byte that chooses before the file ----

static void put_picture(const char *name, uint8_t kind, const void *bytes, size_t size, int times)
{
    FILE *file = seed_open("picture", name);
    fputc(kind, file);
    for (int i = 0; i < times; i++)
        fwrite(bytes, 1, size, file);
    fclose(file);
}

static void make_bmp(const char *name, int bits, bool top_down)
{
    uint8_t file[54 + 1024 + 16 * 12 * 4] = {'B', 'M'};
    uint32_t table = bits == 8 ? 1024 : 0, width = 15, height = 12;
    uint32_t row = (width * (uint32_t)bits / 8 + 3) & ~3u, offset = 54 + table;
    int32_t signed_height = top_down ? -(int32_t)height : (int32_t)height;
    uint32_t size = offset + row * height;
    memcpy(file + 2, &size, 4);
    memcpy(file + 10, &offset, 4);
    memcpy(file + 14, &(uint32_t){40}, 4);
    memcpy(file + 18, &width, 4);
    memcpy(file + 22, &signed_height, 4);
    file[26] = 1;
    file[28] = (uint8_t)bits;
    for (uint32_t i = 54; i < size; i++)
        file[i] = (uint8_t)(i * 7);
    put_picture(name, 0, file, size, 1);
}

static void make_y4m(const char *name, const char *tag, size_t frame)
{
    char file[2000];
    int head = snprintf(file, sizeof(file), "YUV4MPEG2 W16 H12 F30:1 Ip %s\n", tag);
    size_t at = (size_t)head;
    for (int i = 0; i < 2; i++) {
        memcpy(file + at, "FRAME\n", 6);
        memset(file + at + 6, 100 + i, frame);
        at += 6 + frame;
    }
    put_picture(name, 2, file, at, 1);
}

static void make_pictures(int count, char **paths)
{
    static const char pgm[] = "P5\n# text\n4 3\n255\nabcdefghijkl",
                      ppm[] = "P6 2 1 65535\nabcdefghijkl";
    put_picture("a.pgm", 0, pgm, sizeof(pgm) - 1, 1);
    put_picture("a.ppm", 0, ppm, sizeof(ppm) - 1, 1);
    make_bmp("8.bmp", 8, false);
    make_bmp("24.bmp", 24, true);
    make_bmp("32.bmp", 32, false);
    make_y4m("420.y4m", "C420jpeg XCOLORRANGE=FULL", 16 * 12 * 3 / 2);
    make_y4m("444.y4m", "C444", 16 * 12 * 3);
    make_y4m("mono.y4m", "Cmono", 16 * 12);
    for (int i = 0; i < count; i++) {
        const char *name = strrchr(paths[i], '/') ? strrchr(paths[i], '/') + 1 : paths[i];
        char other[300];
        size_t size;
        uint8_t *bytes = file_read(paths[i], &size);
        put_picture(name, 0, bytes, size, 1);
        if (bytes[0] == 0xff) {
            snprintf(other, sizeof(other), "%s.camera", name);
            put_picture(other, 1 | 20 << 2, bytes, size, 1);
            snprintf(other, sizeof(other), "%s.mjpeg", name);
            put_picture(other, 3, bytes, size, 2);
        }
        free(bytes);
    }
}

// ---- the control socket ----

static void put_request(FILE *file, const char *text)
{
    char padded[256] = "";
    snprintf(padded, sizeof(padded), "%s", text);
    fputc(1 << 2, file);
    fputc(WIRE_REQUEST, file);
    fputc(2, file);
    fwrite(padded, 1, sizeof(padded), file);
}

static void make_control(void)
{
    static const char *const requests[] = {"status",  "streams", "clients",
                                           "version", "reload",  "?"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        char name[40];
        snprintf(name, sizeof(name), "request%zu", i);
        FILE *file = seed_open("control", name);
        fputs("\x18\x1c", file); // HELLO, SUBSCRIBE
        put_request(file, requests[i]);
        fputs("\x10\x0c", file); // read, hang up
        fclose(file);
    }
    // many of all kinds: two clients, descriptors, silence
    seed_write("control", "mixed", "\x18\x19\x1c\x1d\x1c\x10\x11\x0d\x14\x2a\x01\x00", 12);
    struct wire_report report;
    wire_init(&report, WIRE_REPORT, sizeof(report), 0);
    FILE *file = seed_open("control", "raw");
    fputc(6 << 2, file);
    fputc(0, file);
    fputc(sizeof(report), file);
    fputc(0, file);
    fwrite(&report, sizeof(report), 1, file);
    fclose(file);
}

static void make_client(void)
{
    seed_write("client", "life", "\x01\x02\x00\x00\x07\x03\x07\x05\x0a\x08\x0a", 11);
    seed_write("client", "events", "\x01\x02\x00\x00\x0c\x02\x00\x01\x07\x0b\x0a\x04\x01\x0b\x0a",
               15);
    seed_write("client", "again", "\x01\x02\x00\x00\x07\x01\x0a\x02\x00\x08\x0a\x07\x01\x0a", 14);
    seed_write("client", "wrong", "\x01\x02\x01\x00\x01\x02\x03\x00\x02\x15\x01", 11);
    seed_write(
        "client", "scribble",
        "\x01\x02\x00\x00\x07\x01\x05\x40\x00\x03\x11\x22\x33\x44\x55\x66\x77\x88\xff\xff\xff"
        "\xff\x01\x02\x03\x04\x0a\x06\x10\x00\x00\xff\xff\xff\xff\x0a",
        36);
    FILE *file = seed_open("client", "labels");
    struct {
        uint64_t magic;
        uint32_t words[14];
        uint32_t starts[2];
        char text[4];
    } table = {0x314c4542414c4451ull, {1, 64, 1, 1, 72, 4}, {0, 4}, "cat"};
    fwrite("\x01\x02\x00\x00\x07\x41", 1, 6, file);
    fputc(9, file);
    fputc(sizeof(table) & 0xff, file);
    fputc(sizeof(table) >> 8, file);
    fwrite(&table, sizeof(table), 1, file);
    fwrite("\x01\x07\x41\x0a", 1, 4, file);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: make_seeds FOLDER MODEL PICTURE...\n");
        return 2;
    }
    folder = argv[1];
    make_metadata(argv[2]);
    make_pictures(argc - 3, argv + 3);
    make_control();
    make_client();
    return 0;
}
