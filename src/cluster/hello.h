/* hello.h - the first words of a link between members, as bytes.
 *
 * Both sides say it, the one that calls first: who it is and whom it means, of which cluster
 * and incarnation, and at which address others reach it. What it says is compared with the
 * certificate (link.h) before anything else is read. Always HELLO_BYTES long. Pure.
 *
 *     8 bytes  "weldr-hi"
 *     u16      version of this layout: HELLO_VERSION
 *     u8       family of the address: 0 none, 4, 6
 *     u8       1: a farewell, who is meant was removed; else 0
 *     u32      incarnation
 *     16 bytes the cluster's id
 *     u64      the sender's id
 *     u64      the id that is meant
 *     16 bytes address
 *     u16      its port
 *     u16      0
 *
 * Integers are little-endian.
 */
#ifndef WELDR_CLUSTER_HELLO_H
#define WELDR_CLUSTER_HELLO_H

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"
#include "cluster/roster.h"

enum { HELLO_BYTES = 68, HELLO_VERSION = 1 };

struct hello {
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint32_t incarnation;
    uint64_t id, meant;  /* not 0 */
    struct addr address; /* family 0: it does not say */
    bool is_farewell;    /* who is meant was removed from the cluster */
};

void hello_write(const struct hello *h, char bytes[HELLO_BYTES]);
/* bytes has HELLO_BYTES. WERR_SYNTAX: none; WERR_UNSUPPORTED: of another version;
 * WERR_INVALID: an id or an address that can't be. */
int hello_read(struct span bytes, struct hello *h) MUST_USE;

#endif
