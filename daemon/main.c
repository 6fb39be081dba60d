// SPDX-License-Identifier: Apache-2.0
//
// qedged: options, settings, then the service until it is told to stop.

#include <stdlib.h>

#include "common/log.h"
#include "daemon/config.h"
#include "daemon/heap.h"
#include "daemon/options.h"
#include "daemon/service.h"

#define EXIT_USAGE 64

static void say_errors(const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        log_error("%s", errors->lines[i]);
}

int main(int count, char **words)
{
    struct options options;
    struct config_errors errors = {0};
    log_init("qedged");
    heap_settle();
    int status = options_parse(count, words, &options);
    if (status != 0)
        return status > 0 ? EXIT_SUCCESS : EXIT_USAGE;
    struct config *config = calloc(1, sizeof(*config));
    if (!config) {
        log_error("no memory");
        return SERVICE_FAILED;
    }
    status = config_load(options.config, config, &errors);
    if (status < 0) {
        say_errors(&errors);
        config_errors_finish(&errors);
        free(config);
        return service_load_code(status);
    }
    log_set_level((enum log_level)config->log_level);
    if (!options.check)
        return service_run(options.config, config);
    int code = service_check(config);
    if (code == SERVICE_OK)
        log_info("%s: good, %d stream%s", options.config, config->stream_count,
                 config->stream_count == 1 ? "" : "s");
    free(config);
    return code;
}
