/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/message/message.h"

static uint32_t optional_id(const cJSON *it, const char *path)
{
    return slc_vec_is_null(it, path) ? 0 : (uint32_t)slc_vec_u64(it, path);
}

static void fragments_are_read_as_the_crates_read_them(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "fragment_decode/cases"))
    {
        struct slc_fragment fragment;
        enum slc_status status = slc_fragment_parse(slc_vec_bytes(it, "bytes"), &fragment);
        if (slc_vec_find(it, "result/error") != NULL) {
            bool short_one = slc_vec_is(it, "result/error", "TooShortFragmentHeader");
            if (status != (short_one ? SLC_TOO_SHORT : SLC_MALFORMED)) {
                fail_msg("%s: %s", slc_vec_text(it, "name"), slc_status_text(status));
            }
            continue;
        }
        assert_int_equal(status, SLC_OK);
        assert_int_equal(fragment.id.set, slc_vec_u64(it, "result/id"));
        assert_int_equal(fragment.id.position, slc_vec_u64(it, "result/position"));
        assert_int_equal(fragment.total, slc_vec_u64(it, "result/total"));
        assert_int_equal(fragment.previous, optional_id(it, "result/previous"));
        assert_int_equal(fragment.next, optional_id(it, "result/next"));
        slc_vec_expect(it, "result/payload", fragment.payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_are_read_as_the_crates_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
