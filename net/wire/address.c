/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/address.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { IPV4 = 4, IPV6 = 6, IPV4_BYTES = 4, IPV6_BYTES = 16 };
_Static_assert(SLC_ADDRESS_UNPADDED_MAX == 1 + 2 + IPV6_BYTES, "version, port, address");
_Static_assert(SLC_ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN + sizeof("[]:65535"), "the longest text");

static size_t ip_bytes(uint8_t version)
{
    return version == IPV4 ? IPV4_BYTES : version == IPV6 ? IPV6_BYTES : 0;
}

size_t slc_address_bytes(const struct slc_address *address)
{
    size_t ip = ip_bytes(address->version);
    return ip == 0 ? 0 : 1 + 2 + ip;
}

void slc_address_write(struct slc_writer *w, const struct slc_address *address)
{
    slc_address_write_padded(w, address, slc_address_bytes(address));
}

void slc_address_write_padded(struct slc_writer *w, const struct slc_address *address, size_t width)
{
    size_t len = slc_address_bytes(address);
    if (len > width) {
        w->overrun = true;
        return;
    }
    if (len > 0) {
        slc_write_u8(w, address->version);
        slc_write_u16(w, address->port);
        slc_write_bytes(w, address->ip, ip_bytes(address->version));
    }
    slc_write_zeros(w, width - len);
}

enum slc_status slc_address_read(struct slc_reader *r, struct slc_address *address)
{
    *address = (struct slc_address){0};
    if (slc_reader_left(r) == 0) return SLC_TOO_SHORT;
    uint8_t version = slc_read_u8(r);
    size_t ip = ip_bytes(version);
    if (ip == 0) return SLC_MALFORMED;
    address->port = slc_read_u16(r);
    slc_read_into(r, address->ip, ip);
    if (!slc_reader_ok(r)) {
        *address = (struct slc_address){0};
        return SLC_TOO_SHORT;
    }
    address->version = version;
    return SLC_OK;
}

/* Decimal digits up to the end of the text. */
static bool port_from_text(const char *text, uint16_t *port)
{
    unsigned value = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        if (digits == 5) return false;
        value = value * 10 + (unsigned)(text[digits] - '0');
    }
    if (digits == 0 || text[digits] != '\0' || value > UINT16_MAX) return false;
    *port = (uint16_t)value;
    return true;
}

enum slc_status slc_address_from_ip(const char *ip, uint16_t port, struct slc_address *address)
{
    *address = (struct slc_address){.port = port};
    if (inet_pton(AF_INET, ip, address->ip) == 1) {
        address->version = IPV4;
    } else if (inet_pton(AF_INET6, ip, address->ip) == 1) {
        address->version = IPV6;
    } else {
        *address = (struct slc_address){0};
        return SLC_MALFORMED;
    }
    return SLC_OK;
}

enum slc_status slc_address_from_text(const char *text, struct slc_address *address)
{
    *address = (struct slc_address){0};
    bool bracketed = text[0] == '[';
    const char *ip = bracketed ? text + 1 : text;
    const char *ip_end = strchr(ip, bracketed ? ']' : ':');
    if (ip_end == NULL) return SLC_MALFORMED;
    const char *colon = bracketed ? ip_end + 1 : ip_end;

    char copy[INET6_ADDRSTRLEN];
    size_t len = (size_t)(ip_end - ip);
    uint16_t port;
    if (len >= sizeof copy || *colon != ':' || !port_from_text(colon + 1, &port)) return SLC_MALFORMED;
    memcpy(copy, ip, len);
    copy[len] = '\0';
    enum slc_status status = slc_address_from_ip(copy, port, address);
    if (status == SLC_OK && (address->version == IPV6) != bracketed) {
        *address = (struct slc_address){0};
        return SLC_MALFORMED;
    }
    return status;
}

void slc_address_to_text(const struct slc_address *address, char text[SLC_ADDRESS_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN];
    int family = address->version == IPV6 ? AF_INET6 : AF_INET;
    if (ip_bytes(address->version) == 0 || inet_ntop(family, address->ip, ip, sizeof ip) == NULL) {
        (void)snprintf(text, SLC_ADDRESS_TEXT_MAX, "none");
        return;
    }
    const char *format = address->version == IPV6 ? "[%s]:%u" : "%s:%u";
    (void)snprintf(text, SLC_ADDRESS_TEXT_MAX, format, ip, (unsigned)address->port);
}

bool slc_address_equal(const struct slc_address *a, const struct slc_address *b)
{
    return a->version == b->version && a->port == b->port && memcmp(a->ip, b->ip, ip_bytes(a->version)) == 0;
}

bool slc_address_is_loopback(const struct slc_address *address)
{
    static const uint8_t loopback6[IPV6_BYTES] = {[IPV6_BYTES - 1] = 1};
    if (address->version == IPV4) return address->ip[0] == 127;
    return address->version == IPV6 && memcmp(address->ip, loopback6, IPV6_BYTES) == 0;
}
