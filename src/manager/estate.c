#include "manager/estate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/seal.h"
#include "cluster/small_file.h"
#include "manager/counters.h"
#include "manager/keyring.h"
#include "manager/manager.h"
#include "manager/vips_here.h"
#include "net/inherited.h"
#include "net/passed.h"
#include "net/rights.h"
#include "pool/pool_replica.h"

/* ---- one item ---- */

void estate_init(struct estate *e)
{
    *e = (struct estate){0};
    TAILQ_INIT(&e->items);
}

static void free_item(struct estate_item *i)
{
    if (i->fd >= 0)
        (void)close(i->fd);
    seal_memory_free(i->bytes);
    free(i);
}

void estate_fini(struct estate *e)
{
    struct estate_item *i;

    while ((i = TAILQ_FIRST(&e->items)) != NULL) {
        TAILQ_REMOVE(&e->items, i, entry);
        free_item(i);
    }
    e->next = NULL;
}

static int copy_fd(int fd)
{
    const int copied = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return copied < 0 ? werr_from_errno(errno) : copied;
}

int estate_add(struct estate *e, const struct succession *s, int fd)
{
    struct estate_item *i = fault_malloc(sizeof(*i));
    char buf[SUCCESSION_MAX_BYTES];

    MUST((fd >= 0) == succession_has_fd(s->type));
    if (i == NULL)
        return WERR_NOMEM;
    i->len = succession_put(buf, s);
    i->bytes = seal_memory_new(i->len);
    i->fd = fd >= 0 ? copy_fd(fd) : -1;
    if (i->bytes != NULL)
        memcpy(i->bytes, buf, i->len);
    explicit_bzero(buf, sizeof(buf));
    TAILQ_INSERT_TAIL(&e->items, i, entry);
    return i->bytes == NULL ? WERR_NOMEM : i->fd < -1 ? i->fd : 0;
}

/* ---- files in memory ---- */

static int make_file(struct span bytes)
{
    const int fd = memfd_create("weldr-succession", MFD_CLOEXEC);
    const int rc =
        fd < 0 ? werr_from_errno(errno) : small_file_write_at(fd, bytes.ptr, bytes.len, 0);

    if (rc < 0 && fd >= 0)
        (void)close(fd);
    return rc < 0 ? rc : fd;
}

int estate_totals(const struct manager *m)
{
    struct stats_totals text = {0};
    struct span bytes;
    int rc = counters_text(m, &text, &bytes);

    if (rc == 0)
        rc = make_file(bytes);
    stats_totals_free(&text);
    return rc;
}

/* Takes the descriptor. */
static int add_file(struct estate *e, const struct succession *s, int fd)
{
    const int rc = fd < 0 ? fd : estate_add(e, s, fd);

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* What a directory would keep. */
static int add_snapshot(struct estate *e, struct manager *m)
{
    const struct pool_replica now = {m->pool, m->requests, m->history};
    const struct succession s = {
        .type = SUCCESSION_SNAPSHOT,
        .index = m->cluster != NULL ? m->cluster->ops->index(m->cluster) : m->revision};
    char *bytes = NULL;
    size_t len = 0;
    int rc = pool_replica_encode(&now, &bytes, &len);

    if (rc == 0)
        rc = add_file(e, &s, make_file(span_from(bytes, len)));
    free(bytes);
    return rc;
}

/* ---- listening sockets ---- */

int estate_add_listener(struct estate *e, const struct succession_listener *l, int fd)
{
    const struct succession s = {.type = SUCCESSION_LISTENER, .listener = *l};

    return fd < 0 ? 0 : estate_add(e, &s, fd);
}

static int add_listening(struct estate *e, const struct listening *l)
{
    const bool is_own = l->state == LISTENING_OPEN && !l->is_passed;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && is_own && i < l->slot_n; i++) {
        const struct succession_listener one = {.use = INHERITED_PROXY,
                                                .slot = i,
                                                .wanted = l->wanted,
                                                .bound = l->bound,
                                                .name = span_from_str(l->listener)};

        rc = estate_add_listener(e, &one, l->doors[i]->fd);
    }
    return rc;
}

/* What a supervisor has passed to us, used or not: once each, in their order. */
static int add_passed(struct estate *e)
{
    const struct passed *p;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && (p = passed_at(i)) != NULL; i++) {
        const struct succession_listener one = {.use = INHERITED_PASSED,
                                                .slot = i,
                                                .wanted = p->bound,
                                                .bound = p->bound,
                                                .name = span_from_str(p->name)};

        rc = estate_add_listener(e, &one, p->fd);
    }
    return rc;
}

static int add_cluster(struct estate *e)
{
    struct succession_listener one = {.use = INHERITED_CLUSTER};
    const int fd = inherited_cluster(&one.wanted);

    one.bound = one.wanted;
    return estate_add_listener(e, &one, fd);
}

/* Its successor has not the capabilities to start another one. */
static int add_helper(struct estate *e, const struct manager *m)
{
    const struct succession_listener one = {.use = INHERITED_HELPER};

    return m->vips_here != NULL ? estate_add_listener(e, &one, m->vips_here->link.fd) : 0;
}

static int add_listeners(struct estate *e, const struct manager *m)
{
    const struct listening *l;
    int rc = 0;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        rc = rc == 0 ? add_listening(e, l) : rc;
    rc = rc == 0 ? add_passed(e) : rc;
    rc = rc == 0 ? add_helper(e, m) : rc;
    return rc == 0 ? add_cluster(e) : rc;
}

/* ---- all of it ---- */

static struct succession describe_node(const struct manager *m)
{
    return (struct succession){.type = SUCCESSION_NODE,
                               .node = {.pid = (uint32_t)getpid(),
                                        .workers = m->worker_n,
                                        .slots = m->supervisor.slots.n,
                                        .log_level = m->node.log_level,
                                        .queue_bytes = m->node.queue_bytes,
                                        .done_n = m->upgrades_done,
                                        .failed_n = m->upgrades_failed,
                                        .version = WELDR_VERSION}};
}

static int add_node(struct estate *e, const struct manager *m)
{
    const struct succession s = describe_node(m);

    return estate_add(e, &s, -1);
}

void estate_renew(struct estate *e, const struct manager *m)
{
    const struct succession s = describe_node(m);
    struct estate_item *first = TAILQ_FIRST(&e->items);
    char buf[SUCCESSION_MAX_BYTES];

    MUST(succession_put(buf, &s) == first->len); /* numbers of fixed width, and our version */
    memcpy(first->bytes, buf, first->len);
}

static int add_keys(struct estate *e, struct manager *m)
{
    const struct span seal = span_from((const char *)m->keyring->seal, SEAL_KEY_BYTES);
    const struct succession s = {.type = SUCCESSION_KEYS,
                                 .seal = m->config->is_ephemeral ? seal : SPAN_NONE,
                                 .text = keyring_own_tickets(m->keyring)};

    return estate_add(e, &s, -1);
}

int estate_make(struct estate *e, struct manager *m)
{
    static const struct succession totals = {.type = SUCCESSION_TOTALS};

    MUST(TAILQ_EMPTY(&e->items));
    int rc = add_node(e, m);
    if (rc == 0)
        rc = add_keys(e, m);
    if (rc == 0)
        rc = add_listeners(e, m);
    if (rc == 0 && m->config->is_ephemeral)
        rc = add_snapshot(e, m);
    if (rc == 0)
        rc = add_file(e, &totals, estate_totals(m));
    if (rc < 0)
        estate_fini(e);
    return rc;
}

/* ---- sent ---- */

void estate_rewind(struct estate *e)
{
    e->next = TAILQ_FIRST(&e->items);
}

static int64_t send_plain(int socket, const struct iovec *iov)
{
    const ssize_t n = send(socket, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);

    return n >= 0 ? n : errno == EAGAIN ? WERR_AGAIN : WERR_CLOSED;
}

int estate_send(struct estate *e, int socket)
{
    MUST(socket >= 0);
    for (; e->next != NULL; e->next = TAILQ_NEXT(e->next, entry)) {
        const struct iovec iov = {e->next->bytes, e->next->len};
        const int64_t n = e->next->fd >= 0 ? rights_send(socket, &iov, 1, e->next->fd)
                                           : send_plain(socket, &iov);

        if (n < 0)
            return (int)n;
    }
    return 0;
}
