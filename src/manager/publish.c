#include "manager/publish.h"

#include <stdlib.h>

#include "base/secret.h"
#include "log/log.h"
#include "pool/pool_snapshot.h"

/* A snapshot of the largest pool that the API lets in is a frame: all meta, each character
 * escaped in JSON. */
_Static_assert((uint64_t)POOL_SERVERS_MAX *(POOL_META_N * 2 *
                                                (POOL_META_KEY_MAX + POOL_META_VALUE_MAX) +
                                            2 * (POOL_PATH_MAX + POOL_HOST_MAX + POOL_URL_MAX) +
                                            2048) <= FRAME_MAX_BYTES,
               "a snapshot always fits a frame");

static void note_digest(struct publish *p, const struct pool_state *state)
{
    p->digests[state->index % PUBLISH_DIGESTS].index = state->index;
    p->digests[state->index % PUBLISH_DIGESTS].digest = state->digest;
}

void publish_init(struct publish *p, struct supervisor *supervisor, struct facts *facts,
                  const struct pool_state *state)
{
    memset(p, 0, sizeof(*p));
    p->supervisor = supervisor;
    p->facts = facts;
    p->log_fd = -1;
    p->seq = 1; /* 0 means "completes nothing" on a frame */
    TAILQ_INIT(&p->waiters);
    note_digest(p, state);
}

void publish_fini(struct publish *p)
{
    free(p->snapshot);
    p->snapshot = NULL;
}

/* ---- out ---- */

static void send_to_all(struct publish *p, struct span head, struct span body)
{
    const struct channel_note note = {++p->seq, true, false};

    for (unsigned i = 0; i < p->supervisor->slots.n; i++) {
        struct slot *slot = &p->supervisor->slots.list[i];

        if (slot_takes_updates(slot))
            manager_channel_send(&slot->channel, note, head, body);
    }
}

void publish_node(struct publish *p, const struct frame_node *node)
{
    char buf[FRAME_FIXED_MAX];

    p->node = *node;
    send_to_all(p, span_from(buf, frame_put_node(buf, node)), SPAN_NONE);
}

static void put_secrets(const struct publish *p, char *buf, struct span *head,
                        struct span *body)
{
    *body = secrets_bytes(p->secrets);
    *head = span_from(buf, frame_put_bytes_head(buf, FRAME_SECRETS, body->len));
}

void publish_secrets(struct publish *p, const struct secrets *secrets)
{
    char buf[FRAME_FIXED_MAX];
    struct span head, body;

    p->secrets = secrets;
    put_secrets(p, buf, &head, &body);
    send_to_all(p, head, body);
}

/* ---- keys, and whom to believe ---- */

static void send_kept(struct slot *slot, struct channel_note note, uint16_t type,
                      struct span bytes)
{
    char buf[FRAME_FIXED_MAX];

    note.is_secret = true;
    manager_channel_send(&slot->channel, note,
                         span_from(buf, frame_put_bytes_head(buf, type, bytes.len)), bytes);
}

void publish_bytes(struct publish *p, uint16_t type, struct span bytes)
{
    const struct channel_note note = {++p->seq, true, false};

    MUST(type >= FRAME_SEAL && type <= FRAME_TICKETS);
    p->kept[type - FRAME_SEAL] = bytes;
    for (unsigned i = 0; i < p->supervisor->slots.n; i++) {
        struct slot *slot = &p->supervisor->slots.list[i];

        if (slot_takes_updates(slot))
            send_kept(slot, note, type, bytes);
    }
}

static void send_all_kept(const struct publish *p, struct slot *slot)
{
    const struct channel_note note = {0, true, false};

    for (unsigned i = 0; i < PUBLISH_KEPT_N; i++)
        if (p->kept[i].ptr != NULL)
            send_kept(slot, note, (uint16_t)(FRAME_SEAL + i), p->kept[i]);
}

static void put_authorities(const struct publish *p, char *buf, struct span *head)
{
    *head = span_from(buf, frame_put_bytes_head(buf, FRAME_AUTHORITIES, p->authorities.len));
}

void publish_authorities(struct publish *p, struct span pem)
{
    char buf[FRAME_FIXED_MAX];
    struct span head;

    p->authorities = pem;
    put_authorities(p, buf, &head);
    send_to_all(p, head, pem);
}

/* ---- the access log ---- */

static void send_log(const struct publish *p, struct slot *slot, struct channel_note note)
{
    char buf[FRAME_FIXED_MAX];

    manager_channel_send_fd(&slot->channel, note,
                            span_from(buf, frame_put_log(buf, p->log_way)), p->log_fd);
}

void publish_log(struct publish *p, int fd, uint8_t way)
{
    const struct channel_note note = {++p->seq, true, false};

    p->log_fd = fd;
    p->log_way = way;
    for (unsigned i = 0; i < p->supervisor->slots.n; i++) {
        struct slot *slot = &p->supervisor->slots.list[i];

        if (slot_takes_updates(slot))
            send_log(p, slot, note);
    }
}

void publish_forget_log(struct publish *p)
{
    for (unsigned i = 0; i < p->supervisor->slots.n; i++)
        manager_channel_forget(&p->supervisor->slots.list[i].channel, p->log_fd);
    p->log_fd = -1;
}

/* What most nodes see needs no trial. */
static bool is_untried(const struct server_facts *s)
{
    return s->is_untried && (s->verdict == FACTS_OWN || facts_is_waiting(s));
}

static struct frame_local local_of(const struct server_facts *s)
{
    return (struct frame_local){
        .server_id = s->id,
        .stats_slot = s->stats_slot,
        .flags = (s->is_up ? FRAME_LOCAL_UP : 0U) | (is_untried(s) ? FRAME_LOCAL_UNTRIED : 0U),
    };
}

static size_t put_addrs(char *buf, const struct server_facts *s)
{
    struct frame_addrs found = {.server_id = s->id};
    const struct facts_addr *a;

    TAILQ_FOREACH (a, &s->addrs, entry) {
        if (!a->rule.up)
            found.down |= 1ULL << found.n;
        found.addrs[found.n++] = a->addr;
    }
    return frame_put_addrs(buf, &found);
}

static struct frame_local gone_of(uint64_t server_id)
{
    return (struct frame_local){
        .server_id = server_id,
        .stats_slot = STATS_NO_SLOT,
        .flags = FRAME_LOCAL_GONE,
    };
}

/* The word to cut a server off may be among the updates that the snapshot stands for. */
static void send_all_facts(const struct publish *p, struct slot *slot)
{
    const struct channel_note note = {0, true, false};
    struct server_facts *s = NULL;
    char buf[FRAME_ADDRS_BYTES_MAX];

    while ((s = facts_next(p->facts, s)) != NULL) {
        const bool is_gone = s->removed != NULL && s->leave == LEAVE_CUT;
        struct frame_local local = is_gone ? gone_of(s->id) : local_of(s);

        if (s->removed != NULL && !is_gone)
            continue;
        if (s->leave == LEAVE_CUT && !is_gone)
            local.flags |= FRAME_LOCAL_CUT;
        manager_channel_send(&slot->channel, note, span_from(buf, frame_put_local(buf, &local)),
                             SPAN_NONE);
        if (s->is_named && s->addr_n > 0 && !is_gone)
            manager_channel_send(&slot->channel, note, span_from(buf, put_addrs(buf, s)),
                                 SPAN_NONE);
    }
}

static void drop_snapshot(struct publish *p)
{
    free(p->snapshot);
    p->snapshot = NULL;
    p->snapshot_len = 0;
}

/* Made once for all workers that are attached between two changes, as at the start. */
static struct span get_snapshot(struct publish *p, const struct pool_state *state)
{
    if (p->snapshot != NULL && p->snapshot_index != state->index)
        drop_snapshot(p);
    if (p->snapshot == NULL && pool_snapshot_encode(state, &p->snapshot, &p->snapshot_len) < 0)
        p->snapshot = NULL;
    p->snapshot_index = state->index;
    return span_from(p->snapshot, p->snapshot_len);
}

/* What comes first when all is told anew. */
static void send_node(const struct publish *p, struct slot *slot)
{
    const struct channel_note note = {0, true, false};
    char buf[FRAME_FIXED_MAX];

    manager_channel_send(&slot->channel, note, span_from(buf, frame_put_node(buf, &p->node)),
                         SPAN_NONE);
    if (p->secrets != NULL) {
        struct span head, body;

        put_secrets(p, buf, &head, &body);
        manager_channel_send(&slot->channel, note, head, body);
    }
    send_all_kept(p, slot);
    if (p->authorities.len > 0) {
        struct span head;

        put_authorities(p, buf, &head);
        manager_channel_send(&slot->channel, note, head, p->authorities);
    }
    if (p->log_fd >= 0)
        send_log(p, slot, note);
}

void publish_attach(struct publish *p, struct slot *slot, const struct pool_state *state,
                    const struct frame_hello *hello)
{
    const struct channel_note note = {p->seq, true, false};
    char buf[FRAME_FIXED_MAX];

    if (hello != NULL)
        manager_channel_send(&slot->channel, (struct channel_note){0, false, false},
                             span_from(buf, frame_put_hello(buf, hello)), hello->trusted);
    manager_channel_refresh(&slot->channel);
    slot->attach_seq = p->seq;
    struct span bytes = get_snapshot(p, state);
    slot->attached_ms = loop_now_ms(p->supervisor->slots.loop);
    if (bytes.ptr == NULL) {
        log_warn("out of memory for a snapshot", LOG_U("id", slot->id));
        manager_channel_starve(&slot->channel);
        return;
    }
    /* Settings, sockets and facts first: with the snapshot the worker begins to accept. */
    send_node(p, slot);
    listening_send_all(&p->supervisor->listenings, slot, 0);
    parting_send_all(&p->supervisor->parting, slot);
    send_all_facts(p, slot);
    manager_channel_send(&slot->channel, note,
                         span_from(buf, frame_put_snapshot_head(buf, bytes.len)), bytes);
    manager_channel_attached(&slot->channel);
}

void publish_state(struct publish *p, const struct pool_state *state)
{
    drop_snapshot(p);
    note_digest(p, state);
    p->seq++; /* to be waited for */
    for (unsigned i = 0; i < p->supervisor->slots.n; i++) {
        struct slot *slot = &p->supervisor->slots.list[i];

        if (slot_takes_updates(slot))
            publish_attach(p, slot, state, NULL);
    }
}

void publish_entry(struct publish *p, const struct pool_state *state, struct span entry)
{
    char buf[FRAME_FIXED_MAX];

    drop_snapshot(p);
    note_digest(p, state);
    send_to_all(p, span_from(buf, frame_put_apply_head(buf, state->index, entry.len)), entry);
}

void publish_facts(struct publish *p, const struct server_facts *s)
{
    const struct frame_local local = local_of(s);
    char buf[FRAME_FIXED_MAX];

    send_to_all(p, span_from(buf, frame_put_local(buf, &local)), SPAN_NONE);
}

void publish_pass(struct publish *p, const struct server_facts *s)
{
    struct frame_local local = local_of(s);
    char buf[FRAME_FIXED_MAX];

    local.flags |= FRAME_LOCAL_PASSED;
    send_to_all(p, span_from(buf, frame_put_local(buf, &local)), SPAN_NONE);
}

void publish_addrs(struct publish *p, const struct server_facts *s)
{
    char buf[FRAME_ADDRS_BYTES_MAX];

    if (s->addr_n > 0)
        send_to_all(p, span_from(buf, put_addrs(buf, s)), SPAN_NONE);
}

void publish_cut(struct publish *p, const struct server_facts *s)
{
    struct frame_local local = local_of(s);
    char buf[FRAME_FIXED_MAX];

    local.flags |= FRAME_LOCAL_CUT;
    send_to_all(p, span_from(buf, frame_put_local(buf, &local)), SPAN_NONE);
}

void publish_gone(struct publish *p, uint64_t server_id)
{
    const struct frame_local local = gone_of(server_id);
    char buf[FRAME_FIXED_MAX];

    send_to_all(p, span_from(buf, frame_put_local(buf, &local)), SPAN_NONE);
}

/* ---- who has it ---- */

static bool is_owed(const struct slot *slot, uint64_t seq)
{
    return slot_is_live(slot) && slot->channel.acked_seq < seq;
}

bool publish_is_acked(const struct publish *p, uint64_t seq)
{
    for (unsigned i = 0; i < p->supervisor->slots.n; i++)
        if (is_owed(&p->supervisor->slots.list[i], seq))
            return false;
    return true;
}

static void finish_wait(struct publish_waiter *w)
{
    publish_cancel(w);
    w->fn(w);
}

/* Waiters stand in the order of their sequences. */
static void wake(struct publish *p)
{
    struct publish_waiter *w;

    while ((w = TAILQ_FIRST(&p->waiters)) != NULL && publish_is_acked(p, w->seq))
        finish_wait(w);
}

void publish_on_ack(struct publish *p, struct slot *slot, const struct frame_ack *ack)
{
    const unsigned i = ack->index % PUBLISH_DIGESTS;

    MUST(slot->channel.acked_seq <= p->seq); /* ours, off the frames that it confirms */

    /* Index 0: facts, acknowledged before the snapshot. */
    if (ack->index != 0 && p->digests[i].index == ack->index &&
        p->digests[i].digest != ack->digest) {
        log_error("worker has another pool than the manager", LOG_U("id", slot->id),
                  LOG_U("index", ack->index), LOG_ID("digest", ack->digest),
                  LOG_ID("expected", p->digests[i].digest));
        supervisor_replace(slot, "its digest differs");
    }
    wake(p);
}

void publish_on_exit(struct publish *p)
{
    wake(p);
}

/* What is left of a worker's time: one that got a snapshot meanwhile has its own, and lack of
 * memory is nobody's fault. */
static uint64_t time_left_ms(const struct slot *slot, uint64_t now_ms)
{
    const uint64_t until_ms = slot->attached_ms + PUBLISH_ACK_MS;

    if (manager_channel_is_starved(&slot->channel))
        return PUBLISH_ACK_MS;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* Those who owe it and have had their time are replaced; for the others the waiter goes on. */
static void on_deadline(struct timer *t)
{
    struct publish_waiter *w =
        (struct publish_waiter *)((char *)t - offsetof(struct publish_waiter, timer));
    struct publish *p = w->owner;
    const uint64_t now_ms = loop_now_ms(p->supervisor->slots.loop);
    uint64_t again_ms = 0;

    MUST(p != NULL); /* publish_cancel stops the timer */

    for (unsigned i = 0; i < p->supervisor->slots.n; i++) {
        struct slot *slot = &p->supervisor->slots.list[i];
        const uint64_t left_ms = is_owed(slot, w->seq) ? time_left_ms(slot, now_ms) : 0;

        if (left_ms > again_ms)
            again_ms = left_ms;
        else if (left_ms == 0 && is_owed(slot, w->seq))
            supervisor_replace(slot, "did not acknowledge in time");
    }
    if (again_ms > 0)
        loop_timer_in(p->supervisor->slots.loop, &w->timer, again_ms);
    wake(p);
}

void publish_wait(struct publish *p, struct publish_waiter *w, publish_fn fn)
{
    const struct publish_waiter *last = TAILQ_LAST(&p->waiters, publish_waiters);

    MUST(w->owner == NULL);
    MUST(last == NULL || last->seq <= p->seq); /* wake stops at the first that waits on */
    w->seq = p->seq;
    w->fn = fn;
    w->owner = p;
    timer_init(&w->timer, on_deadline);
    TAILQ_INSERT_TAIL(&p->waiters, w, entry);
    loop_timer_in(p->supervisor->slots.loop, &w->timer, PUBLISH_ACK_MS);
    wake(p);
}

void publish_cancel(struct publish_waiter *w)
{
    if (w->owner == NULL)
        return;
    timer_stop(loop_timers(w->owner->supervisor->slots.loop), &w->timer);
    TAILQ_REMOVE(&w->owner->waiters, w, entry);
    w->owner = NULL;
}
