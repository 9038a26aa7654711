/* facts.h - what this node knows about servers at run time and nobody replicates: health, the
 * place of their counters, and which servers still have requests in flight on their way out.
 *
 * One struct server_facts for each server of the pool, by id, made when its add is applied.
 * When the server is removed from the pool the facts stay and take over its description
 * (`removed`): it is draining until no worker has a request in flight on it; then facts_drop
 * frees all and its statistics slot becomes free. Statistics slots are given lowest first. The
 * table does no I/O: checks.c writes health into it, servers.c decides when a server has
 * drained. Owner: the manager; pointers stay valid until facts_drop.
 */
#ifndef WELDR_MANAGER_FACTS_H
#define WELDR_MANAGER_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "health/rule.h"
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
    char error[FACTS_ERROR_MAX]; /* empty when ok */
};

struct check;

struct server_facts {
    uint64_t id;
    uint32_t stats_slot; /* STATS_NO_SLOT: none was free */
    struct health_rule rule;
    bool has_result;
    struct check_result last;
    char reason[FACTS_REASON_MAX]; /* why it is down; empty while it is up */
    struct check *check;           /* of checks.c; NULL when draining */
    struct pool_server *removed; /* draining: its description, owned; NULL while in the pool */
    uint8_t admin;               /* enum pool_admin, as last applied … */
    uint32_t drain_ms;           /* … and its limit */
    bool is_leaving;             /* leaving.h: what is in flight there is waited for */
    TAILQ_ENTRY(server_facts) leaving, draining; /* among those */
    bool is_cut;                 /* the workers were told to end what is in flight */
    uint64_t leave_seq;          /* leaving: publish sequence of its removal, or its cut */
    uint64_t leave_until_ms;     /* leaving: then it is cut */
    bool is_named;               /* given by name: the address is looked up (names.c) */
    uint8_t addr_n, addr_probed; /* named: addresses found; whose turn it was for a check */
    struct addr addrs[FRAME_ADDRS_N];
    bool lacks_name; /* named, and not looked up for want of memory (servers.c) */
    char name_error[FACTS_ERROR_MAX]; /* why the last look-up failed; empty when it did not */
    UT_hash_handle hh;
};

struct facts {
    struct server_facts *by_id;
    uint32_t draining_n; /* removed */
    uint32_t leaving_n;
    TAILQ_HEAD(facts_list, server_facts) draining, leaving; /* those, the longest there first */
    uint64_t slots[STATS_SERVERS_MAX / 64];                 /* bit set: in use */
};

void facts_init(struct facts *f);
void facts_fini(struct facts *f); /* checks must be gone */
/* New facts: up, without a result, with the lowest free statistics slot. NULL: no memory. */
struct server_facts *facts_add(struct facts *f, uint64_t id);
struct server_facts *facts_find(const struct facts *f, uint64_t id); /* NULL: none */
/* The servers in the order of their adding: after NULL comes the first; NULL ends. */
struct server_facts *facts_next(const struct facts *f, const struct server_facts *after);
/* The server has left the pool; takes the description. */
void facts_drain(struct facts *f, struct server_facts *s, struct pool_server *removed);
void facts_set_leaving(struct facts *f, struct server_facts *s, bool is_leaving);
/* Forgets the server and frees its slot. */
void facts_drop(struct facts *f, struct server_facts *s);
/* Where the next check goes: the server's address, or those of its name in turn; NULL while it
 * has none. */
const struct addr *facts_next_addr(struct server_facts *s, const struct pool_server *server);
/* A name that was never resolved. */
bool facts_has_no_addr(const struct server_facts *s);
/* "active", "down", "draining" or "maintenance". */
const char *facts_state(const struct server_facts *s);

#endif
