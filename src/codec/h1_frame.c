#include "base/num.h"
#include "codec/h1_int.h"

/* Where a message ends. All decisions of RFC 9112 section 6 are on this page and nowhere else:
 * whoever reads a message differently from the next recipient lets one message be smuggled
 * inside another (section 11.2). So whatever is not plainly right is refused, also where the
 * RFC would allow to repair it. */

/* The lines that count, gathered in one walk. */
struct lines {
    unsigned host_n, length_n, coding_n;
    struct span host, length, coding;
    unsigned upgrade_n;
    bool has_close, has_keep_alive, has_te, has_upgrade;
    bool has_disguised;
};

static int refuse(struct h1_fault *fault, const char *why)
{
    return h1_fail(fault, WERR_SYNTAX, 400, why);
}

static void read_connection(struct lines *l, struct span value)
{
    struct span item;
    while (span_next_item(&value, &item)) {
        l->has_close |= span_is_equal_nocase(item, SPAN("close"));
        l->has_keep_alive |= span_is_equal_nocase(item, SPAN("keep-alive"));
        l->has_te |= span_is_equal_nocase(item, SPAN("te"));
        l->has_upgrade |= span_is_equal_nocase(item, SPAN("upgrade"));
    }
}

static bool has_item(struct span list, struct span name)
{
    struct span item;
    while (span_next_item(&list, &item)) {
        if (span_is_equal_nocase(item, name))
            return true;
    }
    return false;
}

/* What RFC 2068 section 19.7.1 left behind: "timeout=5, max=100". What can't be read says
 * nothing. */
static void read_keep_alive(struct msg *m, struct span value)
{
    struct span item;
    uint64_t seconds;
    while (span_next_item(&value, &item)) {
        if (item.len < 8 || !span_is_equal_nocase(span_first(item, 8), SPAN("timeout=")))
            continue;
        if (num_from_dec(span_skip(item, 8), UINT32_MAX, &seconds) != WERR_OK)
            continue;
        m->keep_alive_s = (uint32_t)seconds;
        m->flags |= MSG_HAS_KEEP_ALIVE;
    }
}

static void read_one(struct msg *m, struct lines *l, enum field_token token, struct span value)
{
    switch (token) {
    case FIELD_HOST:
        l->host_n++;
        l->host = value;
        break;
    case FIELD_CONTENT_LENGTH:
        l->length_n++;
        l->length = value;
        break;
    case FIELD_TRANSFER_ENCODING:
        l->coding_n++;
        l->coding = value;
        break;
    case FIELD_CONNECTION:
        read_connection(l, value);
        break;
    case FIELD_EXPECT: /* ignored from 1.0 clients: RFC 9110 section 10.1.1 */
        if (m->version != 10 && span_is_equal_nocase(value, SPAN("100-continue")))
            m->flags |= MSG_EXPECT_100;
        break;
    case FIELD_TE:
        if (has_item(value, SPAN("trailers")))
            m->flags |= MSG_HAS_TE_TRAILERS;
        break;
    case FIELD_UPGRADE:
        l->upgrade_n++;
        break;
    case FIELD_KEEP_ALIVE:
        read_keep_alive(m, value);
        break;
    case FIELD_VIA:
        m->flags |= MSG_HAS_VIA;
        break;
    case FIELD_X_REQUEST_ID:
        m->flags |= MSG_HAS_REQUEST_ID;
        break;
    case FIELD_X_WELDR_EXPLAIN:
        m->flags |= MSG_HAS_EXPLAIN;
        break;
    default:
        break;
    }
}

/* Content_Length? To us and to RFC 9110 a field like any other; but servers that make variables
 * of field names (RFC 3875 section 4.1.18) take '_' and '-' for the same. */
static bool is_disguised(struct span name)
{
    const struct span length = SPAN("content_length");
    const struct span coding = SPAN("transfer_encoding");
    return (name.len == length.len && span_is_equal_nocase(name, length)) ||
           (name.len == coding.len && span_is_equal_nocase(name, coding));
}

/* The shortest name that read_other looks for. */
enum { OTHER_MIN = sizeof("x-forwarded-") - 1 };

/* A name that is not known, and not short. The bit of FIELD_OTHER: see msg.absent. */
static uint32_t read_other(struct lines *l, struct span name)
{
    l->has_disguised |= is_disguised(name);
    return (uint32_t)field_may_be_forwarding(name) << FIELD_OTHER;
}

static void read_lines(struct msg *m, struct lines *l)
{
    const uint32_t framing = 1U << FIELD_HOST | 1U << FIELD_CONTENT_LENGTH |
                             1U << FIELD_TRANSFER_ENCODING | 1U << FIELD_CONNECTION |
                             1U << FIELD_EXPECT | 1U << FIELD_TE | 1U << FIELD_KEEP_ALIVE |
                             1U << FIELD_UPGRADE | 1U << FIELD_VIA | 1U << FIELD_X_REQUEST_ID |
                             1U << FIELD_X_WELDR_EXPLAIN;
    const struct msg_field *fields = m->fields;
    uint32_t seen = 0;
    *l = (struct lines){0};
    for (unsigned i = 0, n = m->field_n; i < n; i++) {
        const struct msg_field *f = &fields[i];
        if (f->token == FIELD_OTHER) {
            if (f->name_len >= OTHER_MIN)
                seen |= read_other(l, msg_field_name(m, f));
            continue;
        }
        seen |= 1U << f->token;
        if (framing >> f->token & 1U)
            read_one(m, l, f->token, msg_field_value(m, f));
    }
    m->absent = ~seen;
}

/* Section 6.1: chunked is the only coding that we know; once, as the only one, and never from
 * HTTP/1.0, where nobody may have understood it. Section 6.3: with Content-Length it "ought to
 * be handled as an error". */
static int check_coding(const struct msg *m, const struct lines *l, struct h1_fault *fault)
{
    if (l->length_n > 0)
        return refuse(fault, "both transfer-encoding and content-length");
    if (l->coding_n > 1)
        return refuse(fault, "transfer-encoding twice");
    if (m->version == 10)
        return refuse(fault, "transfer-encoding in HTTP/1.0");
    if (span_is_equal_nocase(l->coding, SPAN("chunked")))
        return WERR_OK;
    struct span rest = l->coding;
    struct span item;
    while (span_next_item(&rest, &item)) {
        if (!span_is_equal_nocase(item, SPAN("chunked")))
            return h1_fail(fault, WERR_UNSUPPORTED, 501, "unknown transfer coding");
    }
    return refuse(fault, "malformed transfer-encoding");
}

/* Section 6.2: 1*DIGIT. A list, even of equal numbers, may be repaired or refused
 * (section 6.3); we refuse. */
static int check_length(struct msg *m, const struct lines *l, struct h1_fault *fault)
{
    if (l->length_n > 1)
        return refuse(fault, "content-length twice");
    int result = num_from_dec(l->length, INT64_MAX, &m->content_length);
    if (result == WERR_TOO_BIG)
        return refuse(fault, "content-length too big");
    if (result != WERR_OK)
        return refuse(fault, "malformed content-length");
    m->flags |= MSG_HAS_LENGTH;
    return WERR_OK;
}

/* Sections 6.1 and 6.2: what the fields say about a body, if there can be one. otherwise: the
 * body when they say nothing. */
static int read_body(struct msg *m, const struct lines *l, enum msg_body otherwise,
                     struct h1_fault *fault)
{
    int result = WERR_OK;
    m->body = otherwise;
    if (l->coding_n > 0) {
        result = check_coding(m, l, fault);
        m->body = MSG_BODY_CHUNKED;
    } else if (l->length_n > 0) {
        result = check_length(m, l, fault);
        m->body = m->content_length > 0 ? MSG_BODY_LENGTH : MSG_BODY_NONE;
    }
    return result;
}

/* Section 9.3. And RFC 9110 section 10.1.4: a TE that Connection does not name is not the word
 * of the one at the other end of this connection. */
static void read_persistence(struct msg *m, const struct lines *l)
{
    if (!l->has_te)
        m->flags &= (uint16_t)~MSG_HAS_TE_TRAILERS;
    if (l->has_upgrade && l->upgrade_n == 1 && m->version != 10)
        m->flags |= MSG_UPGRADE;
    if (!l->has_close && (m->version != 10 || l->has_keep_alive))
        m->flags |= MSG_KEEP_ALIVE;
}

/* Section 3.2: one Host in HTTP/1.1, at most one before; it may be empty when the target has no
 * authority. */
static int check_host(const struct msg *m, const struct lines *l, struct h1_fault *fault)
{
    if (l->host_n > 1)
        return refuse(fault, "host twice");
    if (l->host_n == 0)
        return m->version == 10 ? WERR_OK : refuse(fault, "no host");
    if (l->host.len > 0 && !h1_authority_is_valid(l->host))
        return refuse(fault, "malformed host");
    return WERR_OK;
}

int h1_frame_request(struct msg *m, struct h1_fault *fault)
{
    struct lines l;
    read_lines(m, &l);
    read_persistence(m, &l);
    if (span_is_equal(msg_method(m), SPAN("HEAD")))
        m->flags |= MSG_HEAD_METHOD;
    if (l.has_disguised)
        return refuse(fault, "framing field with an underscore");
    int result = read_body(m, &l, MSG_BODY_NONE, fault);
    return result != WERR_OK ? result : check_host(m, &l, fault);
}

/* Section 6.3, rule 1: these end with the head whatever their fields say. */
static bool never_has_body(const struct msg *m, bool answers_head)
{
    return answers_head || m->status < 200 || m->status == 204 || m->status == 304;
}

int h1_frame_response(struct msg *m, bool answers_head, struct h1_fault *fault)
{
    struct lines l;
    read_lines(m, &l);
    read_persistence(m, &l);
    if (answers_head)
        m->flags |= MSG_HEAD_METHOD;
    if (m->status == 101 && !(m->flags & MSG_UPGRADE))
        return h1_fail(fault, WERR_UNSUPPORTED, 0, "101 without an upgrade");

    bool is_bare =
        m->status < 200 || m->status == 204; /* section 6.1: MUST NOT have a coding */
    if (is_bare && l.coding_n > 0)
        return refuse(fault, "transfer-encoding where no body can be");
    if (read_body(m, &l, MSG_BODY_CLOSE, fault) != WERR_OK)
        return fault->error = WERR_SYNTAX;
    if (never_has_body(m, answers_head))
        m->body = MSG_BODY_NONE;
    if (is_bare)
        m->flags &= (uint16_t)~MSG_HAS_LENGTH;
    if (m->body == MSG_BODY_CLOSE)
        m->flags &= (uint16_t)~MSG_KEEP_ALIVE;
    return WERR_OK;
}
