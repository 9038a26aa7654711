#include <endian.h>
#include <stdarg.h>
#include <stdio.h>

#include "pool/pool_history_int.h"
#include "pool/pool_mem.h"

/* Before each item; its texts follow. Little-endian. */
struct item_head {
    uint8_t kind, type;
    uint16_t name_len, owner_len, none;
    uint32_t json_len, nothing;
    uint64_t id, owner;
};
_Static_assert(sizeof(struct item_head) == 32, "no padding");

enum { PEN_FIRST_BYTES = 256 };

int history_pen_begin(struct history_pen *pen, uint64_t index, const struct pool_by *by)
{
    *pen = (struct history_pen){.r = pool_calloc(1, sizeof(*pen->r))};
    if (pen->r == NULL)
        return pen->rc = WERR_NOMEM;
    pen->r->revision = index;
    pen->r->by = *by;
    pen->r->is_kept = true;
    return 0;
}

/* ---- writing ---- */

/* From here on the change has no way back. */
static void give_up(struct pool_history_record *r)
{
    free(r->before);
    r->before = NULL;
    r->before_len = 0;
    r->is_kept = false;
}

static char *reserve(struct history_pen *pen, size_t more)
{
    struct pool_history_record *r = pen->r;
    const size_t wanted = r->before_len + more;
    if (wanted > pen->cap) {
        size_t cap = pen->cap == 0 ? PEN_FIRST_BYTES : pen->cap;
        while (cap < wanted)
            cap *= 2;
        char *grown = pool_grow(r->before, r->before_len, cap);
        if (grown == NULL) {
            pen->rc = WERR_NOMEM;
            return NULL;
        }
        r->before = grown;
        pen->cap = cap;
    }
    char *at = r->before + r->before_len;
    r->before_len = wanted;
    return at;
}

static char *put(char *at, struct span text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static void count(struct pool_history_record *r, enum pool_change_type type)
{
    r->added += type == POOL_CHANGE_ADDED;
    r->changed += type == POOL_CHANGE_CHANGED;
    r->removed += type == POOL_CHANGE_REMOVED;
}

static void write_item(struct history_pen *pen, const struct pool_history_item *item)
{
    const size_t bytes =
        sizeof(struct item_head) + item->name.len + item->owner_name.len + item->json.len;
    MUST(item->name.len <= UINT16_MAX && item->owner_name.len <= UINT16_MAX);
    if (pen->r->before_len + bytes > POOL_HISTORY_CHANGE_BYTES) {
        give_up(pen->r);
        return;
    }
    const struct item_head head = {.kind = (uint8_t)item->kind,
                                   .type = (uint8_t)item->type,
                                   .name_len = htole16((uint16_t)item->name.len),
                                   .owner_len = htole16((uint16_t)item->owner_name.len),
                                   .json_len = htole32((uint32_t)item->json.len),
                                   .id = htole64(item->id),
                                   .owner = htole64(item->owner)};
    char *at = reserve(pen, bytes);
    if (at == NULL)
        return;
    memcpy(at, &head, sizeof(head));
    (void)put(put(put(at + sizeof(head), item->name), item->owner_name), item->json);
}

void history_pen_put(struct history_pen *pen, const struct pool_history_item *item)
{
    if (pen->rc != 0)
        return;
    count(pen->r, item->type);
    if (pen->r->is_kept)
        write_item(pen, item);
}

void history_pen_object(struct history_pen *pen, enum pool_change_type type,
                        const struct kind_object *o, const char *name, const char *owner_name)
{
    char *json = NULL;
    if (pen->rc == 0 && pen->r->is_kept && o->object != NULL) {
        json = kind_ops(o->kind)->json(o->object);
        if (json == NULL) {
            pen->rc = WERR_NOMEM;
            return;
        }
    }
    history_pen_put(pen, &(struct pool_history_item){.kind = o->kind,
                                                     .type = type,
                                                     .id = o->id,
                                                     .owner = o->owner,
                                                     .name = span_from_str(name),
                                                     .owner_name = span_from_str(owner_name),
                                                     .json = json != NULL ? span_from_str(json)
                                                                          : SPAN_NONE});
    free(json);
}

struct pool_history_record *history_pen_end(struct history_pen *pen)
{
    struct pool_history_record *r = pen->r;
    if (pen->rc == 0)
        return r;
    pool_history_record_free(r);
    return NULL;
}

void history_summarize(struct pool_history_record *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->summary, sizeof(r->summary), format, args);
    va_end(args);
    for (char *at = r->summary; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* ---- reading ---- */

static bool cut(struct span *rest, size_t n, struct span *out)
{
    if (n > rest->len)
        return false;
    *out = span_first(*rest, n);
    *rest = span_skip(*rest, n);
    return true;
}

static bool read_item(struct span *rest, struct pool_history_item *item)
{
    struct item_head head;
    if (rest->len < sizeof(head))
        return false;
    memcpy(&head, rest->ptr, sizeof(head));
    *rest = span_skip(*rest, sizeof(head));
    item->kind = (enum kind)head.kind;
    item->type = (enum pool_change_type)head.type;
    item->id = le64toh(head.id);
    item->owner = le64toh(head.owner);
    return kind_ops(head.kind) != NULL && head.type >= POOL_CHANGE_ADDED &&
           head.type <= POOL_CHANGE_REMOVED && head.none == 0 && head.nothing == 0 &&
           cut(rest, le16toh(head.name_len), &item->name) &&
           cut(rest, le16toh(head.owner_len), &item->owner_name) &&
           cut(rest, le32toh(head.json_len), &item->json);
}

bool pool_history_next(const struct pool_history_record *r, size_t *at,
                       struct pool_history_item *item)
{
    struct span rest = span_from(r->before, r->before_len);
    if (*at >= rest.len)
        return false;
    rest = span_skip(rest, *at);
    MUST(read_item(&rest, item)); /* written here, or looked through */
    *at = r->before_len - rest.len;
    return true;
}

static bool is_plain(struct span text, size_t most)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    return text.len <= most;
}

/* Of a certificate nothing is kept; of all others how they were, unless they were not there. */
static bool is_good(const struct pool_history_item *item)
{
    const bool was_there = item->kind != KIND_CERTIFICATE && item->type != POOL_CHANGE_ADDED;
    return (item->json.len > 0) == was_there && is_plain(item->name, POOL_URL_MAX) &&
           is_plain(item->owner_name, POOL_NAME_MAX);
}

bool history_items_are_good(const struct pool_history_record *r)
{
    struct span rest = span_from(r->before, r->before_len);
    struct pool_history_item item;
    while (rest.len > 0)
        if (!read_item(&rest, &item) || !is_good(&item))
            return false;
    return true;
}
