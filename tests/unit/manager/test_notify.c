#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manager/manager.h"
#include "manager/notify.h"
#include "manager/start.h"

enum { TURNS_MAX = 200, TURN_MS = 10 };

static void test_addresses(void **state)
{
    struct sockaddr_un to;
    socklen_t len;
    char text[sizeof(to.sun_path) + 1];

    (void)state;
    assert_int_equal(notify_address("/run/notify", &to, &len), 0);
    assert_string_equal(to.sun_path, "/run/notify");
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + sizeof("/run/notify"));
    assert_int_equal(notify_address("@name", &to, &len), 0);
    assert_memory_equal(to.sun_path, "\0name", 6);
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + sizeof("name"));
    assert_int_equal(notify_address("", &to, &len), WERR_INVALID);
    assert_int_equal(notify_address("/", &to, &len), WERR_INVALID);
    assert_int_equal(notify_address("run/notify", &to, &len), WERR_INVALID);
    assert_int_equal(notify_address("vsock:2:1234", &to, &len), WERR_INVALID);
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(notify_address(text, &to, &len), WERR_INVALID);
    text[sizeof(text) - 2] = '\0';
    assert_int_equal(notify_address(text, &to, &len), 0);
}

/* ---- a supervisor that does not read ---- */

struct fixture {
    struct manager m;
    struct start start;
    struct notify n;
    int fd, filler;
    struct sockaddr_un at;
    socklen_t at_len;
};

static int set_up(void **state)
{
    static struct fixture f;
    char name[64];

    f = (struct fixture){.start = {.phase = START_RESTORE}};
    (void)snprintf(name, sizeof(name), "@weldr-test-notify-%d", (int)getpid());
    assert_int_equal(notify_address(name, &f.at, &f.at_len), 0);
    f.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    f.filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(f.fd >= 0 && f.filler >= 0);
    assert_int_equal(bind(f.fd, (const struct sockaddr *)&f.at, f.at_len), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    f.m.loop = loop_epoll_new();
    assert_non_null(f.m.loop);
    f.m.start = &f.start;
    f.m.worker_n = 2;
    notify_init(&f.n, &f.m, false);
    assert_null(getenv("NOTIFY_SOCKET"));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    notify_fini(&f->n);
    loop_free(f->m.loop);
    (void)close(f->fd);
    return close(f->filler);
}

static void fill(const struct fixture *f)
{
    while (sendto(f->filler, "x", 1, 0, (const struct sockaddr *)&f->at, f->at_len) == 1)
        ;
    assert_int_equal(errno, EAGAIN);
}

/* The next that is not of fill; false: there is none. */
static bool next(const struct fixture *f, char *text, size_t size)
{
    ssize_t n;

    do {
        n = recv(f->fd, text, size - 1, 0);
    } while (n == 1);
    if (n > 0)
        text[n] = '\0';
    return n > 0;
}

static void await(const struct fixture *f, const char *wanted)
{
    char text[NOTIFY_TEXT_MAX];

    for (unsigned i = 0; i < TURNS_MAX; i++) {
        if (next(f, text, sizeof(text))) {
            assert_int_equal(strncmp(text, wanted, strlen(wanted)), 0);
            return;
        }
        (void)loop_turn(f->m.loop, TURN_MS);
    }
    fail_msg("%s did not come", wanted);
}

/* What waits comes later, in its order. */
static void test_a_full_socket_loses_nothing(void **state)
{
    struct fixture *f = *state;

    fill(f);
    notify_ready(&f->n);
    notify_reloading(&f->n);
    notify_reloaded(&f->n);
    assert_int_equal(f->n.waiting_n, 3);
    await(f, "READY=1\nSTATUS=serves with 2 workers\nMAINPID=");
    await(f, "RELOADING=1\nMONOTONIC_USEC=");
    await(f, "READY=1");
    assert_int_equal(f->n.waiting_n, 0);
}

/* Nor does it grow: what is too much is left. */
static void test_a_supervisor_that_never_reads(void **state)
{
    struct fixture *f = *state;

    fill(f);
    notify_ready(&f->n);
    for (unsigned i = 0; i < 2 * NOTIFY_WAITING_MAX; i++)
        notify_reloaded(&f->n);
    assert_int_equal(f->n.waiting_n, NOTIFY_WAITING_MAX);
}

/* The name of a successor is what must not get lost; nothing comes behind it. */
static void test_the_last_word(void **state)
{
    struct fixture *f = *state;
    char text[NOTIFY_TEXT_MAX];

    notify_ready(&f->n);
    notify_succeeded(&f->n, 12345);
    notify_stopping(&f->n, "late");
    notify_reloading(&f->n);
    assert_true(next(f, text, sizeof(text)));
    assert_true(next(f, text, sizeof(text)));
    assert_int_equal(strncmp(text, "MAINPID=12345\nWATCHDOG=1\n", 25), 0);
    assert_false(next(f, text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test_setup_teardown(test_a_full_socket_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_supervisor_that_never_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_word, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
