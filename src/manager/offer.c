#include "manager/offer.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/fault.h"
#include "manager/expiry.h"
#include "manager/keyring.h"
#include "net/tlsio_certificate.h"
#include "net/tlsio_staple.h"

enum { US_PER_S = 1000000 };

static char *copy(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *to = fault_malloc(bytes);

    if (to != NULL)
        memcpy(to, text, bytes);
    return to;
}

/* ---- OCSP ---- */

static int judge_staple(const struct offer *o, const struct certificate *c, char *bytes,
                        struct pool_error *error)
{
    struct tlsio_refusal why;
    int64_t ends_s;
    size_t n;
    char at[32];

    if (o->staple[0] == '\0' || base64_decode(span_from_str(o->staple), bytes, &n) < 0) {
        pool_error_set(error, "invalid_value", "ocsp",
                       "ocsp must be an OCSP response (DER) in base64");
        return WERR_INVALID;
    }
    const int rc =
        tlsio_staple_read(span_from(bytes, n), span_from_str(c->chain), &ends_s, &why);

    if (rc == WERR_INVALID)
        pool_error_set(error, "invalid_value", "ocsp", "%s", why.text);
    if (rc < 0 || ends_s > (int64_t)(o->wall_us / US_PER_S))
        return rc;
    (void)clock_print_wall(expiry_wall_us(ends_s), at);
    pool_error_set(error, "invalid_value", "ocsp",
                   "the OCSP response is over: a new one was due at %s", at);
    return WERR_INVALID;
}

static int take_staple(const struct offer *o, struct certificate *c, struct pool_error *error)
{
    if (o->staple == NULL)
        return 0;
    char *bytes = fault_malloc(strlen(o->staple) + 1);
    const int rc = bytes != NULL ? judge_staple(o, c, bytes, error) : WERR_NOMEM;

    free(bytes);
    if (rc < 0)
        return rc;
    c->staple = copy(o->staple);
    return c->staple != NULL ? 0 : WERR_NOMEM;
}

/* ---- facts ---- */

/* Moves what both have. */
static char *move(char **from)
{
    char *text = *from;

    *from = NULL;
    return text;
}

static int take_facts(struct tlsio_certificate *read, struct certificate *c)
{
    struct certificate_facts *f = &c->facts;

    c->chain = move(&read->chain);
    f->subject = move(&read->subject);
    f->issuer = move(&read->issuer);
    f->serial = move(&read->serial);
    f->names = read->names;
    f->name_n = read->name_n;
    read->names = NULL;
    read->name_n = 0;
    f->not_before_s = read->not_before_s;
    f->not_after_s = read->not_after_s;
    f->key_bits = (uint16_t)read->key_bits;
    MUST(certificate_key_type_from_word(span_from_str(read->key_type), &f->key_type) == 0);
    f->fingerprint = copy(read->fingerprint);
    return f->fingerprint != NULL ? 0 : WERR_NOMEM;
}

static int take_name(const char *name, struct certificate *c)
{
    c->name = name != NULL ? copy(name) : NULL;
    return name == NULL || c->name != NULL ? 0 : WERR_NOMEM;
}

/* ---- all of it ---- */

static int read_pem(const struct offer *o, struct tlsio_certificate *read,
                    struct pool_error *error)
{
    struct tlsio_refusal why;
    const int rc = tlsio_certificate_read(o->chain, o->key, read, &why);

    if (rc == WERR_INVALID)
        pool_error_set(error, "invalid_value", why.field, "%s", why.text);
    return rc;
}

int offer_take(const struct keyring *k, const struct offer *o, struct certificate *c,
               struct pool_error *error)
{
    struct tlsio_certificate read;
    int rc = read_pem(o, &read, error);

    if (rc < 0)
        return rc;
    *c = (struct certificate){.is_of_file = o->is_of_file};
    rc = take_facts(&read, c);
    if (rc == 0)
        rc = take_name(o->name, c);
    if (rc == 0)
        rc = take_staple(o, c, error);
    if (rc == 0)
        rc = keyring_close(k, span_from_str(read.key), &c->key);
    tlsio_certificate_fini(&read);
    if (rc < 0)
        certificate_fini(c);
    return rc;
}

int offer_rename(struct certificate *c, const char *name)
{
    char *text = copy(name);

    if (text == NULL)
        return WERR_NOMEM;
    free(c->name);
    c->name = text;
    return 0;
}

static bool is_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool offer_is_same(const struct keyring *k, const struct certificate *now,
                   const struct certificate *next)
{
    return is_equal(now->chain, next->chain) && is_equal(now->staple, next->staple) &&
           now->is_of_file == next->is_of_file && keyring_opens(k, now->key);
}

bool offer_has_expired(const struct certificate *c, uint64_t wall_us, struct pool_error *error)
{
    char at[32];

    if (c->facts.not_after_s >= (int64_t)(wall_us / US_PER_S))
        return false;
    (void)clock_print_wall(expiry_wall_us(c->facts.not_after_s), at);
    pool_error_set(error, "invalid_value", "chain",
                   "the certificate has expired: it was valid until %s", at);
    return true;
}
