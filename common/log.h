// SPDX-License-Identifier: Apache-2.0
//
// The daemon's and the tools' log: one line a message on stderr, written with one write(2), so
// lines of different threads never mix. When stderr is the journal (JOURNAL_STREAM names it) a line
// starts with the syslog priority "<3>" and has no program name, which the journal knows; else
// "program: error: text".
//
// Libraries do not log; they return -errno. Hot paths do not log. Any thread may call these
// functions.

#ifndef QEDGE_COMMON_LOG_H
#define QEDGE_COMMON_LOG_H

#include <stdarg.h>
#include <stdint.h>

// syslog's numbers.
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

// Call once at the start of main. program: borrowed for ever (a literal). The level starts at INFO.
void log_init(const char *program);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
// "error", "warning", "notice", "info", "debug" → the level, else -EINVAL.
int log_level_parse(const char *text);

void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_message_list(enum log_level level, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));
#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

// One place where the same trouble may come back again and again (a camera that is away, a full
// disk). Zero-initialise; one thread at a time.
struct log_cause {
    uint64_t text_hash; // of the message said last, 0 = all is well
    uint64_t repeats;   // times it was held back since
    uint64_t every_ns;  // a trouble that others bring about at will: one so often at most; 0 = each
    uint64_t said_ns;
};

// Says the message when it differs from what this cause said last; else counts it and stays quiet.
// One that comes too early (every_ns) is as if it had not come.
void log_cause_say(struct log_cause *cause, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The trouble has passed: says the message (with the count of what was held back) when there had
// been some; else nothing.
void log_cause_clear(struct log_cause *cause, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
