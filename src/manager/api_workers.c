#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/listeners_health.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/start.h"

static uint64_t read_counter(const struct manager *m, unsigned id, enum stats_counter c)
{
    return __atomic_load_n(&stats_worker(m->stats, id)->value[c], __ATOMIC_RELAXED);
}

void api_workers_list(struct api_conn *ac)
{
    const struct manager *m = ac->m;
    struct api_json_list list;

    api_json_workers_begin(&list, api_base(ac), members_is_witness(m->cluster));
    for (unsigned i = 0; i < m->supervisor.slots.n; i++) {
        const struct slot *slot = &m->supervisor.slots.list[i];

        if (!slot->is_wanted && slot->state == SLOT_STOPPED)
            continue;
        api_json_workers_add(&list, &(struct api_json_worker_view){
                                        .id = slot->id,
                                        .pid = slot->pid,
                                        .state = slot_state_name(slot),
                                        .applied_index = slot->channel.last_ack.index,
                                        .digest = slot->channel.last_ack.digest,
                                        .connections = read_counter(m, i, STATS_client_open),
                                        .in_flight = read_counter(m, i, STATS_in_flight),
                                        .restarts = slot->restarts,
                                    });
    }
    api_respond(ac, 200, api_json_list_end(&list));
}

/* ---- health ---- */

enum { MISSING_SHOWN_MAX = 32 };

/* Strangers are told how many addresses there are, not which. */
static void respond_health(struct api_conn *ac, int status, struct api_json_health_view *v)
{
    const struct slots *s = &ac->m->supervisor.slots;

    v->workers = slots_count_serving(s);
    v->of = slots_count_wanted(s);
    v->shown_n = v->missing_n < MISSING_SHOWN_MAX ? v->missing_n : MISSING_SHOWN_MAX;
    if (!ac->place.is_known)
        v->shown_n = 0;
    api_respond(ac, status, api_json_health(v, api_base(ac)));
}

/* Serving at fewer addresses than it should is better than not at all: 200, and the word says
 * it. */
static void respond_serving(struct api_conn *ac, const char *word, const char *path)
{
    struct listeners_missing missing[MISSING_SHOWN_MAX];
    struct api_json_health_view v = {.status = word, .path = path, .missing = missing};
    int status = 200;

    listeners_look(ac->m);
    v.missing_n = listeners_find_missing(ac->m, missing, MISSING_SHOWN_MAX, &v.address_n);
    if (slots_count_serving(&ac->m->supervisor.slots) == 0) {
        v.status = "no_worker";
        status = 503;
    } else if (v.missing_n > 0 && v.missing_n == v.address_n) {
        v.status = "no_address";
        status = 503;
    } else if (v.missing_n > 0) {
        v.status = "degraded";
    }
    respond_health(ac, status, &v);
}

static void respond_not(struct api_conn *ac, const char *word, const char *path)
{
    respond_health(ac, 503, &(struct api_json_health_view){.status = word, .path = path});
}

/* It has nothing to serve with, and means to. */
static void respond_witness(struct api_conn *ac, const char *path)
{
    if (members_own_id(ac->m->cluster) != 0)
        respond_health(ac, 200,
                       &(struct api_json_health_view){.status = "witness", .path = path});
    else
        respond_not(ac, "removed", path);
}

void api_health_get(struct api_conn *ac)
{
    if (manager_is_draining(ac->m))
        respond_not(ac, "draining", "/health");
    else if (members_is_witness(ac->m->cluster))
        respond_witness(ac, "/health");
    else
        respond_serving(ac, "ok", "/health");
}

/* VIPs are described, and this node holds none of them. */
static bool is_passive(const struct manager *m)
{
    unsigned of;

    return !vip_view_holds_any(m, &of) && of > 0;
}

/* For load balancers: serves, and means to go on. */
void api_ready_get(struct api_conn *ac)
{
    if (manager_is_leaving(ac->m))
        respond_not(ac, "leaving", "/ready");
    else if (!start_is_ready(ac->m))
        respond_not(ac, "starting", "/ready");
    else if ((ac->query.asks_active || ac->m->config->ready_passive == 503) &&
             is_passive(ac->m))
        respond_not(ac, "passive", "/ready");
    else if (members_is_witness(ac->m->cluster))
        respond_witness(ac, "/ready");
    else
        respond_serving(ac, "ready", "/ready");
}

void api_root_get(struct api_conn *ac)
{
    api_respond(ac, 200, api_json_root(WELDR_VERSION, api_base(ac)));
}
