#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

/* Whoever adds a setting has told the help. */
static void test_every_setting_is_there(void **state)
{
    (void)state;
    const char *help = config_help();
    static const char *const texts[] = {
#define SETTING(name, flag, env, word, standard, help, read) flag, env, word, standard, help,
#include "config/settings.def"
#undef SETTING
        "--version", "--help", "Usage:", "weldr worker --id N", "WELDR_LOG)"};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && strstr(help, texts[i]) == NULL)
            fail_msg("%s is missing in the help", texts[i]);
    }
}

static unsigned count_text(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

static void test_exit_codes_and_examples(void **state)
{
    (void)state;
    const char *help = config_help();
    static const char *const codes[] = {"\n  0  ", "\n  1  ", "\n  2  ", "\n  3  ", "\n  4  "};
    for (unsigned i = 0; i < 5; i++)
        assert_non_null(strstr(help, codes[i]));
    assert_int_equal(count_text(help, "\n  weldr server "), 2);
}

/* The explanations start in one column, and no line is too wide for a terminal of 100. */
static void test_alignment(void **state)
{
    (void)state;
    const char *line = strstr(config_help(), "  --ip ");
    size_t column = 0;
    assert_non_null(line);
    for (; strncmp(line, "\n", 1) != 0; line = strchr(line, '\n') + 1) {
        size_t text = 2;
        while (line[text] != ' ' || line[text + 1] != ' ')
            text++;
        text += strspn(line + text, " ");
        if (column == 0)
            column = text;
        assert_int_equal(text, column);
    }
    for (line = config_help(); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") < 100);
}

/* Made once, the same afterwards, and whole: the buffer did not run over. */
static void test_is_whole(void **state)
{
    (void)state;
    const char *help = config_help();
    size_t len = strlen(help);
    assert_ptr_equal(config_help(), help);
    assert_int_equal(strlen(config_help()), len);
    assert_string_equal(help + len - 10, "remove it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_setting_is_there),
        cmocka_unit_test(test_exit_codes_and_examples),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
