/* vip_messages.h - what members and their leader say to each other of virtual IPs, as bytes.
 *
 * A member asks each half heartbeat, on its link to the leader (weldr-ctl/1), and at once when
 * it has let an address go or was nudged; the leader responds to each. The question is an
 * acknowledgement too: it tells the term of the member, and the stamp of the last response that
 * it has seen (lease.h). Integers are little-endian. Pure.
 */
#ifndef WELDR_CLUSTER_VIP_MESSAGES_H
#define WELDR_CLUSTER_VIP_MESSAGES_H

#include "cluster/bytes.h"
#include "cluster/cluster.h"
#include "cluster/roster.h"

enum { VIP_WHY_MAX = 32, VIP_DIGEST_BYTES = 32 };
/* No profile has a lease of a minute: a longer one is damage. */
#define VIP_LENGTH_MAX_NS UINT64_C(60000000000)

struct vip_claim {
    struct addr address; /* port 0 */
    uint64_t epoch;      /* from 1 */
    /* Of what is granted: */
    uint8_t cause;     /* enum cluster_vip_cause */
    bool is_parting;   /* another one is to have it: it shall be released soon */
    uint64_t since_us; /* wall clock of who assigned it */
};

struct vip_ask {
    uint64_t sequence;                /* of the member: the response has it too; from 1 */
    uint64_t term;                    /* the member's, when it asks */
    uint64_t stamp_term, stamp_ns;    /* of the last response; 0: there was none */
    uint8_t digest[VIP_DIGEST_BYTES]; /* of the process's secret (testament.h); zero: none */
    uint8_t fitness;                  /* enum cluster_fitness … */
    char why[VIP_WHY_MAX];            /* … and why not FIT: a word; empty */
    unsigned released_n;
    /* Let go: nothing is held under them any more, whatever was granted. */
    struct vip_claim released[ROSTER_VIPS_MAX];
};

struct vip_grant {
    uint64_t sequence;                /* of the question */
    uint64_t term;                    /* in which the leader leads */
    uint64_t stamp_ns;                /* its clock; means nothing to others */
    uint8_t digest[VIP_DIGEST_BYTES]; /* of the leader's own secret */
    bool is_ready;      /* the rest counts: what is not in the list is to be let go */
    uint64_t length_ns; /* from the time on at which the question was sent */
    unsigned n;
    struct vip_claim claims[ROSTER_VIPS_MAX];
};

enum {
    VIP_CLAIM_BYTES_MAX = BYTES_ADDR_MAX + 8 + 1 + 1 + 8,
    VIP_ASK_BYTES_MAX = 4 * 8 + VIP_DIGEST_BYTES + 1 + 1 + VIP_WHY_MAX + 1 +
                        ROSTER_VIPS_MAX * VIP_CLAIM_BYTES_MAX,
    VIP_GRANT_BYTES_MAX =
        3 * 8 + VIP_DIGEST_BYTES + 1 + 8 + 1 + ROSTER_VIPS_MAX * VIP_CLAIM_BYTES_MAX
};

/* Each: the bytes are in buf, which has as many as above; returns how many. */
size_t vip_ask_encode(const struct vip_ask *m, char *buf);
size_t vip_grant_encode(const struct vip_grant *m, char *buf);
/* WERR_CORRUPT: not whole, too long, or a value that can't be. Whoever reads *m then reads
 * nothing of worth. */
int vip_ask_decode(struct span payload, struct vip_ask *m) MUST_USE;
int vip_grant_decode(struct span payload, struct vip_grant *m) MUST_USE;

#endif
