/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

/* The table of options against the table of the protocol's chapter, which was written first and by somebody else. */

static struct slc_traffic defaults(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    return traffic;
}

/* Option by option: between the fields are bytes that mean nothing. */
static void assert_same(const struct slc_traffic *a, const struct slc_traffic *b)
{
    struct slc_traffic_option option;
    for (size_t i = 0; slc_traffic_option(i, &option); i++) {
        char of_a[300], of_b[300];
        assert_true(slc_traffic_get(a, option.name, of_a, sizeof of_a));
        assert_true(slc_traffic_get(b, option.name, of_b, sizeof of_b));
        assert_string_equal(of_a, of_b);
    }
}

/* ---- docs/protocol/4-client.md, section 13 ---- */

/* Cuts the next cell out of a row "| a | b |"; NULL: no more. Trims it, and takes off what marks it up. */
static char *cell(char **row)
{
    char *start = *row + strspn(*row, " |"), *end = strchr(start, '|');
    if (end == NULL) return NULL;
    *row = end;
    *end = ' ';
    while (end > start && end[-1] == ' ') {
        end--;
    }
    *end = '\0';
    *row = end + 1;
    char *to = start;
    for (const char *from = start; *from != '\0'; from++) {
        if (*from != '*' && *from != '`') *to++ = *from;
    }
    *to = '\0';
    char *note = strchr(start, '(');
    if (note != NULL && note > start) {
        *note = '\0';
        while (note > start && note[-1] == ' ') {
            *--note = '\0';
        }
    }
    return start;
}

/* The nth of a list with commas, trimmed. */
static char *item(char *list, unsigned n, char *text, size_t cap)
{
    while (n-- > 0) {
        list = strchr(list, ',');
        if (list == NULL) return NULL;
        list++;
    }
    list += strspn(list, " ");
    size_t len = strcspn(list, ",");
    assert_true(len < cap);
    memcpy(text, list, len);
    text[len] = '\0';
    return text;
}

/* "15 ms" and "15ms" are one value: both are set and read back. */
static void expect_default(const char *name, const char *documented)
{
    struct slc_traffic traffic = defaults(), set = defaults();
    struct slc_error error = {0};
    char squeezed[64], is[200], wanted[200];
    char *to = squeezed;
    for (const char *from = documented; *from != '\0' && to < squeezed + sizeof squeezed - 1; from++) {
        if (*from != ' ') *to++ = *from;
    }
    *to = '\0';
    if (slc_traffic_set(&set, name, squeezed, &error) != SLC_OK) fail_msg("%s: %s", name, error.text);
    assert_true(slc_traffic_get(&traffic, name, is, sizeof is));
    assert_true(slc_traffic_get(&set, name, wanted, sizeof wanted));
    if (strcmp(is, wanted) != 0) fail_msg("%s: %s, but the chapter says %s", name, is, wanted);
}

static unsigned read_row(char *row)
{
    char *section = cell(&row), *keys = cell(&row), *values = cell(&row);
    assert_non_null(values);
    char key[100], value[100], name[200];
    unsigned n = 0;
    for (; item(keys, n, key, sizeof key) != NULL; n++) {
        if (item(values, n, value, sizeof value) == NULL) fail_msg("%s: no default", keys);
        (void)snprintf(name, sizeof name, "%s.%s", section, key);
        expect_default(name, value);
    }
    return n;
}

static void every_option_of_the_chapter_is_here_with_its_default(void **state)
{
    (void)state;
    FILE *file = fopen(SLUICE_TEST_DATA "/../docs/protocol/4-client.md", "r");
    assert_non_null(file);
    char line[1000];
    bool inside = false;
    unsigned options = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "## ", 3) == 0) inside = strncmp(line, "## 13.", 6) == 0;
        bool row = inside && line[0] == '|' && strncmp(line, "|---", 4) != 0 && strncmp(line, "| Section", 9) != 0;
        if (row) options += read_row(line);
    }
    (void)fclose(file);
    assert_int_equal(options, 45);
    struct slc_traffic_option option;
    unsigned ours = 0;
    for (size_t i = 0; slc_traffic_option(i, &option); i++) {
        ours += strncmp(option.name, "sluice.", 7) != 0;
        assert_true(strlen(option.help) > 10 && strlen(option.value) > 0);
        assert_int_equal(option.effect, strncmp(option.help, "no effect", 9) != 0);
    }
    assert_int_equal(ours, options);
}

/* ---- single ones ---- */

static void values_reach_their_fields(void **state)
{
    (void)state;
    struct slc_traffic t = defaults();
    assert_int_equal(slc_traffic_set(&t, "traffic.average_packet_delay", "1.5ms", NULL), SLC_OK);
    assert_true(t.hop_delay == 1500 * SLC_MICROSECOND);
    assert_int_equal(slc_traffic_set(&t, "debug.topology.topology_refresh_rate", "'1h 30m'", NULL), SLC_OK);
    assert_true(t.topology_refresh == 5400 * SLC_SECOND);
    assert_int_equal(slc_traffic_set(&t, "traffic.secondary_packet_size", "\"extended16\"", NULL), SLC_OK);
    assert_int_equal(t.secondary_size, SLC_SIZE_EXTENDED_16);
    assert_int_equal(slc_traffic_set(&t, "traffic.secondary_packet_size", "none", NULL), SLC_OK);
    assert_int_equal(t.secondary_size, 0);
    assert_int_equal(slc_traffic_set_text(&t, "traffic.disable_main_poisson_packet_distribution = true", NULL), SLC_OK);
    assert_int_equal(t.pacing, SLC_PACING_NONE);
    assert_int_equal(slc_traffic_set_text(&t, "acknowledgements.ack_wait_multiplier=2.25", NULL), SLC_OK);
    assert_true(t.ack_wait_factor == 2.25);
    assert_int_equal(slc_traffic_set_text(&t, "traffic.maximum_number_of_retransmissions=3", NULL), SLC_OK);
    assert_int_equal(t.retransmissions, 3);
    assert_int_equal(slc_traffic_set_text(&t, "traffic.maximum_number_of_retransmissions=0", NULL), SLC_OK);
    assert_int_equal(t.retransmissions, SLC_RETRANSMISSIONS_NONE);
    assert_int_equal(slc_traffic_set_text(&t, "remember_me.session_type=Socks5", NULL), SLC_OK);
    assert_int_equal(t.session_type, SLC_SESSION_SOCKS5);
    assert_int_equal(slc_traffic_set_text(&t, "sluice.max_reassembly_bytes=1000000", NULL), SLC_OK);
    assert_int_equal(t.max_reassembly_bytes, 1000000);
}

static void a_provider_is_an_address(void **state)
{
    (void)state;
    struct slc_traffic t = defaults();
    struct slc_error error = {0};
    struct slc_random random;
    struct slc_client_keys keys;
    slc_random_from_number(&random, 1, 1);
    slc_client_keys_generate(&keys, &random);
    struct slc_recipient r;
    memcpy(r.identity, keys.identity.public_key, sizeof r.identity);
    memcpy(r.gateway, keys.identity.public_key, sizeof r.gateway);
    memcpy(r.encryption_key, keys.encryption_key, sizeof r.encryption_key);
    char address[SLC_RECIPIENT_TEXT_MAX], is[300];
    slc_recipient_to_text(&r, address);
    assert_int_equal(slc_traffic_set(&t, "stats_reporting.provider_address", address, &error), SLC_OK);
    assert_true(t.has_stats_provider);
    assert_memory_equal(&t.stats_provider, &r, sizeof r);
    assert_true(slc_traffic_get(&t, "stats_reporting.provider_address", is, sizeof is));
    assert_string_equal(is, address);
    assert_int_not_equal(slc_traffic_set(&t, "stats_reporting.provider_address", "somebody", &error), SLC_OK);
    assert_non_null(strstr(error.text, "stats_reporting.provider_address"));
    assert_true(t.has_stats_provider);
    assert_int_equal(slc_traffic_set(&t, "stats_reporting.provider_address", "", &error), SLC_OK);
    assert_false(t.has_stats_provider);
}

static void expect_refusal(const char *text, enum slc_status status, const char *says)
{
    struct slc_traffic t = defaults(), before = t;
    struct slc_error error = {0};
    enum slc_status is = slc_traffic_set_text(&t, text, &error);
    if (is != status) fail_msg("%s: status %d, %s", text, is, error.text);
    if (strstr(error.text, says) == NULL) fail_msg("%s: says \"%s\", not \"%s\"", text, error.text, says);
    assert_same(&t, &before);
}

static void what_is_wrong_is_said_and_changes_nothing(void **state)
{
    (void)state;
    expect_refusal("traffic.average_packet_delay=15", SLC_MALFORMED, "duration such as 15ms");
    expect_refusal("traffic.average_packet_delay=-1ms", SLC_MALFORMED, "duration");
    expect_refusal("traffic.average_packet_delay=1e3ms", SLC_MALFORMED, "duration");
    expect_refusal("traffic.average_packet_delay=0x1ms", SLC_MALFORMED, "duration");
    expect_refusal("traffic.average_packet_delay=", SLC_MALFORMED, "duration");
    expect_refusal("traffic.average_packet_delay=999999999999999999h", SLC_MALFORMED, "duration");
    expect_refusal("traffic.average_packet_delay=2h", SLC_OUT_OF_RANGE, "0s to 1h");
    expect_refusal("traffic.message_sending_average_delay=0", SLC_OUT_OF_RANGE, "10us to 1h");
    expect_refusal("traffic.primary_packet_size=ack", SLC_UNSUPPORTED, "regular, extended8");
    expect_refusal("traffic.primary_packet_size=outfox_regular", SLC_UNSUPPORTED, "regular, extended8");
    expect_refusal("traffic.primary_packet_size=none", SLC_MALFORMED, "regular, extended8");
    expect_refusal("traffic.packet_type=outfox", SLC_UNSUPPORTED, "mix");
    expect_refusal("traffic.disable_mix_hops=yes", SLC_MALFORMED, "true or false");
    expect_refusal("topology.minimum_mixnode_performance=101", SLC_OUT_OF_RANGE, "0 to 100");
    expect_refusal("cover_traffic.cover_traffic_primary_size_ratio=1.01", SLC_OUT_OF_RANGE, "0 to 1");
    expect_refusal("cover_traffic.cover_traffic_primary_size_ratio=nan", SLC_MALFORMED, "number such as");
    expect_refusal("remember_me.session_type=vpn", SLC_MALFORMED, "Vpn");
    expect_refusal("traffic.average_packet_delay", SLC_MALFORMED, "NAME=VALUE");
}

static void a_mistaken_name_gets_the_nearest_one(void **state)
{
    (void)state;
    expect_refusal("traffic.avarage_packet_delay=1ms", SLC_NOT_FOUND, "is it traffic.average_packet_delay?");
    expect_refusal("average_ack_delay=1ms", SLC_NOT_FOUND, "is it acknowledgements.average_ack_delay?");
    expect_refusal("traffic.ack_wait_multiplyer=2", SLC_NOT_FOUND, "is it acknowledgements.ack_wait_multiplier?");
    expect_refusal("cover.disable_loop_cover_traffic=true", SLC_NOT_FOUND,
                   "is it cover_traffic.disable_loop_cover_traffic_stream?");
    expect_refusal("=1", SLC_NOT_FOUND, "no such option");
}

static void what_is_read_back_can_be_set_again(void **state)
{
    (void)state;
    struct slc_traffic medium = defaults(), again = defaults();
    assert_int_equal(slc_traffic_preset(&medium, "medium", NULL), SLC_OK);
    medium.retransmissions = SLC_RETRANSMISSIONS_NONE;
    medium.request_wait = 1234567;
    struct slc_traffic_option option;
    for (size_t i = 0; slc_traffic_option(i, &option); i++) {
        char text[300];
        assert_true(slc_traffic_get(&medium, option.name, text, sizeof text));
        if (option.effect) assert_int_equal(slc_traffic_set(&again, option.name, text, NULL), SLC_OK);
    }
    assert_same(&again, &medium);
    assert_int_equal(again.request_wait, medium.request_wait);
    assert_int_equal(again.retransmissions, medium.retransmissions);
    assert_int_equal(again.secondary_size, medium.secondary_size);
}

/* ---- presets (section 3.4) ---- */

static void presets_change_what_the_chapter_says(void **state)
{
    (void)state;
    struct slc_traffic t = defaults();
    assert_int_equal(slc_traffic_preset(&t, "fast", NULL), SLC_OK);
    assert_true(t.hop_delay == 10 * SLC_MILLISECOND && t.main_mean == 4 * SLC_MILLISECOND);
    assert_true(t.loop_mean == 2000000 * SLC_MILLISECOND && t.ack_hop_delay == 15 * SLC_MILLISECOND);
    t = defaults();
    assert_int_equal(slc_traffic_preset(&t, "no-cover", NULL), SLC_OK);
    assert_true(slc_traffic_loop_mean(&t) == 0 && t.pacing == SLC_PACING_NONE);
    t = defaults();
    assert_int_equal(slc_traffic_preset(&t, "no-poisson", NULL), SLC_OK);
    assert_true(slc_traffic_loop_mean(&t) == 200 * SLC_MILLISECOND && t.pacing == SLC_PACING_NONE);
    t = defaults();
    assert_int_equal(slc_traffic_preset(&t, "keepalive", NULL), SLC_OK);
    assert_true(slc_traffic_loop_mean(&t) == 5 * SLC_SECOND && t.pacing == SLC_PACING_NONE);
    t = defaults();
    assert_int_equal(slc_traffic_preset(&t, "medium", NULL), SLC_OK);
    assert_true(slc_traffic_loop_mean(&t) == 5 * SLC_SECOND && t.pacing == SLC_PACING_NONE);
    assert_true(t.hop_delay == 0 && t.ack_hop_delay == 0 && t.secondary_size == SLC_SIZE_EXTENDED_16);
    t.main_mean = 1;
    assert_int_equal(slc_traffic_preset(&t, "default", NULL), SLC_OK);
    struct slc_traffic d = defaults();
    assert_same(&t, &d);
}

static void presets_that_exclude_each_other_are_refused(void **state)
{
    (void)state;
    struct slc_traffic t = defaults(), before = t;
    struct slc_error error = {0};
    assert_int_equal(slc_traffic_preset(&t, "medium,fast", &error), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_traffic_preset(&t, "no-cover,medium", &error), SLC_BAD_ARGUMENT);
    assert_non_null(strstr(error.text, "medium"));
    assert_int_equal(slc_traffic_preset(&t, "fast,quick", &error), SLC_NOT_FOUND);
    assert_non_null(strstr(error.text, "quick"));
    assert_int_equal(slc_traffic_preset(&t, "fast,", &error), SLC_NOT_FOUND);
    assert_same(&t, &before);
    assert_int_equal(slc_traffic_preset(&t, "fast,no-poisson", &error), SLC_OK);
    assert_true(t.main_mean == 4 * SLC_MILLISECOND && t.pacing == SLC_PACING_NONE);
    const char *name, *help;
    unsigned presets = 0;
    while (slc_traffic_preset_about(presets, &name, &help)) {
        struct slc_traffic each = defaults();
        assert_int_equal(slc_traffic_preset(&each, name, &error), SLC_OK);
        assert_int_equal(slc_traffic_check(&each, &error), SLC_OK);
        presets++;
    }
    assert_int_equal(presets, 6);
}

static void values_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    struct slc_error error = {0};
    struct slc_traffic t = defaults();
    assert_int_equal(slc_traffic_check(&t, &error), SLC_OK);
    t.secondary_size = t.size;
    assert_int_equal(slc_traffic_check(&t, &error), SLC_BAD_ARGUMENT);
    t = defaults();
    t.secondary_size = SLC_SIZE_ACK;
    assert_int_equal(slc_traffic_check(&t, &error), SLC_BAD_ARGUMENT);
    t = defaults();
    t.look_ahead = t.look_ahead_min - 1;
    assert_int_equal(slc_traffic_check(&t, &error), SLC_BAD_ARGUMENT);
    t = defaults();
    t.main_mean = 0;
    assert_int_equal(slc_traffic_check(&t, &error), SLC_BAD_ARGUMENT);
    t = defaults();
    t.request_minimum = 51;
    assert_int_equal(slc_traffic_check(&t, &error), SLC_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_of_the_chapter_is_here_with_its_default),
        cmocka_unit_test(values_reach_their_fields),
        cmocka_unit_test(a_provider_is_an_address),
        cmocka_unit_test(what_is_wrong_is_said_and_changes_nothing),
        cmocka_unit_test(a_mistaken_name_gets_the_nearest_one),
        cmocka_unit_test(what_is_read_back_can_be_set_again),
        cmocka_unit_test(presets_change_what_the_chapter_says),
        cmocka_unit_test(presets_that_exclude_each_other_are_refused),
        cmocka_unit_test(values_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
