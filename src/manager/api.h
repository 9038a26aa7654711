/* api.h - the management API: an HTTP/1.1 server on the manager's loop.
 *
 * One struct api_conn for each connection; one request at a time on it. The head decides at
 * once whether the caller may ask (api_auth.h); the body, if any, is collected (up to
 * API_BODY_MAX); then the route's handler runs. It answers with api_respond or api_problem, or
 * starts a change with api_propose: its second half then runs when the change is committed and
 * every live worker has it, with Prefer: wait=applied (applied.h) those of the other nodes too.
 * A client that goes away meanwhile takes its api_conn with it; the
 * change is an object of its own (change.h) and goes on.
 *
 * Phases: READING → (PUT_OFF →) (WAITING →) SENDING → READING …; READING → STREAMING
 * (api_stream.h), to the end of the connection. Owner: the manager; conns free
 * themselves.
 */
#ifndef WELDR_MANAGER_API_H
#define WELDR_MANAGER_API_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/config.h"
#include "config/listen_fds.h"
#include "manager/api_accept.h"
#include "manager/api_auth.h"
#include "manager/api_places.h"
#include "manager/api_query.h"
#include "manager/api_route.h"
#include "manager/api_tag.h"
#include "manager/api_tls.h"
#include "manager/applied.h"
#include "manager/change.h"
#include "manager/event_ring.h"
#include "manager/fresh.h"
#include "manager/membership.h"
#include "manager/vip_view.h"
#include "net/conn.h"
#include "net/local.h"

enum {
    API_BODY_MAX = 1024 * 1024,
    API_LISTENERS_MAX =
        2 * CONFIG_LIST_MAX + 1 + LISTEN_FDS_MAX, /* each address of the configuration, a
                                                     socket, and what a supervisor passes */
    API_BODY_LIST_MAX = 16 * 1024 * 1024,         /* PUT of all servers of a pool */
    API_BODY_SHORT = 8 * 1024,         /* there is always room for one of so many bytes … */
    API_BODIES_MAX = 32 * 1024 * 1024, /* … longer ones have so much in all */
    API_WAITERS_MAX = 256, /* who wait for a server to drain; others are told at once */
    API_HEAD_MS = 5000,    /* from the first byte, or the connection, until the head is whole */
    API_IDLE_MS = 60000,
    API_AGAIN_MS = 20, /* pause of what is put off */
    API_LOCATION_MAX = POOL_HOST_MAX + POOL_NAME_MAX + 48,
    API_ALLOW_MAX = 64
};

struct api_cursor;
struct api_object_kind;
struct api_pages;
struct api_pages_kind;
struct api_stream;
struct ui_body;
struct estate;
struct manager;

enum api_phase {
    API_READING,
    API_PUT_OFF,
    API_WAITING,
    API_SENDING,
    API_STREAMING,
    API_PHASES
};

enum api_access { API_ACCESS_NONE, API_ACCESS_READ, API_ACCESS_ADMIN };

struct api_conn {
    struct conn conn; /* first */
    LIST_ENTRY(api_conn) entry;
    uint32_t magic;
    struct api *api;
    struct manager *m;
    struct addr peer, local; /* family 0: over --admin-socket */
    struct place place;
    uint8_t phase;      /* enum api_phase */
    bool is_metrics;    /* as its listener */
    bool is_certified;  /* its caller has shown a certificate that we trust */
    bool is_in_head;    /* a part of a head is there */
    bool is_given;      /* SENDING: all of the response; some of it waits for the client */
    bool is_head;       /* HEAD: no body in the response */
    bool is_whole;      /* the request was read to its end */
    bool knows_1xx;     /* the client understands 1xx responses */
    bool is_passing;    /* what the response says is over soon: Retry-After */
    bool wants_little;  /* Prefer: return=minimal … */
    bool is_shortened;  /* … and gets it */
    bool wants_applied; /* Prefer: wait=applied … */
    bool has_waited;    /* … and its change was waited for: applied says how that ended */
    bool is_below_v1;   /* and so are the links of its responses */
    bool shows_list;    /* the response is the whole pool, not the server */
    bool awaits_workers;
    bool awaits_upgrade;
    bool awaits_force;
    uint8_t access;   /* enum api_access, of whoever asks */
    bool is_fresh;    /* consistent=true, a change that is judged anew: its wait is over */
    unsigned refusal; /* index into the refusals that the head met; 0: none */
    char method[16];
    char token_name[TOKEN_NAME_MAX + 1]; /* of whoever asks; empty: it has shown none */
    char *target;                        /* NULL between requests */
    struct span path;                    /* in target */
    struct api_query query;
    struct api_match match;
    struct api_conditions conditions;
    struct api_accept accept;
    char last_event_id[EVENT_ID_MAX]; /* Last-Event-ID; empty: none */
    struct api_stream *stream;        /* STREAMING; NULL: none, or its last word was said */
    const struct api_stream_ops *stream_ops;
    char *body;
    size_t body_len, body_cap;
    bool is_secret; /* … holds a private key: it lies where no core file looks */
    /* a change under way */
    struct change *change;         /* NULL: none */
    struct pool_outcome outcome;   /* of the change, once it is committed */
    struct publish_waiter waiter;  /* of api_await_workers */
    struct applied_waiter applied; /* … by the workers of the other nodes */
    struct membership *membership; /* a change of members under way; NULL: none */
    struct errand *errand;         /* to a member; NULL: none */
    struct vip_move vip_move;
    struct fresh_waiter fresh;          /* of consistent=true */
    const struct api_object_kind *kind; /* of a pool, listener or rule */
    char removed[API_LOCATION_MAX];     /* its path */
    void (*then)(struct api_conn *ac);
    /* the response */
    char *text;
    size_t text_len, text_sent;
    struct api_pages *pages;         /* what follows behind the text; NULL: nothing */
    struct loop_work next_page;      /* … or the next request: in the next turn */
    char location[API_LOCATION_MAX]; /* empty: none */
    char allow[API_ALLOW_MAX];
    const struct ui_body *file; /* the response is a file of the dashboard; NULL: it is not */
    uint64_t tag;               /* of what the response shows; 0: none */
    char tag_text[API_TAG_TEXT_MAX];
    char revision[24];
    char missing[APPLIED_TEXT_MAX]; /* members without the change; empty: none */
    char date[32];
};

/* What happens to the connection of a stream, for api_stream.c. */
struct api_stream_ops {
    void (*on_progress)(struct api_stream *st); /* some of what waits was taken */
    void (*on_drained)(struct api_stream *st);
    void (*on_timer)(struct api_stream *st);
    void (*on_fin)(struct api_stream *st);
    void (*on_closed)(struct api_stream *st);
};

struct api_listener {
    struct sock sock;
    struct api *owner;
    struct addr wanted, bound; /* as asked for; family 0: at a path */
    bool is_metrics;           /* GET /metrics for everybody, and nothing else */
    bool is_tls;
    bool is_passed; /* by a supervisor: its successor finds it among those (net/passed.h) */
};

struct api {
    struct manager *m;
    struct api_auth auth;
    struct api_tls tls;
    struct api_listener listeners[API_LISTENERS_MAX];
    unsigned listener_n;
    struct local_file socket_file; /* of --admin-socket; number 0: there is none */
    unsigned open_n;               /* listening sockets not closed yet */
    LIST_HEAD(api_conns, api_conn) conns;
    struct places places;
    TAILQ_HEAD(api_stream_list, api_stream) streams; /* api_stream.h */
    unsigned stream_n;
    unsigned conn_n;
    size_t body_bytes; /* of the bodies that are longer than API_BODY_SHORT */
};

void api_init(struct api *a, struct manager *m);
/* Steps of the start: 0 or the exit code, told in the log. */
int api_listen(struct api *a);
int api_need_token(struct api *a); /* makes one, if some caller needs one */
/* The files with tokens are read again, and the workers told. */
void api_reload_tokens(struct api *a);
/* Takes a listening descriptor and accepts on it. */
enum api_listens { API_LISTENS_CLEAR, API_LISTENS_TLS, API_LISTENS_METRICS };
void api_add_listener(struct api *a, int fd, const struct addr *wanted,
                      const struct addr *bound, enum api_listens how);
/* What a successor takes over from it: sockets, and the token that was generated. WERR_NO_FD
 * …. */
int api_bequeath(struct api *a, struct estate *e) MUST_USE;
/* Takes what waits at its addresses and lets them go; open connections go on. */
void api_stop_accepting(struct api *a);
/* The same for a successor that has the same sockets: the file of --admin-socket stays. */
void api_hand_over(struct api *a);
/* Closes everything; conn_n and open_n are 0 some turns later. */
void api_stop(struct api *a);

/* ---- for handlers ---- */

static inline struct span api_body(const struct api_conn *ac)
{
    return span_from(ac->body, ac->body_len);
}
/* Sends JSON text (malloc'd, taken; NULL: out of memory, 503 instead). */
void api_respond(struct api_conn *ac, unsigned status, char *text);
/* Any other text; type: its Content-Type. */
void api_respond_text(struct api_conn *ac, unsigned status, char *text, const char *type);
/* Sends a file of the dashboard, in that form of it. */
void api_respond_file(struct api_conn *ac, const struct ui_body *file);
/* Sends a list of this kind from the cursor on (copied), page by page if it is long. */
void api_respond_pages(struct api_conn *ac, unsigned status, const struct api_pages_kind *kind,
                       const struct api_cursor *at);
/* What stands before the path of each link of its responses: it stays below the path that it
 * asked below. */
static inline const char *api_base(const struct api_conn *ac)
{
    return ac->is_below_v1 ? "/v1" : "";
}
/* 204. */
void api_respond_nothing(struct api_conn *ac);
/* The same as application/problem+json. */
void api_respond_problem(struct api_conn *ac, unsigned status, char *text);
/* Who asks, for events and log. */
void api_name_caller(const struct api_conn *ac, struct event_by *by);
/* Proposes the command (stays the caller's); then runs when it is committed and every live
 * worker has it, ac->outcome tells what came of it. Failing, the problem is answered. */
void api_propose(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *));
/* What the handler needs is about to come: it runs anew in a moment. */
void api_put_off(struct api_conn *ac);
/* In the second half of a change that takes a server away: then runs when the server has
 * drained, or after the query's timeout. */
void api_await_leaving(struct api_conn *ac, void (*then)(struct api_conn *));

/* then runs when every live worker has what was published so far. */
void api_await_workers(struct api_conn *ac, void (*then)(struct api_conn *));

#define ROUTE(method, pattern, handler, ...) void handler(struct api_conn *ac);
#include "manager/api_routes.def"
#undef ROUTE

#endif
