#include "manager/manager_main.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/children.h"
#include "log/log.h"
#include "manager/api.h"
#include "manager/api_stream.h"
#include "manager/certificate_files.h"
#include "manager/change.h"
#include "manager/events.h"
#include "manager/expiry.h"
#include "manager/file_watch.h"
#include "manager/first_words.h"
#include "manager/follow.h"
#include "manager/heir.h"
#include "manager/keyring.h"
#include "manager/leaving.h"
#include "manager/listeners.h"
#include "manager/log_opener.h"
#include "manager/manager.h"
#include "manager/membership.h"
#include "manager/names.h"
#include "manager/notify.h"
#include "manager/privileges.h"
#include "manager/servers.h"
#include "manager/start.h"
#include "manager/states.h"
#include "manager/store.h"
#include "manager/upgrade.h"
#include "manager/views.h"
#include "manager/vips_here.h"
#include "manager/worker_env.h"
#include "manager/worker_news.h"
#include "net/listen.h"
#include "net/passed.h"
#include "net/signals.h"
#include "net/tlsio_context.h"

enum { CLOSING_TURNS_MAX = 1000 };

struct house {
    struct manager manager; /* first */
    struct events events;
    struct states states;
    struct views views;
    struct leaving leaving;
    struct listeners listeners;
    struct changes changes;
    struct follow follow;
    struct keyring keyring;
    struct certificate_files certificate_files;
    struct expiry expiry;
    struct file_watch file_watch;
    struct start start;
    struct api api;
    struct log_opener log_opener;
    struct upgrade upgrade;
    struct heir heir;
    struct vips_here vips_here;
    struct notify notify;
    struct timer ready_delay;
    char passed_error[512]; /* why a socket that was passed can't be used; empty: all can */
    bool has_parted;        /* others have the virtual IPs; the lead comes next */
};

static struct house *house_of(struct manager *m)
{
    return (struct house *)m; /* its first member */
}

/* ---- hooks of the workers ---- */

static void on_log_wanted(void *arg)
{
    struct manager *m = arg;

    log_opener_want(&house_of(m)->log_opener, loop_now_ms(m->loop));
}

static void on_all_stopped(void *arg)
{
    upgrade_tell_last(arg);
    log_info("all workers have ended");
    manager_finish(arg, MANAGER_EXIT_OK);
}

/* ---- signals ---- */

static void drain(struct manager *m, const char *why)
{
    manager_move(m, MANAGER_DRAINING, why);
    api_stop_accepting(&house_of(m)->api);
    api_streams_end(&house_of(m)->api, "weldr is shutting down");
    supervisor_drain(&m->supervisor, m->config->drain_timeout_ms);
    vips_here_drain(&house_of(m)->vips_here);
    store_release(m);
    publish_on_exit(&m->publish);
}

/* A successor serves at the same addresses: nobody has to be told. */
static void on_succeeded(struct manager *m)
{
    notify_succeeded(&house_of(m)->notify, m->upgrade->successor.pid);
    manager_move(m, MANAGER_LEAVING, "upgraded");
    vips_here_stop(&house_of(m)->vips_here); /* they are the successor's */
    drain(m, "upgraded");
}

/* Others have the VIPs first: who leads next would wait before it gave them away. */
static void on_ready_delay(struct timer *t)
{
    struct house *h = (struct house *)((char *)t - offsetof(struct house, ready_delay));
    uint64_t more_ms = vips_here_part(&h->vips_here);

    if (more_ms == 0 && !h->has_parted) {
        h->has_parted = true;
        more_ms = membership_give_lead_away(&h->manager, t);
    }
    if (more_ms > 0)
        loop_timer_in(h->manager.loop, t, more_ms);
    else
        drain(&h->manager, "those who had to know have had their time");
}

static void on_stop_signal(struct manager *m, int number)
{
    if (manager_is_leaving(m)) {
        log_warn("ends at once: second signal", LOG_I("signal", number));
        supervisor_kill_all(&m->supervisor);
        publish_on_exit(&m->publish);
        manager_finish(m, MANAGER_EXIT_FAILURE);
        return;
    }
    upgrade_give_up(m, "weldr is told to end");
    manager_move(m, MANAGER_LEAVING, "signal");
    notify_stopping(&house_of(m)->notify, "told to end");
    log_info("shutting down", LOG_I("signal", number),
             LOG_U("ready_delay_ms", m->config->ready_delay_ms),
             LOG_U("drain_timeout_ms", m->config->drain_timeout_ms));
    listenings_stop_deferring(&m->supervisor.listenings);
    loop_timer_in(m->loop, &house_of(m)->ready_delay, 0);
}

/* What the manager is at, then the same of every worker. */
static void dump(struct manager *m)
{
    log_info("manager state", LOG_S("start", start_phase_name(m)),
             LOG_U("revision", m->revision), LOG_U("index", m->pool->index),
             LOG_ID("digest", m->pool->digest), LOG_U("servers", m->pool->server_n),
             LOG_U("leaving_servers", m->facts.leaving_n), LOG_U("probes", m->checks.probes_n),
             LOG_U("api_connections", house_of(m)->api.conn_n),
             LOG_U("workers_running", slots_count(&m->supervisor.slots, SLOT_RUNNING)));
    supervisor_signal(&m->supervisor, SIGUSR1);
}

/* The access log is opened again, if there is one; files with tokens and certificates are read
 * again. */
static void hang_up(struct manager *m)
{
    const bool has_tokens = tokens_have_files(m->config);
    const bool has_certificates =
        m->config->certificate_n > 0 || m->config->admin_certificate != NULL;

    notify_reloading(&house_of(m)->notify);
    api_tls_look(&house_of(m)->api.tls, m->config);
    certificate_files_reload(&house_of(m)->certificate_files);
    if (has_tokens)
        api_reload_tokens(&house_of(m)->api);
    log_opener_reopen(&house_of(m)->log_opener);
    if (m->config->access_log == NULL && !has_tokens && !has_certificates)
        signals_log_ignored(SIGHUP);
    notify_reloaded(&house_of(m)->notify);
}

static void on_child(struct manager *m)
{
    upgrade_reap(m);
    supervisor_reap(&m->supervisor);
    vips_here_reap(&house_of(m)->vips_here);
    if (getpid() == 1)
        children_collect_strangers();
}

static void on_signal(void *arg, int number)
{
    struct manager *m = arg;

    if (number == SIGCHLD)
        on_child(m);
    else if (number == SIGUSR2)
        upgrade_on_signal(m);
    else if (number == SIGUSR1)
        dump(m);
    else if (number == SIGHUP)
        hang_up(m);
    else
        on_stop_signal(m, number);
}

static void on_panic(void *arg)
{
    const struct manager *m = arg;

    log_error("a bug: the manager ends",
              LOG_U("revision", m->pool != NULL ? m->pool->index : 0),
              LOG_U("workers_running", slots_count(&m->supervisor.slots, SLOT_RUNNING)),
              LOG_U("draining", manager_is_draining(m)));
}

/* ---- ready ---- */

static void on_ready(struct manager *m)
{
    heir_say_ready(m);
    first_words_ready(m, &house_of(m)->api);
    notify_ready(&house_of(m)->notify);
}

/* ---- start, in steps: each returns 0 or an exit code ---- */

static int start_loop(struct manager *m)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return manager_fail_start("no randomness", WERR_IO);
    rand_seed(&m->rand, seed);
    m->loop = loop_epoll_new();
    if (m->loop == NULL)
        return manager_fail_start("can't start the loop", werr_from_errno(errno));
    m->started_us = loop_wall_us(m->loop);
    notify_start(&house_of(m)->notify);
    int rc = conn_shared_init(&m->shared, m->loop);
    if (rc < 0)
        return manager_fail_start("can't start", rc);
    conn_set_queue_budget(&m->shared, MANAGER_QUEUES_BYTES);
    bufq_store_wipe(m->shared.store); /* bodies hold private keys */
    rc = tlsio_start();
    if (rc == 0)
        rc = conn_use_tls(&m->shared);
    return rc < 0 ? manager_fail_start("can't start TLS", rc) : 0;
}

static int start_pool(struct manager *m)
{
    m->pool = pool_state_new();
    m->requests = pool_requests_new();
    m->history = pool_history_new();
    if (m->pool == NULL || m->requests == NULL || m->history == NULL)
        return manager_fail_start("can't start", WERR_NOMEM);
    facts_init(&m->facts);
    if (facts_add_pool(&m->facts, pool_default(m->pool)->id) == NULL)
        return manager_fail_start("can't start", WERR_NOMEM);
    (void)stats_slot_take(m->stats, STATS_OF_POOL, pool_default(m->pool)->id);
    (void)stats_slot_take(m->stats, STATS_OF_LISTENER, listener_default(m->pool)->id);
    return 0;
}

/* Files that others write say something else, perhaps. */
static void on_files(void *arg)
{
    struct manager *m = arg;

    certificate_files_look(&house_of(m)->certificate_files);
    api_tls_look(&house_of(m)->api.tls, m->config);
}

static int start_certificates(struct manager *m)
{
    struct house *h = house_of(m);
    const int rc = keyring_init(&h->keyring, m->loop, &m->publish, manager_data_dir(m),
                                m->config->node_key_file);

    if (rc < 0)
        return manager_fail_start("can't make keys", rc);
    m->keyring = &h->keyring;
    m->checks.tls.seal = h->keyring.seal;
    certificate_files_init(&h->certificate_files, m, &h->keyring);
    m->certificate_files = &h->certificate_files;
    expiry_init(&h->expiry, m);
    file_watch_init(&h->file_watch, m->loop, on_files, m);
    certificate_files_watch(&h->certificate_files, &h->file_watch);
    api_tls_watch(m->config, &h->file_watch);
    return 0;
}

/* Settings of the node, as they are at its start. */
static void set_node(struct manager *m)
{
    const struct setting *queue =
        settings_find_path(&node_settings_table, "limits.queue_bytes");

    settings_init(&node_settings_table, &m->node);
    m->node.workers = m->worker_n;
    m->node.queue_bytes =
        machine_queue_bytes(&m->machine, m->worker_n, queue->initial, queue->min);
    m->node.log_level = (uint32_t)log_level_now;
    machine_tell(&m->machine, m->worker_n, m->node.queue_bytes);
}

static int start_rooms(struct manager *m)
{
    struct house *h = house_of(m);
    const int rc = events_init(&h->events, m);

    if (rc < 0)
        return manager_fail_start("can't start", rc);
    states_init(&h->states, m);
    views_init(&h->views, m);
    leaving_init(&h->leaving, m);
    listeners_init(&h->listeners, m);
    changes_init(&h->changes, m);
    follow_init(&h->follow, m);
    set_node(m);
    publish_init(&m->publish, &m->supervisor, &m->facts, m->pool);
    publish_node(&m->publish, &(struct frame_node){.queue_bytes = m->node.queue_bytes,
                                                   .log_level = m->node.log_level});
    checks_init(&m->checks, &m->shared, m->pool, rand_u64(&m->rand), m->fd_limit);
    m->checks.tls.bundle = &m->authorities;
    servers_watch_health(m);
    return start_certificates(m);
}

static int start_supervisor(struct manager *m)
{
    struct supervisor_hooks hooks = worker_news_hooks(m);

    hooks.on_log_wanted = on_log_wanted;
    hooks.on_all_stopped = on_all_stopped;
    const int rc = supervisor_init(&m->supervisor, m->loop, &hooks, m->worker_n);

    if (rc < 0)
        return manager_fail_start("can't start the supervisor", rc);
    m->stats = stats_new(CONFIG_WORKERS_MAX, &m->supervisor.stats_fd);
    if (m->stats == NULL)
        return manager_fail_start("can't make the statistics segment", werr_from_errno(errno));
    stats_use(m->stats, m->worker_n);
    m->supervisor.slots.stats = m->stats;
    return 0;
}

/* Each queue that a supervisor has passed belongs to a slot, whatever the number of workers. */
static int start_passed(struct manager *m)
{
    _Static_assert((int)PASSED_MAX <= (int)CONFIG_WORKERS_MAX, "there are so many slots");
    const int rc = supervisor_add_slots(&m->supervisor, passed_most());

    first_words_passed();
    return rc < 0 ? manager_fail_start("can't start the supervisor", rc) : 0;
}

static int start_listening(struct manager *m)
{
    struct api *api = &house_of(m)->api;
    /* Addresses of a description that is kept are bound when it has been read. */
    int code = start_has_description(m) ? 0 : listeners_open_proxy(m);

    if (code == 0)
        code = api_listen(api);
    if (code == 0)
        code = api_need_token(api);
    publish_secrets(&m->publish, &api->auth.tokens.secrets);
    return code;
}

static int start_names(struct manager *m)
{
    const int rc = names_start(m);

    if (rc != WERR_SYNTAX)
        return rc < 0 ? manager_fail_start("can't start the resolver", rc) : 0;
    fprintf(stderr, "error: %s %s: must be addresses of name servers: A:P,A:P\n",
            m->config->resolver_source, m->config->resolver);
    return MANAGER_EXIT_USAGE;
}

static int start_signals(struct manager *m)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, 0};
    const int rc = signals_start(m->loop, numbers, on_signal, m);

    return rc < 0 ? manager_fail_start("can't watch signals", rc) : 0;
}

static int start_worker_env(struct manager *m)
{
    int rc = worker_env_set(m->config);

    if (rc == WERR_NOT_FOUND || rc == WERR_DENIED) {
        fprintf(stderr, "error: --user %s: %s\n", m->config->user,
                rc == WERR_NOT_FOUND
                    ? "there is no such user"
                    : "only root may start workers as another user, where the user "
                      "namespace has that user");
        return MANAGER_EXIT_USAGE;
    }
    if (rc == 0)
        rc = log_opener_start(&house_of(m)->log_opener, &m->publish, m->config->access_log);
    if (rc == 0)
        return 0;
    fprintf(stderr, "error: can't open the access log %s: %s\n", m->config->access_log,
            werr_text(rc));
    return rc == WERR_NO_FD || rc == WERR_NOMEM ? manager_exit_code(rc) : MANAGER_EXIT_USAGE;
}

/* After the addresses are bound, and who holds virtual IPs was started. */
static int start_giving_up(struct manager *m)
{
    vips_here_init(&house_of(m)->vips_here, m);
    vips_here_start(m->vips_here, m->supervisor.exe_fd);
    const int rc = privileges_give_up();

    return rc < 0 ? manager_fail_start("can't give up privileges", rc) : 0;
}

static int start(struct manager *m)
{
    static int (*const steps[])(struct manager * m) = {
        start_loop,       heir_receive,      start_supervisor, heir_add_slots,
        start_passed,     store_open,        start_pool,       start_rooms,
        heir_furnish,     start_make_engine, start_signals,    start_check_flags,
        start_names,      start_worker_env,  start_listening,  start_giving_up,
        start_run_engine,
    };
    int code = 0;

    for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        code = steps[i](m);
    return code;
}

/* ---- end ---- */

static bool is_quiet(const struct house *h)
{
    const struct manager *m = &h->manager;

    for (unsigned i = 0; i < m->supervisor.slots.n; i++)
        if (m->supervisor.slots.list[i].channel.is_open)
            return false;
    return h->api.conn_n == 0 && h->api.open_n == 0 && m->checks.open_n == 0;
}

/* Closing has two phases: some more turns until nothing is open. */
static void close_all(struct house *h)
{
    struct manager *m = &h->manager;

    vips_here_stop(&h->vips_here);
    supervisor_kill_all(&m->supervisor);
    publish_on_exit(&m->publish);
    upgrade_fini(&h->upgrade);
    heir_fini(&h->heir);
    if (m->cluster != NULL)
        m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    start_fini(&h->start);
    certificate_files_fini(&h->certificate_files);
    changes_fini(&h->changes);
    listeners_fini(&h->listeners);
    leaving_fini(&h->leaving);
    states_fini(&h->states);
    views_fini(&h->views);
    follow_fini(&h->follow);
    servers_end_checks(m);
    file_watch_fini(&h->file_watch);
    expiry_fini(&h->expiry);
    names_stop(m);
    signals_stop();
    api_stop(&h->api);
    for (unsigned i = 0; i < CLOSING_TURNS_MAX && !is_quiet(h); i++)
        (void)loop_turn(m->loop, 0);
}

/* As far as start got. */
static void stop(struct house *h)
{
    struct manager *m = &h->manager;

    notify_stopping(&h->notify, "ends");
    if (m->publish.supervisor != NULL) {
        close_all(h);
        log_opener_end(&h->log_opener);
        api_tls_fini(&h->api.tls);
        seal_memory_free(h->api.auth.tokens.generated);
        keyring_fini(&h->keyring);
        publish_fini(&m->publish);
        facts_fini(&m->facts);
    }
    checks_fini(&m->checks);
    ca_bundle_fini(&m->authorities);
    events_fini(&h->events);
    pool_state_free(m->pool);
    pool_requests_free(m->requests);
    pool_history_free(m->history);
    if (m->stats != NULL)
        stats_free(m->stats);
    if (m->supervisor.slots.list != NULL)
        supervisor_fini(&m->supervisor);
    if (m->shared.loop != NULL)
        conn_shared_fini(&m->shared);
    notify_fini(&h->notify);
    if (m->loop != NULL)
        loop_free(m->loop);
    passed_end();
    data_dir_close(&m->data_dir);
}

static int run(struct house *h)
{
    struct manager *m = &h->manager;
    char error[512];

    const int rc = origin_note(&h->upgrade.origin, m->config->argv, environ);

    notify_init(&h->notify, m, h->heir.is_heir);
    if (rc < 0)
        return manager_fail_start("can't start", rc);
    if (h->passed_error[0] != '\0') {
        fprintf(stderr, "error: %s\n", h->passed_error);
        return MANAGER_EXIT_USAGE;
    }
    h->api.auth.is_required = m->config->admin_token_is_required;
    if (tokens_load(&h->api.auth.tokens, m->config, error, sizeof(error)) < 0) {
        fprintf(stderr, "error: %s\n", error);
        return MANAGER_EXIT_USAGE;
    }
    int code = start(m);
    while (code == 0 && !m->is_done)
        (void)loop_turn(m->loop, -1);
    return code;
}

/* An heir is passed what its predecessor was, and not by the environment that came along. */
static void receive_passed(struct house *h)
{
    if (h->heir.is_heir)
        passed_forget_variables();
    else if (passed_receive(h->passed_error, sizeof(h->passed_error)) < 0)
        MUST(h->passed_error[0] != '\0'); /* nothing is short yet: no other error */
}

int manager_main(const struct config *config)
{
    static const struct upgrade_hooks hooks = {api_bequeath, api_hand_over, on_succeeded};
    struct house *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return MANAGER_EXIT_FAILURE;
    struct manager *m = &h->manager;

    heir_init(&h->heir, m);
    receive_passed(h); /* descriptors by number: before anything is opened */
    log_init("manager", -1, (enum log_level)config->log_level);
    first_words_warn();
    m->fd_limit = listen_raise_fd_limit();
    werr_set_panic_hook(on_panic, m);
    m->config = config;
    machine_look(&m->machine, MACHINE_CGROUP_FILE, MACHINE_CGROUP_ROOT);
    m->worker_n = machine_workers(&m->machine, config->workers);
    timer_init(&h->ready_delay, on_ready_delay);
    start_init(&h->start, m, on_ready);
    listeners_note_own(m);
    api_init(&h->api, m);
    h->log_opener.fd = -1;
    upgrade_init(&h->upgrade, m, &h->api, &hooks);
    const int code = run(h);

    werr_set_panic_hook(NULL, NULL); /* which looks at what stop gives back */
    stop(h);
    const int exit_code = code != 0 ? code : m->exit_code;

    free(h);
    return exit_code;
}
