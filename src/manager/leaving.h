/* leaving.h - servers on their way out: removed from the pool, or stood down (draining,
 * maintenance), with requests perhaps still in flight.
 *
 * Its states (STAYS → FINISHING → CUT → DRAINED), why it leaves, and what API and log say of
 * both, are the tables of leave_states.def; facts_move_leave is the one setter.
 *
 * leaving_begin is called when the entry is applied and published. The server has drained when
 * every worker has confirmed that entry and counts no request in flight on it; a sweep looks,
 * by a timer while any server leaves, and before lists are made. A removed server's facts are
 * then forgotten; one that stood down stays in the pool. After its limit the workers are told
 * to cut off what is left. Whoever wants to know the end waits with a struct leave_waiter.
 * Owner: the manager.
 */
#ifndef WELDR_MANAGER_LEAVING_H
#define WELDR_MANAGER_LEAVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timers.h"

struct manager;
struct server_facts;
struct leave_waiter;

typedef void (*leave_fn)(struct leave_waiter *w);

/* Embedded in whoever waits, all zero at first; known to leaving.c from leaving_wait until fn
 * is called or leaving_give_up. */
struct leave_waiter {
    TAILQ_ENTRY(leave_waiter) entry;
    struct timer timer;
    struct manager *manager; /* NULL: it does not wait */
    uint64_t server_id;
    leave_fn fn;
};

struct leaving {
    struct manager *m;
    struct timer sweep;
    TAILQ_HEAD(leave_waiters, leave_waiter) waiters;
    unsigned waiter_n;
};

void leaving_init(struct leaving *l, struct manager *m);
/* Calls all who wait. */
void leaving_fini(struct leaving *l);
/* The server has just been removed (facts->removed) or stood down, the workers were told. */
void leaving_begin(struct manager *m, struct server_facts *f, uint64_t limit_ms);
/* It stays after all. */
void leaving_end(struct manager *m, struct server_facts *f);
/* Changes the limit, from now; 0: what is in flight is cut off at once. No-op when the server
 * is not leaving. */
void leaving_limit(struct manager *m, uint64_t server_id, uint64_t limit_ms);
/* Milliseconds until it is cut off. */
uint64_t leaving_left_ms(const struct manager *m, const struct server_facts *f);
/* Settles the servers that have drained, cuts those whose time is over. */
void leaving_sweep(struct manager *m);
bool leaving_has_drained(const struct manager *m, uint64_t server_id);
/* fn is called once, later: it has drained, or the time is over. */
void leaving_wait(struct manager *m, struct leave_waiter *w, uint64_t timeout_ms);
unsigned leaving_waiters_n(const struct manager *m);
static inline bool leaving_is_waiting(const struct leave_waiter *w)
{
    return w->manager != NULL;
}
/* Waits no more; fn is not called. */
void leaving_give_up(struct leave_waiter *w);

#endif
