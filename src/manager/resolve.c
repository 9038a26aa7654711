/* Out of memory is told by hh.tbl, and not by the end of the program. */
#define HASH_NONFATAL_OOM 1
#include "manager/resolve.h"

#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "manager/resolve_int.h"

enum { QUERY_TIMEOUT_MS = 2000, QUERY_TRIES = 2, SOCKETS_MAX = 32 };

struct resolve_socket {
    struct loop_watch watch; /* first */
    struct resolve *owner;
    int fd;
    bool is_used;
};

struct resolve {
    struct loop *loop;
    ares_channel channel;
    ares_channel hosts; /* knows the hosts file only, and answers at once */
    struct resolve_hooks hooks;
    struct resolve_name *names;
    struct timer timer;       /* c-ares' own time-outs */
    struct loop_work planned; /* sets it */
    struct resolve_socket sockets[SOCKETS_MAX];
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size,clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference)
 */
static struct resolve_name *find_name(const struct resolve *r, uint64_t server_id)
{
    struct resolve_name *n;

    HASH_FIND(hh, r->names, &server_id, sizeof(server_id), n);
    return n;
}

static int link_name(struct resolve *r, struct resolve_name *n)
{
    HASH_ADD(hh, r->names, server_id, sizeof(n->server_id), n);
    return n->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void unlink_name(struct resolve *r, struct resolve_name *n)
{
    HASH_DELETE(hh, r->names, n);
}
/* NOLINTEND(readability-function-size,clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference)
 */

/* c-ares can look up services too, which Weldr never asks for, and for which a static program
 * would need the C library's plug-ins at run time: so there are none. */
struct servent *getservbyname(const char *name, const char *protocol)
{
    (void)name;
    (void)protocol;
    return NULL;
}

/* NOLINTNEXTLINE(readability-non-const-parameter) the C library's declaration has it so */
int getservbyport_r(int port, const char *protocol, struct servent *entry, char *buf,
                    size_t size, struct servent **found)
{
    (void)port;
    (void)protocol;
    (void)entry;
    (void)buf;
    (void)size;
    *found = NULL;
    return 0;
}

/* ---- c-ares on the loop ---- */

/* Once a turn: c-ares looks at all its queries to tell. */
static void set_ares_timer(struct loop_work *work)
{
    struct resolve *r =
        (struct resolve *)(void *)((char *)work - offsetof(struct resolve, planned));
    struct timeval buffer;
    struct timeval *tv = ares_timeout(r->channel, NULL, &buffer);

    if (tv == NULL)
        timer_stop(loop_timers(r->loop), &r->timer);
    else
        loop_timer_in(r->loop, &r->timer,
                      (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000 + 1);
}

static void on_ready(struct loop_watch *w, bool can_read, bool can_write)
{
    struct resolve_socket *s = (struct resolve_socket *)(void *)w;
    struct resolve *r = s->owner;

    ares_process_fd(r->channel, can_read ? s->fd : ARES_SOCKET_BAD,
                    can_write ? s->fd : ARES_SOCKET_BAD);
    loop_defer(r->loop, &r->planned);
}

static void on_ares_timer(struct timer *t)
{
    struct resolve *r = (struct resolve *)(void *)((char *)t - offsetof(struct resolve, timer));

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    loop_defer(r->loop, &r->planned);
}

/* The socket fd, or (when it is new) a free place; NULL when there is none. */
static struct resolve_socket *find_socket(struct resolve *r, int fd)
{
    struct resolve_socket *free_one = NULL;

    for (int i = 0; i < SOCKETS_MAX; i++) {
        struct resolve_socket *s = &r->sockets[i];

        if (s->is_used && s->fd == fd)
            return s;
        if (!s->is_used)
            free_one = s;
    }
    return free_one;
}

/* c-ares tells what it waits for; both false before it closes the socket. One that finds no
 * place is not watched: its query ends by time-out. */
static void on_socket_state(void *arg, ares_socket_t fd, int read, int write)
{
    struct resolve *r = arg;
    struct resolve_socket *s = find_socket(r, fd);

    if (s == NULL)
        return;
    if (!read && !write) {
        if (s->is_used)
            loop_watch_stop(&s->watch);
        s->is_used = false;
        return;
    }
    if (!s->is_used) {
        s->is_used = true;
        s->fd = fd;
        s->owner = r;
        s->watch.on_ready = on_ready;
        loop_watch_start(r->loop, &s->watch, fd);
    }
    loop_watch_set(&s->watch, read != 0, write != 0);
}

/* ---- one answer ---- */

/* The owner hears of one of those that were left out, and only if it is not the one as before.
 */
static void note_refused(struct resolve_half *h, const struct addr *refused, const char *why)
{
    const struct resolve_hooks *hooks = h->name->hooks;

    if (refused->family != 0 && !addr_is_equal(refused, &h->refused))
        hooks->on_refused(hooks->arg, h->name->server_id, refused, why);
    h->refused = *refused;
}

static unsigned count_nodes(const struct ares_addrinfo *info)
{
    unsigned n = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
         node = node->ai_next)
        n++;
    return n;
}

static uint32_t find_ttl_s(const struct ares_addrinfo *info)
{
    uint32_t ttl_s = RESOLVE_TTL_MAX_S;

    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
         node = node->ai_next)
        if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < ttl_s)
            ttl_s = (uint32_t)node->ai_ttl;
    return ttl_s < RESOLVE_TTL_MIN_S ? RESOLVE_TTL_MIN_S : ttl_s;
}

/* Those that can be used; *why: what speaks against the others. */
static unsigned read_addrs(struct resolve_half *h, const struct ares_addrinfo *info,
                           struct addr *addrs, const char **why)
{
    const struct resolve_hooks *hooks = h->name->hooks;
    struct addr refused = {0};
    unsigned n = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
         node = node->ai_next) {
        addr_from_sockaddr(node->ai_addr, &addrs[n]);
        addrs[n].port = h->name->port;
        const char *refusal = hooks->refuse(hooks->arg, &addrs[n]);
        if (refusal == NULL) {
            n++;
        } else if (refused.family == 0 || resolve_compare_addrs(&addrs[n], &refused) < 0) {
            refused = addrs[n];
            *why = refusal;
        }
    }
    note_refused(h, &refused, *why);
    return resolve_sort_addrs(addrs, n);
}

static void fill_half(struct resolve_half *h, const struct ares_addrinfo *info)
{
    const char *why = "";
    char text[RESOLVE_WHY_MAX];
    struct addr *addrs = malloc(count_nodes(info) * sizeof(*addrs));

    if (addrs == NULL) {
        resolve_half_set(h, HALF_FAILED, werr_text(WERR_NOMEM));
        return;
    }
    unsigned n = read_addrs(h, info, addrs, &why);
    if (n == 0) {
        free(addrs);
        snprintf(text, sizeof(text), "no usable address: %s", why);
        resolve_half_empty(h, text);
        return;
    }
    resolve_half_fill(h, addrs, n, find_ttl_s(info));
}

/* ---- asking ---- */

static void read_answer(struct resolve_half *h, int status, const struct ares_addrinfo *info)
{
    if (status == ARES_SUCCESS && info->nodes != NULL)
        fill_half(h, info);
    else if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND)
        resolve_half_empty(h, status == ARES_SUCCESS ? "no address" : ares_strerror(status));
    else
        resolve_half_set(h, HALF_FAILED, ares_strerror(status));
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolve_half *h = arg;
    struct resolve_name *n = h->name;

    (void)timeouts;
    MUST(h->is_asking); /* a query ends once, and a half has one at a time */
    h->is_asking = false;
    if (n->is_removed) {
        if (!resolve_name_is_asking(n))
            resolve_name_free(n);
    } else if (status != ARES_EDESTRUCTION && !n->is_by_hosts) {
        read_answer(h, status, info);
        resolve_name_settle(n);
    }
    if (info != NULL)
        ares_freeaddrinfo(info);
}

static void ask_name_servers(struct resolve_name *n)
{
    static const int families[HALVES] = {[HALF_V4] = AF_INET, [HALF_V6] = AF_INET6};
    bool is_new[HALVES];

    /* All at once are under way before the first answers, which c-ares may do at once. */
    for (unsigned i = 0; i < HALVES; i++) {
        is_new[i] = !n->halves[i].is_asking;
        n->halves[i].is_asking = true;
    }
    for (unsigned i = 0; i < HALVES; i++) {
        const struct ares_addrinfo_hints hints = {
            .ai_family = families[i],
            .ai_socktype = SOCK_STREAM,
            .ai_flags = ARES_AI_NOSORT,
        };

        if (is_new[i])
            ares_getaddrinfo(n->owner->channel, n->host, NULL, &hints, on_answer,
                             &n->halves[i]);
    }
    loop_defer(n->loop, &n->owner->planned);
}

static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolve_name *n = arg;

    (void)timeouts;
    n->is_by_hosts = status == ARES_SUCCESS && info->nodes != NULL;
    if (n->is_by_hosts) {
        resolve_half_empty(&n->halves[HALF_V6], "");
        fill_half(&n->halves[HALF_V4], info);
    }
    if (info != NULL)
        ares_freeaddrinfo(info);
}

/* Whichever family the file has: it has the name then, and nobody else is asked. It knows no
 * final dot. */
static bool is_in_hosts(struct resolve_name *n)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT,
    };
    char *dot = n->host + strlen(n->host) - 1;
    const char last = *dot;

    if (last == '.')
        *dot = '\0';
    ares_getaddrinfo(n->owner->hosts, n->host, NULL, &hints, on_hosts, n);
    *dot = last;
    return n->is_by_hosts;
}

static void on_turn(struct timer *t)
{
    struct resolve_name *n =
        (struct resolve_name *)(void *)((char *)t - offsetof(struct resolve_name, timer));

    MUST(!n->is_removed); /* its timer was stopped then */
    if (n->is_graced)
        resolve_name_use_answers(n);
    else if (is_in_hosts(n))
        resolve_name_settle(n);
    else
        ask_name_servers(n);
}

/* ---- life ---- */

static int open_channels(struct resolve *r)
{
    char dns[] = "b";
    char file[] = "f";
    struct ares_options options = {
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
        .lookups = dns,
    };
    struct ares_options hosts = {.lookups = file};
    const int mask =
        ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;

    if (ares_init_options(&r->channel, &options, mask) != ARES_SUCCESS)
        return WERR_NOMEM;
    if (ares_init_options(&r->hosts, &hosts, ARES_OPT_LOOKUPS) == ARES_SUCCESS)
        return 0;
    ares_destroy(r->channel);
    return WERR_NOMEM;
}

int resolve_new(struct resolve **out, struct loop *loop, const char *name_servers,
                const struct resolve_hooks *hooks)
{
    struct resolve *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return WERR_NOMEM;
    r->loop = loop;
    r->hooks = *hooks;
    timer_init(&r->timer, on_ares_timer);
    r->planned.run = set_ares_timer;
    if (open_channels(r) < 0) {
        free(r);
        return WERR_NOMEM;
    }
    if (name_servers != NULL &&
        ares_set_servers_ports_csv(r->channel, name_servers) != ARES_SUCCESS) {
        resolve_free(r);
        return WERR_SYNTAX;
    }
    *out = r;
    return 0;
}

void resolve_free(struct resolve *r)
{
    struct resolve_name *n, *next;

    if (r == NULL)
        return;
    HASH_ITER (hh, r->names, n, next) {
        resolve_remove(r, n->server_id);
    }
    ares_destroy(r->channel);
    ares_destroy(r->hosts);
    loop_undefer(r->loop, &r->planned);
    timer_stop(loop_timers(r->loop), &r->timer);
    free(r);
}

int resolve_add(struct resolve *r, uint64_t server_id, const char *host, uint16_t port)
{
    MUST(find_name(r, server_id) == NULL);
    struct resolve_name *n = fault_malloc(sizeof(*n));
    if (n == NULL)
        return WERR_NOMEM;
    *n = (struct resolve_name){0};
    n->owner = r;
    n->loop = r->loop;
    n->hooks = &r->hooks;
    n->server_id = server_id;
    n->port = port;
    n->host = strdup(host);
    for (unsigned i = 0; i < HALVES; i++)
        n->halves[i].name = n;
    timer_init(&n->timer, on_turn);
    if (n->host == NULL || link_name(r, n) < 0) {
        resolve_name_free(n);
        return WERR_NOMEM;
    }
    /* In a turn of its own, since c-ares may answer (from /etc/hosts) before it returns. */
    loop_timer_in(r->loop, &n->timer, 0);
    return 0;
}

void resolve_remove(struct resolve *r, uint64_t server_id)
{
    struct resolve_name *n = find_name(r, server_id);

    if (n == NULL)
        return;
    unlink_name(r, n);
    timer_stop(loop_timers(r->loop), &n->timer);
    n->is_removed = true;
    if (!resolve_name_is_asking(n))
        resolve_name_free(n);
}

bool resolve_has(const struct resolve *r, uint64_t server_id)
{
    return find_name(r, server_id) != NULL;
}
