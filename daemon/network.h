// SPDX-License-Identifier: Apache-2.0
//
// A model as streams use it: the file, its labels, how a frame becomes its input, and one context
// for each worker. Immutable once made and counted by reference: a reload makes a new one beside it
// and swaps pointers, jobs at hand finish on the old one.

#ifndef QEDGE_DAEMON_NETWORK_H
#define QEDGE_DAEMON_NETWORK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config.h"
#include "engine/context.h"
#include "engine/model.h"
#include "imaging/convert.h"

struct network_identity { // of the files it was made from: a changed file is a changed model
    dev_t device[2];
    ino_t inode[2];
    off_t size[2];
    struct timespec changed[2];
};

struct network {
    _Atomic int32_t refs;
    uint64_t number; // no two networks of a process have the same
    struct config_model config;
    struct network_identity identity;
    struct model *model;
    struct convert_target target;
    uint32_t thread_count;
    struct context **contexts; // one a worker, each used by that worker only
    const char **labels;       // label_count texts: the model's, or those of a file:
    char **label_texts;        // owned; NULL: they are the model's
    uint32_t label_count;
};

struct network_error {
    char text[900];
};

// Opens, checks, packs, and makes a context for each of `threads` workers. 0; else -errno with one
// line that names file, what and where, and nothing held. Takes its time: not on the loop.
int network_create(const struct config_model *config, uint32_t threads, struct network **network,
                   struct network_error *error);
struct network *network_ref(struct network *network);
// The last one frees it. Takes NULL.
void network_unref(struct network *network);

// Would network_create with these settings give the same again?
bool network_is_current(const struct network *network, const struct config_model *config);
const char *network_label(const struct network *network, uint32_t index); // "" when there is none
// Kernels that models may use on this machine: what it has, limited by QEDGE_CPU. -EINVAL:
// QEDGE_CPU is wrong.
int network_cpu(uint32_t *mask, struct network_error *error);

#endif
