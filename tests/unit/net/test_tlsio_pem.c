/* No copy of a private key stays in memory that the TLS library has freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/span.h"
#include "library_memory.h"
#include "net/tlsio_pem.h"

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

/* The middle of a key's DER is of its secret number; the text is read once for that. */
static void read_middle(const char *text, unsigned char *needle)
{
    BIO *bio = tlsio_pem_open(span_from_str(text));
    struct tlsio_pem_block block;

    do {
        assert_int_equal(tlsio_pem_next_block(bio, &block), 1);
        if (tlsio_pem_is_private_key(&block))
            break;
        tlsio_pem_block_fini(&block);
    } while (1);
    memcpy(needle, block.der + block.der_bytes / 2 - NEEDLE_BYTES / 2, NEEDLE_BYTES);
    tlsio_pem_block_fini(&block);
    BIO_free(bio);
}

static void expect_no_copy(EVP_PKEY *made, int is_traditional)
{
    static char text[8192];
    unsigned char needle[NEEDLE_BYTES];

    write_key(made, is_traditional, text, (int)sizeof(text));
    EVP_PKEY_free(made);
    read_middle(text, needle);
    freed_n = 0;
    BIO *bio = tlsio_pem_open(span_from_str(text));
    EVP_PKEY *key = tlsio_pem_next_key(bio);

    assert_non_null(key);
    BIO_free(bio);
    assert_true(has_freed());
    assert_false(has_copy(needle));
    EVP_PKEY_free(key);
}

static void test_no_copy_of_a_key(void **state)
{
    (void)state;
    for (int is_traditional = 0; is_traditional < 2; is_traditional++) {
        expect_no_copy(EVP_EC_gen("P-384"), is_traditional);
        expect_no_copy(EVP_RSA_gen(2048), is_traditional);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_copy_of_a_key),
    };

    if (!library_memory_take())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
