#include "pool/pool_health.h"

#include <stdio.h>

#include "base/num.h"
#include "base/strb.h"
#include "pool/pool_mem.h"

#define NUMBER(key, bit, kind, member, min, max)                                            \
    {                                                                                       \
        key, POOL_HEALTH_SET_##bit, POOL_KIND_##kind, offsetof(struct pool_health, member), \
            min, max                                                                        \
    }
#define TEXT(key, bit, kind)                                  \
    {                                                         \
        key, POOL_HEALTH_SET_##bit, POOL_KIND_##kind, 0, 0, 0 \
    }

/* In the order in which the API shows them. */
const struct pool_health_field pool_health_fields[POOL_HEALTH_FIELD_N] = {
    NUMBER("type", TYPE, TYPE, type, 0, POOL_HEALTH_NONE),
    NUMBER("interval_ms", INTERVAL, U32, interval_ms, 100, 3600000),
    NUMBER("fast_interval_ms", FAST_INTERVAL, U32, fast_interval_ms, 100, 3600000),
    NUMBER("timeout_ms", TIMEOUT, U32, timeout_ms, 10, 600000),
    TEXT("path", PATH, PATH),
    TEXT("host", HOST, HOST),
    TEXT("expect", EXPECT, EXPECT),
    NUMBER("failures", FAILURES, U16, failures, 1, 100),
    NUMBER("passes", PASSES, U16, passes, 1, 100),
    NUMBER("initial", INITIAL, INITIAL, initial, 0, POOL_INITIAL_DOWN),
    NUMBER("agree", AGREE, AGREE, agree, 0, POOL_AGREE_MAJORITY),
};

static const char *const type_words[] = {"http", "tcp", "none"};
enum { TYPE_N = sizeof(type_words) / sizeof(type_words[0]) };
static const char *const initial_words[] = {"up", "down"};
enum { INITIAL_N = sizeof(initial_words) / sizeof(initial_words[0]) };
static const char *const agree_words[] = {"own", "majority"};
enum { AGREE_N = sizeof(agree_words) / sizeof(agree_words[0]) };

const char *pool_health_type_word(enum pool_health_type type)
{
    return (unsigned)type < TYPE_N ? type_words[type] : "none";
}

void pool_health_fini(struct pool_health *h)
{
    free(h->path);
    free(h->host);
    *h = (struct pool_health){0};
}

int pool_health_init_defaults(struct pool_health *h)
{
    *h = (struct pool_health){
        .set = POOL_HEALTH_SET_ALL,
        .type = POOL_HEALTH_HTTP,
        .expect_n = 1,
        .failures = 3,
        .passes = 2,
        .interval_ms = 30000,
        .fast_interval_ms = 2000,
        .timeout_ms = 5000,
        .expect = {{200, 299}},
    };
    h->path = pool_strdup("/");
    return h->path != NULL ? 0 : WERR_NOMEM;
}

/* *to is replaced only when the copy exists; from may be NULL. */
static int replace_string(char **to, const char *from)
{
    char *copy = NULL;
    if (from != NULL) {
        copy = pool_strdup(from);
        if (copy == NULL)
            return WERR_NOMEM;
    }
    free(*to);
    *to = copy;
    return 0;
}

int pool_health_copy(struct pool_health *to, const struct pool_health *from)
{
    *to = *from;
    to->path = NULL;
    to->host = NULL;
    int rc = replace_string(&to->path, from->path);
    if (rc == 0)
        rc = replace_string(&to->host, from->host);
    if (rc != 0)
        pool_health_fini(to);
    return rc;
}

static int merge_member(struct pool_health *into, const struct pool_health *from,
                        const struct pool_health_field *f)
{
    switch (f->kind) {
    case POOL_KIND_PATH:
        return replace_string(&into->path, from->path);
    case POOL_KIND_HOST:
        return replace_string(&into->host, from->host);
    case POOL_KIND_EXPECT:
        into->expect_n = from->expect_n;
        memcpy(into->expect, from->expect, sizeof(into->expect));
        return 0;
    default:
        pool_health_set_number(into, f, pool_health_number(from, f));
        return 0;
    }
}

int pool_health_merge(struct pool_health *into, const struct pool_health *from, uint32_t unset)
{
    into->set &= ~unset;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if ((from->set & f->bit) == 0)
            continue;
        int rc = merge_member(into, from, f);
        if (rc != 0)
            return rc;
        into->set |= f->bit;
    }
    return 0;
}

uint32_t pool_health_number(const struct pool_health *h, const struct pool_health_field *f)
{
    const char *member = (const char *)h + f->offset;
    uint32_t n = 0;
    uint16_t n16 = 0;
    switch (f->kind) {
    case POOL_KIND_TYPE:
        return h->type;
    case POOL_KIND_INITIAL:
        return h->initial;
    case POOL_KIND_AGREE:
        return h->agree;
    case POOL_KIND_U16:
        memcpy(&n16, member, sizeof(n16));
        return n16;
    default:
        memcpy(&n, member, sizeof(n));
        return n;
    }
}

void pool_health_set_number(struct pool_health *h, const struct pool_health_field *f,
                            uint32_t n)
{
    char *member = (char *)h + f->offset;
    uint16_t n16 = (uint16_t)n;
    switch (f->kind) {
    case POOL_KIND_TYPE:
        h->type = (uint8_t)n;
        break;
    case POOL_KIND_INITIAL:
        h->initial = (uint8_t)n;
        break;
    case POOL_KIND_AGREE:
        h->agree = (uint8_t)n;
        break;
    case POOL_KIND_U16:
        memcpy(member, &n16, sizeof(n16));
        break;
    default:
        memcpy(member, &n, sizeof(n));
        break;
    }
    h->set |= f->bit;
}

static void print_expect(const struct pool_health *h, char *buf)
{
    struct strb b;
    strb_init(&b, buf, POOL_EXPECT_TEXT_MAX);
    for (unsigned i = 0; i < h->expect_n; i++) {
        const struct pool_status_range *range = &h->expect[i];
        if (i > 0)
            strb_add_char(&b, ',');
        strb_add_u64(&b, range->from);
        if (range->to != range->from) {
            strb_add_char(&b, '-');
            strb_add_u64(&b, range->to);
        }
    }
}

const char *pool_health_text(const struct pool_health *h, const struct pool_health_field *f,
                             char *buf)
{
    switch (f->kind) {
    case POOL_KIND_TYPE:
        return pool_health_type_word(h->type);
    case POOL_KIND_INITIAL:
        return initial_words[h->initial < INITIAL_N ? h->initial : 0];
    case POOL_KIND_AGREE:
        return agree_words[h->agree < AGREE_N ? h->agree : 0];
    case POOL_KIND_PATH:
        return h->path != NULL ? h->path : "/";
    case POOL_KIND_HOST:
        return h->host != NULL ? h->host : "";
    default:
        print_expect(h, buf);
        return buf;
    }
}

static bool is_path(struct span text)
{
    if (text.len == 0 || text.len > POOL_PATH_MAX || text.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

static bool is_host(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_word && (c == '\0' || strchr(".-_:[]", c) == NULL))
            return false;
    }
    return text.len <= POOL_HOST_MAX;
}

static int status_from_text(struct span text, uint16_t *status)
{
    uint64_t n = 0;
    if (text.len != 3 || num_from_dec(text, 599, &n) != 0 || n < 100)
        return WERR_INVALID;
    *status = (uint16_t)n;
    return 0;
}

static int range_from_text(struct span text, struct pool_status_range *range)
{
    size_t dash = span_find(text, '-');
    int rc = status_from_text(span_first(text, dash), &range->from);
    range->to = range->from;
    if (rc == 0 && dash < text.len)
        rc = status_from_text(span_skip(text, dash + 1), &range->to);
    return rc == 0 && range->from <= range->to ? 0 : WERR_INVALID;
}

static int set_expect(struct pool_health *h, struct span text)
{
    struct pool_status_range ranges[POOL_EXPECT_N] = {{0, 0}};
    uint8_t n = 0;
    for (bool is_more = true; is_more;) {
        size_t comma = span_find(text, ',');
        if (n == POOL_EXPECT_N || range_from_text(span_first(text, comma), &ranges[n]) != 0)
            return WERR_INVALID;
        n++;
        is_more = comma < text.len;
        if (is_more)
            text = span_skip(text, comma + 1);
    }
    h->expect_n = n;
    memcpy(h->expect, ranges, sizeof(ranges));
    return 0;
}

static int set_word(uint8_t *member, const char *const *words, unsigned n, struct span text)
{
    for (unsigned i = 0; i < n; i++) {
        if (span_is_equal(text, span_from_str(words[i]))) {
            *member = (uint8_t)i;
            return 0;
        }
    }
    return WERR_INVALID;
}

static int set_string(char **member, struct span text)
{
    char *copy = fault_malloc(text.len + 1);
    if (copy == NULL)
        return WERR_NOMEM;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    free(*member);
    *member = copy;
    return 0;
}

int pool_health_set_text(struct pool_health *h, const struct pool_health_field *f,
                         struct span text)
{
    int rc = WERR_INVALID;
    if (f->kind == POOL_KIND_TYPE)
        rc = set_word(&h->type, type_words, TYPE_N, text);
    else if (f->kind == POOL_KIND_INITIAL)
        rc = set_word(&h->initial, initial_words, INITIAL_N, text);
    else if (f->kind == POOL_KIND_AGREE)
        rc = set_word(&h->agree, agree_words, AGREE_N, text);
    else if (f->kind == POOL_KIND_EXPECT)
        rc = set_expect(h, text);
    else if (f->kind == POOL_KIND_PATH && is_path(text))
        rc = set_string(&h->path, text);
    else if (f->kind == POOL_KIND_HOST && is_host(text))
        rc = set_string(&h->host, text);
    if (rc == 0)
        h->set |= f->bit;
    return rc;
}

static bool is_expect(const struct pool_health *h)
{
    if (h->expect_n == 0 || h->expect_n > POOL_EXPECT_N)
        return false;
    for (unsigned i = 0; i < h->expect_n; i++) {
        const struct pool_status_range *range = &h->expect[i];
        if (range->from < 100 || range->to > 599 || range->from > range->to)
            return false;
    }
    return true;
}

bool pool_health_is_valid(const struct pool_health *h, const struct pool_health_field *f)
{
    if ((h->set & f->bit) == 0)
        return true;
    uint32_t n = 0;
    switch (f->kind) {
    case POOL_KIND_PATH:
        return h->path != NULL && is_path(span_from_str(h->path));
    case POOL_KIND_HOST:
        return h->host == NULL || is_host(span_from_str(h->host));
    case POOL_KIND_EXPECT:
        return is_expect(h);
    default:
        n = pool_health_number(h, f);
        return n >= f->min && n <= f->max;
    }
}

void pool_health_print_wish(const struct pool_health_field *f, char *buf, size_t size)
{
    static const char *const wishes[] = {
        [POOL_KIND_TYPE] = "type must be \"http\", \"tcp\" or \"none\"",
        [POOL_KIND_INITIAL] = "initial must be \"up\" or \"down\"",
        [POOL_KIND_AGREE] = "agree must be \"own\" or \"majority\"",
        [POOL_KIND_PATH] =
            "path must start with \"/\", hold no space or control character and be "
            "at most 1024 bytes long",
        [POOL_KIND_HOST] = "host must hold only letters, digits and . - _ : [ ] and be at most "
                           "255 bytes long",
        [POOL_KIND_EXPECT] =
            "expect must be a list of at most 8 status codes or ranges from 100 "
            "to 599, such as \"200-299\" or \"200,204,300-399\"",
    };
    if (f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32)
        snprintf(buf, size, "%s must be a whole number from %u to %u", f->key, f->min, f->max);
    else
        snprintf(buf, size, "%s", wishes[f->kind]);
}

int pool_health_check(const struct pool_health *h, struct pool_error *error)
{
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if (pool_health_is_valid(h, f))
            continue;
        char field[64];
        char wish[200];
        snprintf(field, sizeof(field), "check.%s", f->key);
        pool_health_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", field, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}

static bool is_equal_member(const struct pool_health *a, const struct pool_health *b,
                            const struct pool_health_field *f)
{
    char buf_a[POOL_EXPECT_TEXT_MAX], buf_b[POOL_EXPECT_TEXT_MAX];
    if (f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32)
        return pool_health_number(a, f) == pool_health_number(b, f);
    return strcmp(pool_health_text(a, f, buf_a), pool_health_text(b, f, buf_b)) == 0;
}

bool pool_health_is_equal(const struct pool_health *a, const struct pool_health *b)
{
    bool is_equal = a->set == b->set;
    for (unsigned i = 0; is_equal && i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        is_equal = (a->set & f->bit) == 0 || is_equal_member(a, b, f);
    }
    return is_equal;
}
