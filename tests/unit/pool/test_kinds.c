#include "pool_fixture.h"

#include "pool/kind_ops.h"
#include "pool/pool_mem.h"

static void test_words_and_ids(void **state)
{
    (void)state;
    char text[24];
    uint64_t id = 0;
    assert_string_equal(kind_word(KIND_LISTENER), "listener");
    assert_string_equal(kind_list(KIND_RULE), "rules");
    for (unsigned kind = 1; kind < KIND_N; kind++) {
        kind_id_print((enum kind)kind, 0x2a, text);
        assert_int_equal(text[0], kind_letter((enum kind)kind));
        assert_int_equal(kind_id_from_text((enum kind)kind, span_from_str(text), &id), 0);
        assert_true(id == 0x2a);
        text[0] = 'z';
        assert_int_equal(kind_id_from_text((enum kind)kind, span_from_str(text), &id),
                         WERR_SYNTAX);
        assert_non_null(kind_ops(kind));
    }
    assert_null(kind_ops(KIND_NONE));
    /* What is referred to comes before what refers to it, whatever the numbers. */
    assert_int_equal(kind_in_order(0), KIND_CERTIFICATE);
    assert_int_equal(kind_in_order(1), KIND_POOL);
    assert_int_equal(kind_in_order(3), KIND_VIP); /* listeners listen at them */
    assert_int_equal(kind_in_order(KIND_N - 2), KIND_RULE);
    assert_int_equal(kind_in_order(KIND_N - 1), KIND_NONE);
    assert_null(kind_ops(KIND_N));
    assert_null(kind_ops(255));
}

/* Same document, but another kind, id or owner: another hash. */
static void test_hash_knows_who(void **state)
{
    (void)state;
    static const struct {
        enum kind kind;
        uint64_t id, owner;
    } who[] = {
        {KIND_POOL, 1, 0}, {KIND_SERVER, 1, 0}, {KIND_SERVER, 2, 0}, {KIND_SERVER, 1, 2}};
    enum { N = sizeof(who) / sizeof(who[0]) };
    uint64_t hashes[N];
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(
            kind_hash(who[i].kind, who[i].id, who[i].owner, pool_strdup("{}"), &hashes[i]), 0);
        for (unsigned k = 0; k < i; k++)
            assert_true(hashes[k] != hashes[i]);
    }
    assert_int_equal(kind_hash(KIND_POOL, 1, 0, NULL, &hashes[0]), WERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_ids),
        cmocka_unit_test(test_hash_knows_who),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
