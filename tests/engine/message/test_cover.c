/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/message/message.h"

static void cover_is_written_and_encrypts_as_the_crates_accept_it(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "cover/cases"))
    {
        size_t len = slc_vec_u64(it, "content_len");
        uint8_t *content = slc_vec_copy(slc_vec_repeat(0xee, len));
        slc_cover_write(content, len);
        assert_true(slc_cover_is(slc_bytes(content, len)));
        const uint8_t *key = slc_vec_bytes_of(it, "key", 16);
        slc_aes128_ctr(&content, len, &key, NULL, 1);
        slc_vec_expect(it, "encrypted_content", slc_bytes(content, len));
    }
}

static void cover_is_recognised_by_its_first_18_bytes(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "is_cover/cases"))
    {
        assert_int_equal(slc_cover_is(slc_vec_bytes(it, "bytes")), slc_vec_is_true(it, "is_cover"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cover_is_written_and_encrypts_as_the_crates_accept_it),
        cmocka_unit_test(cover_is_recognised_by_its_first_18_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
