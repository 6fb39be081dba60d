// SPDX-License-Identifier: Apache-2.0
//
// Starts in this order and stops in the reverse: models, pool, streams, sources, control socket,
// READY.

#include "daemon/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/affinity.h"
#include "daemon/baseline.h"
#include "daemon/budget.h"
#include "daemon/health.h"
#include "daemon/heap.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/reload.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "daemon/watchdog.h"
#include "kernels/kernels.h"

#define TICK_MS 1000
#define LOCK_TICKS 4
#define DRAIN_NS (600 * CLOCK_NS_PER_MS)
#define RELOAD_NS CLOCK_NS_PER_S // for one under way, when clients are told and all else is done
#define STOP_LIMIT_S 10 // after that the process ends whatever still hangs; busy machines take their time

// ---- status in one line ----------------------------------------------------

void service_say_status(struct service *service)
{
    uint32_t running = 0;
    double fps = 0;
    char trouble[320] = "";
    for (uint32_t i = 0; i < service->stream_count; i++) {
        struct stream_health health;
        struct stream_rates rates;
        health_of_stream(service, service->streams[i], &health);
        stream_get_rates(service->streams[i], &rates);
        fps += rates.fps_out;
        if (strcmp(health.state, "running") == 0 || strcmp(health.state, "degraded") == 0)
            running++;
        else if (!trouble[0])
            snprintf(trouble, sizeof(trouble), "; %.63s %s: %.180s",
                     service->streams[i]->config.name, health.state, health.reason);
    }
    notify_status(&service->notify, "%u of %u streams running, %.1f frames/s%s", running,
                  service->stream_count, fps, trouble);
}

// ---- loop callbacks --------------------------------------------------------

void service_lock_memory(struct service *service)
{
    if (service->config->workers.lock_memory)
        service->lock_in = LOCK_TICKS;
}

// What workers allocate with their first frames belongs to it, so it is done a few times.
static void lock_memory(struct service *service)
{
    if (service->lock_in == 0)
        return;
    int status = affinity_lock_memory();
    service->lock_in = status < 0 ? 0 : service->lock_in - 1;
    if (status < 0)
        log_warning(
            "workers.lock_memory: refused: %s (needs CAP_IPC_LOCK or a higher LimitMEMLOCK)",
            strerror(-status));
}

static void sample_machine(struct service *service, uint64_t now)
{
    uint64_t inferences = 0;
    machine_sample(&service->machine, now);
    uint32_t marks = machine_is_throttled(&service->machine) ? RING_RECORD_THROTTLED : 0;
    for (uint32_t i = 0; i < service->stream_count; i++) {
        publisher_mark(&service->streams[i]->publisher, marks);
        inferences += stream_inferences(service->streams[i]);
    }
    power_sample(&service->power, now, inferences + bench_inferences(&service->bench));
    baseline_tick(service, now);
    budget_tick(service, now);
    bench_tick(service, now);
}

static void on_tick(uv_timer_t *timer)
{
    struct service *service = timer->data;
    uint64_t now = clock_now_ns();
    for (uint32_t i = 0; i < service->stream_count; i++)
        stream_sample(service->streams[i], now);
    sysinfo_sample(&service->sysinfo, now);
    sample_machine(service, now);
    control_tick(&service->control, now);
    service_say_status(service);
    lock_memory(service);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *service = handle->data;
    if (number == SIGHUP) {
        reload_start(service, 0, 0);
        return;
    }
    log_info("%s: stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
    service->stopping = true;
    uv_stop(&service->loop);
}

static void on_hotplug(void *arg)
{
    struct service *service = arg;
    for (uint32_t i = 0; i < service->source_count; i++)
        source_wake(service->sources[i]);
}

// ---- start -----------------------------------------------------------------

bool service_needs_team(const struct config *config)
{
    for (int32_t i = 0; i < config->stream_count; i++)
        if (config->streams[i].mode != CONFIG_MODE_THROUGHPUT)
            return true;
    return false;
}

static uint32_t thread_count(const struct config *config)
{
    return config->workers.threads ? (uint32_t)config->workers.threads
                                   : affinity_cpu_count(&config->workers.cpus);
}

int service_load_code(int status)
{
    switch (-status) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case EINTR:
    case EIO:
        return SERVICE_FAILED;
    default:
        return SERVICE_BAD_CONFIG;
    }
}

// All of them, so that one start tells all that is wrong. Equal models are loaded once. Of several
// errors that which somebody has to mend is returned.
static int load_networks(const struct config *config, struct network **networks)
{
    int bad = 0;
    for (int32_t i = 0; i < config->stream_count; i++) {
        const struct config_stream *stream = &config->streams[i];
        struct network_error error = {{0}};
        for (int32_t k = 0; k < i && !networks[i]; k++)
            if (networks[k] && network_is_current(networks[k], &stream->model))
                networks[i] = network_ref(networks[k]);
        int status = networks[i] ? 0
                                 : network_create(&stream->model, thread_count(config),
                                                  &networks[i], &error);
        if (status < 0) {
            log_error("stream %s: %s", stream->name, error.text);
            if (bad == 0 || service_load_code(status) == SERVICE_BAD_CONFIG)
                bad = status;
        }
    }
    return bad;
}

static void drop_networks(const struct config *config, struct network **networks)
{
    for (int32_t i = 0; i < config->stream_count; i++)
        network_unref(networks[i]);
}

int service_check(const struct config *config)
{
    struct network *networks[CONFIG_STREAMS_MAX] = {NULL};
    int status = load_networks(config, networks);
    drop_networks(config, networks);
    return status < 0 ? service_load_code(status) : SERVICE_OK;
}

static int add_stream(struct service *service, int32_t index, struct network **network)
{
    struct stream *stream;
    int status = stream_create(&service->config->streams[index], *network, &stream);
    if (status < 0)
        return status;
    *network = NULL;
    ring_set_daemon_id(&stream->publisher.ring, service->daemon_id);
    stream_tune(stream, pool_threads(service->pool), (uint32_t)service->config->stream_count);
    status = service_attach_source(service, stream);
    if (status < 0) {
        stream_destroy(stream);
        return status;
    }
    service->streams[service->stream_count++] = stream;
    return 0;
}

static int start_streams(struct service *service, struct network **networks)
{
    const struct config *config = service->config;
    int status = pool_create(&config->workers, service_needs_team(config), &service->pool);
    for (int32_t i = 0; i < config->stream_count && status == 0; i++)
        status = add_stream(service, i, &networks[i]);
    for (uint32_t i = 0; i < service->source_count && status == 0; i++)
        source_start(service->sources[i]);
    if (status < 0)
        log_error("can not start: %s", strerror(-status));
    return status;
}

static int watch_signals(struct service *service)
{
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    int status = 0;
    for (int i = 0; i < 3 && status == 0; i++) {
        status = uv_signal_init(&service->loop, &service->signals[i]);
        service->signals[i].data = service;
        if (status == 0)
            status = uv_signal_start(&service->signals[i], on_signal, numbers[i]);
    }
    return status;
}

static int start_loop(struct service *service)
{
    char error[200];
    int status = control_open(&service->control, service, error, sizeof(error));
    if (status < 0) {
        log_error("%s", error);
        return status;
    }
    status = watch_signals(service);
    if (status == 0)
        status = reload_init(service);
    if (status < 0) {
        log_error("can not start: %s", uv_strerror(status));
        return status;
    }
    budget_init(service, clock_now_ns());
    uv_timer_init(&service->loop, &service->tick);
    service->tick.data = service;
    uv_timer_start(&service->tick, on_tick, TICK_MS, TICK_MS);
    hotplug_start(&service->hotplug, service->root, &service->loop, on_hotplug, service);
    watchdog_start(service);
    return 0;
}

static void name_kernels(struct service *service)
{
    struct network_error error;
    uint32_t mask = 0;
    network_cpu(&mask, &error);
    uint32_t best = mask ? UINT32_C(1) << (31 - __builtin_clz(mask)) : 0;
    service->kernels = kernel_cpu_name(best);
}

// ---- stop ------------------------------------------------------------------

static void on_stop_limit(int number)
{
    static const char text[] = "qedged: error: stopping takes too long; the process ends now\n";
    (void)number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(SERVICE_FAILED);
    _exit(SERVICE_FAILED);
}

static bool drain(struct service *service)
{
    uint64_t limit = clock_now_ns() + DRAIN_NS;
    for (uint32_t i = 0; i < service->stream_count; i++) {
        while (!stream_is_idle(service->streams[i])) {
            if (clock_now_ns() > limit)
                return false;
            struct timespec rest = {.tv_nsec = 500000};
            nanosleep(&rest, NULL);
        }
    }
    return true;
}

static void stop_streams(struct service *service)
{
    for (uint32_t i = 0; i < service->source_count; i++)
        source_stop(service->sources[i]);
    for (uint32_t i = 0; i < service->source_count; i++)
        source_join(service->sources[i]);
    bool drained = drain(service);
    for (uint32_t i = 0; i < service->stream_count; i++)
        publisher_end(&service->streams[i]->publisher, service->streams[i]->tickets);
    if (!drained) {
        log_warning("a frame takes longer than a stop may: the process ends without it");
        for (uint32_t i = 0; i < service->stream_count; i++)
            ring_close(&service->streams[i]->publisher.ring);
        control_close(&service->control);
        _exit(SERVICE_OK);
    }
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop(struct service *service)
{
    notify_send(&service->notify, "STOPPING=1");
    signal(SIGALRM, on_stop_limit);
    alarm(STOP_LIMIT_S);
    bench_finish(service);
    control_stop_listening(&service->control);
    stop_streams(service);
    control_close(&service->control);
    if (!reload_finish(service, RELOAD_NS)) {
        log_warning("a reload takes longer than a stop may: the process ends without it");
        _exit(SERVICE_OK);
    }
    hotplug_stop(&service->hotplug);
    uv_walk(&service->loop, close_handle, NULL);
    uv_run(&service->loop, UV_RUN_DEFAULT);
    uv_loop_close(&service->loop);
    free(service->reload);
    for (uint32_t i = 0; i < service->stream_count; i++)
        pool_detach(service->pool, service->streams[i]);
    for (uint32_t i = 0; i < service->source_count; i++)
        source_destroy(service->sources[i]);
    pool_destroy(service->pool);
    for (uint32_t i = 0; i < service->stream_count; i++)
        stream_destroy(service->streams[i]);
    notify_finish(&service->notify);
    alarm(0);
}

// ---- run -------------------------------------------------------------------

static int run(struct service *service)
{
    int status = start_loop(service);
    if (status == 0) {
        log_info("ready: %u stream%s, %u worker%s, kernels %s, socket %s", service->stream_count,
                 service->stream_count == 1 ? "" : "s", pool_threads(service->pool),
                 pool_threads(service->pool) == 1 ? "" : "s", service->kernels,
                 service->config->socket);
        notify_ready(&service->notify);
        service_lock_memory(service);
        heap_trim();
        lock_memory(service);
        service_say_status(service);
        uv_run(&service->loop, UV_RUN_DEFAULT);
    }
    stop(service);
    if (status == 0)
        log_info("stopped");
    return status < 0 ? SERVICE_FAILED : SERVICE_OK;
}

// QEDGE_ROOT: another /sys and /dev, for tests and recordings. STATE_DIRECTORY is systemd's.
static void init_machine(struct service *service)
{
    const char *root = getenv("QEDGE_ROOT");
    service->root = root ? root : "";
    machine_init(&service->machine, &firmware_device, service->root);
    power_init(&service->power, &service->config->power, &firmware_device, service->root,
               getenv("STATE_DIRECTORY"));
    log_info("power: %s%s%s", service->power.meter.kind ? service->power.meter.kind->name : "",
             service->power.meter.kind ? ": " : "", service->power.meter.detail);
}

int service_run(const char *config_path, struct config *config)
{
    struct service service = {
        .config_path = config_path, .config = config, .started_ns = clock_now_ns()};
    struct network *networks[CONFIG_STREAMS_MAX] = {NULL};
    int code = SERVICE_FAILED;
    service.hotplug.fd = service.control.listener.fd = service.control.spare_fd = -1;
    signal(SIGPIPE, SIG_IGN);
    notify_init(&service.notify);
    sysinfo_init(&service.sysinfo);
    init_machine(&service);
    if (getrandom(&service.daemon_id, sizeof(service.daemon_id), 0) < 0)
        service.daemon_id = service.started_ns ^ (uint64_t)getpid() << 40;
    int status = load_networks(config, networks);
    if (status < 0) {
        code = service_load_code(status);
        notify_finish(&service.notify);
    } else if ((status = uv_loop_init(&service.loop)) < 0) {
        log_error("can not start: %s", uv_strerror(status));
        notify_finish(&service.notify);
    } else {
        name_kernels(&service);
        if (start_streams(&service, networks) == 0)
            code = run(&service);
        else
            stop(&service);
    }
    power_finish(&service.power);
    machine_finish(&service.machine);
    drop_networks(service.config, networks);
    free(service.config);
    return code;
}
