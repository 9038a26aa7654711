/* testament.h - what a member's helper tells the other members when its manager has died, as
 * bytes: "the process that knew this secret has let all virtual IPs go, and takes none again".
 *
 * One UDP datagram to the cluster port. That sentence stays true for ever, so whoever copies a
 * datagram and sends it again tells nothing that is wrong. Nobody can make it up: the secret is
 * random, of one process, and leaves it with its death alone; before, the others know the
 * digest of it, by the links of the members. Integers are little-endian. Pure.
 */
#ifndef WELDR_CLUSTER_TESTAMENT_H
#define WELDR_CLUSTER_TESTAMENT_H

#include "cluster/roster.h"

enum {
    TESTAMENT_SECRET_BYTES = 32,
    TESTAMENT_BYTES = 4 + ROSTER_UUID_BYTES + 4 + 8 + TESTAMENT_SECRET_BYTES
};

struct testament {
    uint8_t uuid[ROSTER_UUID_BYTES]; /* of the cluster */
    uint32_t incarnation;
    uint64_t member; /* not 0 */
    uint8_t secret[TESTAMENT_SECRET_BYTES];
};

/* Into buf of TESTAMENT_BYTES. */
void testament_encode(const struct testament *t, char *buf);
/* WERR_CORRUPT: it is none; *t is not to be used then. */
int testament_decode(struct span datagram, struct testament *t) MUST_USE;

#endif
