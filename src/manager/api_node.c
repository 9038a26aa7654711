#include <stdlib.h>

#include "log/log.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
#include "manager/api_wish.h"
#include "manager/events.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/start.h"
#include "pool/pool_code.h"

/* Settings of this machine: nobody else hears of them, and nothing is agreed. */

static char *show(const struct api_conn *ac)
{
    return api_json_node(pool_code_node_json(&ac->m->node), api_base(ac));
}

/* Of the settings alone: links depend on who asks. 0: no memory. */
static uint64_t tag_of(const struct api_conn *ac)
{
    char *text = pool_code_node_json(&ac->m->node);
    const uint64_t tag = text != NULL ? api_tag_of_text(text) : 0;

    free(text);
    return tag;
}

void api_node_get(struct api_conn *ac)
{
    ac->tag = tag_of(ac);
    api_respond(ac, 200, show(ac));
}

/* Nothing happens between this and the change. */
static bool may_change(const struct api_conn *ac)
{
    const uint64_t tag = tag_of(ac);

    return tag != 0 && api_tag_may_change(&ac->conditions, tag);
}

static int read_change(const struct api_conn *ac, struct node_settings *wanted,
                       struct pool_error *error)
{
    /* The first names the resource: GET shows it, and a body without it is a wish. */
    static const struct api_json_fixed rows[] = {
        {"links", NULL},
    };
    static const struct api_json_fixed_set fixed = {rows, sizeof(rows) / sizeof(rows[0]),
                                                    false};
    char *rest = NULL;
    int rc = api_shown_cut(api_body(ac), show(ac), &fixed, error, &rest);

    if (rc == 0)
        rc = pool_code_set_node_from_json(rest != NULL ? span_from_str(rest) : api_body(ac),
                                          wanted, error);
    free(rest);
    return rc;
}

_Static_assert((int)NODE_WORKERS_MAX == (int)CONFIG_WORKERS_MAX, "as --workers");

/* WERR_*: it was not done, and nothing else is. */
static int set_workers(struct manager *m, struct node_settings *wanted)
{
    const bool is_witness = members_is_witness(m->cluster);
    const unsigned n = is_witness ? 0 : machine_workers(&m->machine, wanted->workers);
    const unsigned before = m->worker_n;
    int rc = 0;

    wanted->workers = n;
    if (n == before)
        return 0;
    rc = supervisor_resize(&m->supervisor, n, m->config->drain_timeout_ms);
    if (rc < 0)
        return rc;
    m->worker_n = n;
    publish_on_exit(&m->publish);
    log_always("number of workers set", LOG_U("workers", n), LOG_U("before", before));
    return 0;
}

static void take(struct manager *m, const struct node_settings *wanted)
{
    m->node = *wanted;
    log_set_level((enum log_level)wanted->log_level);
    publish_node(&m->publish, &(struct frame_node){.queue_bytes = wanted->queue_bytes,
                                                   .log_level = wanted->log_level});
    log_always("node set", LOG_U("queue_bytes", wanted->queue_bytes),
               LOG_S("log_level", setting_level_word(wanted->log_level)));
}

static void change(struct api_conn *ac, struct node_settings *wanted)
{
    const int rc = set_workers(ac->m, wanted);
    struct event_by by;

    if (rc < 0) {
        api_problem_internal(ac, rc);
        return;
    }
    take(ac->m, wanted);
    api_name_caller(ac, &by);
    events_set_by(ac->m, &by);
    events_tell(ac->m, &(struct event_note){.kind = EVENT_NODE_CHANGED});
    events_set_by(ac->m, NULL);
    api_await_workers(ac, api_node_get);
}

void api_node_change(struct api_conn *ac)
{
    struct node_settings wanted = ac->m->node;
    struct pool_error error;
    const int rc = read_change(ac, &wanted, &error);
    const bool is_resized = wanted.workers != ac->m->worker_n;

    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    else if (!may_change(ac))
        api_problem(ac, 412, "precondition_failed", "the node is another than If-Match says");
    else if (is_resized && members_is_witness(ac->m->cluster))
        api_problem(ac, 409, "witness", "this node is a witness: it has no workers");
    else if (ac->query.is_dry_run)
        api_respond(ac, 200, api_json_dry_run("set node"));
    else if (is_resized && manager_is_leaving(ac->m))
        api_problem(ac, 503, "draining", "weldr is shutting down");
    else if (is_resized && !start_is_ready(ac->m))
        api_problem_passing(ac, 503, "starting", "weldr has not started all workers yet");
    else
        change(ac, &wanted);
}
