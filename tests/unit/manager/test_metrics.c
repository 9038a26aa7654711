#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/metrics.h"

/* A manager without workers, and the text of its metrics, page by page. */

enum { SERVERS = 20, TEXT_MAX = 1 << 20, WHOLE = 1 << 30 };

static struct manager *m;

static void add_server(unsigned port)
{
    char body[128];

    (void)snprintf(body, sizeof(body),
                   "{\"url\":\"http://127.0.0.1:%u\",\"check\":{\"type\":\"none\"}}", port);
    assert_int_equal(fixture_add(m, body, NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_SOLO, NULL);
    for (unsigned i = 0; i < SERVERS; i++)
        add_server(1000 + i);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

/* The samples of this process differ from one moment to the other. */
static void forget_process(char *text)
{
    for (char *at = text; (at = strstr(at, "\nprocess_")) != NULL; at++)
        for (char *value = strchr(at, ' '); *value != '\n'; value++)
            *value = ' ';
}

/* Each page is a little more than so many bytes; between adds a server after the first. */
static unsigned collect(size_t bytes, bool is_openmetrics, void (*between)(void), char *text)
{
    struct metrics_cursor at;
    bool is_last = false;
    unsigned n = 0;

    metrics_begin(m, is_openmetrics, &at);
    text[0] = '\0';
    for (; !is_last; n++) {
        char *page = metrics_page(m, &at, bytes, &is_last);

        assert_non_null(page);
        assert_true(strlen(text) + strlen(page) < TEXT_MAX);
        strcat(text, page);
        free(page);
        if (n == 0 && between != NULL)
            between();
    }
    forget_process(text);
    return n;
}

static char whole[TEXT_MAX], pieces[TEXT_MAX];

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static void test_pages_are_the_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(collect(WHOLE, i == 1, NULL, whole), 1);
        assert_true(collect(1, i == 1, NULL, pieces) > 2 * SERVERS);
        assert_string_equal(pieces, whole);
        assert_true(collect(1000, i == 1, NULL, pieces) > 5);
        assert_string_equal(pieces, whole);
        assert_int_equal(count(whole, "# EOF"), i);
        assert_int_equal(count(whole, "\nweldr_server_state{"), SERVERS);
    }
}

static void add_late(void)
{
    add_server(2000);
}

/* What was added meanwhile is in no family, rather than in some. */
static void test_servers_added_meanwhile_are_left_out(void **state)
{
    (void)state;
    (void)collect(WHOLE, false, NULL, whole);
    (void)collect(1, false, add_late, pieces);
    assert_int_equal(count(pieces, "127.0.0.1:2000"), 0);
    assert_int_equal(count(pieces, "127.0.0.1:1019"), count(whole, "127.0.0.1:1019"));
    (void)collect(WHOLE, false, NULL, whole);
    assert_int_equal(count(whole, "127.0.0.1:2000"), count(whole, "127.0.0.1:1019"));
}

static void test_without_memory(void **state)
{
    bool is_over = false, is_last;
    unsigned n;

    (void)state;
    for (n = 1; !is_over; n++) {
        struct metrics_cursor at;
        char *page;

        metrics_begin(m, false, &at);
        fault_set(n);
        page = metrics_page(m, &at, WHOLE, &is_last);
        is_over = fault_is_armed();
        fault_set(0);
        assert_true((page != NULL) == is_over);
        free(page);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_are_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_servers_added_meanwhile_are_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
