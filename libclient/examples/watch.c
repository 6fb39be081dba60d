// SPDX-License-Identifier: Apache-2.0
// The smallest useful client: prints what the camera sees, and survives a restart of the daemon.
//     cc watch.c $(pkg-config --cflags --libs libqclient) -o watch && ./watch [STREAM]
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <qclient.h>

int main(int argc, char **argv)
{
    struct qclient_options options;
    memset(&options, 0, sizeof(options)); // C and C++ both take this
    options.size = sizeof(options);
    options.stream = argc > 1 ? argv[1] : NULL;
    options.connect_timeout_ms = 5000;
    struct qclient *client;
    int status = qclient_connect(&options, &client);
    if (status != 0) {
        fprintf(stderr, "watch: no results: %s\n", strerror(-status));
        return 1;
    }
    for (;;) {
        struct qclient_result result;
        status = qclient_next(client, &result, -1); // waits for the next frame
        if (status == -ECONNRESET) {
            fprintf(stderr, "watch: qedged went away, waiting for it\n");
            continue; // libqclient reconnects by itself
        }
        if (status != 0)
            break; // -EPIPE: stopped in order
        printf("%llu", (unsigned long long)result.sequence);
        for (unsigned i = 0; i < result.hit_count && i < 3; i++)
            printf("  %s %.2f", qclient_label(client, result.hits[i].label), result.hits[i].score);
        printf("  (%.1f ms)\n", (double)(result.published_ns - result.sensor_ns) / 1e6);
        fflush(stdout);
    }
    qclient_close(client);
    return status == -EPIPE ? 0 : 1;
}
