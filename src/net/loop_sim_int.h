/* loop_sim_int.h - the network of loop_sim: ends of connections, and events on their way
 * between them.
 *
 * loop_sim_net.c has it, loop_sim.c makes the operations of a loop of it. Ends belong to the
 * network, and are freed with it. What is posted arrives after a random time, in order at each
 * end; sim_deliver_due lets arrive what is due by the loop's time.
 */
#ifndef WELDR_NET_LOOP_SIM_INT_H
#define WELDR_NET_LOOP_SIM_INT_H

#include "base/rand.h"
#include "net/loop_int.h"
#include "net/loop_sim.h"

enum { SIM_BUFFER_BYTES = 64 * 1024, SIM_FIRST_PORT = 32768, SIM_ROUTES = 16 };

TAILQ_HEAD(sim_ends, sim_end);
TAILQ_HEAD(sim_events, sim_event);

/* One end of a connection, or a listener. Ends are freed with the world only, so that a late
 * event for a closed one finds it closed. */
struct sim_end {
    TAILQ_ENTRY(sim_end) entry; /* in a backlog; a listener: in the list of listeners */
    struct sim_ends backlog;    /* listener: connections that nobody has accepted */
    struct sock *sock;          /* who gets signals; NULL: not registered */
    struct sim_end *peer;       /* NULL: listener, or a connect that found none */
    struct addr local, remote;
    int handle;
    char *buf; /* ring of what came and was not read */
    uint32_t cap, head, unread;
    uint32_t travelling;      /* bytes on their way to this end */
    uint64_t last_arrival_us; /* nothing overtakes what was sent before */
    int connect_result;       /* WERR_AGAIN: pending */
    bool is_listener, is_closed;
    bool has_fin;    /* the peer's end has come */
    bool has_reset;  /* broken: nothing goes in or out any more, what came before can be read */
    bool has_error;  /* … which the next send, or the read behind the last byte, tells once */
    bool is_shut;    /* our end is sent */
    bool wants_room; /* a send met a full buffer */
};

enum sim_event_kind {
    SIM_SYN, /* of a server's end, at its listener */
    SIM_CONNECTED,
    SIM_DATA,
    SIM_FIN,
    SIM_RESET,
    SIM_ROOM,
    SIM_EDGE /* the rest of what a short read left, or a reset that has struck */
};

struct sim_event {
    TAILQ_ENTRY(sim_event) entry;
    uint64_t due_us;
    enum sim_event_kind kind;
    struct sim_end *end;
    struct sim_end *listener; /* SYN */
    int result;               /* CONNECTED */
    uint32_t len;             /* DATA */
    char bytes[];
};

struct sim_route {
    struct addr to;
    int result; /* 0: a free place */
};

struct loop_sim {
    struct loop loop;
    struct sim_route routes[SIM_ROUTES];
    struct rand_state rand;
    struct loop_sim_faults faults;
    uint64_t ops;
    uint16_t next_port;
    struct sim_events events; /* in order of due_us */
    struct sim_ends listeners;
    struct sim_end **end; /* by handle */
    unsigned end_n, end_cap;
    unsigned open_n;
};

static inline struct loop_sim *sim_from_loop(const struct loop *l)
{
    return (struct loop_sim *)(const void *)l;
}

/* ---- ends ---- */

struct sim_end *sim_end_of(const struct loop *l, int handle);
struct sim_end *sim_new_end(struct loop_sim *m);
void sim_join_ends(struct sim_end *a, struct sim_end *b);
/* What more may be sent to it. */
uint32_t sim_room_for(const struct sim_end *to);
/* Tells who watches it, if anybody does. */
void sim_mark_end(struct sim_end *e, uint32_t seen);
/* What a poller would report of the end as it is. */
uint32_t sim_state_of(const struct sim_end *e);
/* Breaks the connection at this end now and at the other when the news arrives. */
void sim_break_end(struct loop_sim *m, struct sim_end *e);
void sim_close_end(struct loop_sim *m, struct sim_end *e, bool abort);

/* ---- events ---- */

struct sim_event *sim_new_event(enum sim_event_kind kind, struct sim_end *end, uint32_t len);
void sim_post_event(struct loop_sim *m, struct sim_event *ev);
/* One without content; none to an end that is closed. */
void sim_post_signal(struct loop_sim *m, enum sim_event_kind kind, struct sim_end *end);
void sim_post_connected(struct loop_sim *m, struct sim_end *client, int result);
void sim_deliver_due(struct loop_sim *m);

#endif
