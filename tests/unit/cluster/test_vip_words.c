#include "../base/cm.h"

#include <string.h>

#include "cluster/cluster.h"
#include "cluster/roster.h"

static void test_each_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < CLUSTER_VIP_CAUSES; i++) {
        assert_true(strlen(cluster_vip_cause_word(i)) > 0);
        for (uint8_t k = 0; k < i; k++)
            assert_string_not_equal(cluster_vip_cause_word(i), cluster_vip_cause_word(k));
    }
    assert_string_equal(cluster_vip_wait_word(CLUSTER_VIP_HELD), "");
    assert_string_equal(cluster_vip_wait_text(CLUSTER_VIP_HELD), "");
    for (uint8_t i = CLUSTER_VIP_HELD + 1; i < CLUSTER_VIP_WAITS; i++) {
        assert_true(strlen(cluster_vip_wait_word(i)) > 0);
        assert_true(strlen(cluster_vip_wait_text(i)) > 0);
        for (uint8_t k = 0; k < i; k++)
            assert_string_not_equal(cluster_vip_wait_word(i), cluster_vip_wait_word(k));
    }
}

static void test_the_times_of_each_profile_hold_together(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < ROSTER_PROFILES; i++) {
        const enum roster_profile p = (enum roster_profile)i;
        const struct cluster_vip_times t = cluster_vip_times(i);

        assert_int_equal(t.lease_ms, roster_lease_ms(p));
        assert_int_equal(t.holdoff_ms, roster_holdoff_ms(p));
        assert_true(4 * roster_heartbeat_ms(p) <= t.lease_ms);
        assert_true(t.lease_ms < roster_election_ms(p));
        assert_true(t.holdoff_ms > t.lease_ms);
        assert_true(t.outage_typical_ms > t.holdoff_ms);
        assert_true(t.outage_worst_ms > t.outage_typical_ms);
    }
    assert_true(cluster_vip_times(ROSTER_FAST).outage_worst_ms <= 1200);
    assert_true(cluster_vip_times(ROSTER_FAST).outage_typical_ms <= 900);
    assert_true(cluster_vip_times(ROSTER_LAN).outage_worst_ms <= 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_a_word_of_its_own),
        cmocka_unit_test(test_the_times_of_each_profile_hold_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
