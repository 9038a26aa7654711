/* parting.h - connections over a planned move of a virtual IP: before this node lets an address
 * go on purpose, its clients there are told to come again, so that nothing is cut.
 *
 * Of each address: LEAVING: all workers tell who is connected there with the next response that
 * it is the last (Connection: close, GOAWAY); those who ask nothing are closed after a while →
 * SHUT, when nobody of them is left or time is over: listening sockets let no new connection to
 * the address begin (base/syn_filter.h), and what has begun comes in → LAST: workers are asked
 * for all clients that are left there → OVER: there are none, or time is over; the owner lets
 * the address go. Until parting_end the sockets stay as they are. What is over is told once;
 * no callback comes within a call of this header, but any function of it may be called in one.
 *
 * From LEAVING on connections are accepted before they speak (TCP_DEFER_ACCEPT), for one of
 * which nobody knows can't be waited for. Those that have begun before have PARTING_SPEAK_MS.
 *
 * A worker that ends has nobody left; one that is started meanwhile, or attached anew, is told
 * how things stand (publish.h). Tunnels and WebSockets stay until time is over, and after it:
 * what becomes of them is the network's.
 *
 * The filter is the manager's, for it has all sockets: also those of workers that are not there
 * now, at which it accepts itself.
 *
 * Owner: the supervisor, which has one, of all its slots.
 */
#ifndef WELDR_MANAGER_PARTING_H
#define WELDR_MANAGER_PARTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/syn_filter.h"
#include "config/config.h"
#include "manager/listening.h"
#include "manager/slot.h"
#include "net/loop.h"
#include "wire/frame.h"

enum {
    PARTING_MAX = SYN_FILTER_MAX, /* addresses at a time */
    PARTING_LAST_MS = 200,        /* for SHUT and LAST together: the last part of the limit */
    PARTING_SPEAK_MS = 100,       /* LEAVING, at least */
    PARTING_COMES_IN_MS = 10      /* SHUT: a round trip, and a turn of a worker that accepts */
};

enum parting_phase {
#define PHASE(name, word, next) PARTING_##name,
#include "manager/parting_phases.def"
#undef PHASE
    PARTING_PHASES
};

typedef void (*parting_fn)(void *arg, const struct addr *address);

struct parting;

/* One address. */
struct parting_row {
    struct parting *owner;
    struct addr address;               /* port 0 */
    uint8_t phase;                     /* enum parting_phase; STAYS: free */
    uint32_t number;                   /* of the word that workers have of it */
    uint64_t since_ms;                 /* the begin … */
    uint64_t shut_ms;                  /* … and that of SHUT, of the loop's time */
    uint32_t limit_ms;                 /* of LEAVING */
    struct timer timer;                /* the phase is over then, whoever is left */
    uint32_t left[CONFIG_WORKERS_MAX]; /* clients, by slot; UINT32_MAX: not said yet */
    parting_fn done;
    void *arg;
};

struct parting_hooks {
    /* SHUT begins: who connects from now on gets no response here. May be NULL. */
    void (*on_shut)(void *arg, const struct addr *address);
    /* Nobody is let in any more, by now. May be NULL: at once. */
    bool (*is_shut)(void *arg);
    void *arg;
};

struct parting {
    struct slots *slots;
    struct listenings *listenings;
    struct parting_hooks hooks; /* the owner's to set */
    struct loop_work work;
    uint32_t last_number;
    struct parting_row rows[PARTING_MAX];
};

void parting_init(struct parting *p, struct slots *slots, struct listenings *listenings);
/* What is under way is not told of any more. */
void parting_fini(struct parting *p);
/* The address (its port does not matter) is to leave within limit_ms; one that is under way, or
 * over, begins anew, with another done. done comes once, unless parting_end comes first: after
 * some PARTING_SPEAK_MS when no client is there. At most PARTING_MAX addresses at a time. */
void parting_begin(struct parting *p, const struct addr *address, uint32_t limit_ms,
                   parting_fn done, void *arg);
/* It stays, or it was let go and may come back: all is as usual. No-op for one that is not
 * leaving. */
void parting_end(struct parting *p, const struct addr *address);

/* ---- from the supervisor and publish.h ---- */

void parting_heard(struct parting *p, const struct slot *slot, const struct frame_parted *said);
/* Its process has ended. */
void parting_lost(struct parting *p, const struct slot *slot);
/* A worker that is attached: all that is not as usual. */
void parting_send_all(struct parting *p, struct slot *slot);

#endif
