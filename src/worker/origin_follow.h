/* origin_follow.h - origins follow the description and what this node finds out about their
 * servers. Called by reconcile.h and for the manager's frames. */
#ifndef WELDR_WORKER_ORIGIN_FOLLOW_H
#define WELDR_WORKER_ORIGIN_FOLLOW_H

#include <stdint.h>

#include "base/werr.h"
#include "wire/frame.h"

struct pool;
struct pool_runtime;
struct pool_server;
struct worker;

/* Of the pool's server, which is new or has changed. WERR_NOMEM. */
int origin_follow(struct pool_runtime *pool, const struct pool_server *server) MUST_USE;
/* Its settings of TLS, or the certificate or the authorities that they mean, may have changed:
 * of one pool, of all. WERR_NOMEM. */
int origin_follow_tls(struct pool_runtime *pool, const struct pool *p) MUST_USE;
int origin_follow_tls_all(struct worker *w) MUST_USE;
/* It has left its pool; all that are in no pool any more have, and the manager's word that it
 * is forgotten may not come. */
void origin_leave(struct worker *w, uint64_t server_id);
void origin_leave_absent(struct worker *w);
void origin_forget_absent(struct worker *w);
int origin_local(struct worker *w, const struct frame_local *facts) MUST_USE;
/* This node has looked up the server's name. */
int origin_addrs(struct worker *w, const struct frame_addrs *found) MUST_USE;
/* At the end of the worker: closes all idle lanes. */
void origin_close_all(struct worker *w);

#endif
