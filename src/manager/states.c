#include "manager/states.h"

#include <stdio.h>

#include "log/log.h"
#include "manager/events.h"
#include "manager/manager.h"

static const struct {
    enum log_level level;
    const char *log;
} lines[SERVER_STATES] = {
#define SERVER_STATE(id, word, gets, level, log, text) [SERVER_##id] = {level, log},
#include "manager/server_state.def"
#undef SERVER_STATE
};

/* ---- why ---- */

static unsigned count_down(const struct server_facts *f)
{
    const struct facts_addr *a;
    unsigned n = 0;

    TAILQ_FOREACH (a, &f->addrs, entry)
        n += !a->rule.up;
    return n;
}

static const char *tell_down(const struct server_facts *f)
{
    const struct facts_addr *a = facts_explain(f);

    if (a == NULL)
        a = TAILQ_FIRST(&f->addrs);
    return a != NULL ? a->reason : "";
}

/* What most nodes see, and what this one does. */
static const char *tell_agreed(const struct server_facts *f, char *buf, size_t size)
{
    const bool is_up = f->verdict == FACTS_AGREED_UP;
    const char *own = f->is_own_up ? "its checks pass" : tell_down(f);

    if (f->is_untried)
        own = "no check has judged it";
    (void)snprintf(buf, size, "%u of %u nodes see it %s; here %s", (unsigned)f->votes_n,
                   (unsigned)f->voter_n, is_up ? "active" : "down", own);
    return buf;
}

static const char *tell_partly(const struct manager *m, const struct server_facts *f, char *buf,
                               size_t size)
{
    buf[0] = '\0';
    if (f->ejected_n > 0)
        (void)snprintf(buf, size, "ejected by %u of %u workers for its errors in a row",
                       (unsigned)f->ejected_n, m->worker_n);
    else if (f->weight == 0)
        (void)snprintf(buf, size, "its weight is 0");
    else if (count_down(f) > 0)
        (void)snprintf(buf, size, "%u of %u addresses are down", count_down(f),
                       (unsigned)f->addr_n);
    return buf;
}

const char *states_reason(const struct manager *m, const struct server_facts *f, char *buf,
                          size_t size)
{
    if (facts_leave_reason(f) != NULL)
        return facts_leave_reason(f);
    if (f->name_error[0] != '\0')
        return f->name_error;
    if (facts_has_no_addr(f))
        return "name not resolved yet";
    if (f->verdict != FACTS_OWN)
        return tell_agreed(f, buf, size);
    return f->is_up ? tell_partly(m, f, buf, size) : tell_down(f);
}

/* Of a server that gets requests again the cause is what has ended. */
static const char *tell_return(const struct server_facts *f)
{
    static const char *const causes[SERVER_STATES] = {
        [SERVER_INITIAL] = "its first check has passed",
        [SERVER_ACTIVE] = "",
        [SERVER_DOWN] = "its checks pass",
        [SERVER_EJECTED] = "not every worker ejects it any more",
        [SERVER_DRAINING] = "resumed",
        [SERVER_MAINTENANCE] = "resumed",
        [SERVER_STANDBY] = "its weight is above 0",
    };

    if (!f->is_checked)
        return f->record.state == SERVER_DOWN ? "it is not checked" : causes[f->record.state];
    if (f->record.state == SERVER_INITIAL && facts_explain(f) == NULL)
        return "its name is resolved";
    return causes[f->record.state];
}

/* ---- transitions ---- */

static const char *pool_name(const struct manager *m, const struct server_facts *f,
                             const struct pool *p)
{
    if (p == NULL)
        p = pool_find_id(m->pool, f->pool_id);
    return p != NULL ? p->name : NULL;
}

static const struct pool_server *server_of(const struct manager *m,
                                           const struct server_facts *f)
{
    return f->removed != NULL ? f->removed : pool_find_any_server(m->pool, f->id, NULL);
}

static void tell(struct manager *m, const struct server_facts *f, const struct pool *p,
                 enum server_state to, const char *reason)
{
    const struct pool_server *server = server_of(m, f);
    char id[24];

    (void)pool_id_print(f->id, id);
    events_tell(m, &(struct event_note){
                       .kind = EVENT_SERVER_STATE,
                       .pool = pool_name(m, f, p),
                       .server_id = id,
                       .server = server != NULL ? server->url : NULL,
                       .from = server_state_word((enum server_state)f->record.state),
                       .to = server_state_word(to),
                       .reason = reason,
                       .log = lines[to].log,
                       .level = (int)lines[to].level,
                   });
}

void states_note(struct manager *m, struct server_facts *f, const struct pool *p)
{
    const enum server_state to = facts_state(f);
    char buf[STATES_REASON_MAX];
    const char *reason;

    if (f->record.state == to)
        return;
    reason = to == SERVER_ACTIVE && f->verdict == FACTS_OWN
                 ? tell_return(f)
                 : states_reason(m, f, buf, sizeof(buf));
    tell(m, f, p, to, reason);
    server_record_move(&f->record, to, loop_wall_us(m->loop), reason);
}

void states_begin(struct manager *m, struct server_facts *f)
{
    server_record_fini(&f->record);
    server_record_init(&f->record, facts_state(f), loop_wall_us(m->loop));
}

void states_tell_addr(struct manager *m, const struct facts_addr *a)
{
    const struct server_facts *f = a->server;
    const struct pool_server *server = server_of(m, f);
    char text[ADDR_TEXT_MAX], id[24];

    (void)addr_print(&a->addr, text);
    (void)pool_id_print(f->id, id);
    events_tell(m, &(struct event_note){
                       .kind = EVENT_ADDRESS_STATE,
                       .pool = pool_name(m, f, NULL),
                       .server_id = id,
                       .server = server != NULL ? server->url : NULL,
                       .address = text,
                       .to = server_state_word(facts_addr_state(a)),
                       .reason = a->reason,
                       .log = a->rule.up ? "address is active" : "address is down",
                       .level = (int)(a->rule.up ? LOG_INFO : LOG_WARN),
                   });
}

/* ---- what workers have counted ---- */

void states_look(struct manager *m, struct server_facts *f)
{
    const unsigned serving_n = slots_count(&m->supervisor.slots, SLOT_RUNNING);
    const uint32_t ejected_n =
        f->stats_slot == STATS_NO_SLOT
            ? 0
            : (uint32_t)stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_ejected);
    const bool is_ejected = ejected_n > 0 && ejected_n >= serving_n;

    /* What does not change is not written: while a child encodes a snapshot each write copies a
     * page, and those of 1,000 servers keep a heartbeat waiting. */
    if (f->ejected_n != ejected_n)
        f->ejected_n = ejected_n;
    if (f->is_ejected != is_ejected)
        f->is_ejected = is_ejected;
    states_note(m, f, NULL);
}

void states_look_at_all(struct manager *m)
{
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL)
        states_look(m, f);
}

static void on_look(struct timer *t)
{
    struct states *s = (struct states *)((char *)t - offsetof(struct states, look));
    struct server_facts *f = facts_find(&s->m->facts, s->at_id);

    for (unsigned i = 0; i < STATES_LOOK_N; i++) {
        f = facts_next(&s->m->facts, f);
        if (f == NULL)
            break;
        states_look(s->m, f);
    }
    s->at_id = f != NULL ? f->id : UINT64_MAX;
    loop_timer_in(s->m->loop, t, STATES_LOOK_MS);
}

void states_init(struct states *s, struct manager *m)
{
    *s = (struct states){.m = m, .at_id = UINT64_MAX};
    m->states = s;
    timer_init(&s->look, on_look);
    loop_timer_in(m->loop, &s->look, STATES_LOOK_MS);
}

void states_fini(struct states *s)
{
    timer_stop(loop_timers(s->m->loop), &s->look);
}
