/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DIRECTORY_H
#define SLUICE_DIRECTORY_H

#include "net/directory/topology.h"

/*
 * nym-api documents and topology files to snapshots (docs/protocol/4-client.md, sections 10 and 11.2; chapter 6, 3.2).
 * The parsers are pure; fetching goes over libcurl, blocks, and belongs on the control thread.
 */

/* Request B: what a client must know of key rotations. */
struct slc_rotation_info {
    uint32_t validity_epochs;
    uint64_t initial_epoch;
    uint64_t current_epoch;
    int64_t epoch_start; /* unix seconds */
    uint64_t epoch_seconds;
};

/* Percent below which a node is left out (chapter 4, section 13). */
enum { SLC_MINIMUM_PERFORMANCE = 50 };

/* Document B. `name` is for messages: a URL or a file name. Failures as of slc_directory_parse(). */
SLC_MUST_CHECK enum slc_status slc_directory_parse_rotation(struct slc_bytes json, const char *name,
                                                            struct slc_rotation_info *info, struct slc_error *error);
/*
 * Documents C (rewarded set), D (mixnodes) and E (entry gateways) to a snapshot, with every rule of section 10.7:
 * metadata must agree, the rewarded set's epoch too, performance filter, routability. Each list is one page, and whole.
 *
 * SLC_AGAIN: the documents are of different epochs, fetch them again. SLC_NO_ROUTE: not routable. SLC_TOO_SHORT: empty,
 * or a page of several. SLC_MALFORMED, SLC_NOT_UTF8, SLC_OUT_OF_RANGE, SLC_DUPLICATE (a key twice), SLC_BAD_KEY (an
 * identity that is no point), SLC_TOO_LONG, SLC_TOO_DEEP: not such a document; the text says where. `*topology` is then
 * NULL. An unusable Sphinx key costs only its node (slc_topology_new()).
 */
SLC_MUST_CHECK enum slc_status slc_directory_parse(struct slc_bytes rewarded_set, struct slc_bytes mixnodes,
                                                   struct slc_bytes entry_gateways, const char *name,
                                                   struct slc_topology **topology, struct slc_error *error);
/*
 * A topology file as the published clients read it (--custom-mixnet); errors carry file:line:column and the member, as
 * in "net.json:41:17: node_details.11.sphinx_key: ...". Without `metadata` the rotation is not known. Failures as
 * above; slc_topology_load() also SLC_NOT_FOUND and SLC_IO.
 */
SLC_MUST_CHECK enum slc_status slc_topology_parse_file(struct slc_bytes json, const char *name,
                                                       struct slc_topology **topology, struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_topology_load(const char *path, struct slc_topology **topology,
                                                 struct slc_error *error);

/* How to fetch (chapter 4, sections 10.7 and 13). */
struct slc_fetch_options {
    unsigned timeout_ms;          /* all requests together                                                  */
    uint32_t mixnode_performance; /* percent below which nodes are left out: 50 each                        */
    uint32_t gateway_performance;
    bool extended;              /* request F in place of D and E; the lower percentage counts for all      */
    const _Atomic bool *cancel; /* when it turns true the fetch ends within a second: SLC_CLOSED; or NULL  */
};
#define SLC_FETCH_DEFAULTS                                                                                             \
    ((struct slc_fetch_options){.timeout_ms = 30000,                                                                   \
                                .mixnode_performance = SLC_MINIMUM_PERFORMANCE,                                        \
                                .gateway_performance = SLC_MINIMUM_PERFORMANCE})
/*
 * Requests C, D, E (paged as section 10.5 says, repeated once after a disagreement) and B below `base`
 * ("http://127.0.0.1:8000/api"; http and https only, redirections are not followed). Blocks; transport errors are
 * retried three times. `info` may be NULL. Call slc_directory_start() once before; any thread.
 *
 * SLC_BAD_ARGUMENT (no such URL), SLC_IO (not reached), SLC_TIMEOUT, SLC_REFUSED (an HTTP status), SLC_TOO_LONG (an
 * answer above 16 MiB), SLC_AGAIN (still of different epochs: keep the old snapshot, refresh later), SLC_CLOSED
 * (cancelled), and what the parsers say. The text names the URL. `*topology` is then NULL.
 */
SLC_MUST_CHECK enum slc_status slc_directory_fetch_with(const char *base, const struct slc_fetch_options *options,
                                                        struct slc_topology **topology, struct slc_rotation_info *info,
                                                        struct slc_error *error);
void slc_directory_start(void);
/* The same with the default options and another time limit. */
SLC_MUST_CHECK enum slc_status slc_directory_fetch(const char *base, unsigned timeout_ms,
                                                   struct slc_topology **topology, struct slc_rotation_info *info,
                                                   struct slc_error *error);

/* Whether every node and every client socket of the snapshot is on loopback, for the load tool's refusal. */
bool slc_topology_is_local(const struct slc_topology *topology);

/* ---- the other direction: what a local network publishes ---- */

/* Who is what: a local network's description, for the documents below. */
struct slc_network {
    uint64_t epoch_id;
    uint32_t rotation_id;
    uint32_t validity_epochs;
    uint64_t initial_epoch;
    uint64_t epoch_seconds;
    int64_t epoch_start; /* unix seconds, also `refreshed_at` */
    const struct slc_node *nodes;
    const uint8_t *layer;                      /* per node: 1..3 a mixnode's layer, 0 a gateway       */
    const uint8_t (*noise_key)[SLC_KEY_BYTES]; /* per node, zeros: none; NULL: none at all */
    size_t node_count;
};
enum slc_document {
    SLC_DOCUMENT_ROTATION,       /* /v1/epoch/key-rotation-info                                  */
    SLC_DOCUMENT_REWARDED_SET,   /* /v1/nym-nodes/rewarded-set                                   */
    SLC_DOCUMENT_MIXNODES,       /* /v2/unstable/nym-nodes/skimmed/mixnodes/active               */
    SLC_DOCUMENT_ENTRY_GATEWAYS, /* /v2/unstable/nym-nodes/skimmed/entry-gateways                */
    SLC_DOCUMENT_ALL_NODES,      /* /v2/unstable/nym-nodes/skimmed                               */
    SLC_DOCUMENT_SEMI_SKIMMED,   /* /v2/unstable/nym-nodes/semi-skimmed                          */
    SLC_DOCUMENT_TOPOLOGY_FILE,  /* section 11.2, for --custom-mixnet and our --network          */
    SLC_DOCUMENT_COUNT
};
/*
 * The document as JSON text, to be freed with free(); NULL: no memory. It satisfies chapter 7, sections 4 and 5: one
 * role per node, everything on page 0, no interval in `status`. Any thread.
 */
char *slc_network_document(const struct slc_network *network, enum slc_document document);

#endif
