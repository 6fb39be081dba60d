// SPDX-License-Identifier: Apache-2.0
//
// A fuzz target without libFuzzer: the kept inputs as they are, and damaged in a repeatable way.

#ifndef QEDGE_TESTS_REPLAY_H
#define QEDGE_TESTS_REPLAY_H

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define REPLAY_SIZE_MAX (1u << 20)
#define REPLAY_VARIANTS 24 // of each kept input

static uint32_t replay_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

// In memory of exactly its size, so that a sanitizer sees the first byte too far.
static void replay_bytes(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    fuzz_require(exact);
    memcpy(exact, data, size);
    fuzz_one(exact, size);
    free(exact);
}

static void replay_damaged(uint8_t *data, size_t size, uint64_t seed)
{
    uint64_t state = seed;
    uint8_t *copy = malloc(size);
    fuzz_require(copy);
    for (int i = 0; i < REPLAY_VARIANTS && size; i++) {
        memcpy(copy, data, size);
        size_t cut = i % 3 == 0 ? replay_random(&state) % size : size;
        for (uint32_t hits = replay_random(&state) % 5; hits && cut; hits--)
            copy[replay_random(&state) % cut] = (uint8_t)replay_random(&state);
        replay_bytes(copy, cut);
    }
    free(copy);
}

// False when it can not be read.
static int replay_file(const char *path)
{
    static uint8_t data[REPLAY_SIZE_MAX];
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout); // the last line names the input that was the end of it
    replay_bytes(data, size);
    replay_damaged(data, size, size);
    return 1;
}

static unsigned replay_folder(const char *folder)
{
    unsigned ran = 0;
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            ran += replay_file(path) != 0;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    // build/tests/fuzz/wire_fuzz -> tests/fuzz/corpus/wire
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    const char *end = strstr(name, "_fuzz");
    char folder[300];
    unsigned ran = 0;
    snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%.*s",
             end ? (int)(end - name) : (int)strlen(name), name);
    fuzz_start();
    for (int i = 1; i < argc; i++)
        ran += replay_file(argv[i]) != 0;
    if (argc == 1)
        ran = replay_folder(folder);
    if (ran == 0)
        fprintf(stderr, "no input in %s: run from the project's root\n", folder);
    return ran == 0;
}

#endif
