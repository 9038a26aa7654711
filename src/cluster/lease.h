/* lease.h - a leader's own lease: until when nobody else can lead.
 *
 * A voter's acknowledgement says: at a time after the leader sent the word that it answers, my
 * term was still the leader's. Who leads next has the votes of a majority in a later term, and
 * one of those voters is in each majority of acknowledgements. So a leader whose words of the
 * time A were acknowledged by a majority was the only one at A, and what it lets others do
 * until A + lease is over when the next leader has waited a lease. This holds whatever the
 * timers of the elections do: a transfer of the lead passes over them.
 *
 * Times are of the leader's own CLOCK_BOOTTIME, in ns. Pure. Owner: the grantor.
 */
#ifndef WELDR_CLUSTER_LEASE_H
#define WELDR_CLUSTER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/roster.h"

struct lease_ack {
    uint64_t id;      /* of the voter */
    uint64_t sent_ns; /* of the newest word that it has acknowledged */
};

struct lease {
    unsigned n;
    struct lease_ack acks[ROSTER_MEMBERS_MAX];
};

/* Of a new term: nobody has acknowledged anything. */
void lease_start(struct lease *l);
/* An older one than is known changes nothing. */
void lease_note(struct lease *l, uint64_t id, uint64_t sent_ns);
/* A: the newest time that a majority of these voters has acknowledged; self, if it votes, does
 * so now. 0: there is none. */
uint64_t lease_base(const struct lease *l, const uint64_t *voters, unsigned n, uint64_t self,
                    uint64_t now_ns);

#endif
