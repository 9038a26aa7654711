#include "cluster/recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/raft_engine.h"
#include "cluster/set_aside.h"
#include "cluster/stored.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/tlsio_context.h"
#include "pool/levels.h"

enum { WAIT_MS = 60000, TURN_MS = 100 };

/* In the place of the manager: it takes nothing, and hears the end. */
struct recovery {
    bool has_ended;
    int error;
    struct strb *wrong;
};

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    (void)arg;
    (void)index;
    (void)entry;
    return 0;
}

/* Not asked: the engine makes no snapshot while it recovers. */
static int on_snapshot(void *arg, char **bytes, size_t *len)
{
    (void)arg;
    *bytes = NULL;
    *len = 0;
    return WERR_NOMEM;
}

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    return on_commit(arg, index, bytes);
}

static void on_role(void *arg, enum cluster_role role)
{
    (void)arg;
    (void)role;
}

static void on_settled(void *arg)
{
    ((struct recovery *)arg)->has_ended = true;
}

static void on_lost(void *arg, int error, struct span why)
{
    struct recovery *r = arg;

    r->has_ended = true;
    r->error = error;
    strb_add(r->wrong, why);
}

static int wait_end(struct loop *loop, uint32_t limit_ms, struct recovery *r)
{
    const uint64_t end_ms = loop_now_ms(loop) + limit_ms;

    while (!r->has_ended && loop_now_ms(loop) < end_ms)
        (void)loop_turn(loop, TURN_MS);
    if (r->has_ended)
        return r->error;
    strb_add_str(r->wrong, "the engine did not get ready in time");
    return WERR_TIMEOUT;
}

static int run(const struct cluster_options *options, struct data_dir *dir, uint32_t limit_ms,
               struct cluster_status *status, struct strb *wrong)
{
    struct loop *loop = options->conns->loop;
    struct recovery r = {.wrong = wrong};
    const struct cluster_hooks hooks = {.on_commit = on_commit,
                                        .on_snapshot = on_snapshot,
                                        .on_restore = on_restore,
                                        .on_role = on_role,
                                        .on_settled = on_settled,
                                        .on_lost = on_lost,
                                        .arg = &r};
    struct cluster *c = cluster_raft_new(loop, dir, options, &hooks);

    if (c == NULL)
        return WERR_NOMEM;
    int rc = c->ops->start(c);
    if (rc < 0)
        strb_add_str(wrong, "nothing was recovered, the log says why");
    else
        rc = wait_end(loop, limit_ms, &r);
    if (rc == 0)
        c->ops->status(c, status);
    c->ops->free(c);
    return rc;
}

/* The engine's certificate wants a place for connections, though none is made. */
static int run_on_loop(const struct cluster_options *asked, struct data_dir *dir,
                       uint32_t limit_ms, struct cluster_status *status, struct strb *wrong)
{
    struct cluster_options options = *asked;
    struct loop *loop = tlsio_start() == 0 ? loop_epoll_new() : NULL;
    struct conn_shared conns;

    if (loop == NULL)
        return WERR_NOMEM;
    int rc = conn_shared_init(&conns, loop);
    if (rc == 0) {
        options.conns = &conns;
        rc = run(&options, dir, limit_ms, status, wrong);
        conn_shared_fini(&conns);
    }
    loop_free(loop);
    return rc;
}

/* The mark is of no use any more: all is on disk, and the next start tells so, or the node is
 * none of the cluster's. */
static int remove_mark(const struct data_dir *dir, bool is_done, struct strb *wrong)
{
    const int rc = is_done ? renameat(dir->fd, DATA_DIR_RECOVERING, dir->fd, DATA_DIR_RECOVERED)
                           : unlinkat(dir->fd, DATA_DIR_RECOVERING, 0);

    if ((rc == 0 || errno == ENOENT) && fsync(dir->fd) == 0)
        return 0;
    strb_addf(wrong, "%s/" DATA_DIR_RECOVERING ": can't remove it: %s", dir->path,
              strerror(errno));
    return werr_from_errno(errno);
}

/* What its own log says of that shows later, and it may not have heard it there. */
static int check_is_member(const struct data_dir *dir, struct strb *wrong)
{
    struct stored s;
    const int rc = stored_read(dir, &s, wrong);

    if (rc < 0 || !s.was_removed)
        return rc;
    strb_addf(wrong,
              "%s: the node was removed from its cluster, which has changed without it since: "
              "recover another one; if there is none, remove %s/" DATA_DIR_REMOVED " first",
              dir->path, dir->path);
    return WERR_NOT_FOUND;
}

int recover_held(struct data_dir *dir, const char *node_key_file, const char *version,
                 uint32_t limit_ms, struct cluster_status *status, struct strb *wrong)
{
    struct cluster_options options = {.version = version,
                                      .level = LEVEL_NEWEST,
                                      .node_key_file = node_key_file,
                                      .recovers = true};
    int rc = check_is_member(dir, wrong);

    if (rc == 0) {
        rc = run_on_loop(&options, dir, limit_ms, status, wrong);
        if (rc == 0 || rc == WERR_NOT_FOUND) {
            const int removed = remove_mark(dir, rc == 0, wrong);

            rc = rc == 0 ? removed : rc;
        }
    }
    return rc;
}

int recover_run(const char *path, const char *version, struct cluster_status *status,
                struct strb *wrong)
{
    struct data_dir dir;
    int rc = set_aside_open(&dir, path, wrong);

    if (rc < 0)
        return rc;
    rc = recover_held(&dir, NULL, version, WAIT_MS, status, wrong);
    data_dir_close(&dir);
    return rc;
}
