/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOCALNET_FAULTS_H
#define SLUICE_LOCALNET_FAULTS_H

#include "engine/node/localnet.h"

#include <cjson/cJSON.h>

/* Faults by their names in the control interface (docs/localnet.md). Any thread. */

/* False: no such fault, or no value for it; `faults` may then be half changed in that member only. */
bool slc_faults_set(struct slc_faults *faults, const char *name, const char *value);
/* Whether only gateways have it. */
bool slc_faults_is_of_gateways(const char *name);
/* What there is, in words for an error. */
const char *slc_faults_words(void);
/* All of them, as an object; `gateway`: with what only gateways have. */
cJSON *slc_faults_json(const struct slc_faults *faults, bool gateway);

#endif
