#include <stdlib.h>

#include "log/log.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
#include "manager/api_wish.h"
#include "manager/manager.h"
#include "pool/pool_code.h"

/* Settings of this machine: nobody else hears of them, and nothing is agreed. */

static char *show(const struct api_conn *ac)
{
    return api_json_node(pool_code_node_json(&ac->m->node));
}

void api_node_get(struct api_conn *ac)
{
    api_respond(ac, 200, show(ac));
}

static int read_change(const struct api_conn *ac, struct node_settings *wanted,
                       struct pool_error *error)
{
    /* The first names the resource: GET shows it, and a body without it is a wish. */
    static const struct api_json_fixed rows[] = {
        {"links", "they are the node's"},
        {"workers", "workers are started with weldr: --workers"},
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

static void take(struct manager *m, const struct node_settings *wanted)
{
    m->node = *wanted;
    log_set_level((enum log_level)wanted->log_level);
    publish_node(&m->publish, &(struct frame_node){.queue_bytes = wanted->queue_bytes,
                                                   .log_level = wanted->log_level});
    log_always("node set", LOG_U("queue_bytes", wanted->queue_bytes),
               LOG_S("log_level", setting_level_word(wanted->log_level)));
}

void api_node_change(struct api_conn *ac)
{
    struct node_settings wanted = ac->m->node;
    struct pool_error error;
    const int rc = read_change(ac, &wanted, &error);

    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
    } else if (ac->query.is_dry_run) {
        api_respond(ac, 200, api_json_dry_run("set node"));
    } else {
        take(ac->m, &wanted);
        api_await_workers(ac, api_node_get);
    }
}
