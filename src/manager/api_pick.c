#include "manager/api_pick.h"

#include "base/near.h"
#include "base/num.h"
#include "base/strb.h"

/* What a key may say: in the order of the bits, and what is said of it when nothing is near. */
struct words {
    const char *key, *words, *otherwise;
};

static const struct words states = {"state",
#define SERVER_STATE(id, word, gets, level, log, text) word " "
#include "manager/server_state.def"
#undef SERVER_STATE
                                    , "there are"
#define SERVER_STATE(id, word, gets, level, log, text) " " word
#include "manager/server_state.def"
#undef SERVER_STATE
};

static const struct words members = {"fields",
#define MEMBER(name, put) #name " "
#include "manager/api_server_members.def"
#undef MEMBER
                                     , "there are the members that GET of a server shows"};

/* One run over a query. */
struct reading {
    struct api_pick *pick;
    struct strb text, question;
    struct pool_error *error;
};

static int refuse_word(const struct reading *r, const struct words *w, struct span word)
{
    const struct span meant = near_find(word, span_from_str(w->words));
    const int len = (int)(word.len < 40 ? word.len : 40);

    if (meant.ptr != NULL)
        pool_error_set(r->error, "invalid_value", w->key,
                       "%s can't be \"%.*s\": did you mean \"%.*s\"?", w->key, len, word.ptr,
                       (int)meant.len, meant.ptr);
    else
        pool_error_set(r->error, "invalid_value", w->key, "%s can't be \"%.*s\": %s", w->key,
                       len, word.ptr, w->otherwise);
    return WERR_INVALID;
}

static int find_bit(struct span word, struct span words, uint64_t *bits)
{
    for (unsigned i = 0; words.len > 0; i++) {
        if (!span_is_equal(span_cut(&words, ' '), word) || word.len == 0)
            continue;
        *bits |= UINT64_C(1) << i;
        return 0;
    }
    return WERR_NOT_FOUND;
}

static int read_words(const struct reading *r, const struct words *w, struct span value,
                      uint64_t *bits)
{
    do {
        const struct span word = span_cut(&value, ',');

        if (find_bit(word, span_from_str(w->words), bits) < 0)
            return refuse_word(r, w, word);
    } while (value.ptr != NULL);
    return 0;
}

static int read_state(struct reading *r, struct span value)
{
    return read_words(r, &states, value, &r->pick->states);
}

static int read_fields(struct reading *r, struct span value)
{
    return read_words(r, &members, value, &r->pick->members);
}

static int read_limit(struct reading *r, struct span value)
{
    uint64_t n = 0;

    if (num_from_dec(value, PICK_LIMIT_MAX, &n) < 0 || n == 0) {
        pool_error_set(r->error, "invalid_value", "limit",
                       "limit must be a whole number from 1 to %d", PICK_LIMIT_MAX);
        return WERR_INVALID;
    }
    r->pick->limit = (uint32_t)n;
    return 0;
}

/* What it means is read by api_cursor.h. */
static int read_cursor(struct reading *r, struct span value)
{
    if (value.len == 0 || span_to_str(value, r->pick->cursor, sizeof(r->pick->cursor)) < 0) {
        pool_error_set(r->error, "invalid_value", "cursor",
                       "cursor must be what a response of this list gave as next");
        return WERR_INVALID;
    }
    return 0;
}

/* A text of the query, decoded and kept: *at says where. */
static bool keep(struct reading *r, struct span raw, uint16_t *at)
{
    char buf[API_QUERY_TEXT_MAX];
    struct span text;

    *at = (uint16_t)r->text.len;
    if (api_query_decode(raw, buf, sizeof(buf), &text) < 0)
        return false;
    strb_add(&r->text, text);
    strb_add_char(&r->text, '\0');
    return !strb_is_full(&r->text);
}

static int read_meta(struct reading *r, struct span key, struct span value)
{
    struct api_pick *p = r->pick;

    if (key.len > 0 && p->meta_n < PICK_META_MAX && keep(r, key, &p->meta[p->meta_n].key) &&
        keep(r, value, &p->meta[p->meta_n].value)) {
        p->meta_n++;
        return 0;
    }
    pool_error_set(r->error, "invalid_value", "meta",
                   "a member of meta is asked for as meta.KEY=VALUE, %d of them at most",
                   PICK_META_MAX);
    return WERR_INVALID;
}

static int read_decoded(struct reading *r, const char *key, struct span raw,
                        int (*read)(struct reading *r, struct span value))
{
    char buf[API_QUERY_TEXT_MAX];
    struct span value;

    if (api_query_decode(raw, buf, sizeof(buf), &value) == 0)
        return read(r, value);
    pool_error_set(r->error, "invalid_value", key, "%s has a malformed escape", key);
    return WERR_INVALID;
}

static int read_pair(struct reading *r, struct span key, struct span value)
{
    static const struct {
        const char *key;
        int (*read)(struct reading *r, struct span value);
    } rows[] = {{"state", read_state},
                {"fields", read_fields},
                {"limit", read_limit},
                {"cursor", read_cursor}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (span_is_equal(key, span_from_str(rows[i].key)))
            return read_decoded(r, rows[i].key, value, rows[i].read);
    return span_has_prefix(key, SPAN("meta.")) ? read_meta(r, span_skip(key, 5), value) : 0;
}

int api_pick_read(struct span query, struct api_pick *p, struct pool_error *error)
{
    struct reading r = {.pick = p, .error = error};
    int rc = 0;

    *p = (struct api_pick){0};
    strb_init(&r.text, p->text, sizeof(p->text));
    strb_init(&r.question, p->question, sizeof(p->question));
    for (query = span_skip(query, query.len > 0); rc == 0 && query.len > 0;) {
        const struct span pair = span_cut(&query, '&');
        struct span value = pair;
        const struct span key = span_cut(&value, '=');

        rc = read_pair(&r, key, value);
        if (pair.len == 0 || span_is_equal(key, SPAN("cursor")))
            continue;
        strb_add_str(&r.question, r.question.len > 0 ? "&" : "");
        strb_add(&r.question, pair);
    }
    return rc;
}

/* ---- servers ---- */

static bool has_meta(const struct pool_server *server, const char *key, const char *value)
{
    for (unsigned i = 0; i < server->meta_n; i++)
        if (strcmp(server->meta[i].key, key) == 0)
            return strcmp(server->meta[i].value, value) == 0;
    return false;
}

bool api_pick_takes(const struct api_pick *p, const struct pool_server *server,
                    enum server_state state)
{
    if (p->states != 0 && (p->states >> state & 1) == 0)
        return false;
    for (unsigned i = 0; i < p->meta_n; i++)
        if (!has_meta(server, p->text + p->meta[i].key, p->text + p->meta[i].value))
            return false;
    return true;
}
