/* engine_child.h - libraft itself, as a node without peers, in a child process: it writes
 * entries into a directory and dies as one that is killed, or starts on what it finds there. */
#ifndef WELDR_TESTS_ENGINE_CHILD_H
#define WELDR_TESTS_ENGINE_CHILD_H

#include <raft.h>
#include <raft/uv.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/image.h"

enum { ENGINE_ENTRY_BYTES = 104, ENGINE_BURST = 7, ENGINE_SNAPSHOT_EACH = 64 };

/* What the child says at its end. */
struct engine_said {
    int rc; /* of libraft */
    uint64_t last_index;
    uint64_t applied_n;
};

struct engine_child {
    uv_loop_t loop;
    struct raft raft;
    struct raft_io io;
    struct raft_fsm fsm;
    struct raft_uv_transport transport;
    uv_timer_t timer;
    unsigned wanted_n, sent_n, done_n;
    bool has_snapshots;
    struct engine_said said;
    int pipe_fd;
};

static inline int engine_init(struct raft_uv_transport *t, raft_id id, const char *address)
{
    (void)t;
    (void)id;
    (void)address;
    return 0;
}

static inline int engine_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb)
{
    (void)t;
    (void)cb;
    return 0;
}

static inline int engine_connect(struct raft_uv_transport *t, struct raft_uv_connect *req,
                                 raft_id id, const char *address, raft_uv_connect_cb cb)
{
    (void)t;
    (void)req;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION;
}

static inline void engine_close(struct raft_uv_transport *t, raft_uv_transport_close_cb cb)
{
    cb(t);
}

static inline int engine_apply(struct raft_fsm *fsm, const struct raft_buffer *buf,
                               void **result)
{
    struct engine_child *c = fsm->data;

    (void)buf;
    *result = NULL;
    c->said.applied_n++;
    return 0;
}

static inline int engine_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n)
{
    struct engine_child *c = fsm->data;

    *bufs = raft_malloc(2 * sizeof(**bufs));
    *n = 2;
    (*bufs)[0] = (struct raft_buffer){raft_malloc(IMAGE_HEAD_BYTES), IMAGE_HEAD_BYTES};
    (*bufs)[1] = (struct raft_buffer){raft_calloc(1, 80), 80};
    image_make(&(struct image){.index = raft_last_applied(&c->raft),
                               .bytes = span_from((*bufs)[1].base, 80)},
               (*bufs)[0].base);
    return 0;
}

static inline int engine_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct image image;

    (void)fsm;
    if (image_open(span_from(buf->base, buf->len), &image) < 0)
        return RAFT_CORRUPT;
    raft_free(buf->base);
    return 0;
}

/* As a process ends that is killed: nothing is closed. */
static inline void engine_die(struct engine_child *c, int rc)
{
    c->said.rc = rc;
    if (rc == 0)
        c->said.last_index = raft_last_index(&c->raft);
    const struct engine_said said = c->said;
    if (write(c->pipe_fd, &said, sizeof(said)) != sizeof(said))
        abort();
    (void)kill(getpid(), SIGKILL);
}

static inline void engine_pump(struct engine_child *c);

static inline void engine_on_applied(struct raft_apply *req, int status, void *result)
{
    struct engine_child *c = req->data;

    (void)result;
    free(req);
    c->done_n++;
    if (status != 0 || c->done_n == c->wanted_n)
        engine_die(c, status);
    if (c->done_n == c->sent_n)
        engine_pump(c);
}

/* Some at once, so that they come in one write. */
static inline void engine_pump(struct engine_child *c)
{
    for (unsigned i = 0; i < ENGINE_BURST && c->sent_n < c->wanted_n; i++) {
        struct raft_apply *req = calloc(1, sizeof(*req));
        struct raft_buffer buf = {raft_malloc(ENGINE_ENTRY_BYTES), ENGINE_ENTRY_BYTES};

        c->sent_n++;
        memset(buf.base, 'a' + (int)(c->sent_n % 26), buf.len);
        req->data = c;
        const int rc = raft_apply(&c->raft, req, &buf, 1, engine_on_applied);
        if (rc != 0)
            engine_die(c, rc);
    }
}

static inline void engine_on_timer(uv_timer_t *timer)
{
    struct engine_child *c = timer->data;

    if (raft_state(&c->raft) != RAFT_LEADER || c->sent_n > 0)
        return;
    if (c->wanted_n == 0)
        engine_die(c, 0);
    engine_pump(c);
}

static inline int engine_start(struct engine_child *c, const char *path)
{
    struct raft_configuration members;

    c->fsm = (struct raft_fsm){.version = 1,
                               .data = c,
                               .apply = engine_apply,
                               .snapshot = engine_snapshot,
                               .restore = engine_restore};
    c->transport = (struct raft_uv_transport){.version = 1,
                                              .init = engine_init,
                                              .listen = engine_listen,
                                              .connect = engine_connect,
                                              .close = engine_close};
    int rc = raft_uv_init(&c->io, &c->loop, path, &c->transport);
    if (rc == 0)
        raft_uv_set_auto_recovery(&c->io, false);
    if (rc == 0)
        rc = raft_init(&c->raft, &c->io, &c->fsm, 1, "1");
    if (rc != 0)
        return rc;
    raft_set_snapshot_threshold(&c->raft, c->has_snapshots ? ENGINE_SNAPSHOT_EACH : 100000);
    raft_set_snapshot_trailing(&c->raft, ENGINE_SNAPSHOT_EACH / 2);
    raft_configuration_init(&members);
    (void)raft_configuration_add(&members, 1, "1", RAFT_VOTER);
    rc = raft_bootstrap(&c->raft, &members);
    raft_configuration_close(&members);
    return rc == 0 || rc == RAFT_CANTBOOTSTRAP ? raft_start(&c->raft) : rc;
}

static inline void engine_live(struct engine_child *c, const char *path)
{
    if (uv_loop_init(&c->loop) != 0)
        abort();
    const int rc = engine_start(c, path);
    if (rc != 0)
        engine_die(c, rc);
    (void)uv_timer_init(&c->loop, &c->timer);
    c->timer.data = c;
    (void)uv_timer_start(&c->timer, engine_on_timer, 1, 1);
    (void)uv_run(&c->loop, UV_RUN_DEFAULT);
    abort();
}

/* Writes so many entries (0: starts only), and what it said. False: it said nothing, it
 * aborted. */
static inline bool engine_run(const char *path, unsigned entries_n, bool has_snapshots,
                              struct engine_said *said)
{
    static struct engine_child child;
    int ends[2];
    int status;

    if (pipe(ends) != 0)
        abort();
    const pid_t pid = fork();
    if (pid == 0) {
        child = (struct engine_child){
            .wanted_n = entries_n, .has_snapshots = has_snapshots, .pipe_fd = ends[1]};
        engine_live(&child, path);
    }
    (void)close(ends[1]);
    const bool has_said = read(ends[0], said, sizeof(*said)) == sizeof(*said);
    (void)close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        abort();
    return has_said;
}

#endif
