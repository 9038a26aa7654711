#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "cluster/raft_int.h"
#include "log/log.h"

/* A snapshot is encoded by a child: this process does not stand still for it, and the state
 * that the child sees is the one of the moment when it was forked.
 *
 * libraft asks for the bytes and takes them to be there when it has them stored. It gets none,
 * and what it wants stored is held back until the child has ended: then its bytes, which are in
 * a memfd, go to disk under the index of that moment. Until then libraft takes no other
 * snapshot, and none of the leader comes in (raft_store.c). A child that dies, or does not
 * end, is a snapshot that could not be stored: libraft asks again. Where there is no child to
 * be had it is encoded here, for a log that is never cut is worse than a late heartbeat. */

enum { DEADLINE_MS = 60 * 1000, AGAIN_MS = 1000 };

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

/* ---- the child: nothing of this process but its memory ---- */

/* What else it has inherited, as the lock of the directory, is not to outlive the parent; where
 * errors are told stays. */
static void keep_only(int fd)
{
    if (fd > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0U, 0);
}

static bool write_all(int fd, const struct raft_buffer *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (size_t at = 0; at < list[i].len;) {
            const ssize_t taken = write(fd, (char *)list[i].base + at, list[i].len - at);

            if (taken <= 0)
                return false;
            at += (size_t)taken;
        }
    return true;
}

static _Noreturn void encode(struct engine *e, pid_t parent, int fd)
{
    struct raft_buffer *list;
    unsigned n;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    keep_only(fd);
    if (e->taking.encode(&e->fsm, &list, &n) != 0 || !write_all(fd, list, n))
        _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS); /* all that it has goes with it */
}

/* Its signals wait: our handlers are not to run in it. */
static pid_t fork_child(struct engine *e, int fd)
{
    const pid_t parent = getpid();
    sigset_t held, before;

    (void)sigfillset(&held);
    (void)sigprocmask(SIG_SETMASK, &held, &before);
    const pid_t pid = fork();
    if (pid == 0)
        encode(e, parent, fd);
    children_note(pid);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* ---- its end ---- */

static int bury(struct taking *t)
{
    int status = 0;

    while (children_wait(t->pid, &status, 0) < 0 && errno == EINTR)
        ;
    t->pid = 0;
    (void)close(t->pidfd);
    return status;
}

static void drop_bytes(struct taking *t)
{
    if (t->bytes.base != NULL)
        (void)munmap(t->bytes.base, t->bytes.len);
    t->bytes = (struct raft_buffer){.base = NULL};
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
}

/* libraft is told that it is stored, or why it is not, and takes its own back. */
static void end(struct taking *t, int code)
{
    struct raft_io_snapshot_put *put = t->put;

    drop_bytes(t);
    t->put = NULL;
    if (put != NULL)
        put->cb(put, code);
}

static void on_stored(struct raft_io_snapshot_put *put, int code)
{
    end(put->data, code);
}

static bool map_bytes(struct taking *t)
{
    struct stat st;

    if (fstat(t->fd, &st) < 0 || st.st_size <= 0)
        return false;
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, t->fd, 0);
    if (base == MAP_FAILED)
        return false;
    t->bytes = (struct raft_buffer){.base = base, .len = (size_t)st.st_size};
    return true;
}

static int store(struct engine *e)
{
    struct taking *t = &e->taking;

    if (!map_bytes(t))
        return RAFT_NOMEM;
    t->snapshot.bufs = &t->bytes;
    t->snapshot.n_bufs = 1;
    t->own_put.data = t;
    return t->snapshot_put(&e->io, t->trailing, &t->own_put, &t->snapshot, on_stored);
}

static void on_child_ended(struct engine *e)
{
    struct taking *t = &e->taking;

    loop_watch_stop(&t->watch);
    timer_stop(loop_timers(e->loop.loop), &t->deadline);
    const int status = bury(t);
    const bool is_whole = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    uv_update_time(&e->loop.uv);
    const int code = is_whole ? store(e) : RAFT_IOERR;
    if (code != 0) {
        log_warn("a snapshot could not be made, and is tried again",
                 LOG_S("why", is_whole ? raft_strerror(code) : "the child failed"));
        t->again_ms = loop_now_ms(e->loop.loop) + AGAIN_MS;
        raft_set_snapshot_threshold(&e->raft, 1); /* it may be due for its bytes alone */
        end(t, code);
    }
    engine_kick(e);
}

static void on_pidfd(struct loop_watch *w, bool can_read, bool can_write)
{
    (void)can_read;
    (void)can_write;
    on_child_ended((struct engine *)((char *)w - offsetof(struct engine, taking.watch)));
}

/* on_pidfd follows. */
static void on_deadline(struct timer *timer)
{
    const struct engine *e =
        (struct engine *)((char *)timer - offsetof(struct engine, taking.deadline));

    (void)kill(e->taking.pid, SIGKILL);
}

/* ---- its beginning ---- */

static bool begin(struct engine *e)
{
    struct taking *t = &e->taking;

    t->fd = memfd_create("weldr-snapshot", MFD_CLOEXEC);
    if (t->fd < 0)
        return false;
    t->pid = fork_child(e, t->fd);
    if (t->pid > 0) {
        t->pidfd = pidfd_open(t->pid, 0);
        if (t->pidfd >= 0)
            return true;
        (void)kill(t->pid, SIGKILL);
        (void)bury(t);
    }
    t->pid = 0;
    drop_bytes(t);
    return false;
}

static int encode_here(struct engine *e, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    log_warn("a snapshot is encoded in line: there is no child to be had");
    const int code = e->taking.encode(&e->fsm, bufs, n_bufs);

    if (code == 0)
        engine_state_snapshot_begun(e);
    return code;
}

static int take(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct engine *e = fsm->data;
    struct taking *t = &e->taking;

    MUST(t->pid == 0 && t->put == NULL);
    if (!engine_state_can_snapshot(e) || loop_now_ms(e->loop.loop) < t->again_ms)
        return RAFT_BUSY;
    if (!begin(e))
        return encode_here(e, bufs, n_bufs);
    engine_state_snapshot_begun(e);
    loop_watch_start(e->loop.loop, &t->watch, t->pidfd);
    loop_watch_set(&t->watch, true, false);
    loop_timer_in(e->loop.loop, &t->deadline,
                  e->options.snapshot_ms != 0 ? e->options.snapshot_ms : DEADLINE_MS);
    *bufs = NULL;
    *n_bufs = 0;
    return 0;
}

/* Right behind take; or one of the leader's is to be stored. */
static int put_later(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                     const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
    struct engine *e = engine_of(io);
    struct taking *t = &e->taking;

    if (t->pid == 0)
        return t->snapshot_put(io, trailing, req, snapshot, cb);
    t->snapshot = *snapshot;
    t->trailing = trailing;
    t->put = req;
    req->cb = cb;
    return 0;
}

/* What is being stored libraft cancels itself, and tells on_stored. */
static void close_io(struct raft_io *io, raft_io_close_cb cb)
{
    struct engine *e = engine_of(io);
    struct taking *t = &e->taking;

    if (t->pid != 0) {
        loop_watch_stop(&t->watch);
        timer_stop(loop_timers(e->loop.loop), &t->deadline);
        (void)kill(t->pid, SIGKILL);
        (void)bury(t);
        end(t, RAFT_CANCELED);
    }
    t->close(io, cb);
}

void engine_snapshot_prepare(struct engine *e)
{
    struct taking *t = &e->taking;

    *t = (struct taking){.fd = -1,
                         .encode = e->fsm.snapshot,
                         .snapshot_put = e->io.snapshot_put,
                         .close = e->io.close};
    t->watch.on_ready = on_pidfd;
    timer_init(&t->deadline, on_deadline);
    e->fsm.snapshot = take;
    e->io.snapshot_put = put_later;
    e->io.close = close_io;
}
