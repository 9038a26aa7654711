#include "manager/listening.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/listen.h"

enum { LISTENING_MAGIC = 0x6c697374 };

static void check(const struct listening *l)
{
    MUST(l->magic == LISTENING_MAGIC && l->state < LISTENING_STATES);
}

static struct slot *slot_of(const struct listening *l, unsigned i)
{
    MUST(i < l->slot_n && l->slot_n == l->owner->slots->n);
    return &l->owner->slots->list[i];
}

void listenings_init(struct listenings *ls, struct slots *slots, struct stand_in *stand_in)
{
    *ls = (struct listenings){.slots = slots, .stand_in = stand_in};
    TAILQ_INIT(&ls->list);
}

struct listening *listening_new(struct listenings *ls, struct span listener,
                                const struct addr *wanted)
{
    const unsigned slot_n = ls->slots->n;
    const size_t bytes = sizeof(struct listening) + slot_n * sizeof(struct stand_in_door);
    struct listening *l = fault_malloc(bytes);

    if (l == NULL)
        return NULL;
    memset(l, 0, bytes);
    l->magic = LISTENING_MAGIC;
    l->state = LISTENING_FAILED;
    MUST(span_to_str(listener, l->listener, sizeof(l->listener)) == 0);
    l->socket_no = ls->next_socket_no++;
    l->wanted = l->bound = *wanted;
    l->owner = ls;
    l->slot_n = slot_n;
    for (unsigned i = 0; i < l->slot_n; i++)
        stand_in_door_init(&l->doors[i], ls->stand_in, i, l->socket_no);
    TAILQ_INSERT_TAIL(&ls->list, l, entry);
    return l;
}

/* ---- sockets ---- */

/* What waits at the door of a worker that does not serve is passed on first; the worker that
 * does has a descriptor of its own. */
static void close_door(struct listening *l, unsigned i)
{
    struct stand_in_door *d = &l->doors[i];

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

/* Is the address free for us alone? SO_REUSEPORT would share it in silence. */
static int probe(const struct addr *at)
{
    struct addr bound;

    if (at->port == 0)
        return 0; /* the kernel gives none that is in use */
    int fd = listen_open(at, false, false, &bound);
    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

int listening_bind(struct listening *l, const struct addr *at)
{
    struct addr each = *at;
    int fd = probe(at);

    check(l);
    MUST(l->state == LISTENING_FAILED);
    for (unsigned i = 0; fd >= 0 && i < l->slot_n; i++) {
        MUST(l->doors[i].fd < 0); /* FAILED has no socket */
        fd = listen_open(&each, true, true, &l->bound);
        if (fd < 0)
            break;
        l->doors[i].fd = fd;
        each.port = l->bound.port; /* the one that the first got is everybody's */
    }
    if (fd < 0) {
        listening_shut(l);
        l->error = fd;
        return fd;
    }
    l->state = LISTENING_PENDING;
    l->error = 0;
    return 0;
}

void listening_stop_deferring(const struct listening *l)
{
    check(l);
    for (unsigned i = 0; i < l->slot_n; i++)
        if (l->doors[i].fd >= 0)
            listen_stop_deferring(l->doors[i].fd);
}

/* ---- workers ---- */

static void send_listen(const struct listening *l, unsigned i, uint64_t seq)
{
    const struct frame_listen frame = {
        .listener_id = l->listener_id, .socket_no = l->socket_no, .bound = l->bound};
    const struct channel_note note = {seq, true};
    char buf[FRAME_FIXED_MAX];

    if (l->doors[i].fd >= 0)
        manager_channel_send_fd(&slot_of(l, i)->channel, note,
                                span_from(buf, frame_put_listen(buf, &frame)), l->doors[i].fd);
}

void listening_open(struct listening *l, uint64_t listener_id, uint64_t seq)
{
    check(l);
    MUST(l->state == LISTENING_PENDING);
    l->state = LISTENING_OPEN;
    l->listener_id = listener_id;
    for (unsigned i = 0; i < l->slot_n; i++) {
        stand_in_enter(&l->doors[i]);
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
        l->doors[i].tag = l->doors[i].held_tag = l->socket_no;
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
    const struct channel_note note = {seq, true};
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
