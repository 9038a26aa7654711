#include "manager/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/seal.h"
#include "cluster/small_file.h"
#include "log/log.h"
#include "manager/counters.h"
#include "manager/events.h"
#include "manager/keyring.h"
#include "manager/manager.h"
#include "net/inherited.h"
#include "net/passed.h"
#include "net/rights.h"

enum { FILE_MAX_BYTES = 1 << 30 };

static struct heir *heir_of(const struct manager *m)
{
    return m->heir;
}

bool heir_has_snapshot(const struct manager *m)
{
    return m->heir != NULL && m->heir->has_snapshot;
}

bool heir_has_predecessor(const struct manager *m)
{
    return m->heir != NULL && m->heir->fd >= 0;
}

void heir_give_snapshot(struct manager *m)
{
    struct heir *h = heir_of(m);

    MUST(h->snapshot != NULL); /* an engine has it once */
    cluster_solo_begin_from(m->cluster, h->snapshot_index, h->snapshot, h->snapshot_bytes);
    h->snapshot = NULL;
}

static int say(const struct heir *h, enum succession_type type)
{
    const struct succession s = {.type = (uint8_t)type,
                                 .protocol = SUCCESSION_PROTOCOL,
                                 .text = span_from_str(WELDR_VERSION)};
    char buf[SUCCESSION_MAX_BYTES];

    if (send(h->fd, buf, succession_put(buf, &s), MSG_NOSIGNAL) < 0)
        return werr_from_errno(errno);
    return 0;
}

/* ---- messages ---- */

static int keep(char **to, struct span bytes)
{
    seal_memory_free(*to);
    *to = seal_memory_new(bytes.len + 1); /* and a zero, as a string has */
    if (*to == NULL)
        return WERR_NOMEM;
    memcpy(*to, bytes.ptr, bytes.len);
    return 0;
}

/* Heap bytes. */
static int read_file(int fd, char **bytes, size_t *len)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size > FILE_MAX_BYTES)
        return WERR_CORRUPT;
    *bytes = fault_malloc((size_t)st.st_size + 1);
    if (*bytes == NULL)
        return WERR_NOMEM;
    const int rc = small_file_read_at(fd, *bytes, (size_t)st.st_size, 0, len);
    if (rc == 0 && *len == (size_t)st.st_size)
        return 0;
    free(*bytes);
    *bytes = NULL;
    return rc < 0 ? rc : WERR_CORRUPT;
}

static int take_totals(struct heir *h, int fd)
{
    char *text = NULL;
    size_t len = 0;
    const int rc = read_file(fd, &text, &len);

    return rc < 0 ? rc : counters_take(h->m, text, len);
}

static int take_keys(struct heir *h, const struct succession *s)
{
    int rc = s->seal.len == 0 || s->seal.len == SEAL_KEY_BYTES ? 0 : WERR_CORRUPT;

    if (rc == 0 && s->seal.len > 0)
        rc = keep(&h->seal, s->seal);
    if (rc == 0)
        rc = keep(&h->tickets, s->text);
    h->tickets_bytes = s->text.len;
    return rc;
}

/* *fd is -1 when it was taken. */
static int take_listener(const struct succession_listener *l, int *fd)
{
    const struct inherited_key key = {
        .use = l->use, .slot = l->slot, .wanted = l->wanted, .name = l->name};
    const int rc = l->use == INHERITED_PASSED ? passed_add(l->name, &l->bound, *fd)
                                              : inherited_add(&key, &l->bound, *fd);

    if (rc == 0)
        *fd = -1;
    return rc;
}

static int take_snapshot(struct heir *h, const struct succession *s, int fd)
{
    free(h->snapshot);
    h->snapshot = NULL;
    h->snapshot_index = s->index;
    h->has_snapshot = true;
    return read_file(fd, &h->snapshot, &h->snapshot_bytes);
}

static int take(struct heir *h, const struct succession *s, int *fd)
{
    if (succession_has_fd(s->type) != (*fd >= 0))
        return WERR_CORRUPT;
    switch ((enum succession_type)s->type) {
    case SUCCESSION_NODE:
        h->node = s->node;
        return 0;
    case SUCCESSION_LISTENER:
        return take_listener(&s->listener, fd);
    case SUCCESSION_KEYS:
        return take_keys(h, s);
    case SUCCESSION_TOKEN:
        return keep(&h->token, s->text);
    case SUCCESSION_SNAPSHOT:
        return take_snapshot(h, s, *fd);
    case SUCCESSION_TOTALS:
        return take_totals(h, *fd);
    case SUCCESSION_GO:
        return 0;
    default:
        return WERR_CORRUPT;
    }
}

/* The next message: its type, or WERR_AGAIN: none is there, WERR_EOF: the predecessor has
 * ended, WERR_*: this one can't be used. */
static int receive(struct heir *h)
{
    char buf[SUCCESSION_MAX_BYTES];
    struct succession s;
    enum rights_got got;
    int fd = -1;

    MUST(h->fd >= 0);
    const int64_t n = rights_receive(h->fd, buf, sizeof(buf), &fd, &got);

    if (n == WERR_AGAIN || n == WERR_NOMEM)
        return WERR_AGAIN;
    if (n <= 0)
        return n == 0 || n == WERR_RESET ? WERR_EOF : (int)n;
    int rc = got == RIGHTS_LOST ? WERR_NO_FD : succession_get(span_from(buf, (size_t)n), &s);
    if (rc == 0)
        rc = take(h, &s, &fd);
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(buf, sizeof(buf)); /* some are keys */
    return rc < 0 ? rc : s.type;
}

/* ---- until GO ---- */

static int await(const struct heir *h)
{
    struct pollfd p = {.fd = h->fd, .events = POLLIN};
    const int n = poll(&p, 1, HEIR_WAIT_MS);

    if (n < 0 && errno != EINTR)
        return werr_from_errno(errno);
    return n == 0 ? WERR_TIMEOUT : 0;
}

static int receive_all(struct heir *h)
{
    int rc = say(h, SUCCESSION_HELLO);

    while (rc >= 0 && rc != SUCCESSION_GO) {
        rc = receive(h);
        if (rc == WERR_AGAIN)
            rc = await(h);
    }
    return rc < 0 ? rc : 0;
}

int heir_receive(struct manager *m)
{
    struct heir *h = heir_of(m);

    if (h->fd < 0)
        return 0;
    log_info("takes over from another weldr");
    const int rc = receive_all(h);
    if (rc < 0)
        return manager_fail_start("can't take over", rc);
    if (h->node.workers > 0 && h->node.workers <= CONFIG_WORKERS_MAX)
        m->worker_n = h->node.workers;
    m->upgrades_done = h->node.done_n + 1;
    m->upgrades_failed = h->node.failed_n;
    return 0;
}

int heir_add_slots(struct manager *m)
{
    const struct heir *h = heir_of(m);

    if (!h->is_heir)
        return 0;
    const int rc = supervisor_add_slots(&m->supervisor, h->node.slots);
    return rc < 0 ? manager_fail_start("can't start the supervisor", rc) : 0;
}

int heir_furnish(struct manager *m)
{
    struct heir *h = heir_of(m);

    if (!h->is_heir)
        return 0;
    m->node.queue_bytes = h->node.queue_bytes;
    if (h->node.log_level <= LOG_TRACE)
        m->node.log_level = h->node.log_level;
    log_set_level((enum log_level)m->node.log_level);
    publish_node(&m->publish, &(struct frame_node){.queue_bytes = m->node.queue_bytes,
                                                   .log_level = m->node.log_level});
    keyring_inherit(m->keyring, (const unsigned char *)h->seal,
                    span_from(h->tickets, h->tickets != NULL ? h->tickets_bytes : 0));
    return 0;
}

/* ---- after it ---- */

static void end(struct heir *h)
{
    if (h->is_watched)
        loop_watch_stop(&h->watch);
    h->is_watched = false;
    if (h->fd >= 0)
        (void)close(h->fd);
    h->fd = -1;
}

/* One message a turn: there are few. */
static void on_socket(struct loop_watch *w, bool can_read, bool can_write)
{
    struct heir *h = (struct heir *)((char *)w - offsetof(struct heir, watch));

    (void)can_write;
    const int rc = can_read ? receive(h) : WERR_AGAIN;
    if (rc >= 0 || rc == WERR_AGAIN)
        return;
    if (rc == WERR_EOF)
        log_info("the weldr that was here before has ended", LOG_U("pid", h->node.pid));
    else
        log_warn("what the weldr that was here before says can't be used",
                 LOG_S("error", werr_text(rc)));
    end(h);
}

void heir_say_ready(struct manager *m)
{
    struct heir *h = heir_of(m);

    if (!h->is_heir)
        return;
    MUST(h->fd >= 0 && !h->is_watched); /* once */
    inherited_end();
    events_tell(m, &(struct event_note){.kind = EVENT_NODE_UPGRADED,
                                        .from = h->node.version,
                                        .to = WELDR_VERSION});
    if (say(h, SUCCESSION_READY) < 0)
        log_warn("the weldr that was here before has ended early");
    h->watch.on_ready = on_socket;
    h->is_watched = true;
    loop_watch_start(m->loop, &h->watch, h->fd);
    loop_watch_set(&h->watch, true, false);
}

/* ---- life ---- */

void heir_init(struct heir *h, struct manager *m)
{
    const char *text = getenv(SUCCESSION_VARIABLE);

    *h = (struct heir){.m = m, .fd = -1};
    m->heir = h;
    if (text == NULL)
        return;
    h->is_heir = true;
    h->fd = SUCCESSION_FD;
    (void)fcntl(h->fd, F_SETFD, FD_CLOEXEC);
    (void)unsetenv(SUCCESSION_VARIABLE);
}

void heir_fini(struct heir *h)
{
    end(h);
    inherited_end();
    seal_memory_free(h->seal);
    seal_memory_free(h->tickets);
    seal_memory_free(h->token);
    free(h->snapshot);
}
