#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strb.h"
#include "cli/top_model.h"

enum { BUCKETS_MAX = 64, SECONDS_OF_RATE = 5, SECONDS_OF_LATENCY = 10, DAYS_TO_WARN = 14 };

/* ---- texts ---- */

/* As doc_text has it; "" when memory is short or nothing stands there. */
static void copy_text(const struct doc *d, char *buf, size_t size)
{
    char *text = doc_text(d);

    (void)snprintf(buf, size, "%s", text != NULL && strcmp(text, "-") != 0 ? text : "");
    free(text);
}

static void copy_member(const struct doc *d, const char *path, char *buf, size_t size)
{
    copy_text(doc_get(d, path), buf, size);
}

/* ---- the numbers of the node ---- */

/* Of the last n of a list. */
static double sum_of(const struct doc *list, size_t n)
{
    const size_t all = doc_size(list);
    double sum = 0;

    for (size_t i = all > n ? all - n : 0; i < all; i++)
        sum += doc_number(doc_at(list, i), 0);
    return sum;
}

/* The share q of the latencies in these buckets took no longer, as ui/charts.js reckons. */
static double quantile(const double *bucket, const struct doc *below, double q)
{
    double all = 0, left;

    for (unsigned i = 0; i < BUCKETS_MAX; i++)
        all += bucket[i];
    left = all * q;
    for (unsigned i = 0; i < BUCKETS_MAX; i++) {
        const double n = bucket[i];

        if (n > 0 && n >= left) {
            const double from = i == 0 ? 0 : doc_number(doc_at(below, i - 1), 0);
            const double to = doc_number(doc_at(below, i), from * 2);

            return from + (to - from) * (left / n);
        }
        left -= n;
    }
    return NAN;
}

static void fill_latency(struct top_numbers *n, const struct doc *d)
{
    const struct doc *list = doc_get(d, "latency"), *below = doc_get(d, "latency_below_us");
    double bucket[BUCKETS_MAX] = {0};
    const size_t all = doc_size(list);

    for (size_t i = all > SECONDS_OF_LATENCY ? all - SECONDS_OF_LATENCY : 0; i < all; i++)
        for (size_t k = 0; k < doc_size(doc_at(list, i)) && k < BUCKETS_MAX; k++)
            bucket[k] += doc_number(doc_at(doc_at(list, i), k), 0);
    n->half_us = quantile(bucket, below, 0.5);
    n->most_us = quantile(bucket, below, 0.99);
}

void top_fill_samples(struct top_model *m, const struct doc *d)
{
    struct top_numbers *n = &m->numbers;
    const struct doc *requests = doc_get(d, "requests");
    const size_t all = doc_size(requests);
    const size_t seconds = all < SECONDS_OF_RATE ? all : SECONDS_OF_RATE;
    const double sum = sum_of(requests, seconds);

    n->rate = seconds > 0 ? sum / (double)seconds : 0;
    n->failed_percent = sum > 0 ? 100 * sum_of(doc_get(d, "failed"), seconds) / sum : 0;
    n->sample_n = all < TOP_SAMPLES_MAX ? all : TOP_SAMPLES_MAX;
    for (size_t i = 0; i < n->sample_n; i++)
        n->sample[i] = doc_number(doc_at(requests, all - n->sample_n + i), 0);
    fill_latency(n, d);
}

static struct top_line *line_for(struct top_model *m, const char *key)
{
    struct top_line *oldest = &m->line[0];

    for (unsigned i = 0; i < TOP_LINES_MAX; i++) {
        if (m->line[i].turn != 0 && strcmp(m->line[i].key, key) == 0)
            return &m->line[i];
        if (m->line[i].turn < oldest->turn)
            oldest = &m->line[i];
    }
    (void)snprintf(oldest->key, sizeof(oldest->key), "%s", key);
    return oldest;
}

static void fill_line(struct top_model *m, const struct doc *d, const char *path)
{
    const struct doc *requests = doc_get(d, "requests"), *means = doc_get(d, "mean_us");
    const size_t all = doc_size(requests);
    char key[TOP_NAME_BYTES];

    copy_member(d, path, key, sizeof(key));
    struct top_line *line = line_for(m, key);
    line->turn = m->line_turn;
    line->point_n = all < TOP_POINTS_MAX ? all : TOP_POINTS_MAX;
    for (size_t i = 0; i < line->point_n; i++)
        line->point[i] = doc_number(doc_at(requests, all - line->point_n + i), 0);
    const double mean = doc_size(means) > 0 ? sum_of(means, 1) : 0;
    line->mean_us = mean > 0 ? mean : NAN;
}

void top_fill_lines(struct top_model *m, const struct doc *d)
{
    const struct doc *servers = doc_get(d, "servers"), *pools = doc_get(d, "pools");

    m->line_turn++;
    for (size_t i = 0; i < doc_size(servers); i++)
        fill_line(m, doc_at(servers, i), "id");
    for (size_t i = 0; i < doc_size(pools); i++)
        fill_line(m, doc_at(pools, i), "name");
}

void top_fill_health(struct top_model *m, const struct doc *d)
{
    char *at = m->node.health;

    copy_member(d, "status", m->node.health, sizeof(m->node.health));
    if (strcmp(m->node.health, "ok") == 0)
        (void)snprintf(m->node.health, sizeof(m->node.health), "serving");
    for (; *at != '\0'; at++)
        *at = (char)(*at == '_' ? ' ' : *at);
}

/* ---- how much more ---- */

/* What was counted now, in row; before: the same row of last time, NULL: there was none. */
static void set_rates(const struct top_list *l, struct top_row *row,
                      const struct top_row *before, const enum top_column_id *column)
{
    for (unsigned i = 0; i < 2; i++) {
        const double s = before != NULL ? row->counted_at - before->counted_at : NAN;
        const double more = before != NULL ? row->counted[i] - before->counted[i] : NAN;

        if (s > 0)
            top_row_set_number(l, row, column[i], more > 0 ? more / s : 0);
    }
}

/* ---- servers ---- */

static void judge_server(const struct top_list *l, struct top_row *row)
{
    static const struct {
        const char *state;
        enum top_mood mood;
    } states[] = {{"down", TOP_MOOD_BAD},         {"ejected", TOP_MOOD_BAD},
                  {"initial", TOP_MOOD_WARN},     {"draining", TOP_MOOD_WARN},
                  {"maintenance", TOP_MOOD_WARN}, {"standby", TOP_MOOD_WARN},
                  {"active", TOP_MOOD_GOOD}};
    const char *state = top_row_value(l, row, TOP_SERVERS_STATE)->text;
    const unsigned n = sizeof(states) / sizeof(states[0]);

    row->rank = 0;
    row->mood = TOP_MOOD_WARN;
    while (row->rank < n && strcmp(states[row->rank].state, state) != 0)
        row->rank++;
    if (row->rank < n)
        row->mood = states[row->rank].mood;
}

static int add_server(struct top_list *l, const struct doc *entry, double mono_s)
{
    static const enum top_column_id column[] = {TOP_SERVERS_RATE, TOP_SERVERS_FAILED};
    static const char scheme[] = "http://";
    const double failed = doc_number(doc_get(entry, "failed"), 0);
    char id[TOP_NAME_BYTES];

    copy_member(entry, "id", id, sizeof(id));
    struct top_row *row = top_list_add(l, id, entry);
    if (row == NULL)
        return WERR_NOMEM;
    char *url = top_row_value(l, row, TOP_SERVERS_URL)->text;
    if (strncmp(url, scheme, strlen(scheme)) == 0)
        memmove(url, url + strlen(scheme), strlen(url) - strlen(scheme) + 1);
    judge_server(l, row);
    row->counted[0] = failed + doc_number(doc_get(entry, "success"), 0);
    row->counted[1] = failed;
    row->counted_at = mono_s;
    set_rates(l, row, top_list_find(l, id), column);
    return 0;
}

int top_fill_servers(struct top_model *m, struct doc *d, bool is_first, double mono_s)
{
    struct top_list *l = &m->list[TOP_SERVERS];
    const struct doc *list = doc_get(d, "servers");
    int rc;

    if (is_first)
        top_list_begin(l);
    m->pool_total = doc_number(doc_get(d, "total"), NAN);
    const bool is_last = doc_get(d, "next") == NULL;
    rc = top_list_keep(l, d);
    for (size_t i = 0; rc == 0 && i < doc_size(list); i++)
        rc = add_server(l, doc_at(list, i), mono_s);
    return rc == 0 && is_last ? top_list_end(l) : rc;
}

void top_fill_server(struct top_model *m, struct doc *d)
{
    doc_free(m->server);
    m->server = d;
}

/* ---- pools ---- */

static void count_pool(const struct top_list *l, struct top_row *row, const struct doc *counted,
                       double mono_s)
{
    static const enum top_column_id column[] = {TOP_POOLS_RATE, TOP_POOLS_FAILED};
    const struct top_row before = *row;

    top_row_set_number(l, row, TOP_POOLS_IN_FLIGHT,
                       doc_number(doc_get(counted, "in_flight"), NAN));
    top_row_set_number(l, row, TOP_POOLS_WAITING, doc_number(doc_get(counted, "waiting"), NAN));
    row->counted[0] = doc_number(doc_get(counted, "requests"), 0);
    row->counted[1] = doc_number(doc_get(counted, "failed"), 0);
    row->counted_at = mono_s;
    set_rates(l, row, &before, column);
}

void top_fill_stats(struct top_model *m, const struct doc *d, double mono_s)
{
    struct top_list *l = &m->list[TOP_POOLS];
    const struct doc *pools = doc_get(d, "pools");

    m->numbers.in_flight = doc_number(doc_get(d, "in_flight"), NAN);
    m->numbers.clients = doc_number(doc_get(d, "connections.client_open"), NAN);
    m->numbers.workers = doc_number(doc_get(d, "workers"), NAN);
    m->numbers.revision = doc_number(doc_get(d, "revision"), NAN);
    for (size_t i = 0; i < l->rows.row_n; i++) {
        const struct doc *counted = doc_member(pools, l->rows.row[i].key);

        if (counted != NULL)
            count_pool(l, &l->rows.row[i], counted, mono_s);
    }
}

static void set_troubled(const struct top_list *l, struct top_row *row, const char *text)
{
    top_row_set_text(l, row, TOP_POOLS_TROUBLED, text);
    row->mood = strcmp(text, "0") == 0   ? TOP_MOOD_GOOD
                : strcmp(text, "-") == 0 ? TOP_MOOD_PLAIN
                                         : TOP_MOOD_WARN;
}

void top_fill_troubled(struct top_model *m, const char *pool, const struct doc *d)
{
    struct top_list *l = &m->list[TOP_POOLS];
    struct top_row *row = top_list_find(l, pool);
    char text[32];

    (void)snprintf(text, sizeof(text), doc_get(d, "next") != NULL ? "over %zu" : "%zu",
                   doc_size(doc_get(d, "servers")));
    if (row != NULL)
        set_troubled(l, row, text);
}

/* What /pools does not say is as it was. */
static void add_pool(const struct top_list *l, struct top_row *row)
{
    static const enum top_column_id kept[] = {TOP_POOLS_IN_FLIGHT, TOP_POOLS_RATE,
                                              TOP_POOLS_FAILED, TOP_POOLS_WAITING};
    const struct top_row *before = top_list_find(l, row->key);

    if (before == NULL)
        return;
    memcpy(row->counted, before->counted, sizeof(row->counted));
    row->counted_at = before->counted_at;
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        top_row_set_number(l, row, kept[i], top_row_value(l, before, kept[i])->number);
    set_troubled(l, row, top_row_value(l, before, TOP_POOLS_TROUBLED)->text);
}

/* ---- the others ---- */

static void add_member(const struct top_list *l, struct top_row *row)
{
    const bool is_self = doc_is_true(doc_get(row->entry, "is_self"));

    top_row_set_text(l, row, TOP_MEMBERS_SELF, is_self ? "this node" : "");
    if (is_self)
        top_row_set_number(l, row, TOP_MEMBERS_CONTACT, 0);
}

static void add_vip(const struct top_list *l, struct top_row *row)
{
    char holder[TOP_NAME_BYTES];

    copy_member(row->entry, "holder", holder, sizeof(holder));
    if (doc_is_true(doc_get(row->entry, "is_self")))
        (void)snprintf(holder, sizeof(holder), "this node");
    top_row_set_text(l, row, TOP_VIPS_HOLDER, holder[0] != '\0' ? holder : "nobody");
    row->mood = holder[0] != '\0' ? TOP_MOOD_GOOD : TOP_MOOD_WARN;
}

static void add_worker(const struct top_list *l, struct top_row *row)
{
    row->mood = strcmp(top_row_value(l, row, TOP_WORKERS_STATE)->text, "running") == 0
                    ? TOP_MOOD_GOOD
                    : TOP_MOOD_WARN;
}

static void add_certificate(const struct top_list *l, struct top_row *row)
{
    const double days = top_row_value(l, row, TOP_CERTIFICATES_DAYS)->number;

    row->mood = days < 0 ? TOP_MOOD_BAD : days < DAYS_TO_WARN ? TOP_MOOD_WARN : TOP_MOOD_GOOD;
}

static bool is_failure(const char *kind, const char *to)
{
    static const char *const failing[] = {"server_cut",     "worker_ended",    "vip_conflict",
                                          "pool_fail_open", "upgrade_failed",  "quorum_lost",
                                          "node_halted",    "server_overruled"};

    for (unsigned i = 0; i < sizeof(failing) / sizeof(failing[0]); i++)
        if (strcmp(kind, failing[i]) == 0)
            return true;
    return strcmp(kind, "server_state") == 0 &&
           (strcmp(to, "down") == 0 || strcmp(to, "ejected") == 0);
}

/* Whom an event is about: the first of these members that it has. */
static void say_whom(const struct doc *event, char *buf, size_t size)
{
    static const char *const members[] = {"server",      "address", "listener", "pool",
                                          "certificate", "member",  "worker"};

    buf[0] = '\0';
    for (unsigned i = 0; buf[0] == '\0' && i < sizeof(members) / sizeof(members[0]); i++) {
        copy_member(event, members[i], buf, size);
        if (buf[0] != '\0' && strcmp(members[i], "worker") == 0) {
            char number[16];

            copy_member(event, "worker", number, sizeof(number));
            (void)snprintf(buf, size, "worker %s", number);
        }
    }
}

static void add_event(const struct top_list *l, struct top_row *row)
{
    char whom[TOP_NAME_BYTES], from[64], to[128], reason[512], by[128], text[1024];
    char *kind = top_row_value(l, row, TOP_EVENTS_KIND)->text;
    struct strb b;

    copy_member(row->entry, "from", from, sizeof(from));
    copy_member(row->entry, "to", to, sizeof(to));
    copy_member(row->entry, "reason", reason, sizeof(reason));
    copy_member(row->entry, "by.token", by, sizeof(by));
    if (by[0] == '\0')
        copy_member(row->entry, "by.address", by, sizeof(by));
    say_whom(row->entry, whom, sizeof(whom));
    top_row_set_text(l, row, TOP_EVENTS_WHAT, whom);
    row->mood = is_failure(kind, to) ? TOP_MOOD_BAD : TOP_MOOD_PLAIN;
    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "%s%s%s", from, from[0] != '\0' && to[0] != '\0' ? " \xe2\x86\x92 " : "", to);
    if (reason[0] != '\0')
        strb_addf(&b, "%s%s", b.len > 0 ? ": " : "", reason);
    if (by[0] != '\0')
        strb_addf(&b, "%sby %s", b.len > 0 ? " " : "", by);
    top_row_set_text(l, row, TOP_EVENTS_MOVE, text);
    for (; *kind != '\0'; kind++)
        *kind = (char)(*kind == '_' ? ' ' : *kind);
}

/* How each list is read: the member that has its entries, and the one that names an entry. */
static const struct {
    const char *entries, *key;
    void (*add)(const struct top_list *l, struct top_row *row);
    bool is_newest_last;
} readers[TOP_LISTS] = {
    [TOP_POOLS] = {"pools", "name", add_pool, false},
    [TOP_MEMBERS] = {"members", "id", add_member, false},
    [TOP_VIPS] = {"vips", "address", add_vip, false},
    [TOP_WORKERS] = {"workers", "id", add_worker, false},
    [TOP_CERTIFICATES] = {"certificates", "name", add_certificate, false},
    [TOP_EVENTS] = {"events", "id", add_event, true},
};

static void fill_node(struct top_node *n, const struct doc *cluster)
{
    const struct doc *members = doc_get(cluster, "members");

    copy_member(cluster, "role", n->role, sizeof(n->role));
    copy_member(cluster, "warning", n->warning, sizeof(n->warning));
    if (doc_size(members) < 2)
        (void)snprintf(n->role, sizeof(n->role), "alone");
    n->name[0] = '\0';
    for (size_t i = 0; i < doc_size(members); i++)
        if (doc_is_true(doc_get(doc_at(members, i), "is_self")))
            copy_member(doc_at(members, i), "id", n->name, sizeof(n->name));
}

int top_fill_list(struct top_model *m, enum top_list_id id, struct doc *d)
{
    struct top_list *l = &m->list[id];
    char key[TOP_NAME_BYTES];

    MUST(readers[id].entries != NULL);
    if (id == TOP_MEMBERS)
        fill_node(&m->node, d);
    top_list_begin(l);
    const struct doc *list = doc_get(d, readers[id].entries);
    const size_t n = doc_size(list);
    int rc = top_list_keep(l, d);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct doc *entry = doc_at(list, readers[id].is_newest_last ? n - 1 - i : i);

        copy_member(entry, readers[id].key, key, sizeof(key));
        struct top_row *row = top_list_add(l, key, entry);
        if (row == NULL)
            rc = WERR_NOMEM;
        else
            readers[id].add(l, row);
    }
    return rc == 0 ? top_list_end(l) : rc;
}
