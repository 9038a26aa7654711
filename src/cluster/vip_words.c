#include "base/werr.h"
#include "cluster/cluster.h"
#include "cluster/roster.h"

static const char *const causes[CLUSTER_VIP_CAUSES] = {
    [CLUSTER_VIP_FIRST] = "first",
    [CLUSTER_VIP_MOVED] = "moved",
    [CLUSTER_VIP_HOLDER_SILENT] = "holder_silent",
    [CLUSTER_VIP_HOLDER_UNFIT] = "holder_unfit",
    [CLUSTER_VIP_HOLDER_LEFT] = "holder_left",
    [CLUSTER_VIP_REBALANCED] = "rebalanced",
};

static const struct {
    const char *word, *text;
} waits[CLUSTER_VIP_WAITS] = {
    [CLUSTER_VIP_HELD] = {"", ""},
    [CLUSTER_VIP_NO_LEADER] = {"no_leader",
                               "this node knows of no leader, and no node may hold an address "
                               "without one"},
    [CLUSTER_VIP_PAIR] = {"pair",
                          "the only voter of a pair is away, and the other node does not take "
                          "over by itself: a third member, or a witness, makes it do so"},
    [CLUSTER_VIP_NO_LEVEL] = {"no_level", "not all members run a Weldr that knows virtual IPs"},
    [CLUSTER_VIP_HOLD_OFF] = {"hold_off",
                              "the leader waits until nobody else can hold the address"},
    [CLUSTER_VIP_NOBODY_FIT] = {"nobody_fit", "no live member is fit to hold the address"},
};

const char *cluster_vip_cause_word(uint8_t cause)
{
    MUST(cause < CLUSTER_VIP_CAUSES);
    return causes[cause];
}

const char *cluster_vip_wait_word(uint8_t wait)
{
    MUST(wait < CLUSTER_VIP_WAITS);
    return waits[wait].word;
}

const char *cluster_vip_wait_text(uint8_t wait)
{
    MUST(wait < CLUSTER_VIP_WAITS);
    return waits[wait].text;
}

/* An election begins one to two times its time after the last word of the leader; two rounds of
 * messages and the vote on disk make the rest, for which a heartbeat is allowed. */
struct cluster_vip_times cluster_vip_times(uint8_t profile)
{
    const enum roster_profile p = (enum roster_profile)profile;
    const uint32_t election = roster_election_ms(p), heartbeat = roster_heartbeat_ms(p);
    const uint32_t holdoff = roster_holdoff_ms(p);

    return (struct cluster_vip_times){
        .lease_ms = roster_lease_ms(p),
        .holdoff_ms = holdoff,
        .outage_typical_ms = election + election / 4 + holdoff,
        .outage_worst_ms = 2 * election + heartbeat + holdoff,
    };
}
