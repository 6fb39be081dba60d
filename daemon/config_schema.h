// SPDX-License-Identifier: Apache-2.0
//
// The table of all keys: type, default, unit, range, meaning. What a key's value may be is written
// once.

#ifndef QEDGE_DAEMON_CONFIG_SCHEMA_H
#define QEDGE_DAEMON_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"

enum config_kind {
    CONFIG_TEXT, // min..max characters
    CONFIG_NAME, // letters, digits, '.', '_', '-'
    CONFIG_INT,  // min..max
    CONFIG_BOOL,
    CONFIG_CHOICE,  // one of `choices`
    CONFIG_POWER2,  // a power of two, min..max
    CONFIG_THREADS, // auto or min..max
    CONFIG_CPUS,    // all, or a list such as 0-2,5
    CONFIG_SIZE,    // auto or WIDTHxHEIGHT
    CONFIG_FPS,     // auto, max, or min..max
    CONFIG_VALUES,  // one number or three, each min..max
    CONFIG_NUMBER,  // min..max
    CONFIG_LIMIT,   // off (0) or min..max
};

struct config_choice {
    const char *word;
    int32_t value;
};

struct config_key {
    const char *path; // "workers.threads", "streams[].source.fps"
    enum config_kind kind;
    size_t offset, size; // in struct config, or in struct config_stream for "streams[]."
    const char
        *initial;     // default as it would stand in the file; NULL = must be given; "" = see doc
    const char *unit; // "" = none
    double min, max;
    const struct config_choice *choices; // ends with word == NULL
    uint32_t only; // source types (1 << enum config_source_type) that have this key; 0 = all
    const char *doc;
};

// All keys; those of a group stand together.
const struct config_key *config_schema(size_t *count);
// The key with this path and its place in the table; NULL (*row as it was): there is none.
const struct config_key *config_schema_find(const char *path, size_t *row);
// Is `path` followed by `mark` ("." or "[].") the start of some key?
bool config_schema_is_group(const char *path, const char *mark);
// The words that a group knows, for people: of prefix "streams[]." "name, source, model, …". Cut
// where `size` ends.
void config_schema_words(const char *prefix, char *text, size_t size);
// What a value of this key must be, in words: "a whole number from 1 to 16".
void config_key_expect(const struct config_key *key, char *text, size_t size);
// Sets the key's field in base (struct config or struct config_stream) from text. 0 or -EINVAL
// (unchanged).
int config_key_set(const struct config_key *key, void *base, const char *text);
// For CONFIG_VALUES: sets value number `index` of `count`.
int config_key_set_value(const struct config_key *key, void *base, int32_t count, int32_t index,
                         const char *text);

#endif
