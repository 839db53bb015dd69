/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/directory/datetime.h"

/*
 * Reports of a client's traffic to a statistics provider (docs/protocol/4-client.md, section 9): only when they are
 * enabled and a provider is named, which by default none is. Each client reports its own packets, as the reference
 * does, so only then it has counters of its own. They are never reset; there is nothing else to reset.
 */

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#else
#define ARCHITECTURE "unknown"
#endif

enum {
    REPORT_MAX = 2048, /* 24 numbers of 20 digits and about 1100 bytes of names */
    SPREAD = 10,       /* a report waits up to interval / SPREAD longer, so that thousands do not report in step */
};

bool slc_statistics_begin(struct slc_clients *c, struct client *k)
{
    const struct slc_traffic *t = c->traffic;
    k->statistics = NULL;
    if (!t->stats_enabled || !t->has_stats_provider || t->stats_interval == 0) return true;
    k->statistics = calloc(1, sizeof *k->statistics);
    return k->statistics != NULL;
}

slc_time slc_statistics_due(const struct client *k)
{
    return k->statistics == NULL || !k->ready ? SLC_NEVER : k->statistics->next;
}

/* "2026-05-16 10:01:00.0 +00:00:00": cut to the minute, as the reference's time library prints it. */
static void write_time(int64_t unix_seconds, char text[SLC_DATETIME_TEXT_MAX + 16])
{
    char plain[SLC_DATETIME_TEXT_MAX];
    slc_datetime_to_text(unix_seconds - unix_seconds % 60, plain);
    (void)snprintf(text, SLC_DATETIME_TEXT_MAX + 16, "%.10s %.8s.0 +00:00:00", plain, plain + 11);
}

/* Lower-case hexadecimal SHA-256 of "client_stats_id" and the base58 identity: no address, but always the same. */
static void write_id(const struct client *k, char text[2 * crypto_hash_sha256_BYTES + 1])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char named[sizeof "client_stats_id" + SLC_BASE58_MAX] = "client_stats_id";
    size_t prefix = strlen(named);
    (void)!slc_base58_encode(named + prefix, sizeof named - prefix,
                             slc_bytes(k->keys->identity.public_key, SLC_IDENTITY_BYTES));
    (void)crypto_hash_sha256(hash, (const uint8_t *)named, strlen(named));
    (void)sodium_bin2hex(text, 2 * sizeof hash + 1, hash, sizeof hash);
}

static int write_packets(const struct slc_client_counters *n, char *out, size_t cap)
{
    uint64_t real_sent = n->real_sent + n->retransmitted + n->surb_packets_sent;
    uint64_t real_acks = n->acks_received + n->unknown_acks, acks = real_acks + n->cover_acks_received;
    const struct number {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"real_packets_sent", real_sent},
        {"real_packets_sent_size", n->packet_bytes_sent - n->cover_bytes_sent},
        {"cover_packets_sent", n->cover_sent},
        {"cover_packets_sent_size", n->cover_bytes_sent},
        {"real_packets_received", n->data_received - n->cover_received - n->refused_payloads},
        {"real_packets_received_size", n->data_bytes_received - n->cover_bytes_received},
        {"cover_packets_received", n->cover_received},
        {"cover_packets_received_size", n->cover_bytes_received},
        {"total_acks_received", acks},
        {"total_acks_received_size", acks * SLC_ACK_PLAINTEXT_BYTES},
        {"real_acks_received", real_acks},
        {"real_acks_received_size", real_acks * SLC_ACK_PLAINTEXT_BYTES},
        {"cover_acks_received", n->cover_acks_received},
        {"cover_acks_received_size", n->cover_acks_received * SLC_ACK_PLAINTEXT_BYTES},
        {"real_packets_queued", real_sent},
        {"retransmissions_queued", n->retransmitted},
        {"reply_surbs_queued", n->surb_request_packets_sent},
        {"additional_reply_surbs_queued", n->surb_packets_sent - n->surb_request_packets_sent},
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && len < cap; i++) {
        len += (size_t)snprintf(out + len, cap - len, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", numbers[i].name,
                                numbers[i].value);
    }
    return (int)len;
}

size_t slc_statistics_write(const struct slc_clients *c, const struct client *k, slc_time now, char *out, size_t cap)
{
    static const char CONNECTION[] = "{\"real_packets_sent\":0,\"real_packets_sent_size\":0,\"failures\":[]}";
    char time[SLC_DATETIME_TEXT_MAX + 16], id[2 * crypto_hash_sha256_BYTES + 1], packets[REPORT_MAX];
    write_time(slc_unix(c, now), time);
    write_id(k, id);
    int packets_len = write_packets(&k->statistics->counters, packets, sizeof packets);
    int len = snprintf(out, cap,
                       "{\"kind\":\"client_stats_report\",\"api_version\":\"v1\",\"last_update_time\":\"%s\","
                       "\"client_id\":\"%s\",\"client_type\":\"sluice\",\"os_information\":{\"os_type\":\"Linux\","
                       "\"os_version\":\"unknown\",\"os_arch\":\"" ARCHITECTURE "\"},\"packet_stats\":{%.*s},"
                       "\"gateway_conn_stats\":%s,\"nym_api_stats\":%s,\"connection_stats\":{\"mixnet_entry_spent\":0,"
                       "\"vpn_entry_spent\":0,\"mixnet_exit_spent\":0,\"vpn_exit_spent\":0,"
                       "\"wg_exit_country_code\":\"\",\"mix_exit_country_code\":\"\"}}",
                       time, id, packets_len, packets, CONNECTION, CONNECTION);
    return len < 0 || (size_t)len >= cap ? 0 : (size_t)len;
}

/* A regular message on the general lane; without room or memory the next interval tries again. */
void slc_statistics_report(struct slc_clients *c, struct client *k, slc_time now)
{
    slc_time interval = c->traffic->stats_interval;
    k->statistics->next = now + interval + (slc_time)(slc_random_unit(c->random) * (double)interval / SPREAD);
    size_t head = slc_message_head_bytes(SLC_MESSAGE_PLAIN, 0, 0);
    uint8_t *memory = malloc(head + REPORT_MAX);
    if (memory == NULL) return;
    struct slc_writer w = slc_writer(memory, head);
    slc_message_write_head(&w, SLC_MESSAGE_PLAIN, NULL, NULL);
    size_t len = slc_statistics_write(c, k, now, (char *)memory + head, REPORT_MAX);
    const struct message model = {.kind = SLC_MESSAGE_PLAIN, .recipient = c->traffic->stats_provider};
    enum slc_status status = slc_messages_add(c, k, &model, memory, head + len);
    if (status == SLC_OK) COUNT(c, k, statistics_sent, 1);
}
