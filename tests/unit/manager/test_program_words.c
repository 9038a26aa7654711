#include "../base/cm.h"

#include <string.h>

#include "manager/program_words.h"

static void test_what_is_taken(void **state)
{
    static const struct {
        const char *text, *version;
        unsigned level;
    } cases[] = {
        {"weldr 0.1.0\nlevel 5\n", "0.1.0", 5},
        {"weldr 0.1.0\nlevel 5", "0.1.0", 5},
        {"weldr 0.1.0\nlevel 255\nand more\n", "0.1.0", 255},
        {"weldr 0.1.0\n", "0.1.0", 0}, /* an older one */
        {"weldr 12.0.0-rc1+x\nanything", "12.0.0-rc1+x", 0},
        {"weldr 12345678901234567890123\n", "12345678901234567890123", 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct program_words w;

        assert_int_equal(program_words_read(span_from_str(cases[i].text), &w), 0);
        assert_string_equal(w.version, cases[i].version);
        assert_int_equal(w.level, cases[i].level);
    }
}

static void test_what_is_not(void **state)
{
    static const char *const cases[] = {
        "",
        "\n",
        "weldr",
        "weldr \n",
        "weldr 0.1.0 beta\n",
        "weldr \x1B[2J\n",
        "Weldr 0.1.0\n",
        "GNU bash, version 5.2.15\n",
        "weldr 123456789012345678901234\n", /* too long */
        "weldr 0.1.0\nlevel 256\n",
        "weldr 0.1.0\nlevel -1\n",
        "weldr 0.1.0\nlevel \n",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct program_words w;

        assert_int_equal(program_words_read(span_from_str(cases[i]), &w), WERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),
        cmocka_unit_test(test_what_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
