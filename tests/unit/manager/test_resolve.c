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
enum family { V4, V6, FAMILIES };

struct world {
    struct loop *loop;
    struct resolve *resolve;
    int fd, listener, peer;      /* UDP, TCP, and the connection that came */
    const char *gives[FAMILIES]; /* addresses with spaces between; "": none; NULL: NXDOMAIN */
    bool is_silent[FAMILIES], is_failing[FAMILIES];
    uint32_t ttl_s;
    bool is_short_of_memory; /* the hook says so */
    unsigned queries_n;
    unsigned tcp_n;
    char heard[8192]; /* what the hooks said */
};

enum { ID = 7, PORT = 8080, TYPE_A = 1, TYPE_AAAA = 28, MESSAGE_MAX = 4096, UDP_MAX = 512 };

static void say(struct world *w, const char *text)
{
    strncat(w->heard, text, sizeof(w->heard) - strlen(w->heard) - 1);
}

static int on_addrs(void *arg, uint64_t server_id, const struct addr *addrs, unsigned n)
{
    struct world *w = arg;
    char text[ADDR_TEXT_MAX + 2];

    assert_int_equal(server_id, ID);
    if (w->is_short_of_memory)
        return WERR_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        size_t len = addr_print(&addrs[i], text);
        text[len] = ' ';
        text[len + 1] = '\0';
        say(w, text);
    }
    return 0;
}

static void on_failure(void *arg, uint64_t server_id, const char *why, bool has_old)
{
    struct world *w = arg;

    assert_int_equal(server_id, ID);
    assert_true(strlen(why) > 0);
    say(w, has_old ? "failed,old " : "failed ");
    if (strcmp(why, "no usable address: 10.0.0.66 is bad") == 0)
        say(w, "(refused) ");
}

static void on_recovery(void *arg, uint64_t server_id)
{
    assert_int_equal(server_id, ID);
    say(arg, "recovered ");
}

/* One address nobody wants. */
static const char *refuse(void *arg, const struct addr *a)
{
    (void)arg;
    return a->family == AF_INET && a->ip[3] == 66 ? "10.0.0.66 is bad" : NULL;
}

static void on_refused(void *arg, uint64_t server_id, const struct addr *a, const char *why)
{
    assert_int_equal(server_id, ID);
    assert_int_equal(a->ip[3], 66);
    assert_string_equal(why, "10.0.0.66 is bad");
    say(arg, "refused ");
}

/* One answer record: a pointer to the question's name, class IN. */
static size_t put_address(unsigned char *at, enum family family, uint32_t ttl_s, const char *ip)
{
    const size_t bytes = family == V4 ? 4 : 16;
    const unsigned char head[] = {0xc0, 12, 0, family == V4 ? TYPE_A : TYPE_AAAA, 0, 1};
    uint32_t ttl = htonl(ttl_s);

    memcpy(at, head, sizeof(head));
    memcpy(at + 6, &ttl, 4);
    at[10] = 0;
    at[11] = (unsigned char)bytes;
    assert_int_equal(inet_pton(family == V4 ? AF_INET : AF_INET6, ip, at + 12), 1);
    return 12 + bytes;
}

static size_t put_all(const struct world *w, enum family family, unsigned char *at,
                      unsigned *count)
{
    char text[4096];
    char *rest = NULL;
    size_t len = 0;

    snprintf(text, sizeof(text), "%s", w->gives[family] != NULL ? w->gives[family] : "");
    for (char *ip = strtok_r(text, " ", &rest); ip != NULL; ip = strtok_r(NULL, " ", &rest)) {
        len += put_address(at + len, family, w->ttl_s, ip);
        ++*count;
    }
    return len;
}

/* Makes the answer in place; 0: none is given. */
static size_t make_answer(struct world *w, unsigned char *m, size_t n)
{
    enum family family;
    size_t end = 12;
    unsigned count = 0;

    w->queries_n++;
    while (end < n && m[end] != 0)
        end += m[end] + 1U;
    family = m[end + 2] == TYPE_A ? V4 : V6;
    end += 5;
    if (w->is_silent[family])
        return 0;
    m[2] = 0x81;
    m[3] = w->gives[family] == NULL ? 0x83 : 0x80;
    if (w->is_failing[family])
        m[3] = 0x82;
    else
        end += put_all(w, family, m + end, &count);
    m[6] = (unsigned char)(count >> 8);
    m[7] = (unsigned char)count;
    memset(m + 8, 0, 4); /* neither authority nor additional records */
    return end;
}

static void answer_udp(struct world *w)
{
    unsigned char m[MESSAGE_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(w->fd, m, UDP_MAX, 0, (struct sockaddr *)&from, &from_len);
    size_t len = n < 17 ? 0 : make_answer(w, m, (size_t)n);

    if (len > UDP_MAX) { /* truncated: ask again by TCP */
        m[2] |= 0x02;
        m[6] = m[7] = 0;
        len = (size_t)n;
    }
    if (len > 0)
        assert_true(sendto(w->fd, m, len, 0, (struct sockaddr *)&from, from_len) ==
                    (ssize_t)len);
}

/* One message or none: what came together is read bit by bit. */
static void answer_tcp(struct world *w)
{
    unsigned char m[2 + MESSAGE_MAX];
    ssize_t n;
    size_t len;

    if (w->peer < 0)
        w->peer = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (w->peer < 0)
        return;
    n = recv(w->peer, m, 2, 0);
    if (n == 0) {
        close(w->peer);
        w->peer = -1;
    }
    if (n != 2)
        return;
    n = recv(w->peer, m + 2, (size_t)m[0] << 8 | m[1], MSG_WAITALL);
    assert_true(n > 0);
    w->tcp_n++;
    len = make_answer(w, m + 2, (size_t)n);
    m[0] = (unsigned char)(len >> 8);
    m[1] = (unsigned char)len;
    assert_true(send(w->peer, m, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2);
}

static void turn(struct world *w)
{
    loop_turn(w->loop, 10);
    answer_udp(w);
    answer_tcp(w);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text);
    const size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void run_until_last(struct world *w, const char *heard)
{
    uint64_t start_ms = loop_now_ms(w->loop);

    while (!ends_with(w->heard, heard)) {
        turn(w);
        if (loop_now_ms(w->loop) - start_ms > 20000)
            fail_msg("heard \"%s\", expected \"%s\"", w->heard, heard);
    }
}

/* This and nothing before it. */
static void run_until(struct world *w, const char *heard)
{
    run_until_last(w, heard);
    assert_string_equal(w->heard, heard);
    w->heard[0] = '\0';
}

static void run_queries(struct world *w, unsigned n)
{
    const unsigned until = w->queries_n + n;

    while (w->queries_n < until)
        turn(w);
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop, 1);
}

static int open_socket(int type, struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (bind(fd, (struct sockaddr *)at, len) == 0 &&
        getsockname(fd, (struct sockaddr *)at, &len) == 0)
        return fd;
    close(fd);
    return -1;
}

/* One port for both: one that is free for UDP may be taken for TCP. */
static uint16_t open_name_server(struct world *w)
{
    for (;;) {
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        w->fd = open_socket(SOCK_DGRAM, &at);
        w->listener = open_socket(SOCK_STREAM, &at);
        if (w->listener >= 0 && listen(w->listener, 8) == 0)
            return ntohs(at.sin_port);
        close(w->fd);
    }
}

static int setup(void **state)
{
    static struct world world;
    struct world *w = &world;
    char servers[64];
    const struct resolve_hooks hooks = {on_addrs, on_failure, on_recovery,
                                        refuse,   on_refused, w};

    *w = (struct world){.ttl_s = 1, .peer = -1, .gives = {NULL, ""}};
    snprintf(servers, sizeof(servers), "127.0.0.1:%u", open_name_server(w));
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
    close(w->listener);
    if (w->peer >= 0)
        close(w->peer);
    return 0;
}

static void add(struct world *w)
{
    assert_int_equal(resolve_add(w->resolve, ID, "app.weldr.test", PORT), 0);
}

static void test_all_addresses_sorted_and_once(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.9 10.0.0.2 10.0.0.9";
    add(w);
    run_until(w, "10.0.0.2:8080 10.0.0.9:8080 ");
}

static void test_asked_again_at_ttl(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.1 10.0.0.2";
    add(w);
    run_until(w, "10.0.0.1:8080 10.0.0.2:8080 ");
    w->gives[V4] = "10.0.0.2 10.0.0.1"; /* only the order: no news */
    run_queries(w, 4);
    assert_string_equal(w->heard, "");
    w->gives[V4] = "10.0.0.3";
    run_until(w, "10.0.0.3:8080 ");
}

/* n addresses from 10.0.first.0 on, the last first if so wished: as an answer, or as heard. */
static void print_many(char *text, unsigned first, unsigned n, bool is_reversed, bool is_heard)
{
    for (unsigned i = 0; i < n; i++)
        text += sprintf(text, is_heard ? "10.0.%u.%u:8080 " : "10.0.%u.%u ", first,
                        is_reversed ? n - 1 - i : i);
}

/* Sorted first, then cut: it's the same 64 in whatever order the 65 come, and a rotated answer
 * is no change. */
static void test_many_addresses(void **state)
{
    struct world *w = *state;
    char text[2048], rotated[2048], heard[4096];

    print_many(text, 1, 65, true, false);
    print_many(rotated, 1, 65, false, false);
    print_many(heard, 1, 64, false, true);
    w->gives[V4] = text;
    add(w);
    run_until(w, heard);
    assert_true(w->tcp_n > 0);
    w->gives[V4] = rotated;
    run_queries(w, 6);
    assert_string_equal(w->heard, "");
}

/* 40 of one family and 40 of the other are cut where they stand together. */
static void test_both_families_are_cut_together(void **state)
{
    struct world *w = *state;
    char v4[2048], v6[4096], heard[8192];
    char *at = v6;

    print_many(v4, 1, 40, false, false);
    print_many(heard, 1, 40, false, true);
    for (unsigned i = 0; i < 40; i++)
        at += sprintf(at, "fd00::%x ", 0x100 + i);
    at = heard + strlen(heard);
    for (unsigned i = 0; i < 24; i++)
        at += sprintf(at, "[fd00::%x]:8080 ", 0x100 + i);
    w->gives[V4] = v4;
    w->gives[V6] = v6;
    add(w);
    run_until_last(w, heard);
}

/* No name server is waited for that answers A and never AAAA. */
static void test_silent_aaaa_holds_nothing_back(void **state)
{
    struct world *w = *state;
    uint64_t start_ms = loop_now_ms(w->loop);

    w->gives[V4] = "10.0.0.1";
    w->is_silent[V6] = true;
    add(w);
    run_until(w, "10.0.0.1:8080 ");
    w->gives[V4] = "10.0.0.2"; /* nor in the next rounds */
    run_until(w, "10.0.0.2:8080 ");
    w->gives[V4] = "10.0.0.3";
    run_until(w, "10.0.0.3:8080 ");
    assert_in_range(loop_now_ms(w->loop) - start_ms, 0, 3500);
}

/* What comes later is added. */
static void test_late_aaaa_is_added(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.1";
    w->gives[V6] = "fd00::1";
    w->is_silent[V6] = true;
    add(w);
    run_until(w, "10.0.0.1:8080 ");
    w->is_silent[V6] = false;
    run_until(w, "10.0.0.1:8080 [fd00::1]:8080 ");
    w->gives[V6] = "";
    run_until(w, "10.0.0.1:8080 ");
}

static void test_silent_a_holds_aaaa_back_for_a_moment(void **state)
{
    struct world *w = *state;

    w->gives[V6] = "fd00::1";
    w->is_silent[V4] = true;
    add(w);
    run_until(w, "[fd00::1]:8080 ");
}

/* One family that fails or does not exist takes nothing from the other. */
static void test_one_family_is_enough(void **state)
{
    struct world *w = *state;

    w->gives[V6] = "fd00::1"; /* A: NXDOMAIN */
    add(w);
    run_until(w, "[fd00::1]:8080 ");
    w->is_failing[V4] = true;
    w->gives[V6] = "fd00::2";
    run_until(w, "[fd00::2]:8080 ");
    w->is_failing[V4] = false;
    w->gives[V4] = "10.0.0.1";
    run_until(w, "10.0.0.1:8080 [fd00::2]:8080 ");
    w->is_failing[V6] = true; /* keeps what it had */
    w->gives[V4] = "10.0.0.2";
    run_until(w, "10.0.0.2:8080 [fd00::2]:8080 ");
    w->is_failing[V6] = false;
    w->gives[V6] = NULL; /* says that there is none */
    run_until(w, "10.0.0.2:8080 ");
}

static void test_unusable_addresses_are_dropped(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.66 10.0.0.1";
    add(w);
    run_until(w, "refused 10.0.0.1:8080 ");
    run_queries(w, 4); /* told once */
    assert_string_equal(w->heard, "");
    w->gives[V4] = "10.0.0.66"; /* none is left: as if there were no answer */
    run_until(w, "failed,old (refused) ");
    w->gives[V4] = "10.0.0.1";
    run_until(w, "recovered ");
}

/* The same form comes in as IPv6. */
static void test_mapped_addresses_are_judged_as_ipv4(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "";
    w->gives[V6] = "::ffff:10.0.0.66 ::ffff:10.0.0.1";
    add(w);
    run_until(w, "refused 10.0.0.1:8080 ");
}

static void test_failure_keeps_the_last_answer(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.1";
    add(w);
    run_until(w, "10.0.0.1:8080 ");
    w->gives[V4] = NULL;
    run_until(w, "failed,old ");
    w->gives[V4] = "10.0.0.1";
    run_until(w, "recovered ");
}

/* What could not be taken over is offered again. */
static void test_no_memory_for_an_answer(void **state)
{
    struct world *w = *state;

    w->gives[V4] = "10.0.0.1";
    w->is_short_of_memory = true;
    add(w);
    run_until(w, "failed ");
    w->is_short_of_memory = false;
    run_until(w, "10.0.0.1:8080 ");
}

static void test_unknown_name(void **state)
{
    struct world *w = *state;

    add(w);
    run_until(w, "failed ");
    w->gives[V4] = "10.0.0.1";
    run_until(w, "10.0.0.1:8080 ");
}

/* The hosts file stands before all name servers, with and without the final dot. Whether it
 * knows localhost by ::1 too is the machine's affair; later versions of c-ares always say so.
 */
static void test_hosts_file(void **state)
{
    static const char *const names[] = {"localhost", "localhost."};
    struct world *w = *state;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(resolve_add(w->resolve, ID, names[i], PORT), 0);
        while (w->heard[0] == '\0')
            turn(w);
        assert_memory_equal(w->heard, "127.0.0.1:8080 ", 15);
        w->heard[0] = '\0';
        resolve_remove(w->resolve, ID);
    }
    assert_int_equal(w->queries_n, 0);
}

/* Neither hears anything nor leaks (the sanitizer looks). */
static void test_removed_while_asking(void **state)
{
    struct world *w = *state;

    w->is_silent[V4] = w->is_silent[V6] = true;
    add(w);
    while (w->queries_n == 0)
        turn(w);
    resolve_remove(w->resolve, ID);
    resolve_remove(w->resolve, ID);
    add(w);
    while (w->queries_n < 4)
        turn(w);
    assert_string_equal(w->heard, "");
}

static void test_bad_name_servers(void **state)
{
    struct world *w = *state;
    struct resolve *r = NULL;
    const struct resolve_hooks hooks = {on_addrs, on_failure, on_recovery,
                                        refuse,   on_refused, w};

    assert_int_equal(resolve_new(&r, w->loop, "not an address", &hooks), WERR_SYNTAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_addresses_sorted_and_once),
        TEST(test_asked_again_at_ttl),
        TEST(test_many_addresses),
        TEST(test_both_families_are_cut_together),
        TEST(test_silent_aaaa_holds_nothing_back),
        TEST(test_late_aaaa_is_added),
        TEST(test_silent_a_holds_aaaa_back_for_a_moment),
        TEST(test_one_family_is_enough),
        TEST(test_unusable_addresses_are_dropped),
        TEST(test_mapped_addresses_are_judged_as_ipv4),
        TEST(test_failure_keeps_the_last_answer),
        TEST(test_no_memory_for_an_answer),
        TEST(test_unknown_name),
        TEST(test_hosts_file),
        TEST(test_removed_while_asking),
        TEST(test_bad_name_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
