#include "http/rewrite.h"

#include "base/num.h"

/* What one walk over the fields found. */
struct survey {
    uint32_t seen;    /* bit per token that is there and not dropped */
    bool has_named;   /* Connection names more than close and keep-alive */
    bool may_forward; /* a field that is not known may be an X-Forwarded-* or X-Client-Cert-*
                         one */
    size_t via_bytes; /* sum of the values, 2 more for each line */
    size_t forwarded_for_bytes;
    size_t forwarded_bytes;
};

/* Text that is being made: one block of the arena for the whole message, big enough for all of
 * it. */
struct text {
    char *at;
};

#define BIT(token) (1U << FIELD_##token)
#define FORWARDING \
    (BIT(FORWARDED) | BIT(X_FORWARDED_FOR) | BIT(X_FORWARDED_HOST) | BIT(X_FORWARDED_PROTO))
_Static_assert(FIELD_TOKENS <= 32, "a bit for each token");

static bool names_only_itself(struct span value)
{
    struct span item;
    while (span_next_item(&value, &item)) {
        if (!span_is_equal_nocase(item, SPAN("close")) &&
            !span_is_equal_nocase(item, SPAN("keep-alive")))
            return false;
    }
    return true;
}

/* The bits of hop-by-hop fields. */
#define IF_HOP(token) BIT(token) |
#define IF_END(token)
#define IF_FRAME(token)
#define FIELD(token, text, duty) IF_##duty(token)
static const uint32_t hop_by_hop =
#include "http/fields.def"
    0;
#undef FIELD

/* Of these the walk does more than to see them. */
static const uint32_t surveyed =
    hop_by_hop | BIT(VIA) | BIT(X_FORWARDED_FOR) | BIT(FORWARDED) | BIT(OTHER);

static void walk_fields(struct msg *m, struct survey *s)
{
    struct msg_field *fields = m->fields;
    for (unsigned i = 0, n = m->field_n; i < n; i++) {
        struct msg_field *f = &fields[i];
        if (f->token == FIELD_OTHER) {
            s->may_forward |= field_may_be_forwarding(msg_field_name(m, f));
            continue;
        }
        if (f->flags & MSG_FIELD_DROP)
            continue;
        s->seen |= 1U << f->token;
        if (f->token == FIELD_VIA)
            s->via_bytes += f->value_len + 2;
        else if (f->token == FIELD_X_FORWARDED_FOR)
            s->forwarded_for_bytes += f->value_len + 2;
        else if (f->token == FIELD_FORWARDED)
            s->forwarded_bytes += f->value_len + 2;
        else if (field_duty(f->token) == FIELD_DUTY_HOP) {
            f->flags |= MSG_FIELD_DROP;
            if (f->token == FIELD_CONNECTION && !s->has_named)
                s->has_named = !names_only_itself(msg_field_value(m, f));
        }
    }
}

/* Of a usual message its reader knows all that is asked here. Nothing is dropped before. */
static inline void survey_fields(struct msg *m, struct survey *s)
{
    *s = (struct survey){0};
    if ((m->absent & surveyed) == surveyed)
        s->seen = ~m->absent;
    else
        walk_fields(m, s);
}

static void drop_other(struct msg *m, struct span name)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];
        if (f->token == FIELD_OTHER && f->name_len == name.len &&
            !(f->flags & MSG_FIELD_DROP) && span_is_equal_nocase(msg_field_name(m, f), name))
            f->flags |= MSG_FIELD_DROP;
    }
}

/* A sender must not name a field that is meant for all recipients (RFC 9110 section 7.6.1);
 * dropping those would change whom the message is for or where it ends. Without Expect server
 * and client would wait for each other, and we would blame the server. */
static void drop_named(struct msg *m, struct span name)
{
    enum field_token token = field_lookup(name);
    if (token == FIELD_OTHER)
        drop_other(m, name);
    else if (token != FIELD_HOST && token != FIELD_EXPECT &&
             field_duty(token) == FIELD_DUTY_END)
        msg_drop(m, token);
}

/* The Connection lines are marked already, so they are sought by token alone. */
static void drop_all_named(struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        if (m->fields[i].token != FIELD_CONNECTION)
            continue;
        struct span rest = msg_field_value(m, &m->fields[i]);
        struct span name;
        while (span_next_item(&rest, &name))
            drop_named(m, name);
    }
}

static void survey_and_drop(struct msg *m, struct survey *s)
{
    survey_fields(m, s);
    if (s->has_named) {
        drop_all_named(m);
        survey_fields(m, s); /* what was named counts no more */
    }
}

void rewrite_drop_hop_by_hop(struct msg *m)
{
    struct survey s;
    survey_and_drop(m, &s);
}

/* What clients that are not trusted say of whom they speak for. */
static void drop_forwarding(struct msg *m, struct survey *s, bool keeps_for)
{
    const unsigned kept = keeps_for ? FIELD_X_FORWARDED_FOR : FIELD_TOKENS;

    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];

        if (f->token != kept && field_is_forwarding(msg_field_name(m, f)))
            f->flags |= MSG_FIELD_DROP;
    }
    s->seen &= ~(keeps_for ? FORWARDING & ~BIT(X_FORWARDED_FOR) : FORWARDING);
}

/* Nobody but Weldr says who has shown a certificate. */
static void drop_client_certificate(struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];

        if (f->token == FIELD_OTHER && field_is_client_certificate(msg_field_name(m, f)))
            f->flags |= MSG_FIELD_DROP;
    }
}

static inline __attribute__((always_inline)) void put(struct text *t, struct span s)
{
    if (s.len > 0)
        memcpy(t->at, s.ptr, s.len);
    t->at += s.len;
}

static struct span keep(struct text *t, struct span s)
{
    struct span kept = {t->at, s.len};
    put(t, s);
    return kept;
}

/* Joins the lines of a field in their order (RFC 9110 section 5.3), marks them as dropped and
 * appends one element. */
static struct span join(struct text *t, struct msg *m, enum field_token token, struct span last)
{
    struct span line = {t->at, 0};
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];
        if (f->token != token || (f->flags & MSG_FIELD_DROP))
            continue;
        f->flags |= MSG_FIELD_DROP;
        if (f->value_len == 0)
            continue;
        put(t, msg_field_value(m, f));
        put(t, SPAN(", "));
    }
    put(t, last);
    line.len = (size_t)(t->at - line.ptr);
    return line;
}

/* received-protocol of RFC 9110 section 7.6.3 and our pseudonym. */
static struct span via_element(const struct msg *m)
{
    switch (m->version) {
    case 10:
        return SPAN("1.0 weldr");
    case 20:
        return SPAN("2 weldr");
    default:
        return SPAN("1.1 weldr");
    }
}

static int add_via(struct msg *m, const struct survey *s, struct text *t)
{
    struct span element = via_element(m);
    if (s->seen & BIT(VIA))
        element = join(t, m, FIELD_VIA, element);
    return msg_add(m, SPAN("Via"), element);
}

static int add_forwarded_for(struct msg *m, const struct survey *s,
                             const struct rewrite_facts *facts, struct text *t)
{
    struct span value = s->seen & BIT(X_FORWARDED_FOR)
                            ? join(t, m, FIELD_X_FORWARDED_FOR, facts->client_ip)
                            : keep(t, facts->client_ip);
    return msg_add(m, SPAN("X-Forwarded-For"), value);
}

/* The host that the client asked for: the target's authority wins over Host (RFC 9112
 * section 3.2.2). */
static struct span asked_host(const struct msg *m)
{
    return m->authority.len > 0 ? m->authority : msg_value(m, FIELD_HOST);
}

/* A value of RFC 7239 section 4: a token, or else a quoted string. */
static void put_value(struct text *t, struct span value)
{
    if (field_is_token(value)) {
        put(t, value);
        return;
    }
    *t->at++ = '"';
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            *t->at++ = '\\';
        *t->at++ = value.ptr[i];
    }
    *t->at++ = '"';
}

/* IPv6 stands in brackets, and therefore in quotes (RFC 7239 section 6). */
static void put_node(struct text *t, struct span ip)
{
    bool is_ip6 = span_find(ip, ':') < ip.len;

    put(t, is_ip6 ? SPAN("\"[") : SPAN_NONE);
    put(t, ip);
    put(t, is_ip6 ? SPAN("]\"") : SPAN_NONE);
}

enum { FORWARDED_WORDS_BYTES = 40 }; /* what an element has besides its values */

static size_t forwarded_room(const struct msg *m, const struct rewrite_facts *facts)
{
    return FORWARDED_WORDS_BYTES + facts->client_ip.len + 2 * asked_host(m).len +
           2 * facts->scheme.len;
}

/* One element for the hop that we saw (RFC 7239 section 4). */
static int add_forwarded(struct msg *m, const struct rewrite_facts *facts, struct text *t)
{
    struct span line = join(t, m, FIELD_FORWARDED, SPAN("for="));
    struct span host = asked_host(m);

    put_node(t, facts->client_ip);
    if (host.len > 0) {
        put(t, SPAN(";host="));
        put_value(t, host);
    }
    put(t, SPAN(";proto="));
    put_value(t, facts->scheme);
    line.len = (size_t)(t->at - line.ptr);
    return msg_add(m, SPAN("Forwarded"), line);
}

/* A request of HTTP/1.1 needs a Host (RFC 9112 section 3.2), and we send 1.1 to the origin
 * whatever the client spoke. Who names no host asks whom it reaches, and that is the server; an
 * empty Host many servers refuse. */
static int add_host(struct msg *m, const struct survey *s, const struct rewrite_facts *facts,
                    struct text *t)
{
    bool is_mapped = facts->map_host.len > 0;
    if (is_mapped || m->authority.len > 0)
        msg_drop(m, FIELD_HOST);
    else if (s->seen & BIT(HOST))
        return WERR_OK;
    if (!is_mapped && m->authority.len > 0)
        return msg_add(m, SPAN("Host"), m->authority);
    return msg_add(m, SPAN("Host"), keep(t, is_mapped ? facts->map_host : facts->server_host));
}

/* How many times the request may still be forwarded; false when that is not limited: the field
 * has a meaning for two methods only, and none when it is no number. */
static bool read_max_forwards(const struct msg *m, uint64_t *n)
{
    struct span method = msg_method(m);
    if (!span_is_equal(method, SPAN("OPTIONS")) && !span_is_equal(method, SPAN("TRACE")))
        return false;
    int result = num_from_dec(msg_value(m, FIELD_MAX_FORWARDS), INT64_MAX, n);
    if (result == WERR_TOO_BIG)
        *n = INT64_MAX;
    return result != WERR_SYNTAX;
}

bool rewrite_may_forward(const struct msg *m)
{
    uint64_t n;
    return !read_max_forwards(m, &n) || n > 0;
}

enum { NUMBER_BYTES_MAX = 20 };

static int count_down(struct msg *m, const struct survey *s, struct text *t)
{
    uint64_t n;
    if (!(s->seen & BIT(MAX_FORWARDS)) || !read_max_forwards(m, &n) || n == 0)
        return WERR_OK;
    msg_drop(m, FIELD_MAX_FORWARDS);
    struct span left = {t->at, num_to_dec(n - 1, t->at)};
    t->at += left.len;
    return msg_add(m, SPAN("Max-Forwards"), left);
}

static bool is_named(const struct msg *m, struct span name)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        struct span rest = msg_field_value(m, &m->fields[i]);
        struct span item;
        while (m->fields[i].token == FIELD_CONNECTION && span_next_item(&rest, &item)) {
            if (span_is_equal_nocase(item, name))
                return true;
        }
    }
    return false;
}

struct span rewrite_request_id(const struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        if (f->token == FIELD_X_REQUEST_ID && f->value_len > 0)
            return is_named(m, SPAN("x-request-id")) ? SPAN_NONE : msg_field_value(m, f);
    }
    return SPAN_NONE;
}

/* Is a line there that says just this? All others go. */
static bool has_request_id(struct msg *m, const struct survey *s, struct span id)
{
    bool has = false;
    if (!(s->seen & BIT(X_REQUEST_ID)))
        return false;
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];
        if (f->token != FIELD_X_REQUEST_ID || (f->flags & MSG_FIELD_DROP))
            continue;
        if (has || !span_is_equal(msg_field_value(m, f), id))
            f->flags |= MSG_FIELD_DROP;
        else
            has = true;
    }
    return has;
}

static int add_request_id(struct msg *m, const struct survey *s, struct span id)
{
    if (id.len == 0 || has_request_id(m, s, id))
        return WERR_OK;
    return msg_add(m, SPAN("X-Request-Id"), id);
}

static int add_missing(struct msg *m, const struct survey *s, const struct rewrite_facts *facts,
                       struct text *t)
{
    int result = WERR_OK;
    struct span host = asked_host(m);
    if (!(s->seen & BIT(X_FORWARDED_HOST)) && host.len > 0)
        result = msg_add(m, SPAN("X-Forwarded-Host"), host);
    if (result == WERR_OK && !(s->seen & BIT(X_FORWARDED_PROTO)))
        result = msg_add(m, SPAN("X-Forwarded-Proto"), keep(t, facts->scheme));
    return result == WERR_OK ? add_request_id(m, s, facts->request_id) : result;
}

enum { ELEMENT_BYTES_MAX = 16 }; /* of via_element */

int rewrite_request(struct msg *m, const struct rewrite_facts *facts, struct arena *arena)
{
    struct survey s;
    survey_and_drop(m, &s);
    if (s.may_forward)
        drop_client_certificate(m);
    if (facts->trust != REWRITE_TRUSTED && (s.may_forward || (s.seen & FORWARDING)))
        drop_forwarding(m, &s, facts->trust == REWRITE_UNKNOWN);

    size_t more_bytes = facts->forwarded ? s.forwarded_bytes + forwarded_room(m, facts) : 0;
    struct text t;
    t.at = arena_alloc(arena, s.via_bytes + ELEMENT_BYTES_MAX + s.forwarded_for_bytes +
                                  facts->client_ip.len + facts->map_host.len +
                                  facts->server_host.len + facts->scheme.len +
                                  NUMBER_BYTES_MAX + more_bytes);
    if (t.at == NULL)
        return WERR_NOMEM;

    if (m->version == 10) /* ignored from HTTP/1.0: RFC 9110 section 10.1.1 */
        msg_drop(m, FIELD_EXPECT);
    int result = add_via(m, &s, &t);
    if (result == WERR_OK)
        result = add_forwarded_for(m, &s, facts, &t);
    if (result == WERR_OK && facts->forwarded)
        result = add_forwarded(m, facts, &t);
    if (result == WERR_OK)
        result = add_missing(m, &s, facts, &t);
    if (result == WERR_OK)
        result = add_host(m, &s, facts, &t);
    if (result == WERR_OK)
        result = count_down(m, &s, &t);
    return result;
}

int rewrite_response(struct msg *m, const struct rewrite_facts *facts, struct arena *arena)
{
    struct survey s;
    survey_and_drop(m, &s);

    struct text t;
    t.at = arena_alloc(arena, s.via_bytes + ELEMENT_BYTES_MAX + facts->date.len);
    if (t.at == NULL)
        return WERR_NOMEM;

    int result = add_via(m, &s, &t);
    if (result == WERR_OK && !(s.seen & BIT(DATE)) && facts->date.len > 0)
        result = msg_add(m, SPAN("Date"), keep(&t, facts->date));
    return result == WERR_OK ? add_request_id(m, &s, facts->request_id) : result;
}
