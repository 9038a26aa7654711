#include <inttypes.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/num.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_json_body.h"
#include "manager/api_json_changes.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/usable.h"

/* The history of the description, and the way back. (A server's own, of its states, is
 * api_history.c.) */

enum { LIMIT = 100, LIMIT_MAX = 1000 };

static void refuse(struct api_conn *ac, const char *field, const char *why)
{
    struct pool_error error;

    pool_error_set(&error, "invalid_value", field, "%s %s", field, why);
    api_problem_of(ac, &error);
}

/* False: it is there and no number from 1 to max. */
static bool read_number(const struct api_conn *ac, struct span key, uint64_t max, uint64_t *n)
{
    const struct span value = api_route_query(span_from_str(ac->query.text), key);

    return value.ptr == NULL || (num_from_dec(value, max, n) == 0 && *n != 0);
}

void api_changes_list(struct api_conn *ac)
{
    const struct pool_history *h = ac->m->history;
    uint64_t limit = LIMIT, before = POOL_ID_INDEX_MAX;

    if (!read_number(ac, SPAN("limit"), LIMIT_MAX, &limit)) {
        refuse(ac, "limit", "must be a whole number from 1 to 1000");
        return;
    }
    if (!read_number(ac, SPAN("before"), POOL_ID_INDEX_MAX, &before)) {
        refuse(ac, "before", "must be the revision of a change");
        return;
    }
    ac->tag = pool_history_digest(h);
    api_respond(
        ac, 200,
        api_json_changes(h, pool_history_place(h, before - 1), (uint32_t)limit, api_base(ac)));
}

/* 0: the path has none. */
static uint64_t revision_in_path(const struct api_conn *ac)
{
    uint64_t revision = 0;

    if (num_from_dec(api_match_param(&ac->match, SPAN("revision")), POOL_ID_INDEX_MAX,
                     &revision) < 0)
        return 0;
    return revision;
}

static const struct pool_history_record *find(struct api_conn *ac)
{
    const struct pool_history_record *r =
        pool_history_find(ac->m->history, revision_in_path(ac));

    if (r == NULL)
        api_problem(ac, 404, "not_found", "no change of this revision is in the history");
    return r;
}

static void respond_change(struct api_conn *ac, const struct pool_history_record *r)
{
    api_respond(ac, 200, api_json_change(ac->m->history, r, api_base(ac)));
}

void api_changes_get(struct api_conn *ac)
{
    const struct pool_history_record *r = find(ac);

    if (r != NULL)
        respond_change(ac, r);
}

/* ---- the way back ---- */

static int compare_ids(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Of all pools: what this node holds unusable. */
static int stamp_guard(const struct manager *m, struct pool_command *c)
{
    c->guard_unusable = fault_malloc((m->pool->server_n + 1) * sizeof(c->guard_unusable[0]));
    if (c->guard_unusable == NULL)
        return WERR_NOMEM;
    c->has_guard = true;
    for (uint32_t i = 0; i < m->pool->pool_n; i++) {
        const struct pool *p = m->pool->pools[i];

        for (uint32_t k = 0; k < p->server_n; k++)
            if (!usable_is(m, p->servers[k]))
                c->guard_unusable[c->guard_n++] = p->servers[k]->id;
    }
    qsort(c->guard_unusable, c->guard_n, sizeof(c->guard_unusable[0]), compare_ids);
    return 0;
}

/* Nothing was changed: it is so since that change, or again. */
static void on_restored(struct api_conn *ac)
{
    const struct pool_history *h = ac->m->history;
    const bool is_change = ac->outcome.change != POOL_CHANGE_NONE;

    MUST(ac->change != NULL && ac->outcome.kind == KIND_POOL); /* as servers.c notes it */

    if (ac->outcome.result != 0) {
        api_problem_of_refusal(ac);
        return;
    }
    const struct pool_history_record *r =
        pool_history_find(h, is_change ? ac->outcome.id : revision_in_path(ac));

    if (r != NULL)
        respond_change(ac, r);
    else
        api_problem(ac, 404, "not_found", "the change is not in the history any more");
}

static int judge(const struct api_conn *ac, struct pool_command *c,
                 struct pool_history_back *back, struct pool_error *error)
{
    const struct manager *m = ac->m;
    int rc = ac->query.is_forced ? 0 : stamp_guard(m, c);

    if (rc == 0) {
        api_tag_stamp_as(&ac->conditions, pool_history_digest(m->history), c);
        rc = pool_history_restore(m->history, m->pool, c, m->pool->index + 1, back, error);
    }
    return rc;
}

static void restore(struct api_conn *ac, struct pool_command *c)
{
    struct pool_history_back back = {NULL, NULL};
    struct pool_error error;
    const int rc = judge(ac, c, &back, &error);

    if (rc == WERR_NOMEM)
        api_problem_internal(ac, rc);
    else if (rc < 0)
        api_problem_of(ac, &error);
    else if (ac->query.is_dry_run)
        api_respond(ac, 200, api_json_change_dry_run(back.record));
    pool_history_back_fini(&back); /* before memory is needed for the same again */
    if (rc == 0 && !ac->query.is_dry_run)
        api_propose(ac, c, on_restored);
}

void api_changes_restore(struct api_conn *ac)
{
    struct pool_command c;
    struct pool_error error;
    const int rc = api_json_read_body(api_body(ac), NULL, 0, &error);

    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    if (find(ac) == NULL)
        return;
    pool_command_init(&c, POOL_RESTORE);
    c.restore = revision_in_path(ac);
    restore(ac, &c);
    pool_command_fini(&c);
}
