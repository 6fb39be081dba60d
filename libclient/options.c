// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "libclient/client.h"

// Copies a struct of the caller's version into ours: what it does not know is zero, what we do not
// know must be.
static int options_copy(struct qclient_options *own, const struct qclient_options *options)
{
    memset(own, 0, sizeof(*own));
    if (!options)
        return 0;
    if (options->size < offsetof(struct qclient_options, stream))
        return -EINVAL;
    for (size_t i = sizeof(*own); i < options->size; i++) {
        if (((const char *)options)[i] != 0)
            return -EINVAL;
    }
    memcpy(own, options, options->size < sizeof(*own) ? options->size : sizeof(*own));
    return 0;
}

static const char *socket_default(void)
{
    const char *path = secure_getenv("QEDGE_SOCKET");
    return path && *path ? path : WIRE_SOCKET_DEFAULT;
}

// A name is only for people to read: whatever the program is called, it must pass the wire's
// checks.
static void name_set(char *field, const char *name)
{
    wire_text_set(field, WIRE_NAME_MAX, name);
    for (char *c = field; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

int client_settings_init(struct client_settings *settings, const struct qclient_options *options)
{
    struct qclient_options own;
    int status = options_copy(&own, options);
    if (status != 0)
        return status;
    if ((own.flags & ~(uint32_t)(QCLIENT_FROM_OLDEST | QCLIENT_NO_RECONNECT)) != 0)
        return -EINVAL;
    memset(settings, 0, sizeof(*settings));
    settings->address.sun_family = AF_UNIX;
    settings->connect_timeout_ms = own.connect_timeout_ms;
    settings->flags = own.flags;
    name_set(settings->name, own.name ? own.name : program_invocation_short_name);
    status =
        wire_text_set(settings->stream, sizeof(settings->stream), own.stream ? own.stream : "");
    if (status != 0)
        return status;
    return wire_text_set(settings->address.sun_path, sizeof(settings->address.sun_path),
                         own.socket ? own.socket : socket_default());
}
