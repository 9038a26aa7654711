/* checks.h - the schedule of health checks: the manager alone probes, each address of each
 * server on its own timer.
 *
 * An address gets its first probe at once; then health/rule.h decides about up, down and the
 * pause to the next, spread by ±10 %; only the first pause ends anywhere within the interval.
 * At most one probe an address is in flight. All together they may be as many as this process
 * has descriptors to spare, and few are begun in a turn of the loop, so that the API need not
 * wait for thousands of them; others wait their turn, the latest first. Where descriptors are
 * few, who answers does not wait for who does not: see enum checks_class. Changed settings take
 * effect at once: a probe that runs under the old ones is given up. Type none stops the checks
 * and counts as up. Addresses that a name server gives come in by checks_set_addrs; a server
 * without any costs nothing. Writes its findings into the server's facts; the hooks tell what
 * came of it. Owner: the manager.
 */
#ifndef WELDR_MANAGER_CHECKS_H
#define WELDR_MANAGER_CHECKS_H

#include <sys/queue.h>

#include "base/rand.h"
#include "manager/check_tls.h"
#include "manager/facts.h"
#include "net/conn.h"
#include "pool/pool.h"

enum {
    CHECKS_BEGUN_MAX = 16,      /* in a turn; */
    CHECKS_BEGUN_IN_ORDER = 12, /* so many of them in the order of classes */
    CHECKS_PROBES_MAX = 65536,
    CHECKS_FDS_KEPT = 2048 /* for all else; of few descriptors, half */
};

/* How long a probe is to be expected to hold its descriptor. What a class and those behind it
 * may hold together is a part of all. */
enum checks_class {
    CHECKS_ANSWERS,  /* ended by itself the last time, whatever it said: all */
    CHECKS_DOUBTFUL, /* never checked yet, or up and hung the last time: three quarters */
    CHECKS_HUNG,     /* down, and hung the last time: half */
    CHECKS_CLASSES
};

struct health_hints;

struct checks_hooks {
    /* The set of a name's addresses, or which of them are down, has changed. */
    void (*on_addrs)(void *arg, struct server_facts *facts);
    /* An address of a name went up or down. */
    void (*on_addr)(void *arg, const struct facts_addr *a);
    /* A check has passed. */
    void (*on_pass)(void *arg, struct server_facts *facts);
    /* The server went up or down, or was judged for the first time. */
    void (*on_change)(void *arg, struct server_facts *facts);
    void *arg;
};

struct checks {
    struct conn_shared *shared;
    const struct pool_state *state;
    struct rand_state rand;
    struct checks_hooks hooks;
    struct check_tls tls;
    const struct health_hints *hints; /* hints.h: what was down before; NULL: it isn't known */
    unsigned probes_n;                /* in flight */
    unsigned class_n[CHECKS_CLASSES];
    unsigned probes_max;
    unsigned begun_n; /* since begin_work ran */
    struct loop_work begin_work;
    unsigned open_n; /* probes not yet freed */
    struct facts_addrs waiting[CHECKS_CLASSES];
};

/* fd_limit: how many descriptors the process may have. */
void checks_init(struct checks *c, struct conn_shared *shared, const struct pool_state *state,
                 uint64_t seed, uint64_t fd_limit);
/* No check is under way any more. */
void checks_fini(struct checks *c);
/* The pool is another one from now on. Servers that are not in it are not checked any more. */
void checks_set_state(struct checks *c, const struct pool_state *state);
void checks_on_change(struct checks *c, const struct checks_hooks *hooks);
/* A server of the pool is to be checked from now on. The caller tells the workers its facts. */
void checks_add(struct checks *c, const struct pool_server *server, struct server_facts *facts);
/* A server that no check has judged in this process: its addresses among `hints` are down,
 * until a check passes. True: there is one. */
bool checks_recall(struct checks *c, struct server_facts *facts);
/* No more; the facts may go. */
void checks_remove(struct checks *c, struct server_facts *facts);
/* The server's or its pool's settings, or the certificate that the pool shows, may have
 * changed. */
void checks_update(struct checks *c, const struct pool_server *server,
                   struct server_facts *facts);
/* As facts_set_addrs, for a server that may be checked; calls the hooks. WERR_NOMEM. */
int checks_set_addrs(struct checks *c, struct server_facts *facts, const struct addr *addrs,
                     unsigned n) MUST_USE;

#endif
