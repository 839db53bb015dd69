/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/io/loop_internal.h"

socklen_t socket_address_of(const struct slc_address *address, union socket_address *out)
{
    memset(out, 0, sizeof *out);
    if (address->version == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(address->port);
        memcpy(&out->v4.sin_addr, address->ip, 4);
        return sizeof out->v4;
    }
    if (address->version == 6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(address->port);
        memcpy(&out->v6.sin6_addr, address->ip, 16);
        return sizeof out->v6;
    }
    return 0;
}

void socket_address_to(const union socket_address *in, struct slc_address *address)
{
    *address = (struct slc_address){0};
    if (in->any.sa_family == AF_INET) {
        address->version = 4;
        address->port = ntohs(in->v4.sin_port);
        memcpy(address->ip, &in->v4.sin_addr, 4);
    } else if (in->any.sa_family == AF_INET6) {
        address->port = ntohs(in->v6.sin6_port);
        /* An IPv4 peer of a socket that listens on [::]. */
        if (IN6_IS_ADDR_V4MAPPED(&in->v6.sin6_addr)) {
            address->version = 4;
            memcpy(address->ip, in->v6.sin6_addr.s6_addr + 12, 4);
        } else {
            address->version = 6;
            memcpy(address->ip, &in->v6.sin6_addr, 16);
        }
    }
}

socklen_t socket_address_len(const union socket_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

int socket_new(const union socket_address *address, bool blocking)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) return -1;
    /* Frames are whole when they are handed over; accepted sockets inherit this from their listener. */
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void socket_reset_on_close(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

enum slc_status socket_status(int system_error)
{
    switch (system_error) {
    case ECONNREFUSED:
        return SLC_REFUSED;
    case ETIMEDOUT:
        return SLC_TIMEOUT;
    default:
        return SLC_IO;
    }
}
