// SPDX-License-Identifier: Apache-2.0
//
// libqclient with a daemon that behaves (fake_daemon.h): options, results, labels, requests, what
// is reported. The other kind: qclient_loss_test.c.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/qclient_rig.h"

static void test_no_daemon(void **state)
{
    (void)state;
    struct qclient_options options = options_make(0);
    struct qclient *client = (void *)1;
    assert_int_equal(qclient_connect(&options, &client), -ENOENT);
    assert_null(client);
    options.connect_timeout_ms = 60;
    uint64_t start = clock_now_ns();
    assert_int_equal(qclient_connect(&options, &client), -ETIMEDOUT);
    assert_true(clock_now_ns() - start >= 60 * CLOCK_NS_PER_MS);
    qclient_close(NULL);
}

static void test_options(void **state)
{
    (void)state;
    struct qclient *client;
    struct qclient_options options = options_make(0);
    options.size = 1;
    assert_int_equal(qclient_connect(&options, &client), -EINVAL);
    options = options_make(1u << 30);
    assert_int_equal(qclient_connect(&options, &client), -EINVAL);
    char path[300];
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    options = options_make(0);
    options.socket = path;
    assert_int_equal(qclient_connect(&options, &client), -ENAMETOOLONG);
    options = options_make(0);
    options.stream = path;
    assert_int_equal(qclient_connect(&options, &client), -ENAMETOOLONG);
    struct {
        struct qclient_options known;
        uint64_t later;
    } newer = {.known = options_make(0), .later = 1};
    newer.known.size = sizeof(newer);
    assert_int_equal(qclient_connect(&newer.known, &client), -EINVAL);
    newer.later = 0;
    assert_int_equal(qclient_connect(&newer.known, &client), -ENOENT);
}

static void test_results_in_order(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    fake_publish(&fake, 1); // before the client came: not for it
    struct qclient *client = client_make(0);
    assert_int_equal(qclient_label_count(client), 3);
    assert_string_equal(qclient_label(client, 2), "two");
    assert_int_equal(qclient_next(client, &result, 0), -EAGAIN);
    for (uint32_t i = 0; i < 5; i++)
        fake_publish(&fake, i);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(qclient_next(client, &result, 60000), 0);
        assert_int_equal(result.sequence, i + 2);
        assert_int_equal(result.hit_count, i);
        assert_int_equal(result.flags, 0);
        assert_int_equal(result.lost, 0);
        for (uint32_t k = 0; k < QCLIENT_TOP_K_MAX; k++)
            assert_int_equal(result.hits[k].label, k < i ? k : 0);
    }
    assert_string_equal(qclient_label(client, 0), "zero");
    assert_string_equal(qclient_label(client, 3), "");
    assert_int_equal(qclient_next(client, &result, 0), -EAGAIN);
    uint64_t start = clock_now_ns();
    assert_int_equal(qclient_next(client, &result, 70), -ETIMEDOUT);
    assert_true(clock_now_ns() - start >= 70 * CLOCK_NS_PER_MS);
    qclient_close(client);
    fake_finish(&fake, true);
}

static void test_from_oldest_and_lost(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    for (int i = 0; i < 10; i++)
        fake_publish(&fake, 1);
    struct qclient *client = client_make(QCLIENT_FROM_OLDEST);
    assert_int_equal(qclient_next(client, &result, 0), 0);
    assert_int_equal(result.sequence, 1);
    for (int i = 0; i < 200; i++)
        fake_publish(&fake, 1);
    assert_int_equal(qclient_next(client, &result, 0), 0);
    assert_true(result.flags & QCLIENT_LOST);
    assert_int_equal(result.lost, result.sequence - 2);
    assert_true(result.sequence > 210 - 64);
    assert_int_equal(qclient_latest(client, &result), 0);
    assert_int_equal(result.sequence, 210);
    assert_int_equal(qclient_latest(client, &result), -EAGAIN);
    struct qclient_statistics stats = {.size = sizeof(stats)};
    fake_publish(&fake, 1);
    stats_count(&fake.stats, STATS_FRAMES_IN, 12);
    stats_record(&fake.stats, QCLIENT_STAGE_INFER, 5000000);
    assert_int_equal(qclient_stats(client, &stats), 0);
    assert_int_equal(stats.reader_lag, 1);
    assert_int_equal(stats.reader_lost, 210 - 3);
    assert_int_equal(stats.frames_in, 12);
    assert_int_equal(stats.stages[QCLIENT_STAGE_INFER].count, 1);
    assert_in_range(stats.stages[QCLIENT_STAGE_INFER].p50_ns, 4850000, 5150000);
    qclient_close(client);
    fake_finish(&fake, false);
}

// A daemon that takes progress memfds sees there how far its reader is, at any moment.
static void test_progress(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    struct stats_progress page;
    struct stats_summary late;
    struct qclient_statistics stats = {.size = sizeof(stats)};
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    for (int i = 0; i < 10; i++)
        fake_publish(&fake, 1);
    struct qclient *client = client_make(0);
    int fd = __atomic_load_n(&fake.progress_fd, __ATOMIC_ACQUIRE);
    assert_true(fd >= 0 && fcntl(fd, F_GET_SEALS) > 0);
    assert_int_equal(pread(fd, &page, sizeof(page), 0), sizeof(page));
    assert_true(page.magic == STATS_PROGRESS_MAGIC && page.attached);
    assert_int_equal(page.read_sequence, 10); // begins after what was there
    assert_int_equal(page.read_ns, 0);
    for (int i = 0; i < 100; i++)
        fake_publish(&fake, 1);
    clock_sleep_until(clock_now_ns() + 20 * CLOCK_NS_PER_MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(qclient_next(client, &result, 0), 0);
    assert_int_equal(pread(fd, &page, sizeof(page), 0), sizeof(page));
    assert_int_equal(page.read_sequence, result.sequence);
    assert_int_equal(page.lost, result.sequence - 10 - 3);
    assert_true(page.lost > 0 && page.read_ns >= result.published_ns);
    stats_histogram_summarize(&page.read, &late);
    assert_int_equal(late.count, 3);
    assert_true(late.p50_ns >= 19 * CLOCK_NS_PER_MS);
    assert_int_equal(__atomic_load_n(&fake.reported_sequence, __ATOMIC_RELAXED), 0);
    assert_int_equal(qclient_stats(client, &stats), 0);
    assert_int_equal(stats.stages[QCLIENT_STAGE_READ].count, 3);
    assert_int_equal(stats.stages[QCLIENT_STAGE_READ].p999_ns, late.p999_ns);
    qclient_close(client);
    fake_finish(&fake, true);
}

// Until the daemon has sent the first client its eventfd.
static void wait_eventfd(struct fake *fake)
{
    bool sent = false;
    for (int i = 0; i < 12000 && !sent; i++) {
        clock_sleep_until(clock_now_ns() + 5 * CLOCK_NS_PER_MS);
        pthread_mutex_lock(&fake->lock);
        sent = fake->eventfds[0] >= 0;
        pthread_mutex_unlock(&fake->lock);
    }
    assert_true(sent);
}

static void test_event_loop(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    struct qclient *client = client_make(0);
    fake_publish(&fake, 2);
    int fd = qclient_fd(client);
    assert_true(fd >= 0);
    assert_int_equal(loop_next(client, &result), 0); // was there before the fd was asked for
    wait_eventfd(&fake);                             // STREAM with the eventfd comes along
    while (readable(fd, 50))
        assert_int_equal(qclient_dispatch(client), 0);
    assert_false(readable(fd, 0));
    for (int i = 0; i < 3; i++) {
        fake_publish(&fake, 2);
        assert_true(readable(fd, 60000));
        assert_int_equal(qclient_dispatch(client), 0);
        assert_int_equal(qclient_next(client, &result, 0), 0);
        assert_int_equal(result.flags, 0);
        assert_int_equal(qclient_next(client, &result, 0), -EAGAIN);
        assert_false(readable(fd, 0));
    }
    fake_finish(&fake, false);
    assert_int_equal(loop_next(client, &result), -ECONNRESET);
    assert_int_equal(fake_start(&fake, socket_path, 8, FAKE_GOOD), 0);
    fake_publish(&fake, 2);
    assert_int_equal(loop_next(client, &result), 0);
    assert_true(result.flags & QCLIENT_RECONNECTED);
    assert_int_equal(qclient_fd(client), fd);
    fake_finish(&fake, true);
    assert_int_equal(loop_next(client, &result), -EPIPE);
    qclient_close(client);
}

static void test_reload(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    struct qclient *client = client_make(0);
    fake_publish(&fake, 1);
    assert_int_equal(qclient_next(client, &result, 60000), 0);
    fake_publish(&fake, 1); // still the old model's
    fake_reload(&fake, "nought");
    fake_publish(&fake, 1);
    assert_int_equal(qclient_next(client, &result, 60000), 0);
    assert_int_equal(result.flags, 0);
    assert_string_equal(qclient_label(client, 0), "zero");
    assert_int_equal(qclient_next(client, &result, 60000), 0);
    assert_int_equal(result.flags, QCLIENT_MODEL_CHANGED);
    assert_int_equal(result.generation, 2);
    assert_string_equal(qclient_label(client, 0), "nought");
    fake.generation = 3; // a model whose labels never come: no text rather than a wrong one
    fake_publish(&fake, 1);
    assert_int_equal(qclient_next(client, &result, 60000), 0);
    assert_int_equal(result.flags, QCLIENT_MODEL_CHANGED);
    assert_string_equal(qclient_label(client, 0), "");
    qclient_close(client);
    fake_finish(&fake, true);
}

static void test_request(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_options options = options_make(0);
    char *answer;
    assert_int_equal(qclient_request(&options, "status", 60000, &answer), -ENOENT);
    assert_null(answer);
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    assert_int_equal(qclient_request(&options, "status", 60000, &answer), 0);
    assert_string_equal(answer, "{\"state\": \"running\"}");
    free(answer);
    assert_int_equal(qclient_request(&options, "nonsense", 60000, &answer), -EINVAL);
    assert_string_equal(answer, "no such request");
    free(answer);
    assert_int_equal(qclient_request(&options, "mute", 80, &answer), -ETIMEDOUT);
    assert_null(answer);
    char text[400];
    memset(text, 'r', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(qclient_request(&options, text, 80, &answer), -ENAMETOOLONG);
    assert_int_equal(qclient_request(&options, "endless", 60000, &answer), -EMSGSIZE);
    assert_null(answer);
    assert_int_equal(qclient_request(&options, "too long", 60000, &answer), -EMSGSIZE);
    assert_null(answer); // not the part that there was room for
    fake_finish(&fake, true);
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_REFUSES), 0);
    assert_int_equal(qclient_request(&options, "status", 60000, &answer), -EACCES);
    assert_string_equal(answer, "not in group qedge");
    free(answer);
    fake_finish(&fake, true);
}

static void on_alarm(int number)
{
    (void)number;
}

static void test_signal_while_waiting(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerspec spec = {.it_value = {.tv_nsec = 60000000},
                              .it_interval = {.tv_nsec = 20000000}};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    timer_t timer;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    struct qclient *client = client_make(0);
    sigaction(SIGALRM, &action, NULL);
    event._sigev_un._tid = gettid(); // the fake's thread must not take the signal instead
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    timer_settime(timer, 0, &spec, NULL);
    assert_int_equal(qclient_next(client, &result, 60000), -EINTR);
    timer_delete(timer);
    qclient_close(client);
    fake_finish(&fake, true);
}

// From here on only exit, and else the end. Not the strict mode: that one takes the time stamp
// counter away, too, and the clock is read without a system call.
static int only_exit(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]), .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 ? 0 : -errno;
}

// Results that are there are read by a process that may make no system call but exit.
static void test_no_system_call(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    int status;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    skip(); // their runtimes make system calls of their own
#endif
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    struct qclient *client = client_make(0);
    for (int i = 0; i < 40; i++)
        fake_publish(&fake, 5);
    assert_int_equal(qclient_next(client, &result, 0), 0); // the first one reports to the daemon
    pid_t pid = fork();
    if (pid == 0) {
        if (only_exit() != 0)
            _exit(77);
        long failed = 0;
        for (uint64_t i = 2; i <= 40; i++)
            failed |= qclient_next(client, &result, -1) != 0 || result.sequence != i ||
                      strcmp(qclient_label(client, result.hits[1].label), "one") != 0;
        syscall(SYS_exit, failed);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    qclient_close(client);
    fake_finish(&fake, true);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_report(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_result result;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    __atomic_store_n(&fake.minor, 0, __ATOMIC_RELAXED); // a daemon that takes no progress memfd
    struct qclient *client = client_make(0);
    fake_publish(&fake, 1);
    fake_publish(&fake, 1);
    assert_int_equal(qclient_next(client, &result, 60000), 0);
    for (int i = 0; i < 12000 && __atomic_load_n(&fake.reported_sequence, __ATOMIC_RELAXED) == 0;
         i++)
        clock_sleep_until(clock_now_ns() + 5 * CLOCK_NS_PER_MS);
    assert_int_equal(__atomic_load_n(&fake.reported_sequence, __ATOMIC_RELAXED), 1);
    qclient_close(client);
    fake_finish(&fake, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_daemon),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_results_in_order),
        cmocka_unit_test(test_from_oldest_and_lost),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_event_loop),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_signal_while_waiting),
        cmocka_unit_test(test_no_system_call),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, socket_folder_make, socket_folder_remove) != 0;
}
