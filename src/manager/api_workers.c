#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/manager.h"
#include "manager/start.h"

static uint64_t read_counter(const struct manager *m, unsigned id, enum stats_counter c)
{
    return __atomic_load_n(&stats_worker(m->stats, id)->value[c], __ATOMIC_RELAXED);
}

void api_workers_list(struct api_conn *ac)
{
    const struct manager *m = ac->m;
    struct api_json_list list;

    api_json_workers_begin(&list);
    for (unsigned i = 0; i < m->supervisor.slots.n; i++) {
        const struct slot *slot = &m->supervisor.slots.list[i];

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

static void respond_health(struct api_conn *ac, int status, const char *word)
{
    const struct slots *s = &ac->m->supervisor.slots;

    api_respond(ac, status, api_json_health(word, slots_count_serving(s), s->n));
}

void api_health_get(struct api_conn *ac)
{
    if (manager_is_draining(ac->m))
        respond_health(ac, 503, "draining");
    else if (slots_count_serving(&ac->m->supervisor.slots) == 0)
        respond_health(ac, 503, "no_worker");
    else
        respond_health(ac, 200, "ok");
}

/* For load balancers: serves, and means to go on. */
void api_ready_get(struct api_conn *ac)
{
    if (manager_is_leaving(ac->m))
        respond_health(ac, 503, "leaving");
    else if (!start_is_ready(ac->m))
        respond_health(ac, 503, "starting");
    else if (slots_count_serving(&ac->m->supervisor.slots) == 0)
        respond_health(ac, 503, "no_worker");
    else
        respond_health(ac, 200, "ready");
}

void api_root_get(struct api_conn *ac)
{
    api_respond(ac, 200, api_json_root(WELDR_VERSION));
}
