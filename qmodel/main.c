// SPDX-License-Identifier: Apache-2.0
//
// qmodel: look into, run, time, quantize, compare and import models.

#include <stdio.h>
#include <string.h>

#include "qmodel/command.h"

static const struct {
    const char *name;
    command_run *run;
    const char *help;
    const char *summary;
} commands[] = {
    {"info", command_info, command_info_help,
     "what is in a model: tensors, layers, kernels, memory"},
    {"run", command_run_model, command_run_help, "classify pictures, or run raw tensors"},
    {"bench", command_bench, command_bench_help, "time a model, as a whole or layer by layer"},
    {"quantize", command_quantize, command_quantize_help, "a float model made smaller and faster"},
    {"compare", command_compare, command_compare_help,
     "two models on the same data: how much is left"},
    {"import", command_import, command_import_help, "an ONNX model as .tflite"},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
    fprintf(to, "usage: qmodel COMMAND [OPTION...] MODEL.tflite ...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\nqmodel COMMAND --help says more; qmodel --version prints the version.\n"
                "QEDGE_CPU=c,neon,neondot,neoni8mm,avx2,avxvnni,avx512vnni limits the kernels (a "
                "list of some of these).\n"
                "Exit codes: 0 done, 1 failed (one line says what), 2 wrong usage.\n");
}

static int has_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "qmodel: no command given (try qmodel --help)\n");
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return COMMAND_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("qmodel %s\n", QEDGE_VERSION);
        return COMMAND_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (has_help(argc - 1, argv + 1)) {
            fputs(commands[i].help, stdout);
            return COMMAND_OK;
        }
        int rc = commands[i].run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 || ferror(stdout))
            return command_fail(argv[1], "cannot write the output");
        return rc;
    }
    fprintf(stderr, "qmodel: unknown command '%s' (try qmodel --help)\n", argv[1]);
    return COMMAND_USAGE;
}
