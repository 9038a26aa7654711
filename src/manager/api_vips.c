#include <stdio.h>

#include "log/log.h"
#include "manager/api.h"
#include "manager/api_int.h"
#include "manager/api_object.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/vip_view.h"
#include "pool/levels.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

static struct span address_in_path(const struct api_conn *ac)
{
    return api_match_param(&ac->match, SPAN("vip"));
}

static const struct vip *find_in_path(const struct api_conn *ac)
{
    struct vip named = {.node_n = 0};

    return vip_set_address(&named, address_in_path(ac)) == 0
               ? vip_find(ac->m->pool, &named.addr)
               : NULL;
}

static const void *find(const struct api_conn *ac)
{
    return find_in_path(ac);
}

static const void *find_id(const struct api_conn *ac, uint64_t id)
{
    const struct pool_state *s = ac->m->pool;

    for (uint32_t i = 0; i < s->vip_n; i++)
        if (s->vips[i]->id == id)
            return s->vips[i];
    return NULL;
}

/* ---- documents ---- */

static char *show_vip(const struct manager *m, const struct vip *vip, const char *base)
{
    struct vip_view view;

    vip_view_of(m, &vip->addr, &view);
    return api_json_vip(
        &(struct api_json_vip_view){.vip = vip, .view = &view, .revision = m->revision}, base);
}

static char *show(const struct api_conn *ac, const void *object)
{
    return show_vip(ac->m, object, api_base(ac));
}

/* ---- wishes ---- */

static uint64_t digest(const void *object)
{
    return ((const struct vip *)object)->digest;
}

static void name(const struct api_conn *ac, const void *object, struct pool_command *c)
{
    const struct vip *vip = object;

    (void)ac;
    c->vip.addr = vip->addr;
    memcpy(c->vip.address, vip->address, sizeof(c->vip.address));
}

static int read_add(const struct api_conn *ac, bool is_put, struct span body,
                    struct pool_command *c, struct pool_error *error)
{
    return pool_code_add_vip_from_json(body, is_put ? address_in_path(ac) : SPAN_NONE, c,
                                       error);
}

static void locate(const struct api_conn *ac, const void *object, char *buf, size_t size)
{
    (void)ac;
    (void)snprintf(buf, size, "/vips/%s", ((const struct vip *)object)->address);
}

/* The first names the resource. */
static const struct api_json_fixed fixed[] = {
    {"address", "a VIP keeps its address"},
    {"id", "it was given when the VIP was added"},
    {"state", NULL},
    {"why", NULL},
    {"holder", NULL},
    {"is_self", NULL},
    {"since", NULL},
    {"epoch", NULL},
    {"lease_ms", NULL},
    {"announcements", NULL},
    {"revision", NULL},
    {"links", NULL},
};

static const struct api_object_kind kind = {
    .kind = KIND_VIP,
    .remove = POOL_REMOVE_VIP,
    .find = find,
    .find_id = find_id,
    .show = show,
    .digest = digest,
    .name = name,
    .read_add = read_add,
    .read_change = pool_code_set_vip_from_json,
    .fixed = {fixed, sizeof(fixed) / sizeof(fixed[0]), false},
    .locate = locate,
};

/* False: a member would not understand it, and that was answered. Without an engine what
 * comes next says so. */
static bool is_known_to_all(struct api_conn *ac)
{
    struct cluster_status status = {.level = LEVEL_NEWEST};

    if (ac->m->cluster != NULL)
        ac->m->cluster->ops->status(ac->m->cluster, &status);
    if (status.level >= LEVEL_VIPS)
        return true;
    api_problem(ac, 409, "members_too_old",
                "a member runs a Weldr that does not know of VIPs: upgrade it first");
    return false;
}

void api_vips_add(struct api_conn *ac)
{
    if (is_known_to_all(ac))
        api_object_add(ac, &kind);
}

void api_vip_get(struct api_conn *ac)
{
    api_object_get(ac, &kind);
}

void api_vip_put(struct api_conn *ac)
{
    if (is_known_to_all(ac))
        api_object_put(ac, &kind);
}

void api_vip_change(struct api_conn *ac)
{
    api_object_change(ac, &kind);
}

void api_vip_remove(struct api_conn *ac)
{
    api_object_remove(ac, &kind);
}

/* ---- all of them ---- */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_objects_begin(l, at->base, "vips", "/vips");
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    for (uint32_t i = 0; i < m->pool->vip_n; i++) {
        const struct vip *vip = m->pool->vips[i];

        if (vip->id < at->next)
            continue;
        api_json_objects_add(l, show_vip(m, vip, l->base));
        at->next = vip->id + 1;
        return true;
    }
    return false;
}

void api_vips_list(struct api_conn *ac)
{
    static const struct api_pages_kind pages = {.begin = begin, .next = next};

    ac->tag = pool_list_digest(ac->m->pool, KIND_VIP, SPAN_NONE);
    api_respond_pages(ac, 200, &pages, &(struct api_cursor){0});
}

/* ---- moves ---- */

static void respond_unmoved(struct api_conn *ac, int error, const char *why)
{
    if (error == WERR_NOT_FOUND)
        api_problem(ac, 404, "not_found", "no member of the cluster has this id");
    else if (error == WERR_GUARD)
        api_problem(ac, 409, "vip_member_unfit",
                    why != NULL ? why : "this member may not hold a VIP now");
    else if (error == WERR_NO_TARGET)
        api_problem_passing(ac, 503, "vip_no_holder",
                            why != NULL ? why : "no member may hold the VIP now");
    else
        api_respond_failure(ac, error);
}

static void on_moved(struct vip_move *move, int error, const char *why)
{
    struct api_conn *ac =
        (struct api_conn *)((char *)move - offsetof(struct api_conn, vip_move));
    const struct vip *vip = find_in_path(ac);
    struct event_by by;

    MUST(ac->magic == API_MAGIC);
    if (error < 0) {
        respond_unmoved(ac, error, why);
        return;
    }
    if (vip == NULL) { /* removed meanwhile */
        api_object_none(ac, &kind);
        return;
    }
    api_name_caller(ac, &by);
    log_always("VIP moved on request", LOG_S("address", vip->address), LOG_S("by", by.address),
               LOG_S("token", by.token));
    api_object_show(ac, &kind, vip);
}

void api_vip_move(struct api_conn *ac)
{
    const struct vip *vip = find_in_path(ac);
    uint64_t member;

    if (vip == NULL) {
        api_object_none(ac, &kind);
        return;
    }
    if (!api_read_to(ac, &member) || !api_has_engine(ac))
        return;
    if (ac->m->vip_provider == NULL) {
        api_problem(ac, 409, "vips_unavailable",
                    "this Weldr holds no VIPs: it only knows them");
        return;
    }
    if (ac->query.is_dry_run) {
        api_respond(ac, 200, api_json_dry_run("move VIP"));
        return;
    }
    api_move(ac, API_WAITING, "a VIP is to move");
    conn_timer_stop(&ac->conn);
    vip_move_start(ac->m, &vip->addr, member, &ac->vip_move, on_moved);
}
