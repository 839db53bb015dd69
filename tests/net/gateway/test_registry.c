/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/server.h"

#include "tests/support/vectors.h"

static void number_identity(uint8_t identity[SLC_IDENTITY_BYTES], uint32_t n)
{
    memset(identity, 0, SLC_IDENTITY_BYTES);
    memcpy(identity, &n, sizeof n);
}

static void entries_are_found_and_never_move(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct slc_registered *entries[N];
    struct slc_registry *registry = NULL;
    uint8_t identity[SLC_IDENTITY_BYTES];
    assert_int_equal(slc_registry_new(&registry, N), SLC_OK);
    number_identity(identity, 0);
    assert_null(slc_registry_find(registry, identity));
    for (uint32_t i = 0; i < N; i++) {
        number_identity(identity, i);
        assert_int_equal(slc_registry_add(registry, identity, &entries[i]), SLC_OK);
        entries[i]->known = i % 2 == 0;
    }
    for (uint32_t i = 0; i < N; i++) {
        struct slc_registered *again = NULL;
        number_identity(identity, i);
        assert_ptr_equal(slc_registry_find(registry, identity), entries[i]);
        assert_int_equal(slc_registry_add(registry, identity, &again), SLC_OK);
        assert_ptr_equal(again, entries[i]);
        assert_memory_equal(entries[i]->identity, identity, sizeof identity);
        assert_ptr_equal(slc_registry_at(registry, i), entries[i]);
    }
    number_identity(identity, N);
    assert_null(slc_registry_find(registry, identity));
    assert_null(slc_registry_at(registry, N));
    assert_int_equal(slc_registry_count(registry), N / 2);
    slc_registry_free(registry);
}

static void the_bound_holds(void **state)
{
    (void)state;
    struct slc_registry *registry = NULL;
    struct slc_registered *entry = NULL;
    uint8_t identity[SLC_IDENTITY_BYTES];
    assert_int_equal(slc_registry_new(&registry, 0), SLC_BAD_ARGUMENT);
    assert_null(registry);
    assert_int_equal(slc_registry_new(&registry, 2), SLC_OK);
    for (uint32_t i = 0; i < 3; i++) {
        number_identity(identity, i);
        assert_int_equal(slc_registry_add(registry, identity, &entry), i < 2 ? SLC_OK : SLC_FULL);
    }
    number_identity(identity, 1);
    assert_int_equal(slc_registry_add(registry, identity, &entry), SLC_OK); /* there already */
    slc_registry_free(registry);
    slc_registry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_and_never_move),
        cmocka_unit_test(the_bound_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
