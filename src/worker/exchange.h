/* exchange.h - one request and its response, from the head read to the last byte handed on.
 *
 * A row of small steps: CHECK → ROUTE → PICK → LANE → SEND → RELAY → DONE, with RETRY, REPLY
 * and TUNNEL as side rooms (ex_steps.c). Each step returns NEXT, WAIT or DONE; the dispatcher
 * (exchange_run) is one small loop. While it waits, events of the client's and the lane's
 * connection move it on (ex_relay.c). Whatever goes wrong goes through ex_fail (ex_fail.c), the
 * only place where a 5xx is born.
 *
 * It speaks only events and conns, so every pairing of protocol versions shares this code. The
 * request head lives in the exchange's arena, so that it can be sent again. Owner: the client
 * (client->exchange) until DONE, where it frees itself; whoever called a function of this
 * header must not touch the exchange afterwards.
 */
#ifndef WELDR_WORKER_EXCHANGE_H
#define WELDR_WORKER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bufq.h"
#include "base/timers.h"
#include "http/event.h"
#include "http/msg.h"
#include "worker/addr_set.h"
#include "worker/ends.h"
#include "worker/pick.h"

struct worker;
struct client;
struct pool_runtime;
struct rule_fixed;
struct origin;
struct lane;

enum ex_step {
#define STEP(name, function, next) EX_##name,
#include "worker/ex_steps.def"
#undef STEP
    EX_STEPS
};

enum ex_flag {
    EX_REQUEST_READ = 1U << 0, /* the client's END was seen */
    EX_REQUEST_SENT = 1U << 1, /* all of it was handed to the lane */
    EX_ANSWER_BEGUN = 1U << 2, /* a final head went to the client */
    EX_ANSWER_ENDED = 1U << 3,
    EX_LANE_SPOKE = 1U << 4, /* the server has sent something for this attempt */
    EX_CLIENT_GONE = 1U << 5,
    EX_CLOSE_DELIMITED =
        1U << 6, /* the answer's end is the connection's end: cut off, it must look cut off */
    EX_NO_REQUEST = 1U << 7,   /* the head could not be read */
    EX_NO_REPLAY = 1U << 9,    /* a part of the request's body was handed on and not kept */
    EX_RETRIED = 1U << 10,     /* counted in the pool's retrying_n */
    EX_FAIL_OPEN = 1U << 12,   /* sent to a server although all are down */
    EX_CLIENT_SHUT = 1U << 11, /* tunnel: the client has said all (the server: ANSWER_ENDED) */
    EX_CONTINUED = 1U << 13    /* the server has sent a 100 (Continue) for this attempt */
};

/* What the exchange's timer is set for (ex_pace.c). */
enum ex_timer_for {
    EX_FOR_NOTHING,
#define EX_TIMER(name, word, owner, setting, end, asks) EX_FOR_##name,
#include "worker/ex_timers.def"
#undef EX_TIMER
    EX_FOR_N
};

struct exchange {
    uint32_t magic;
    uint8_t step;         /* enum ex_step */
    uint8_t end;          /* enum end */
    uint16_t status;      /* answered to the client; 0: nothing yet */
    uint32_t flags;       /* enum ex_flag */
    uint16_t lane_status; /* what the server answered in this attempt */
    uint8_t attempts;     /* servers picked */
    uint8_t sent_n;       /* … of those that were reached: what retry.attempts counts */
    uint8_t timer_for;    /* enum ex_timer_for */
    struct timer timer;
    uint64_t answer_due_ms; /* REQUEST_SENT: when the answer's head has to be there */
    struct worker *worker;
    struct client *client;
    struct pool_runtime *pool;      /* from ROUTE on; its exchange_n counts us */
    const struct rule_fixed *fixed; /* END_FIXED, from ROUTE to REPLY: what a rule says */
    struct span said;               /* END_REDIRECT: where to */
    uint64_t rule_id;               /* that took it; 0: none */
    struct origin
        *origin; /* of the present or last attempt; its in_flight counts us while set */
    struct lane *lane;
    struct pick_row row;      /* RETRY: the servers that have failed */
    struct addr_tries tries;  /* LANE: the addresses of the server that were tried */
    uint64_t connect_from_us; /* since when nothing but a connection is tried to get; 0: it is
                                 there */
    struct arena arena;
    struct arena_mark unwritten; /* where each rewriting of the request begins; used_bytes 0: it
                                    was not rewritten yet */
    struct msg request;
    struct bufq replay; /* what was handed on of the request's body, for another attempt … */
    TAILQ_ENTRY(exchange) keeper; /* … in the worker's keepers, if there is anything */
    uint64_t begin_us;
    uint64_t origin_id; /* of the last attempt; 0: no server was picked */
    /* Moments of the last attempt, 0: not come that far. Server picked, connection there,
     * request head handed to it, answer head read. */
    uint64_t picked_us, connected_us, sent_us, first_us;
    uint64_t bytes_in, bytes_out;      /* of bodies, from and to the client */
    uint64_t added_us;                 /* access_log.h */
    uint64_t rate_from_us, rate_bytes; /* of the request's body, since the client was last held
                                          back; 0: not begun */
    const char *why;                   /* malformed request: a few words */
    struct span request_id;            /* empty: not asked for yet (ex_request_id) */
    char own_id[32];                   /* … where it is none of the client's */
};

/* For a client without one. NULL: no memory. */
struct exchange *exchange_new(struct worker *w, struct client *c);
/* The request head was read. */
void exchange_begin(struct exchange *ex, const struct msg *head);
/* The request head can't be read: answers with the event's status. */
void exchange_refuse(struct exchange *ex, const struct event *ev);
/* There is no request, and will be none: answers with what end says. */
void exchange_reject(struct exchange *ex, enum end end);
void exchange_run(struct exchange *ex);
const char *exchange_step_name(const struct exchange *ex);
const char *exchange_timer_name(const struct exchange *ex);

/* ---- what its two connections tell (ex_relay.c) ---- */
void exchange_client_event(struct exchange *ex, struct event *ev);
struct conn *exchange_client_splices_to(struct exchange *ex); /* conn_ops */
void exchange_client_gone(struct exchange *ex);
/* Its side has ended, behind the request: it may still wait for the answer. */
void exchange_client_shut(struct exchange *ex);
void exchange_client_congested(struct exchange *ex);
void exchange_client_drained(struct exchange *ex);
void exchange_lane_open(struct exchange *ex, int error);
void exchange_lane_event(struct exchange *ex, struct event *ev);
struct conn *exchange_lane_splices_to(struct exchange *ex);
void exchange_lane_gone(struct exchange *ex, int error);
void exchange_lane_congested(struct exchange *ex);
void exchange_lane_drained(struct exchange *ex);
/* A slow reader on that side has taken some of what waits for it. */
void exchange_client_progress(struct exchange *ex);
void exchange_lane_progress(struct exchange *ex);
/* The queues' budget is used up: bodies that are only kept for another attempt are forgotten,
 * the oldest first. Is there room now? */
bool exchange_make_room(struct worker *w);
/* The server was taken out of the pool and has no more time to drain. */
void exchange_origin_gone(struct exchange *ex);
#endif
