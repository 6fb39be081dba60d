// SPDX-License-Identifier: Apache-2.0
//
// The ONNX models of tests/golden/onnx, broken in thousands of ways: each must give one clear line,
// or a .tflite that the engine opens or refuses with one. Built with ASan and UBSan the checkers
// watch.
//
//     onnx_corrupt_test [MODEL.onnx...]        QEDGE_FUZZ_SECONDS=6 in all, QEDGE_FUZZ_SEED=1

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "engine/model.h"
#include "engine/tflite_writer.h"
#include "qmodel/onnx_import.h"

#define FILES_MAX 256
#define FILE_BYTES_MAX (1 << 16)
#define ROUNDS_MIN 20
#define ROUND_SECONDS 30 // of CPU time: more is a hang, and SIGPROF ends the program

struct file {
    char path[300];
    uint8_t data[FILE_BYTES_MAX];
    uint32_t size;
};

static struct file *files[FILES_MAX];
static uint32_t file_count, imported, refused;
static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return n ? (uint32_t)(random_state >> 32) % n : 0;
}

static void add_file(const char *path)
{
    struct file *file = calloc(1, sizeof(*file));
    FILE *in = fopen(path, "rbe");
    if (!file || !in || file_count == FILES_MAX) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->size = (uint32_t)fread(file->data, 1, sizeof(file->data), in);
    fclose(in);
    files[file_count++] = file;
}

static void add_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[300];
        size_t length = strlen(entries[i]->d_name);
        snprintf(path, sizeof(path), "%s/%.200s", folder, entries[i]->d_name);
        if (length > 5 && strcmp(entries[i]->d_name + length - 5, ".onnx") == 0)
            add_file(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

// Bytes of another file too: fields that are valid by themselves in places where they are not.
static uint32_t damage(const struct file *file, uint8_t *data)
{
    uint32_t size = file->size, hits = 1u << random_below(4);
    memcpy(data, file->data, size);
    for (uint32_t i = 0; i < hits && size > 1; i++) {
        uint32_t at = random_below(size), length = 1 + random_below(12);
        const struct file *other = files[random_below(file_count)];
        uint32_t from = random_below(other->size);
        switch (random_below(6)) {
        case 0: data[at] ^= (uint8_t)(1u << random_below(8)); break;
        case 1: data[at] = (uint8_t)random_below(256); break;
        case 2: data[at] = (uint8_t[]){0, 1, 0x7f, 0x80, 0xff, 7}[random_below(6)]; break;
        case 3: memset(data + at, 0xff, length < size - at ? length : size - at); break;
        case 4: size = random_below(8) ? size : at; break;
        default:
            if (at + length <= size && from + length <= other->size)
                memcpy(data + at, other->data + from, length);
        }
    }
    return size;
}

static bool one_line(int rc, const struct model_error *error)
{
    bool good = (rc == -EINVAL || rc == -ENOTSUP || rc == -ENOMEM) && error->text[0] &&
                !strchr(error->text, '\n');
    if (!good)
        fprintf(stderr, "rc %d, '%s'\n", rc, error->text);
    return good;
}

static bool try_bytes(const uint8_t *data, uint32_t size)
{
    struct model_error error = {{0}};
    struct draft draft;
    struct model *model;
    uint8_t *exact = malloc(size + !size), *bytes = NULL;
    size_t written = 0;
    memcpy(exact, data, size);
    int rc = onnx_import(exact, size, NULL, &draft, &error);
    free(exact); // nothing may refer to the file any more
    refused += rc < 0;
    if (rc < 0)
        return one_line(rc, &error);
    imported++;
    rc = tflite_write(&draft, &bytes, &written);
    draft_finish(&draft);
    if (rc == 0)
        rc = model_open_memory(bytes, written, &(struct model_options){.arena_max = 64u << 20},
                               &model, &error);
    free(bytes);
    if (rc == 0)
        model_close(model);
    return rc == 0 || one_line(rc, &error);
}

static void limit_round(long seconds)
{
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = seconds}}, NULL);
}

static bool torture(const struct file *file, uint64_t seed, uint64_t end)
{
    static uint8_t data[FILE_BYTES_MAX];
    for (uint32_t round = 0; round < ROUNDS_MIN || clock_now_ns() < end; round++) {
        random_state = seed * 1000003 + round;
        limit_round(ROUND_SECONDS);
        if (!try_bytes(data, damage(file, data))) {
            fprintf(stderr, "FAILED: %s, QEDGE_FUZZ_SEED=%llu, round %u\n", file->path,
                    (unsigned long long)seed, round);
            return false;
        }
        limit_round(0);
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *seconds = getenv("QEDGE_FUZZ_SECONDS"), *seed_text = getenv("QEDGE_FUZZ_SEED");
    uint64_t budget = (seconds ? strtoull(seconds, NULL, 10) : 6) * CLOCK_NS_PER_S;
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    for (int i = 1; i < argc; i++)
        add_file(argv[i]);
    if (argc == 1)
        add_folder("tests/golden/onnx");
    if (file_count == 0) {
        fprintf(stderr, "no model found: run from the project's root\n");
        return 1;
    }
    bool good = true;
    for (uint32_t i = 0; i < file_count; i++)
        good = torture(files[i], seed, clock_now_ns() + budget / file_count) && good;
    printf("%u files, %u variants: %u refused, %u imported\n", file_count, refused + imported,
           refused, imported);
    for (uint32_t i = 0; i < file_count; i++)
        free(files[i]);
    return good && imported && refused ? 0 : 1;
}
