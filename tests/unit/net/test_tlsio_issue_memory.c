/* Keys that are made leave no copy in memory that the TLS library has freed, and no memory is
 * an error like others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "library_memory.h"
#include "net/tlsio_issue.h"

enum { SECRET_BYTES = 32, FAILURES_MAX = 100000 };

static const uint64_t now_s = 1800000000;
static const char *const names[] = {"member.weldr.internal"};

/* The secret number, as it is written and as processors have it; and a line of the text. */
struct needles {
    unsigned char big[SECRET_BYTES], little[SECRET_BYTES], text[NEEDLE_BYTES];
};

/* Without the library, which would leave copies of its own. */
static size_t der_of(const struct seal_opened *text, char *der)
{
    struct span rest = span_from(text->ptr, text->len), line;
    size_t n = 0, more;

    (void)span_cut(&rest, '\n');
    while ((line = span_cut(&rest, '\n')).len > 0 && line.ptr[0] != '-') {
        assert_int_equal(base64_decode(line, der + n, &more), 0);
        n += more;
    }
    return n;
}

static struct needles needles_of(const struct seal_opened *text)
{
    static const char before[] = {0x02, 0x01, 0x01, 0x04, SECRET_BYTES}; /* RFC 5915 */
    char der[256];
    const size_t n = der_of(text, der);
    const char *at = memmem(der, n, before, sizeof(before));
    struct needles found;

    assert_non_null(at);
    memcpy(found.big, at + sizeof(before), SECRET_BYTES);
    for (unsigned i = 0; i < SECRET_BYTES; i++)
        found.little[i] = found.big[SECRET_BYTES - 1 - i];
    const char *line = strchr(text->ptr, '\n') + 1; /* the number goes on into the second */

    memcpy(found.text, line + 65, NEEDLE_BYTES);
    return found;
}

static bool has_copies(const struct needles *n)
{
    const size_t rest = SECRET_BYTES - NEEDLE_BYTES;

    return has_copy(n->big) || has_copy(n->big + rest) || has_copy(n->little) ||
           has_copy(n->little + rest) || has_copy(n->text);
}

static struct tlsio_order order_of(const struct tlsio_issued *authority,
                                   const struct tlsio_issued *asked)
{
    return (struct tlsio_order){.authority = span_from_str(authority->text),
                                .authority_key =
                                    span_from(authority->key.ptr, authority->key.len),
                                .request = span_from_str(asked->text),
                                .names = names,
                                .name_n = 1,
                                .now_s = now_s,
                                .days = 90};
}

static void test_no_copy_of_a_key(void **state)
{
    struct tlsio_issued authority, asked;
    char *certificate;

    (void)state;
    freed_n = 0;
    assert_int_equal(tlsio_issue_authority("a", now_s, &authority), 0);
    assert_int_equal(tlsio_issue_request("b", &asked), 0);
    const struct needles one = needles_of(&authority.key), other = needles_of(&asked.key);

    assert_true(has_freed());
    assert_false(has_copies(&one));
    assert_false(has_copies(&other));
    freed_n = 0;
    const struct tlsio_order order = order_of(&authority, &asked);

    assert_int_equal(tlsio_issue_sign(&order, &certificate), 0);
    assert_true(has_freed());
    assert_false(has_copies(&one));
    free(certificate);
    tlsio_issued_fini(&authority);
    tlsio_issued_fini(&asked);
}

/* ---- no memory, from the first piece on that is wanted, from the second on … ---- */

static void test_no_memory_for_keys(void **state)
{
    struct tlsio_issued made;
    unsigned n = 1;
    int rc = WERR_NOMEM;

    (void)state;
    for (; rc < 0 && n < FAILURES_MAX; n++) {
        library_fails_at = n;
        rc = n % 2 == 0 ? tlsio_issue_authority("a", now_s, &made)
                        : tlsio_issue_request("a", &made);
        library_fails_at = 0;
        assert_true(rc == 0 || rc == WERR_NOMEM || rc == WERR_IO);
        if (rc < 0)
            assert_true(made.text == NULL && made.key.ptr == NULL);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 10);
    tlsio_issued_fini(&made);
}

/* What can't be read for want of memory may be told as what can't be read. */
static void test_no_memory_to_sign(void **state)
{
    struct tlsio_issued authority, asked;
    char *certificate;
    unsigned n = 1;
    int rc = WERR_NOMEM;

    (void)state;
    assert_int_equal(tlsio_issue_authority("a", now_s, &authority), 0);
    assert_int_equal(tlsio_issue_request("b", &asked), 0);
    const struct tlsio_order order = order_of(&authority, &asked);

    for (; rc < 0 && n < FAILURES_MAX; n++) {
        library_fails_at = n;
        rc = tlsio_issue_sign(&order, &certificate);
        library_fails_at = 0;
        assert_true(rc == 0 || rc == WERR_NOMEM || rc == WERR_IO || rc == WERR_INVALID);
        assert_true((rc == 0) == (certificate != NULL));
    }
    assert_int_equal(rc, 0);
    assert_true(n > 10);
    free(certificate);
    tlsio_issued_fini(&authority);
    tlsio_issued_fini(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_copy_of_a_key),
        cmocka_unit_test(test_no_memory_for_keys),
        cmocka_unit_test(test_no_memory_to_sign),
    };

    if (!library_memory_take())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
