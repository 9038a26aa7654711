#include "worker/access_line.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/strb.h"
#include "base/werr.h"
#include "http/date.h"
#include "pool/pool.h"

/* Bytes of a value at the most, as printed. */
enum {
    METHOD_MAX = 32,
    TARGET_MAX = 1440,
    HOST_MAX = 256,
    ORIGIN_MAX = 128,
    REQUEST_ID_MAX = 128,
    AGENT_MAX = 384,
    REFERER_MAX = 384,
    RULE_ID_MAX = 24,
    REASON_MAX = 128,
    TLS_NAME_MAX = 128,
    TLS_MAX = TLS_NAME_MAX + 103, /* with its keys, version and cipher … */
    TARGET_TLS_MAX = 1200,        /* … for which the target makes room */
    /* One at least is told of. */
    ATTEMPT_MAX = ORIGIN_MAX + 80 + 48,
    /* Keys, numbers, the address, the time: the rest of a line. */
    OTHER_MAX = 800,
    ESCAPE_MAX = 12 /* two \uXXXX */
};
#define MAX_OF_OTHERS                                                                \
    (METHOD_MAX + HOST_MAX + ORIGIN_MAX + REQUEST_ID_MAX + AGENT_MAX + REFERER_MAX + \
     RULE_ID_MAX + REASON_MAX + ATTEMPT_MAX + 2 * POOL_NAME_MAX + OTHER_MAX)
_Static_assert(TARGET_MAX + MAX_OF_OTHERS < ACCESS_LINE_MAX &&
                   TARGET_TLS_MAX + TLS_MAX + MAX_OF_OTHERS < ACCESS_LINE_MAX,
               "every line fits");

/* ---- text that others made ---- */

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static uint64_t of_each(unsigned char c)
{
    return UINT64_C(0x0101010101010101) * c;
}

/* The top bit of each byte that is zero; of one above a zero byte it may be set by mistake. */
static uint64_t zero_bytes(uint64_t x)
{
    return (x - of_each(1)) & ~x & of_each(0x80);
}

/* Eight at once: not below a space, not 0x7f or above, neither quote nor backslash. A mistake
 * only sends the eight to be looked at one by one. */
static bool are_plain(uint64_t x)
{
    return ((x | (x + of_each(1)) | (x - of_each(' '))) & of_each(0x80)) == 0 &&
           (zero_bytes(x ^ of_each('"')) | zero_bytes(x ^ of_each('\\'))) == 0;
}

static uint64_t load8(const char *at)
{
    uint64_t x;

    memcpy(&x, at, sizeof(x));
    return x;
}

static uint32_t load4(const char *at)
{
    uint32_t x;

    memcpy(&x, at, sizeof(x));
    return x;
}

static size_t count_plain(struct span s)
{
    size_t n = 0;

    while (s.len - n >= sizeof(uint64_t) && are_plain(load8(s.ptr + n)))
        n += sizeof(uint64_t);
    while (n < s.len && is_plain((unsigned char)s.ptr[n]))
        n++;
    return n;
}

/* May say no by mistake. The last bytes are looked at with some before them. */
static bool is_all_plain(struct span s)
{
    if (s.len < 4)
        return count_plain(s) == s.len;
    if (s.len < 8)
        return are_plain(load4(s.ptr) | (uint64_t)load4(s.ptr + s.len - 4) << 32);
    for (size_t n = 0; n < s.len - 8; n += 8)
        if (!are_plain(load8(s.ptr + n)))
            return false;
    return are_plain(load8(s.ptr + s.len - 8));
}

static size_t put_hex(char *out, unsigned n, unsigned digits)
{
    for (unsigned i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[n >> 4 * (digits - 1 - i) & 15];
    return digits;
}

static size_t put_unit(char *out, unsigned unit)
{
    out[0] = '\\';
    out[1] = 'u';
    return 2 + put_hex(out + 2, unit, 4);
}

/* The character of several bytes at the start (RFC 3629: shortest form, no surrogates); returns
 * how many, 0 when there is none. */
static unsigned read_character(struct span s, uint32_t *code)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *at = (const unsigned char *)s.ptr;

    for (unsigned i = 0; i < 3; i++) {
        unsigned n = i + 2;

        if ((at[0] & forms[i].mask) != forms[i].lead || s.len < n)
            continue;
        *code = at[0] & (uint8_t)~forms[i].mask;
        for (unsigned k = 1; k < n; k++) {
            if ((at[k] & 0xc0) != 0x80)
                return 0;
            *code = *code << 6 | (at[k] & 0x3f);
        }
        return *code >= forms[i].least && *code <= 0x10ffff && *code >> 11 != 0x1b ? n : 0;
    }
    return 0;
}

/* What is not plain, at the start of s: its printed form to out; returns the bytes used up. */
typedef size_t (*escape_fn)(struct span s, char *out, size_t *out_len);

static size_t escape_json(struct span s, char *out, size_t *out_len)
{
    unsigned char c = (unsigned char)s.ptr[0];
    uint32_t code = 0;

    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        *out_len = 2;
        return 1;
    }
    if (c < 0x80) {
        *out_len = put_unit(out, c);
        return 1;
    }
    unsigned n = read_character(s, &code);
    if (n == 0) {
        *out_len = put_unit(out, 0xfffd);
        return 1;
    }
    if (code < 0x10000) {
        *out_len = put_unit(out, code);
        return n;
    }
    code -= 0x10000;
    *out_len = put_unit(out, 0xd800 + (code >> 10));
    *out_len += put_unit(out + *out_len, 0xdc00 + (code & 0x3ff));
    return n;
}

static size_t escape_combined(struct span s, char *out, size_t *out_len)
{
    out[0] = '\\';
    out[1] = 'x';
    *out_len = 2 + put_hex(out + 2, (unsigned char)s.ptr[0], 2);
    return 1;
}

/* False when the value had to be cut. */
static bool add_text(struct strb *b, struct span s, size_t max, escape_fn escape)
{
    const size_t end = b->len + max;

    for (;;) {
        size_t plain = count_plain(s);
        char text[ESCAPE_MAX];
        size_t len = 0;

        if (plain > end - b->len) {
            strb_add(b, span_first(s, end - b->len));
            return false;
        }
        strb_add(b, span_first(s, plain));
        s = span_skip(s, plain);
        if (s.len == 0)
            return true;
        s = span_skip(s, escape(s, text, &len));
        if (len > end - b->len)
            return false;
        strb_add(b, span_from(text, len));
    }
}

/* ---- what both formats have ---- */

static void add_ip(struct strb *b, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    strb_add(b, span_from(text, addr_print_ip(a, text)));
}

static void make_clock(struct access_clock *c, uint64_t second)
{
    char date[DATE_TEXT_LEN + 1]; /* "Mon, 23 Nov 2026 15:08:14 GMT" */
    struct strb b;

    c->second = second;
    clock_print_wall(second * 1000000, c->json);
    date_print(second, date);
    strb_init(&b, c->combined, sizeof(c->combined));
    strb_add(&b, span_from(date + 5, 2));
    strb_add_char(&b, '/');
    strb_add(&b, span_from(date + 8, 3));
    strb_add_char(&b, '/');
    strb_add(&b, span_from(date + 12, 4));
    strb_add_char(&b, ':');
    strb_add(&b, span_from(date + 17, 8));
    strb_add(&b, SPAN(" +0000"));
}

static void set_clock(struct access_clock *c, uint64_t wall_us)
{
    unsigned ms = (unsigned)(wall_us / 1000 % 1000);

    if (c->second != wall_us / 1000000 || c->json[0] == '\0')
        make_clock(c, wall_us / 1000000);
    c->json[20] = (char)('0' + ms / 100);
    c->json[21] = (char)('0' + ms / 10 % 10);
    c->json[22] = (char)('0' + ms % 10);
}

static struct span version_text(uint8_t version)
{
    switch (version) {
    case 10:
        return SPAN("1.0");
    case 11:
        return SPAN("1.1");
    case 20:
        return SPAN("2");
    default:
        return SPAN_NONE;
    }
}

static size_t end_line(struct strb *b)
{
    strb_add_char(b, '\n');
    MUST(!strb_is_full(b)); /* the limits above say that it fits */
    return b->len;
}

/* ---- JSON ---- */

struct json {
    struct strb b;
    bool is_cut;
};

static void json_value(struct json *j, struct span value, size_t max)
{
    if (value.ptr == NULL) {
        strb_add(&j->b, SPAN("null"));
        return;
    }
    if (value.len <= max && is_all_plain(value) && strb_has_room(&j->b, value.len + 2)) {
        char *at = strb_end(&j->b);

        at[0] = '"';
        memcpy(at + 1, value.ptr, value.len);
        at[value.len + 1] = '"';
        strb_commit(&j->b, value.len + 2);
        return;
    }
    strb_add_char(&j->b, '"');
    if (!add_text(&j->b, value, max, escape_json))
        j->is_cut = true;
    strb_add_char(&j->b, '"');
}

/* key: ,"name": - inline, so that it is stored instead of copied. */
static inline __attribute__((always_inline)) void json_text(struct json *j, struct span key,
                                                            struct span value, size_t max)
{
    strb_add(&j->b, key);
    json_value(j, value, max);
}

static inline __attribute__((always_inline)) void json_number(struct json *j, struct span key,
                                                              uint64_t n)
{
    strb_add(&j->b, key);
    strb_add_u64(&j->b, n);
}

static inline __attribute__((always_inline)) void json_time(struct json *j, struct span key,
                                                            uint64_t us)
{
    strb_add(&j->b, key);
    if (us == ACCESS_NO_TIME)
        strb_add(&j->b, SPAN("null"));
    else
        strb_add_u64(&j->b, us);
}

static void json_client(struct json *j, const struct addr *client)
{
    bool is_v6 = client->family == AF_INET6;

    strb_add(&j->b, is_v6 ? SPAN(",\"client\":\"[") : SPAN(",\"client\":\""));
    add_ip(&j->b, client);
    strb_add(&j->b, is_v6 ? SPAN("]:") : SPAN(":"));
    strb_add_u64(&j->b, client->port);
    strb_add_char(&j->b, '"');
}

static void json_times(struct json *j, const struct access_record *r)
{
    json_time(j, SPAN(",\"wait_us\":"), r->wait_us);
    json_time(j, SPAN(",\"queue_us\":"), r->queue_us);
    json_time(j, SPAN(",\"connect_us\":"), r->connect_us);
    json_time(j, SPAN(",\"first_byte_us\":"), r->first_byte_us);
    json_time(j, SPAN(",\"total_us\":"), r->total_us);
    json_time(j, SPAN(",\"added_us\":"), r->added_us);
}

static void json_tls(struct json *j, const struct access_record *r)
{
    if (r->tls_version.ptr == NULL)
        return;
    json_text(j, SPAN(",\"tls_version\":"), r->tls_version, METHOD_MAX);
    json_text(j, SPAN(",\"tls_cipher\":"), r->tls_cipher, METHOD_MAX);
    json_text(j, SPAN(",\"tls_name\":"), r->tls_name, TLS_NAME_MAX);
    strb_add(&j->b,
             r->is_resumed ? SPAN(",\"tls_resumed\":true") : SPAN(",\"tls_resumed\":false"));
}

/* The end of a line has to fit behind it. */
static bool has_room_for_attempt(const struct json *j)
{
    return strb_has_room(&j->b,
                         ATTEMPT_MAX + sizeof("],\"fail_open\":true,\"truncated\":true}\n"));
}

/* In ms with three digits behind the point: those that look at it think of time limits. */
static void json_ms(struct json *j, uint64_t us)
{
    char digits[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                      (char)('0' + us % 10)};

    strb_add_u64(&j->b, us / 1000);
    strb_add(&j->b, span_from(digits, sizeof(digits)));
}

static void json_attempts(struct json *j, const struct access_record *r)
{
    strb_add(&j->b, SPAN(",\"attempts\":["));
    for (unsigned i = 0; i < r->attempt_n; i++) {
        const struct access_attempt *a = &r->attempts[i];

        if (!has_room_for_attempt(j)) {
            j->is_cut = true;
            break;
        }
        json_text(j, i == 0 ? SPAN("{\"server\":") : SPAN(",{\"server\":"), a->server,
                  ORIGIN_MAX);
        json_text(j, SPAN(",\"result\":"), span_from_str(a->result), METHOD_MAX);
        strb_add(&j->b, SPAN(",\"ms\":"));
        json_ms(j, a->us);
        if (a->detail != NULL)
            json_text(j, SPAN(",\"detail\":"), span_from_str(a->detail), METHOD_MAX);
        strb_add_char(&j->b, '}');
    }
    strb_add_char(&j->b, ']');
}

size_t access_line_json(const struct access_record *r, struct access_clock *clock,
                        char buf[ACCESS_LINE_MAX])
{
    struct json j = {.is_cut = false};

    set_clock(clock, r->begin_wall_us);
    strb_init(&j.b, buf, ACCESS_LINE_MAX);
    strb_add(&j.b, SPAN("{\"time\":\""));
    strb_add(&j.b, span_from(clock->json, 24));
    strb_add_char(&j.b, '"');
    json_number(&j, SPAN(",\"worker\":"), r->worker);
    json_client(&j, r->client);
    json_text(&j, SPAN(",\"method\":"), r->method, METHOD_MAX);
    json_text(&j, SPAN(",\"target\":"), r->target,
              r->tls_version.ptr == NULL ? TARGET_MAX : TARGET_TLS_MAX);
    json_text(&j, SPAN(",\"version\":"), version_text(r->version), METHOD_MAX);
    json_text(&j, SPAN(",\"host\":"), r->host, HOST_MAX);
    json_number(&j, SPAN(",\"status\":"), r->status);
    json_text(&j, SPAN(",\"result\":"), r->result, METHOD_MAX);
    json_text(&j, SPAN(",\"origin\":"), r->origin, ORIGIN_MAX);
    json_number(&j, SPAN(",\"retries\":"), r->retries);
    json_number(&j, SPAN(",\"bytes_in\":"), r->bytes_in);
    json_number(&j, SPAN(",\"bytes_out\":"), r->bytes_out);
    json_times(&j, r);
    json_text(&j, SPAN(",\"request_id\":"), r->request_id, REQUEST_ID_MAX);
    json_text(&j, SPAN(",\"user_agent\":"), r->user_agent, AGENT_MAX);
    json_text(&j, SPAN(",\"referer\":"), r->referer, REFERER_MAX);
    json_text(&j, SPAN(",\"listener\":"), r->listener, POOL_NAME_MAX);
    json_text(&j, SPAN(",\"rule\":"), r->rule, RULE_ID_MAX);
    json_text(&j, SPAN(",\"pool\":"), r->pool, POOL_NAME_MAX);
    json_tls(&j, r);
    if (r->reason.ptr != NULL)
        json_text(&j, SPAN(",\"reason\":"), r->reason, REASON_MAX);
    json_attempts(&j, r);
    if (r->is_fail_open)
        strb_add(&j.b, SPAN(",\"fail_open\":true"));
    if (j.is_cut)
        strb_add(&j.b, SPAN(",\"truncated\":true"));
    strb_add_char(&j.b, '}');
    return end_line(&j.b);
}

/* ---- combined ---- */

static void combined_text(struct strb *b, struct span value, size_t max)
{
    if (value.len == 0)
        strb_add_char(b, '-');
    else
        (void)add_text(b, value, max, escape_combined);
}

static void combined_request(struct strb *b, const struct access_record *r)
{
    if (r->version == 0) {
        strb_add_char(b, '-');
        return;
    }
    combined_text(b, r->method, METHOD_MAX);
    strb_add_char(b, ' ');
    combined_text(b, r->target, TARGET_MAX);
    strb_add(b, SPAN(" HTTP/"));
    strb_add(b, version_text(r->version));
}

size_t access_line_combined(const struct access_record *r, struct access_clock *clock,
                            char buf[ACCESS_LINE_MAX])
{
    struct strb b;

    set_clock(clock, r->begin_wall_us);
    strb_init(&b, buf, ACCESS_LINE_MAX);
    add_ip(&b, r->client);
    strb_add(&b, SPAN(" - - ["));
    strb_add_str(&b, clock->combined);
    strb_add(&b, SPAN("] \""));
    combined_request(&b, r);
    strb_add(&b, SPAN("\" "));
    if (r->status == 0)
        strb_add(&b, SPAN("000"));
    else
        strb_add_u64(&b, r->status);
    strb_add_char(&b, ' ');
    strb_add_u64(&b, r->bytes_out);
    strb_add(&b, SPAN(" \""));
    combined_text(&b, r->referer, REFERER_MAX);
    strb_add(&b, SPAN("\" \""));
    combined_text(&b, r->user_agent, AGENT_MAX);
    strb_add(&b, SPAN("\"\n"));
    MUST(!strb_is_full(&b));
    return b.len;
}
