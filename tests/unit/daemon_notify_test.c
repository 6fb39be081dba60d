// SPDX-License-Identifier: Apache-2.0
//
// What systemd is told when its queue is full for a moment: nothing blocks, READY=1 and the newest
// STATUS come later.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"

#define MANY 2000 // more than any queue of datagrams holds

static int listen_as_systemd(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    return fd;
}

// How many of what waits there are this text; takes all.
static int count(int fd, const char *wanted)
{
    char text[600];
    ssize_t length;
    int found = 0;
    while ((length = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
        text[length] = '\0';
        found += strcmp(text, wanted) == 0;
    }
    return found;
}

static void test_full_queue(void **state)
{
    (void)state;
    struct notify notify;
    char name[64];
    snprintf(name, sizeof(name), "@qedge-notify-test-%d", (int)getpid());
    int fd = listen_as_systemd(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_init(&notify);

    notify_ready(&notify); // room: once
    notify_status(&notify, "%d", 1);
    assert_int_equal(count(fd, "READY=1"), 1);

    for (int i = 0; i < MANY; i++) // none
        notify_send(&notify, "WATCHDOG=1");
    notify_ready(&notify);
    notify_status(&notify, "%d", 2);
    assert_int_equal(count(fd, "READY=1"), 0);
    notify_status(&notify, "%d", 2); // the same as before, which nobody has got
    char text[600] = "";
    assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
    assert_string_equal(text, "READY=1");
    assert_int_equal(count(fd, "STATUS=2"), 1);
    notify_status(&notify, "%d", 2);
    assert_int_equal(recv(fd, text, sizeof(text), 0), -1); // said once

    // a reload begins before READY=1 is through: another one follows it
    for (int i = 0; i < MANY; i++)
        notify_send(&notify, "WATCHDOG=1");
    notify_ready(&notify);
    count(fd, "");
    notify_reloading(&notify);
    notify_status(&notify, "%d", 3);
    assert_int_equal(count(fd, "READY=1"), 0);

    notify_finish(&notify);
    close(fd);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct notify notify;
    unsetenv("NOTIFY_SOCKET");
    notify_init(&notify);
    notify_ready(&notify);
    notify_reloading(&notify);
    notify_status(&notify, "%d", 1);
    assert_false(notify.ready_due);
    notify_finish(&notify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
