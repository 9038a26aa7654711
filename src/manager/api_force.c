#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_json_body.h"
#include "manager/api_problem.h"
#include "manager/fence.h"
#include "manager/force.h"
#include "manager/manager.h"
#include "manager/members.h"

/* The second of a pair becomes the whole cluster: what fence.h asks for, then force.h. */

bool api_read_fenced(struct api_conn *ac, uint64_t *fenced)
{
    char text[MEMBERS_ID_TEXT] = "";
    const struct api_json_want wants[] = {{.key = "fenced",
                                           .text = text,
                                           .size = sizeof(text),
                                           .must = "must be the id of a member: 16 hexadecimal "
                                                   "digits"}};
    struct pool_error error;
    int rc = api_json_read_body(api_body(ac), wants, 1, &error);

    *fenced = 0;
    if (rc == 0 && text[0] != '\0' && members_read_id(span_from_str(text), fenced) < 0) {
        pool_error_set(&error, "invalid_value", "fenced", "fenced %s", wants[0].must);
        rc = WERR_INVALID;
    }
    if (rc == 0 && text[0] != '\0' && !ac->query.is_forced) {
        pool_error_set(&error, "invalid_value", "fenced", "fenced goes with force=true alone");
        rc = WERR_INVALID;
    }
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    return rc == 0;
}

static void refuse(struct api_conn *ac, enum fence_answer answer, const char *why)
{
    if (answer == FENCE_IN_CONTACT)
        api_problem_passing(ac, 409, "voter_in_contact", why);
    else if (answer == FENCE_NOT_SAID)
        api_problem(ac, 409, "not_fenced", why);
    else
        api_problem(ac, 409, "force_not_possible", why);
}

/* Who has given the word, for those who find two nodes with one address later. */
static void log_word(const struct api_conn *ac, uint64_t id, uint64_t fenced)
{
    char text[MEMBERS_ID_TEXT], gone[MEMBERS_ID_TEXT];
    struct event_by by;

    members_print_id(id, text);
    members_print_id(fenced, gone);
    api_name_caller(ac, &by);
    log_always("promotion by force is asked for: the other member is said to be off",
               LOG_S("member", text), LOG_S("fenced", gone), LOG_S("by", by.address),
               LOG_S("token", by.token));
}

static void on_end(struct api_conn *ac, int error)
{
    MUST(ac->magic == API_MAGIC && ac->awaits_force);
    ac->awaits_force = false;
    if (error == 0)
        api_cluster_get(ac);
    else
        api_respond_failure(ac, error);
}

static void begin(struct api_conn *ac)
{
    const int rc = force_begin(ac->m, on_end, ac);

    if (rc == WERR_IN_USE)
        api_problem_passing(ac, 409, "membership_in_change",
                            "this node becomes the whole cluster already");
    if (rc < 0)
        return;
    api_move(ac, API_WAITING, "it becomes the whole cluster");
    conn_timer_stop(&ac->conn);
    ac->awaits_force = true;
}

void api_promote_by_force(struct api_conn *ac, uint64_t id, uint64_t fenced)
{
    char why[FENCE_WHY_MAX];

    if (!api_has_engine(ac))
        return;
    ac->is_fresh = true; /* nobody else knows better: a refusal is not judged anew */
    const enum fence_answer answer = fence_check(ac->m->cluster, id, fenced, why);
    if (answer != FENCE_OK) {
        refuse(ac, answer, why);
        return;
    }
    log_word(ac, id, fenced);
    begin(ac);
}
