// SPDX-License-Identifier: Apache-2.0

#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

#define LINE_MAX_BYTES 1024

static const char *log_program = "qedge";
static int log_threshold = LOG_LEVEL_INFO;
static bool log_to_journal;

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 ||
        fstat(STDERR_FILENO, &status) != 0)
        return false;
    return status.st_dev == (dev_t)device && status.st_ino == (ino_t)inode;
}

void log_init(const char *program)
{
    log_program = program;
    log_to_journal = stderr_is_journal();
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_threshold, (int)level, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
    return (enum log_level)__atomic_load_n(&log_threshold, __ATOMIC_RELAXED);
}

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

int log_level_parse(const char *text)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(text, level_names[level]) == 0)
            return level;
    }
    return -EINVAL;
}

static size_t prefix_write(char *line, size_t size, enum log_level level)
{
    int length;
    if (log_to_journal)
        length = snprintf(line, size, "<%d>", (int)level);
    else if (level == LOG_LEVEL_NOTICE || level == LOG_LEVEL_INFO)
        length = snprintf(line, size, "%s: ", log_program);
    else
        length = snprintf(line, size, "%s: %s: ", log_program, level_names[level]);
    return length < 0 || (size_t)length >= size ? 0 : (size_t)length;
}

// Text may carry bytes of a hostile file or client: control characters must not reach a terminal or
// forge a line.
static void text_tame(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
    }
}

static void line_write(enum log_level level, char *text)
{
    char line[LINE_MAX_BYTES + 64];
    text_tame(text);
    size_t length = prefix_write(line, sizeof(line), level);
    size_t text_length = strnlen(text, sizeof(line) - length - 1);
    memcpy(line + length, text, text_length);
    length += text_length;
    line[length++] = '\n';
    // A lost log line is no reason to fail: nobody could be told.
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

void log_message_list(enum log_level level, const char *format, va_list list)
{
    if ((int)level > __atomic_load_n(&log_threshold, __ATOMIC_RELAXED))
        return;
    int saved = errno;
    char text[LINE_MAX_BYTES];
    vsnprintf(text, sizeof(text), format, list);
    line_write(level, text);
    errno = saved;
}

void log_message(enum log_level level, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    log_message_list(level, format, list);
    va_end(list);
}

// FNV-1a, never 0.
static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
    return hash ? hash : 1;
}

void log_cause_say(struct log_cause *cause, enum log_level level, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    uint64_t hash = text_hash(text);
    if (hash == cause->text_hash) {
        cause->repeats++;
        return;
    }
    uint64_t now = clock_now_ns();
    if (cause->said_ns && now - cause->said_ns < cause->every_ns) {
        cause->repeats++;
        return;
    }
    cause->said_ns = now;
    cause->text_hash = hash;
    cause->repeats = 0;
    log_message(level, "%s", text);
}

void log_cause_clear(struct log_cause *cause, const char *format, ...)
{
    if (!cause->text_hash)
        return;
    char text[LINE_MAX_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (cause->repeats)
        log_message(LOG_LEVEL_NOTICE, "%s (the trouble before was seen %llu more times)", text,
                    (unsigned long long)cause->repeats);
    else
        log_message(LOG_LEVEL_NOTICE, "%s", text);
    cause->text_hash = 0;
    cause->repeats = 0;
}
