#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/table.h"

enum { N = 600 };

static void test_texts(void **state)
{
    (void)state;
    struct text_node *table = NULL;
    char keys[N][8];
    for (unsigned i = 0; i < N; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        assert_null(text_table_find(table, span_from_str(keys[i])));
        assert_int_equal(text_table_add(&table, keys[i], keys[i]), 0);
    }
    for (unsigned i = 0; i < N; i += 2)
        text_table_remove(&table, keys[i]);
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(text_table_find(table, span_from_str(keys[i])),
                         i % 2 == 0 ? NULL : keys[i]);
    assert_null(text_table_find(table, SPAN_NONE));
    text_table_clear(&table);
    assert_null(table);
    text_table_clear(&table);
}

static void test_ids(void **state)
{
    (void)state;
    struct id_node *table = NULL;
    int objects[N];
    for (unsigned i = 0; i < N; i++) {
        const struct id_entry entry = {KIND_SERVER, &objects[i], objects};
        assert_int_equal(id_table_add(&table, i + 1, &entry), 0);
    }
    for (unsigned i = 0; i < N; i += 2)
        id_table_remove(&table, i + 1);
    for (unsigned i = 0; i < N; i++) {
        const struct id_entry *entry = id_table_find(table, i + 1);
        assert_int_equal(entry != NULL, i % 2);
        if (entry != NULL)
            assert_true(entry->object == &objects[i] && entry->owner == objects);
    }
    id_table_find(table, 2)->object = &objects[0];
    assert_ptr_equal(id_table_find(table, 2)->object, &objects[0]);
    assert_null(id_table_find(table, 0));
    id_table_clear(&table);
    assert_null(table);
}

/* Each allocation fails in turn: the table is as it was, then the next is added. */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct id_node *ids = NULL;
    struct text_node *texts = NULL;
    char keys[N][8];
    for (unsigned i = 0; i < N; i++) {
        const struct id_entry entry = {KIND_POOL, keys[i], NULL};
        bool has_passed = false;
        snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        for (unsigned n = 1; !has_passed; n++) {
            fault_set(n);
            int rc = id_table_add(&ids, i + 1, &entry);
            if (rc == 0) {
                rc = text_table_add(&texts, keys[i], keys[i]);
                if (rc != 0)
                    id_table_remove(&ids, i + 1);
            }
            has_passed = rc == 0;
            fault_set(0);
            assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
            assert_int_equal(id_table_find(ids, i + 1) != NULL, has_passed);
        }
    }
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(text_table_find(texts, span_from_str(keys[i])), keys[i]);
    text_table_clear(&texts);
    id_table_clear(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
