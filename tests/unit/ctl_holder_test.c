// SPDX-License-Identifier: Apache-2.0
// qctl says who has a camera when the daemon could not see it.
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/ask.h"
#include "ctl/holder.h"

// One stream with this reason, of a daemon that is process pid.
static struct json_object *status_make(const char *reason, long pid)
{
    char text[400];
    snprintf(text, sizeof(text),
             "{\"pid\":%ld,\"streams\":[{\"name\":\"a\",\"reason\":\"%s\","
             "\"hint\":\"as it was\"}]}",
             pid, reason);
    struct json_object *status = json_tokener_parse(text);
    assert_non_null(status);
    return status;
}

static void expect(const char *reason, long pid, const char *completed, const char *hint)
{
    struct json_object *status = status_make(reason, pid);
    holder_name(status);
    struct json_object *stream = ask_item(status, "streams", 0);
    assert_string_equal(ask_string(stream, "reason"), completed);
    assert_non_null(strstr(ask_string(stream, "hint"), hint));
    json_object_put(status);
}

// A file stands for the camera; a child has it, then the daemon itself, then nobody.
static void test_holder(void **state)
{
    (void)state;
    char path[] = "/tmp/qedge-holder.XXXXXX", unseen[128], seen[160], name[80];
    int fd = mkstemp(path), ready[2];
    assert_true(fd >= 0 && pipe(ready) == 0);
    snprintf(unseen, sizeof(unseen), "%s: in use by another program", path);
    snprintf(seen, sizeof(seen), "%s: unplugged", path);
    expect(seen, 1, seen, "as it was"); // another trouble
    prctl(PR_SET_NAME, "ctl_holder_test"); // under an emulator it has that one's name
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ready[1]);
        _exit(read(ready[0], &byte, 1) < 0);
    }
    close(fd);
    close(ready[0]);
    snprintf(name, sizeof(name), "(process %d)", (int)child);
    snprintf(seen, sizeof(seen), "%s: in use by ctl_holder_test %s", path, name);
    expect(unseen, 1, seen, name);
    expect(unseen, child, unseen, "as it was"); // the daemon looks at it itself
    close(ready[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect(unseen, 1, unseen, "as it was");
    unlink(path);
    expect(unseen, 1, unseen, "as it was");
}

// Nothing in an answer that is not as expected does harm.
static void test_odd_answers(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{}", "{\"streams\":7}", "{\"streams\":[3, null, {}]}",
        "{\"pid\":\"x\",\"streams\":[{\"reason\":\": in use by another program\"}]}"};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct json_object *status = json_tokener_parse(answers[i]);
        holder_name(status);
        json_object_put(status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holder),
        cmocka_unit_test(test_odd_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
