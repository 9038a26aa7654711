/* No copy of a private key stays in memory that the TLS library has freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/span.h"
#include "library_memory.h"
#include "net/tlsio_certificate.h"
#include "net/tlsio_pem.h"
#include "tls_made.h"

static void write_key(EVP_PKEY *key, int is_traditional, char *text, int bytes)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const int rc =
        is_traditional
            ? PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL)
            : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

    assert_int_equal(rc, 1);
    const int n = BIO_read(bio, text, bytes - 1);

    assert_true(n > 0);
    text[n] = '\0';
    BIO_free(bio);
}

/* The secret number as the encoded key has it. */
static void take_number(EVP_PKEY *key, unsigned char *needle)
{
    unsigned char bytes[512];
    size_t n = sizeof(bytes);
    BIGNUM *number = NULL;

    if (EVP_PKEY_get_raw_private_key(key, bytes, &n) != 1) {
        const char *name = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? OSSL_PKEY_PARAM_RSA_D
                                                                     : OSSL_PKEY_PARAM_PRIV_KEY;

        assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
        n = (size_t)BN_bn2bin(number, bytes);
        BN_clear_free(number);
    }
    assert_in_range(n, NEEDLE_BYTES + 4, sizeof(bytes));
    memcpy(needle, bytes + 4, NEEDLE_BYTES);
}

/* Of the text's last line, or of the one before if that is short. */
static void take_line(const char *text, unsigned char *needle)
{
    const char *end = strstr(text, "\n-----END");
    const char *line = end;

    assert_non_null(end);
    while (line[-1] != '\n')
        line--;
    if (end - line < NEEDLE_BYTES)
        line -= 1 + NEEDLE_BYTES;
    memcpy(needle, line, NEEDLE_BYTES);
}

struct needles {
    unsigned char number[NEEDLE_BYTES], line[NEEDLE_BYTES];
};

static void begin_to_look(EVP_PKEY *key, const char *text, struct needles *needles)
{
    take_number(key, needles->number);
    take_line(text, needles->line);
    freed_n = 0;
}

static void expect_none(const struct needles *needles)
{
    assert_true(has_freed());
    assert_false(has_copy(needles->number));
    assert_false(has_copy(needles->line));
}

static char text[8192];

static void expect_no_copy(EVP_PKEY *made, int is_traditional)
{
    struct needles needles;

    write_key(made, is_traditional, text, (int)sizeof(text));
    begin_to_look(made, text, &needles);
    BIO *bio = tlsio_pem_open(span_from_str(text));
    EVP_PKEY *key = tlsio_pem_next_key(bio);

    assert_non_null(key);
    BIO_free(bio);
    expect_none(&needles);
    EVP_PKEY_free(key);
    EVP_PKEY_free(made);
}

static void test_no_copy_of_a_key(void **state)
{
    (void)state;
    for (int is_traditional = 0; is_traditional < 2; is_traditional++) {
        expect_no_copy(EVP_EC_gen("P-256"), is_traditional);
        expect_no_copy(EVP_EC_gen("P-384"), is_traditional);
        expect_no_copy(EVP_RSA_gen(2048), is_traditional);
    }
    expect_no_copy(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0);
}

/* Nor when it is judged with its certificate, and brought to PKCS #8. */
static void test_no_copy_of_a_key_that_is_judged(void **state)
{
    static const char *const kinds[] = {"P-256", "rsa2048", "ed25519"};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int is_traditional = 0; is_traditional < (i < 2 ? 2 : 1); is_traditional++) {
            struct made m = made_of(
                (struct made_wish){.name = "m", .san = "DNS:m.example", .key = kinds[i]});
            struct tlsio_certificate out;
            struct tlsio_refusal why;
            struct needles needles;

            write_key(m.key, is_traditional, text, (int)sizeof(text));
            begin_to_look(m.key, text, &needles);
            assert_int_equal(
                tlsio_certificate_read(span_from_str(m.pem), span_from_str(text), &out, &why),
                0);
            expect_none(&needles);
            take_line(out.key, needles.line);
            expect_none(&needles);
            tlsio_certificate_fini(&out);
            made_free(&m);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_copy_of_a_key),
        cmocka_unit_test(test_no_copy_of_a_key_that_is_judged),
    };

    if (!library_memory_take())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
