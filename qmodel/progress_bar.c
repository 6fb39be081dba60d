// SPDX-License-Identifier: Apache-2.0
#include "qmodel/progress_bar.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

#define WIDTH 28
#define REDRAW_NS (100 * CLOCK_NS_PER_MS)

void progress_bar_start(struct progress_bar *progress, const char *what, uint64_t count)
{
    *progress = (struct progress_bar){
        .what = what, .count = count, .start_ns = clock_now_ns(), .on = isatty(STDERR_FILENO) == 1};
}

void progress_bar_step(struct progress_bar *progress, uint64_t done)
{
    static const char bar[] = "############################",
                      rest[] = "............................";
    if (!progress->on || done == 0 || progress->count == 0)
        return;
    uint64_t now = clock_now_ns();
    if (progress->shown_ns && now - progress->shown_ns < REDRAW_NS)
        return;
    progress->shown_ns = now;
    if (done > progress->count)
        done = progress->count;
    int filled = (int)(done * WIDTH / progress->count);
    double left = (double)(now - progress->start_ns) / 1e9 / (double)done *
                  (double)(progress->count - done);
    unsigned seconds = left < 359999 ? (unsigned)(left + 0.5) : 359999;
    fprintf(stderr, "\r%s [%.*s%.*s] %llu/%llu, %u:%02u:%02u left\033[K", progress->what, filled,
            bar, WIDTH - filled, rest, (unsigned long long)done,
            (unsigned long long)progress->count, seconds / 3600, seconds / 60 % 60, seconds % 60);
    fflush(stderr);
}

void progress_bar_finish(struct progress_bar *progress)
{
    if (progress->on && progress->shown_ns)
        fprintf(stderr, "\r\033[K");
    progress->on = false;
}
