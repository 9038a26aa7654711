#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/upgrade.h"

/* Where a leader is known the engine asks it: here nobody leads, or nobody has for long enough.
 */
static void respond_no_quorum(struct api_conn *ac)
{
    api_problem_passing(ac, 503, "no_quorum",
                        "no node leads the cluster now, as it needs more than half of its "
                        "voters: nothing was changed; requests are served as before");
}

/* Another member takes the change; this one would not know what it says. */
static void respond_halted(struct api_conn *ac)
{
    struct cluster_status status;
    char detail[CLUSTER_WHY_MAX + 160];

    ac->m->cluster->ops->status(ac->m->cluster, &status);
    (void)snprintf(
        detail, sizeof(detail),
        "%s; until then ask another member for changes, requests are served as before",
        status.halt.why);
    api_problem(ac, 503, "halted", detail);
}

void api_respond_failure(struct api_conn *ac, int rc)
{
    switch (rc) {
    case WERR_HALTED:
        respond_halted(ac);
        return;
    case WERR_NOT_LEADER:
        respond_no_quorum(ac);
        return;
    case WERR_OUTCOME_UNKNOWN:
        api_problem_passing(
            ac, 504, "outcome_unknown",
            "the change was not confirmed in time: it may have been made, or may yet "
            "be; look before you try again");
        return;
    case WERR_SHUTTING_DOWN:
        api_problem(ac, 503, "draining",
                    "weldr is shutting down: it is not known whether the change was made");
        return;
    case WERR_NO_SPACE:
        api_problem(ac, 507, "no_space",
                    "the disk of the data directory is full: nothing was changed");
        return;
    case WERR_TOO_BIG:
        api_problem(ac, 413, "too_large",
                    "the change is longer than what members send each other, 6 MiB: nothing "
                    "was changed; make it in several parts");
        return;
    case WERR_AGAIN:
        api_problem_passing(ac, 503, "busy", "too many changes at once: nothing was changed");
        return;
    case WERR_UNSUPPORTED:
        api_problem_passing(ac, 503, "busy",
                            "not all members of the cluster can read this yet (level in GET "
                            "/cluster): nothing was changed");
        return;
    default:
        api_problem_internal(ac, rc);
    }
}

/* It is not here yet while a name is looked up, and no longer when others may have the
 * directory.
 */
bool api_has_engine(struct api_conn *ac)
{
    if (manager_is_draining(ac->m))
        api_problem(ac, 503, "draining", "weldr is shutting down");
    else if (upgrade_has_let_go(ac->m))
        api_problem_passing(
            ac, 503, "starting",
            "another weldr is about to take this one's place: it takes changes");
    else if (ac->m->cluster == NULL)
        api_problem_passing(ac, 503, "starting",
                            "weldr has yet to find the member of the cluster that it joins");
    else
        return true;
    return false;
}

static void on_applied(struct applied_waiter *w)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, applied));

    MUST(ac->magic == API_MAGIC);
    ac->has_waited = true;
    ac->then(ac);
}

static void on_change(struct change *ch)
{
    struct api_conn *ac = ch->waiter;

    MUST(ac->magic == API_MAGIC);
    ac->outcome = ch->outcome;
    if (ch->error < 0)
        api_respond_failure(ac, ch->error);
    else if (ac->wants_applied && ac->outcome.result == 0)
        applied_wait(ac->m, &ac->applied, ac->m->pool->index, on_applied);
    else
        ac->then(ac);
}

void api_name_caller(const struct api_conn *ac, struct event_by *by)
{
    *by = (struct event_by){.address = "socket", .token = ""};
    if (ac->peer.family != 0)
        (void)addr_print(&ac->peer, by->address);
    memcpy(by->token, ac->token_name, sizeof(by->token));
}

_Static_assert((int)ADDR_TEXT_MAX <= (int)POOL_BY_ADDRESS_MAX + 1 &&
                   (int)TOKEN_NAME_MAX <= (int)POOL_BY_TOKEN_MAX,
               "the history has it whole");

/* For the history. */
static void name_request(const struct api_conn *ac, struct pool_by *to)
{
    char request[POOL_BY_REQUEST_MAX + 1];
    struct event_by by;

    api_name_caller(ac, &by);
    pool_by_set(to->address, sizeof(to->address), span_from_str(by.address));
    pool_by_set(to->token, sizeof(to->token), span_from_str(by.token));
    (void)snprintf(request, sizeof(request), "%s %.*s", ac->method, (int)ac->path.len,
                   ac->path.ptr);
    pool_by_set(to->request, sizeof(to->request), span_from_str(request));
}

void api_propose(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *))
{
    if (!api_has_engine(ac))
        return;
    MUST(ac->change == NULL); /* a request makes one */
    name_request(ac, &c->by);
    int rc = change_new(ac->m, c, &ac->change);
    if (rc < 0) {
        api_respond_failure(ac, rc);
        return;
    }
    api_name_caller(ac, &ac->change->by);
    ac->change->has_drain = ac->query.has_drain;
    ac->change->drain_ms = ac->query.drain_ms;
    ac->then = then;
    api_move(ac, API_WAITING, "proposed");
    conn_timer_stop(&ac->conn);
    change_propose_command(ac->change, c, on_change, ac);
}

static void on_left(struct change *ch)
{
    struct api_conn *ac = ch->waiter;

    MUST(ac->magic == API_MAGIC);
    ac->then(ac);
}

void api_await_leaving(struct api_conn *ac, void (*then)(struct api_conn *))
{
    MUST(ac->change != NULL && ac->phase == API_WAITING);
    ac->then = then;
    conn_watch_fin(&ac->conn);
    change_await_leaving(ac->change, ac->query.timeout_ms, on_left);
}

/* Of a change. Without a leader nothing is known for sure. */
static void judge_once_more(struct api_conn *ac, int error)
{
    if (error < 0) {
        api_respond_failure(ac, error);
        return;
    }
    api_move(ac, API_READING, "judged once more");
    api_handle(ac);
}

static void on_fresh(struct fresh_waiter *w, int error)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, fresh));

    MUST(ac->magic == API_MAGIC);
    ac->is_fresh = true;
    if (!ac->query.is_consistent) {
        judge_once_more(ac, error);
        return;
    }
    if (error == WERR_NOT_LEADER)
        api_problem_passing(ac, 503, "no_quorum",
                            "no node leads the cluster now: what this one knows may be stale; "
                            "without consistent=true it is told");
    else if (error == WERR_SHUTTING_DOWN)
        api_problem(ac, 503, "draining", "weldr is shutting down");
    else if (error < 0)
        api_respond_failure(ac, error);
    else
        api_handle(ac);
}

void api_await_fresh(struct api_conn *ac)
{
    MUST(!ac->is_fresh); /* a request waits once */
    if (!api_has_engine(ac))
        return;
    api_move(ac, API_WAITING, "consistent");
    conn_timer_stop(&ac->conn);
    fresh_wait(ac->m, &ac->fresh, on_fresh);
}

static void on_acked(struct publish_waiter *w)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, waiter));

    MUST(ac->magic == API_MAGIC && ac->awaits_workers);
    ac->awaits_workers = false;
    ac->then(ac);
}

void api_await_workers(struct api_conn *ac, void (*then)(struct api_conn *))
{
    ac->then = then;
    ac->awaits_workers = true;
    api_move(ac, API_WAITING, "workers");
    conn_timer_stop(&ac->conn);
    publish_wait(&ac->m->publish, &ac->waiter, on_acked);
}
