#include "manager/api_tag.h"

#include <inttypes.h>
#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/num.h"
#include "pool/pool_apply.h"

/* ---- the fields ---- */

/* Tags of ours are 16 hexadecimal digits: no comma stands in them, so that a list may be cut at
 * each. */
static void add_tag(struct span item, bool is_weak, struct api_tags *tags)
{
    uint64_t tag;

    if (is_weak && span_has_prefix(item, SPAN("W/")))
        item = span_skip(item, 2);
    if (item.len != 18 || item.ptr[0] != '"' || item.ptr[17] != '"' || tags->n == API_TAGS_MAX)
        return;
    if (num_from_hex(span_from(item.ptr + 1, 16), UINT64_MAX, &tag) == 0 && tag != 0)
        tags->tags[tags->n++] = tag;
}

void api_tag_read_value(struct span value, bool is_weak, struct api_tags *tags)
{
    struct span item;

    tags->is_there = true;
    if (span_is_equal(span_trim(value), SPAN("*")))
        tags->is_any = true;
    else
        while (span_next_item(&value, &item))
            add_tag(item, is_weak, tags);
}

void api_tag_read(const struct msg *m, struct api_conditions *c)
{
    *c = (struct api_conditions){0};
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct span name = msg_field_name(m, &m->fields[i]);
        const struct span value = msg_field_value(m, &m->fields[i]);

        if (span_is_equal_nocase(name, SPAN("If-Match")))
            api_tag_read_value(value, false, &c->match);
        else if (span_is_equal_nocase(name, SPAN("If-None-Match")))
            api_tag_read_value(value, true, &c->none_match);
    }
}

/* ---- judging ---- */

static bool has_tag(const struct api_tags *tags, uint64_t tag)
{
    for (unsigned i = 0; i < tags->n; i++)
        if (tags->tags[i] == tag)
            return true;
    return tags->is_any && tag != 0;
}

unsigned api_tag_judge_read(const struct api_conditions *c, uint64_t tag)
{
    if (c->match.is_there && !has_tag(&c->match, tag))
        return 412;
    return c->none_match.is_there && has_tag(&c->none_match, tag) ? 304 : 0;
}

bool api_tag_may_change(const struct api_conditions *c, uint64_t tag)
{
    return api_tag_judge_read(c, tag) == 0;
}

/* A tag that is none of the object's now goes with the command all the same: it refuses that.
 */
static void stamp_match(const struct api_tags *tags, uint64_t now, struct pool_command *c)
{
    if (tags->is_any)
        c->if_there = true;
    else if (tags->is_there)
        c->if_digest = now != 0 && has_tag(tags, now) ? now : ~now | 1;
}

/* Where the object is not there, or is none of these now, it must be so still. */
static void stamp_none_match(const struct api_tags *tags, uint64_t now, struct pool_command *c)
{
    if (!tags->is_there)
        return;
    if (tags->is_any || now == 0)
        c->if_absent = true;
    else if (has_tag(tags, now))
        c->if_digest = ~now | 1;
    else if (c->if_digest == 0)
        c->if_digest = now;
}

void api_tag_stamp_as(const struct api_conditions *conditions, uint64_t now,
                      struct pool_command *c)
{
    stamp_match(&conditions->match, now, c);
    stamp_none_match(&conditions->none_match, now, c);
}

int api_tag_stamp(const struct api_conditions *conditions, const struct pool_state *s,
                  struct pool_command *c)
{
    uint64_t now = 0;

    if (!conditions->match.is_there && !conditions->none_match.is_there)
        return 0;
    c->if_list = c->type == POOL_SET_SERVERS ||
                 (pool_command_verb(c->type) == POOL_VERB_ADD && !c->is_put);
    int rc = pool_if_digest(s, c, &now);
    if (rc == 0)
        api_tag_stamp_as(conditions, now, c);
    return rc;
}

/* ---- text ---- */

void api_tag_print(uint64_t tag, char buf[API_TAG_TEXT_MAX])
{
    (void)snprintf(buf, API_TAG_TEXT_MAX, "\"%016" PRIx64 "\"", tag);
}

uint64_t api_tag_of_text(const char *text)
{
    const uint64_t hash = XXH3_64bits(text, strlen(text));

    return hash != 0 ? hash : 1;
}
