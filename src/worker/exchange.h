/* exchange.h - one request and its response, from the head read to the last byte handed on.
 *
 * A row of small steps: CHECK → ROUTE → PICK → LANE → SEND → RELAY → DONE, with QUEUE,
 * RETRY, REPLY and TUNNEL as side rooms (ex_steps.c). Each step returns NEXT, WAIT or DONE; the
 * dispatcher (ex_run) is one small loop. While it waits, events of the client's and the lane's
 * connection move it on (ex_relay.c). Whatever goes wrong goes through ex_fail (ex_fail.c), the
 * only place where a 5xx is born.
 *
 * It speaks only events and streams (stream.h), so every pairing of protocol versions shares
 * this code. The request head lives in the exchange's arena, so that it can be sent again. It
 * is the user of its client's stream until DONE, where it frees itself and tells its owner;
 * whoever called a function of this header must not touch the exchange afterwards.
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
#include "worker/pool_queue.h"
#include "worker/stream.h"

struct worker;
struct caller;
struct listener_runtime;
struct pool_runtime;
struct rule_fixed;
struct origin;
struct lane;

enum ex_step {
#define STEP(name, function, next) EX_##name,
#include "worker/exchange_steps.def"
#undef STEP
    EX_STEPS
};

enum ex_flag {
    EX_CLIENT_GONE = 1U << 0,
    EX_NO_REQUEST = 1U << 1, /* there is none, or its head could not be read */
    EX_NO_REPLAY = 1U << 2,  /* a part of the request's body was handed on and not kept */
    EX_RETRIED = 1U << 3,    /* counted in the pool's retrying_n */
    EX_FAIL_OPEN = 1U << 4,  /* sent to a server although all are down */
    EX_CONTINUED = 1U << 5   /* the server has sent a 100 (Continue) for this attempt */
};

/* What the exchange's timer is set for (ex_pace.c). */
enum ex_timer_for {
    EX_FOR_NOTHING,
    EX_FOR_PACE, /* none of its own yet */
#define EX_TIMER(name, word, owner, setting, end, asks) EX_FOR_##name,
#include "worker/ex_timers.def"
#undef EX_TIMER
    EX_FOR_N
};

enum { EX_FAILED_MAX = 8 };

/* An attempt that failed, whether or not another one followed. */
struct ex_attempt {
    uint64_t origin_id;
    uint32_t us;        /* from the choice of the server to its end */
    uint8_t end;        /* enum end */
    const char *detail; /* of TLS: a word; NULL: none */
};

struct exchange {
    uint32_t magic;
    uint8_t step;         /* enum ex_step */
    uint8_t end;          /* enum end */
    uint16_t status;      /* answered to the client; 0: nothing yet */
    uint8_t flags;        /* enum ex_flag */
    uint16_t lane_status; /* of the last head, 1xx too, that the server sent in this attempt; 0:
                             none */
    uint8_t attempts;     /* servers picked */
    uint8_t failed_n;     /* … of those that failed: see failed */
    uint8_t sent_n;       /* … of those that were reached: what retry.attempts counts */
    uint8_t timer_for;    /* enum ex_timer_for */
    uint64_t moved_us;    /* FOR_PACE: when something moved last */
    uint64_t
        response_due_ms; /* the request was sent: when the response's head has to be there */
    struct pool_runtime *pool;      /* from ROUTE on; its exchange_n counts us */
    const struct rule_fixed *fixed; /* END_FIXED, from ROUTE to REPLY: what a rule says */
    struct span said;               /* END_REDIRECT: where to */
    uint64_t rule_id;               /* that took it; 0: none */
    struct span explained;          /* ex_explain.c; empty: nobody may know */
    struct origin
        *origin;         /* of the present or last attempt; its in_flight counts us while set */
    struct lane *lane;   /* with the stream of its server */
    struct pick_row row; /* RETRY: the servers that have failed */
    uint64_t connect_from_us; /* since when nothing but a connection is tried to get; 0: it is
                                 there */
    struct bufq replay; /* what was handed on of the request's body, for another attempt: in the
                           worker's keepers, if there is anything */
    uint64_t waited_us; /* for a place at a server */
    uint64_t origin_id; /* of the last attempt; 0: no server was picked */
    /* Moments of the last attempt, 0: not come that far. Server picked, connection there,
     * request head handed to it, response head read. */
    uint64_t picked_us, connected_us, sent_us, first_us;
    uint64_t bytes_in, bytes_out;      /* of bodies, from and to the client */
    uint64_t added_us;                 /* access_log.h */
    uint64_t rate_from_us, rate_bytes; /* of the request's body, since the client was last held
                                          back; 0: not begun */
    const char *why;                   /* malformed request: a few words */
    struct span request_id;            /* empty: not asked for yet (ex_request_id) */
    /* What follows does not begin zeroed (exchange_new), since it is set there or with the
     * first use. */
    struct worker *worker;
    const struct exchange_owner *owner;
    const struct caller *caller;
    struct stream *client; /* whose request it is */
    struct stream_user of_client, of_lane;
    uint64_t begin_us;
    struct arena arena;
    struct arena_mark unwritten; /* where each rewriting of the request begins; used_bytes 0: it
                                    was not rewritten yet */
    struct timer timer;
    TAILQ_ENTRY(exchange) keeper;
    TAILQ_ENTRY(exchange) entry; /* in the worker's exchanges */
    struct waiter waiter;        /* QUEUE: in its pool's queue */
    struct addr_tries tries;     /* LANE: the addresses of the server that were tried */
    struct ex_attempt failed[EX_FAILED_MAX]; /* for the access log; of more, the last is the
                                                last */
    char own_id[32]; /* of the request, where it is none of the client's */
    struct msg request;
};

/* Who has begun it is told that it is over, and forgotten: the stream is his again. reads_on:
 * answered well, and a little of the request is still to come. */
struct exchange_owner {
    void (*on_over)(struct stream *st, bool reads_on);
};

/* For a client's stream without one, which then tells it what it hears: first the request's
 * head, or that it can't be read (RESET). NULL: no memory. */
struct exchange *exchange_new(struct worker *w, struct stream *client,
                              const struct caller *caller, const struct exchange_owner *owner);
void exchange_pace_init(struct worker *w);
/* There is no request, and will be none: answers with what end says. */
void exchange_reject(struct exchange *ex, enum end end);
/* As if its client had gone. */
void exchange_stop(struct exchange *ex);
/* The queues' budget is used up: bodies that are only kept for another attempt are forgotten,
 * the oldest first. Is there room now? */
bool exchange_make_room(struct worker *w);
/* Less than the least rate, over a time that is longer than the grace? */
bool exchange_is_too_slow(const struct listener_runtime *l, uint64_t bytes,
                          uint64_t elapsed_ms);
/* A few words on its end, or NULL: what is malformed, or how TLS has failed. */
static inline const char *exchange_why(const struct exchange *ex)
{
    const unsigned n = ex->failed_n < EX_FAILED_MAX ? ex->failed_n : EX_FAILED_MAX;

    return end_is_of_tls((enum end)ex->end) && n > 0 ? ex->failed[n - 1].detail : ex->why;
}
const char *exchange_step_name(const struct exchange *ex);
const char *exchange_timer_name(const struct exchange *ex);

#endif
