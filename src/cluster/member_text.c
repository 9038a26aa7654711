#include "cluster/member_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"

enum { FORMAT = 1, ID_DIGITS = 16 };

static const char word[] = "weldr-member";
static const char none[] = "-";

/* ---- writing ---- */

static void add_hex(struct strb *b, const char *name, const uint8_t *bytes, size_t n)
{
    strb_addf(b, "%s ", name);
    for (size_t i = 0; i < n; i++)
        strb_addf(b, "%02x", bytes[i]);
    strb_add_char(b, '\n');
}

static void add_address(struct strb *b, const char *name, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(a, text);
    strb_addf(b, "%s %s\n", name, text);
}

static void add_closed(struct strb *b, const char *name, struct span closed)
{
    strb_addf(b, "%s ", name);
    strb_add(b, closed.len > 0 ? closed : span_from_str(none));
    strb_add_char(b, '\n');
}

static void add_text(struct strb *b, const char *name, struct span text)
{
    strb_addf(b, "%s %zu\n", name, text.len);
    strb_add(b, text);
    strb_add_char(b, '\n');
}

static void add_facts(struct strb *b, const struct member_file *f)
{
    add_hex(b, "cluster", f->uuid, sizeof(f->uuid));
    strb_addf(b, "incarnation %" PRIu32 "\nnode %016" PRIx64 "\n", f->incarnation, f->id);
    strb_addf(b, "profile %s\nwitness %s\njoined %s\n", roster_profile_name(f->profile),
              f->is_witness ? "yes" : "no", f->has_joined ? "yes" : "no");
    add_address(b, "address", &f->address);
}

static void add_known(struct strb *b, const struct member_file *f)
{
    strb_addf(b, "known %u\n", f->address_n);
    for (unsigned i = 0; i < f->address_n; i++)
        add_address(b, "at", &f->addresses[i]);
}

int member_text_write(const struct member_file *facts, const struct member_closed *closed,
                      char **text, size_t *len)
{
    struct strb b;

    MUST(facts->address_n <= ROSTER_MEMBERS_MAX && facts->profile < ROSTER_PROFILES);
    *text = fault_malloc(MEMBER_TEXT_MAX);
    if (*text == NULL)
        return WERR_NOMEM;
    strb_init(&b, *text, MEMBER_TEXT_MAX);
    strb_addf(&b, "%s %d\n", word, FORMAT);
    add_hex(&b, "directory", closed->identity, sizeof(closed->identity));
    add_facts(&b, facts);
    add_closed(&b, "cluster-key", closed->cluster_key);
    add_closed(&b, "key", closed->key);
    add_known(&b, facts);
    add_text(&b, "certificate", closed->certificate);
    add_text(&b, "authority", closed->authority);
    strb_add_str(&b, "checksum ");
    strb_addf(&b, "%016" PRIx64 "\n", (uint64_t)XXH3_64bits(b.buf, b.len));
    *len = b.len;
    if (!strb_is_full(&b))
        return 0;
    free(*text);
    *text = NULL;
    return WERR_TOO_BIG;
}

/* ---- reading: each takes its line off the text ---- */

/* All of it but the last line, which fits. */
static bool cut_checksum(struct span *text)
{
    static const struct span name = SPAN("checksum ");
    uint64_t checksum;

    if (text->len <= NUM_HEX16 + 1 + name.len || text->ptr[text->len - 1] != '\n')
        return false;
    const size_t n = text->len - NUM_HEX16 - 1;
    if (num_from_hex16(span_from(text->ptr + n, NUM_HEX16), &checksum) < 0 ||
        checksum != XXH3_64bits(text->ptr, n) ||
        !span_is_equal(span_from(text->ptr + n - name.len, name.len), name))
        return false;
    text->len = n - name.len;
    return true;
}

/* What stands behind the name. */
static bool take(struct span *text, const char *name, struct span *value)
{
    *value = span_cut(text, '\n');
    const struct span first = span_cut(value, ' ');

    return text->ptr != NULL && value->ptr != NULL && value->len > 0 &&
           span_is_equal(first, span_from_str(name));
}

static bool take_number(struct span *text, const char *name, uint64_t max, uint64_t *number)
{
    struct span value;

    return take(text, name, &value) && num_from_dec(value, max, number) == 0;
}

static bool take_hex(struct span *text, const char *name, uint8_t *bytes, size_t n)
{
    struct span value;
    uint64_t byte;

    if (!take(text, name, &value) || value.len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (num_from_hex(span_from(value.ptr + 2 * i, 2), UINT8_MAX, &byte) < 0)
            return false;
        bytes[i] = (uint8_t)byte;
    }
    return true;
}

static bool take_id(struct span *text, const char *name, uint64_t *id)
{
    struct span value;

    return take(text, name, &value) && value.len == ID_DIGITS &&
           num_from_hex(value, UINT64_MAX, id) == 0;
}

static bool take_bool(struct span *text, const char *name, bool *is)
{
    struct span value;

    if (!take(text, name, &value))
        return false;
    *is = span_is_equal(value, SPAN("yes"));
    return *is || span_is_equal(value, SPAN("no"));
}

static bool take_profile(struct span *text, uint8_t *profile)
{
    enum roster_profile named;
    struct span value;

    if (!take(text, "profile", &value) || roster_profile_from_text(value, &named) < 0)
        return false;
    *profile = (uint8_t)named;
    return true;
}

static bool take_address(struct span *text, const char *name, struct addr *a)
{
    struct span value;

    if (!take(text, name, &value))
        return false;
    *a = (struct addr){0};
    return span_is_equal(value, span_from_str(none)) || addr_from_text(value, a) == 0;
}

static bool take_closed(struct span *text, const char *name, struct span *closed)
{
    if (!take(text, name, closed))
        return false;
    if (span_is_equal(*closed, span_from_str(none)))
        *closed = SPAN_NONE;
    return true;
}

static bool take_text(struct span *text, const char *name, struct span *value)
{
    uint64_t n;

    if (!take_number(text, name, MEMBER_TEXT_MAX, &n) || text->len <= n ||
        text->ptr[n] != '\n' || memchr(text->ptr, '\0', n) != NULL)
        return false;
    *value = span_first(*text, n);
    *text = span_skip(*text, n + 1);
    return true;
}

static bool take_facts(struct span *text, struct member_file *f)
{
    uint64_t incarnation;

    if (!take_hex(text, "cluster", f->uuid, sizeof(f->uuid)) ||
        !take_number(text, "incarnation", UINT32_MAX, &incarnation) ||
        !take_id(text, "node", &f->id) || !take_profile(text, &f->profile) ||
        !take_bool(text, "witness", &f->is_witness) ||
        !take_bool(text, "joined", &f->has_joined))
        return false;
    f->incarnation = (uint32_t)incarnation;
    return take_address(text, "address", &f->address);
}

static bool take_known(struct span *text, struct member_file *f)
{
    uint64_t n;
    bool is_well = take_number(text, "known", ROSTER_MEMBERS_MAX, &n);

    f->address_n = is_well ? (unsigned)n : 0;
    for (unsigned i = 0; i < f->address_n && is_well; i++)
        is_well = take_address(text, "at", &f->addresses[i]) && f->addresses[i].family != 0;
    return is_well;
}

int member_text_read(struct span text, struct member_file *facts, struct member_closed *closed)
{
    uint64_t format;

    if (!cut_checksum(&text) || !take_number(&text, word, UINT32_MAX, &format) || format == 0)
        return WERR_CORRUPT;
    if (format != FORMAT)
        return WERR_UNSUPPORTED;
    return take_hex(&text, "directory", closed->identity, sizeof(closed->identity)) &&
                   take_facts(&text, facts) &&
                   take_closed(&text, "cluster-key", &closed->cluster_key) &&
                   closed->cluster_key.len > 0 && take_closed(&text, "key", &closed->key) &&
                   take_known(&text, facts) &&
                   take_text(&text, "certificate", &closed->certificate) &&
                   take_text(&text, "authority", &closed->authority) && text.len == 0
               ? 0
               : WERR_CORRUPT;
}
