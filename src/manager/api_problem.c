#include "manager/api_problem.h"

#include <stdio.h>
#include <string.h>

#include "http/reply.h"
#include "manager/api.h"
#include "manager/api_int.h"
#include "manager/api_json.h"
#include "manager/manager.h"

static bool is_write(const struct api_conn *ac)
{
    static const char *const reads[] = {"GET", "HEAD", "OPTIONS"};

    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        if (strcmp(ac->method, reads[i]) == 0)
            return false;
    return ac->match.handler != NULL;
}

/* What a change is about may have been made a moment ago, on another node. */
static bool may_not_know_yet(const struct api_conn *ac, unsigned status)
{
    struct cluster *c = ac->m->cluster;

    return (status == 404 || status == 409 || status == 412) && !ac->is_fresh &&
           ac->phase != API_WAITING && is_write(ac) && c != NULL &&
           !manager_is_draining(ac->m) && c->ops->role(c) != CLUSTER_LEADER;
}

static void send_problem(struct api_conn *ac, unsigned status, const char *code,
                         const char *detail, const char *field)
{
    if (may_not_know_yet(ac, status)) {
        api_await_fresh(ac);
        return;
    }
    const struct api_json_problem_view view = {
        .status = status,
        .title = reply_reason(status),
        .code = code,
        .detail = detail,
        .field = field,
    };

    api_respond_problem(ac, status, api_json_problem(&view));
}

void api_problem(struct api_conn *ac, unsigned status, const char *code, const char *detail)
{
    send_problem(ac, status, code, detail, "");
}

void api_problem_passing(struct api_conn *ac, unsigned status, const char *code,
                         const char *detail)
{
    ac->is_passing = true;
    api_problem(ac, status, code, detail);
}

void api_problem_of(struct api_conn *ac, const struct pool_error *error)
{
    static const struct {
        unsigned status;
        const char *code;
    } statuses[] = {
#define PROBLEM(status, code, when, says) {status, code},
#include "manager/api_problems.def"
#undef PROBLEM
    };
    unsigned status = 422;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (strcmp(error->code, statuses[i].code) == 0)
            status = statuses[i].status;
    send_problem(ac, status, error->code, error->detail, error->field);
}

void api_problem_of_refusal(struct api_conn *ac)
{
    struct pool_error refusal;
    const int rc = change_refusal(ac->change, &refusal);

    if (rc < 0)
        api_problem_internal(ac, rc);
    else
        api_problem_of(ac, &refusal);
}

void api_problem_internal(struct api_conn *ac, int rc)
{
    ac->is_passing = rc == WERR_NOMEM || rc == WERR_NO_FD || rc == WERR_NO_PROCESS;
    send_problem(ac, 503, werr_word(rc), werr_text(rc), "");
}

void api_problem_of_body(struct api_conn *ac, int result, const struct pool_error *error)
{
    if (result == WERR_INVALID || result == WERR_SYNTAX)
        api_problem_of(ac, error);
    else
        api_problem_internal(ac, result);
}
