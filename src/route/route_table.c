/* Rules by host and path. Each host that rules name, with or without "*.", has a book of its
 * own, and so have the rules without one; in a book rules stand under the paths and prefixes
 * that they name, or among the rest. A rule is listed wherever a request that it takes is
 * looked for, so what is found are candidates, in the order of priority: each is then judged by
 * all its conditions. */
#include <stdlib.h>

#include "base/fault.h"
#include "route/route_int.h"

#define HASH_NONFATAL_OOM      1
#define uthash_malloc(bytes)   fault_malloc(bytes)
#define uthash_free(ptr, size) free(ptr)
#define HASH_FUNCTION(key, len, value)             \
    do {                                           \
        (value) = (unsigned)XXH3_64bits(key, len); \
    } while (0)
#define XXH_INLINE_ALL
#include <uthash.h>
#include <xxhash.h>

/* Places of rules, ascending. */
struct rule_list {
    uint32_t *at;
    uint32_t n, cap;
};

struct path_entry {
    UT_hash_handle hh;
    const char *path; /* of a rule */
    struct rule_list rules;
};

struct book {
    UT_hash_handle hh;
    const char *host; /* of a rule; NULL: any */
    struct path_entry *paths, *prefixes;
    size_t prefix_max;                             /* bytes of the longest */
    uint64_t prefix_bytes[RULE_TEXT_MAX / 64 + 1]; /* bit n: there is one of n bytes */
    struct rule_list rest;
};

struct route_table {
    struct rule *rules; /* own copies */
    uint32_t n;
    struct rule_action default_action;
    struct route_turn *turns; /* n, and one of the default action */
    struct book any_host;
    struct book *hosts;
    char *path_buf;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-cognitive-complexity,readability-function-size) */
static struct path_entry *find_path(struct path_entry *entries, struct span path)
{
    struct path_entry *e = NULL;
    HASH_FIND(hh, entries, path.ptr, path.len, e);
    return e;
}

static bool add_path(struct path_entry **entries, struct path_entry *e)
{
    HASH_ADD_KEYPTR(hh, *entries, e->path, strlen(e->path), e);
    return e->hh.tbl != NULL;
}

static void delete_path(struct path_entry **entries, struct path_entry *e)
{
    HASH_DELETE(hh, *entries, e);
}

static struct book *find_host(struct book *books, struct span host)
{
    struct book *b = NULL;
    HASH_FIND(hh, books, host.ptr, host.len, b);
    return b;
}

static bool add_host(struct book **books, struct book *b)
{
    HASH_ADD_KEYPTR(hh, *books, b->host, strlen(b->host), b);
    return b->hh.tbl != NULL;
}

static void delete_host(struct book **books, struct book *b)
{
    HASH_DELETE(hh, *books, b);
}
/* NOLINTEND(readability-function-cognitive-complexity,readability-function-size) */

/* ---- making ---- */

static bool list_add(struct rule_list *list, uint32_t place)
{
    /* A rule may name a path twice. */
    if (list->n > 0 && list->at[list->n - 1] == place)
        return true;
    if (list->n == list->cap) {
        uint32_t cap = list->cap > 0 ? list->cap * 2 : 4;
        uint32_t *at = fault_malloc(cap * sizeof(*at));
        if (at == NULL)
            return false;
        if (list->n > 0)
            memcpy(at, list->at, list->n * sizeof(*at));
        free(list->at);
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = place;
    return true;
}

static bool list_under(struct path_entry **entries, const char *path, uint32_t place)
{
    struct path_entry *e = find_path(*entries, span_from_str(path));

    if (e == NULL) {
        e = fault_malloc(sizeof(*e));
        if (e == NULL)
            return false;
        memset(e, 0, sizeof(*e));
        e->path = path;
        if (!add_path(entries, e)) {
            free(e);
            return false;
        }
    }
    return list_add(&e->rules, place);
}

static void note_prefix(struct book *b, size_t bytes)
{
    MUST(bytes <= RULE_TEXT_MAX);
    b->prefix_bytes[bytes / 64] |= UINT64_C(1) << bytes % 64;
    if (bytes > b->prefix_max)
        b->prefix_max = bytes;
}

/* Under its paths, else under its prefixes, else among the rest. */
static bool list_in_book(struct book *b, const struct rule_conditions *c, uint32_t place)
{
    bool is_done = true;

    for (uint32_t i = 0; i < c->paths.n && is_done; i++)
        is_done = list_under(&b->paths, c->paths.at[i], place);
    for (uint32_t i = 0; c->paths.n == 0 && i < c->path_prefixes.n && is_done; i++) {
        is_done = list_under(&b->prefixes, c->path_prefixes.at[i], place);
        note_prefix(b, strlen(c->path_prefixes.at[i]));
    }
    if (c->paths.n == 0 && c->path_prefixes.n == 0)
        is_done = list_add(&b->rest, place);
    return is_done;
}

static struct book *book_of(struct route_table *t, const char *host)
{
    struct book *b = find_host(t->hosts, span_from_str(host));

    if (b != NULL)
        return b;
    b = fault_malloc(sizeof(*b));
    if (b == NULL)
        return NULL;
    memset(b, 0, sizeof(*b));
    b->host = host;
    if (add_host(&t->hosts, b))
        return b;
    free(b);
    return NULL;
}

static bool list_rule(struct route_table *t, uint32_t place)
{
    const struct rule_conditions *c = &t->rules[place].conditions;

    if (c->hosts.n == 0)
        return list_in_book(&t->any_host, c, place);
    for (uint32_t i = 0; i < c->hosts.n; i++) {
        struct book *b = book_of(t, c->hosts.at[i]);
        if (b == NULL || !list_in_book(b, c, place))
            return false;
    }
    return true;
}

static bool make_room(struct route_table *t, uint32_t n)
{
    t->turns = fault_malloc((n + 1) * sizeof(*t->turns));
    t->rules = fault_malloc((n + 1) * sizeof(*t->rules));
    t->path_buf = n > 0 ? fault_malloc(ROUTE_PATH_MAX) : NULL;
    return t->turns != NULL && t->rules != NULL && (n == 0 || t->path_buf != NULL);
}

static bool take_rules(struct route_table *t, struct rule *const *rules, uint32_t n,
                       unsigned worker)
{
    for (t->n = 0; t->n < n; t->n++) {
        struct rule *rule = &t->rules[t->n];
        if (rule_copy(rule, rules[t->n]) != 0)
            return false;
        route_turn_init(&t->turns[t->n], rule, &rule->action, worker);
    }
    for (uint32_t i = 0; i < n; i++)
        if (!list_rule(t, i))
            return false;
    return true;
}

/* Its priority is another one, or it is new; a rule with one pool has no turns. */
static void seek_turn(struct route_turn *turn, const struct rule *rule,
                      const struct route_table *before, uint64_t newest_id)
{
    if (rule->id > newest_id || rule->action.target_n < 2)
        return;
    for (uint32_t k = 0; k < before->n; k++)
        if (route_turn_take(turn, &before->turns[k]))
            return;
}

static uint64_t find_newest(const struct route_table *t)
{
    uint64_t id = 0;

    for (uint32_t i = 0; i < t->n; i++)
        id = t->rules[i].id > id ? t->rules[i].id : id;
    return id;
}

/* Both are in the order of priority. */
static void take_turns(struct route_table *t, const struct route_table *before)
{
    const uint64_t newest_id = find_newest(before);
    uint32_t k = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        while (k < before->n && before->rules[k].priority < t->rules[i].priority)
            k++;
        if (k == before->n || !route_turn_take(&t->turns[i], &before->turns[k]))
            seek_turn(&t->turns[i], &t->rules[i], before, newest_id);
    }
    route_turn_take(&t->turns[t->n], &before->turns[before->n]);
}

struct route_table *route_table_new(struct rule *const *rules, uint32_t n,
                                    const struct rule_action *default_action, unsigned worker,
                                    const struct route_table *before)
{
    struct route_table *t = fault_malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    memset(t, 0, sizeof(*t));
    if (!make_room(t, n) || rule_action_copy(&t->default_action, default_action) != 0 ||
        !take_rules(t, rules, n, worker)) {
        route_table_free(t);
        return NULL;
    }
    route_turn_init(&t->turns[n], NULL, &t->default_action, worker);
    if (before != NULL)
        take_turns(t, before);
    return t;
}

/* The analyzer does not see that HASH_DELETE unlinks.
 * NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void free_paths(struct path_entry **entries)
{
    while (*entries != NULL) {
        struct path_entry *e = *entries;
        delete_path(entries, e);
        free(e->rules.at);
        free(e);
    }
}

static void fini_book(struct book *b)
{
    free_paths(&b->paths);
    free_paths(&b->prefixes);
    free(b->rest.at);
}

static void free_hosts(struct route_table *t)
{
    while (t->hosts != NULL) {
        struct book *b = t->hosts;
        delete_host(&t->hosts, b);
        fini_book(b);
        free(b);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void route_table_free(struct route_table *t)
{
    if (t == NULL)
        return;
    fini_book(&t->any_host);
    free_hosts(t);
    for (uint32_t i = 0; i < t->n; i++)
        rule_fini(&t->rules[i]);
    rule_action_fini(&t->default_action);
    free(t->turns);
    free(t->rules);
    free(t->path_buf);
    free(t);
}

/* ---- matching ---- */

struct search {
    const struct route_table *table;
    const struct route_view *view;
    uint32_t best; /* place of the first rule found so far; n: none */
};

static void try_list(struct search *s, const struct rule_list *list)
{
    for (uint32_t i = 0; i < list->n && list->at[i] < s->best; i++) {
        const struct rule *rule = &s->table->rules[list->at[i]];
        if (route_conditions_fail(&rule->conditions, s->view) != NULL)
            continue;
        s->best = list->at[i];
        return;
    }
}

static void try_prefix(struct search *s, struct book *b, size_t len)
{
    const struct path_entry *e = NULL;

    if ((b->prefix_bytes[len / 64] >> len % 64 & 1) == 0)
        return;
    e = find_path(b->prefixes, span_first(s->view->path, len));
    if (e != NULL)
        try_list(s, &e->rules);
}

/* Prefixes end before or behind a slash, or with the path. */
static void try_prefixes(struct search *s, struct book *b)
{
    struct span path = s->view->path;
    size_t max = path.len < b->prefix_max ? path.len : b->prefix_max;

    for (size_t i = 0; i < max; i++) {
        if (path.ptr[i] != '/')
            continue;
        if (i > 0)
            try_prefix(s, b, i);
        try_prefix(s, b, i + 1);
    }
    if (path.len <= b->prefix_max && path.len > 0 && path.ptr[path.len - 1] != '/')
        try_prefix(s, b, path.len);
    else if (path.len > max && path.ptr[max] == '/')
        try_prefix(s, b, max);
}

static void try_book(struct search *s, struct book *b)
{
    const struct path_entry *e = b->paths != NULL ? find_path(b->paths, s->view->path) : NULL;

    if (e != NULL)
        try_list(s, &e->rules);
    if (b->prefixes != NULL)
        try_prefixes(s, b);
    try_list(s, &b->rest);
}

/* The host itself, then "*" and what follows each of its dots. */
static void try_hosts(struct search *s, struct book *books)
{
    char name[ROUTE_HOST_MAX + 2];
    struct span host = s->view->host;
    struct book *b = find_host(books, host);

    if (b != NULL)
        try_book(s, b);
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] != '.')
            continue;
        name[0] = '*';
        memcpy(name + 1, host.ptr + i, host.len - i);
        b = find_host(books, span_from(name, 1 + host.len - i));
        if (b != NULL)
            try_book(s, b);
    }
}

struct route_hit route_match(struct route_table *t, const struct route_request *r)
{
    struct route_view view;
    struct search s = {.table = t, .view = &view, .best = t->n};

    if (t->n > 0) {
        route_view_init(&view, r, t->path_buf);
        try_book(&s, &t->any_host);
        if (t->hosts != NULL && view.host.len > 0)
            try_hosts(&s, t->hosts);
    }
    if (s.best == t->n)
        return (struct route_hit){.action = &t->default_action, .turn = t->n};
    return (struct route_hit){
        .rule = &t->rules[s.best], .action = &t->rules[s.best].action, .turn = s.best};
}

const struct rule_target *route_pick(struct route_table *t, const struct route_hit *hit)
{
    MUST(hit->action->type == RULE_FORWARD && hit->turn <= t->n);
    return &hit->action->targets[route_turn_next(&t->turns[hit->turn], hit->action)];
}

const struct rule_target *route_peek(const struct route_table *t, const struct route_hit *hit)
{
    MUST(hit->action->type == RULE_FORWARD && hit->turn <= t->n);
    return &hit->action->targets[route_turn_peek(&t->turns[hit->turn], hit->action)];
}

uint32_t route_table_rule_n(const struct route_table *t)
{
    return t->n;
}

const struct rule *route_table_rule(const struct route_table *t, uint32_t i)
{
    MUST(i < t->n);
    return &t->rules[i];
}

char *route_table_path_buf(struct route_table *t)
{
    return t->path_buf;
}
