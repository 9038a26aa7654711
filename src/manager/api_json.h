/* api_json.h - the documents of the management API as JSON text.
 *
 * Handlers give views (plain structs of borrowed values) and get malloc'd, pretty-printed text
 * that ends with a newline; NULL: out of memory. api_json.c is the manager's one file that
 * knows the JSON library and makes the small documents with it. Servers and lists, which can be
 * thousands, api_list.c writes as text: element by element, begin, add, then end, which frees
 * the list whatever happened before. base: what stands before the path of each link
 * (api_links.h). Pure.
 */
#ifndef WELDR_MANAGER_API_JSON_H
#define WELDR_MANAGER_API_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jtext.h"
#include "base/span.h"
#include "manager/api_pick.h"
#include "manager/facts.h"
#include "manager/views.h"
#include "pool/pool_command.h"
#include "stats/stats.h"

struct api_json_problem_view {
    unsigned status;
    struct span title;
    const char *code, *detail, *field; /* field: empty when none is to blame */
};
char *api_json_problem(const struct api_json_problem_view *v);

/* The settings of checks, without a newline at the end. */
char *api_json_check(const struct pool_health *check);

/* What a change would do, in a word or two. */
char *api_json_dry_run(const char *change);

char *api_json_root(const char *version, const char *base);

struct api_json_server_view {
    const struct pool_server *server;
    const char *pool;
    const char *state;
    const char *reason;              /* empty: null */
    bool is_verified;                /* of https: its certificate is */
    uint64_t since_us, transitions;  /* of the state; wall clock */
    const struct facts_addrs *addrs; /* its own, or what its name stands for; NULL: none */
    const struct views_shown *views; /* of the nodes of a cluster; view_n 0: it is none */
    unsigned view_n;
    const struct pool_health *check; /* effective */
    const struct check_result *last; /* NULL: never checked */
    uint64_t in_flight, success, failed;
    uint64_t ejected, ejections;   /* workers that keep it out now; how often so far */
    const uint64_t *drain_left_ms; /* NULL: not on its way out */
};
/* One server as a document: with links to change it and to its pool. */
char *api_json_server(const struct api_json_server_view *v, const char *base);
/* Of http servers, whose host and port no other has: "/servers/127.0.0.1/12345" or
 * "/servers/[::1]/80", in other pools than default below
 * "/pools/NAME". Of https servers "/servers/s-1f". buf of API_JSON_HREF_MAX. */
enum { API_JSON_HREF_MAX = POOL_HOST_MAX + POOL_NAME_MAX + 32 };
void api_json_server_href(const char *pool, const struct pool_server *server, char *buf,
                          size_t size);
/* "/servers", or "/pools/NAME/servers". */
void api_json_servers_href(const char *pool, char *buf, size_t size);

/* A list under way. */
struct api_json_list {
    struct jtext text;
    const char *base;
    char href[API_JSON_HREF_MAX];     /* of the list: the links behind the items */
    const char *more_rel, *more_href; /* … one more of them; NULL: none */
    uint64_t members;                 /* bits, of each server; 0: all (api_pick.h) */
    const char *question, *cursor;    /* that were asked; NULL: none */
    char next[PICK_CURSOR_MAX];       /* where more begins; empty: this is the end */
    bool is_object;                   /* else the items are the document */
    bool can_add;                     /* POST to href adds one */
    bool has_ended;                   /* the items are all in */
    bool has_total;
    uint64_t total;
    const char *mark; /* a member behind the items, and what it says; NULL: none */
    bool is_marked;
    char *check;                /* settings made last: most servers share them */
    struct pool_health made_of; /* what they say */
};
size_t api_json_list_bytes(const struct api_json_list *l);
/* What was added so far, malloc'd; the rest comes with later calls. NULL: out of memory. */
char *api_json_list_page(struct api_json_list *l);
/* href: of the list, "/servers". */
void api_json_servers_begin(struct api_json_list *l, const char *base, const char *href);
void api_json_servers_add(struct api_json_list *l, const struct api_json_server_view *v);
/* The key "total" behind the items: how many there are in all. */
void api_json_servers_total(struct api_json_list *l, uint64_t total);
char *api_json_list_end(struct api_json_list *l);

/* [{"id","ip","port",…}] */
void api_json_detail_begin(struct api_json_list *l);
void api_json_detail_add(struct api_json_list *l, const struct api_json_server_view *v);

/* {"pools":[…],"links":[…]}: of any documents, each made by the functions below (taken). */
void api_json_objects_begin(struct api_json_list *l, const char *base, const char *key,
                            const char *href);
void api_json_objects_add(struct api_json_list *l, char *document);

char *api_json_pool(const struct pool *p, uint64_t revision, const char *base);

struct api_json_bound {
    const struct addr *address;
    const char *state; /* "open" */
    const char *error; /* NULL: none */
};
struct api_json_listener_view {
    const struct listener *listener;
    const struct api_json_bound *bound; /* where this node listens */
    unsigned bound_n;
    uint64_t revision;
};
char *api_json_listener(const struct api_json_listener_view *v, const char *base);
char *api_json_rule(const struct listener *l, const struct rule *rule, uint64_t revision,
                    const char *base);
struct api_json_certificate_view {
    const struct certificate *certificate;
    const struct pool_state *state; /* whose listeners and pools may use it */
    uint64_t wall_us, revision;
    bool is_whole; /* with its chain */
};
char *api_json_certificate(const struct api_json_certificate_view *v, const char *base);
struct vip_view;
struct api_json_vip_view {
    const struct vip *vip;
    const struct vip_view *view;
    uint64_t revision;
};
char *api_json_vip(const struct api_json_vip_view *v, const char *base);
char *api_json_removed(const char *path, const char *base);
/* The node's settings (json of pool_code.h, taken). */
char *api_json_node(char *settings, const char *base);

struct api_json_result {
    const char *word;
    uint64_t n;
};
/* What is counted of a pool or listener. */
struct api_json_counts {
    const char *name;
    const char *const *words; /* of the numbers */
    uint64_t n[16];           /* STATS_LINE */
    unsigned word_n;
};
struct histogram;
struct api_json_stats_view {
    uint64_t client_success, client_failed, server_success, server_failed;
    uint64_t client_connections, client_open, server_connections, server_idle;
    uint64_t requests, in_flight, retries, bad_requests, client_aborts, access_log_lost;
    uint64_t queued_bytes, proxy_refused, explain_refused, forbidden_calls;
    uint64_t certificates_unusable, tls_failures[STATS_TLS_FAILURES];
    uint64_t bytes_in, bytes_out;
    const struct api_json_result *results;
    unsigned result_n;
    const struct histogram *latency_us;
    unsigned workers;
    bool fail_open;
    uint64_t revision;
    uint64_t counting_since_us;                      /* wall clock */
    const struct api_json_counts *pools, *listeners; /* by name */
    unsigned pool_n, listener_n;
};
char *api_json_stats(const struct api_json_stats_view *v, const char *base);

struct api_json_worker_view {
    unsigned id;
    int64_t pid; /* 0: none */
    const char *state;
    uint64_t applied_index, digest;
    uint64_t connections, in_flight;
    uint32_t restarts;
};
void api_json_workers_begin(struct api_json_list *l, const char *base, bool is_witness);
void api_json_workers_add(struct api_json_list *l, const struct api_json_worker_view *v);

/* workers: that serve. */
struct listeners_missing;
struct api_json_health_view {
    const char *status;
    const char *path;              /* that was asked for: "/health", "/ready" */
    unsigned workers, of;          /* that serve */
    unsigned address_n, missing_n; /* of listeners, and those that clients can't reach … */
    const struct listeners_missing *missing; /* … the first shown_n of which are told */
    unsigned shown_n;
};
char *api_json_health(const struct api_json_health_view *v, const char *base);

/* A member of a document that PATCH can't change. */
struct api_json_fixed {
    const char *key;
    const char *why; /* NULL: what it says is of the moment and not compared */
};
struct api_json_fixed_set {
    const struct api_json_fixed *rows; /* the first names the resource */
    unsigned n;
    bool is_whole; /* of a PUT: what equals the document of now is meant all the same */
};
/* body has one of these members. */
bool api_json_has_fixed(struct span body, const struct api_json_fixed_set *fixed);
/* The members of body that are left to be read (api_shown.h). shown: the document of now. */
int api_json_cut_shown(struct span body, const char *shown,
                       const struct api_json_fixed_set *fixed, struct pool_error *error,
                       char **rest) MUST_USE;
/* The body of a request that adds an object, when it is what GET has answered of another one
 * (has an id): without what was told of that. *rest: malloc'd; NULL: the body as it is. */
int api_json_cut_told(struct span body, const struct api_json_fixed_set *fixed,
                      char **rest) MUST_USE;
/* The same of a server: what its check shares with its pool's (as text) it inherits. */
int api_json_cut_inherited(struct span body, const char *check, char **rest) MUST_USE;
/* The body with a member that it may leave out: *whole (malloc'd), or NULL when the body is no
 * JSON object, to be refused as it is. WERR_INVALID: it says something else (code read_only).
 */
int api_json_give_text(struct span body, const char *key, const char *text,
                       struct pool_error *error, char **whole) MUST_USE;
int api_json_give_number(struct span body, const char *key, uint64_t n,
                         struct pool_error *error, char **whole) MUST_USE;

#endif
