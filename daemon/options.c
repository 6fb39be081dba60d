// SPDX-License-Identifier: Apache-2.0

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "Usage: qedged [--config FILE] [--check] [--version]\n"
    "Classifies what cameras see and publishes the results to other programs.\n"
    "\n"
    "  -c, --config FILE  settings (default " OPTIONS_CONFIG_DEFAULT "; see qedged.yaml(5))\n"
    "      --check        read the settings and load the models, tell all that is wrong, and end\n"
    "      --version      print the version and end\n"
    "  -h, --help         print this and end\n"
    "\n"
    "Exit status: 0 stopped in order, 1 failed, 64 wrong usage, 78 settings or a model are wrong.\n"
    "SIGHUP reads the settings again; SIGTERM and SIGINT stop. QEDGE_CPU=c,neon,... limits the kernels.\n";

int options_parse(int count, char **words, struct options *options)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, 'k'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    *options = (struct options){.config = OPTIONS_CONFIG_DEFAULT};
    while ((option = getopt_long(count, words, "c:h", known, NULL)) != -1) {
        switch (option) {
        case 'c': options->config = optarg; break;
        case 'k': options->check = true; break;
        case 'v': puts("qedged " QEDGE_VERSION); return 1;
        case 'h': fputs(help, stdout); return 1;
        default: fputs("Try 'qedged --help'.\n", stderr); return -EINVAL;
        }
    }
    if (optind < count) {
        fprintf(stderr, "qedged: no such argument: %s\nTry 'qedged --help'.\n", words[optind]);
        return -EINVAL;
    }
    return 0;
}
