#include <stdlib.h>

#include "base/fsm.h"
#include "log/log.h"
#include "manager/api_errand.h"
#include "manager/api_int.h"
#include "manager/api_pages.h"
#include "manager/force.h"
#include "manager/manager.h"
#include "manager/upgrade.h"
#include "net/tlsio.h"

enum { SHOWN_BYTES = 1024 };

static const struct fsm_state phases[API_PHASES] = {
    [API_READING] = {"READING", FSM_TO(API_PUT_OFF) | FSM_TO(API_WAITING) |
                                    FSM_TO(API_SENDING) | FSM_TO(API_STREAMING)},
    [API_PUT_OFF] = {"PUT_OFF", FSM_TO(API_WAITING) | FSM_TO(API_SENDING)},
    [API_WAITING] = {"WAITING", FSM_TO(API_READING) | FSM_TO(API_SENDING)},
    [API_SENDING] = {"SENDING", FSM_TO(API_READING)},
    [API_STREAMING] = {"STREAMING", 0},
};
static const struct fsm phase_fsm = {"api", phases, API_PHASES};

/* What a phase means for whoever else wants a place. */
static const enum place_state place_states[API_PHASES] = {
    [API_READING] = PLACE_IDLE,    [API_PUT_OFF] = PLACE_BUSY,   [API_WAITING] = PLACE_BUSY,
    [API_SENDING] = PLACE_SENDING, [API_STREAMING] = PLACE_BUSY, /* it judges by itself who is
                                                                    stuck */
};

void api_note_place(struct api_conn *ac, enum place_state state)
{
    places_move(&ac->api->places, &ac->place, state, loop_now_ms(ac->m->loop));
}

void api_move(struct api_conn *ac, enum api_phase next, const char *why)
{
    api_note_place(ac, place_states[next]);
    fsm_move(&phase_fsm, &ac->phase, next, (uint64_t)(uintptr_t)ac, why);
}

/* ---- connections ---- */

static void free_conn(struct api_conn *ac)
{
    loop_undefer(ac->m->loop, &ac->next_page);
    api_pages_free(ac->pages);
    api_drop_request(ac);
    free(ac->text);
    ac->magic = 0;
    free(ac);
}

static void on_progress(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->stream != NULL)
        ac->stream_ops->on_progress(ac->stream);
    if (ac->phase != API_SENDING)
        return;
    api_note_place(ac, PLACE_SENDING);
    conn_timer_set(c, API_IDLE_MS);
}

static void on_drained(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    on_progress(c);
    if (ac->stream != NULL)
        ac->stream_ops->on_drained(ac->stream);
    if (ac->phase != API_SENDING)
        return;
    if (ac->is_given)
        api_hear_next(ac);
    else
        api_send_more(ac);
}

static void on_unread(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->phase != API_READING || ac->is_in_head || ac->body_len > 0)
        return;
    ac->is_in_head = true;
    conn_timer_set(c, API_HEAD_MS);
}

/* Who waits for a server to drain and ends its side may read on (RFC 9112 section 9.6), or may
 * have left for good, which nobody else would tell for as long as that takes. An interim
 * response (any client may get one: RFC 9110 section 15.2) brings that out: whoever has left
 * answers it with a reset. */
static void on_fin(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->stream != NULL)
        ac->stream_ops->on_fin(ac->stream);
    if (ac->change != NULL && change_is_leaving(ac->change) && ac->knows_1xx)
        api_send_continue(ac);
}

static void on_gone(struct conn *c, int rc)
{
    (void)rc;
    conn_close(c, conn_has_alerted(c) ? CONN_CLOSE_LINGER : CONN_CLOSE_NOW);
}

static void on_timer(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->stream != NULL) {
        ac->stream_ops->on_timer(ac->stream);
        return;
    }
    if (ac->phase == API_PUT_OFF) {
        api_handle(ac);
        return;
    }
    if (conn_is_congested(c) && conn_has_taken(c)) {
        on_progress(c);
        return;
    }
    conn_close(c, ac->phase == API_SENDING ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
}

static void on_closed(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    LIST_REMOVE(ac, entry);
    if (ac->stream != NULL)
        ac->stream_ops->on_closed(ac->stream);
    places_leave(&ac->api->places, &ac->place);
    ac->api->conn_n--;
    if (ac->change != NULL)
        change_end(ac->change); /* it goes on */
    if (ac->awaits_workers)
        publish_cancel(&ac->waiter);
    if (ac->membership != NULL)
        membership_forget(ac->membership); /* so does it */
    if (ac->errand != NULL)
        api_errand_forget(ac->errand);
    vip_move_forget(ac->m, &ac->vip_move); /* and so does that */
    if (ac->awaits_upgrade)
        upgrade_forget(ac->m, ac);
    if (ac->awaits_force)
        force_forget(ac->m, ac);
    fresh_cancel(ac->m, &ac->fresh);
    applied_cancel(ac->m, &ac->applied);
    free_conn(ac);
}

static struct tlsio_context *tls_context(struct conn *c)
{
    return api_conn_of(c)->api->tls.context;
}

/* The handshake is over: whoever had to show a certificate has shown one. */
static void on_open(struct conn *c, int error)
{
    struct api_conn *ac = api_conn_of(c);
    struct tlsio_shown shown;
    char buf[SHOWN_BYTES];

    (void)error;
    ac->is_certified = c->tls != NULL && ac->api->tls.asks_callers &&
                       tlsio_shown(c->tls, buf, sizeof(buf), &shown);
}

static const struct conn_ops api_conn_ops = {
    .tls_context = tls_context,
    .on_open = on_open,
    .on_event = api_on_event,
    .on_gone = on_gone,
    .on_unread = on_unread,
    .on_fin = on_fin,
    .on_progress = on_progress,
    .on_drained = on_drained,
    .on_timer = on_timer,
    .on_closed = on_closed,
};

static bool take_place(struct api *api, bool is_known)
{
    struct place *victim;

    if (!places_make_room(&api->places, is_known, loop_now_ms(api->m->loop), &victim)) {
        log_warn("too many connections to the management API");
        return false;
    }
    if (victim != NULL) {
        struct api_conn *ac =
            (struct api_conn *)((char *)victim - offsetof(struct api_conn, place));

        MUST(ac->magic == API_MAGIC && ac->phase != API_WAITING); /* a change is worked on */
        log_debug("connection to the management API gives way",
                  LOG_U("connections", api->conn_n));
        conn_close(&ac->conn, CONN_CLOSE_NOW);
    }
    return true;
}

static int accept_conn(struct api_conn *ac, const struct api_listener *l, struct accepted *a)
{
    struct conn_shared *shared = &ac->m->shared;

    return l->is_tls ? conn_accept_tls(&ac->conn, shared, &api_conn_ops, a, CODEC_H1,
                                       &codec_limits_request)
                     : conn_accept(&ac->conn, shared, &api_conn_ops, a, CODEC_H1,
                                   &codec_limits_request);
}

static void on_accept(struct sock *s, struct accepted *a)
{
    const struct api_listener *l = (const struct api_listener *)s; /* its first member */
    struct api *api = l->owner;
    const bool is_known = api_auth_is_of_this_machine(accepted_peer(a));

    if (!take_place(api, is_known))
        return;
    struct api_conn *ac = calloc(1, sizeof(*ac));
    if (ac == NULL)
        return;
    ac->magic = API_MAGIC;
    ac->api = api;
    ac->m = api->m;
    ac->next_page.run = api_on_next_page;
    ac->peer = *accepted_peer(a);
    ac->is_metrics = l->is_metrics;
    if (accept_conn(ac, l, a) < 0) {
        free(ac);
        return;
    }
    if (sock_local_addr(&ac->conn.sock, &ac->local) < 0)
        ac->local = l->bound;
    LIST_INSERT_HEAD(&api->conns, ac, entry);
    api->conn_n++;
    places_enter(&api->places, &ac->place, is_known, loop_now_ms(api->m->loop));
    conn_timer_set(&ac->conn, API_HEAD_MS);
}

static void on_listener_closed(struct sock *s)
{
    struct api *api = ((struct api_listener *)s)->owner;

    MUST(api->open_n > 0); /* weldr ends when it is 0 */
    api->open_n--;
}

static const struct sock_ops listener_ops = {
    .on_accept = on_accept,
    .on_closed = on_listener_closed,
};

/* ---- life ---- */

void api_init(struct api *a, struct manager *m)
{
    memset(a, 0, sizeof(*a));
    a->m = m;
    LIST_INIT(&a->conns);
    places_init(&a->places);
    TAILQ_INIT(&a->streams);
}

void api_add_listener(struct api *a, int fd, const struct addr *wanted,
                      const struct addr *bound, enum api_listens how)
{
    struct api_listener *l = &a->listeners[a->listener_n++];

    MUST(a->listener_n <= API_LISTENERS_MAX);
    l->owner = a;
    l->wanted = *wanted;
    l->bound = *bound;
    l->is_metrics = how == API_LISTENS_METRICS;
    l->is_tls = how == API_LISTENS_TLS;
    sock_accept_start(a->m->loop, &l->sock, &listener_ops, fd);
    a->open_n++;
}

/* Before the socket closes: a successor makes its own. */
static void remove_socket_file(struct api *a)
{
    if (a->socket_file.number != 0)
        local_remove(a->m->config->admin_socket, &a->socket_file);
    a->socket_file.number = 0;
}

void api_stop_accepting(struct api *a)
{
    remove_socket_file(a);
    for (unsigned i = 0; i < a->listener_n; i++)
        sock_accept_last(&a->listeners[i].sock);
}

void api_hand_over(struct api *a)
{
    a->socket_file.number = 0;
    api_stop_accepting(a);
}

void api_stop(struct api *a)
{
    struct api_conn *ac, *next;

    remove_socket_file(a);
    for (unsigned i = 0; i < a->listener_n; i++)
        sock_close(&a->listeners[i].sock, false);
    a->listener_n = 0;
    for (ac = LIST_FIRST(&a->conns); ac != NULL; ac = next) {
        next = LIST_NEXT(ac, entry);
        conn_close(&ac->conn, CONN_CLOSE_NOW);
    }
}
