/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/engine.h"
#include "engine/node/localnet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * A system that gives no randomness: getentropy() is this program's. A generator is seeded once, before anything that
 * draws from it exists; so whichever of an engine's seeds fails, there is no engine, and nothing that could be sent.
 */

static size_t asked, fails_at;

int getentropy(void *buffer, size_t length)
{
    if (++asked == fails_at) {
        errno = EIO;
        return -1;
    }
    memset(buffer, (int)asked, length);
    return 0;
}

static void no_engine_is_made_whichever_seed_fails(void **state)
{
    (void)state;
    struct slc_error error = {0};
    struct slc_localnet_config net;
    struct slc_localnet *localnet;
    struct slc_topology *topology;
    slc_localnet_config_default(&net);
    assert_int_equal(slc_localnet_new(&localnet, &net, &error), SLC_OK);
    assert_int_equal(slc_localnet_topology(localnet, &topology, &error), SLC_OK);

    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.max_connections = 64;
    config.max_clients = 2;
    struct slc_engine *engine = NULL;
    for (fails_at = 1;; fails_at++) {
        asked = 0;
        error = (struct slc_error){0};
        enum slc_status status = slc_engine_new(&engine, &config, topology, NULL, &error);
        if (asked < fails_at) {
            assert_int_equal(status, SLC_OK);
            break;
        }
        assert_int_equal(status, SLC_RANDOM_FAILED);
        assert_null(engine);
        assert_non_null(strstr(error.text, "randomness"));
    }
    assert_true(fails_at > 3); /* virtual clients, worker, network thread */
    slc_engine_free(engine);
    slc_topology_release(topology);
    slc_localnet_free(localnet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_engine_is_made_whichever_seed_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
