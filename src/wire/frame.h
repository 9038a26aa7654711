/* frame.h - the language between manager and worker: length-prefixed frames over a private
 * socket pair.
 *
 * Frame: u32 length of what follows the 8-byte header, u16 type, u16 zero, payload;
 * little-endian. The manager sends HELLO, LISTEN for each socket, LOCAL for each server,
 * SNAPSHOT, then in order APPLY, LOCAL and LISTEN; the worker answers updates (all but
 * HELLO) with an ACK that counts them. A LISTEN that the worker has already, after a snapshot
 * was sent again, is answered too and its descriptor closed. A worker that lacks the memory to
 * take one of them says LACKING once and leaves out what comes until RESUME, which facts and a
 * snapshot follow. Every PING is answered with a PONG, every PART but STAY with a PARTED,
 * which comes again when there is nobody left to wait for. Lengths are checked against
 * FRAME_MAX_BYTES; a bad frame is WERR_CORRUPT: the channel is closed and the worker replaced.
 * Pure.
 */
#ifndef WELDR_WIRE_FRAME_H
#define WELDR_WIRE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum { FRAME_HEADER_BYTES = 8, FRAME_MAX_BYTES = 512 * 1024 * 1024 };

enum frame_type {
    FRAME_HELLO = 1,    /* → worker: struct frame_hello */
    FRAME_SNAPSHOT = 2, /* → worker: pool_snapshot bytes */
    FRAME_APPLY = 3,    /* → worker: u64 index, entry bytes */
    FRAME_LOCAL = 4,    /* → worker: struct frame_local, this node's facts about a server */
    FRAME_ACK = 5,      /* ← worker: struct frame_ack */
    FRAME_DRAIN = 6,    /* → worker: u32 limit_ms: stop accepting, finish, exit */
    FRAME_BYE = 7,      /* ← worker: finished draining, about to exit */
    FRAME_ADDRS = 8,    /* → worker: struct frame_addrs, what this node found for a name */
    FRAME_PING = 9,     /* → worker: u64 number */
    FRAME_PONG = 10,    /* ← worker: u64 number of the last PING */
    FRAME_LACKING = 11, /* ← worker: out of memory; takes no update until RESUME */
    FRAME_RESUME = 12,  /* → worker: what comes now counts again */
    FRAME_LISTEN = 13, /* → worker: struct frame_listen; a listening socket comes with its first
                          byte (SCM_RIGHTS, net/rights.h) */
    /* → worker: struct frame_unlisten: accept what waits there, close it */
    FRAME_UNLISTEN = 14,
    FRAME_NODE = 15, /* → worker: struct frame_node, settings of this node */
    /* → worker: key and digests of the API's tokens (base/secret.h), whose bearers may ask for
       explanations */
    FRAME_SECRETS = 16,
    /* → worker: u64, how to write (enum nowait_way) to the access log's descriptor, which comes
       with its first byte (SCM_RIGHTS) */
    FRAME_LOG = 17,
    FRAME_LOG_WANTED = 18, /* ← worker: there is none to write to */
    FRAME_SEAL = 19, /* → worker: the key that private keys are closed with (base/seal.h) */
    FRAME_TICKETS = 20, /* → worker: keys of session tickets (net/tlsio_tickets.h) */
    FRAME_AUTHORITIES =
        21,            /* → worker: PEM of the system's authorities; empty: none was found */
    FRAME_PART = 22,   /* → worker: struct frame_part, an address leaves this node or stays */
    FRAME_PARTED = 23, /* ← worker: struct frame_parted */
};

struct frame_hello {
    uint32_t worker_id;
    uint32_t worker_n;
    uint32_t log_level; /* enum log_level */
    uint32_t drain_timeout_ms;
    uint64_t seed;            /* for rand */
    uint64_t proxy_listeners; /* bit i: clients of socket i come behind a PROXY header */
    struct span trusted; /* --trusted-proxies as a comma list; empty: not given; borrowed */
};

enum frame_local_flag {
    FRAME_LOCAL_UP = 1U << 0,
    FRAME_LOCAL_GONE = 1U << 1, /* forget the facts; what is in flight ends */
    FRAME_LOCAL_CUT = 1U << 2,  /* what is in flight ends, the server stays */
    /* No check has judged the server yet: at most one exchange at a time in each worker, and
     * none, not even when all are down, without UP. */
    FRAME_LOCAL_UNTRIED = 1U << 3,
    /* A check has just passed: an ejection for refused and failed connections ends. */
    FRAME_LOCAL_PASSED = 1U << 4
};

struct frame_local {
    uint64_t server_id;
    uint32_t stats_slot; /* where the worker counts this server; UINT32_MAX: nowhere */
    uint32_t flags;      /* enum frame_local_flag */
};

enum { FRAME_ADDRS_N = 64 };

struct frame_addrs {
    uint64_t server_id;
    uint32_t n;    /* 1 to FRAME_ADDRS_N */
    uint64_t down; /* bit i: the checks have found addrs[i] down */
    struct addr addrs[FRAME_ADDRS_N];
};

struct frame_ack {
    uint64_t index;  /* applied */
    uint64_t digest; /* of the state at index */
    uint64_t frames; /* updates taken since HELLO */
};

/* One address of a listener of the description. The number is given by the manager: unique
 * while it lives, never used again, the same in every worker, so that it is also the tag of the
 * connections that are passed on from there (net/inbox.h). */
struct frame_listen {
    uint64_t listener_id;
    uint32_t socket_no;
    uint32_t flags;    /* none yet: 0 */
    struct addr bound; /* what the socket is bound to */
};

struct frame_unlisten {
    uint64_t listener_id;
    uint32_t socket_no;
    uint32_t flags; /* none yet: 0 */
};

/* Settings of this node, of which no description tells: sent behind HELLO and when they change.
 */
struct frame_node {
    uint64_t queue_bytes; /* of a worker, for what peers do not take at once */
    uint32_t log_level;   /* enum log_level */
};

enum frame_part_phase {
#define PHASE(name, word) FRAME_PART_##name,
#include "wire/part_phases.def"
#undef PHASE
    FRAME_PART_PHASES
};

struct frame_part {
    struct addr address; /* port 0 */
    uint32_t number;     /* of this word: the answer tells it */
    uint32_t phase;      /* enum frame_part_phase */
    uint32_t limit_ms;   /* LEAVING: so long it lasts at the most */
};

/* Of the clients that connected to this address so many are left: in LEAVING of those that were
 * there when the worker heard of it, in SHUT of all. */
struct frame_parted {
    struct addr address;
    uint32_t number; /* of the PART that it answers */
    uint32_t left_n;
};

/* Is it an update of the pool or its facts, which the worker counts and acknowledges? */
static inline bool frame_is_update(uint16_t type)
{
    return type == FRAME_SNAPSHOT || type == FRAME_APPLY || type == FRAME_LOCAL ||
           type == FRAME_ADDRS || type == FRAME_LISTEN || type == FRAME_UNLISTEN ||
           type == FRAME_NODE || type == FRAME_SECRETS || type == FRAME_LOG ||
           type == FRAME_SEAL || type == FRAME_TICKETS || type == FRAME_AUTHORITIES ||
           type == FRAME_PART;
}

/* Looks at the bytes received so far: 0 = not a whole frame yet, >0 = bytes of the first frame
 * (*type and *payload set, borrowed), WERR_CORRUPT. */
int64_t frame_parse(struct span in, uint16_t *type, struct span *payload) MUST_USE;
/* How many bytes the frame has that begins here (*type set): 0 = too few to tell yet, or
 * WERR_CORRUPT. */
int64_t frame_measure(struct span in, uint16_t *type) MUST_USE;

/* Encoders write header and fixed payload to buf and return the length. */
enum { FRAME_FIXED_MAX = 64 };
/* The caller sends h->trusted behind it. */
size_t frame_put_hello(char *buf, const struct frame_hello *h);
size_t frame_put_local(char *buf, const struct frame_local *l);
/* buf holds FRAME_ADDRS_BYTES_MAX. */
enum { FRAME_ADDRS_BYTES_MAX = FRAME_HEADER_BYTES + 20 + FRAME_ADDRS_N * 20 };
size_t frame_put_addrs(char *buf, const struct frame_addrs *a);
size_t frame_put_ack(char *buf, const struct frame_ack *a);
size_t frame_put_drain(char *buf, uint32_t limit_ms);
size_t frame_put_bye(char *buf);
size_t frame_put_ping(char *buf, uint64_t number);
size_t frame_put_pong(char *buf, uint64_t number);
size_t frame_put_lacking(char *buf);
size_t frame_put_resume(char *buf);
size_t frame_put_log(char *buf, uint64_t way);
size_t frame_put_log_wanted(char *buf);
size_t frame_put_listen(char *buf, const struct frame_listen *l);
size_t frame_put_unlisten(char *buf, const struct frame_unlisten *u);
size_t frame_put_node(char *buf, const struct frame_node *n);
size_t frame_put_part(char *buf, const struct frame_part *p);
size_t frame_put_parted(char *buf, const struct frame_parted *p);
/* Only the header (and the index for APPLY): the caller sends the body behind it. */
size_t frame_put_snapshot_head(char *buf, size_t snapshot_len);
size_t frame_put_apply_head(char *buf, uint64_t index, size_t entry_len);
/* Of SECRETS, SEAL, TICKETS and AUTHORITIES. */
size_t frame_put_bytes_head(char *buf, uint16_t type, size_t bytes_len);

int frame_get_hello(struct span payload, struct frame_hello *h) MUST_USE;
int frame_get_local(struct span payload, struct frame_local *l) MUST_USE;
int frame_get_addrs(struct span payload, struct frame_addrs *a) MUST_USE;
int frame_get_ack(struct span payload, struct frame_ack *a) MUST_USE;
int frame_get_drain(struct span payload, uint32_t *limit_ms) MUST_USE;
int frame_get_apply(struct span payload, uint64_t *index, struct span *entry) MUST_USE;
int frame_get_listen(struct span payload, struct frame_listen *l) MUST_USE;
int frame_get_unlisten(struct span payload, struct frame_unlisten *u) MUST_USE;
int frame_get_node(struct span payload, struct frame_node *n) MUST_USE;
int frame_get_part(struct span payload, struct frame_part *p) MUST_USE;
int frame_get_parted(struct span payload, struct frame_parted *p) MUST_USE;
/* Of PING, PONG and LOG. */
int frame_get_number(struct span payload, uint64_t *number) MUST_USE;

const char *frame_part_word(enum frame_part_phase phase);

#endif
