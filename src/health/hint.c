#include "health/hint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"
#include "base/strb.h"

enum { FORMAT = 1, LAST_LINE = NUM_HEX16 + 1 };

static const char word[] = "weldr-health";

struct health_hints *health_hints_new(unsigned cap)
{
    struct health_hints *h = fault_malloc(sizeof(*h) + cap * sizeof(h->list[0]));

    if (h != NULL)
        *h = (struct health_hints){0};
    return h;
}

size_t health_hints_room(unsigned n)
{
    return ((size_t)n + 2) * HEALTH_HINT_LINE_MAX; /* and the first and the last line */
}

size_t health_hints_write(const struct health_hints *h, char *text)
{
    struct strb b;
    char at[ADDR_TEXT_MAX];

    strb_init(&b, text, health_hints_room(h->n));
    strb_addf(&b, "%s %d ", word, FORMAT);
    strb_add_u64(&b, h->at_us);
    strb_add_str(&b, "\n");
    for (unsigned i = 0; i < h->n; i++) {
        strb_add_u64(&b, h->list[i].server_id);
        strb_add_str(&b, " ");
        strb_add_hex16(&b, h->list[i].settings);
        strb_add_str(&b, " ");
        strb_add(&b, span_from(at, addr_print(&h->list[i].addr, at)));
        strb_add_str(&b, "\n");
    }
    strb_add_hex16(&b, XXH3_64bits(text, strb_span(&b).len));
    strb_add_str(&b, "\n");
    return strb_span(&b).len;
}

static bool cut_checksum(struct span *text)
{
    uint64_t checksum;

    if (text->len <= LAST_LINE || text->ptr[text->len - 1] != '\n')
        return false;
    const size_t n = text->len - LAST_LINE;
    if (text->ptr[n - 1] != '\n' ||
        num_from_hex16(span_from(text->ptr + n, NUM_HEX16), &checksum) < 0 ||
        checksum != XXH3_64bits(text->ptr, n))
        return false;
    text->len = n;
    return true;
}

static int read_first(struct span line, uint64_t *at_us)
{
    uint64_t format;
    const struct span name = span_cut(&line, ' ');
    const struct span number = span_cut(&line, ' ');

    if (!span_is_equal(name, span_from_str(word)) ||
        num_from_dec(number, UINT32_MAX, &format) < 0)
        return WERR_CORRUPT;
    if (format != FORMAT)
        return WERR_UNSUPPORTED;
    return num_from_dec(line, UINT64_MAX, at_us) < 0 ? WERR_CORRUPT : 0;
}

static bool read_hint(struct span line, struct health_hint *hint)
{
    const struct span id = span_cut(&line, ' ');
    const struct span settings = span_cut(&line, ' ');

    return num_from_dec(id, UINT64_MAX, &hint->server_id) == 0 &&
           num_from_hex16(settings, &hint->settings) == 0 &&
           addr_from_text(line, &hint->addr) == 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t one = ((const struct health_hint *)a)->server_id;
    const uint64_t other = ((const struct health_hint *)b)->server_id;

    return (one > other) - (one < other);
}

static unsigned count_lines(struct span text)
{
    unsigned n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

static int read_list(struct span text, struct health_hints *h)
{
    while (text.len > 0) {
        if (!read_hint(span_cut(&text, '\n'), &h->list[h->n]))
            return WERR_CORRUPT;
        h->n++;
    }
    qsort(h->list, h->n, sizeof(h->list[0]), compare);
    return 0;
}

int health_hints_read(struct span text, struct health_hints **out)
{
    uint64_t at_us = 0;

    if (!cut_checksum(&text))
        return WERR_CORRUPT;
    int rc = read_first(span_cut(&text, '\n'), &at_us);
    if (rc < 0)
        return rc;
    const unsigned n = count_lines(text);
    if (n > HEALTH_HINTS_MAX)
        return WERR_CORRUPT;
    struct health_hints *h = health_hints_new(n);
    if (h == NULL)
        return WERR_NOMEM;
    h->at_us = at_us;
    rc = read_list(text, h);
    if (rc < 0)
        free(h);
    else
        *out = h;
    return rc;
}

/* The first one of this server, or of the next. */
static unsigned find_first(const struct health_hints *h, uint64_t server_id)
{
    unsigned from = 0, to = h->n;

    while (from < to) {
        const unsigned middle = from + (to - from) / 2;

        if (h->list[middle].server_id < server_id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct health_hint *health_hints_find(const struct health_hints *h, uint64_t server_id,
                                            uint64_t settings, const struct addr *addr)
{
    for (unsigned i = find_first(h, server_id); i < h->n && h->list[i].server_id == server_id;
         i++)
        if (h->list[i].settings == settings && addr_is_equal(&h->list[i].addr, addr))
            return &h->list[i];
    return NULL;
}
