#include "manager/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jtext.h"
#include "log/log.h"
#include "manager/manager.h"

enum { PAIRS_MAX = 16 };

static const struct {
    const char *word;
    enum log_level level;
    const char *log;
} kinds[EVENT_KINDS] = {
#define EVENT(id, word, level, log, text) [EVENT_##id] = {word, level, log},
#include "manager/events.def"
#undef EVENT
};

const char *event_word(enum event_kind kind)
{
    MUST((unsigned)kind < EVENT_KINDS);
    return kinds[kind].word;
}

int event_kind_from_word(struct span word, enum event_kind *kind)
{
    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        if (span_is_equal(word, span_from_str(kinds[i].word))) {
            *kind = (enum event_kind)i;
            return 0;
        }
    }
    return WERR_NOT_FOUND;
}

/* ---- the log ---- */

static void add_pair(struct log_pair *pairs, unsigned *n, const char *key, const char *value)
{
    MUST(*n + 1 < PAIRS_MAX);
    if (value != NULL && value[0] != '\0')
        pairs[(*n)++] = LOG_S(key, value);
}

static void log_note(const struct events *e, const struct event_note *note)
{
    struct log_pair pairs[PAIRS_MAX] = {{0}};
    const bool is_own = note->log != NULL;
    const char *text = is_own ? note->log : kinds[note->kind].log;
    const enum log_level level = is_own ? (enum log_level)note->level : kinds[note->kind].level;
    unsigned n = 0;

    if (text[0] == '\0' || level > log_level_now)
        return;
    add_pair(pairs, &n, "server", note->server);
    add_pair(pairs, &n, "pool", note->pool);
    add_pair(pairs, &n, "listener", note->listener);
    add_pair(pairs, &n, "rule", note->rule);
    add_pair(pairs, &n, "certificate", note->certificate);
    add_pair(pairs, &n, "member", note->member);
    add_pair(pairs, &n, "address", note->address);
    add_pair(pairs, &n, "from", note->from);
    add_pair(pairs, &n, "reason", note->reason);
    add_pair(pairs, &n, "by", e->by.address);
    add_pair(pairs, &n, "token", e->by.token);
    log_line(NULL, level, text, pairs);
}

/* ---- the ring ---- */

static void put_text(struct jtext *t, const char *key, const char *text)
{
    if (text != NULL)
        jtext_str(t, key, text);
}

void events_put_by(struct jtext *t, const char *address, const char *token)
{
    if (address[0] == '\0') {
        jtext_null(t, "by");
        return;
    }
    jtext_open(t, "by", '{');
    jtext_str(t, "address", address);
    if (token[0] != '\0')
        jtext_str(t, "token", token);
    else
        jtext_null(t, "token");
    jtext_close(t, '}');
}

static void put_head(struct jtext *t, const struct events *e, const struct event_note *note)
{
    char id[EVENT_ID_MAX], at[32];

    event_ring_print_id(&e->ring, e->ring.next, id);
    (void)clock_print_wall(loop_wall_us(e->m->loop), at);
    jtext_str(t, "id", id);
    jtext_str(t, "kind", kinds[note->kind].word);
    jtext_str(t, "at", at);
    jtext_number(t, "revision", e->m->revision);
    events_put_by(t, e->by.address, e->by.token);
}

static void put_rest(struct jtext *t, const struct event_note *note)
{
    put_text(t, "pool", note->pool);
    put_text(t, "server_id", note->server_id);
    put_text(t, "server", note->server);
    put_text(t, "listener", note->listener);
    put_text(t, "rule", note->rule);
    put_text(t, "certificate", note->certificate);
    put_text(t, "member", note->member);
    put_text(t, "address", note->address);
    put_text(t, "from", note->from);
    put_text(t, "to", note->to);
    put_text(t, "reason", note->reason);
    if (note->pid == 0)
        return;
    jtext_number(t, "worker", note->worker);
    jtext_number(t, "pid", (uint64_t)note->pid);
}

/* NULL: no memory. */
static char *print_note(const struct events *e, const struct event_note *note)
{
    struct jtext t;

    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    put_head(&t, e, note);
    put_rest(&t, note);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

static uint64_t hash_of(const char *text)
{
    return event_ring_hash(text != NULL ? span_from_str(text) : SPAN_NONE);
}

/* Without memory for its text readers learn at least that there was something. */
static void add_to_ring(struct events *e, const struct event_note *note)
{
    const struct event_key key = {
        .kind = (uint8_t)note->kind,
        .pool = hash_of(note->pool),
        .server = hash_of(note->server),
        .server_id = hash_of(note->server_id),
    };
    char *text = print_note(e, note);
    struct span data = text != NULL ? span_from_str(text) : SPAN_NONE;

    if (data.len == 0 || data.len > EVENT_DATA_MAX)
        data = SPAN("{\"reason\":\"out of memory\"}");
    event_ring_add(&e->ring, &key, kinds[note->kind].word, data);
    free(text);
}

/* ---- readers ---- */

static void on_pause_over(struct timer *t)
{
    struct events *e = (struct events *)((char *)t - offsetof(struct events, pause));

    e->told_ms = loop_now_ms(e->m->loop);
    if (e->wake != NULL)
        e->wake(e->arg);
}

/* Never within the call: whoever tells of a change is in the midst of it. */
void events_go_on(struct events *e)
{
    const uint64_t now_ms = loop_now_ms(e->m->loop);
    const uint64_t next_ms = e->told_ms + EVENTS_PAUSE_MS;

    if (e->wake != NULL && !timer_is_set(&e->pause))
        loop_timer_in(e->m->loop, &e->pause, next_ms > now_ms ? next_ms - now_ms : 0);
}

void events_tell(struct manager *m, const struct event_note *note)
{
    struct events *e = m->events;

    MUST((unsigned)note->kind < EVENT_KINDS);
    if (e->is_replaying)
        return;
    log_note(e, note);
    add_to_ring(e, note);
    events_go_on(e);
}

/* ---- life ---- */

void events_set_by(struct manager *m, const struct event_by *by)
{
    m->events->by = by != NULL ? *by : (struct event_by){0};
}

void events_on_more(struct events *e, void (*wake)(void *arg), void *arg)
{
    e->wake = wake;
    e->arg = arg;
}

int events_init(struct events *e, struct manager *m)
{
    *e = (struct events){.m = m};
    timer_init(&e->pause, on_pause_over);
    m->events = e;
    /* The wall clock tells one life from the next. */
    return event_ring_init(&e->ring, EVENTS_BYTES, EVENTS_N, loop_wall_us(m->loop) / 1000);
}

void events_fini(struct events *e)
{
    if (e->m == NULL)
        return;
    timer_stop(loop_timers(e->m->loop), &e->pause);
    event_ring_fini(&e->ring);
}
