/* cluster_fixture.h - several nodes in one process, on one loop, over TLS: made, joined,
 * stopped. */
#ifndef WELDR_TESTS_CLUSTER_FIXTURE_H
#define WELDR_TESTS_CLUSTER_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cluster/raft_engine.h"
#include "cluster/raft_int.h"
#include "cluster/roster.h"
#include "disk_fixture.h"
#include "net/conn.h"
#include "net/tlsio_context.h"

enum { NODES_MAX = 5, ENTRIES_MAX = 8192, TEXT_MAX = 24, WAIT_MS = 60000, VIPS_MAX = 4 };

struct node {
    char path[96];
    struct data_dir dir;
    struct cluster *cluster; /* NULL: it does not run */
    char texts[ENTRIES_MAX][TEXT_MAX];
    unsigned text_n, settled_n, settled_text_n, lost_n, key_n, restored_n, members_n;
    uint8_t level;      /* of features, that it knows when it is opened next */
    unsigned unwilling; /* so many times there is no memory */
    bool knows_riddle;  /* else it can't read that text */
    char version[8];    /* "1." and the level */
    int lost_error;
    char lost_why[256];
    unsigned shared_n, reach_n; /* what others have shared … */
    uint64_t shared_from;       /* … and the last of it */
    char shared[TEXT_MAX];
    unsigned orders_n;          /* of other members, … */
    bool is_slow;               /* … which it does not answer at once, … */
    struct cluster_order order; /* … and the last of them */
    unsigned vips_n;            /* how often on_vips came */
    bool had[VIPS_MAX];         /* virtual IPs, as it was told then */
};

static struct {
    struct disk disk;
    struct loop *loop;
    struct conn_shared conns;
    struct node nodes[NODES_MAX];
    char token[512];
    unsigned done_n;
    int error;
    uint64_t index;
} lab;

/* Of clusters that are made from now on. */
static uint8_t profile_wanted = ROSTER_FAST;

static inline bool has_snapshot(unsigned i)
{
    const struct engine *e = (const struct engine *)lab.nodes[i].cluster;

    return disk_snapshots(lab.nodes[i].path) > 0 && !e->raft.legacy.snapshot_taking;
}

/* ---- the owner of each ---- */

static bool lacks_memory(struct node *n)
{
    if (n->unwilling == 0)
        return false;
    n->unwilling--;
    return true;
}

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    struct node *n = arg;

    (void)index;
    if (lacks_memory(n))
        return WERR_NOMEM;
    if (span_is_equal(entry, SPAN("riddle")) && !n->knows_riddle)
        return WERR_UNSUPPORTED;
    assert_true(n->text_n < ENTRIES_MAX);
    /* What is behind it is only to have bytes. */
    const char *end = memchr(entry.ptr, '\n', entry.len);
    if (end != NULL)
        entry.len = (size_t)(end - entry.ptr);
    assert_int_equal(span_to_str(entry, n->texts[n->text_n++], TEXT_MAX), 0);
    return 0;
}

/* "2:text" needs level 2. */
static uint8_t level_of(void *arg, struct span entry)
{
    (void)arg;
    return entry.len > 1 && entry.ptr[1] == ':' ? (uint8_t)(entry.ptr[0] - '0') : 0;
}

static void on_members(void *arg)
{
    ((struct node *)arg)->members_n++;
}

static int on_snapshot(void *arg, char **bytes, size_t *len)
{
    struct node *n = arg;

    *len = (size_t)n->text_n * TEXT_MAX;
    *bytes = malloc(*len + 1);
    assert_non_null(*bytes);
    memcpy(*bytes, n->texts, *len);
    return 0;
}

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    struct node *n = arg;

    (void)index;
    if (lacks_memory(n))
        return WERR_NOMEM;
    assert_true(bytes.len % TEXT_MAX == 0 && bytes.len <= sizeof(n->texts));
    memcpy(n->texts, bytes.ptr, bytes.len);
    n->text_n = (unsigned)(bytes.len / TEXT_MAX);
    n->restored_n++;
    return 0;
}

static void on_role(void *arg, enum cluster_role role)
{
    (void)arg;
    (void)role;
}

static void on_settled(void *arg)
{
    struct node *n = arg;

    n->settled_n++;
    n->settled_text_n = n->text_n;
}

static void on_key(void *arg, const unsigned char *key)
{
    (void)key;
    ((struct node *)arg)->key_n++;
}

static void on_lost(void *arg, int error, struct span why)
{
    struct node *n = arg;

    n->lost_n++;
    n->lost_error = error;
    assert_int_equal(span_to_str(why, n->lost_why, sizeof(n->lost_why)), 0);
}

static void on_shared(void *arg, uint64_t from, struct span bytes)
{
    struct node *n = arg;

    n->shared_n++;
    n->shared_from = from;
    assert_int_equal(span_to_str(bytes, n->shared, sizeof(n->shared)), 0);
}

static inline void answer(struct node *n, const char *text)
{
    n->cluster->ops->answer(n->cluster, &n->order, span_from_str(text));
}

static void on_order(void *arg, const struct cluster_order *order, struct span request)
{
    struct node *n = arg;

    n->orders_n++;
    n->order = *order;
    assert_true(span_is_equal(request, SPAN("do")));
    if (!n->is_slow)
        answer(n, "done");
}

static void on_reach(void *arg)
{
    ((struct node *)arg)->reach_n++;
}

/* What it may not hold any more, or is to part with, it lets go at once. */
static void on_vips(void *arg)
{
    struct node *n = arg;
    struct cluster_vip list[VIPS_MAX];
    const unsigned got = n->cluster->ops->vips(n->cluster, list, VIPS_MAX);

    n->vips_n++;
    for (unsigned i = 0; i < got && i < VIPS_MAX; i++) {
        const bool has = list[i].lease_ns > clock_boot_ns() && !list[i].is_parting;

        if (n->had[i] && !has)
            n->cluster->ops->released(n->cluster, &list[i].address);
        n->had[i] = has;
    }
}

/* ---- the lab ---- */

static bool turn_until(bool (*is_there)(unsigned i), unsigned i)
{
    const uint64_t end_ms = loop_now_ms(lab.loop) + WAIT_MS;

    while (!is_there(i) && loop_now_ms(lab.loop) < end_ms)
        (void)loop_turn(lab.loop, 20);
    return is_there(i);
}

#define AWAIT(is_there, i) assert_true(turn_until(is_there, i))

static bool has_settled(unsigned i)
{
    return lab.nodes[i].settled_n > 0;
}

static inline bool is_lost(unsigned i)
{
    return lab.nodes[i].lost_n > 0;
}

static bool is_done(unsigned n)
{
    return lab.done_n >= n;
}

static struct cluster *cluster_of(unsigned i)
{
    return lab.nodes[i].cluster;
}

static struct cluster_status status_of(unsigned i)
{
    struct cluster_status s;

    cluster_of(i)->ops->status(cluster_of(i), &s);
    return s;
}

static inline uint64_t id_of(unsigned i)
{
    return ((const struct engine *)cluster_of(i))->self.id;
}

/* All members, of what version they are. */
static inline bool have_told(unsigned i)
{
    struct cluster_member list[NODES_MAX];
    const unsigned n = cluster_of(i)->ops->members(cluster_of(i), list, NODES_MAX);

    for (unsigned k = 0; k < n; k++)
        if (list[k].version[0] == '\0')
            return false;
    return true;
}

static void on_done(void *arg, int error, uint64_t index)
{
    (void)arg;
    lab.done_n++;
    lab.error = error;
    lab.index = index;
}

static void on_token(void *arg, int error, struct span text)
{
    (void)arg;
    lab.done_n++;
    lab.error = error;
    assert_int_equal(span_to_str(text, lab.token, sizeof(lab.token)), 0);
}

static void make_lab(void)
{
    memset(&lab, 0, sizeof(lab));
    disk_make(&lab.disk);
    lab.loop = loop_epoll_new();
    assert_non_null(lab.loop);
    assert_int_equal(conn_shared_init(&lab.conns, lab.loop), 0);
    assert_int_equal(tlsio_start(), 0);
    assert_int_equal(conn_use_tls(&lab.conns), 0);
}

/* What its start says. */
static int try_node(unsigned i, const struct cluster_options *more)
{
    struct node *n = &lab.nodes[i];
    const struct cluster_hooks hooks = {.on_commit = on_commit,
                                        .level_of = level_of,
                                        .on_members = on_members,
                                        .on_snapshot = on_snapshot,
                                        .on_restore = on_restore,
                                        .on_role = on_role,
                                        .on_settled = on_settled,
                                        .on_key = on_key,
                                        .on_lost = on_lost,
                                        .on_shared = on_shared,
                                        .on_order = on_order,
                                        .on_reach = on_reach,
                                        .on_vips = on_vips,
                                        .arg = n};
    struct cluster_options options = *more;

    options.conns = &lab.conns;
    (void)snprintf(n->version, sizeof(n->version), "1.%u", n->level);
    options.version = n->version;
    options.level = n->level;
    options.profile = profile_wanted;
    options.has_listen = true;
    if (options.listen.family == 0)
        assert_int_equal(addr_from_text(SPAN("127.0.0.1:0"), &options.listen), 0);
    n->text_n = n->settled_n = n->lost_n = n->shared_n = n->reach_n = 0;
    memset(n->had, 0, sizeof(n->had));
    char name[16];

    (void)snprintf(name, sizeof(name), "/node%u", i);
    (void)strcpy(n->path, lab.disk.path);
    (void)strcat(n->path, name);
    assert_int_equal(data_dir_open(&n->dir, n->path, disk_wrong(&lab.disk)), 0);
    n->cluster = cluster_raft_new(lab.loop, &n->dir, &options, &hooks);
    assert_non_null(n->cluster);
    return n->cluster->ops->start(n->cluster);
}

static void open_node(unsigned i, const struct cluster_options *more)
{
    assert_int_equal(try_node(i, more), 0);
}

static void close_node(unsigned i)
{
    struct node *n = &lab.nodes[i];

    n->cluster->ops->free(n->cluster);
    n->cluster = NULL;
    data_dir_close(&n->dir);
    for (unsigned k = 0; k < 20; k++)
        (void)loop_turn(lab.loop, 0);
}

static void end_lab(void)
{
    for (unsigned i = 0; i < NODES_MAX; i++)
        if (cluster_of(i) != NULL)
            close_node(i);
    conn_shared_fini(&lab.conns);
    loop_free(lab.loop);
    disk_remove(&lab.disk);
}

static bool listens(unsigned i)
{
    return status_of(i).address.family != 0 && status_of(i).id[0] != '\0';
}

static bool knows_itself(unsigned i)
{
    const struct engine *e = (const struct engine *)cluster_of(i);

    return listens(i) && roster_find(e->roster, e->self.id) != NULL;
}

/* All know so much. There is no token before that is agreed on, for a node that knows less
 * would be let in. */
static void make_first_at(uint8_t level)
{
    make_lab();
    for (unsigned i = 0; i < NODES_MAX; i++)
        lab.nodes[i].level = level;
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    AWAIT(knows_itself, 0);
    const struct engine *e = (const struct engine *)cluster_of(0);
    for (unsigned n = 0; roster_level(e->roster) < level; n++) {
        assert_int_equal(status_of(0).level, level); /* of one it is used before */
        assert_int_equal(cluster_of(0)->ops->make_token(cluster_of(0), 900, on_token, NULL),
                         WERR_NOT_LEADER);
        assert_true(n < WAIT_MS);
        (void)loop_turn(lab.loop, 20);
    }
}

static inline void make_first(void)
{
    make_first_at(0);
}

static void get_token(unsigned from)
{
    const unsigned before = lab.done_n;

    assert_int_equal(cluster_of(from)->ops->make_token(cluster_of(from), 900, on_token, NULL),
                     0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
}

static void join(unsigned i, unsigned at)
{
    struct cluster_options options = {.join = status_of(at).address,
                                      .token = span_from_str(lab.token)};

    open_node(i, &options);
}

static unsigned voters_wanted;

static bool has_voters(unsigned i)
{
    return status_of(i).voters == voters_wanted;
}

static inline void join_all(unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        get_token(0);
        join(i, 0);
        AWAIT(has_settled, i);
        assert_int_equal(lab.nodes[i].key_n, 1);
    }
    voters_wanted = n >= 5 ? 5 : n >= 3 ? 3 : 1;
    for (unsigned i = 0; i < n; i++)
        AWAIT(has_voters, i);
}

static uint8_t request_n;

static int propose(unsigned i, const char *text)
{
    uint8_t id[CLUSTER_ID_BYTES] = {++request_n};

    return cluster_of(i)->ops->propose(cluster_of(i), span_from_str(text), id, on_done, NULL);
}

/* Behind a snapshot as many entries stay as others may still want, and while one is taken many
 * more may have come: it has a snapshot that is so far ahead that this entry went. */
static inline bool has_cut(unsigned i, uint64_t index)
{
    return has_snapshot(i) && disk_snapshot_index(lab.nodes[i].path) >= index + LOG_SIZES_N;
}

/* Who needs the entry from this node is sent its snapshot then. Texts do not become more. */
static inline void cut_log(unsigned i, uint64_t index)
{
    const uint64_t end_ms = loop_now_ms(lab.loop) + WAIT_MS;
    unsigned asked_n = lab.done_n;

    while (!has_cut(i, index)) {
        assert_true(loop_now_ms(lab.loop) < end_ms);
        if (lab.done_n >= asked_n &&
            cluster_of(i)->ops->barrier(cluster_of(i), on_done, NULL) == 0)
            asked_n = lab.done_n + 1;
        (void)loop_turn(lab.loop, 20);
    }
    AWAIT(is_done, asked_n);
}

static bool knows_leader(unsigned i)
{
    return status_of(i).has_quorum;
}

/* 0: done; WERR_NOT_LEADER: nobody leads any more. */
static inline int try_add(unsigned at, const char *text)
{
    const unsigned before = lab.done_n;

    AWAIT(knows_leader, at);
    const int rc = propose(at, text);
    if (rc < 0)
        return rc;
    AWAIT(is_done, before + 1);
    return lab.error;
}

/* Behind the first `before` texts. */
static inline bool has_text_behind(unsigned i, unsigned before, const char *text)
{
    for (unsigned k = before; k < lab.nodes[i].text_n; k++)
        if (strcmp(lab.nodes[i].texts[k], text) == 0)
            return true;
    return false;
}

/* What was under way when the lead was lost is done by then, or never will be. */
static inline void pass_a_barrier(unsigned at)
{
    do {
        const unsigned before = lab.done_n;

        AWAIT(knows_leader, at);
        lab.error = cluster_of(at)->ops->barrier(cluster_of(at), on_done, NULL);
        if (lab.error == 0)
            AWAIT(is_done, before + 1);
        (void)loop_turn(lab.loop, 20);
    } while (lab.error != 0);
}

/* On a busy machine a leader may lose the lead before it hears of this, and nothing was done
 * then, or while it is under way. */
static inline void add(unsigned at, const char *text)
{
    const unsigned before = lab.nodes[at].text_n;
    int rc = WERR_NOT_LEADER;

    while (rc == WERR_NOT_LEADER) {
        rc = try_add(at, text);
        if (rc != WERR_OUTCOME_UNKNOWN)
            continue;
        pass_a_barrier(at);
        rc = has_text_behind(at, before, text) ? 0 : WERR_NOT_LEADER;
    }
    assert_int_equal(rc, 0);
    /* Here it is applied already. */
    assert_string_equal(lab.nodes[at].texts[lab.nodes[at].text_n - 1], text);
}

static unsigned texts_wanted;

static bool has_texts(unsigned i)
{
    return lab.nodes[i].text_n == texts_wanted;
}

static inline void assert_equal(unsigned n, unsigned texts)
{
    texts_wanted = texts;
    for (unsigned i = 0; i < n; i++) {
        if (cluster_of(i) == NULL)
            continue;
        AWAIT(has_texts, i);
        for (unsigned k = 0; k < n; k++)
            if (cluster_of(k) != NULL && has_texts(k))
                assert_memory_equal(lab.nodes[i].texts, lab.nodes[k].texts,
                                    (size_t)texts * TEXT_MAX);
    }
}

static inline unsigned leader_index(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (cluster_of(i) != NULL && cluster_of(i)->ops->role(cluster_of(i)) == CLUSTER_LEADER)
            return i;
    return n;
}

static inline bool has_leader(unsigned n)
{
    return leader_index(n) < n;
}

#endif
