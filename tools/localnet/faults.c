/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/localnet/faults.h"

#include "tools/common/options.h"

#include <stdio.h>
#include <string.h>

#define MOST_DELAY (600 * SLC_SECOND)

enum kind { SHARE, DURATION, BOOL, DOOR };

static const struct fault {
    const char *name;
    enum kind kind;
    bool of_gateways;
    size_t offset;
} faults_known[] = {
    {"loss", SHARE, false, offsetof(struct slc_faults, loss)},
    {"duplicate", SHARE, false, offsetof(struct slc_faults, duplicate)},
    {"reorder", SHARE, false, offsetof(struct slc_faults, reorder)},
    {"reorder_delay", DURATION, false, offsetof(struct slc_faults, reorder_delay)},
    {"extra_delay", DURATION, false, offsetof(struct slc_faults, extra_delay)},
    {"paused", BOOL, false, offsetof(struct slc_faults, paused)},
    {"door", DOOR, true, offsetof(struct slc_faults, door)},
    {"wrong_key", BOOL, true, offsetof(struct slc_faults, wrong_key)},
    {"no_acks", BOOL, true, offsetof(struct slc_faults, no_acks)},
    {"twice", BOOL, true, offsetof(struct slc_faults, twice)},
    {"garbage", SHARE, true, offsetof(struct slc_faults, garbage)},
    {"cut_every", DURATION, true, offsetof(struct slc_faults, cut_every)},
};
enum { KNOWN = sizeof faults_known / sizeof *faults_known };

static const char *const door_names[] = {"open", "shut", "mute", "refusing"};
enum { DOORS = sizeof door_names / sizeof *door_names };

static const struct fault *find(const char *name)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(faults_known[i].name, name) == 0) return &faults_known[i];
    }
    return NULL;
}

static bool set_door(enum slc_door *door, const char *value)
{
    for (unsigned i = 0; i < DOORS; i++) {
        if (strcmp(door_names[i], value) != 0) continue;
        *door = (enum slc_door)i;
        return true;
    }
    return false;
}

bool slc_faults_set(struct slc_faults *faults, const char *name, const char *value)
{
    const struct fault *fault = find(name);
    if (fault == NULL || value == NULL) return false;
    void *member = (uint8_t *)faults + fault->offset;
    switch (fault->kind) {
    case SHARE:
        return slc_parse_share(value, member);
    case DURATION:
        return slc_parse_duration(value, member) && *(slc_time *)member <= MOST_DELAY;
    case BOOL:
        *(bool *)member = strcmp(value, "true") == 0;
        return *(bool *)member || strcmp(value, "false") == 0;
    case DOOR:
        return set_door(member, value);
    }
    return false;
}

bool slc_faults_is_of_gateways(const char *name)
{
    const struct fault *fault = find(name);
    return fault != NULL && fault->of_gateways;
}

const char *slc_faults_words(void)
{
    return "want loss, duplicate, reorder, garbage as shares (0.02 or 2%), reorder_delay, extra_delay, cut_every as "
           "durations up to 10m (100ms), paused, wrong_key, no_acks, twice as true or false, door as open, shut, mute "
           "or refusing";
}

cJSON *slc_faults_json(const struct slc_faults *faults, bool gateway)
{
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < KNOWN; i++) {
        const struct fault *fault = &faults_known[i];
        if (fault->of_gateways && !gateway) continue;
        const void *member = (const uint8_t *)faults + fault->offset;
        char name[32];
        switch (fault->kind) {
        case SHARE:
            (void)cJSON_AddNumberToObject(json, fault->name, *(const double *)member);
            break;
        case DURATION:
            (void)snprintf(name, sizeof name, "%s_seconds", fault->name);
            (void)cJSON_AddNumberToObject(json, name, (double)*(const slc_time *)member / 1e9);
            break;
        case BOOL:
            (void)cJSON_AddBoolToObject(json, fault->name, *(const bool *)member);
            break;
        case DOOR:
            (void)cJSON_AddStringToObject(json, fault->name, door_names[*(const enum slc_door *)member]);
            break;
        }
    }
    return json;
}
