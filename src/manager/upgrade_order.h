/* upgrade_order.h - what one member of a cluster wants of another one in an upgrade of all, and
 * what that says, as bytes (cluster_ops.order carries them).
 *
 * An order: `u8 kind, span binary`. What is said: whether it was done, and how the member is.
 * Integers are little-endian, texts have a length before them. Read within its bounds, for its
 * sender may be broken; what is said for people is printable ASCII on both sides. Pure.
 */
#ifndef WELDR_MANAGER_UPGRADE_ORDER_H
#define WELDR_MANAGER_UPGRADE_ORDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum {
    UPGRADE_ORDER_BYTES_MAX = 8 + PATH_MAX,
    UPGRADE_SAID_BYTES_MAX = 1024,
    UPGRADE_SAID_WHY_MAX = 256,
    UPGRADE_SAID_PHASE_MAX = 16,
    UPGRADE_SAID_VERSION_MAX = 24
};

enum upgrade_order_kind {
    UPGRADE_ORDER_STATE, /* how are you? */
    UPGRADE_ORDER_CHECK, /* may the program take your place? */
    UPGRADE_ORDER_BEGIN, /* it is to */
    UPGRADE_ORDER_KINDS
};

struct upgrade_order {
    uint8_t kind;          /* enum upgrade_order_kind */
    char binary[PATH_MAX]; /* empty: the file from which the member was started */
};

enum upgrade_result {
    UPGRADE_DONE,    /* of BEGIN: begun */
    UPGRADE_REFUSED, /* why says it */
    UPGRADE_IN_USE,  /* another one has not ended yet */
    UPGRADE_LATER,   /* it is starting, or ends */
    UPGRADE_RESULTS
};

struct upgrade_said {
    uint8_t result; /* enum upgrade_result */
    char why[UPGRADE_SAID_WHY_MAX];
    /* how the member is */
    char phase[UPGRADE_SAID_PHASE_MAX]; /* of its own upgrade: "idle" */
    bool is_ready;                      /* it serves, and means to go on */
    bool has_leader, is_halted;         /* of the cluster, as it knows it (cluster.h) … */
    uint64_t applied;                   /* … up to this index */
    bool has_predecessor;               /* the process of before has not ended yet */
    uint64_t pid, done_n, failed_n;     /* upgrades of all generations */
    char version[UPGRADE_SAID_VERSION_MAX];
    uint8_t level;                      /* of features, the highest that it knows */
    char failure[UPGRADE_SAID_WHY_MAX]; /* of the last upgrade that this process has tried */
    /* of CHECK, what the program says of itself */
    char offered_version[UPGRADE_SAID_VERSION_MAX];
    uint8_t offered_level;
};

/* The bytes are in buf. */
struct span upgrade_order_put(const struct upgrade_order *o, char buf[UPGRADE_ORDER_BYTES_MAX]);
struct span upgrade_said_put(const struct upgrade_said *s, char buf[UPGRADE_SAID_BYTES_MAX]);
/* WERR_CORRUPT: not whole, too long, or a value that can't be. */
int upgrade_order_get(struct span bytes, struct upgrade_order *o) MUST_USE;
int upgrade_said_get(struct span bytes, struct upgrade_said *s) MUST_USE;

#endif
