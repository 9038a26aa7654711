#include <unistd.h>

#include "manager/counters.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/metrics_int.h"
#include "manager/process.h"
#include "manager/views.h"
#include "pool/certificate.h"

/* The kinds of the counters' tables. */
enum { SUM = MTEXT_COUNTER, GAUGE = MTEXT_GAUGE };
enum { DECIMALS_US = 6, DECIMALS_MS = 3 };

static void put(struct metrics_put *p, uint64_t value)
{
    mtext_sample(p->text, &p->row->family, strb_span(&p->labels), value);
}

/* With one more label. */
static void put_with(struct metrics_put *p, const char *key, const char *word, uint64_t value)
{
    const size_t len = p->labels.len;

    mtext_label(&p->labels, key, word);
    MUST(!strb_is_full(&p->labels));
    put(p, value);
    p->labels.len = len;
}

/* ---- the node ---- */

static void put_build(struct metrics_put *p)
{
    put_with(p, "version", WELDR_VERSION, 1);
}

static void put_revision(struct metrics_put *p)
{
    put(p, p->m->revision);
}

static void put_counter(struct metrics_put *p)
{
    put(p, stats_sum(p->m->stats, (enum stats_counter)p->row->index));
}

static void put_results(struct metrics_put *p)
{
    static const char *const words[] = {
#define END(name, word, status, blame, retry, text) word,
#include "stats/ends.def"
#undef END
    };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put_with(p, "result", words[i], stats_sum_end(p->m->stats, i));
}

static void put_tls_failures(struct metrics_put *p)
{
    for (unsigned i = 0; i < STATS_TLS_FAILURES; i++)
        put_with(p, "reason", stats_tls_failure_word((enum stats_tls_failure)i),
                 stats_sum_tls_failed(p->m->stats, (enum stats_tls_failure)i));
}

static void put_tls_agreed(struct metrics_put *p)
{
    const size_t len = p->labels.len;

    for (unsigned i = 0; i < STATS_TLS_AGREED_N; i++) {
        const struct stats_tls_words words = stats_tls_agreed_words((enum stats_tls_agreed)i);

        mtext_label(&p->labels, "version", words.version);
        put_with(p, "cipher", words.cipher,
                 stats_sum_tls_agreed(p->m->stats, (enum stats_tls_agreed)i));
        p->labels.len = len;
    }
}

static void put_counting_since(struct metrics_put *p)
{
    put(p, counters_since_us(p->m));
}

static void put_upgrades(struct metrics_put *p)
{
    put_with(p, "result", "done", p->m->upgrades_done);
    put_with(p, "result", "failed", p->m->upgrades_failed);
}

static void put_leaving(struct metrics_put *p)
{
    put(p, p->m->facts.draining_n);
}

static void put_overruled(struct metrics_put *p)
{
    const struct server_facts *f = NULL;
    uint64_t n = 0;

    while ((f = facts_next(&p->m->facts, f)) != NULL)
        n += f->is_overruled && f->removed == NULL;
    put(p, n);
}

/* ---- the cluster ---- */

static void put_views(struct metrics_put *p)
{
    put(p, health_nodes_fresh_n(&p->m->views->nodes));
}

enum {
    CLUSTER_MEMBERS,
    CLUSTER_VOTERS,
    CLUSTER_QUORUM,
    CLUSTER_HAS_LEADER,
    CLUSTER_IS_LEADER,
    CLUSTER_TERM,
    CLUSTER_LEVEL,
    CLUSTER_IS_HALTED,
    CLUSTER_LEADERS,
    CLUSTER_WON,
    CLUSTER_LOST,
    CLUSTER_APPLIED
};

static uint64_t get_of_cluster(const struct cluster *c, unsigned index)
{
    struct cluster_status s;

    c->ops->status(c, &s);
    switch (index) {
    case CLUSTER_MEMBERS:
        return c->ops->members(c, NULL, 0);
    case CLUSTER_VOTERS:
        return s.voters;
    case CLUSTER_QUORUM:
        return s.quorum;
    case CLUSTER_HAS_LEADER:
        return s.has_quorum;
    case CLUSTER_IS_LEADER:
        return c->ops->role(c) == CLUSTER_LEADER;
    case CLUSTER_TERM:
        return s.term;
    case CLUSTER_LEVEL:
        return s.level;
    case CLUSTER_IS_HALTED:
        return s.halt.is_halted;
    case CLUSTER_LEADERS:
        return s.tally.leaders;
    case CLUSTER_WON:
        return s.tally.elections_won;
    case CLUSTER_LOST:
        return s.tally.elections_lost;
    default:
        return s.applied;
    }
}

static void put_cluster(struct metrics_put *p)
{
    if (p->m->cluster != NULL)
        put(p, get_of_cluster(p->m->cluster, p->row->index));
}

enum { SNAPSHOTS_STORED, SNAPSHOTS_FAILED, SNAPSHOTS_MS };

static uint64_t get_of_snapshots(const struct cluster_snapshots *s, unsigned index)
{
    return index == SNAPSHOTS_STORED ? s->n : index == SNAPSHOTS_FAILED ? s->failed_n : s->ms;
}

static void put_snapshots(struct metrics_put *p)
{
    struct cluster_status s;

    if (p->m->cluster == NULL)
        return;
    p->m->cluster->ops->status(p->m->cluster, &s);
    put_with(p, "of", "own", get_of_snapshots(&s.tally.taken, p->row->index));
    put_with(p, "of", "leader", get_of_snapshots(&s.tally.received, p->row->index));
}

/* Of the members of whom this node knows it. */
static void put_of_members(struct metrics_put *p,
                           bool (*get)(const struct cluster_member *member, uint64_t *value))
{
    const struct cluster *c = p->m->cluster;
    struct cluster_member list[MEMBERS_MAX];
    const unsigned n = c != NULL ? c->ops->members(c, list, MEMBERS_MAX) : 0;
    char id[MEMBERS_ID_TEXT];
    uint64_t value;

    for (unsigned i = 0; i < n && i < MEMBERS_MAX; i++) {
        members_print_id(list[i].id, id);
        if (get(&list[i], &value))
            put_with(p, "member", id, value);
    }
}

static bool get_lag(const struct cluster_member *member, uint64_t *value)
{
    *value = member->lag;
    return member->has_lag;
}

static void put_lag(struct metrics_put *p)
{
    put_of_members(p, get_lag);
}

/* Of this node itself it is 0. */
static bool get_last_contact(const struct cluster_member *member, uint64_t *value)
{
    *value = member->seen_ms_ago;
    return member->seen_ms_ago != UINT64_MAX;
}

static void put_last_contact(struct metrics_put *p)
{
    put_of_members(p, get_last_contact);
}

/* ---- workers and processes ---- */

static uint64_t get_serving(const struct manager *m, const struct slot *slot)
{
    (void)m;
    return slot_serves(slot);
}

static uint64_t get_restarts(const struct manager *m, const struct slot *slot)
{
    (void)m;
    return slot->restarts;
}

static uint64_t get_in_flight(const struct manager *m, const struct slot *slot)
{
    return __atomic_load_n(&stats_worker(m->stats, slot->id)->value[STATS_in_flight],
                           __ATOMIC_RELAXED);
}

static uint64_t get_cpu(const struct manager *m, const struct slot *slot)
{
    (void)m;
    return slot->pid != 0 ? process_cpu_us(slot->pid) : 0;
}

static uint64_t get_memory(const struct manager *m, const struct slot *slot)
{
    (void)m;
    return slot->pid != 0 ? process_resident_bytes(slot->pid) : 0;
}

static void put_workers(struct metrics_put *p)
{
    static uint64_t (*const gets[])(const struct manager *, const struct slot *) = {
        get_serving, get_restarts, get_in_flight, get_cpu, get_memory};

    MUST(p->row->index < sizeof(gets) / sizeof(gets[0]));
    for (unsigned i = 0; i < p->m->supervisor.slots.n; i++) {
        const struct slot *slot = &p->m->supervisor.slots.list[i];
        char id[24];
        struct strb b;

        if (!slot->is_wanted && slot->state == SLOT_STOPPED)
            continue;
        strb_init(&b, id, sizeof(id));
        strb_add_u64(&b, slot->id);
        put_with(p, "worker", id, gets[p->row->index](p->m, slot));
    }
}

static void put_start(struct metrics_put *p)
{
    put(p, p->m->started_us);
}

static void put_cpu(struct metrics_put *p)
{
    put(p, process_cpu_us(getpid()));
}

static void put_memory(struct metrics_put *p)
{
    put(p, process_resident_bytes(getpid()));
}

static void put_max_fds(struct metrics_put *p)
{
    put(p, p->m->fd_limit);
}

/* ---- how well it is served ---- */

static void put_classes(struct metrics_put *p)
{
    static const char *const words[STATS_CLASSES] = {"none", "1xx", "2xx",  "3xx",
                                                     "4xx",  "5xx", "other"};
    struct stats_classes c;

    stats_sum_classes(p->m->stats, (enum stats_classes_of)p->row->index, p->slot, &c);
    for (unsigned i = 0; i < STATS_CLASSES; i++)
        put_with(p, "class", words[i], c.n[i]);
}

static void put_times(struct metrics_put *p)
{
    const enum stats_times_of of = (enum stats_times_of)p->row->index;
    const struct times_scale *scale = of == STATS_TIMES_POOL_ADDED ? &times_short : &times_long;
    struct times t;

    stats_sum_times(p->m->stats, of, p->slot, &t);
    mtext_histogram(
        p->text, &p->row->family, strb_span(&p->labels),
        &(struct mtext_histogram){
            .bounds = scale->bounds, .counts = t.bucket, .n = TIMES_BOUNDS, .sum = t.sum_us});
}

/* Nothing was served: nothing is said of it, and the memory of its slot is not touched. */
static bool is_idle(const struct metrics_put *p)
{
    return stats_sum_server(p->m->stats, p->slot, STATS_SERVER_success) == 0 &&
           stats_sum_server(p->m->stats, p->slot, STATS_SERVER_failed) == 0;
}

static void put_server_classes(struct metrics_put *p)
{
    if (!is_idle(p))
        put_classes(p);
}

static void put_server_times(struct metrics_put *p)
{
    if (!is_idle(p))
        put_times(p);
}

/* ---- listeners, rules and pools ---- */

static void put_listener_counter(struct metrics_put *p)
{
    put(p,
        stats_sum_listener(p->m->stats, p->slot, (enum stats_listener_counter)p->row->index));
}

static void put_rule_requests(struct metrics_put *p)
{
    put(p, stats_sum_rule(p->m->stats, p->rule->id));
}

static void put_pool_counter(struct metrics_put *p)
{
    put(p, stats_sum_pool(p->m->stats, p->slot, (enum stats_pool_counter)p->row->index));
}

static void put_fail_open(struct metrics_put *p)
{
    const struct pool_facts *f = facts_find_pool(&p->m->facts, p->pool->id);

    put(p, f != NULL && f->is_fail_open);
}

static void put_unverified(struct metrics_put *p)
{
    put(p, !p->pool->tls_settings.verify);
}

/* ---- servers ---- */

static void put_server_counter(struct metrics_put *p)
{
    put(p, stats_sum_server(p->m->stats, p->slot, (enum stats_server_counter)p->row->index));
}

static void put_state(struct metrics_put *p)
{
    put_with(p, "state", server_state_word((enum server_state)p->server->record.state), 1);
}

static void put_since(struct metrics_put *p)
{
    put(p, p->server->record.since_us);
}

static void put_check_passed(struct metrics_put *p)
{
    const struct facts_addr *a = facts_explain(p->server);

    if (a != NULL)
        put(p, a->last.ok);
}

static void put_check_took(struct metrics_put *p)
{
    const struct facts_addr *a = facts_explain(p->server);

    if (a != NULL)
        put(p, a->last.took_ms);
}

static void put_check_at(struct metrics_put *p)
{
    const struct facts_addr *a = facts_explain(p->server);

    if (a != NULL)
        put(p, a->last.at_us);
}

/* ---- certificates ---- */

static void put_not_after(struct metrics_put *p)
{
    const int64_t s = p->certificate->facts.not_after_s;

    put(p, s > 0 ? (uint64_t)s : 0);
}

/* ---- the table ---- */

/* A family of one function. */
#define NODE(name, help, type, decimals, put)                 \
    {                                                         \
        {name, help, type, decimals}, METRICS_OF_NODE, 0, put \
    }
#define CLUSTER(name, help, type, index)                                            \
    {                                                                               \
        {"weldr_cluster_" name, help, type, 0}, METRICS_OF_NODE, index, put_cluster \
    }
#define SNAPSHOTS(name, help, decimals, index)                                              \
    {                                                                                       \
        {"weldr_cluster_" name, help, SUM, decimals}, METRICS_OF_NODE, index, put_snapshots \
    }
#define WORKER(name, help, type, decimals, index)                                         \
    {                                                                                     \
        {"weldr_worker_" name, help, type, decimals}, METRICS_OF_NODE, index, put_workers \
    }
#define RULE(name, help, type, decimals, put)                               \
    {                                                                       \
        {"weldr_rule_" name, help, type, decimals}, METRICS_OF_RULE, 0, put \
    }
#define POOL(name, help, type, decimals, put)                               \
    {                                                                       \
        {"weldr_pool_" name, help, type, decimals}, METRICS_OF_POOL, 0, put \
    }
#define SERVER(name, help, type, decimals, put)                                 \
    {                                                                           \
        {"weldr_server_" name, help, type, decimals}, METRICS_OF_SERVER, 0, put \
    }
#define CLASSES(name, help, of, index, put)  \
    {                                        \
        {name, help, SUM, 0}, of, index, put \
    }
#define TIMES(name, help, of, index, put)                          \
    {                                                              \
        {name, help, MTEXT_HISTOGRAM, DECIMALS_US}, of, index, put \
    }
/* One for each row of a table of counters. */
#define COUNTER(name, kind, help) \
    {{"weldr_node_" #name, help, kind, 0}, METRICS_OF_NODE, STATS_##name, put_counter},
#define LISTENER_COUNTER(name, kind, help)     \
    {{"weldr_listener_" #name, help, kind, 0}, \
     METRICS_OF_LISTENER,                      \
     STATS_LISTENER_##name,                    \
     put_listener_counter},
#define POOL_COUNTER(name, kind, help)     \
    {{"weldr_pool_" #name, help, kind, 0}, \
     METRICS_OF_POOL,                      \
     STATS_POOL_##name,                    \
     put_pool_counter},
#define SERVER_COUNTER(name, kind, help)     \
    {{"weldr_server_" #name, help, kind, 0}, \
     METRICS_OF_SERVER,                      \
     STATS_SERVER_##name,                    \
     put_server_counter},

const struct metrics_row metrics_rows[] = {
    NODE("weldr_build", "the program that runs", MTEXT_INFO, 0, put_build),
    NODE("weldr_config_revision", "number of the last change of what is configured", GAUGE, 0,
         put_revision),
    NODE("weldr_counting_since_timestamp_seconds",
         "when counters were 0, since 1970: at the first start with this data directory", GAUGE,
         DECIMALS_US, put_counting_since),
#include "stats/counters.def"
    NODE("weldr_results", "exchanges that have ended, by the word of the access log", SUM, 0,
         put_results),
    NODE("weldr_tls_failures", "TLS handshakes with clients that failed, by reason", SUM, 0,
         put_tls_failures),
    NODE("weldr_tls_handshakes",
         "TLS handshakes with clients that succeeded, by version and cipher suite", SUM, 0,
         put_tls_agreed),
    TIMES("weldr_tls_handshake_seconds",
          "from the connection of a client to the end of its TLS handshake", METRICS_OF_NODE,
          STATS_TIMES_TLS_HANDSHAKE, put_times),
    NODE("weldr_removed_servers", "servers that were removed and have requests in flight",
         GAUGE, 0, put_leaving),
    NODE("weldr_overruled_servers",
         "servers whose state is what most nodes see, and not this one", GAUGE, 0,
         put_overruled),
    NODE("weldr_upgrades", "upgrades in place, by result", SUM, 0, put_upgrades),
    CLUSTER("members", "nodes of the cluster", GAUGE, CLUSTER_MEMBERS),
    CLUSTER("voters", "members that vote", GAUGE, CLUSTER_VOTERS),
    CLUSTER("quorum", "voters that each change needs", GAUGE, CLUSTER_QUORUM),
    CLUSTER("has_leader", "1: this node knows of a leader", GAUGE, CLUSTER_HAS_LEADER),
    CLUSTER("is_leader", "1: this node leads", GAUGE, CLUSTER_IS_LEADER),
    CLUSTER("term", "of Raft: it grows with each election", GAUGE, CLUSTER_TERM),
    CLUSTER("level", "of features, that all members use", GAUGE, CLUSTER_LEVEL),
    CLUSTER("is_halted", "1: this node can't read what was agreed on, and applies nothing more",
            GAUGE, CLUSTER_IS_HALTED),
    CLUSTER("applied", "last entry of the log that is part of the state", GAUGE,
            CLUSTER_APPLIED),
    CLUSTER("leader_changes", "terms of which this node has known who leads", SUM,
            CLUSTER_LEADERS),
    CLUSTER("elections_won", "elections after which this node led", SUM, CLUSTER_WON),
    CLUSTER("elections_lost",
            "elections in which this node stood, and after which it did not lead", SUM,
            CLUSTER_LOST),
    SNAPSHOTS("snapshots",
              "snapshots that were stored, of its own state or brought by the leader", 0,
              SNAPSHOTS_STORED),
    SNAPSHOTS("snapshots_failed", "snapshots that could not be made or stored", 0,
              SNAPSHOTS_FAILED),
    SNAPSHOTS("snapshot_seconds", "what the stored ones took", DECIMALS_MS, SNAPSHOTS_MS),
    NODE("weldr_cluster_views", "other members whose views of health count", GAUGE, 0,
         put_views),
    {{"weldr_cluster_lag", "entries that a member has yet to store", GAUGE, 0},
     METRICS_OF_NODE,
     0,
     put_lag},
    {{"weldr_cluster_last_contact_seconds", "since a member was heard of", GAUGE, DECIMALS_MS},
     METRICS_OF_NODE,
     0,
     put_last_contact},
    WORKER("serving", "1: it serves clients", GAUGE, 0, 0),
    WORKER("restarts", "times that it was replaced", SUM, 0, 1),
    WORKER("in_flight", "requests being answered", GAUGE, 0, 2),
    WORKER("cpu_seconds", "processor time of its process", SUM, DECIMALS_US, 3),
    WORKER("resident_memory_bytes", "memory of its process", GAUGE, 0, 4),
    NODE("process_start_time_seconds", "when the manager was started, since 1970", GAUGE,
         DECIMALS_US, put_start),
    NODE("process_cpu_seconds", "processor time of the manager", SUM, DECIMALS_US, put_cpu),
    NODE("process_resident_memory_bytes", "memory of the manager", GAUGE, 0, put_memory),
    NODE("process_max_fds", "descriptors that the manager may have", GAUGE, 0, put_max_fds),
#include "stats/listener_counters.def"
    CLASSES("weldr_listener_responses", "responses by class of status; none: broken off",
            METRICS_OF_LISTENER, STATS_CLASSES_OF_LISTENER, put_classes),
    RULE("requests", "requests that the rule took", SUM, 0, put_rule_requests),
#include "stats/pool_counters.def"
    POOL("fail_open", "1: all servers are down, and get requests all the same", GAUGE, 0,
         put_fail_open),
    POOL("unverified", "1: certificates of its https servers are not verified", GAUGE, 0,
         put_unverified),
    CLASSES("weldr_pool_responses", "responses by class of status; none: broken off",
            METRICS_OF_POOL, STATS_CLASSES_OF_POOL, put_classes),
    TIMES("weldr_pool_head_seconds",
          "from the head of the request until that of a server's response", METRICS_OF_POOL,
          STATS_TIMES_POOL_HEAD, put_times),
    TIMES("weldr_pool_total_seconds",
          "from the head of the request until the end of the response", METRICS_OF_POOL,
          STATS_TIMES_POOL_TOTAL, put_times),
    TIMES("weldr_pool_added_seconds",
          "what Weldr itself adds; of one request in 64, or with an access log of each",
          METRICS_OF_POOL, STATS_TIMES_POOL_ADDED, put_times),
#include "stats/server_counters.def"
    CLASSES("weldr_server_responses",
            "attempts by class of status; none: no response, or not the whole of it",
            METRICS_OF_SERVER, STATS_CLASSES_OF_SERVER, put_server_classes),
    TIMES("weldr_server_head_seconds",
          "from the head of the request, on its way, until that of the response",
          METRICS_OF_SERVER, STATS_TIMES_SERVER_HEAD, put_server_times),
    TIMES("weldr_server_total_seconds",
          "from the choice of the server until the end of its response", METRICS_OF_SERVER,
          STATS_TIMES_SERVER_TOTAL, put_server_times),
    SERVER("state", "1: of the state that it is in", GAUGE, 0, put_state),
    SERVER("health_changed_timestamp_seconds", "when it came into this state, since 1970",
           GAUGE, DECIMALS_US, put_since),
    SERVER("check_success", "1: its last health check was passed", GAUGE, 0, put_check_passed),
    SERVER("check_duration_seconds", "how long its last health check took", GAUGE, DECIMALS_MS,
           put_check_took),
    SERVER("check_timestamp_seconds", "when its last health check was, since 1970", GAUGE,
           DECIMALS_US, put_check_at),
    {{"weldr_certificate_not_after_timestamp_seconds", "when the certificate ends, since 1970",
      GAUGE, 0},
     METRICS_OF_CERTIFICATE,
     0,
     put_not_after},
    {{"weldr_vip_held", "1: this node holds it", GAUGE, 0},
     METRICS_OF_VIP,
     0,
     metrics_put_vip_held},
    NODE("weldr_vip_moves", "VIPs that came to another member, by cause", SUM, 0,
         metrics_put_vip_moves),
    NODE("weldr_vip_conflicts", "times that somebody else had the address of a VIP", SUM, 0,
         metrics_put_vip_conflicts),
};

const uint32_t metrics_row_n = sizeof(metrics_rows) / sizeof(metrics_rows[0]);
