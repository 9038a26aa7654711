/* OCSP responses that are to be stapled: what is read of them, and which are refused. */
#include "../base/cm.h"

#include <openssl/ocsp.h>
#include <time.h>

#include "net/tlsio_context.h"
#include "net/tlsio_staple.h"
#include "tls_made.h"

static struct {
    struct made authority, own, other;
} w;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    w.authority = made_of((struct made_wish){.name = "authority", .is_authority = true});
    w.own = made_of((struct made_wish){.name = "own", .by = &w.authority});
    w.other = made_of((struct made_wish){.name = "other", .by = &w.authority});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_free(&w.authority);
    made_free(&w.own);
    made_free(&w.other);
    return 0;
}

/* ---- responses ---- */

struct response {
    unsigned char *der;
    int n;
};

struct response_wish {
    const struct made *of[2];  /* the second may be NULL */
    const struct made *issuer; /* NULL: the authority */
    const EVP_MD *digest;      /* of the id; NULL: SHA-1, as is usual */
    int status;                /* V_OCSP_CERTSTATUS_* */
    long next_s;               /* from now; 0: no nextUpdate */
    int refusal;               /* OCSP_RESPONSE_STATUS_*; 0: successful */
};

static void add_single(OCSP_BASICRESP *basic, const struct made *of,
                       const struct response_wish *wish)
{
    const struct made *issuer = wish->issuer != NULL ? wish->issuer : &w.authority;
    const bool is_revoked = wish->status == V_OCSP_CERTSTATUS_REVOKED;
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
    ASN1_TIME *next = wish->next_s != 0 ? X509_gmtime_adj(NULL, wish->next_s) : NULL;
    OCSP_CERTID *id = OCSP_cert_id_new(
        wish->digest != NULL ? wish->digest : EVP_sha1(), X509_get_subject_name(issuer->x),
        X509_get0_pubkey_bitstr(issuer->x), X509_get0_serialNumber(of->x));

    assert_non_null(
        OCSP_basic_add1_status(basic, id, wish->status, 0, is_revoked ? now : NULL, now, next));
    OCSP_CERTID_free(id);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
}

static struct response response_of(struct response_wish wish)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    struct response r = {NULL, 0};

    for (unsigned i = 0; i < 2 && wish.of[i] != NULL; i++)
        add_single(basic, wish.of[i], &wish);
    assert_int_equal(
        OCSP_basic_sign(basic, w.authority.x, w.authority.key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *response =
        OCSP_response_create(wish.refusal, wish.refusal == 0 ? basic : NULL);

    r.n = i2d_OCSP_RESPONSE(response, &r.der);
    assert_true(r.n > 0);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    return r;
}

static int read_bytes(const void *der, size_t n, int64_t *ends_s, struct tlsio_refusal *why)
{
    /* Of exactly this size, so that a byte too many is found. */
    void *copy = malloc(n + (n == 0));

    memcpy(copy, der, n);
    const int rc = tlsio_staple_read(span_from(copy, n), span_from_str(w.own.pem), ends_s, why);

    free(copy);
    return rc;
}

static void expect_taken(struct response_wish wish)
{
    struct response r = response_of(wish);
    const int64_t now_s = time(NULL);
    struct tlsio_refusal why;
    int64_t ends_s;

    assert_int_equal(read_bytes(r.der, (size_t)r.n, &ends_s, &why), 0);
    if (wish.next_s == 0)
        assert_true(ends_s == TLSIO_STAPLE_ENDLESS);
    else
        assert_true(ends_s >= now_s + wish.next_s - 60 && ends_s <= now_s + wish.next_s);
    OPENSSL_free(r.der);
}

static void expect_refused(struct response_wish wish, const char *text)
{
    struct response r = response_of(wish);
    struct tlsio_refusal why;
    int64_t ends_s;

    assert_int_equal(read_bytes(r.der, (size_t)r.n, &ends_s, &why), WERR_INVALID);
    assert_string_equal(why.field, "ocsp");
    assert_string_equal(why.text, text);
    OPENSSL_free(r.der);
}

/* ---- tests ---- */

static void test_what_is_taken(void **state)
{
    (void)state;
    expect_taken((struct response_wish){.of = {&w.own}, .next_s = 7000});
    expect_taken((struct response_wish){.of = {&w.own}});
    expect_taken((struct response_wish){.of = {&w.own}, .next_s = -7000}); /* the caller's */
    expect_taken((struct response_wish){.of = {&w.other, &w.own}, .next_s = 7000});
    expect_taken((struct response_wish){.of = {&w.own}, .digest = EVP_sha256()});
}

static void test_what_is_refused(void **state)
{
    (void)state;
    expect_refused((struct response_wish){.of = {&w.other}}, "it is of another certificate");
    /* The same serial number, of another issuer. */
    expect_refused((struct response_wish){.of = {&w.own}, .issuer = &w.other},
                   "it is of another certificate");
    expect_refused((struct response_wish){.of = {NULL}}, "it is of another certificate");
    expect_refused((struct response_wish){.of = {&w.own}, .status = V_OCSP_CERTSTATUS_REVOKED},
                   "it says \"revoked\" of the certificate");
    expect_refused((struct response_wish){.of = {&w.own}, .status = V_OCSP_CERTSTATUS_UNKNOWN},
                   "it says \"unknown\" of the certificate");
    expect_refused(
        (struct response_wish){.of = {&w.own}, .refusal = OCSP_RESPONSE_STATUS_TRYLATER},
        "the responder has refused: trylater");
}

static void expect_unreadable(const void *der, size_t n)
{
    struct tlsio_refusal why;
    int64_t ends_s;

    assert_int_equal(read_bytes(der, n, &ends_s, &why), WERR_INVALID);
    assert_string_equal(why.text, "it is no OCSP response (DER)");
}

static void test_what_is_no_response(void **state)
{
    struct response r = response_of((struct response_wish){.of = {&w.own}, .next_s = 7000});
    unsigned char *longer = calloc(1, (size_t)r.n + 1);

    (void)state;
    for (int n = 0; n < r.n; n++)
        expect_unreadable(r.der, (size_t)n);
    memcpy(longer, r.der, (size_t)r.n);
    expect_unreadable(longer, (size_t)r.n + 1);
    expect_unreadable("a staple", 8);
    free(longer);
    OPENSSL_free(r.der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_is_no_response),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
