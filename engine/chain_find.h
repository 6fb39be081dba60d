// SPDX-License-Identifier: Apache-2.0
//
// Which layers become chains (engine/chain.h).

#ifndef QEDGE_ENGINE_CHAIN_FIND_H
#define QEDGE_ENGINE_CHAIN_FIND_H

#include "engine/build.h"

// Replaces layers that are worth it by chains, after build_layers: int8 convolutions and
// element-wise layers of which each is read by the next alone, joined by pictures that are big
// against a second-level cache of `cache` bytes. 0, or -ENOMEM with the line written.
int chain_find(struct build *build, size_t cache);

// Bytes of this machine's second-level cache, or a usual number where it is not known.
size_t chain_cache(void);

#endif
