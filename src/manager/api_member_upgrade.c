#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/jtext.h"
#include "log/log.h"
#include "manager/api_errand.h"
#include "manager/api_int.h"
#include "manager/api_json_body.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/upgrade_here.h"

/* The upgrade of a member, this node or another one, which is asked by way of the engine. */

struct errand {
    struct manager *m;
    struct api_conn *ac; /* NULL: it has gone, and the engine owes an end still */
    bool is_here;        /* this node is asked: no engine is needed */
    uint64_t id;
    struct upgrade_order order;
};

/* ---- what is told ---- */

static char *make_state(const struct errand *e, const struct upgrade_said *s)
{
    char id[MEMBERS_ID_TEXT];
    struct jtext t;

    members_print_id(e->id, id);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "id", id);
    jtext_str(&t, "phase", s->phase);
    jtext_bool(&t, "is_ready", s->is_ready);
    jtext_bool(&t, "has_leader", s->has_leader);
    jtext_bool(&t, "is_halted", s->is_halted);
    jtext_number(&t, "applied", s->applied);
    jtext_bool(&t, "has_predecessor", s->has_predecessor);
    jtext_number(&t, "pid", s->pid);
    jtext_str(&t, "version", s->version);
    jtext_number(&t, "level", s->level);
    jtext_number(&t, "done", s->done_n);
    jtext_number(&t, "failed", s->failed_n);
    if (s->failure[0] != '\0')
        jtext_str(&t, "failure", s->failure);
    else
        jtext_null(&t, "failure");
    jtext_close(&t, '}');
    return jtext_take(&t);
}

static char *make_program(const struct upgrade_said *s)
{
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "version", s->offered_version);
    jtext_number(&t, "level", s->offered_level);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

static void respond_said(struct api_conn *ac, const struct errand *e,
                         const struct upgrade_said *s)
{
    if (s->result == UPGRADE_IN_USE)
        api_problem_passing(ac, 409, "upgrade_under_way", s->why);
    else if (s->result == UPGRADE_LATER)
        api_problem_passing(ac, 503, "starting", s->why);
    else if (s->result != UPGRADE_DONE)
        api_problem(ac, 409, "upgrade_failed", s->why);
    else if (e->order.kind == UPGRADE_ORDER_CHECK)
        api_respond(ac, 200, make_program(s));
    else
        api_respond(ac, e->order.kind == UPGRADE_ORDER_BEGIN ? 202 : 200, make_state(e, s));
}

/* Of what changes nothing it does not matter whether it was done. */
static void respond_failure(struct api_conn *ac, const struct errand *e, int rc)
{
    const bool changes = e->order.kind == UPGRADE_ORDER_BEGIN;
    const bool is_lost = rc == WERR_TIMEOUT || rc == WERR_OUTCOME_UNKNOWN || rc == WERR_CORRUPT;

    if (rc == WERR_NOT_FOUND)
        api_problem(ac, 404, "not_found", "no member of the cluster has this id");
    else if (rc == WERR_UNSUPPORTED && e->order.kind != UPGRADE_ORDER_STATE)
        api_problem(ac, 409, "members_too_old",
                    "a member runs a Weldr that does not know of this: upgrade it by itself");
    else if (rc == WERR_UNREACHABLE || (is_lost && !changes))
        api_problem_passing(ac, 503, "member_unreachable",
                            "the member does not respond to the leader of the cluster");
    else
        api_respond_failure(ac, is_lost             ? WERR_OUTCOME_UNKNOWN
                                : rc == WERR_IN_USE ? WERR_AGAIN
                                                    : rc);
}

/* ---- how it ends ---- */

/* Takes the errand. s NULL: rc says why not. */
static void end(struct errand *e, int rc, const struct upgrade_said *s)
{
    struct api_conn *ac = e->ac;

    if (ac != NULL) {
        MUST(ac->magic == API_MAGIC && ac->errand == e);
        ac->errand = NULL;
        if (s != NULL)
            respond_said(ac, e, s);
        else
            respond_failure(ac, e, rc);
    }
    free(e);
}

static void on_said(void *arg, const struct upgrade_said *s)
{
    end(arg, 0, s);
}

static void on_answer(void *arg, int error, struct span text)
{
    struct upgrade_said said;

    if (error == 0)
        error = upgrade_said_get(text, &said);
    end(arg, error, error == 0 ? &said : NULL);
}

void api_errand_forget(struct errand *e)
{
    e->ac = NULL;
    if (!e->is_here)
        return;
    upgrade_here_forget(e->m, e);
    free(e);
}

/* ---- what is asked for ---- */

static void run(struct errand *e)
{
    struct cluster *c = e->m->cluster;
    char buf[UPGRADE_ORDER_BYTES_MAX];

    if (e->is_here) {
        upgrade_here_do(e->m, &e->order, on_said, e);
        return;
    }
    const int rc = c->ops->order(c, e->id, upgrade_order_put(&e->order, buf), on_answer, e);
    if (rc < 0)
        end(e, rc, NULL);
}

static bool read_binary(struct api_conn *ac, char binary[PATH_MAX])
{
    const struct api_json_want wants[] = {{.key = "binary",
                                           .text = binary,
                                           .size = PATH_MAX,
                                           .must = "must be the absolute path of a program"}};
    struct pool_error error;

    binary[0] = '\0';
    const int rc = api_json_read_body(api_body(ac), wants, 1, &error);
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    return rc == 0;
}

static void ask(struct api_conn *ac, enum upgrade_order_kind kind)
{
    struct errand *e = fault_malloc(sizeof(*e));
    uint64_t id = 0;

    MUST(ac->errand == NULL); /* a request makes one */
    if (e != NULL)
        memset(e, 0, sizeof(*e));
    if (e == NULL)
        api_respond_failure(ac, WERR_NOMEM);
    else if (api_read_member_id(ac, &id) && api_has_engine(ac) &&
             read_binary(ac, e->order.binary)) {
        ac->is_fresh = true; /* what other nodes know plays no part */
        e->m = ac->m;
        e->ac = ac;
        e->id = id;
        e->is_here = id == members_own_id(ac->m->cluster);
        e->order.kind = (uint8_t)kind;
        ac->errand = e;
        api_move(ac, API_WAITING, "asked of a member");
        conn_timer_stop(&ac->conn);
        run(e);
        return;
    }
    free(e);
}

void api_member_upgrade_get(struct api_conn *ac)
{
    ask(ac, UPGRADE_ORDER_STATE);
}

void api_member_upgrade_check(struct api_conn *ac)
{
    ask(ac, UPGRADE_ORDER_CHECK);
}

void api_member_upgrade(struct api_conn *ac)
{
    struct event_by by;

    api_name_caller(ac, &by);
    log_always("upgrade of a member is asked for",
               LOG_B("member", api_match_param(&ac->match, SPAN("member"))),
               LOG_S("by", by.address), LOG_S("token", by.token));
    ask(ac, UPGRADE_ORDER_BEGIN);
}
