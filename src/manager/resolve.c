/* Out of memory is told by hh.tbl, and not by the end of the program. */
#define HASH_NONFATAL_OOM 1
#include "manager/resolve.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/fault.h"
#include "net/loop.h"

enum { QUERY_TIMEOUT_MS = 2000, QUERY_TRIES = 2, SOCKETS_MAX = 32 };

/* A server's name. Lives until it is removed and its query, which can't be taken back, has
 * ended. */
struct name {
    struct resolve *owner;
    uint64_t server_id;
    char *host;
    uint16_t port;
    bool is_asking, is_removed;
    unsigned failures; /* consecutive */
    unsigned addr_n;   /* 0: never answered */
    struct addr addrs[RESOLVE_ADDRS_MAX];
    struct timer timer;
    UT_hash_handle hh;
};

struct resolve_socket {
    struct loop_watch watch; /* first */
    struct resolve *owner;
    int fd;
    bool is_used;
};

struct resolve {
    struct loop *loop;
    ares_channel channel;
    struct resolve_hooks hooks;
    struct name *names;
    struct timer timer; /* c-ares' own time-outs */
    struct resolve_socket sockets[SOCKETS_MAX];
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size,clang-analyzer-unix.Malloc) */
static struct name *find_name(const struct resolve *r, uint64_t server_id)
{
    struct name *n;

    HASH_FIND(hh, r->names, &server_id, sizeof(server_id), n);
    return n;
}

static int link_name(struct resolve *r, struct name *n)
{
    HASH_ADD(hh, r->names, server_id, sizeof(n->server_id), n);
    return n->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void unlink_name(struct resolve *r, struct name *n)
{
    HASH_DELETE(hh, r->names, n);
}
/* NOLINTEND(readability-function-size,clang-analyzer-unix.Malloc) */

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

static void set_ares_timer(struct resolve *r)
{
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
    set_ares_timer(r);
}

static void on_ares_timer(struct timer *t)
{
    struct resolve *r = (struct resolve *)(void *)((char *)t - offsetof(struct resolve, timer));

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_ares_timer(r);
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

/* ---- answers ---- */

static int compare_addrs(const void *a, const void *b)
{
    const struct addr *x = a;
    const struct addr *y = b;

    if (x->family != y->family) /* IPv4 first */
        return x->family == AF_INET ? -1 : 1;
    return memcmp(x->ip, y->ip, sizeof(x->ip));
}

/* Sorted and each once, so that the order of an answer (which servers rotate) is no change. */
static unsigned read_addrs(const struct ares_addrinfo *info, uint16_t port, struct addr *addrs,
                           uint32_t *ttl_s)
{
    unsigned n = 0;
    unsigned kept = 0;

    *ttl_s = RESOLVE_TTL_MAX_S;
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
         node = node->ai_next) {
        if (n == RESOLVE_ADDRS_MAX)
            break;
        addr_from_sockaddr(node->ai_addr, &addrs[n]);
        addrs[n].port = port;
        n++;
        if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < *ttl_s)
            *ttl_s = (uint32_t)node->ai_ttl;
    }
    if (*ttl_s < RESOLVE_TTL_MIN_S)
        *ttl_s = RESOLVE_TTL_MIN_S;
    qsort(addrs, n, sizeof(*addrs), compare_addrs);
    for (unsigned i = 0; i < n; i++)
        if (kept == 0 || !addr_is_equal(&addrs[kept - 1], &addrs[i]))
            addrs[kept++] = addrs[i];
    return kept;
}

static bool is_same_set(const struct name *n, const struct addr *addrs, unsigned addr_n)
{
    if (n->addr_n != addr_n)
        return false;
    for (unsigned i = 0; i < addr_n; i++)
        if (!addr_is_equal(&n->addrs[i], &addrs[i]))
            return false;
    return true;
}

static void take_answer(struct name *n, const struct ares_addrinfo *info)
{
    struct resolve *r = n->owner;
    struct addr addrs[RESOLVE_ADDRS_MAX] = {0};
    uint32_t ttl_s;
    unsigned addr_n = read_addrs(info, n->port, addrs, &ttl_s);
    bool has_failed = n->failures > 0;

    n->failures = 0;
    loop_timer_in(r->loop, &n->timer, ttl_s * 1000ULL);
    if (!is_same_set(n, addrs, addr_n)) {
        n->addr_n = addr_n;
        memcpy(n->addrs, addrs, addr_n * sizeof(*addrs));
        r->hooks.on_addrs(r->hooks.arg, n->server_id, addrs, addr_n);
    } else if (has_failed) {
        r->hooks.on_recovery(r->hooks.arg, n->server_id);
    }
}

static void take_failure(struct name *n, const char *why)
{
    struct resolve *r = n->owner;
    uint64_t delay_s = n->failures < 6 ? 1ULL << n->failures : RESOLVE_TTL_MAX_S;

    n->failures++;
    loop_timer_in(r->loop, &n->timer, delay_s * 1000);
    r->hooks.on_failure(r->hooks.arg, n->server_id, why, n->addr_n > 0);
}

static void free_name(struct name *n)
{
    timer_stop(loop_timers(n->owner->loop), &n->timer);
    free(n->host);
    free(n);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *n = arg;

    (void)timeouts;
    n->is_asking = false;
    if (n->is_removed)
        free_name(n);
    else if (status == ARES_SUCCESS && info->nodes != NULL)
        take_answer(n, info);
    else if (status != ARES_EDESTRUCTION)
        take_failure(n, status == ARES_SUCCESS ? "no address" : ares_strerror(status));
    if (info != NULL)
        ares_freeaddrinfo(info);
}

static void ask(struct name *n)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT,
    };
    struct resolve *r = n->owner;

    n->is_asking = true;
    ares_getaddrinfo(r->channel, n->host, NULL, &hints, on_answer, n);
    set_ares_timer(r);
}

static void on_turn(struct timer *t)
{
    ask((struct name *)(void *)((char *)t - offsetof(struct name, timer)));
}

/* ---- life ---- */

int resolve_new(struct resolve **out, struct loop *loop, const char *name_servers,
                const struct resolve_hooks *hooks)
{
    struct resolve *r = calloc(1, sizeof(*r));
    struct ares_options options = {
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
    };
    const int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;

    if (r == NULL)
        return WERR_NOMEM;
    r->loop = loop;
    r->hooks = *hooks;
    timer_init(&r->timer, on_ares_timer);
    if (ares_init_options(&r->channel, &options, mask) != ARES_SUCCESS) {
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
    struct name *n, *next;

    if (r == NULL)
        return;
    HASH_ITER (hh, r->names, n, next) {
        resolve_remove(r, n->server_id);
    }
    ares_destroy(r->channel);
    timer_stop(loop_timers(r->loop), &r->timer);
    free(r);
}

int resolve_add(struct resolve *r, uint64_t server_id, const char *host, uint16_t port)
{
    struct name *n = fault_malloc(sizeof(*n));

    if (n == NULL)
        return WERR_NOMEM;
    *n = (struct name){0};
    n->owner = r;
    n->server_id = server_id;
    n->port = port;
    n->host = strdup(host);
    timer_init(&n->timer, on_turn);
    if (n->host == NULL || link_name(r, n) < 0) {
        free_name(n);
        return WERR_NOMEM;
    }
    /* In a turn of its own, since c-ares may answer (from /etc/hosts) before it returns. */
    loop_timer_in(r->loop, &n->timer, 0);
    return 0;
}

void resolve_remove(struct resolve *r, uint64_t server_id)
{
    struct name *n = find_name(r, server_id);

    if (n == NULL)
        return;
    unlink_name(r, n);
    timer_stop(loop_timers(r->loop), &n->timer);
    n->is_removed = true;
    if (!n->is_asking)
        free_name(n);
}
