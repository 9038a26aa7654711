#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jtext.h"
#include "base/num.h"
#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/api_stream.h"
#include "manager/events.h"
#include "manager/manager.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE_MAX = 512 };

/* What is asked for. */
struct asked {
    struct api_stream_start start;
    bool has_since;
    uint64_t limit;
};

/* ---- the query ---- */

static void refuse(struct api_conn *ac, const char *field, const char *why)
{
    struct pool_error error = {.code = "invalid_value"};

    (void)snprintf(error.field, sizeof(error.field), "%s", field);
    (void)snprintf(error.detail, sizeof(error.detail), "%s", why);
    api_problem_of(ac, &error);
}

/* Empty: not there. False: malformed. */
static bool get(const struct api_conn *ac, struct span key, char *buf, struct span *out)
{
    const struct span value = api_route_query(span_from_str(ac->query.text), key);

    *out = SPAN_NONE;
    return value.ptr == NULL || api_query_decode(value, buf, VALUE_MAX, out) == 0;
}

static bool read_kinds(struct span text, uint64_t *kinds)
{
    while (text.len > 0) {
        const struct span word = span_first(text, span_find(text, ','));
        enum event_kind kind;

        if (event_kind_from_word(word, &kind) < 0)
            return false;
        *kinds |= 1ULL << kind;
        text = span_skip(text, word.len < text.len ? word.len + 1 : word.len);
    }
    return true;
}

/* By id, url, or host and port alone. */
static uint64_t hash_server(struct span text)
{
    char url[VALUE_MAX + 16];

    if (memchr(text.ptr, ':', text.len) == NULL || memmem(text.ptr, text.len, "://", 3) != NULL)
        return event_ring_hash(text);
    (void)snprintf(url, sizeof(url), "http://%.*s", (int)text.len, text.ptr);
    return event_ring_hash(span_from_str(url));
}

static bool read_filter(struct api_conn *ac, struct event_filter *f)
{
    char buf[VALUE_MAX];
    struct span text;

    if (!get(ac, SPAN("kind"), buf, &text) || !read_kinds(text, &f->kinds)) {
        refuse(ac, "kind", "kind must be words of events, separated by commas: server_state,…");
        return false;
    }
    if (!get(ac, SPAN("pool"), buf, &text)) {
        refuse(ac, "pool", "pool must be the name of a pool");
        return false;
    }
    f->pool = event_ring_hash(text);
    if (!get(ac, SPAN("server"), buf, &text)) {
        refuse(ac, "server", "server must be the id of a server, or its url");
        return false;
    }
    f->server = text.len > 0 ? hash_server(text) : 0;
    return true;
}

/* Behind that id; what the ring has no more is a gap, and it goes on with the oldest event. */
static bool start_at(const struct event_ring *r, struct span id, struct api_stream_start *start)
{
    uint64_t number;
    const int rc = event_ring_read_id(r, id, &number);

    if (rc == WERR_SYNTAX)
        return false;
    start->next = rc == 0 ? number + 1 : r->first;
    if (rc < 0) {
        start->gap = "restarted";
    } else if (start->next < r->first) {
        start->gap = "overrun";
        start->lost = r->first - start->next;
        start->next = r->first;
    }
    return true;
}

/* since=0 is the oldest event that there is; the field of a client that connects again counts
 * more than the query, which is that of its first request. */
static bool read_since(struct api_conn *ac, struct asked *q)
{
    const struct event_ring *r = &ac->m->events->ring;
    char buf[VALUE_MAX];
    struct span text;

    if (!get(ac, SPAN("since"), buf, &text))
        return false;
    if (ac->event_head.last_id[0] != '\0')
        text = span_from_str(ac->event_head.last_id);
    q->has_since = text.len > 0;
    q->start.next = r->next;
    if (!q->has_since)
        return true;
    if (!span_is_equal(text, SPAN("0")))
        return start_at(r, text, &q->start);
    q->start.next = r->first;
    return true;
}

static bool read_asked(struct api_conn *ac, struct asked *q)
{
    const struct span limit = api_route_query(span_from_str(ac->query.text), SPAN("limit"));

    *q = (struct asked){.limit = LIMIT};
    if (limit.ptr != NULL && (num_from_dec(limit, LIMIT_MAX, &q->limit) < 0 || q->limit == 0)) {
        refuse(ac, "limit", "limit must be a whole number from 1 to 1000");
        return false;
    }
    if (!read_since(ac, q)) {
        refuse(ac, "since", "since must be the id of an event, or 0: all events that are kept");
        return false;
    }
    return read_filter(ac, &q->start.filter);
}

/* ---- a poll ---- */

static void put_event(struct jtext *t, const struct event_ring *r, uint64_t number)
{
    static char text[EVENT_DATA_MAX + 1]; /* nobody else runs meanwhile */
    const struct span data = event_ring_data(r, number);

    memcpy(text, data.ptr, data.len);
    text[data.len] = '\0';
    jtext_json(t, NULL, text);
}

/* Without a since: the newest. */
static uint64_t find_first(const struct event_ring *r, const struct asked *q)
{
    uint64_t number = r->next;

    if (q->has_since)
        return q->start.next;
    for (uint64_t n = 0; number > r->first && n < q->limit; number--)
        n += event_filter_passes(&q->start.filter, event_ring_key(r, number - 1));
    return number;
}

static char *print_poll(const struct event_ring *r, const struct asked *q)
{
    uint64_t number = find_first(r, q), shown = 0;
    char id[EVENT_ID_MAX];
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    if (q->start.gap != NULL)
        jtext_str(&t, "gap", q->start.gap);
    else
        jtext_null(&t, "gap");
    jtext_open(&t, "events", '[');
    for (; number < r->next && shown < q->limit; number++) {
        if (!event_filter_passes(&q->start.filter, event_ring_key(r, number)))
            continue;
        put_event(&t, r, number);
        shown++;
    }
    jtext_close(&t, ']');
    event_ring_print_id(r, number - 1, id);
    jtext_str(&t, "next", id);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

void api_events_get(struct api_conn *ac)
{
    struct asked q;

    if (!read_asked(ac, &q))
        return;
    if (!ac->event_head.wants_stream || ac->is_head)
        api_respond(ac, 200, print_poll(&ac->m->events->ring, &q));
    else if (manager_is_draining(ac->m))
        api_problem(ac, 503, "draining", "weldr is shutting down");
    else if (!api_stream_begin(ac, &q.start))
        api_problem_passing(ac, 503, "too_many_streams", "256 clients read events already");
}
