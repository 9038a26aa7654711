/* Texts that only some know: added, recognised, handed on without being told. */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/werr.h"

static const unsigned char key[SECRET_BYTES] = "a key of thirty-two bytes, or so";

static void test_only_the_same_text_is_known(void **state)
{
    static struct secrets s;

    (void)state;
    secrets_init(&s, key);
    assert_int_equal(secrets_add(&s, SPAN("sesame")), 0);
    assert_int_equal(secrets_add(&s, SPAN("mellon")), 0);
    assert_int_equal(secrets_find(&s, SPAN("sesame")), 0);
    assert_int_equal(secrets_find(&s, SPAN("mellon")), 1);
    assert_int_equal(secrets_find(&s, SPAN("sesamE")), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN("Sesame")), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN("sesam")), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN("sesames")), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, span_from("sesame\0", 7)), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN_NONE), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN("")), WERR_NOT_FOUND);
}

static void test_without_any_nothing_is_known(void **state)
{
    static struct secrets s;

    (void)state;
    secrets_init(&s, key);
    assert_int_equal(secrets_find(&s, SPAN_NONE), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, SPAN("x")), WERR_NOT_FOUND);
    assert_int_equal(secrets_find(&s, span_from("\0", 1)), WERR_NOT_FOUND);
}

static void test_what_is_refused(void **state)
{
    static struct secrets s;
    static char text[SECRET_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    secrets_init(&s, key);
    assert_int_equal(secrets_add(&s, SPAN_NONE), WERR_INVALID);
    assert_int_equal(secrets_add(&s, span_from(text, SECRET_MAX + 1)), WERR_INVALID);
    assert_int_equal(s.n, 0);
    assert_int_equal(secrets_add(&s, span_from(text, SECRET_MAX)), 0);
    assert_int_equal(secrets_add(&s, span_from(text, SECRET_MAX)), WERR_EXISTS);
    assert_int_equal(secrets_find(&s, span_from(text, SECRET_MAX)), 0);
    assert_int_equal(secrets_find(&s, span_from(text, SECRET_MAX + 1)), WERR_NOT_FOUND);
}

static void test_as_many_as_there_may_be(void **state)
{
    static struct secrets s;
    char text[32];

    (void)state;
    secrets_init(&s, key);
    for (int i = 0; i < SECRETS_MAX; i++) {
        snprintf(text, sizeof(text), "token %d", i);
        assert_int_equal(secrets_add(&s, span_from_str(text)), 0);
    }
    assert_int_equal(secrets_add(&s, SPAN("one more")), WERR_TOO_BIG);
    for (int i = 0; i < SECRETS_MAX; i++) {
        snprintf(text, sizeof(text), "token %d", i);
        assert_int_equal(secrets_find(&s, span_from_str(text)), i);
    }
}

static bool holds(struct span bytes, struct span text)
{
    return memmem(bytes.ptr, bytes.len, text.ptr, text.len) != NULL;
}

static void test_another_process_knows_the_same(void **state)
{
    static struct secrets s, other;

    (void)state;
    secrets_init(&s, key);
    assert_int_equal(secrets_add(&s, SPAN("sesame")), 0);
    assert_int_equal(secrets_add(&s, SPAN("mellon")), 0);
    const struct span bytes = secrets_bytes(&s);
    assert_int_equal(bytes.len, 3 * SECRET_BYTES);
    assert_false(holds(span_from(&s, sizeof(s)), SPAN("sesame")));
    assert_int_equal(secrets_from_bytes(&other, bytes), 0);
    assert_int_equal(secrets_find(&other, SPAN("mellon")), 1);
    assert_int_equal(secrets_find(&other, SPAN("other")), WERR_NOT_FOUND);
    assert_int_equal(secrets_from_bytes(&other, span_first(bytes, SECRET_BYTES)), 0);
    assert_int_equal(secrets_find(&other, SPAN("mellon")), WERR_NOT_FOUND);
}

static void test_bad_bytes(void **state)
{
    static const char many[SECRETS_BYTES_MAX + SECRET_BYTES];
    static struct secrets s;

    (void)state;
    assert_int_equal(secrets_from_bytes(&s, SPAN_NONE), WERR_SYNTAX);
    assert_int_equal(secrets_from_bytes(&s, span_from(many, SECRET_BYTES - 1)), WERR_SYNTAX);
    assert_int_equal(secrets_from_bytes(&s, span_from(many, SECRET_BYTES + 1)), WERR_SYNTAX);
    assert_int_equal(secrets_from_bytes(&s, span_from(many, sizeof(many))), WERR_SYNTAX);
    assert_int_equal(secrets_from_bytes(&s, span_from(many, SECRETS_BYTES_MAX)), 0);
}

/* The key is a part of it: digests of one start mean nothing to another. */
static void test_another_key_another_digest(void **state)
{
    static const unsigned char other_key[SECRET_BYTES] = "another one";
    static struct secrets s, other;

    (void)state;
    secrets_init(&s, key);
    secrets_init(&other, other_key);
    assert_int_equal(secrets_add(&s, SPAN("sesame")), 0);
    assert_int_equal(secrets_add(&other, SPAN("sesame")), 0);
    assert_memory_not_equal(s.bytes + SECRET_BYTES, other.bytes + SECRET_BYTES, SECRET_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_same_text_is_known),
        cmocka_unit_test(test_without_any_nothing_is_known),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_as_many_as_there_may_be),
        cmocka_unit_test(test_another_process_knows_the_same),
        cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_another_key_another_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
