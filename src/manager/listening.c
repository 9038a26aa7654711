#include "manager/listening.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "log/log.h"
#include "net/inherited.h"
#include "net/listen.h"
#include "net/passed.h"

enum { LISTENING_MAGIC = 0x6c697374 };

static void check(const struct listening *l)
{
    MUST(l->magic == LISTENING_MAGIC && l->state < LISTENING_STATES);
}

static struct slot *slot_of(const struct listening *l, unsigned i)
{
    MUST(i < l->slot_n && l->slot_n <= l->owner->slots->n);
    return &l->owner->slots->list[i];
}

/* One for each slot that there is. */
static int add_doors(struct listening *l)
{
    struct listenings *ls = l->owner;
    const unsigned n = ls->slots->n;

    if (l->slot_n == n)
        return 0;
    struct stand_in_door **doors = fault_malloc(n * sizeof(struct stand_in_door *));
    if (doors == NULL)
        return WERR_NOMEM;
    if (l->slot_n > 0)
        memcpy(doors, l->doors, l->slot_n * sizeof(struct stand_in_door *));
    free(l->doors);
    l->doors = doors;
    for (; l->slot_n < n; l->slot_n++) {
        doors[l->slot_n] = fault_malloc(sizeof(struct stand_in_door));
        if (doors[l->slot_n] == NULL)
            return WERR_NOMEM;
        stand_in_door_init(doors[l->slot_n], ls->stand_in, l->slot_n, l->socket_no);
    }
    return 0;
}

static void free_doors(struct listening *l)
{
    for (unsigned i = 0; i < l->slot_n; i++)
        free(l->doors[i]);
    free(l->doors);
}

void listenings_init(struct listenings *ls, struct slots *slots, struct stand_in *stand_in)
{
    *ls = (struct listenings){.slots = slots, .stand_in = stand_in};
    TAILQ_INIT(&ls->list);
}

struct listening *listening_new(struct listenings *ls, struct span listener,
                                const struct addr *wanted)
{
    struct listening *l = fault_malloc(sizeof(*l));

    if (l == NULL)
        return NULL;
    memset(l, 0, sizeof(*l));
    l->magic = LISTENING_MAGIC;
    l->state = LISTENING_FAILED;
    MUST(span_to_str(listener, l->listener, sizeof(l->listener)) == 0);
    l->socket_no = ls->next_socket_no++;
    l->wanted = l->bound = *wanted;
    l->owner = ls;
    if (add_doors(l) < 0) {
        free_doors(l);
        free(l);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&ls->list, l, entry);
    return l;
}

/* ---- sockets ---- */

/* What waits at the door of a worker that does not serve is passed on first; the worker that
 * does has a descriptor of its own. */
static void close_door(struct listening *l, unsigned i)
{
    struct stand_in_door *d = l->doors[i];

    if (d->fd < 0)
        return;
    manager_channel_forget(&slot_of(l, i)->channel, d->fd);
    stand_in_leave(d);
    (void)close(d->fd);
    d->fd = -1;
}

void listening_shut(struct listening *l)
{
    check(l);
    for (unsigned i = 0; i < l->slot_n; i++)
        close_door(l, i);
}

static int open_socket(const struct listening *l, const struct addr *at, bool is_shared,
                       struct addr *bound)
{
    return l->is_vip ? listen_open_absent(at, is_shared, is_shared, bound)
                     : listen_open(at, is_shared, is_shared, bound);
}

static struct inherited_key key_of(const struct listening *l, unsigned slot,
                                   const struct addr *at)
{
    return (struct inherited_key){.use = INHERITED_PROXY,
                                  .slot = slot,
                                  .wanted = *at,
                                  .name = span_from_str(l->listener)};
}

static bool may_come(const struct listening *l, const struct addr *to)
{
    struct addr bound = l->bound;

    bound.port = 0;
    return addr_is_wildcard(&bound) || addr_is_equal(&bound, to);
}

/* Once somebody else was asked, all goes that way, so that it stays in order. */
static int set_filter(struct listenings *ls, int fd, const struct addr *addrs, unsigned n)
{
    int rc = ls->has_asked ? WERR_DENIED : syn_filter_set(fd, addrs, n);

    if (rc != WERR_DENIED || ls->keep_out == NULL)
        return rc;
    ls->has_asked = true;
    rc = ls->keep_out(ls->keep_out_arg, fd, addrs, n);
    return rc < 0 && n == 0 ? syn_filter_set(fd, addrs, 0) : rc;
}

static void keep_out(const struct listening *l, int fd)
{
    const struct listenings *ls = l->owner;
    struct addr list[SYN_FILTER_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < ls->kept_out_n; i++)
        if (may_come(l, &ls->kept_out[i]))
            list[n++] = ls->kept_out[i];
    const int rc = set_filter(l->owner, fd, list, n);
    if (rc < 0)
        log_warn("can't keep new connections from an address that leaves",
                 LOG_S("listener", l->listener), LOG_S("error", werr_text(rc)));
}

static void set_deferring(const struct listening *l, int fd)
{
    listen_set_deferring(fd, l->owner->undeferred_n == 0);
}

/* One that was handed over may be as the predecessor wanted it. */
static void tune(const struct listening *l, int fd)
{
    set_deferring(l, fd);
    keep_out(l, fd);
}

static void tune_all(const struct listenings *ls,
                     void (*how)(const struct listening *l, int fd))
{
    const struct listening *l;

    TAILQ_FOREACH (l, &ls->list, entry)
        for (unsigned i = 0; i < l->slot_n; i++)
            if (l->doors[i]->fd >= 0)
                how(l, l->doors[i]->fd);
}

void listenings_stop_deferring(struct listenings *ls)
{
    if (ls->undeferred_n++ == 0)
        tune_all(ls, set_deferring);
}

void listenings_defer_again(struct listenings *ls)
{
    MUST(ls->undeferred_n > 0);
    if (--ls->undeferred_n == 0)
        tune_all(ls, set_deferring);
}

void listenings_set_keep_out(struct listenings *ls, listening_keep_out_fn fn, void *arg)
{
    ls->keep_out = fn;
    ls->keep_out_arg = arg;
    ls->has_asked = ls->has_asked && fn != NULL;
}

void listenings_keep_out(struct listenings *ls, const struct addr *addrs, unsigned n)
{
    MUST(n <= SYN_FILTER_MAX);
    memcpy(ls->kept_out, addrs, n * sizeof(addrs[0]));
    ls->kept_out_n = n;
    tune_all(ls, keep_out);
}

/* Has another listener the sockets that a supervisor has passed for this address? */
static bool is_taken(const struct listening *l, const struct addr *at)
{
    const struct listening *other;

    TAILQ_FOREACH (other, &l->owner->list, entry)
        if (other != l && other->state != LISTENING_FAILED && other->is_passed &&
            addr_is_equal(&other->wanted, at))
            return true;
    return false;
}

/* Is the address free for us alone? SO_REUSEPORT would share it in silence. */
static int probe(const struct listening *l, const struct addr *at)
{
    const struct inherited_key first = key_of(l, 0, at);
    struct addr bound;

    if (l->is_passed)
        return is_taken(l, at) ? WERR_ADDR_IN_USE : 0;
    if (at->port == 0 || inherited_has(&first))
        return 0; /* the kernel gives none that is in use; or it is ours already */
    int fd = open_socket(l, at, false, &bound);
    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

/* The predecessor's, if there is one: who waits there is served. */
static int open_one(struct listening *l, unsigned i, const struct addr *at,
                    const struct addr *each)
{
    const struct inherited_key key = key_of(l, i, at);

    if (l->is_passed) {
        l->bound = *at;
        return passed_open(PASSED_PROXY, at, i);
    }
    const int fd = inherited_take(&key, &l->bound);
    return fd >= 0 ? fd : open_socket(l, each, true, &l->bound);
}

/* A slot that is not wanted has a socket where the predecessor had one, or a supervisor has
 * passed so many: each has a queue that nobody else serves. */
static bool needs_socket(const struct listening *l, unsigned i, const struct addr *at)
{
    const struct inherited_key key = key_of(l, i, at);

    return slot_of(l, i)->is_wanted || inherited_has(&key) ||
           (l->is_passed && i < passed_count(PASSED_PROXY, at));
}

int listening_bind(struct listening *l, const struct addr *at)
{
    struct addr each = *at;

    check(l);
    MUST(l->state == LISTENING_FAILED);
    l->is_passed = passed_count(PASSED_PROXY, at) > 0;
    int fd = probe(l, at);
    for (unsigned i = 0; fd >= 0 && i < l->slot_n && needs_socket(l, i, at); i++) {
        MUST(l->doors[i]->fd < 0); /* FAILED has no socket */
        fd = open_one(l, i, at, &each);
        if (fd < 0)
            break;
        l->doors[i]->fd = fd;
        tune(l, fd);
        each.port = l->bound.port; /* the one that the first got is everybody's */
    }
    if (fd < 0) {
        listening_shut(l);
        l->error = fd;
        return fd;
    }
    l->state = LISTENING_PENDING;
    l->error = 0;
    if (l->is_passed) /* an earlier Weldr may have had another number of workers */
        listening_steer(l, slots_count_wanted(l->owner->slots));
    return 0;
}

/* ---- more and fewer workers ---- */

static int open_door(const struct listening *l, unsigned i)
{
    struct stand_in_door *d = l->doors[i];
    struct addr bound;

    if (d->fd >= 0)
        return 0;
    const int fd = l->is_passed ? passed_open(PASSED_PROXY, &l->wanted, i)
                                : open_socket(l, &l->bound, true, &bound);
    if (fd < 0)
        return fd;
    d->fd = fd;
    tune(l, fd);
    if (l->state == LISTENING_OPEN)
        stand_in_enter(d);
    return 0;
}

int listening_grow(struct listening *l, unsigned n)
{
    check(l);
    int rc = add_doors(l);
    for (unsigned i = 0; rc == 0 && l->state != LISTENING_FAILED && i < n; i++) {
        MUST(i < l->slot_n);
        rc = open_door(l, i);
    }
    return rc;
}

/* A slot that shares its queue with one of those that stay has none of its own to stand in at.
 */
static void close_shared(struct listening *l, unsigned n)
{
    const unsigned passed = passed_count(PASSED_PROXY, &l->wanted);

    for (unsigned i = n > passed ? n : passed; i < l->slot_n; i++)
        close_door(l, i);
}

void listening_steer(struct listening *l, unsigned n)
{
    check(l);
    if (l->state == LISTENING_FAILED || n == 0)
        return;
    if (l->is_passed)
        close_shared(l, n);
    if (listen_steer(l->doors[0]->fd, n) < 0)
        log_debug("can't steer connections", LOG_S("listener", l->listener));
}

/* ---- workers ---- */

static void send_listen(const struct listening *l, unsigned i, uint64_t seq)
{
    const struct frame_listen frame = {
        .listener_id = l->listener_id, .socket_no = l->socket_no, .bound = l->bound};
    const struct channel_note note = {seq, true, false};
    char buf[FRAME_FIXED_MAX];

    if (l->doors[i]->fd >= 0)
        manager_channel_send_fd(&slot_of(l, i)->channel, note,
                                span_from(buf, frame_put_listen(buf, &frame)), l->doors[i]->fd);
}

void listening_open(struct listening *l, uint64_t listener_id, uint64_t seq)
{
    check(l);
    MUST(l->state == LISTENING_PENDING);
    l->state = LISTENING_OPEN;
    l->listener_id = listener_id;
    for (unsigned i = 0; i < l->slot_n; i++) {
        if (l->doors[i]->fd < 0)
            continue;
        stand_in_enter(l->doors[i]);
        if (slot_takes_updates(slot_of(l, i)))
            send_listen(l, i, seq);
    }
}

void listening_renumber(struct listening *l, uint64_t listener_id)
{
    check(l);
    MUST(l->state == LISTENING_OPEN);
    l->listener_id = listener_id;
    l->socket_no = l->owner->next_socket_no++;
    for (unsigned i = 0; i < l->slot_n; i++)
        l->doors[i]->tag = l->doors[i]->held_tag = l->socket_no;
}

void listening_send_all(const struct listenings *ls, struct slot *slot, uint64_t seq)
{
    const struct listening *l;

    TAILQ_FOREACH (l, &ls->list, entry)
        if (l->state == LISTENING_OPEN)
            send_listen(l, slot->id, seq);
}

static void send_unlisten(const struct listening *l, uint64_t seq)
{
    const struct frame_unlisten frame = {.listener_id = l->listener_id,
                                         .socket_no = l->socket_no};
    const struct channel_note note = {seq, true, false};
    char buf[FRAME_FIXED_MAX];
    const size_t len = frame_put_unlisten(buf, &frame);

    for (unsigned i = 0; i < l->slot_n; i++)
        if (slot_takes_updates(slot_of(l, i)))
            manager_channel_send(&slot_of(l, i)->channel, note, span_from(buf, len), SPAN_NONE);
}

void listening_close(struct listening *l, bool tell, uint64_t seq)
{
    check(l);
    listening_shut(l);
    if (tell && l->state == LISTENING_OPEN)
        send_unlisten(l, seq);
    TAILQ_REMOVE(&l->owner->list, l, entry);
    l->magic = 0;
    free_doors(l);
    free(l);
}

struct listening *listening_find(const struct listenings *ls, struct span listener,
                                 const struct addr *wanted)
{
    struct listening *l;

    TAILQ_FOREACH (l, &ls->list, entry)
        if (addr_is_equal(&l->wanted, wanted) &&
            span_is_equal(span_from_str(l->listener), listener))
            return l;
    return NULL;
}
