/* world.h - a whole small world in virtual time: one worker, its pool, scripted origins,
 * scripted clients.
 *
 * world_new makes the network, a pool description (the manager's copy) and an origin for each
 * server; world_start brings the worker up by snapshot, as a manager would. Pool changes go
 * through both copies, whose digests must agree. world_end lets everything end, checks that
 * nothing is left (slabs, gauges, lanes, sockets, the sum of the statistics) and frees it. A
 * failing CHECK, a MUST and a sanitizer report print the seed; SIM_SEED reruns with one.
 */
#ifndef WELDR_TESTS_SIM_WORLD_H
#define WELDR_TESTS_SIM_WORLD_H

#include "base/rand.h"
#include "fake_origin.h"
#include "net/loop_sim.h"
#include "pool/pool_command.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"
#include "worker/worker_life.h"

enum { WORLD_ORIGINS = 8 };

struct world_client {
    struct peer peer; /* first */
    LIST_ENTRY(world_client) entry;
};

/* Of the pool and of the listener. */
struct world_timeouts {
    uint32_t connect_ms, response_head_ms, idle_ms, tunnel_ms;
    uint32_t client_head_ms, client_body_ms, client_idle_ms, client_write_ms;
};

struct world_setup {
    uint64_t seed;
    struct loop_sim_faults faults;
    unsigned server_n; /* origins 0 … server_n-1 are in the pool from the begin */
    uint16_t weight[WORLD_ORIGINS]; /* 0: 1 */
    struct world_timeouts timeouts; /* 0: the default */
    bool map_host;
    bool is_behind_proxy;                 /* clients come behind a PROXY header */
    bool tells_client;                    /* servers get one */
    const struct codec_kind *client_kind; /* what clients speak; NULL: HTTP/1 */
};

struct world {
    struct world_setup setup;
    uint64_t seed;
    struct rand_state rand; /* of the scenario */
    struct loop *loop;
    struct loop_work nudge;
    struct stats_worker *stats;
    struct worker worker;
    bool has_worker, is_drained, has_drained_twice;
    struct pool_state *pool; /* the manager's copy */
    struct addr listen;
    struct fake_origin origins[WORLD_ORIGINS];
    uint64_t server_id[WORLD_ORIGINS]; /* 0: not in the pool */
    LIST_HEAD(, world_client) clients;
    size_t held_max_bytes;   /* most that the queues of all conns held at the end of a turn */
    size_t queued_max_bytes; /* … and all queues that share the budget, those of streams too */
};

/* over_tls.c: TLS on both sides. Called by world_new, when the worker has begun, and by
 * world_calm_tls. */
struct world_over_tls {
    void (*describe)(struct world *w);
    int (*unseal)(struct world *w);
    void (*calm)(void);
};
extern const struct world_over_tls *world_over_tls; /* NULL: in clear */
/* "http", or "https" over TLS: of clients and of servers. */
const char *world_scheme(void);

/* only_in_clear.def: exceptions from "over TLS as in clear". */
enum world_only_in_clear {
#define ONLY_IN_CLEAR(name, why) ONLY_IN_CLEAR_##name,
#include "only_in_clear.def"
#undef ONLY_IN_CLEAR
};
/* Over TLS it is false, and the reason is printed. */
bool world_is_clear(enum world_only_in_clear what);

/* Never NULL. All origins listen. */
struct world *world_new(const struct world_setup *setup);
/* 0 or WERR_NOMEM (allocations made to fail): world_end cleans up all the same. */
int world_start(struct world *w) MUST_USE;
/* world_new and a world_start that must go well; setup NULL: one server. */
struct world *world_open(const struct world_setup *setup);
/* Checks and frees. */
void world_end(struct world *w);

void world_run_ms(struct world *w, uint64_t ms);
uint64_t world_now_ms(const struct world *w);

struct world_client *world_client(struct world *w);
/* Over TLS: from now on it splits nothing, and says nothing of its own account. For what can be
 * seen, or made, only if bytes come together as they were said. */
void world_calm_tls(void);
/* Of a row of seeds or failures, every so many-th is tried: over TLS, which is slower, not all.
 */
unsigned world_stride(void);
/* A client that says this (text) and goes on listening. */
struct world_client *world_ask(struct world *w, const char *text);
/* Its request is there before it is accepted (accepting fails once, which makes a pause), as
 * with a kernel that waits for it: the client's socket is not with the poller. Returns when it
 * was accepted. faults: those that hold from just before that on; NULL: none. Over TLS the
 * handshake comes before: what is at once then is that the whole request comes with one read.
 */
struct world_client *world_ask_at_once(struct world *w, const char *text,
                                       const struct loop_sim_faults *faults);
void world_say(struct world_client *c, const char *text);

/* world_change.c: what the manager tells; by the number of the origin. Result of worker_apply.
 */
int world_add_server(struct world *w, unsigned n, uint16_t weight);
/* The same by a name, which is not resolved yet. */
int world_add_named(struct world *w, unsigned n);
/* Its name stands for the addresses of these origins (bit i: origin i); the checks have found
 * those of `down` down. */
int world_set_addrs(struct world *w, unsigned n, uint32_t origins, uint32_t down);
int world_remove_server(struct world *w, unsigned n);
/* Another pool, whose only server is origin n, which is up. */
void world_add_pool(struct world *w, const char *name, unsigned n);
/* Origin n becomes a server of this pool. */
int world_add_server_of(struct world *w, const char *pool, unsigned n);
int world_set_weight(struct world *w, unsigned n, uint16_t weight);
int world_set_max_requests(struct world *w, unsigned n, uint32_t max);
int world_set_up(struct world *w, unsigned n, bool up);
/* enum frame_local_flag. */
int world_tell(struct world *w, unsigned n, uint32_t flags);
/* enum pool_admin. */
int world_set_admin(struct world *w, unsigned n, uint8_t admin);
/* One setting of the pool, the listener or the node, by its path: "eject.errors". */
int world_set_pool(struct world *w, const char *path, uint64_t value);
/* The same; must not be refused. */
void world_set(struct world *w, const char *path, uint64_t n);
int world_set_timeouts(struct world *w, const struct world_timeouts *t);
/* Any change of the description, as the API's JSON; a name ends where the JSON begins. For
 * ADD_SERVER, ADD_RULE and SET_ commands `to` is the pool or listener; id of the object or
 * NULL. */
int world_describe(struct world *w, enum pool_command_type type, const char *to,
                   const char *json, uint64_t *id);
/* REMOVE_: the name, or the rule's listener with its id. */
int world_undescribe(struct world *w, enum pool_command_type type, const char *name,
                     uint64_t rule_id);
/* The whole description anew, as after LACKING. */
int world_snapshot(struct world *w);
/* A LISTEN frame for a socket at this port; where clients of world_client connect to next. */
int world_listen(struct world *w, uint64_t listener_id, uint32_t socket_no, uint16_t port);
/* loop_sim_route to the address of an origin. */
void world_route(struct world *w, unsigned n, int result);
/* FRAME_LOCAL_CUT: what is in flight there ends, the server stays. */
int world_cut(struct world *w, unsigned n);
/* FRAME_LOCAL_GONE for one that was removed: what is still in flight there ends. */
int world_forget(struct world *w, uint64_t server_id);
void world_drain(struct world *w, uint32_t limit_ms);
struct pool_runtime *world_pool(const struct world *w);      /* "default" */
struct origin *world_origin_of(struct world *w, unsigned n); /* the worker's; NULL: none */

uint64_t world_stat(const struct world *w, enum stats_counter c);
/* What came, with values that chance or time make replaced: "X-Request-Id: *", "Date: *" where
 * Weldr made it. Valid until the next call. */
const char *world_seen(const struct text *t);
const char *world_got(const struct world_client *c);
const char *world_origin_got(struct world *w, unsigned origin, unsigned conn);

/* SIM_SEED if set (*given true), else otherwise. */
uint64_t world_seed(uint64_t otherwise, bool *given);
/* world_fail.c: what fails from now on prints this seed. */
void world_watch_failures(uint64_t seed);
void world_fail(const char *file, int line, const char *what) __attribute__((noreturn));

#define CHECK(cond)                                \
    do {                                           \
        if (!(cond))                               \
            world_fail(__FILE__, __LINE__, #cond); \
    } while (0)
/* Two C strings. */
#define CHECK_TEXT(got, want) world_check_text((got), (want), __FILE__, __LINE__)
void world_check_text(const char *got, const char *want, const char *file, int line);

#endif
