#include "worker/access_log.h"

#include <string.h>

#include "base/clock.h"
#include "http/rewrite.h"
#include "log/log.h"
#include "net/tlsio.h"
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

enum { FLUSH_MS = 200, WARN_MS = 60000, ID_TEXT_MAX = 24 };

_Static_assert((int)ACCESS_LINE_MAX <= (int)LINE_SINK_LINE_MAX, "a line fits where it goes");

/* ---- the sink ---- */

static void count_lost(struct access_log *a)
{
    struct worker *w = a->worker;
    uint64_t lost = a->sink->lost;

    if (lost != a->lost_counted)
        stats_add(w->stats, STATS_access_log_lost, lost - a->lost_counted);
    a->lost_counted = lost;
    if (lost == a->lost_warned || loop_now_ms(w->loop) < a->warn_at_ms)
        return;
    log_warn("access log lines are lost", LOG_U("lines", lost - a->lost_warned),
             LOG_S("error", line_sink_why(a->sink)));
    a->lost_warned = lost;
    a->warn_at_ms = loop_now_ms(w->loop) + WARN_MS;
}

/* The manager opens it, for a worker may not. */
static void want_descriptor(struct access_log *a)
{
    if (a->sink->fd < 0 && a->on_want != NULL)
        a->on_want(a->arg);
}

void access_log_flush(struct access_log *a)
{
    if (a->sink == NULL)
        return;
    line_sink_flush(a->sink);
    want_descriptor(a);
    count_lost(a);
}

static void arm(struct access_log *a)
{
    if (!timer_is_set(&a->timer))
        loop_timer_in(a->worker->loop, &a->timer, FLUSH_MS);
}

static void on_timer(struct timer *t)
{
    struct access_log *a =
        (struct access_log *)((char *)t - offsetof(struct access_log, timer));

    access_log_flush(a);
    if (line_sink_has_lines(a->sink))
        arm(a);
}

int access_log_start(struct access_log *a, struct worker *w, const char *to, bool is_combined)
{
    *a = (struct access_log){
        .worker = w,
        .sink = line_sink_new(line_sink_kind_of(to)),
        .print = is_combined ? access_line_combined : access_line_json,
    };
    if (a->sink == NULL)
        return WERR_NOMEM;
    timer_init(&a->timer, on_timer);
    w->access_log = a;
    return 0;
}

void access_log_end(struct access_log *a)
{
    if (a->sink == NULL)
        return;
    a->worker->access_log = NULL;
    timer_stop(loop_timers(a->worker->loop), &a->timer);
    line_sink_end(a->sink);
    count_lost(a);
    line_sink_free(a->sink);
    a->sink = NULL;
}

void access_log_take(struct access_log *a, int fd, uint8_t way)
{
    line_sink_take(a->sink, fd, way);
    log_debug("access log opened again");
    count_lost(a);
}

/* ---- the record ---- */

/* Of the time that the loop woke up at, which all events of a turn share. */
static uint64_t since_wake_us(const struct worker *w)
{
    uint64_t now_us = clock_mono_us();
    uint64_t wake_us = loop_now_us(w->loop);

    return now_us > wake_us ? now_us - wake_us : 0;
}

void access_log_sent(struct exchange *ex)
{
    ex->added_us += since_wake_us(ex->worker);
}

uint64_t access_log_added_us(const struct exchange *ex)
{
    return ex->added_us + since_wake_us(ex->worker);
}

/* 0: that moment never came. */
static uint64_t between_us(uint64_t from_us, uint64_t to_us)
{
    return from_us != 0 && to_us != 0 ? to_us - from_us : ACCESS_NO_TIME;
}

/* As the client sent them, whatever was dropped on the way to the server. */
static void fill_fields(struct access_record *r, const struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        struct span name = msg_field_name(m, f);

        if (f->token == FIELD_HOST)
            r->host = msg_field_value(m, f);
        else if (f->token != FIELD_OTHER)
            continue;
        else if (name.len == 10 && span_is_equal_nocase(name, SPAN("user-agent")))
            r->user_agent = msg_field_value(m, f);
        else if (name.len == 7 && span_is_equal_nocase(name, SPAN("referer")))
            r->referer = msg_field_value(m, f);
    }
    if (m->authority.len > 0)
        r->host = m->authority;
}

static void fill_request(struct access_record *r, const struct exchange *ex)
{
    const struct msg *m = &ex->request;

    r->request_id = ex->request_id;
    if (ex->flags & EX_NO_REQUEST)
        return;
    r->method = msg_method(m);
    r->target = msg_target(m);
    r->version = m->version;
    if (r->request_id.len == 0 && (m->flags & MSG_HAS_REQUEST_ID))
        r->request_id = rewrite_request_id(m);
    fill_fields(r, m);
}

static struct span text_or_none(const char *text)
{
    return text != NULL ? span_from_str(text) : SPAN_NONE;
}

static void fill_tls(struct access_record *r, const struct tlsio *tls)
{
    const struct tlsio_facts facts = tlsio_facts(tls);

    r->tls_version = text_or_none(facts.version);
    r->tls_cipher = text_or_none(facts.cipher);
    r->tls_name = text_or_none(facts.name);
    r->is_resumed = facts.is_resumed;
}

/* Of the last attempt, but for the whole. */
static void fill_times(struct access_record *r, const struct exchange *ex)
{
    r->total_us = loop_now_us(ex->worker->loop) - ex->begin_us;
    r->wait_us = between_us(ex->begin_us, ex->picked_us);
    r->queue_us = ex->waited_us;
    r->connect_us = between_us(ex->picked_us, ex->connected_us);
    r->first_byte_us = between_us(ex->sent_us, ex->first_us);
    r->added_us = access_log_added_us(ex);
}

/* Its URL; a server that has left the pool meanwhile is told by its id. */
static struct span server_text(const struct exchange *ex, uint64_t id, char *buf)
{
    const struct pool_server *server = pool_find_any_server(ex->worker->pool_state, id, NULL);

    return server != NULL ? span_from_str(server->url) : span_from(buf, pool_id_print(id, buf));
}

/* Those that failed, and the one that the exchange ended with, if it did. */
static void fill_attempts(struct access_record *r, const struct exchange *ex,
                          char ids[ACCESS_ATTEMPTS_MAX][ID_TEXT_MAX])
{
    _Static_assert((int)ACCESS_ATTEMPTS_MAX == (int)EX_FAILED_MAX, "each has a place");
    const bool is_last_open = ex->attempts > ex->failed_n;
    unsigned failed_n = ex->failed_n < EX_FAILED_MAX ? ex->failed_n : EX_FAILED_MAX;

    if (is_last_open && failed_n == EX_FAILED_MAX)
        failed_n--;
    for (unsigned i = 0; i < failed_n; i++) {
        const struct ex_attempt *f = &ex->failed[i];

        r->attempts[i] = (struct access_attempt){server_text(ex, f->origin_id, ids[i]),
                                                 end_facts(f->end)->word, f->us, f->detail};
    }
    r->attempt_n = (uint8_t)(failed_n + is_last_open);
    if (is_last_open)
        r->attempts[failed_n] = (struct access_attempt){
            server_text(ex, ex->origin_id, ids[failed_n]), end_facts(ex->end)->word,
            loop_now_us(ex->worker->loop) - ex->picked_us, NULL};
    r->retries = ex->attempts > 0 ? (uint8_t)(ex->attempts - 1) : 0;
    r->origin = r->attempt_n > 0 ? r->attempts[r->attempt_n - 1].server : SPAN_NONE;
}

static struct span rule_text(const struct exchange *ex, char *buf)
{
    if (ex->rule_id == 0)
        return SPAN_NONE;
    return span_from(buf, kind_id_print(KIND_RULE, ex->rule_id, buf));
}

void access_log_exchange(struct access_log *a, const struct exchange *ex)
{
    char ids[ACCESS_ATTEMPTS_MAX][ID_TEXT_MAX], rule_id[ID_TEXT_MAX];
    char *line = line_sink_reserve(a->sink);
    const char *why = exchange_why(ex);
    struct access_record r = {
        .begin_wall_us =
            loop_wall_us(ex->worker->loop) - (loop_now_us(ex->worker->loop) - ex->begin_us),
        .worker = ex->worker->id,
        .client = &ex->caller->peer,
        .listener = span_from_str(ex->caller->listener->name),
        .rule = rule_text(ex, rule_id),
        .pool = ex->pool != NULL ? span_from_str(ex->pool->name) : SPAN_NONE,
        .result = span_from_str(end_facts(ex->end)->word),
        .reason = why != NULL ? span_from_str(why) : SPAN_NONE,
        .status = ex->status,
        .is_fail_open = (ex->flags & EX_FAIL_OPEN) != 0,
        .bytes_in = ex->bytes_in,
        .bytes_out = ex->bytes_out,
    };

    if (line != NULL) {
        fill_request(&r, ex);
        fill_times(&r, ex);
        fill_attempts(&r, ex, ids);
        if (ex_is_secure(ex))
            fill_tls(&r, stream_tls(ex->client));
        line_sink_commit(a->sink, a->print(&r, &a->clock, line));
    }
    arm(a);
}
