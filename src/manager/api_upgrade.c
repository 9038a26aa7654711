#include <limits.h>
#include <string.h>

#include "base/jtext.h"
#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_json_body.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/upgrade.h"

/* Another Weldr is to take this one's place: the response comes when it serves, or why not. */

static char *make_text(const struct upgrade *u)
{
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_number(&t, "pid", (uint64_t)u->successor.pid);
    jtext_str(&t, "version", u->version);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

static void on_end(struct api_conn *ac, const char *why)
{
    MUST(ac->magic == API_MAGIC && ac->awaits_upgrade);
    ac->awaits_upgrade = false;
    if (why == NULL)
        api_respond(ac, 200, make_text(ac->m->upgrade));
    else
        api_problem(ac, 409, "upgrade_failed", why);
}

static void refuse(struct api_conn *ac, int rc, const char *why)
{
    if (rc == WERR_IN_USE)
        api_problem_passing(ac, 409, "upgrade_under_way", why);
    else if (rc == WERR_AGAIN)
        api_problem_passing(ac, 503, manager_is_leaving(ac->m) ? "draining" : "starting", why);
    else
        api_problem(ac, 409, "upgrade_failed", why);
}

void api_upgrade(struct api_conn *ac)
{
    char binary[PATH_MAX] = "", why[UPGRADE_WHY_MAX];
    const struct api_json_want wants[] = {{.key = "binary",
                                           .text = binary,
                                           .size = sizeof(binary),
                                           .must = "must be the absolute path of a program"}};
    struct pool_error error;
    struct event_by by;
    int rc = api_json_read_body(api_body(ac), wants, 1, &error);

    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    ac->is_fresh = true; /* what other nodes know plays no part: a refusal is not judged anew */
    api_name_caller(ac, &by);
    log_always("upgrade is asked for", LOG_S("binary", binary), LOG_S("by", by.address),
               LOG_S("token", by.token));
    rc = upgrade_begin(ac->m, binary[0] != '\0' ? binary : NULL, why);
    if (rc < 0) {
        refuse(ac, rc, why);
        return;
    }
    api_move(ac, API_WAITING, "an upgrade is under way");
    conn_timer_stop(&ac->conn);
    ac->awaits_upgrade = true;
    upgrade_await(ac->m, on_end, ac);
}
