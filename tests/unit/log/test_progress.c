#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log/progress.h"

enum { LINE_BYTES = 64, SOON_MS = 20, PATIENCE_MS = 20000 };

static void assert_line(const char *text, unsigned columns, const char *wanted)
{
    char line[LINE_BYTES];

    assert_int_equal(progress_print(line, sizeof(line), text, columns), strlen(wanted));
    assert_string_equal(line, wanted);
}

static void test_what_fits_stays(void **state)
{
    (void)state;
    assert_line("", 80, "");
    assert_line("", 0, "");
    assert_line("waiting", 7, "waiting");
    assert_line("waiting for it", 80, "waiting for it");
}

static void test_what_is_too_long_is_cut(void **state)
{
    (void)state;
    assert_line("waiting for it", 13, "waiting fo...");
    assert_line("waiting for it", 8, "waiti...");
    assert_line("waiting for it", 7, "waiting");
    assert_line("waiting for it", 0, "");
}

static void test_wide_characters_are_not_split(void **state)
{
    (void)state;
    assert_line("\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97");
    assert_line("\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2");
    assert_line("\xe6\xbc\xa2\xe5\xad\x97 in flight", 9, "\xe6\xbc\xa2\xe5\xad\x97 i...");
}

static void test_nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    assert_line("a\x1b[2Jb\nc\x7f", 80, "a?[2Jb?c?");
    assert_line("a\xc2\x9b"
                "31m",
                80, "a?31m");
    assert_line("\x80\x80z", 80, "?z");
}

static void test_the_buffer_is_never_left(void **state)
{
    char line[8], text[300];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (unsigned columns = 0; columns < 300; columns++)
        assert_true(progress_print(line, sizeof(line), text, columns) < sizeof(line));
}

/* ---- on a terminal ---- */

static int master, saved;

static void open_terminal(const char *term)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 60};
    int slave;

    assert_int_equal(setenv("TERM", term, 1), 0);
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(slave, STDERR_FILENO), STDERR_FILENO);
    (void)close(slave);
    assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
    progress_open(false);
}

static void close_terminal(void)
{
    progress_close();
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    (void)close(master);
}

static void pause_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* What came; "" when nothing did. */
static const char *read_all(void)
{
    static char text[4096];
    const ssize_t n = read(master, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static const char *tick_until_shown(void)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += SOON_MS) {
        progress_tick();
        const char *text = read_all();
        if (text[0] != '\0')
            return text;
        pause_ms(SOON_MS);
    }
    return "";
}

static void test_a_line_comes_and_goes(void **state)
{
    (void)state;
    open_terminal("xterm");
    assert_true(progress_is_open());
    progress_tick();
    progress_begin(30, "draining %s", "s-1");
    progress_detail("%d requests in flight", 12);
    progress_tick();
    assert_string_equal(read_all(), "");
    assert_string_equal(tick_until_shown(),
                        "\rdraining s-1: 12 requests in flight, 0 s of at most 30 s\033[K");
    progress_tick();
    assert_string_equal(read_all(), "");
    progress_hide();
    progress_hide();
    assert_string_equal(read_all(), "\r\033[K");
    progress_begin(0, "waiting");
    assert_string_equal(tick_until_shown(), "\rwaiting, 0 s\033[K");
    progress_end();
    assert_string_equal(read_all(), "\r\033[K");
    progress_tick();
    assert_string_equal(read_all(), "");
    close_terminal();
}

static void test_each_state_is_a_line_of_a_dumb_terminal(void **state)
{
    (void)state;
    open_terminal("dumb");
    progress_begin(30, "draining");
    progress_detail("12 requests");
    assert_string_equal(tick_until_shown(), "draining: 12 requests\r\n");
    progress_detail("7 requests");
    pause_ms(2 * PROGRESS_EVERY_MS);
    progress_tick();
    assert_string_equal(read_all(), "");
    progress_detail("it has gone");
    assert_string_equal(tick_until_shown(), "draining: it has gone\r\n");
    close_terminal();
    assert_false(progress_is_open());
}

static void test_nothing_in_a_pipe(void **state)
{
    int fds[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    progress_open(true);
    assert_false(progress_is_open());
    progress_begin(0, "waiting");
    pause_ms(PROGRESS_AFTER_MS + SOON_MS);
    progress_tick();
    progress_end();
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_stays),
        cmocka_unit_test(test_what_is_too_long_is_cut),
        cmocka_unit_test(test_wide_characters_are_not_split),
        cmocka_unit_test(test_nothing_that_a_terminal_obeys),
        cmocka_unit_test(test_the_buffer_is_never_left),
        cmocka_unit_test(test_a_line_comes_and_goes),
        cmocka_unit_test(test_each_state_is_a_line_of_a_dumb_terminal),
        cmocka_unit_test(test_nothing_in_a_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
