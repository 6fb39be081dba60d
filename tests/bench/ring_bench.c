// SPDX-License-Identifier: Apache-2.0
//
// ring_bench [MESSAGES]: what publishing costs, and how long a result takes into another process,
// each against the bare thing in the same run:
//   polling    a 64-bit word that one process stores and another one spins on
//   blocking   a word and FUTEX_WAKE / FUTEX_WAIT
// qedge's side is ring_publish() here and libqclient's qclient_next() in a client process that got
// the ring through a socket. Bare and qedge take turns, round by round; the ratio is the median of
// the rounds' ratios.

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../unit/fake_daemon.h"
#include "qclient.h"

#define ROUNDS 15
#define ROUND_NS (400 * CLOCK_NS_PER_MS)
#define SAMPLES_MAX 100000

enum way { BARE_POLLING, RING_POLLING, BARE_BLOCKING, RING_BLOCKING };

struct shared {
    uint32_t ready;    // the reader has everything mapped
    uint32_t received; // messages it has seen
    _Alignas(64) uint64_t word;
    uint32_t futex;
    _Alignas(64) uint32_t samples[SAMPLES_MAX]; // ns
};

static struct fake fake;
static struct shared *shared;
static uint32_t messages = 1500;

static long futex(uint32_t *word, int operation, uint32_t value)
{
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static cpu_set_t allowed; // as the program was started

// To the n-th of the CPUs that it may use; stays free when there are not that many.
static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0, seen = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed) && seen++ == cpu)
            CPU_SET(i, &set);
    }
    if (CPU_COUNT(&set) > 0)
        sched_setaffinity(0, sizeof(set), &set);
}

static void sample_add(uint32_t index, uint64_t sent_ns)
{
    uint64_t took = clock_now_ns() - sent_ns;
    shared->samples[index] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    __atomic_store_n(&shared->received, index + 1, __ATOMIC_RELEASE);
}

// ---- the reader process ----

static void read_bare(enum way way)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < messages; i++) {
        uint64_t sent;
        if (way == BARE_POLLING) {
            while ((sent = __atomic_load_n(&shared->word, __ATOMIC_ACQUIRE)) == before)
                continue;
        } else {
            while (__atomic_load_n(&shared->futex, __ATOMIC_ACQUIRE) == i)
                futex(&shared->futex, FUTEX_WAIT, i);
            sent = __atomic_load_n(&shared->word, __ATOMIC_RELAXED);
        }
        sample_add(i, sent);
        before = sent;
    }
}

static int read_ring(enum way way, struct qclient *client)
{
    struct qclient_result result;
    for (uint32_t i = 0; i < messages; i++) {
        int status;
        do
            status = qclient_next(client, &result, way == RING_POLLING ? 0 : -1);
        while (status == -EAGAIN);
        if (status != 0)
            return 1;
        sample_add(i, result.published_ns);
    }
    return 0;
}

static int reader_run(enum way way)
{
    struct qclient_options options = {.size = sizeof(options), .socket = fake.path};
    struct qclient *client = NULL;
    bool ring = way == RING_POLLING || way == RING_BLOCKING;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(1);
    if (ring && qclient_connect(&options, &client) != 0)
        return 1;
    __atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
    int status = 0;
    if (ring)
        status = read_ring(way, client);
    else
        read_bare(way);
    qclient_close(client);
    return status;
}

// ---- the writer ----

static void send_one(enum way way, struct ring_record *record)
{
    if (way == BARE_POLLING) {
        __atomic_store_n(&shared->word, clock_now_ns(), __ATOMIC_RELEASE);
    } else if (way == BARE_BLOCKING) {
        __atomic_store_n(&shared->word, clock_now_ns(), __ATOMIC_RELAXED);
        __atomic_fetch_add(&shared->futex, 1, __ATOMIC_SEQ_CST);
        futex(&shared->futex, FUTEX_WAKE, INT32_MAX);
    } else {
        record->published_ns = clock_now_ns();
        ring_publish(&fake.ring, record);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void spin_for(uint64_t ns)
{
    uint64_t until = clock_now_ns() + ns;
    while (clock_now_ns() < until)
        continue;
}

struct figure {
    double p50, p99; // ns
};

// One round of one way. Messages go out one at a time, when the reader is waiting again.
static struct figure measure(enum way way)
{
    struct ring_record record = {.hit_count = 5, .generation = 1};
    bool blocking = way == BARE_BLOCKING || way == RING_BLOCKING;
    memset(shared, 0, offsetof(struct shared, samples));
    pid_t pid = fork();
    if (pid == 0)
        _exit(reader_run(way));
    while (!__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE))
        sched_yield();
    ring_set_wake(&fake.ring, blocking);
    // A busy machine gets fewer messages rather than more time.
    uint64_t deadline = clock_now_ns() + ROUND_NS;
    uint32_t count = 0;
    while (count < messages && clock_now_ns() < deadline) {
        if (blocking) // long enough to fall asleep, also for an idle state of the CPU
            clock_sleep_until(clock_now_ns() + 100 * CLOCK_NS_PER_US);
        else
            spin_for(2 * CLOCK_NS_PER_US);
        send_one(way, &record);
        count++;
        while (__atomic_load_n(&shared->received, __ATOMIC_ACQUIRE) != count) {
            if (blocking)
                sched_yield();
            if (clock_now_ns() > deadline + CLOCK_NS_PER_S) {
                fprintf(stderr, "ring_bench: the reader died\n");
                exit(1);
            }
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    qsort(shared->samples, count, sizeof(uint32_t), compare);
    return (struct figure){shared->samples[count / 2], shared->samples[count * 99ull / 100]};
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

static void latency(const char *name, enum way bare, enum way ring)
{
    double bare50[ROUNDS], ring50[ROUNDS], bare99[ROUNDS], ring99[ROUNDS], ratio[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct figure b, r;
        if (i % 2) { // turn about, so that a drift of the machine hits both
            b = measure(bare);
            r = measure(ring);
        } else {
            r = measure(ring);
            b = measure(bare);
        }
        bare50[i] = b.p50;
        bare99[i] = b.p99;
        ring50[i] = r.p50;
        ring99[i] = r.p99;
        ratio[i] = r.p50 / b.p50;
    }
    printf("publish to reader, %s: qclient_next p50 %.0f ns p99 %.0f ns; bare p50 %.0f ns p99 %.0f "
           "ns; ratio %.2f\n",
           name, median(ring50, ROUNDS), median(ring99, ROUNDS), median(bare50, ROUNDS),
           median(bare99, ROUNDS), median(ratio, ROUNDS));
    fflush(stdout);
}

// ---- the cost of publishing ----

static pid_t idle_reader(void)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct qclient_options options = {.size = sizeof(options), .socket = fake.path};
    struct qclient_result result;
    struct qclient *client;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (qclient_connect(&options, &client) != 0)
        _exit(1);
    __atomic_fetch_add(&shared->ready, 1, __ATOMIC_RELEASE);
    // Reads every 5 ms: there, behind, and not asleep on the ring.
    for (;;) {
        while (qclient_latest(client, &result) == 0)
            continue;
        clock_sleep_until(clock_now_ns() + 5 * CLOCK_NS_PER_MS);
    }
}

// ns of one ring_publish: the median of batches of 1000.
static double publish_ns(bool wake)
{
    static double batches[200];
    struct ring_record record = {.hit_count = 5, .generation = 1};
    ring_set_wake(&fake.ring, wake);
    for (unsigned b = 0; b < 200; b++) {
        uint64_t start = clock_now_ns();
        for (unsigned i = 0; i < 1000; i++)
            ring_publish(&fake.ring, &record);
        batches[b] = (double)(clock_now_ns() - start) / 1000;
    }
    return median(batches, 200);
}

// The system call alone, on a word that nobody sleeps on.
static double wake_ns(void)
{
    static double batches[200];
    for (unsigned b = 0; b < 200; b++) {
        uint64_t start = clock_now_ns();
        for (unsigned i = 0; i < 1000; i++)
            futex(&shared->futex, FUTEX_WAKE, INT32_MAX);
        batches[b] = (double)(clock_now_ns() - start) / 1000;
    }
    return median(batches, 200);
}

static void publish_cost(void)
{
    static const unsigned readers[] = {0, 1, 8};
    pid_t pids[8];
    unsigned running = 0;
    memset(shared, 0, offsetof(struct shared, samples));
    for (unsigned i = 0; i < 3; i++) {
        while (running < readers[i])
            pids[running++] = idle_reader();
        while (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) < running)
            sched_yield();
        printf("publish, %u readers: %.0f ns without the wake, %.0f ns with it (FUTEX_WAKE alone: "
               "%.0f ns)\n",
               readers[i], publish_ns(false), publish_ns(true), wake_ns());
        fflush(stdout);
    }
    while (running > 0) {
        kill(pids[--running], SIGKILL);
        waitpid(pids[running], NULL, 0);
    }
}

int main(int argc, char **argv)
{
    char path[64];
    if (argc > 1)
        messages = (uint32_t)strtoul(argv[1], NULL, 10);
    if (messages == 0 || messages > SAMPLES_MAX)
        return 2;
    sched_getaffinity(0, sizeof(allowed), &allowed);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(path, sizeof(path), "/tmp/ring_bench.%d", (int)getpid());
    if (shared == MAP_FAILED || fake_start(&fake, path, 1, FAKE_GOOD) != 0)
        return 1;
    publish_cost();
    pin(0);
    latency("polling", BARE_POLLING, RING_POLLING);
    latency("blocking", BARE_BLOCKING, RING_BLOCKING);
    fake_finish(&fake, true);
    return 0;
}
