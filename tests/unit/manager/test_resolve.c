#include "manager/resolve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cm.h"
#include "net/loop.h"

/* A name server on loopback, in the same thread: it answers between two turns of the loop. */
struct world {
    struct loop *loop;
    struct resolve *resolve;
    int fd;
    const char *a[4]; /* IPv4 addresses it gives; none: NXDOMAIN */
    uint32_t ttl_s;
    bool is_silent;
    unsigned queries_n;
    char heard[512]; /* what the hooks said */
};

enum { ID = 7, PORT = 8080, TYPE_A = 1 };

static void say(struct world *w, const char *text)
{
    strncat(w->heard, text, sizeof(w->heard) - strlen(w->heard) - 1);
}

static void on_addrs(void *arg, uint64_t server_id, const struct addr *addrs, unsigned n)
{
    struct world *w = arg;
    char text[ADDR_TEXT_MAX + 2];

    assert_int_equal(server_id, ID);
    for (unsigned i = 0; i < n; i++) {
        size_t len = addr_print(&addrs[i], text);
        text[len] = ' ';
        text[len + 1] = '\0';
        say(w, text);
    }
}

static void on_failure(void *arg, uint64_t server_id, const char *why, bool has_old)
{
    assert_int_equal(server_id, ID);
    assert_true(strlen(why) > 0);
    say(arg, has_old ? "failed,old " : "failed ");
}

static void on_recovery(void *arg, uint64_t server_id)
{
    assert_int_equal(server_id, ID);
    say(arg, "recovered ");
}

/* One answer record: a pointer to the question's name, type A, class IN. */
static size_t put_address(unsigned char *at, uint32_t ttl_s, const char *ip)
{
    static const unsigned char head[] = {0xc0, 12, 0, TYPE_A, 0, 1};
    uint32_t ttl = htonl(ttl_s);

    memcpy(at, head, sizeof(head));
    memcpy(at + 6, &ttl, 4);
    at[10] = 0;
    at[11] = 4;
    assert_int_equal(inet_pton(AF_INET, ip, at + 12), 1);
    return 16;
}

static void answer(struct world *w)
{
    unsigned char m[1024];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(w->fd, m, 512, 0, (struct sockaddr *)&from, &from_len);
    size_t end = 12;
    unsigned count = 0;

    if (n < 17)
        return;
    w->queries_n++;
    if (w->is_silent)
        return;
    while (end < (size_t)n && m[end] != 0)
        end += m[end] + 1U;
    bool is_a = m[end + 2] == TYPE_A;
    end += 5;
    m[2] = 0x81;
    m[3] = w->a[0] == NULL ? 0x83 : 0x80;
    for (; is_a && count < 4 && w->a[count] != NULL; count++)
        end += put_address(m + end, w->ttl_s, w->a[count]);
    m[6] = 0;
    m[7] = (unsigned char)count;
    memset(m + 8, 0, 4); /* neither authority nor additional records */
    assert_true(sendto(w->fd, m, end, 0, (struct sockaddr *)&from, from_len) == (ssize_t)end);
}

static void run_until(struct world *w, const char *heard)
{
    uint64_t start_ms = loop_now_ms(w->loop);

    while (strcmp(w->heard, heard) != 0) {
        loop_turn(w->loop, 10);
        answer(w);
        if (loop_now_ms(w->loop) - start_ms > 20000)
            fail_msg("heard \"%s\", expected \"%s\"", w->heard, heard);
    }
    w->heard[0] = '\0';
}

static int setup(void **state)
{
    static struct world world;
    struct world *w = &world;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    char servers[64];
    const struct resolve_hooks hooks = {on_addrs, on_failure, on_recovery, w};

    *w = (struct world){.ttl_s = 1};
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &len), 0);
    snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(at.sin_port));
    w->loop = loop_epoll_new();
    assert_non_null(w->loop);
    assert_int_equal(resolve_new(&w->resolve, w->loop, servers, &hooks), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    resolve_free(w->resolve);
    loop_free(w->loop); /* which sees to it that nothing is watched any more */
    close(w->fd);
    return 0;
}

static void add(struct world *w)
{
    assert_int_equal(resolve_add(w->resolve, ID, "app.weldr.test", PORT), 0);
}

static void test_all_addresses_sorted_and_once(void **state)
{
    struct world *w = *state;

    w->a[0] = "10.0.0.9";
    w->a[1] = "10.0.0.2";
    w->a[2] = "10.0.0.9";
    add(w);
    run_until(w, "10.0.0.2:8080 10.0.0.9:8080 ");
}

static void test_asked_again_at_ttl(void **state)
{
    struct world *w = *state;

    w->a[0] = "10.0.0.1";
    w->a[1] = "10.0.0.2";
    add(w);
    run_until(w, "10.0.0.1:8080 10.0.0.2:8080 ");
    w->a[0] = "10.0.0.2"; /* only the order: no news */
    w->a[1] = "10.0.0.1";
    unsigned before = w->queries_n;
    while (w->queries_n < before + 2) {
        loop_turn(w->loop, 10);
        answer(w);
    }
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop, 1);
    assert_string_equal(w->heard, "");
    w->a[0] = "10.0.0.3";
    w->a[1] = NULL;
    run_until(w, "10.0.0.3:8080 ");
}

static void test_failure_keeps_the_last_answer(void **state)
{
    struct world *w = *state;

    w->a[0] = "10.0.0.1";
    add(w);
    run_until(w, "10.0.0.1:8080 ");
    w->a[0] = NULL;
    run_until(w, "failed,old ");
    w->a[0] = "10.0.0.1";
    run_until(w, "recovered ");
}

static void test_unknown_name(void **state)
{
    struct world *w = *state;

    add(w);
    run_until(w, "failed ");
    w->a[0] = "10.0.0.1";
    run_until(w, "10.0.0.1:8080 ");
}

/* Neither hears anything nor leaks (the sanitizer looks). */
static void test_removed_while_asking(void **state)
{
    struct world *w = *state;

    w->is_silent = true;
    add(w);
    while (w->queries_n == 0) {
        loop_turn(w->loop, 10);
        answer(w);
    }
    resolve_remove(w->resolve, ID);
    resolve_remove(w->resolve, ID);
    add(w);
    while (w->queries_n < 4) {
        loop_turn(w->loop, 10);
        answer(w);
    }
    assert_string_equal(w->heard, "");
}

static void test_bad_name_servers(void **state)
{
    struct world *w = *state;
    struct resolve *r = NULL;
    const struct resolve_hooks hooks = {on_addrs, on_failure, on_recovery, w};

    assert_int_equal(resolve_new(&r, w->loop, "not an address", &hooks), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_addresses_sorted_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asked_again_at_ttl, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_keeps_the_last_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_while_asking, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_name_servers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
