// SPDX-License-Identifier: Apache-2.0
//
// Which layers a team shares, found out by trying: the first SHARING_RUNS frames that a context
// runs with a team take turns between sharing every layer and none, each layer is timed, and the
// quicker way is kept; then whole frames are timed, and if the choice is not faster than one thread
// alone no layer is shared at all. What a layer costs, what its pieces cost on these CPUs and what
// meeting again costs are all in these times; no frame is lost and no answer differs. As others may
// have been busy just then, it all begins anew after SHARING_AGAIN frames, then after four times as
// many, and so on up to SHARING_AGAIN_MOST.

#ifndef QEDGE_ENGINE_SHARING_H
#define QEDGE_ENGINE_SHARING_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARING_WARM_UP = 2, SHARING_TRIES = 5, SHARING_RUNS = SHARING_WARM_UP + 4 * SHARING_TRIES };

enum { SHARING_AGAIN = 128, SHARING_AGAIN_MOST = 8192 };

struct sharing;

// `steps` layers. NULL: no memory. Contexts that never run at the same time with a team may use the
// same one: sharing_ref gives another reference, sharing_unref (takes NULL) drops one.
struct sharing *sharing_create(uint32_t steps);
struct sharing *sharing_ref(struct sharing *sharing);
void sharing_unref(struct sharing *sharing);

// A run begins. True while layers are to be timed: then sharing_add for each.
bool sharing_begin(struct sharing *sharing);
// In this run, is any step shared?
bool sharing_shares(const struct sharing *sharing);
// Is this step?
bool sharing_asks(const struct sharing *sharing, uint32_t step);
void sharing_add(struct sharing *sharing, uint32_t step, uint64_t ns);
// The run took so long in all.
void sharing_end(struct sharing *sharing, uint64_t ns);
// Are all frames run that the choice takes?
bool sharing_decided(const struct sharing *sharing);
// May a run share anything? If not, the team can sleep.
bool sharing_wants_team(const struct sharing *sharing);

#endif
