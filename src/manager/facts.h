/* facts.h - what this node knows about servers at run time and nobody replicates: addresses and
 * their health, the place of their counters, and which servers still have requests in flight on
 * their way out.
 *
 * One struct server_facts for each server of the pool, by id, made when its add is applied. It
 * has a struct facts_addr for each address: one from the start when the server is given by
 * address, those that were found when it is given by name. Health is of an address; the server
 * is up while one of its addresses is.
 * When the server is removed from the pool the facts stay and take over its description
 * (`removed`): it is draining until no worker has a request in flight on it; then facts_drop
 * frees all and its statistics slot becomes free. Statistics slots are given lowest first.
 * One struct pool_facts for each pool, by id. The
 * table does no I/O: checks.c writes health into it, leaving.c decides when a server has
 * drained. Owner: the manager; pointers stay valid until facts_drop.
 */
#ifndef WELDR_MANAGER_FACTS_H
#define WELDR_MANAGER_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/timers.h"
#include "health/agree.h"
#include "health/rule.h"
#include "manager/server_state.h"
#include "pool/pool.h"
#include "stats/stats.h"
#include "wire/frame.h"

enum { FACTS_ERROR_MAX = 64, FACTS_REASON_MAX = 128 };

/* What the last health check said. */
struct check_result {
    uint64_t at_us; /* wall clock */
    uint32_t took_ms;
    uint16_t status; /* 0: none was received */
    bool ok;
    bool has_timed_out;          /* nothing came */
    char error[FACTS_ERROR_MAX]; /* empty when ok */
};

struct checks;
struct probe;
struct tlsio_sessions;

/* A server on its way out: leave_states.def. */
enum leave_state {
#define LEAVE_STATE(name, event, next) LEAVE_##name,
#include "manager/leave_states.def"
#undef LEAVE_STATE
    LEAVE_STATES
};
enum leave_cause {
#define LEAVE_CAUSE(name, state, finishing, drained) LEAVE_CAUSE_##name,
#include "manager/leave_states.def"
#undef LEAVE_CAUSE
    LEAVE_CAUSES
};

/* An address of a server: what the checks have found there, and the next one. */
struct facts_addr {
    TAILQ_ENTRY(facts_addr) entry; /* of the server's, in the order of addresses */
    struct server_facts *server;
    struct addr addr;
    struct health_rule rule;
    uint64_t since_us; /* wall clock: when it was found, or last went up or down */
    bool has_result;
    struct check_result last;
    char reason[FACTS_REASON_MAX]; /* why it is down; empty while it is up */
    /* of checks.c: */
    struct checks *checks; /* NULL: it is not checked */
    struct timer timer;
    struct probe *probe;             /* in flight */
    struct tlsio_sessions *sessions; /* https: to be resumed; NULL: none … */
    uint32_t sessions_of;            /* … of this context: check_tls.h */
    TAILQ_ENTRY(facts_addr) waiting; /* its turn is over due */
    bool is_waiting;
    uint8_t class; /* enum checks_class, of the probe or of the turn */
};

TAILQ_HEAD(facts_addrs, facts_addr);

/* Whose view of a server the workers of this node go by. */
enum facts_verdict {
    FACTS_OWN,         /* its own */
    FACTS_AGREED_UP,   /* that of most nodes, which this one does not share */
    FACTS_AGREED_DOWN, /* likewise */
};

struct server_facts {
    uint64_t id;
    uint64_t pool_id;          /* also when it is removed */
    uint32_t stats_slot;       /* STATS_NO_SLOT: none was free */
    bool is_up;                /* what the workers go by: is_own_up and verdict */
    bool is_own_up;            /* as facts_judge found it */
    uint8_t verdict;           /* enum facts_verdict; views.c */
    uint8_t votes_n, voter_n;  /* of another verdict than OWN: nodes that say so, of so many */
    bool is_agreed_on;         /* check.agree is majority; views.c */
    bool is_overruled;         /* its verdict is another one than its checks'; views.c */
    uint8_t own_view;          /* enum health_view, as the others are told; views.c */
    bool is_untried;           /* it is to be checked, and no check has judged it yet */
    bool is_recalled;          /* down as before the restart; no check has judged it since */
    bool is_checked;           /* its addresses are, those too that are still to be found */
    bool is_named;             /* given by name: addresses are looked up (names.c) */
    uint8_t addr_n;            /* up to FRAME_ADDRS_N; 0: named and not found yet */
    uint64_t own_since_us;     /* of own_view */
    struct health_views views; /* of the others; views.c */
    struct facts_addrs addrs;  /* owned */
    uint64_t check_settings;   /* checks.c: hash of all that they are made by */
    struct pool_server *removed; /* draining: its description, owned; NULL while in the pool */
    uint8_t admin;               /* enum pool_admin, as last applied … */
    uint32_t drain_ms;           /* … and its limit */
    uint32_t weight;             /* the same; 0: it stands by */
    uint32_t ejected_n;          /* workers that keep it out, as last looked at (states.c) */
    bool is_ejected;             /* … and these are all that serve */
    struct server_record record; /* states.c */
    uint8_t leave;               /* enum leave_state; leaving.h */
    TAILQ_ENTRY(server_facts) leaving, draining; /* among those */
    uint64_t drain_no;       /* draining: counts them in the order of that list, from 1 */
    uint64_t leave_seq;      /* leaving: publish sequence of its removal, or its cut */
    uint64_t leave_until_ms; /* leaving: then it is cut */
    bool lacks_name;         /* named, and not looked up for want of memory (follow.c) */
    char name_error[FACTS_ERROR_MAX]; /* why the last look-up failed; empty when it did not */
    UT_hash_handle hh;
};

/* What this node knows of a pool. */
struct pool_facts {
    uint64_t id;
    bool is_fail_open;  /* usable.h, as last logged */
    bool is_unverified; /* its setting tls.verify is false: likewise */
    bool is_unnoted;    /* verdicts of its servers have changed since; views.c */
    UT_hash_handle hh;
};

struct facts {
    struct server_facts *by_id;
    struct pool_facts *pools;
    uint32_t draining_n; /* removed */
    uint64_t drain_no;   /* of the last one */
    uint32_t leaving_n;
    uint32_t fail_open_n;                                   /* pools that are */
    TAILQ_HEAD(facts_list, server_facts) draining, leaving; /* those, the longest there first */
    uint64_t slots[STATS_SERVERS_MAX / 64];                 /* bit set: in use */
};

void facts_init(struct facts *f);
void facts_fini(struct facts *f); /* checks must be gone */
/* New facts: up, without a result, with the lowest free statistics slot. addr: of family 0 when
 * the server is given by name. now_us: wall clock. pool_id is the caller's to set. NULL: no
 * memory.
 */
struct server_facts *facts_add(struct facts *f, uint64_t id, const struct addr *addr,
                               uint64_t now_us);
struct server_facts *facts_find(const struct facts *f, uint64_t id); /* NULL: none */
/* The servers in the order of their adding: after NULL comes the first; NULL ends. */
struct server_facts *facts_next(const struct facts *f, const struct server_facts *after);
/* The server has left the pool; takes the description. */
void facts_drain(struct facts *f, struct server_facts *s, struct pool_server *removed);
/* The next of the draining ones behind the one that had this id and drain_no and may have gone
 * since; 0, 0: the first. NULL: there is none. */
struct server_facts *facts_next_draining(const struct facts *f, uint64_t id, uint64_t drain_no);
/* The one way to change `leave`: it also puts the server on the list of those that are leaving,
 * or takes it off. */
void facts_move_leave(struct facts *f, struct server_facts *s, enum leave_state next);
/* What is in flight there is waited for: FINISHING or CUT. */
static inline bool facts_is_leaving(const struct server_facts *s)
{
    return s->leave == LEAVE_FINISHING || s->leave == LEAVE_CUT;
}
void facts_free_addr(struct facts_addr *a); /* that is on no list, and not checked */
/* An address for facts_renew. NULL: no memory. */
struct facts_addr *facts_make_addr(const struct addr *addr, uint64_t now_us);
/* Another server has this id from now on: as if just added, with this address (taken; NULL:
 * given by name) and in the same slot. It must not be checked. */
void facts_renew(struct facts *f, struct server_facts *s, struct facts_addr *first);
/* Forgets the server and frees its slot. */
void facts_drop(struct facts *f, struct server_facts *s);
/* NULL: no memory, or none. */
struct pool_facts *facts_add_pool(struct facts *f, uint64_t id);
struct pool_facts *facts_find_pool(const struct facts *f, uint64_t id);
void facts_set_fail_open(struct facts *f, struct pool_facts *p, bool is_fail_open);
void facts_drop_pool(struct facts *f, struct pool_facts *p);
/* What its name stands for: sorted, each once, at most FRAME_ADDRS_N. Addresses that stay keep
 * their health, new ones are up since now_us; those that are gone go to *gone, the caller's to
 * free. WERR_NOMEM: nothing has changed. */
int facts_set_addrs(struct server_facts *s, const struct addr *addrs, unsigned n,
                    uint64_t now_us, struct facts_addrs *gone) MUST_USE;
/* Takes the health of the addresses together; true when the server went up or down in the view
 * of this node. */
bool facts_judge(struct server_facts *s);
/* No check has said so: before its addresses are known. */
void facts_set_own(struct server_facts *s, bool is_up);
/* The one way to change the verdict. */
void facts_set_verdict(struct server_facts *s, enum facts_verdict verdict);
/* The address with the newest result of those that are as the server is in the view of this
 * node, which explains that; NULL: none has one. */
const struct facts_addr *facts_explain(const struct server_facts *s);
/* A name that was never resolved. */
bool facts_has_no_addr(const struct server_facts *s);
/* check.initial is "down", no check has passed yet, and most nodes do not see it up: it gets no
 * request in any case. */
bool facts_is_waiting(const struct server_facts *s);
/* Of an address alone. */
enum server_state facts_addr_state(const struct facts_addr *a);
/* What the facts mean. server_state_word gives its word; what is told of it is in `record`. */
enum server_state facts_state(const struct server_facts *s);
/* Why it takes no new requests, whatever the checks say: "removed", "drained" …; NULL: it may.
 */
const char *facts_leave_reason(const struct server_facts *s);

#endif
