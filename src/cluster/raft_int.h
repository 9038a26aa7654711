/* raft_int.h - what the files of the engine share: raft_engine.c (operations), raft_state.c
 * (what libraft asks of the state that is agreed on), raft_store.c (start and end on disk). */
#ifndef WELDR_CLUSTER_RAFT_INT_H
#define WELDR_CLUSTER_RAFT_INT_H

#include <raft.h>
#include <raft/uv.h>
#include <sys/queue.h>

#include "cluster/cluster.h"
#include "cluster/high_water.h"
#include "cluster/raft_loop.h"
#include "cluster/segments.h"

/* A request of the owner whose done is owed. */
struct request {
    TAILQ_ENTRY(request) entry;
    struct engine *engine;
    union {
        struct raft_apply apply;
        struct raft_barrier barrier;
    };
    cluster_done_fn done;
    void *arg;
    int error;
    uint64_t index;
};
TAILQ_HEAD(requests, request);

struct engine {
    struct cluster cluster; /* first: the cluster that callers hold */
    struct engine_loop loop;
    struct data_dir *dir;
    int log_fd; /* of what is stored; -1 */
    char *log_path;
    struct high_water high_water; /* fd -1: not open */
    struct segments stored;       /* when it started */
    struct raft_uv_transport transport;
    struct raft_io io;
    int (*set_term)(struct raft_io *io, raft_term term); /* libraft's own */
    int (*set_vote)(struct raft_io *io, raft_id id);
    struct raft_fsm fsm;
    struct raft raft;
    struct requests ended; /* the outcome is known, done is not called yet */
    struct timer again;    /* an entry that the owner had no memory for */
    struct timer sync;     /* of the high-water file */
    uv_work_t sync_work;
    int sync_error;
    uint64_t index; /* handed over */
    uint8_t role;   /* enum cluster_role */
    bool has_settled;
    bool vote_is_new; /* to be noted when the sync of the mark that is under way is over */
    bool is_closing;
    bool is_making_room; /* raft_space.c waits for its entry */
    bool has_failed;     /* an entry can't be read: nothing more is handed over */
};

/* ---- raft_state.c ---- */

void engine_state_init(struct engine *e);
void engine_state_fini(struct engine *e);

/* ---- raft_space.c ---- */

/* libraft has refused an entry for want of room: there may be some by now. */
void engine_space_look(struct engine *e);

/* ---- raft_store.c ---- */

/* Told in the log when it fails; engine_store_close in any case. */
int engine_store_open(struct engine *e) MUST_USE;
void engine_store_close(struct engine *e);
/* A changed term or vote, in our own file too; a code of libraft. */
int engine_store_note_vote(struct engine *e);
/* Its number in the engine, from the identity of the directory. */
uint64_t engine_store_id(const struct engine *e);
/* WERR_* for a code of libraft. */
int engine_store_error(int code);

#endif
