/* states.h - transitions of servers: what the facts of a server mean (facts_state) against what
 * its record says.
 *
 * Whoever has changed a fact calls states_note; a transition then goes into the record, the
 * log and the events. Passive ejection is seen by workers, who only count it: a timer looks at
 * the counters of STATES_LOOK_N servers every STATES_LOOK_MS, and responses look at those that
 * they show (states_look). Owner: the manager.
 */
#ifndef WELDR_MANAGER_STATES_H
#define WELDR_MANAGER_STATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/timers.h"

struct facts_addr;
struct manager;
struct pool;
struct pool_server;
struct server_facts;

enum { STATES_LOOK_MS = 100, STATES_LOOK_N = 1000, STATES_REASON_MAX = 160 };

struct states {
    struct manager *m;
    struct timer look;
    uint64_t at_id; /* where the last look ended */
};

void states_init(struct states *s, struct manager *m);
void states_fini(struct states *s);
/* The facts are new: the record begins. */
void states_begin(struct manager *m, struct server_facts *f);
/* p: its pool, when that is not in the state any more; else NULL. */
void states_note(struct manager *m, struct server_facts *f, const struct pool *p);
/* The same after a look at the counters. */
void states_look(struct manager *m, struct server_facts *f);
void states_look_at_all(struct manager *m);
/* An address of a name went up or down. */
void states_tell_addr(struct manager *m, const struct facts_addr *a);
/* A sentence with the cause of the present state; empty: there is nothing to say. */
const char *states_reason(const struct manager *m, const struct server_facts *f, char *buf,
                          size_t size);

#endif
