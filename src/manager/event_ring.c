#include "manager/event_ring.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"
#include "base/strb.h"

int event_ring_init(struct event_ring *r, uint32_t size, uint32_t slot_n, uint64_t epoch)
{
    MUST(slot_n > 0 && (slot_n & (slot_n - 1)) == 0);
    *r = (struct event_ring){
        .size = size, .slot_n = slot_n, .epoch = epoch, .first = 1, .next = 1};
    r->bytes = fault_malloc(size);
    r->slots = fault_malloc(slot_n * sizeof(r->slots[0]));
    if (r->bytes != NULL && r->slots != NULL)
        return 0;
    event_ring_fini(r);
    return WERR_NOMEM;
}

void event_ring_fini(struct event_ring *r)
{
    free(r->bytes);
    free(r->slots);
    *r = (struct event_ring){.first = 1, .next = 1};
}

/* ---- ids ---- */

void event_ring_print_id(const struct event_ring *r, uint64_t number, char *buf)
{
    static const char zeros[] = "0000000";
    char hex[16];
    const size_t len = num_to_hex(r->epoch, hex);
    struct strb b;

    strb_init(&b, buf, EVENT_ID_MAX);
    if (len < sizeof(zeros))
        strb_add_str(&b, zeros + len - 1);
    strb_add(&b, span_from(hex, len));
    strb_add_char(&b, '-');
    strb_add_u64(&b, number);
}

int event_ring_read_id(const struct event_ring *r, struct span text, uint64_t *number)
{
    const size_t dash = span_find(text, '-');
    uint64_t epoch;

    if (dash == text.len || num_from_hex(span_first(text, dash), UINT64_MAX, &epoch) < 0 ||
        num_from_dec(span_skip(text, dash + 1), UINT64_MAX - 1, number) < 0)
        return WERR_SYNTAX;
    if (epoch != r->epoch || *number >= r->next)
        return WERR_NOT_FOUND;
    return 0;
}

uint64_t event_ring_hash(struct span text)
{
    const uint64_t hash = text.len > 0 ? XXH3_64bits(text.ptr, text.len) : 0;

    return hash == 0 && text.len > 0 ? 1 : hash;
}

/* ---- writing ---- */

static struct event_slot *slot_of(const struct event_ring *r, uint64_t number)
{
    return &r->slots[number & (r->slot_n - 1)];
}

/* Events whose bytes or whose slot the next one takes are no more. */
static void make_room(struct event_ring *r, uint32_t at, uint32_t len)
{
    while (r->first < r->next) {
        const struct event_slot *old = slot_of(r, r->first);
        const bool overlaps = old->at < at + len && at < old->at + old->len;

        if (!overlaps && r->next - r->first < r->slot_n)
            return;
        r->first++;
    }
}

/* What does not fit the end begins anew at the start. The oldest events lie right behind the
 * write position, so those at the end go before those at the start. */
static uint32_t find_place(struct event_ring *r, uint32_t len)
{
    if (r->size - r->end >= len)
        return r->end;
    make_room(r, r->end, r->size - r->end);
    return 0;
}

void event_ring_add(struct event_ring *r, const struct event_key *key, const char *word,
                    struct span data)
{
    char head[EVENT_FRAME_EXTRA], id[EVENT_ID_MAX];
    struct strb b;

    event_ring_print_id(r, r->next, id);
    strb_init(&b, head, sizeof(head));
    strb_add(&b, SPAN("id: "));
    strb_add_str(&b, id);
    strb_add(&b, SPAN("\nevent: "));
    strb_add_str(&b, word);
    strb_add(&b, SPAN("\ndata: "));
    MUST(!strb_is_full(&b) && b.len + data.len + 2 <= r->size / 4);
    const uint32_t head_len = (uint32_t)b.len;
    const uint32_t len = head_len + (uint32_t)data.len + 2;
    const uint32_t at = find_place(r, len);

    make_room(r, at, len);
    memcpy(r->bytes + at, head, head_len);
    memcpy(r->bytes + at + head_len, data.ptr, data.len);
    memcpy(r->bytes + at + len - 2, "\n\n", 2);
    *slot_of(r, r->next) = (struct event_slot){
        .at = at,
        .len = len,
        .data_at = at + head_len,
        .data_len = (uint32_t)data.len,
        .key = *key,
    };
    r->end = at + len;
    r->next++;
}

/* ---- reading ---- */

struct span event_ring_frame(const struct event_ring *r, uint64_t number)
{
    MUST(event_ring_has(r, number));
    return span_from(r->bytes + slot_of(r, number)->at, slot_of(r, number)->len);
}

struct span event_ring_data(const struct event_ring *r, uint64_t number)
{
    MUST(event_ring_has(r, number));
    return span_from(r->bytes + slot_of(r, number)->data_at, slot_of(r, number)->data_len);
}

const struct event_key *event_ring_key(const struct event_ring *r, uint64_t number)
{
    MUST(event_ring_has(r, number));
    return &slot_of(r, number)->key;
}

uint32_t event_ring_behind(const struct event_ring *r, uint64_t number)
{
    if (number >= r->next)
        return 0;
    if (number < r->first)
        return r->size;
    const uint32_t at = slot_of(r, number)->at;

    return r->end > at ? r->end - at : r->size - at + r->end;
}

bool event_filter_passes(const struct event_filter *f, const struct event_key *key)
{
    if (f->kinds != 0 && (f->kinds >> key->kind & 1) == 0)
        return false;
    if (f->pool != 0 && f->pool != key->pool)
        return false;
    return f->server == 0 || f->server == key->server || f->server == key->server_id;
}

struct span event_ring_run(const struct event_ring *r, const struct event_filter *f,
                           uint64_t *number, size_t max)
{
    struct span run = SPAN_NONE;

    MUST(*number >= r->first); /* else there are events that it has missed */
    for (; *number < r->next; ++*number) {
        const struct event_slot *slot = slot_of(r, *number);
        const struct span frame = span_from(r->bytes + slot->at, slot->len);
        const bool passes = event_filter_passes(f, &slot->key);

        if (run.len == 0 && passes)
            run = frame;
        else if (run.len > 0 &&
                 (!passes || frame.ptr != run.ptr + run.len || run.len + frame.len > max))
            return run;
        else if (passes)
            run.len += frame.len;
    }
    return run;
}
