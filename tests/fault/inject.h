// SPDX-License-Identifier: Apache-2.0
//
// Failure on demand: the n-th call of anything that can fail (memory, descriptors, mappings,
// threads, devices, sockets) by the threads under test fails with the error that a full machine
// gives. Test programs in tests/fault/ are linked with --wrap for every function in inject.list;
// libraries (libuv, libyaml, libc inside) keep theirs.
//
//     for (unsigned n = 1;; n++) {
//         inject_arm(n, INJECT_ONE);
//         … use the program …
//         if (!inject_disarm())
//             break;                      // the whole way, and no call was left to fail
//         … nothing leaked, nothing half-done, something was said …
//     }

#ifndef QEDGE_TESTS_INJECT_H
#define QEDGE_TESTS_INJECT_H

#include <stdbool.h>

enum inject_mode {
    INJECT_ONE,  // the n-th call only: a moment's shortage
    INJECT_FROM, // the n-th and every later one, until disarmed: the ways back fail as well
};

// Which threads count: none until they say so; a thread that one of them starts is one, too.
void inject_enter(void);
void inject_leave(void);

void inject_arm(unsigned n, enum inject_mode mode);
// True when a call has failed since arming.
bool inject_disarm(void);
// Name of the function that failed (the first one), "" when none did.
const char *inject_name(void);
// Calls seen since arming.
unsigned inject_count(void);

// Errors and warnings logged since arming; the last one's text.
unsigned inject_log_count(void);
const char *inject_log_text(void);

// Of our own close() calls since the start, those of descriptors that were closed before: while
// other threads open theirs, that takes one of them away.
unsigned inject_bad_closes(void);

// Mappings of memfds that the process has; tests/unit/fds_open.h counts its descriptors.
unsigned inject_memfd_maps(void);

#endif
