// SPDX-License-Identifier: Apache-2.0
//
// `qctl check CONFIG`: becomes `qedged --check --config CONFIG`, the only judge of a configuration.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

static void run(const char *program, const char *config)
{
    execl(program, "qedged", "--check", "--config", config, (char *)NULL);
}

// Beside qctl (a build folder), in the sbin of its prefix, in PATH, in the places that PATH often
// lacks.
int ctl_check(const char *config)
{
    static const char *const beside[] = {"/qedged", "/../sbin/qedged"};
    char own[4096], path[4096 + 32];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (length > 0) {
        own[length] = '\0';
        *strrchr(own, '/') = '\0';
        for (unsigned i = 0; i < 2; i++) {
            snprintf(path, sizeof(path), "%s%s", own, beside[i]);
            run(path, config);
        }
    }
    execlp("qedged", "qedged", "--check", "--config", config, (char *)NULL);
    run("/usr/local/sbin/qedged", config);
    run("/usr/sbin/qedged", config);
    fprintf(stderr, "qctl: can not run qedged: %s\n", strerror(errno));
    return CTL_EXIT_FAILED;
}
