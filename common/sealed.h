// SPDX-License-Identifier: Apache-2.0
//
// Sealed memfds: what one process hands another so that neither can hurt the other. After sealing
// the size never changes (no SIGBUS for readers) and no new writable mapping can be made
// (F_SEAL_FUTURE_WRITE).

#ifndef QEDGE_COMMON_SEALED_H
#define QEDGE_COMMON_SEALED_H

#include <stddef.h>

// Makes a zero-filled memfd of `size` bytes with its memory reserved (no SIGBUS later when memory
// is short), maps it read-write, then seals it: the returned mapping is the only writable one there
// will ever be. 0 or -errno (-ENOSPC/-ENOMEM: no memory); on failure nothing is held. The caller
// closes *fd and munmaps *map.
int sealed_create(const char *name, size_t size, int *fd, void **map);

// As above, filled with a copy of `bytes` and sealed against writing altogether. Returns the fd or
// -errno.
int sealed_create_copy(const char *name, const void *bytes, size_t size);

// Maps somebody else's memfd PROT_READ after checking that it is sealed against shrinking and
// between min and max bytes. 0 or -errno: -EPROTO when it is not such a memfd. fd is borrowed.
int sealed_map(int fd, size_t min, size_t max, const void **map, size_t *size);

#endif
