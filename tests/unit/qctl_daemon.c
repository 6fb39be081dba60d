// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for qedged to show qctl against: qctl_daemon SOCKET publishes a record every 5 ms and
// answers requests from canned JSON, until SIGTERM (ends in order). A class name carries control
// characters and broken UTF-8, as a hostile model's would.

#include <signal.h>
#include <stdlib.h>

#define FAKE_CAPACITY 8192 // a watcher may be kept waiting
#include "fake_daemon.h"

static const char stream_json[] =
    "{\"name\":\"front\",\"state\":\"running\",\"reason\":\"\",\"hint\":\"\","
    "\"source\":\"v4l2 /dev/video0 640x480 YUYV 30 fps\",\"model\":\"/m/lite0_int8.tflite\","
    "\"generation\":1,\"mode\":\"throughput\",\"kernel\":\"conv_1x1_c\",\"fps_in\":30.0,"
    "\"fps_out\":29.5,\"frames_in\":375,\"frames_dropped\":4,\"frames_bad\":1,"
    "\"frames_published\":370,\"clients\":2,\"latency\":{\"capture\":{\"count\":375,"
    "\"p50_us\":120.0,\"p90_us\":130.0,\"p99_us\":140.0,\"max_us\":150.5},\"wait\":{},"
    "\"total\":{\"count\":375,\"p50_us\":7900.0,\"p90_us\":8100.0,\"p99_us\":9000.0,"
    "\"max_us\":12345.6,\"sum_us\":2962500.0}},\"latency_recent\":{\"window_s\":10.0,\"total\":{"
    "\"count\":300,\"p50_us\":7800.0,\"p90_us\":8000.0,\"p99_us\":8500.0,\"p999_us\":8888.8,"
    "\"max_us\":9001.0}},\"last\":{\"sequence\":375,\"age_us\":1200.0,\"hits\":[{\"index\":281,"
    "\"label\":\"tabby\\u001b[31m cat\",\"score\":0.61},{\"index\":7,\"label\":\"\",\"score\":0.2}]}}";

static const char power_json[] =
    "\"power\":{\"source\":\"hwmon\",\"scope\":\"input\",\"detail\":\"ina226 \\u001b[2J\","
    "\"estimated\":false,\"power_mw\":3210.0,\"mean_mw\":3150.0,\"window_s\":10.0,"
    "\"energy_mj\":31500.0,\"baseline_mw\":null,\"inferences\":300,"
    "\"energy_per_inference_mj\":null},\"machine\":{\"temperature_c\":61.5,\"clock_mhz\":1500,"
    "\"clock_max_mhz\":2400,\"throttle_source\":\"firmware\",\"throttled\":true,"
    "\"under_voltage\":true,\"frequency_capped\":false,\"thermal_throttled\":false,"
    "\"soft_temperature_limit\":false,\"throttle\":\"low voltage\"}";

static const char *answer(const char *request)
{
    static char text[8192];
    if (strcmp(request, "status") == 0)
        snprintf(text, sizeof(text),
                 "{\"version\":\"0.1.0\",\"pid\":4711,\"uptime_s\":12.5,\"state\":\"running\","
                 "\"kernels\":\"c\",\"threads\":2,\"cpu_percent\":37.1,\"memory_kb\":12345,"
                 "\"governor\":{\"state\":\"holding\",\"reason\":\"half of the frames for 3 W\"},"
                 "\"config\":\"/etc/qedge/qedged.yaml\",\"clients\":2,\"healthy\":true,%s,"
                 "\"streams\":[%s]}",
                 power_json, stream_json);
    else if (strcmp(request, "power") == 0)
        snprintf(text, sizeof(text), "{%s}", power_json);
    else if (strcmp(request, "baseline 3") == 0)
        return "{\"baseline_mw\":2700.5,\"source\":\"hwmon\",\"scope\":\"input\"}";
    else if (strcmp(request, "streams") == 0)
        snprintf(text, sizeof(text), "{\"streams\":[%s]}", stream_json);
    else if (strcmp(request, "clients") == 0)
        return "{\"clients\":[{\"name\":\"a\\\"p\\\\p\\n\",\"pid\":1,\"uid\":1000,\"stream\":\"front\","
               "\"connected_s\":3.0,\"read_sequence\":370,\"lag\":5,\"lost\":12},"
               "{\"name\":\"\\u001b[2J\\u202e\\u6f22\\u6f22\\u009b31m\",\"pid\":2,\"uid\":0,"
               "\"stream\":\"front\",\"connected_s\":4.0,\"lag\":1234567,\"lost\":98765432,"
               "\"quiet_s\":86400.5}]}";
    else if (strcmp(request, "version") == 0)
        return "{\"version\":\"9.8.7\",\"wire\":\"1.0\",\"ring\":\"1.0\"}";
    else if (strcmp(request, "reload") == 0)
        return getenv("RELOAD_FAILS")
                   ? "{\"reloaded\":false,\"changed\":[],\"errors\":[\"a.yaml:3:5: "
                     "model.path: no such file\"]}"
                   : "{\"reloaded\":true,\"changed\":[\"front\"],\"errors\":[]}";
    else
        return NULL;
    return text;
}

// Every 5 ms, however long it takes: what happens when does not depend on a machine that is busy.
static void publish_event(struct fake *fake, unsigned count)
{
    static uint64_t begin_ns;
    unsigned phase = count % 100;
    bool present = phase < 20 || (phase < 40 && phase % 2 == 0);
    begin_ns = begin_ns ? begin_ns : clock_now_ns();
    struct ring_record record = {.hit_count = 3,
                                 .published_ns = begin_ns + count * 5 * CLOCK_NS_PER_MS};
    record.hits[0] = (struct ring_hit){.label = present ? 1 : 2, .score = present ? 0.9f : 0.7f};
    record.hits[1] = (struct ring_hit){.label = 0, .score = 0.3f};
    record.hits[2] = (struct ring_hit){.label = present ? 2 : 1, .score = 0.1f};
    fake_publish_record(fake, &record);
}

static volatile sig_atomic_t stopping;

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv)
{
    struct fake fake;
    struct sigaction action = {.sa_handler = on_term};
    if (argc != 2)
        return 2;
    sigaction(SIGTERM, &action, NULL);
    if (fake_start(&fake, argv[1], (uint64_t)getpid(), FAKE_GOOD) != 0)
        return 1;
    fake.answer = answer;
    fake.labels[0] = "ev\033[2Jil \xff label";
    if (getenv("EVENTS")) {
        fake.labels[0] = "ev\033[2Jil \xff $(touch pwned)`touch pwned`\"; touch pwned; '";
        fake.labels[2] = "tench, Tinca tinca";
    }
    for (unsigned count = 0; !stopping; count++) {
        if (getenv("EVENTS"))
            publish_event(&fake, count);
        else
            fake_publish(&fake, 3);
        clock_sleep_until(clock_now_ns() + 5 * CLOCK_NS_PER_MS);
    }
    fake_finish(&fake, true);
    return 0;
}
