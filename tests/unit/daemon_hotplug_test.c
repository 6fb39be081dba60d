// SPDX-License-Identifier: Apache-2.0
//
// Cameras that are plugged in: inotify of the real kernel on a folder that stands for /dev, names
// that come as udev makes them, and the whole daemon, whose waiting source tries again at once.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/config.h"
#include "daemon/hotplug.h"
#include "daemon/service.h"
#include "daemon/v4l2_device.h"
#include "tests/unit/fds_open.h"

#define LIMIT_MS 60000
#define QUIET_MS 300 // six times what a name is given to settle

// ---- a folder that stands for / ---------------------------------------------

static char root[64];

static const char *below(const char *name)
{
    static char paths[2][256];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof(paths[turn]), "%s%s", root, name);
    return paths[turn];
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(below(name), 0755), 0);
}

static void make_file(const char *name)
{
    int fd = open(below(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void make_link(const char *name)
{
    assert_int_equal(symlink("../../video0", below(name)), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/qedge-hotplug.XXXXXX");
    log_set_level(LOG_LEVEL_ERROR);
    return mkdtemp(root) && mkdir(below("/dev"), 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

// ---- the watch on a loop of its own ------------------------------------------

struct rig {
    uv_loop_t loop;
    uv_timer_t limit;
    struct hotplug hotplug;
    unsigned fds, woken;
};

static void on_wake(void *arg)
{
    struct rig *rig = arg;
    rig->woken++;
    uv_stop(&rig->loop);
}

static void on_limit(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void rig_start(struct rig *rig)
{
    *rig = (struct rig){0};
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    uv_timer_init(&rig->loop, &rig->limit);
    rig->fds = fds_open(); // libuv keeps some of its own
    hotplug_start(&rig->hotplug, root, &rig->loop, on_wake, rig);
    assert_true(rig->hotplug.fd >= 0);
}

static void rig_stop(struct rig *rig)
{
    hotplug_stop(&rig->hotplug);
    uv_close((uv_handle_t *)&rig->limit, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(fds_open(), rig->fds);
    assert_int_equal(uv_loop_close(&rig->loop), 0); // every handle was closed
}

static unsigned wakes(struct rig *rig, unsigned within_ms)
{
    rig->woken = 0;
    uv_update_time(&rig->loop);
    uv_timer_start(&rig->limit, on_limit, within_ms, 0);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&rig->limit);
    return rig->woken;
}

// What was done since the last call wakes whoever waits for a camera; `what` names it.
static void expect_wake(struct rig *rig, const char *what)
{
    if (wakes(rig, LIMIT_MS) != 1)
        fail_msg("nobody is woken by %s", what);
}

static void expect_quiet(struct rig *rig, const char *what)
{
    if (wakes(rig, QUIET_MS) != 0)
        fail_msg("woken by %s", what);
}

// ---- names -------------------------------------------------------------------

static void test_nodes(void **state)
{
    struct rig rig;
    (void)state;
    make_file("/dev/video7"); // was there before
    rig_start(&rig);
    expect_quiet(&rig, "nothing");
    make_file("/dev/video0");
    expect_wake(&rig, "a new node");
    assert_int_equal(chmod(below("/dev/video0"), 0660), 0);
    expect_wake(&rig, "a node that we may open from now on");
    make_file("/dev/video1");
    make_file("/dev/video2");
    expect_wake(&rig, "two new nodes");
    expect_quiet(&rig, "two new nodes once more");
    assert_int_equal(unlink(below("/dev/video0")), 0);
    expect_quiet(&rig, "a node that went");
    make_file("/dev/video0");
    expect_wake(&rig, "a node that came back");
    rig_stop(&rig);
}

static void test_other_devices(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    make_file("/dev/ttyUSB0");
    make_file("/dev/sda1");
    expect_quiet(&rig, "what is no camera");
    make_file("/dev/video0"); // and the watch has outlived them
    expect_wake(&rig, "a new node after other devices");
    rig_stop(&rig);
}

// As udev makes them: a link of another name first, which is then renamed.
static void test_renamed(void **state)
{
    struct rig rig;
    (void)state;
    make_folder("/dev/v4l");
    make_folder("/dev/v4l/by-id");
    make_folder("/dev/v4l/by-path");
    make_file("/dev/fresh");
    make_link("/dev/v4l/by-id/.#cam");
    rig_start(&rig);
    assert_int_equal(rename(below("/dev/fresh"), below("/dev/video3")), 0);
    expect_wake(&rig, "a node that got its name by rename");
    assert_int_equal(
        rename(below("/dev/v4l/by-id/.#cam"), below("/dev/v4l/by-id/usb-Cam-video-index0")), 0);
    expect_wake(&rig, "a renamed link in by-id");
    make_link("/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0");
    expect_wake(&rig, "a link in by-path");
    rig_stop(&rig);
}

// ---- folders -----------------------------------------------------------------

// The first camera of a machine: udev makes /dev/v4l and what is in it one after the other.
static void test_folders_later(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    make_folder("/dev/v4l");
    expect_wake(&rig, "/dev/v4l");
    make_folder("/dev/v4l/by-id");
    expect_wake(&rig, "by-id");
    make_link("/dev/v4l/by-id/usb-Cam-video-index0");
    expect_wake(&rig, "a link in a by-id that came later");
    make_folder("/dev/v4l/by-path");
    expect_wake(&rig, "by-path");
    make_link("/dev/v4l/by-path/platform-csi-video-index0");
    expect_wake(&rig, "a link in a by-path that came later");
    rig_stop(&rig);
}

// … or all before the loop gets to look once.
static void test_folders_at_once(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    make_folder("/dev/v4l");
    make_folder("/dev/v4l/by-id");
    make_link("/dev/v4l/by-id/usb-Cam-video-index0");
    expect_wake(&rig, "folders and a link at once");
    make_link("/dev/v4l/by-id/usb-Other-video-index0");
    expect_wake(&rig, "a second link");
    rig_stop(&rig);
}

// The last camera goes, and udev removes the folders; then one comes back.
static void test_folders_again(void **state)
{
    struct rig rig;
    (void)state;
    make_folder("/dev/v4l");
    make_folder("/dev/v4l/by-id");
    make_link("/dev/v4l/by-id/usb-Cam-video-index0");
    rig_start(&rig);
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(unlink(below("/dev/v4l/by-id/usb-Cam-video-index0")), 0);
        assert_int_equal(rmdir(below("/dev/v4l/by-id")), 0);
        assert_int_equal(rmdir(below("/dev/v4l")), 0);
        expect_quiet(&rig, "folders that went");
        make_folder("/dev/v4l");
        expect_wake(&rig, "/dev/v4l, made again");
        make_folder("/dev/v4l/by-id");
        expect_wake(&rig, "by-id, made again");
        make_link("/dev/v4l/by-id/usb-Cam-video-index0");
        expect_wake(&rig, "a link in a by-id that was made again");
    }
    rig_stop(&rig);
}

// ---- the whole daemon ----------------------------------------------------------

#define NAP_MS 10
#define TURNS 10

static atomic_int opens;

static int no_camera(const char *path)
{
    (void)path;
    atomic_fetch_add(&opens, 1);
    return -ENOENT;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000}, NULL);
}

// How many naps until there were more than `seen` tries. On a machine that is slow or stands still
// naps are longer, too.
static unsigned naps_until_tried(int seen)
{
    unsigned naps = 0;
    for (; atomic_load(&opens) <= seen && naps < LIMIT_MS / NAP_MS; naps++)
        nap();
    assert_true(atomic_load(&opens) > seen);
    return naps;
}

static void *daemon_thread(void *arg)
{
    static char path[256];
    struct config_errors errors = {0};
    struct config *config = calloc(1, sizeof(*config));
    snprintf(path, sizeof(path), "%s/qedged.yaml", root);
    int status = config ? config_load(path, config, &errors) : -ENOMEM;
    *(int *)arg = status < 0 ? SERVICE_BAD_CONFIG : service_run(path, config);
    config_errors_finish(&errors);
    return NULL;
}

// By its back-off alone a source tries once a second; here each new node makes it try at once.
static void test_daemon(void **state)
{
    static const struct v4l2_device_ops absent = {.name = "absent", .open = no_camera};
    static int code = -1;
    pthread_t thread;
    (void)state;
    v4l2_device_direct = &absent;
    v4l2_device_fallback = NULL;
    FILE *file = fopen(below("/qedged.yaml"), "w");
    assert_non_null(file);
    fprintf(file,
            "socket: %s/socket\nworkers: {threads: 1}\nlog_level: error\n"
            "streams: [{name: cam, source: {type: v4l2, device: /dev/video0},\n"
            "           model: {path: tests/golden/models/conv_same.tflite}}]\n",
            root);
    fclose(file);
    setenv("QEDGE_ROOT", root, 1);
    assert_int_equal(pthread_create(&thread, NULL, daemon_thread, &code), 0);
    naps_until_tried(4); // its back-off has grown to a second
    unsigned naps = 0;
    for (int i = 0; i < TURNS; i++) {
        char name[32];
        int seen = atomic_load(&opens);
        snprintf(name, sizeof(name), "/dev/video%d", i);
        make_file(name);
        naps += naps_until_tried(seen);
    }
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    assert_int_equal(code, SERVICE_OK);
    if (naps > TURNS * 1000 / NAP_MS / 2)
        fail_msg("%u naps of %d ms for %d tries: nobody wakes the source", naps, NAP_MS, TURNS);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nodes),         CASE(test_other_devices),   CASE(test_renamed),
        CASE(test_folders_later), CASE(test_folders_at_once), CASE(test_folders_again),
        CASE(test_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
