#include "manager/start.h"

#include <stdio.h>
#include <string.h>

#include "base/fsm.h"
#include "log/log.h"
#include "manager/certificate_files.h"
#include "manager/change.h"
#include "manager/events.h"
#include "manager/heir.h"
#include "manager/keyring.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/restore.h"
#include "manager/servers.h"
#include "manager/store.h"
#include "manager/upgrade_hook.h"
#include "manager/views.h"
#include "manager/vips_here.h"
#include "pool/pool_code.h"

static const struct fsm_state phases[START_PHASES] = {
    [START_RESTORE] = {"RESTORE", FSM_TO(START_REPLAY) | FSM_TO(START_SETTLE)},
    [START_REPLAY] = {"REPLAY", FSM_TO(START_SETTLE)},
    [START_SETTLE] = {"SETTLE", FSM_TO(START_WORKERS)},
    [START_WORKERS] = {"WORKERS", FSM_TO(START_CERTIFICATES)},
    [START_CERTIFICATES] = {"CERTIFICATES", FSM_TO(START_LISTENERS)},
    [START_LISTENERS] = {"LISTENERS", FSM_TO(START_FLAGS)},
    [START_FLAGS] = {"FLAGS", FSM_TO(START_READY)},
    [START_READY] = {"READY", 0},
};
static const struct fsm phase_fsm = {"start", phases, START_PHASES};

static void move(struct manager *m, enum start_phase next, const char *why)
{
    log_debug("start goes on", LOG_S("from", start_phase_name(m)),
              LOG_S("to", fsm_name(&phase_fsm, next)), LOG_S("why", why));
    fsm_move(&phase_fsm, &m->start->phase, next, 0, why);
}

const char *start_phase_name(const struct manager *m)
{
    return fsm_name(&phase_fsm, m->start->phase);
}

bool start_has_description(const struct manager *m)
{
    return heir_has_snapshot(m) ||
           (m->data_dir.path != NULL && (!m->data_dir.is_new || join_is_wanted(m)));
}

bool start_is_ready(const struct manager *m)
{
    return m->start->phase == START_READY;
}

static void fail(struct manager *m, const char *what, int rc)
{
    manager_finish(m, manager_fail_start(what, rc));
}

/* ---- READY ---- */

/* In the order in which they are proposed. */
static unsigned listeners_from(const struct manager *m)
{
    return m->config->certificate_n;
}

static unsigned servers_from(const struct manager *m)
{
    return listeners_from(m) + (m->start->was_stored ? 0 : m->config->ip_n);
}

static unsigned flags_n(const struct manager *m)
{
    return servers_from(m) + (m->start->was_stored ? 0 : m->config->server_n);
}

void start_note_worker(struct manager *m)
{
    if (m->start->phase != START_FLAGS || m->start->flag_n < flags_n(m) ||
        slots_count(&m->supervisor.slots, SLOT_RUNNING) < m->worker_n ||
        !publish_is_acked(&m->publish, m->start->seq))
        return;
    move(m, START_READY, "the workers have it all");
    m->start->on_ready(m);
}

/* ---- CERTIFICATES, LISTENERS, FLAGS ---- */

static int refuse_server(const struct manager *m, const char *url,
                         const struct pool_error *error)
{
    fprintf(stderr, "error: %s %s: %s\n", m->config->server_source, url, error->detail);
    return MANAGER_EXIT_USAGE;
}

/* The URL goes the way of an API body, so that the same rules hold. */
static int make_command(struct manager *m, const char *url, struct pool_command *c)
{
    struct pool_error refusal;

    pool_command_init(c, POOL_ADD_SERVER);
    int rc = pool_check_url(span_from_str(url), &c->server, &refusal);
    if (rc == 0)
        rc = pool_check(m->pool, c, &refusal);
    if (rc == 0)
        rc = own_address_check(&m->own, &c->server, &refusal);
    if (rc == 0)
        rc = ca_bundle_check(&m->authorities, m->pool, c, &refusal);
    if (rc == 0)
        return 0;
    pool_command_fini(c);
    if (rc == WERR_NOMEM)
        return manager_fail_start("can't add a server", rc);
    return refuse_server(m, url, &refusal);
}

int start_check_flags(struct manager *m)
{
    const int wrong = certificate_files_check(m->certificate_files);

    if (wrong != 0)
        return wrong;
    for (unsigned i = 0; i < m->config->server_n; i++) {
        struct pool_command c;
        const int code = make_command(m, m->config->server[i], &c);

        if (code != 0)
            return code;
        pool_command_fini(&c);
    }
    return 0;
}

static void propose_flags(struct manager *m);

/* Another node that leads has flags of its own. */
static bool is_led_by_another(const struct manager *m)
{
    struct cluster_member leader;

    return m->cluster != NULL && m->cluster->ops->leader(m->cluster, &leader) &&
           !leader.is_self;
}

/* What the log says of the one that is under way. */
static struct log_pair what(const struct manager *m)
{
    const unsigned n = m->start->flag_n;

    if (n < listeners_from(m))
        return LOG_S("certificate", m->config->certificate[n]);
    return n < servers_from(m) ? LOG_S("flag", "--ip")
                               : LOG_S("server", m->config->server[n - servers_from(m)]);
}

/* What can't be added then. */
static const char *failed(const struct manager *m)
{
    switch (m->start->phase) {
    case START_CERTIFICATES:
        return "can't add a certificate";
    case START_LISTENERS:
        return "can't add a listener";
    default:
        return "can't add a server";
    }
}

/* Done with this one? */
static bool take_end(struct manager *m, int rc)
{
    if (rc == 0)
        return true;
    if (rc == WERR_NOT_LEADER && is_led_by_another(m)) {
        log_warn("what a flag names is not added: another node leads", what(m));
        return true;
    }
    if (rc == WERR_HALTED) {
        log_warn("what a flag names is not added: this node has halted", what(m));
        return true;
    }
    if (rc == WERR_NOT_LEADER || rc == WERR_OUTCOME_UNKNOWN) {
        log_warn("what a flag names can't be added yet", what(m),
                 LOG_S("error", werr_text(rc)));
        loop_timer_in(m->loop, &m->start->timer, START_AGAIN_MS);
    } else if (rc != WERR_SHUTTING_DOWN) {
        fail(m, failed(m), rc);
    }
    return false;
}

static void on_flag(struct change *ch)
{
    struct manager *m = ch->waiter;

    MUST(m->start->flag_n < flags_n(m)); /* one is under way at a time */
    const int rc = ch->error < 0 ? ch->error : ch->outcome.result;

    change_end(ch);
    if (!take_end(m, rc))
        return;
    m->start->flag_n++;
    if (!m->start->is_proposing)
        propose_flags(m);
}

/* Takes the command. */
static void propose(struct manager *m, struct pool_command *c)
{
    struct change *ch;

    pool_by_set(c->by.request, sizeof(c->by.request), SPAN("a flag of the start"));
    const int rc = change_new(m, c, &ch);

    pool_command_fini(c);
    if (rc < 0) {
        fail(m, "can't start", rc);
        return;
    }
    ch->at_commit = true; /* start_note_worker waits for the workers */
    change_propose(ch, on_flag, m);
}

static void propose_certificate(struct manager *m)
{
    struct pool_command c;
    const int rc = certificate_files_command(m->certificate_files, m->start->flag_n, &c);

    if (rc == 0)
        propose(m, &c);
    else
        fail(m, failed(m), rc);
}

static void propose_listener(struct manager *m)
{
    struct pool_command c;

    if (listeners_flag_command(m, m->start->flag_n - listeners_from(m), &c))
        propose(m, &c);
    else
        m->start->flag_n++;
}

static void propose_server(struct manager *m)
{
    struct pool_command c;
    const int code = make_command(m, m->config->server[m->start->flag_n - servers_from(m)], &c);

    if (code == 0)
        propose(m, &c);
    else
        manager_finish(m, code);
}

/* Is the phase over with so many done? */
static void go_on(struct manager *m, unsigned done)
{
    if (m->start->phase == START_CERTIFICATES && done == listeners_from(m))
        move(m, START_LISTENERS, "the certificates are there");
    if (m->start->phase == START_LISTENERS && done == servers_from(m)) {
        listeners_end_flags(m);
        move(m, START_FLAGS, "the listeners are there");
    }
}

/* In their order; without recursion, for they are many and may be committed at once. */
static void propose_flags(struct manager *m)
{
    unsigned before;

    m->start->is_proposing = true;
    do {
        before = m->start->flag_n;
        go_on(m, before);
        if (m->start->phase == START_CERTIFICATES)
            propose_certificate(m);
        else if (m->start->phase == START_LISTENERS)
            propose_listener(m);
        else if (before < flags_n(m))
            propose_server(m);
    } while (m->start->flag_n > before);
    m->start->is_proposing = false;
    m->start->seq = m->publish.seq;
    start_note_worker(m);
}

/* ---- WORKERS ---- */

/* Flags describe a first start; what became of that since then is stored. */
static int look_at_stored(struct manager *m)
{
    m->start->was_stored = heir_has_snapshot(m);
    if (manager_data_dir(m) == NULL)
        return 0;
    MUST(!m->data_dir.is_new); /* the engine has settled it */
    m->start->was_stored = m->cluster->ops->index(m->cluster) > 0;
    if (m->start->was_stored) {
        log_info("the description is the stored one: --ip, --server and other flags of a first "
                 "start play no part",
                 LOG_S("directory", m->data_dir.path), LOG_U("revision", m->revision));
        return 0;
    }
    return TAILQ_EMPTY(&m->supervisor.listenings.list) ? listeners_open_proxy(m) : 0;
}

/* A witness votes, and serves nobody. Known only now: the member file says it. */
static int dismiss_workers(struct manager *m)
{
    const int rc = supervisor_resize(&m->supervisor, 0, 0);

    if (rc < 0)
        return manager_fail_start("can't do without workers", rc);
    m->worker_n = m->node.workers = 0;
    log_always("this node is a witness: it votes, runs no workers and listens for no clients");
    return 0;
}

static int settle_workers(struct manager *m)
{
    if (members_is_witness(m->cluster)) {
        vip_link_stop(&m->vips_here->link); /* it never holds any */
        return dismiss_workers(m);
    }
    if (m->config->is_witness)
        log_warn("--witness plays no part: the directory has a node that serves",
                 LOG_S("directory", m->data_dir.path));
    return 0;
}

/* The flags right behind: what is committed at once reaches the workers with their snapshot. */
static void start_workers(struct manager *m, const char *why)
{
    timer_stop(loop_timers(m->loop), &m->start->timer);
    if (manager_is_leaving(m))
        return;
    join_progress_end(&m->start->join.progress);
    move(m, START_WORKERS, why);
    int code = settle_workers(m);
    if (code == 0)
        code = look_at_stored(m);
    if (code != 0) {
        manager_finish(m, code);
        return;
    }
    int rc = supervisor_start(&m->supervisor);
    if (rc < 0) {
        manager_finish(m, manager_exit_code(rc));
        return;
    }
    move(m, START_CERTIFICATES, "they are started");
    propose_flags(m);
}

/* ---- SETTLE ---- */

static void on_timer(struct timer *t)
{
    struct start *s = (struct start *)((char *)t - offsetof(struct start, timer));
    struct manager *m = s->m;

    if (s->phase > START_WORKERS) {
        propose_flags(m);
        return;
    }
    log_warn("no node leads the cluster: requests are served with what is stored here");
    start_workers(m, "nobody leads");
}

/* What is kept is closed with the cluster's key. */
static void on_key(void *arg, const unsigned char *key)
{
    keyring_take(((struct manager *)arg)->keyring, key);
}

/* What was so when it started is no news. */
static void look_at_members(struct manager *m)
{
    if (!force_is_again(m)) /* else the log tells of members that were */
        members_look(m, &m->start->members, m->start->phase >= START_WORKERS);
}

static void on_members(void *arg)
{
    look_at_members(arg);
}

/* A member that was removed goes on serving requests with the description that it has, or
 * begins to: it may hear of that when it has just been started again. */
static void on_lost(void *arg, int error, struct span why)
{
    struct manager *m = arg;

    if (members_was_removed(m->cluster)) {
        log_error("this node is no member of the cluster any more: it serves requests with "
                  "what it knows, and takes no changes",
                  LOG_B("reason", why),
                  LOG_S("next", "start it again with --join and a new token"));
        look_at_members(m);
        memberships_note_lost(m);
        return;
    }
    log_error("can't join the cluster", LOG_B("reason", why), LOG_S("error", werr_text(error)));
    manager_finish(m, MANAGER_EXIT_FAILURE);
}

static void on_role(void *arg, enum cluster_role role)
{
    static const char *const words[] = {[CLUSTER_FOLLOWER] = "follower",
                                        [CLUSTER_CANDIDATE] = "candidate",
                                        [CLUSTER_LEADER] = "leader"};
    struct manager *m = arg;

    log_debug("role in the cluster", LOG_S("role", words[role]));
    look_at_members(m);
    if (m->start->phase == START_SETTLE && role != CLUSTER_CANDIDATE)
        start_workers(m, "the cluster has a leader");
}

/* It may say so while it starts, before anything is described. */
static void on_vips(void *arg)
{
    struct manager *m = arg;

    if (m->vips_here != NULL)
        vips_here_on_vips(m->vips_here);
}

static void on_settled(void *arg)
{
    struct manager *m = arg;

    if (force_is_again(m)) {
        force_note_settled(m);
        look_at_members(m);
        return;
    }
    m->events->is_replaying = false;
    look_at_members(m); /* it may have halted meanwhile */
    hints_begin(m);
    counters_begin(m);
    sampler_begin(m);
    on_vips(m);
    move(m, START_SETTLE, "what was stored is here");
    if (m->cluster->ops->role(m->cluster) != CLUSTER_CANDIDATE)
        start_workers(m, "the cluster has a leader");
    else
        loop_timer_in(m->loop, &m->start->timer, START_SETTLE_MS);
}

/* ---- RESTORE, REPLAY ---- */

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    struct manager *m = arg;

    if (force_knows(m, index))
        return 0;
    const int rc = servers_on_restore(m, index, bytes);

    if (rc == 0 && m->start->phase == START_RESTORE)
        move(m, START_REPLAY, "a snapshot was restored");
    if (rc < 0 && rc != WERR_NOMEM)
        log_error("snapshot can't be restored", LOG_U("index", index),
                  LOG_S("error", werr_text(rc)));
    return rc;
}

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    struct manager *m = arg;

    if (force_knows(m, index))
        return 0;
    if (m->start->phase == START_RESTORE)
        move(m, START_REPLAY, "there is no snapshot");
    return servers_on_commit(m, index, entry);
}

static uint8_t level_of(void *arg, struct span entry)
{
    (void)arg;
    return pool_code_level(entry);
}

static void on_shared(void *arg, uint64_t from, struct span bytes)
{
    if (!applied_on_shared(arg, from, bytes))
        views_on_shared(arg, from, bytes);
}

static int make_engine(struct manager *m)
{
    const struct cluster_hooks hooks = {
        .on_commit = on_commit,
        .level_of = level_of,
        .on_snapshot = force_on_snapshot,
        .on_restore = on_restore,
        .on_role = on_role,
        .on_settled = on_settled,
        .on_key = on_key,
        .on_members = on_members,
        .on_lost = on_lost,
        .on_shared = on_shared,
        .on_order = upgrade_hook_on_order,
        .on_reach = views_on_reach,
        .on_vips = on_vips,
        .arg = m,
    };
    struct data_dir *dir = manager_data_dir(m);
    struct cluster_options options;

    MUST(m->cluster == NULL); /* one at a time */
    join_fill(&m->start->join, &options);
    const int rc =
        cluster_new(m->loop, dir, dir != NULL ? &options : NULL, &hooks, &m->cluster);
    join_forget_token(&m->start->join);
    if (rc == 0 && heir_has_snapshot(m) && strcmp(m->cluster->ops->name, "solo") == 0)
        heir_give_snapshot(m);
    return rc < 0 ? manager_fail_start("can't make the cluster's engine", rc) : 0;
}

int start_make_engine(struct manager *m)
{
    const int code = join_check(&m->start->join);

    if (code != 0 || join_needs_name(&m->start->join))
        return code;
    return make_engine(m);
}

static int run_engine(struct manager *m)
{
    if (strcmp(m->cluster->ops->name, "solo") != 0)
        log_info("engine of the cluster", LOG_S("name", m->cluster->ops->name));
    m->events->is_replaying = true;
    int rc = m->cluster->ops->start(m->cluster);
    return rc < 0 ? manager_fail_start("can't start the cluster's engine", rc) : 0;
}

static int begin_again(struct manager *m)
{
    return make_engine(m) == 0 ? m->cluster->ops->start(m->cluster) : WERR_NOMEM;
}

static void on_member_found(struct manager *m)
{
    int code = make_engine(m);

    if (code == 0)
        code = run_engine(m);
    if (code != 0)
        manager_finish(m, code);
}

int start_run_engine(struct manager *m)
{
    int rc;

    store_tell(m);
    join_show(&m->start->join);
    if (m->cluster != NULL)
        return run_engine(m);
    rc = join_find(&m->start->join);
    return rc < 0 ? manager_fail_start("can't look up the member to join", rc) : 0;
}

void start_init(struct start *s, struct manager *m, void (*on_ready)(struct manager *m))
{
    *s = (struct start){.m = m, .on_ready = on_ready, .phase = START_RESTORE};
    timer_init(&s->timer, on_timer);
    m->start = s;
    join_init(&s->join, m, on_member_found);
    memberships_init(&s->memberships, m);
    force_init(&s->force, m, begin_again);
    fresh_init(&s->fresh, m);
    applied_init(&s->applied, m);
    hints_init(&s->hints, m);
    counters_init(&s->counters, m);
    sampler_init(&s->sampler, m);
}

void start_fini(struct start *s)
{
    timer_stop(loop_timers(s->m->loop), &s->timer);
    join_fini(&s->join);
    force_fini(&s->force);
    fresh_fini(&s->fresh);
    applied_fini(&s->applied);
    hints_fini(&s->hints);
    sampler_fini(&s->sampler);
    if (counters_want_directory(&s->counters) && store_take_back(s->m) < 0)
        log_debug("a successor has the data directory");
    counters_fini(&s->counters);
    memberships_fini(&s->memberships);
}
