#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_json.h"
#include "manager/api_json_body.h"
#include "manager/api_json_cluster.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "pool/levels.h"

/* The cluster that this node is a member of, and changes of its members. */

enum { TOKEN_LIFETIME_S = 900, TOKEN_LIFETIME_MAX_S = 86400 };

void api_cluster_get(struct api_conn *ac)
{
    if (ac->m->cluster != NULL || api_has_engine(ac))
        api_respond(ac, 200, api_json_cluster(ac->m->cluster, api_base(ac)));
}

/* ---- how it ended ---- */

static const char address_must[] =
    "must be the IP and port of one host, as 192.0.2.7:8688, or auto: where the member tells";

static void refuse_address(struct api_conn *ac)
{
    struct pool_error error;

    pool_error_set(&error, "invalid_value", "address", "address %s", address_must);
    api_problem_of_body(ac, WERR_INVALID, &error);
}

static void refuse_missing(struct api_conn *ac)
{
    struct pool_error error;

    pool_error_set(&error, "missing_field", "address", "address is missing");
    api_problem_of_body(ac, WERR_INVALID, &error);
}

static bool is_level_too_low(const struct api_conn *ac)
{
    struct cluster_status status;

    ac->m->cluster->ops->status(ac->m->cluster, &status);
    return status.level < LEVEL_PLACES;
}

static void refuse_alone(struct api_conn *ac)
{
    api_problem(ac, 409, "cluster_not_listening",
                "this node does not listen for other nodes: start it with --cluster-ip");
}

/* What is an error of a member's address alone. */
static bool respond_unplaced(struct api_conn *ac, const struct membership *ms, int rc)
{
    if (rc == WERR_INVALID)
        refuse_address(ac);
    else if (rc == WERR_UNSUPPORTED && is_level_too_low(ac))
        api_problem(ac, 409, "members_too_old",
                    "a member runs a Weldr that does not know of this: upgrade it first");
    else if (rc == WERR_EXISTS)
        api_problem(ac, 409, "address_in_use", "another member has this address");
    else if (rc == WERR_NOT_FOUND && ms->id == members_own_id(ac->m->cluster))
        refuse_alone(ac);
    else
        return false;
    return true;
}

static void refuse_guarded(struct api_conn *ac, const struct membership *ms)
{
    if (ms->ask == MEMBERSHIP_PROMOTE)
        api_problem(ac, 409, "too_many",
                    "of two members one votes: a third one makes all of them voters");
    else if (ms->ask == MEMBERSHIP_TRANSFER && ms->id != 0)
        api_problem(ac, 409, "no_vote", "this member has no vote: it can't lead");
    else
        api_problem(ac, 409, "no_vote",
                    "no other member votes, so the cluster could not go on: a third member, or "
                    "one with --witness, makes all of them voters");
}

/* What is an error of these alone. */
static bool respond_refusal(struct api_conn *ac, const struct membership *ms, int rc)
{
    if (ms->ask == MEMBERSHIP_PLACE && respond_unplaced(ac, ms, rc))
        return true;
    if (rc == WERR_NOT_FOUND)
        api_problem(ac, 404, "not_found", "no member of the cluster has this id");
    else if (rc == WERR_IN_USE)
        api_problem_passing(ac, 409, "membership_in_change",
                            "another change of the members is under way: nothing was changed");
    else if (rc == WERR_INVALID && ms->ask == MEMBERSHIP_TOKEN)
        refuse_alone(ac);
    else if (rc == WERR_INVALID)
        api_problem(ac, 409, "required", "the last member can't be removed");
    else if (rc == WERR_UNSUPPORTED)
        api_problem(ac, 409, "cluster_not_listening",
                    "this node keeps nothing (--ephemeral): it can't be one of several");
    else if (rc == WERR_GUARD)
        refuse_guarded(ac, ms);
    else if (rc == WERR_TOO_BIG)
        api_problem(ac, 409, "too_many", "too many join tokens are good still");
    else if (rc == WERR_TIMEOUT)
        api_problem_passing(ac, 503, "busy",
                            "no other member took the lead in time: nothing was changed");
    else
        return false;
    return true;
}

/* Who asked for it, and for what; never the token. */
static void log_end(const struct api_conn *ac, const struct membership *ms)
{
    static const char *const words[] = {
        [MEMBERSHIP_TOKEN] = "join token made",
        [MEMBERSHIP_REMOVE] = "member removed on request",
        [MEMBERSHIP_PROMOTE] = "member promoted on request",
        [MEMBERSHIP_PLACE] = "address of a member set on request",
        [MEMBERSHIP_TRANSFER] = "leadership transferred on request",
        [MEMBERSHIP_LEAVE] = "this node has left the cluster on request",
    };
    char id[MEMBERS_ID_TEXT];
    struct event_by by;

    members_print_id(ms->id, id);
    api_name_caller(ac, &by);
    log_always(words[ms->ask], LOG_S("member", ms->id != 0 ? id : "-"), LOG_S("by", by.address),
               LOG_S("token", by.token));
}

static void respond_member(struct api_conn *ac, uint64_t id)
{
    struct cluster_member list[MEMBERS_MAX];
    const unsigned n = ac->m->cluster->ops->members(ac->m->cluster, list, MEMBERS_MAX);

    for (unsigned i = 0; i < n && i < MEMBERS_MAX; i++) {
        if (list[i].id == id) {
            api_respond(ac, 200, api_json_member(&list[i]));
            return;
        }
    }
    api_problem(ac, 404, "not_found", "no member of the cluster has this id");
}

static void respond_token(struct api_conn *ac, const struct membership *ms, struct span text)
{
    const uint64_t now_us = loop_wall_us(ac->m->loop);

    api_respond(ac, 201, api_json_token(text, now_us + ms->lifetime_s * UINT64_C(1000000)));
}

static void respond_done(struct api_conn *ac, const struct membership *ms, struct span text)
{
    log_end(ac, ms);
    if (ms->ask == MEMBERSHIP_TOKEN)
        respond_token(ac, ms, text);
    else if (ms->ask == MEMBERSHIP_REMOVE || ms->ask == MEMBERSHIP_LEAVE)
        api_respond(ac, 200, api_json_removed(ac->removed, api_base(ac)));
    else if (ms->ask == MEMBERSHIP_PLACE)
        respond_member(ac, ms->id);
    else
        api_cluster_get(ac);
}

static void on_end(struct membership *ms, int error, struct span text)
{
    struct api_conn *ac = ms->waiter;

    MUST(ac->magic == API_MAGIC && ac->membership == ms);
    ac->membership = NULL;
    /* A voter that is to become one is what was asked for. */
    if (error == WERR_EXISTS && ms->ask == MEMBERSHIP_PROMOTE)
        error = 0;
    if (error == 0)
        respond_done(ac, ms, text);
    else if (!respond_refusal(ac, ms, error))
        api_respond_failure(ac, error);
}

/* ---- what is asked for ---- */

static struct membership *make(struct api_conn *ac, enum membership_ask ask)
{
    int rc;

    if (!api_has_engine(ac))
        return NULL;
    MUST(ac->membership == NULL); /* a request makes one */
    rc = membership_new(ac->m, ask, &ac->membership);
    if (rc < 0)
        api_respond_failure(ac, rc);
    return ac->membership;
}

static void run(struct api_conn *ac)
{
    api_move(ac, API_WAITING, "asked of the cluster");
    conn_timer_stop(&ac->conn);
    membership_run(ac->membership, on_end, ac);
}

void api_cluster_token_add(struct api_conn *ac)
{
    uint64_t lifetime_s = TOKEN_LIFETIME_S;
    const struct api_json_want wants[] = {
        {.key = "lifetime_s", .number = &lifetime_s, .min = 1, .max = TOKEN_LIFETIME_MAX_S}};
    struct pool_error error;
    const int rc = api_json_read_body(api_body(ac), wants, 1, &error);

    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    if (make(ac, MEMBERSHIP_TOKEN) == NULL)
        return;
    ac->membership->lifetime_s = (uint32_t)lifetime_s;
    run(ac);
}

bool api_read_member_id(struct api_conn *ac, uint64_t *id)
{
    if (members_read_id(api_match_param(&ac->match, SPAN("member")), id) == 0 && *id != 0)
        return true;
    api_problem(ac, 404, "not_found",
                "no member of the cluster has this id: ids have 16 hexadecimal digits");
    return false;
}

static void name_removed(struct api_conn *ac, uint64_t id)
{
    char text[MEMBERS_ID_TEXT];

    members_print_id(id, text);
    (void)snprintf(ac->removed, sizeof(ac->removed), "/cluster/members/%s", text);
}

static void change_member(struct api_conn *ac, enum membership_ask ask)
{
    uint64_t id;

    if (!api_read_member_id(ac, &id) || make(ac, ask) == NULL)
        return;
    ac->membership->id = id;
    name_removed(ac, id);
    run(ac);
}

void api_cluster_member_get(struct api_conn *ac)
{
    uint64_t id;

    if (api_read_member_id(ac, &id) && (ac->m->cluster != NULL || api_has_engine(ac)))
        respond_member(ac, id);
}

/* What others can't call is refused by the engine. */
static bool read_address(struct api_conn *ac, struct addr *address)
{
    char text[ADDR_TEXT_MAX] = "";
    const struct api_json_want wants[] = {
        {.key = "address", .text = text, .size = sizeof(text), .must = address_must}};
    struct pool_error error;
    int rc = api_json_read_body(api_body(ac), wants, 1, &error);

    *address = (struct addr){0};
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    else if (text[0] == '\0')
        refuse_missing(ac);
    else if (strcmp(text, "auto") == 0 || addr_from_text(span_from_str(text), address) == 0)
        return true;
    else
        refuse_address(ac);
    return false;
}

void api_cluster_member_change(struct api_conn *ac)
{
    struct addr address;
    uint64_t id;

    if (!api_read_member_id(ac, &id) || !read_address(ac, &address) ||
        make(ac, MEMBERSHIP_PLACE) == NULL)
        return;
    ac->membership->id = id;
    ac->membership->address = address;
    run(ac);
}

void api_cluster_member_remove(struct api_conn *ac)
{
    change_member(ac, MEMBERSHIP_REMOVE);
}

void api_cluster_member_promote(struct api_conn *ac)
{
    uint64_t id, fenced;

    if (!api_read_member_id(ac, &id) || !api_read_fenced(ac, &fenced))
        return;
    if (ac->query.is_forced)
        api_promote_by_force(ac, id, fenced);
    else
        change_member(ac, MEMBERSHIP_PROMOTE);
}

bool api_read_to(struct api_conn *ac, uint64_t *member)
{
    char to[MEMBERS_ID_TEXT] = "";
    const struct api_json_want wants[] = {{.key = "to",
                                           .text = to,
                                           .size = sizeof(to),
                                           .must = "must be the id of a member: 16 "
                                                   "hexadecimal digits"}};
    struct pool_error error;
    int rc = api_json_read_body(api_body(ac), wants, 1, &error);

    *member = 0;
    if (rc == 0 && to[0] != '\0' && members_read_id(span_from_str(to), member) < 0) {
        pool_error_set(&error, "invalid_value", "to", "to %s", wants[0].must);
        rc = WERR_INVALID;
    }
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    return rc == 0;
}

void api_cluster_transfer(struct api_conn *ac)
{
    uint64_t id;

    if (!api_read_to(ac, &id) || make(ac, MEMBERSHIP_TRANSFER) == NULL)
        return;
    ac->membership->id = id;
    run(ac);
}

void api_cluster_leave(struct api_conn *ac)
{
    struct pool_error error;
    const int rc = api_json_read_body(api_body(ac), NULL, 0, &error);

    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    if (make(ac, MEMBERSHIP_LEAVE) == NULL)
        return;
    name_removed(ac, members_own_id(ac->m->cluster));
    run(ac);
}
