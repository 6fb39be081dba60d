// SPDX-License-Identifier: Apache-2.0
//
// Every model at hand, broken in thousands of ways: cut short, bits flipped, numbers replaced,
// blocks moved. Each must give one clear line, or load and run. Never a crash, a hang or a read
// outside (built with ASan and UBSan the checkers watch).
//
//     model_corrupt_test [MODEL...]        QEDGE_FUZZ_SECONDS=20 in all, QEDGE_FUZZ_SEED=1
//
// Half of the hits go where the structure is: outside the constants' bytes. A crash or hang prints
// the file, seed and round, which make the same bytes again.

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "engine/context.h"
#include "engine/graph.h"
#include "engine/inspect.h"
#include "kernels/kernels.h"

#define FILES_MAX 512
#define ROUNDS_MIN 3
#define ROUND_SECONDS 30 // of CPU time: more is a hang
#define RUN_MACS_MAX 30000000u
#define RUN_ARENA_MAX (32u << 20)

static struct {
    const char *path;
    uint64_t seed;
    uint32_t round;
} now_at;

static uint64_t random_state;

static uint32_t random_u32(void)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random_state >> 32);
}

static uint32_t random_below(uint32_t n)
{
    return n ? random_u32() % n : 0;
}

static void on_signal(int number)
{
    char line[768];
    int n = snprintf(line, sizeof(line), "%s on %s, QEDGE_FUZZ_SEED=%llu, round %u\n",
                     number == SIGPROF ? "no end" : "crash", now_at.path,
                     (unsigned long long)now_at.seed, now_at.round);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(2);
    signal(number, SIG_DFL);
    raise(number == SIGPROF ? SIGKILL : number);
}

// ---- files -------------------------------------------------------------------------------------

struct file {
    char path[512];
    uint8_t *data;
    uint32_t size;
    uint32_t *structure; // positions outside the constants, sampled
    uint32_t structure_count;
};

static struct file files[FILES_MAX];
static uint32_t file_count;

static void add_file(const char *path)
{
    FILE *in = fopen(path, "re");
    struct stat st;
    if (!in || fstat(fileno(in), &st) < 0 || file_count == FILES_MAX) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    struct file *file = &files[file_count++];
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->size = (uint32_t)st.st_size;
    file->data = malloc(file->size + 1);
    if (!file->data || fread(file->data, 1, file->size, in) != file->size)
        exit(1);
    fclose(in);
}

static void add_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        struct stat st;
        const char *name = entries[i]->d_name;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        size_t length = strlen(name);
        if (name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            add_folder(path);
        else if (length > 7 && strcmp(name + length - 7, ".tflite") == 0)
            add_file(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

// Marks the constants' bytes and lists what is left.
static void find_structure(struct file *file)
{
    struct graph graph;
    struct store store = {0};
    struct model_error error;
    struct flat flat = {.data = file->data, .size = file->size};
    uint8_t *constant = calloc(file->size + 1, 1);
    if (graph_read(&graph, &flat, &store, &error) == 0)
        for (uint32_t i = 0; i < graph.tensor_count; i++)
            if (graph.tensors[i].data && graph.tensors[i].data_bytes > 64)
                memset(constant + (graph.tensors[i].data - file->data), 1,
                       graph.tensors[i].data_bytes);
    store_finish(&store);
    file->structure = malloc((file->size + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < file->size; i++)
        if (!constant[i])
            file->structure[file->structure_count++] = i;
    free(constant);
}

// ---- breaking ----------------------------------------------------------------------------------

static uint32_t position(const struct file *file, uint32_t size)
{
    if (file->structure_count && random_below(2)) {
        uint32_t at = file->structure[random_below(file->structure_count)];
        return at < size ? at : random_below(size);
    }
    return random_below(size);
}

static void put_number(uint8_t *data, uint32_t size, uint32_t at)
{
    static const uint32_t numbers[] = {0,          1,          2,          4,          0x7f,
                                       0x80,       0xff,       0x7fff,     0x8000,     0xffff,
                                       0x10000,    0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0,
                                       0x40000000, 0x7f800000, 0x7fc00000, 1000};
    uint32_t value = numbers[random_below(sizeof(numbers) / sizeof(numbers[0]))];
    if (random_below(4) == 0)
        value = random_below(size);
    uint32_t bytes = 1u << random_below(3);
    if (at > size - bytes)
        return;
    at -= at % bytes;
    memcpy(data + at, &value, bytes);
}

// Changes `data` in place; returns its new size.
static uint32_t damage(const struct file *file, uint8_t *data)
{
    uint32_t size = file->size, hits = 1u << random_below(4);
    if (size < 8)
        return size;
    if (random_below(8) == 0)
        size = 4 + random_below(size - 4);
    for (uint32_t i = 0; i < hits; i++) {
        uint32_t at = position(file, size), from = position(file, size), length = random_below(16);
        switch (random_below(5)) {
        case 0: data[at] ^= (uint8_t)(1u << random_below(8)); break;
        case 1: data[at] = (uint8_t)random_u32(); break;
        case 4:
            if (at + length <= size && from + length <= size)
                memmove(data + at, data + from, length);
            break;
        default: put_number(data, size, at);
        }
    }
    return size;
}

// ---- trying ------------------------------------------------------------------------------------

static uint32_t loaded, refused;

static bool run_model(const struct model *model)
{
    struct context *context;
    if (model_macs(model) > RUN_MACS_MAX || model_arena_size(model) > RUN_ARENA_MAX)
        return true;
    uint64_t elements = 0;
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        model_layer(model, i, &layer);
        elements += layer.output->bytes;
    }
    if (elements > RUN_ARENA_MAX)
        return true;
    if (context_create(model, 1, &context) < 0)
        return true;
    for (uint32_t i = 0; i < model_input_count(model); i++) {
        size_t bytes = model_input(model, i)->bytes;
        uint8_t *noise = malloc(bytes);
        for (size_t j = 0; j < bytes; j++)
            noise[j] = (uint8_t)random_u32();
        context_set_input(context, i, noise);
        free(noise);
    }
    context_run(context, NULL);
    volatile uint8_t sum = 0; // read all of every output
    for (uint32_t i = 0; i < model_output_count(model); i++) {
        const uint8_t *out = context_output(context, i);
        for (size_t j = 0; j < model_output(model, i)->bytes; j++)
            sum = (uint8_t)(sum + out[j]);
    }
    context_destroy(context);
    return true;
}

static void limit_round(long seconds)
{
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = seconds}}, NULL);
}

static bool try_bytes(const uint8_t *data, uint32_t size)
{
    struct model_options options = {.cpu = kernel_cpu_detect(), .arena_max = 128u << 20};
    struct model_error error = {{0}};
    struct model *model = NULL;
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    limit_round(ROUND_SECONDS);
    int rc = model_open_memory(exact, size, &options, &model, &error);
    free(exact); // nothing may refer to the file any more
    bool good = true;
    if (rc == 0) {
        loaded++;
        good = run_model(model);
        model_close(model);
    } else {
        refused++;
        good = (rc == -EINVAL || rc == -ENOTSUP || rc == -ENOMEM) && error.text[0] &&
               !strchr(error.text, '\n');
        if (!good)
            fprintf(stderr, "rc %d, '%s'\n", rc, error.text);
    }
    limit_round(0);
    return good;
}

static bool torture(struct file *file, uint64_t seed, uint64_t budget_ns)
{
    uint64_t end = clock_now_ns() + budget_ns;
    uint8_t *data = malloc(file->size + 1);
    bool good = true;
    now_at.path = file->path;
    now_at.seed = seed;
    find_structure(file);
    for (now_at.round = 0; good && (now_at.round < ROUNDS_MIN || clock_now_ns() < end);
         now_at.round++) {
        random_state = seed * 1000003 + now_at.round;
        memcpy(data, file->data, file->size);
        good = try_bytes(data, damage(file, data));
    }
    if (!good)
        fprintf(stderr, "FAILED: %s, QEDGE_FUZZ_SEED=%llu, round %u\n", file->path,
                (unsigned long long)seed, now_at.round - 1);
    free(data);
    free(file->structure);
    free(file->data);
    return good;
}

int main(int argc, char **argv)
{
    const char *seconds = getenv("QEDGE_FUZZ_SECONDS"), *seed_text = getenv("QEDGE_FUZZ_SEED");
    uint64_t budget = (seconds ? strtoull(seconds, NULL, 10) : 20) * CLOCK_NS_PER_S;
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    for (int i = 1; i < argc; i++)
        add_file(argv[i]);
    if (argc == 1) {
        add_folder("tests/golden/models");
        add_folder("models");
        uint32_t own = file_count;
        add_folder("../shared/models");
        if (file_count == own)
            printf("../shared/models is not here: only the project's own models are tried\n");
    }
    if (file_count == 0) {
        fprintf(stderr, "no model found: run from the project's root\n");
        return 1;
    }
    signal(SIGPROF, on_signal);
    for (size_t i = 0; i < 5; i++)
        signal((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}[i], on_signal);
    bool good = true;
    for (uint32_t i = 0; i < file_count; i++)
        good = torture(&files[i], seed, budget / file_count) && good;
    printf("%u files, %u variants: %u refused, %u ran\n", file_count, loaded + refused, refused,
           loaded);
    return good ? 0 : 1;
}
