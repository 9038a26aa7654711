/* listener_runtime.h - the run-time side of one listener in one worker: how its clients are
 * treated, whom it believes, how many there are.
 *
 * Made by the first word about the listener (a LISTEN frame, or the description) and told of
 * each change of it. It copies what clients need, so that they can finish when it is gone: then
 * its sockets (acceptor.h) take what waits there and close, idle clients close, busy ones when
 * they are done, and it is freed with the last. Every client has one for life; codecs of its
 * clients read its limits, so that a change holds for connections that exist.
 */
#ifndef WELDR_WORKER_LISTENER_RUNTIME_H
#define WELDR_WORKER_LISTENER_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "base/cidr.h"
#include "codec/codec.h"
#include "pool/listener.h"
#include "stats/stats.h"
#include "worker/listener_secure.h"
#include "worker/routing.h"

struct worker;
struct admission_host;
struct caller_local;

enum { LISTENER_RUNTIME_MAGIC = 0x6c697374 };

struct listener_runtime {
    uint32_t magic;
    bool is_described;   /* else: not yet, or it goes with the last that needs it */
    bool proxy_protocol; /* its clients come behind a PROXY header */
    bool names_trusted;  /* it is said whom it believes (trust.h) … */
    uint64_t id;
    struct worker *worker;
    char *name; /* NULL until the description has named it */
    struct listener_settings settings;
    struct codec_limits limits; /* of its clients' codecs */
    struct cidr_list trusted;   /* … namely these */
    struct routing routing;
    struct listener_secure secure;
    struct admission_host *hosts; /* uthash of the client addresses, while they are bounded */
    struct caller_local *locals;  /* uthash of what PROXY headers say, caller.h */
    uint32_t client_n;
    uint32_t acceptor_n;                               /* that are not closed */
    void (*on_free)(const struct listener_runtime *l); /* frees all of them; NULL: none came */
    struct stats_line *stats;                          /* listener_counters.def */
    struct stats_classes *classes;
    UT_hash_handle hh;
};

struct listener_runtime *listener_runtime_find(const struct worker *w, uint64_t id);
struct listener_runtime *listener_runtime_find_or_new(struct worker *w, uint64_t id);
/* Of the listener of the description, which is new or has changed. WERR_NOMEM: it takes a
 * snapshot; until then requests go where they went. */
int listener_runtime_follow(struct worker *w, const struct listener *described) MUST_USE;
/* Each that is described and in the worker's description no more; leave may free it. */
void listener_runtime_each_absent(struct worker *w, void (*leave)(struct listener_runtime *l));

/* A socket of it is here (on_free frees the structs of all of them), or is closed; a client of
 * it came, or has gone. */
void listener_runtime_join(struct listener_runtime *l,
                           void (*on_free)(const struct listener_runtime *l));
void listener_runtime_part(struct listener_runtime *l);
void listener_runtime_enter(struct listener_runtime *l);
void listener_runtime_leave(struct listener_runtime *l);
/* Everything is closed (worker_fini). */
void listener_runtime_free_all(struct worker *w);

#endif
