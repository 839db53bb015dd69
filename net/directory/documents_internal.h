/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DIRECTORY_DOCUMENTS_INTERNAL_H
#define SLUICE_DIRECTORY_DOCUMENTS_INTERNAL_H

#include "net/directory/directory.h"
#include "net/directory/json_internal.h"

/*
 * The documents one by one, for whoever has to ask for pages (docs/protocol/4-client.md, sections 10.4, 10.5, 10.7).
 * Everything is freed by its slc_..._free(), in every case, also after a failure.
 */

/* `metadata.status`: none (null or missing), "no-updates", or an interval. */
struct slc_list_status {
    enum { SLC_LIST_PLAIN, SLC_LIST_NO_UPDATES, SLC_LIST_FRESH } kind;
    uint64_t id, epochs_in_interval, current_epoch_id, total_elapsed_epochs, epoch_seconds, epoch_nanos;
    int64_t epoch_start;
};

/* What must be alike on all pages, and in D and E. */
struct slc_list_metadata {
    struct slc_list_status status;
    uint32_t epoch_id, rotation_id;
    int64_t refreshed_at; /* not compared */
};

/* Documents D or E: pages gathered. */
struct slc_node_list {
    uint32_t minimum_performance;      /* the filter's, percent; set before the first page                */
    struct slc_list_metadata metadata; /* the first page's                                              */
    struct slc_node_details *nodes;    /* those that pass the performance filter and have an address    */
    size_t count;
    size_t cap;
    uint64_t entries; /* seen in `data` so far, kept or not                             */
    uint64_t total;   /* `pagination.total` of the first page                            */
    unsigned pages;
};
/* Adds one page. SLC_AGAIN: it disagrees with the first. */
SLC_MUST_CHECK enum slc_status slc_node_list_add(struct slc_node_list *list, struct slc_bytes page, const char *name,
                                                 struct slc_error *error);
/* Whether a further page must be asked for. */
bool slc_node_list_wants_more(const struct slc_node_list *list);
void slc_node_list_free(struct slc_node_list *list);

/* Document C with its own memory. */
struct slc_rewarded_document {
    struct slc_rewarded_set set;
    uint32_t *ids; /* all lists in one array */
};
SLC_MUST_CHECK enum slc_status slc_rewarded_document_parse(struct slc_rewarded_document *document,
                                                           struct slc_bytes bytes, const char *name,
                                                           struct slc_error *error);
/* The same from a member of another document (topology file). Failures are kept in `json`. */
void slc_rewarded_document_read(struct slc_rewarded_document *document, struct slc_doc *json, const cJSON *object);
void slc_rewarded_document_free(struct slc_rewarded_document *document);

/* C, D and E to a snapshot. SLC_AGAIN: their epochs, rotations or states disagree. */
SLC_MUST_CHECK enum slc_status slc_documents_join(const struct slc_rewarded_document *rewarded,
                                                  const struct slc_node_list *mixnodes,
                                                  const struct slc_node_list *gateways, const char *name,
                                                  struct slc_topology **topology, struct slc_error *error);

/* A literal IP and a port from a document; failures are kept in `json` and name `node`. */
void slc_document_address(struct slc_doc *json, const cJSON *node, const char *ip, uint16_t port,
                          struct slc_address *address);
/* A host name, or nothing; failures are kept in `json`. */
void slc_document_hostname(struct slc_doc *json, const cJSON *entry, char hostname[SLC_HOST_MAX]);

#endif
