/* raft_loop.h - libuv's loop, turned by Weldr's: the process has one loop that waits.
 *
 * libuv's descriptor is watched and its next timer has one of ours; whenever one of them comes
 * up its loop is run once, without waiting. Who has called the engine from outside says so with
 * engine_loop_kick: libuv has work then that no descriptor tells of. Owner: the engine.
 */
#ifndef WELDR_CLUSTER_RAFT_LOOP_H
#define WELDR_CLUSTER_RAFT_LOOP_H

#include <uv.h>

#include "net/loop.h"

struct engine_loop {
    uv_loop_t uv;
    struct loop *loop;
    struct loop_watch watch;
    struct timer timer;
    struct loop_work work;
    bool has_left;
    void (*after)(void *arg); /* each run of libuv's loop, outside its callbacks */
    void *arg;
};

/* WERR_NO_FD, WERR_NOMEM …. Nothing is to be stopped then. */
int engine_loop_start(struct engine_loop *l, struct loop *loop, void (*after)(void *arg),
                      void *arg) MUST_USE;
/* Once more in this turn; after engine_loop_leave not any more. */
void engine_loop_kick(struct engine_loop *l);
/* Not turned any more, but for engine_loop_stop. */
void engine_loop_leave(struct engine_loop *l);
/* After engine_loop_leave: waits until libuv has nothing left to do. */
void engine_loop_stop(struct engine_loop *l);

#endif
