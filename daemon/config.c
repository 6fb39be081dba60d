// SPDX-License-Identifier: Apache-2.0
//
// qedged.yaml -> document (libyaml) -> struct config (config_document.c).

#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "common/cleanup.h"
#include "daemon/config_document.h"

#define FILE_MAX (1 << 20)
#define DEPTH_MAX 16 // groups within groups; the schema needs four

// libyaml takes quadratic time over groups nested without end: look at the depth first, event by
// event.
static bool depth_is_sane(const char *name, const void *data, size_t size,
                          struct config_errors *errors)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return true; // no memory: the real reading says so
    yaml_parser_set_input_string(&parser, data, size);
    int depth = 0;
    yaml_event_type_t type = YAML_NO_EVENT;
    while (depth <= DEPTH_MAX && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event))
            break; // not YAML: the real reading says where
        type = event.type;
        depth += (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) -
                 (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT);
        yaml_event_delete(&event);
    }
    if (depth > DEPTH_MAX)
        config_errors_add_at(errors, name, parser.mark.line + 1, parser.mark.column + 1,
                             "groups nested more than %d deep", DEPTH_MAX);
    yaml_parser_delete(&parser);
    return depth <= DEPTH_MAX;
}

int config_parse(const char *name, const void *data, size_t size, struct config *config,
                 struct config_errors *errors)
{
    if (!depth_is_sane(name, data, size, errors))
        return -EINVAL;
    yaml_parser_t parser;
    yaml_document_t document;
    struct config *fresh = calloc(1, sizeof(*fresh));
    if (!fresh || !yaml_parser_initialize(&parser)) {
        free(fresh);
        config_errors_add_at(errors, name, 1, 1, "no memory to read it");
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, data, size);
    int status = -EINVAL;
    if (!yaml_parser_load(&parser, &document)) {
        status = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
        config_errors_add_at(errors, name, parser.problem_mark.line + 1,
                             parser.problem_mark.column + 1, "not YAML: %s",
                             parser.problem ? parser.problem : "out of memory");
    } else {
        config_document_read(name, &document, fresh, errors);
        yaml_document_delete(&document);
        if (errors->count == 0) {
            *config = *fresh;
            status = 0;
        }
    }
    free(fresh);
    yaml_parser_delete(&parser);
    return status;
}

int config_load(const char *path, struct config *config, struct config_errors *errors)
{
    int status;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        status = -errno;
        config_errors_add_at(errors, path, 1, 1, "can not be read: %s", strerror(-status));
        return status;
    }
    if (!S_ISREG(stat.st_mode) || stat.st_size > FILE_MAX) {
        config_errors_add_at(errors, path, 1, 1, "expected a YAML file of at most 1 MiB, not %s",
                             S_ISDIR(stat.st_mode)   ? "a folder"
                             : S_ISREG(stat.st_mode) ? "a larger one"
                                                     : "a device, socket or pipe");
        return -EINVAL;
    }
    char *data = malloc((size_t)stat.st_size + 1);
    if (!data) {
        config_errors_add_at(errors, path, 1, 1, "no memory to read it");
        return -ENOMEM;
    }
    ssize_t length = read(fd, data, (size_t)stat.st_size);
    if (length < 0) {
        status = -errno;
        config_errors_add_at(errors, path, 1, 1, "can not be read: %s", strerror(-status));
    } else {
        status = config_parse(path, data, (size_t)length, config, errors);
    }
    free(data);
    return status;
}
