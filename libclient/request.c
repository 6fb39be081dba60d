// SPDX-License-Identifier: Apache-2.0
//
// One request to the daemon and its answer, over a connection of its own.

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "libclient/client.h"
#include "libclient/deadline.h"

#define ANSWER_MAX (8u << 20) // a daemon that talks on for ever must not fill the memory

struct answer {
    char *text; // NUL-terminated
    size_t length;
    int status;
    bool done;
};

// last: with this part the answer is whole.
static int text_append(struct answer *answer, const void *text, size_t length, bool last)
{
    if (length > ANSWER_MAX - answer->length)
        return -EMSGSIZE;
    char *grown = realloc(answer->text, answer->length + length + 1);
    if (!grown)
        return -ENOMEM;
    memcpy(grown + answer->length, text, length);
    answer->text = grown;
    answer->length += length;
    grown[answer->length] = '\0';
    answer->done = last;
    return 0;
}

static int message_take(const union wire_message *message, struct answer *answer)
{
    switch (message->header.type) {
    case WIRE_WELCOME:
        return message->welcome.major == WIRE_MAJOR ? 0 : -EPROTO;
    case WIRE_ANSWER:
        answer->status = message->answer.status;
        return text_append(answer, message->bytes + sizeof(message->answer),
                           message->header.size - sizeof(message->answer), !message->answer.more);
    case WIRE_ERROR:
        answer->status = message->error.error;
        return text_append(answer, message->error.text, strlen(message->error.text), true);
    case WIRE_GOODBYE:
        return -ECONNRESET;
    default:
        return -EPROTO;
    }
}

int request_wait(int socket, uint64_t until_ns)
{
    uint64_t now = clock_now_ns();
    struct pollfd fd = {.fd = socket, .events = POLLIN};
    if (now >= until_ns)
        return -ETIMEDOUT;
    int count = poll(&fd, 1, deadline_poll_ms(now, until_ns));
    return count < 0 ? -errno : 0;
}

static int converse(int socket, uint64_t until_ns, struct answer *answer)
{
    cleanup_free union wire_message *message = malloc(sizeof(*message));
    if (!message)
        return -ENOMEM;
    while (!answer->done) {
        int fds[WIRE_FDS_MAX];
        unsigned count;
        int status = request_wait(socket, until_ns);
        if (status == 0)
            status = wire_receive(socket, WIRE_FROM_DAEMON, message, fds, &count);
        if (status == -EAGAIN)
            continue;
        if (status < 0)
            return status;
        for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
            cleanup_close(&fds[i]);
        status = message_take(message, answer);
        if (status != 0)
            return status;
    }
    return 0;
}

static int ask(int socket, const struct client_settings *settings, const char *request)
{
    struct wire_hello hello;
    struct wire_request message;
    session_hello_fill(&hello, settings);
    wire_init(&message, WIRE_REQUEST, sizeof(message), 1);
    int status = wire_text_set(message.text, sizeof(message.text), request);
    if (status != 0)
        return status;
    status = wire_send(socket, &hello, NULL, 0);
    return status != 0 ? status : wire_send(socket, &message, NULL, 0);
}

int qclient_request(const struct qclient_options *options, const char *request, int timeout_ms,
                    char **answer)
{
    struct client_settings settings;
    struct answer collected = {0};
    *answer = NULL;
    int status = client_settings_init(&settings, options);
    if (status != 0)
        return status;
    uint64_t until = deadline_after(clock_now_ns(), timeout_ms);
    cleanup_fd int socket = session_socket_open(&settings.address);
    if (socket < 0)
        return socket;
    status = ask(socket, &settings, request);
    // A daemon that refuses says why before it closes, and what it said can still be read.
    if (status == 0 || status == -EPIPE)
        status = converse(socket, until, &collected);
    if (status == 0)
        status = collected.status;
    if (status == 0 || collected.done)
        *answer = collected.text;
    else
        free(collected.text);
    return status;
}
