#include "manager/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "manager/heir.h"
#include "manager/manager.h"
#include "manager/resolve.h"

enum { NAME_ID = 1 }; /* in the resolver of its own */

bool join_is_wanted(const struct manager *m)
{
    return m->config->join_host != NULL && m->data_dir.path != NULL && m->data_dir.is_new;
}

void join_show(struct join *j)
{
    if (join_is_wanted(j->m))
        join_progress_begin(&j->progress);
}

/* ---- flags ---- */

static int refuse(const char *text)
{
    fprintf(stderr, "error: %s\n", text);
    return MANAGER_EXIT_USAGE;
}

static int read_token(struct join *j)
{
    const char *path = j->m->config->join_token_file;
    int rc;

    if (path == NULL)
        return 0;
    rc = secret_file_read(path, &j->token);
    if (rc == 0)
        return 0;
    fprintf(stderr, "error: --join-token-file %s: %s\n", path, werr_text(rc));
    return MANAGER_EXIT_USAGE;
}

/* A directory with a node in it: a unit file may name the join for ever. */
static int pass_over(const struct manager *m)
{
    if (m->config->join_host != NULL)
        log_info("--join plays no part: the directory has a node already",
                 LOG_S("directory", m->data_dir.path));
    return 0;
}

int join_check(struct join *j)
{
    const struct config *c = j->m->config;

    if (j->m->data_dir.path != NULL && !j->m->data_dir.is_new)
        return pass_over(j->m);
    if (c->is_witness && (c->join_host == NULL || j->m->data_dir.path == NULL))
        return refuse("--witness needs --join HOST:PORT and a data directory: a witness votes "
                      "in a cluster of others");
    if (j->m->data_dir.path == NULL)
        return 0;
    if (c->join_host == NULL)
        return 0;
    if (c->join_token == NULL && c->join_token_file == NULL)
        return refuse("--join needs --token TOKEN or --join-token-file FILE: on a member weldr "
                      "cluster token create prints a token");
    if (addr_from_ip(span_from_str(c->join_host), c->join_port, &j->address) < 0)
        j->address.family = 0; /* a name */
    return read_token(j);
}

void join_fill(const struct join *j, struct cluster_options *options)
{
    struct manager *m = j->m;
    const struct config *c = m->config;

    *options = (struct cluster_options){.conns = &m->shared,
                                        .has_listen = c->cluster_ip.family != 0,
                                        .listen = c->cluster_ip,
                                        .version = WELDR_VERSION,
                                        .profile = c->cluster_profile,
                                        .node_key_file = c->node_key_file,
                                        .goes_on = m->heir->is_heir};
    if (!join_is_wanted(m))
        return;
    MUST(j->address.family != 0); /* looked up before */
    options->join = j->address;
    options->is_witness = c->is_witness;
    options->token = c->join_token != NULL ? span_from_str(c->join_token)
                                           : span_trim_lines(secret_file_span(&j->token));
}

void join_forget_token(struct join *j)
{
    char *text = j->m->config->join_token;

    secret_file_free(&j->token);
    j->token = (struct secret_file){0};
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

/* ---- a name ---- */

bool join_needs_name(const struct join *j)
{
    return join_is_wanted(j->m) && j->address.family == 0;
}

static int on_addrs(void *arg, uint64_t id, const struct addr *addrs, unsigned n)
{
    struct join *j = arg;

    (void)id;
    (void)n;
    if (j->address.family != 0)
        return 0;
    j->address = addrs[0];
    loop_timer_in(j->m->loop, &j->timer, 0); /* the resolver ends in a turn of its own */
    return 0;
}

static void on_failure(void *arg, uint64_t id, const char *why, bool has_old)
{
    const struct join *j = arg;

    (void)id;
    (void)has_old;
    log_warn("name of the member to join can't be resolved",
             LOG_S("name", j->m->config->join_host), LOG_S("reason", why));
}

static void on_recovery(void *arg, uint64_t id)
{
    (void)arg;
    (void)id;
}

static const char *refuse_address(void *arg, const struct addr *a)
{
    (void)arg;
    return addr_is_wildcard(a) || addr_is_multicast(a) || addr_is_broadcast(a)
               ? "no address of a node"
               : NULL;
}

static void on_refused(void *arg, uint64_t id, const struct addr *a, const char *why)
{
    char text[ADDR_TEXT_MAX];

    (void)arg;
    (void)id;
    (void)addr_print(a, text);
    log_warn("address of the member to join is passed over", LOG_S("address", text),
             LOG_S("reason", why));
}

static void on_timer(struct timer *t)
{
    struct join *j = (struct join *)((char *)t - offsetof(struct join, timer));

    resolve_free(j->resolve);
    j->resolve = NULL;
    if (j->address.family != 0) {
        j->on_found(j->m);
        return;
    }
    log_error("can't join the cluster: the name of the member can't be resolved",
              LOG_S("name", j->m->config->join_host));
    manager_finish(j->m, MANAGER_EXIT_FAILURE);
}

int join_find(struct join *j)
{
    const struct config *c = j->m->config;
    const struct resolve_hooks hooks = {.on_addrs = on_addrs,
                                        .on_failure = on_failure,
                                        .on_recovery = on_recovery,
                                        .refuse = refuse_address,
                                        .on_refused = on_refused,
                                        .arg = j};
    MUST(j->resolve == NULL && j->address.family == 0);
    int rc = resolve_new(&j->resolve, j->m->loop, c->resolver, &hooks);

    if (rc == 0) {
        loop_timer_in(j->m->loop, &j->timer, JOIN_NAME_MS);
        rc = resolve_add(j->resolve, NAME_ID, c->join_host, c->join_port);
    }
    return rc;
}

/* ---- life ---- */

void join_init(struct join *j, struct manager *m, void (*on_found)(struct manager *m))
{
    *j = (struct join){.m = m, .on_found = on_found};
    timer_init(&j->timer, on_timer);
    join_progress_init(&j->progress, m);
}

void join_fini(struct join *j)
{
    timer_stop(loop_timers(j->m->loop), &j->timer);
    join_progress_end(&j->progress);
    resolve_free(j->resolve);
    j->resolve = NULL;
    join_forget_token(j);
}
