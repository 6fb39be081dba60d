// SPDX-License-Identifier: Apache-2.0
//
// One instance of a model that can run: an arena, used by one job at a time. Everything is
// allocated in context_create; context_run allocates nothing, locks nothing, makes no syscall and
// cannot fail.

#ifndef QEDGE_ENGINE_CONTEXT_H
#define QEDGE_ENGINE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/model.h"

struct context;
struct team; // engine/team.h: threads that share one frame's layers

// Borrows the model until context_destroy. `threads` = most members of a team this context will run
// with. Which layers a team shares is found out in its first CONTEXT_TRIAL_RUNS runs with one
// (engine/sharing.h): times before are not those it will have.
#define CONTEXT_TRIAL_RUNS 22
int context_create(const struct model *model, uint32_t threads, struct context **context);
// Another one of the same model and threads, which needs no trials of its own: the two never run
// with a team at the same time.
int context_create_like(const struct context *context, struct context **created);
void context_destroy(struct context *context);

// Where a pre-processor writes model_native_input()'s values. Rewrite it before every run.
void *context_native_input(struct context *context);
// Or give an input exactly as the file declares it (model_input(i)->bytes of it): converted and
// copied.
void context_set_input(struct context *context, uint32_t index, const void *data);

// Runs all layers. team == NULL: on this thread alone. A team is woken and laid to rest (team.h).
void context_run(struct context *context, struct team *team);

// Would the next run with a team share any layer? If so, team_wake may be called before.
bool context_wants_team(const struct context *context);

// Result as the file declares it, model_output(i)->bytes; valid until the next run.
const void *context_output(const struct context *context, uint32_t index);

// Per-layer times: NULL = off. `ns` has model_layer_count() (engine/inspect.h) elements, the last
// run's nanoseconds go there.
void context_profile(struct context *context, uint64_t *ns);

// Called on the running thread after each layer, for each of its outputs while it is in memory;
// `tensor` is its index in the file. Tensors that a layer was fused away with are not seen, those
// inside a chain neither (model_options.no_chains). The memory is the context's own: what a watcher
// writes there is what the next layers read. NULL = nobody (the default).
typedef void context_watcher(void *arg, int32_t tensor, const void *data);
void context_watch(struct context *context, context_watcher *watcher, void *arg);

#endif
