/* resolve_int.h - what is known of one server's name: its two queries' answers, and what the
 * owner of the resolver was told of them. Only for resolve*.c; knows no c-ares.
 *
 * resolve.c asks, fills the halves and calls resolve_name_settle; what is to be told, and when
 * is to be asked again, is decided here.
 */
#ifndef WELDR_MANAGER_RESOLVE_INT_H
#define WELDR_MANAGER_RESOLVE_INT_H

#include <stdbool.h>
#include <uthash.h>

#include "manager/resolve.h"
#include "net/loop.h"

enum { RESOLVE_WHY_MAX = 64 };

enum resolve_half_state {
    HALF_NEW,  /* never answered */
    HALF_GOOD, /* the last answer has addresses */
    HALF_NONE, /* the last answer says that there are none */
    HALF_FAILED
};

/* What is known by one query. */
struct resolve_half {
    struct resolve_name *name;
    bool is_asking;
    uint8_t state;     /* enum resolve_half_state */
    uint8_t addr_n;    /* also when FAILED: of the last answer */
    uint64_t until_ms; /* GOOD: end of the TTL */
    struct addr *addrs;
    struct addr refused;       /* the last that was left out; family 0: none */
    char why[RESOLVE_WHY_MAX]; /* NONE, FAILED */
};

enum { HALF_V4, HALF_V6, HALVES }; /* what the hosts file says is kept as HALF_V4 */

/* A server's name. Lives until it is removed and its queries, which can't be taken back, have
 * ended. */
struct resolve_name {
    struct resolve *owner;
    struct loop *loop;
    const struct resolve_hooks *hooks;
    uint64_t server_id;
    char *host;
    uint16_t port;
    bool is_removed;
    bool is_graced;    /* AAAA has come, A is waited for */
    bool is_by_hosts;  /* the hosts file has it: what name servers say does not count */
    uint8_t told_n;    /* 0: never answered */
    unsigned failures; /* consecutive */
    struct addr *told; /* what the owner knows */
    struct resolve_half halves[HALVES];
    struct timer timer; /* the next asking, or the end of the grace; the asker's callback */
    UT_hash_handle hh;
};

/* IPv4 first. */
int resolve_compare_addrs(const void *a, const void *b);
/* Sorted and each once, so that the order of an answer (which servers rotate) is no change; cut
 * only then. Returns how many are left. */
unsigned resolve_sort_addrs(struct addr *addrs, unsigned n);

/* Its addresses stay. */
void resolve_half_set(struct resolve_half *h, enum resolve_half_state state, const char *why);
/* There are none. */
void resolve_half_empty(struct resolve_half *h, const char *why);
/* Takes over addrs, sorted, from malloc; good for ttl_s. */
void resolve_half_fill(struct resolve_half *h, struct addr *addrs, unsigned n, uint32_t ttl_s);

bool resolve_name_is_asking(const struct resolve_name *n);
/* Something has come: tells the owner what there is to tell, and sets the timer. */
void resolve_name_settle(struct resolve_name *n);
/* … also while an answer is missing that was waited for a moment. */
void resolve_name_use_answers(struct resolve_name *n);
void resolve_name_free(struct resolve_name *n);

#endif
