#include "manager/last_events.h"

#include "cage/filter.h"
#include "log/log.h"

static const char *const end_words[] = {
#define END(name, word, status, blame, retry, text) (word),
#include "stats/ends.def"
#undef END
};
enum { ENDS_N = sizeof(end_words) / sizeof(end_words[0]) };

static struct log_pair print_a(const struct flight_event *e)
{
    if (e->what == FLIGHT_END && e->a < ENDS_N)
        return LOG_S(flight_facts(e)->a, end_words[e->a]);
    return LOG_U(flight_facts(e)->a, e->a);
}

/* A site of its own for each line: they are few and belong together. */
static void log_event(const struct flight_event *e, unsigned worker, pid_t pid, uint64_t now_us)
{
    struct log_site site = {0};
    const struct log_pair pairs[] = {
        LOG_U("id", worker),
        LOG_I("pid", pid),
        LOG_U("ms_ago", flight_age_ms(e, now_us)),
        LOG_S("event", flight_facts(e)->text),
        print_a(e),
        LOG_U(flight_facts(e)->b, e->b),
        {0},
    };

    log_line(&site, LOG_ERROR, "last event of the worker", pairs);
}

void last_events_log(const struct flight *f, unsigned worker, pid_t pid, uint64_t now_us)
{
    for (unsigned i = LAST_EVENTS_N; i-- > 0;) {
        struct flight_event e;

        if (flight_read(f, i, &e))
            log_event(&e, worker, pid, now_us);
    }
}

void last_events_forbidden(const struct flight *f, unsigned worker, pid_t pid)
{
    char name[FILTER_NAME_MAX] = "?";
    struct flight_event e;

    if (flight_read(f, 0, &e) && e.what == FLIGHT_FORBIDDEN)
        filter_call_name((int)e.a, name);
    log_error("worker made a system call that it may not make", LOG_U("id", worker),
              LOG_I("pid", pid), LOG_S("call", name));
}
