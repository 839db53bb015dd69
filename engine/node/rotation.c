/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include "crypto/base/secret.h"

#include <string.h>

/*
 * Epochs and key rotation. A node's secrets follow one another in a chain that forgets what is behind it; control
 * thread and worker each walk their own copy, so no secret crosses between them, and a seed repeats every rotation.
 */

static void next_secret(uint8_t chain[SLC_KEY_BYTES], uint8_t secret[SLC_KEY_BYTES])
{
    struct slc_random random;
    slc_random_from_seed(&random, chain);
    slc_random_bytes(&random, secret, SLC_KEY_BYTES);
    slc_random_bytes(&random, chain, SLC_KEY_BYTES);
    slc_random_wipe(&random);
}

void rotation_begin(struct node *node, uint8_t public_key[SLC_KEY_BYTES])
{
    next_secret(node->chain, node->secret[KEY_CURRENT]);
    slc_public_key(public_key, node->secret[KEY_CURRENT]);
    memcpy(node->published, node->chain, sizeof node->published);
}

/* ---- the control thread's side ---- */

static void publish(struct slc_localnet *net, uint32_t rotation)
{
    for (; net->network.rotation_id < rotation; net->network.rotation_id++) {
        for (size_t i = 0; i < net->own_count; i++) {
            uint8_t secret[SLC_KEY_BYTES];
            next_secret(net->nodes[i].published, secret);
            slc_public_key(net->public_nodes[i].sphinx_key, secret);
            slc_wipe(secret, sizeof secret);
        }
    }
}

/* The workers hear of it first: whoever sees the new keys may use them. */
static enum slc_status turn_to(struct slc_localnet *net, uint64_t epoch, int64_t start, slc_time next)
{
    struct slc_network *n = &net->network;
    uint32_t rotation = slc_rotation_id(epoch, n->initial_epoch, n->validity_epochs);
    bool first = (epoch - n->initial_epoch) % n->validity_epochs == 0;
    const struct node_note order = {.kind = NOTE_EPOCH, .epoch = {.rotation = rotation, .overlap = first}};
    enum slc_status status = orders_send(net, SLC_ALL_NODES, &order);
    if (status != SLC_OK) return status;
    publish(net, rotation);
    n->epoch_id = epoch;
    n->epoch_start = start;
    net->next_epoch = next;
    return SLC_OK;
}

static slc_time epoch_length(const struct slc_localnet *net)
{
    return net->network.epoch_seconds * SLC_SECOND;
}

slc_time slc_localnet_tick(struct slc_localnet *net)
{
    slc_time now = slc_now();
    const struct slc_network *n = &net->network;
    while (net->next_epoch <= now) {
        enum slc_status status = turn_to(net, n->epoch_id + 1, n->epoch_start + (int64_t)n->epoch_seconds,
                                         net->next_epoch + epoch_length(net));
        if (status != SLC_OK) return now + SLC_MILLISECOND;
    }
    return net->next_epoch;
}

enum slc_status slc_localnet_next_epoch(struct slc_localnet *net)
{
    return turn_to(net, net->network.epoch_id + 1, (int64_t)slc_unix_seconds(), slc_now() + epoch_length(net));
}

enum slc_status slc_localnet_rotate(struct slc_localnet *net)
{
    const struct slc_network *n = &net->network;
    uint64_t epoch = n->initial_epoch + ((uint64_t)n->rotation_id + 1) * n->validity_epochs;
    return turn_to(net, epoch, (int64_t)slc_unix_seconds(), slc_now() + epoch_length(net));
}

void slc_localnet_rotation_info(const struct slc_localnet *net, struct slc_rotation_info *info)
{
    const struct slc_network *n = &net->network;
    *info = (struct slc_rotation_info){.validity_epochs = n->validity_epochs,
                                       .initial_epoch = n->initial_epoch,
                                       .current_epoch = n->epoch_id,
                                       .epoch_start = n->epoch_start,
                                       .epoch_seconds = n->epoch_seconds};
}

/* ---- a worker's side ---- */

static void retire(struct crew *crew)
{
    crew->overlap = false;
    slc_replay_free(crew->replay[KEY_BEFORE]);
    crew->replay[KEY_BEFORE] = NULL;
    for (size_t i = 0; i < crew->net->own_count; i++) {
        struct node *node = &crew->net->nodes[i];
        if (node->worker == crew->index) slc_wipe(node->secret[KEY_BEFORE], SLC_KEY_BYTES);
    }
}

static void step(struct crew *crew)
{
    retire(crew);
    for (size_t i = 0; i < crew->net->own_count; i++) {
        struct node *node = &crew->net->nodes[i];
        if (node->worker != crew->index) continue;
        memcpy(node->secret[KEY_BEFORE], node->secret[KEY_CURRENT], SLC_KEY_BYTES);
        next_secret(node->chain, node->secret[KEY_CURRENT]);
    }
    /* Without memory for another filter the one there is serves both keys. */
    struct slc_replay *fresh;
    if (slc_replay_new(&fresh, REMEMBERED_TAGS) == SLC_OK) {
        crew->replay[KEY_BEFORE] = crew->replay[KEY_CURRENT];
        crew->replay[KEY_CURRENT] = fresh;
    }
    crew->overlap = true;
    crew->rotation++;
}

void rotation_obey(struct crew *crew, uint32_t rotation, bool overlap)
{
    while (crew->rotation < rotation) {
        step(crew);
    }
    if (!overlap) retire(crew);
}

enum node_key rotation_key(const struct crew *crew, enum slc_rotation tag)
{
    if (tag == SLC_ROTATION_UNKNOWN || tag == slc_rotation_of(crew->rotation)) return KEY_CURRENT;
    return crew->overlap ? KEY_BEFORE : KEY_RETIRED;
}

enum slc_rotation rotation_tag(const struct crew *crew, enum node_key key)
{
    return slc_rotation_of(key == KEY_CURRENT ? crew->rotation : crew->rotation - 1);
}

bool rotation_replayed(struct crew *crew, enum node_key key, const uint8_t tag[SLC_REPLAY_TAG_BYTES])
{
    return slc_replay_seen(crew->replay[key] != NULL ? crew->replay[key] : crew->replay[KEY_CURRENT], tag);
}
