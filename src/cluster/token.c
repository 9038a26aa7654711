#include "cluster/token.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base64.h"
#include "cluster/bytes.h"
#include "cluster/roster_int.h"

enum {
    FORMAT = 1,
    CHECKSUM_BYTES = 4,
    TOKEN_BYTES_MAX = 1 + ROSTER_UUID_BYTES + 8 + ROSTER_TOKEN_ID_BYTES + TOKEN_SECRET_BYTES +
                      ROSTER_DIGEST_BYTES + 1 + TOKEN_ADDRESSES_MAX * BYTES_ADDR_MAX +
                      CHECKSUM_BYTES
};

static const struct span prefix = SPAN("weldr1.");
_Static_assert(sizeof("weldr1.") + BASE64URL_LEN(TOKEN_BYTES_MAX) <= TOKEN_TEXT_MAX, "it fits");

static uint32_t checksum(struct span bytes)
{
    return (uint32_t)XXH3_64bits(bytes.ptr, bytes.len);
}

size_t token_write(const struct token *t, char *text)
{
    char buf[TOKEN_BYTES_MAX];
    struct bytes_out o;

    MUST(t->address_n >= 1 && t->address_n <= TOKEN_ADDRESSES_MAX);
    bytes_out_init(&o, buf, sizeof(buf));
    bytes_put_u8(&o, FORMAT);
    bytes_put(&o, t->uuid, sizeof(t->uuid));
    bytes_put_u64(&o, t->expiry_s);
    bytes_put(&o, t->id, sizeof(t->id));
    bytes_put(&o, t->secret, sizeof(t->secret));
    bytes_put(&o, t->authority, sizeof(t->authority));
    bytes_put_u8(&o, (uint8_t)t->address_n);
    for (unsigned i = 0; i < t->address_n; i++)
        bytes_put_addr(&o, &t->addresses[i]);
    bytes_put_u32(&o, checksum(span_from(buf, o.len)));
    memcpy(text, prefix.ptr, prefix.len);
    const size_t n = base64url_encode(span_from(buf, o.len), text + prefix.len);
    explicit_bzero(buf, sizeof(buf));
    return prefix.len + n;
}

static int read_bytes(struct bytes_in *in, struct token *t)
{
    const uint8_t format = bytes_get_u8(in);

    if (format != FORMAT)
        return format > FORMAT ? WERR_UNSUPPORTED : WERR_CORRUPT;
    bytes_get(in, t->uuid, sizeof(t->uuid));
    t->expiry_s = bytes_get_u64(in);
    bytes_get(in, t->id, sizeof(t->id));
    bytes_get(in, t->secret, sizeof(t->secret));
    bytes_get(in, t->authority, sizeof(t->authority));
    t->address_n = bytes_get_u8(in);
    if (t->address_n < 1 || t->address_n > TOKEN_ADDRESSES_MAX)
        return WERR_CORRUPT;
    for (unsigned i = 0; i < t->address_n; i++) {
        bytes_get_addr(in, &t->addresses[i]);
        if (!roster_address_is_valid(&t->addresses[i]))
            return WERR_CORRUPT;
    }
    return bytes_in_is_done(in) ? 0 : WERR_CORRUPT;
}

static int read_checked(struct span all, struct token *t)
{
    struct bytes_in in, end;

    if (all.len < CHECKSUM_BYTES)
        return WERR_CORRUPT;
    const struct span bytes = span_first(all, all.len - CHECKSUM_BYTES);
    bytes_in_init(&end, span_skip(all, bytes.len));
    if (bytes_get_u32(&end) != checksum(bytes))
        return WERR_CORRUPT;
    bytes_in_init(&in, bytes);
    return read_bytes(&in, t);
}

/* "weldr2." and what follows: a word whose form is not known here. */
static bool is_of_later_weldr(struct span text)
{
    const struct span word = SPAN("weldr");
    size_t at = word.len;

    if (!span_has_prefix(text, word))
        return false;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at > word.len && at < text.len && text.ptr[at] == '.' && text.ptr[word.len] > '0';
}

int token_read(struct span text, struct token *t)
{
    char buf[(TOKEN_TEXT_MAX * 3 + 3) / 4];
    struct token fresh = {0};
    size_t n;

    if (!span_has_prefix(text, prefix))
        return is_of_later_weldr(text) ? WERR_UNSUPPORTED : WERR_SYNTAX;
    if (text.len >= TOKEN_TEXT_MAX)
        return WERR_SYNTAX;
    int rc = base64url_decode(span_skip(text, prefix.len), buf, &n) < 0 ? WERR_CORRUPT : 0;
    if (rc == 0)
        rc = read_checked(span_from(buf, n), &fresh);
    if (rc == 0)
        *t = fresh;
    explicit_bzero(buf, sizeof(buf));
    explicit_bzero(&fresh, sizeof(fresh));
    return rc;
}
