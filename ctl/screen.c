// SPDX-License-Identifier: Apache-2.0
//
// Signals only leave a note and a byte in a pipe that screen_wait() listens to: no signal is lost
// between looking at the notes and going to sleep. Calls that are under way end with EINTR.

#include "ctl/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/screen_key.h"

// The other page, cursor off, lines are not wrapped, empty.
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
// From the last line on, so that terminals without another page go on below the picture.
#define LEAVE "\033[0m\033[999;1H\r\n\033[?7h\033[?25h\033[?1049l"

static struct termios found;
static volatile sig_atomic_t entered, keys; // keys: stdin is the terminal
static volatile sig_atomic_t end_signal, stop_asked, resized;
static int notes[2] = {-1, -1};

#define CRASHES 5
static const int crashes[CRASHES] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction before_crash[CRASHES];

bool screen_possible(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

// Blocking, also where somebody else made the terminal non-blocking.
static int put_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(STDOUT_FILENO, bytes, length);
        if (count < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, 1000);
        else if (count < 0 && errno != EINTR)
            return -errno;
        if (count < 0 && end_signal)
            return -EINTR;
        bytes += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

static void enter(void)
{
    if (keys) {
        struct termios raw = found;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
        raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    entered = 1;
    put_all(ENTER, strlen(ENTER));
}

// Also from signal handlers: nothing but write() and tcsetattr().
static void leave(void)
{
    if (!entered)
        return;
    entered = 0;
    ssize_t ignored = write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
    (void)ignored;
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &found);
}

static void on_signal(int number)
{
    int before = errno;
    if (number == SIGTSTP)
        stop_asked = 1;
    else if (number == SIGWINCH || number == SIGCONT)
        resized = number == SIGCONT ? 2 : resized ? resized : 1;
    else
        end_signal = number;
    ssize_t ignored = write(notes[1], "", 1);
    (void)ignored;
    errno = before;
}

// What was to happen before, a core dump or a sanitizer's report, happens now: a faulty instruction
// is run once more, any other signal is sent once more.
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    leave();
    for (unsigned i = 0; i < CRASHES; i++) {
        if (crashes[i] == number)
            sigaction(number, &before_crash[i], NULL);
    }
    if (info->si_code <= 0)
        raise(number);
}

// What somebody ignores (nohup) stays ignored.
static void handle(int number)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void handle_crash(unsigned index)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(crashes[index], &action, &before_crash[index]);
}

int screen_open(void)
{
    static const int noted[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                                SIGPIPE, SIGTSTP, SIGWINCH, SIGCONT};
    if (pipe2(notes, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &found) == 0;
    for (unsigned i = 0; i < sizeof(noted) / sizeof(noted[0]); i++)
        handle(noted[i]);
    for (unsigned i = 0; i < CRASHES; i++)
        handle_crash(i);
    atexit(leave);
    enter();
    return 0;
}

void screen_close(void)
{
    leave();
    for (unsigned i = 0; i < 2; i++) {
        if (notes[i] >= 0)
            close(notes[i]);
        notes[i] = -1;
    }
}

void screen_size(unsigned *columns, unsigned *rows)
{
    struct winsize size;
    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return;
    *columns = size.ws_col;
    *rows = size.ws_row;
}

// Every line is put in its place: should the terminal have become smaller in the meantime, nothing
// scrolls.
int screen_show(const struct frame *frame, unsigned rows)
{
    struct frame out = {0};
    char place[32];
    const char *line = frame->bytes;
    for (unsigned i = 0; i < frame->lines && i < rows; i++) {
        const char *end = memchr(line, '\n', frame->length - (size_t)(line - frame->bytes));
        if (!end)
            break;
        frame_append(&out, place, (size_t)snprintf(place, sizeof(place), "\033[%u;1H", i + 1));
        frame_append(&out, line, (size_t)(end - line));
        line = end + 1;
    }
    if (frame->lines < rows)
        frame_append(&out, place,
                     (size_t)snprintf(place, sizeof(place), "\033[%u;1H\033[J", frame->lines + 1));
    int status = out.error ? out.error : put_all(out.bytes, out.length);
    frame_finish(&out);
    return status;
}

// As the shell's users know it: the terminal is theirs until they come back.
static void stop(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, own;
    leave();
    sigaction(SIGTSTP, &standard, &own);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &own, NULL);
    if (keys)
        tcgetattr(STDIN_FILENO, &found);
    enter();
}

// What the signals have noted.
static int event_take(void)
{
    char drain[64];
    while (read(notes[0], drain, sizeof(drain)) > 0)
        continue;
    if (end_signal)
        return SCREEN_END;
    if (stop_asked) {
        stop_asked = 0;
        stop();
        resized = 0;
        return SCREEN_REDRAW;
    }
    if (resized) {
        if (resized == 2) // stopped without having been asked: the shell has set its own modes
            enter();
        resized = 0;
        return SCREEN_REDRAW;
    }
    return SCREEN_TIMEOUT;
}

int screen_wait(int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = notes[0], .events = POLLIN},
                            {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN}};
    int count = poll(fds, 2, screen_key_pending() ? 0 : timeout_ms);
    if (count < 0 && errno != EINTR)
        return SCREEN_END;
    int event = event_take();
    if (event != SCREEN_TIMEOUT)
        return event;
    if (screen_key_pending() || (count > 0 && fds[1].revents))
        return screen_key_read();
    return SCREEN_TIMEOUT;
}
