#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/manager.h"

static uint64_t read_counter(const struct manager *m, unsigned id, enum stats_counter c)
{
    return __atomic_load_n(&stats_worker(m->stats, id)->value[c], __ATOMIC_RELAXED);
}

void api_workers_list(struct api_conn *ac)
{
    const struct manager *m = ac->m;
    struct api_json_list list;

    api_json_workers_begin(&list);
    for (unsigned i = 0; i < m->supervisor.slot_n; i++) {
        const struct slot *slot = &m->supervisor.slots[i];

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
    api_answer(ac, 200, api_json_list_end(&list));
}

void api_health_get(struct api_conn *ac)
{
    const unsigned running = supervisor_count(&ac->m->supervisor, SLOT_RUNNING);

    if (ac->m->is_draining)
        api_answer(ac, 503, api_json_health("draining", running));
    else if (running == 0)
        api_answer(ac, 503, api_json_health("no_worker", running));
    else
        api_answer(ac, 200, api_json_health("ok", running));
}

/* For load balancers: serves, and means to go on. */
void api_ready_get(struct api_conn *ac)
{
    const unsigned running = supervisor_count(&ac->m->supervisor, SLOT_RUNNING);

    if (ac->m->is_leaving)
        api_answer(ac, 503, api_json_health("leaving", running));
    else if (!ac->m->is_ready)
        api_answer(ac, 503, api_json_health("starting", running));
    else if (running == 0)
        api_answer(ac, 503, api_json_health("no_worker", running));
    else
        api_answer(ac, 200, api_json_health("ready", running));
}

void api_root_get(struct api_conn *ac)
{
    api_answer(ac, 200, api_json_root(WELDR_VERSION));
}
