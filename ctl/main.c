// SPDX-License-Identifier: Apache-2.0
//
// qctl: asks a running qedged. Built on include/qclient.h, with imaging for snapshots; man/qctl.1
// has the details.

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/paint.h"
#include "ctl/top_order.h"

static void usage(FILE *file)
{
    fputs("usage: qctl [--socket PATH] [--json] [--wait SECONDS] COMMAND\n"
          "\n"
          "  status               state, frame rates and latencies of every stream, on one screen\n"
          "  top [-b] [-n COUNT]  streams and clients, live; keys sort (h: help); -b: plain text\n"
          "  watch [STREAM] [-n COUNT] [--on CLASS,...] [--exec COMMAND]   results, one a line\n"
          "  snapshot [STREAM] -o FILE   the frame behind the newest result, its labels on it\n"
          "  bench [STREAM] [--seconds N] [--alone]   its model on synthetic frames: fps, latency, energy\n"
          "  streams              the streams, one a line\n"
          "  clients              who reads, how far behind, how much lost\n"
          "  check CONFIG         check a configuration: all errors, exit status 0 or 78\n"
          "  power [--baseline]   watts, where they come from, energy; or measure the idle power\n"
          "  reload               make qedged read its configuration again\n"
          "  version              of qctl, libqclient and the running qedged\n"
          "\n"
          "  --socket PATH        qedged's socket (QEDGE_SOCKET; default /run/qedge/qedged.sock)\n"
          "  --format FORMAT      of status: text, json or prometheus; of snapshot: png or jpg\n"
          "  -o, --output FILE    of snapshot: .png or .jpg, - is standard output\n"
          "  --plain              of snapshot: no labels\n"
          "  --baseline           of power: pause all streams and measure the idle power\n"
          "  --seconds N          of power --baseline (10, at most 600) and bench (5, at most 60)\n"
          "  --on CLASS[,CLASS]   of watch: only results with such a class, text or number\n"
          "  --min-score SCORE    of watch: only from that score on, 0 to 1\n"
          "  --exec COMMAND       of watch: for each class that appears, run it (QEDGE_LABEL ...)\n"
          "  --away SECONDS       ... one that was away so long (1) appears anew\n"
          "  --every SECONDS      ... and again that often while it stays\n"
          "  -n, --count COUNT    of watch: so many results; of top: so many looks\n"
          "  --batch, -b          of top: one block of text after the other\n"
          "  --interval SECONDS   of top: between two looks, 0.1 to 3600 (1)\n"
          "  --sort KEY           of top: config, name, in, out, drops, errors, lag or p99\n"
          "  --alone              of bench: pause all streams meanwhile\n"
          "  --json               machine-readable, units in the keys\n"
          "  --wait SECONDS       wait that long for a qedged that is just starting\n"
          "  -h, --help           print this and end\n"
          "  --version            print qctl's version and end\n"
          "\n"
          "exit status: 0 ok, 1 failed, 2 usage, 3 qedged is not running, 4 its state can not be "
          "told\n",
          file);
}

static int complain_usage(const char *what, const char *word)
{
    fprintf(stderr, "qctl: %s%s%s (qctl --help)\n", what, word ? ": " : "", word ? word : "");
    return CTL_EXIT_USAGE;
}

// A whole decimal number min..max; -1 when it is none.
static long number_parse(const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && value >= min && value <= max ? value : -1;
}

// A decimal number 0..max; -1 when it is none.
static double decimal_parse(const char *text, double max)
{
    char *end;
    double value = strtod(text, &end);
    return end != text && *end == '\0' && value >= 0 && value <= max ? value : -1;
}

static bool is_format(const char *text)
{
    static const char *const formats[] = {"text", "json", "prometheus", "png", "jpg", "jpeg"};
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(text, formats[i]) == 0)
            return true;
    }
    return false;
}

enum {
    OPTION_ON = 256,
    OPTION_MIN_SCORE,
    OPTION_EXEC,
    OPTION_AWAY,
    OPTION_EVERY,
    OPTION_PLAIN,
    OPTION_ALONE,
    OPTION_BASELINE,
    OPTION_INTERVAL,
    OPTION_SORT,
    OPTION_SECONDS,
    OPTION_FORMAT,
    OPTION_VERSION,
    OPTION_END,
};
#define FLAG_LETTERS "bhj" // short options that take no value

// Whose an option is; those that are not here are everybody's.
static const struct {
    int option;
    const char *name, *commands;
} owners[] = {
    {'j', "--json", "status power top watch snapshot bench streams clients reload version"},
    {'n', "-n", "watch top power bench"},
    {OPTION_SECONDS, "--seconds", "power bench"},
    {OPTION_BASELINE, "--baseline", "power"},
    {OPTION_ALONE, "--alone", "bench"},
    {'o', "-o", "snapshot"},
    {OPTION_PLAIN, "--plain", "snapshot"},
    {'b', "-b", "top"},
    {OPTION_INTERVAL, "--interval", "top"},
    {OPTION_SORT, "--sort", "top"},
    {OPTION_ON, "--on", "watch"},
    {OPTION_MIN_SCORE, "--min-score", "watch"},
    {OPTION_EXEC, "--exec", "watch"},
    {OPTION_AWAY, "--away", "watch"},
    {OPTION_EVERY, "--every", "watch"},
};
#define OWNER_COUNT (sizeof(owners) / sizeof(owners[0]))

static bool is_word_of(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += length) {
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

// An option that does nothing is a mistake that would be found late: refused. 0 or an exit status.
static int owners_check(const bool *given, const char *command)
{
    static const char all[] =
        "status power top watch snapshot bench streams clients reload version check";
    char text[64];
    for (unsigned i = 0; i < OWNER_COUNT && is_word_of(all, command); i++) {
        if (!given[owners[i].option] || is_word_of(owners[i].commands, command))
            continue;
        snprintf(text, sizeof(text), "%s does not belong to", owners[i].name);
        return complain_usage(text, command);
    }
    return 0;
}

// 0 or an exit status.
static int format_check(struct ctl_settings *settings, const char *command)
{
    const char *format = settings->format;
    if (!format || strcmp(command, "snapshot") == 0) // which has its own
        return 0;
    bool text = strcmp(format, "text") == 0, json = strcmp(format, "json") == 0;
    settings->prometheus = strcmp(format, "prometheus") == 0;
    if (!text && !json && !settings->prometheus)
        return complain_usage("png and jpg are formats of snapshot, not of", command);
    if (settings->prometheus && strcmp(command, "status") != 0)
        return complain_usage("prometheus is a format of status, not of", command);
    if (settings->json && !json)
        return complain_usage("--json does not go together with --format", format);
    settings->json = json;
    return 0;
}

static int complain_option(const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'};
    if (optopt == 0)
        return complain_usage("no such option", word);
    if (optopt >= OPTION_ON || strchr(FLAG_LETTERS, optopt))
        return complain_usage("no value belongs to", word);
    return complain_usage("no such option", letter);
}

// 0 or an exit status.
static int watch_option_parse(int option, struct ctl_settings *settings)
{
    switch (option) {
    case OPTION_ON:
        if (optarg[strspn(optarg, ", ")] == '\0')
            return complain_usage("--on takes CLASS[,CLASS]..., not nothing", NULL);
        if (settings->on_count == CTL_ON_MAX)
            return complain_usage("too many --on; list classes with commas", NULL);
        settings->on[settings->on_count++] = optarg;
        return 0;
    case OPTION_MIN_SCORE:
        if ((settings->min_score = decimal_parse(optarg, 1)) < 0)
            return complain_usage("--min-score takes 0 to 1, not", optarg);
        return 0;
    case OPTION_EXEC:
        settings->exec = optarg;
        return *optarg ? 0 : complain_usage("--exec takes a command, not nothing", NULL);
    case OPTION_AWAY:
        if ((settings->away_s = decimal_parse(optarg, 86400)) < 0)
            return complain_usage("--away takes seconds, 0 to 86400, not", optarg);
        return 0;
    default:
        if ((settings->every_s = decimal_parse(optarg, 86400)) < 0)
            return complain_usage("--every takes seconds, 0 to 86400, not", optarg);
        return 0;
    }
}

// 0 or an exit status.
static int top_option_parse(int option, struct ctl_settings *settings)
{
    switch (option) {
    case OPTION_INTERVAL:
        settings->interval_s = decimal_parse(optarg, 3600);
        return settings->interval_s >= 0.1
                   ? 0
                   : complain_usage("--interval takes seconds, 0.1 to 3600, not", optarg);
    case OPTION_SORT:
        settings->sort = (int)top_key_parse(optarg);
        return settings->sort < TOP_KEY_COUNT ? 0 : complain_usage("no key to sort by", optarg);
    default:
        settings->batch = true;
        return 0;
    }
}

// given[]: which options there were. 0, or an exit status; -1: help was shown.
static int options_parse(int argc, char **argv, struct ctl_settings *settings, bool *given)
{
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"wait", required_argument, NULL, 'w'},
        {"count", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"baseline", no_argument, NULL, OPTION_BASELINE},
        {"batch", no_argument, NULL, 'b'},
        {"interval", required_argument, NULL, OPTION_INTERVAL},
        {"sort", required_argument, NULL, OPTION_SORT},
        {"format", required_argument, NULL, OPTION_FORMAT},
        {"on", required_argument, NULL, OPTION_ON},
        {"min-score", required_argument, NULL, OPTION_MIN_SCORE},
        {"exec", required_argument, NULL, OPTION_EXEC},
        {"away", required_argument, NULL, OPTION_AWAY},
        {"every", required_argument, NULL, OPTION_EVERY},
        {"output", required_argument, NULL, 'o'},
        {"plain", no_argument, NULL, OPTION_PLAIN},
        {"alone", no_argument, NULL, OPTION_ALONE},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    int option, status;
    long seconds;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":bhjn:o:s:w:", longs, NULL)) != -1) {
        given[option] = true;
        switch (option) {
        case 's':
            settings->socket = optarg;
            if (!*optarg)
                return complain_usage("--socket takes a path, not nothing", NULL);
            break;
        case 'j':
            settings->json = true;
            break;
        case 'w':
            if ((seconds = number_parse(optarg, 0, 86400)) < 0)
                return complain_usage("--wait takes seconds, 0 to 86400, not", optarg);
            settings->wait_ms = (int)seconds * 1000;
            break;
        case 'n':
            if ((settings->count = number_parse(optarg, 1, 1000000000)) < 0)
                return complain_usage("-n takes a count from 1 to 1000000000, not", optarg);
            break;
        case OPTION_SECONDS:
            if ((settings->count = number_parse(optarg, 1, 86400)) < 0)
                return complain_usage("--seconds takes a whole number from 1, not", optarg);
            break;
        case OPTION_BASELINE:
            settings->baseline = true;
            break;
        case 'b':
        case OPTION_INTERVAL:
        case OPTION_SORT:
            if ((status = top_option_parse(option, settings)) != 0)
                return status;
            break;
        case OPTION_FORMAT:
            settings->format = optarg;
            if (!is_format(optarg))
                return complain_usage(
                    "--format takes text, json or prometheus (snapshot: png, jpg), not", optarg);
            break;
        case 'o':
            settings->output = optarg;
            break;
        case OPTION_ALONE:
            settings->alone = true;
            break;
        case OPTION_PLAIN:
            settings->plain = true;
            break;
        case 'h':
            usage(stdout);
            return -1;
        case OPTION_VERSION:
            printf("qctl %s\n", QEDGE_VERSION);
            return -1;
        case OPTION_ON:
        case OPTION_MIN_SCORE:
        case OPTION_EXEC:
        case OPTION_AWAY:
        case OPTION_EVERY:
            if ((status = watch_option_parse(option, settings)) != 0)
                return status;
            break;
        case ':':
            return complain_usage("no value after", argv[optind - 1]);
        default:
            return complain_option(argv[optind - 1]);
        }
    }
    return 0;
}

static int simple_command(const struct ctl_settings *settings, const char *command, int arguments)
{
    static const struct {
        const char *name;
        int (*run)(const struct ctl_settings *settings);
    } commands[] = {{"status", ctl_status},
                    {"streams", ctl_streams},
                    {"clients", ctl_clients},
                    {"power", ctl_power},
                    {"reload", ctl_reload},
                    {"top", ctl_top},
                    {"version", ctl_version}};
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(command, commands[i].name) == 0)
            return arguments == 0 ? commands[i].run(settings)
                                  : complain_usage("no argument belongs to", command);
    }
    return complain_usage("no such command", command);
}

// Those that take one STREAM, or the first one. -1: it is none of them.
static int stream_command(const struct ctl_settings *settings, const char *command, int arguments,
                          const char *stream)
{
    static const struct {
        const char *name;
        int (*run)(const struct ctl_settings *settings, const char *stream);
    } commands[] = {{"watch", ctl_watch}, {"snapshot", ctl_snapshot}, {"bench", ctl_bench}};
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(command, commands[i].name) == 0)
            return arguments <= 1 ? commands[i].run(settings, stream)
                                  : complain_usage("only one STREAM belongs to", command);
    }
    return -1;
}

static int command_run(int argc, char **argv)
{
    struct ctl_settings settings = {.away_s = 1};
    bool given[OPTION_END] = {false};
    int status = options_parse(argc, argv, &settings, given);
    if (status != 0)
        return status < 0 ? CTL_EXIT_OK : status;
    if (optind == argc) {
        usage(stderr);
        return CTL_EXIT_USAGE;
    }
    const char *command = argv[optind++];
    int arguments = argc - optind;
    if ((status = owners_check(given, command)) != 0 ||
        (status = format_check(&settings, command)) != 0)
        return status;
    int code = stream_command(&settings, command, arguments, arguments ? argv[optind] : NULL);
    if (code >= 0)
        return code;
    if (strcmp(command, "check") == 0)
        return arguments == 1 ? ctl_check(argv[optind])
                              : complain_usage("check takes one CONFIG", NULL);
    return simple_command(&settings, command, arguments);
}

// What was not written was not done: a full disk must not look like a short answer.
static int output_end(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "qctl: standard output can not be written%s%s\n", errno ? ": " : "",
            errno ? strerror(errno) : "");
    return CTL_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    paint_init();
    return output_end(command_run(argc, argv));
}
