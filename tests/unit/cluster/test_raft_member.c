/* The member file of a node that runs: who writes it is another thread, in which it may take
 * its time. A pipe in the place of the new file makes that last until somebody reads it. */
#include "cluster_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/small_file.h"
#include "log/log.h"
#include "raft_bent.h"

static bool is_kept(unsigned i)
{
    return !engine_at(i)->must_save && engine_at(i)->saving.bytes == NULL;
}

static bool is_saving(unsigned i)
{
    return engine_at(i)->saving.bytes != NULL;
}

static void let_it_last(unsigned i)
{
    AWAIT(is_kept, i);
    assert_int_equal(mkfifoat(lab.nodes[i].dir.fd, "member.new", S_IRUSR | S_IWUSR), 0);
}

/* The file of the node, running or not. */
static void read_member(unsigned i, const unsigned char *key, struct member_file *f)
{
    bool is_there;

    assert_int_equal(
        member_file_read(&lab.nodes[i].dir, key, f, &is_there, disk_wrong(&lab.disk)), 0);
    assert_true(is_there);
}

static void assert_addresses(const struct member_file *f, const struct member_file *wanted)
{
    assert_int_equal(f->address_n, wanted->address_n);
    for (unsigned i = 0; i < f->address_n; i++)
        assert_true(addr_is_equal(&f->addresses[i], &wanted->addresses[i]));
}

/* A sync of a pipe fails, so the file is then written once more. */
static void test_the_loop_turns_while_it_is_written(void **state)
{
    struct member_file f;

    (void)state;
    (void)alarm(90); /* a loop that waits for the pipe waits for ever */
    make_first();
    join_all(2);
    let_it_last(0);
    get_token(0);
    join(2, 0);
    AWAIT(is_saving, 0);
    const char *const begun = engine_at(0)->saving.bytes;
    AWAIT(has_settled, 2);
    add(0, "meanwhile");
    get_token(0);
    join(3, 0);
    AWAIT(has_settled, 3);
    turn_for(500); /* members are looked after each 100 ms */
    assert_ptr_equal(engine_at(0)->saving.bytes, begun);
    assert_true(engine_at(0)->must_save);
    read_member(0, engine_at(0)->node_key, &f);
    assert_int_equal(f.address_n, 1);
    member_file_fini(&f);

    const int fd = openat(lab.nodes[0].dir.fd, "member.new", O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    while (!engine_at(0)->saving.has_failed)
        (void)loop_turn(lab.loop, 20);
    (void)close(fd);
    AWAIT(is_kept, 0);
    assert_false(engine_at(0)->saving.has_failed);
    read_member(0, engine_at(0)->node_key, &f);
    assert_int_equal(f.address_n, 3);
    assert_addresses(&f, &engine_at(0)->member);
    member_file_fini(&f);
    end_lab();
    (void)alarm(0);
}

/* What has changed in the last turn, and behind what is being written. */
static void test_the_end_waits_for_it(void **state)
{
    unsigned char key[SEAL_KEY_BYTES];
    struct member_file f, wanted;

    (void)state;
    make_first();
    join_all(2);
    AWAIT(is_kept, 0);
    struct engine *e = engine_at(0);
    memcpy(key, e->node_key, sizeof(key));
    e->member.addresses[0].port = 7;
    e->must_save = true;
    engine_member_tend(e);
    assert_true(is_saving(0));
    e->member.addresses[0].port = 8;
    e->must_save = true;
    wanted = e->member;
    e->cluster.ops->free(&e->cluster);
    lab.nodes[0].cluster = NULL;
    read_member(0, key, &f);
    assert_int_equal(f.addresses[0].port, 8);
    assert_addresses(&f, &wanted);
    member_file_fini(&f);
    data_dir_close(&lab.nodes[0].dir);
    end_lab();
}

/* ---- its certificate ---- */

static int log_fd, stderr_fd;

static void begin_to_hear(void)
{
    log_fd = memfd_create("log", MFD_CLOEXEC);
    stderr_fd = dup(STDERR_FILENO);
    assert_true(log_fd >= 0 && stderr_fd >= 0);
    (void)dup2(log_fd, STDERR_FILENO);
    log_init("test", -1, LOG_WARN);
}

/* How often the log has these words since then. */
static unsigned count_heard(const char *words)
{
    static char text[65536];
    const ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
    unsigned found = 0;

    assert_true(n >= 0);
    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        found++;
    (void)dup2(stderr_fd, STDERR_FILENO);
    log_init("test", -1, LOG_INFO);
    (void)close(stderr_fd);
    (void)close(log_fd);
    return found;
}

static bool has_failed_twice(unsigned i)
{
    return engine_at(i)->renewal.delay_ms > RETRY_FIRST_MS;
}

static bool is_renewed(unsigned i)
{
    return engine_at(i)->certificate_end_s != 0;
}

/* The CA's key can't be opened, until it can. */
static void test_a_failed_renewal_is_told_once_and_tried_again(void **state)
{
    (void)state;
    make_first();
    AWAIT(is_kept, 0);
    struct engine *e = engine_at(0);
    char *const before = strdup(e->member.certificate);
    e->member.cluster_key[0] ^= 1;
    begin_to_hear();
    e->certificate_end_s = 0;
    AWAIT(has_failed_twice, 0);
    assert_int_equal(count_heard("this node's certificate can't be renewed"), 1);
    assert_string_equal(e->member.certificate, before);
    e->member.cluster_key[0] ^= 1;
    AWAIT(is_renewed, 0);
    assert_string_not_equal(e->member.certificate, before);
    assert_int_equal(e->renewal.delay_ms, 0);
    free(before);
    end_lab();
}

/* … so that it is made anew, and not kept for months without being in use. */
static void test_one_that_cant_be_used_changes_nothing(void **state)
{
    struct seal_opened key = {NULL, 0};

    (void)state;
    make_first();
    AWAIT(is_kept, 0);
    struct engine *e = engine_at(0);
    const char *const before = e->member.certificate;
    const uint64_t end_s = e->certificate_end_s;
    assert_int_equal(engine_peers_take_certificate(e, strdup("none"), &key), WERR_INVALID);
    assert_ptr_equal(e->member.certificate, before);
    assert_true(e->certificate_end_s == end_s && e->member.key.len > 0 && !e->must_save);
    end_lab();
}

/* ---- one that is not of the cluster ---- */

enum { FILE_MAX = 16384 };

/* Of before the join, and put back over the one that it has since then. */
static void test_an_older_one_is_refused(void **state)
{
    static char older[FILE_MAX], found[FILE_MAX];
    size_t older_len, found_len;

    (void)state;
    make_first();
    get_token(0);
    join(1, 0); /* nobody has said yes yet */
    assert_int_equal(
        small_file_read(lab.nodes[1].dir.fd, "member", older, FILE_MAX, &older_len), 0);
    AWAIT(has_settled, 1);
    AWAIT(is_kept, 1);
    const struct cluster_options options = {.listen = status_of(1).address};
    close_node(1);
    const int fd = open(lab.nodes[1].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(small_file_write(fd, "member", span_from(older, older_len)), 0);
    begin_to_hear();
    const int rc = try_node(1, &options);
    assert_int_equal(
        count_heard("/member: has another cluster key than the cluster; put a copy"), 1);
    assert_int_equal(rc, WERR_CORRUPT);
    close_node(1);
    assert_int_equal(small_file_read(fd, "member", found, FILE_MAX, &found_len), 0);
    assert_int_equal(found_len, older_len);
    assert_memory_equal(found, older, older_len);
    (void)close(fd);
    end_lab();
}

static bool is_halted(unsigned i)
{
    return status_of(i).halt.is_halted;
}

/* The log brings it later than the start. */
static void test_a_cluster_of_another_key_is_not_taken(void **state)
{
    const unsigned char key[SEAL_KEY_BYTES] = {1}, nonce[SEAL_NONCE_BYTES] = {1};

    (void)state;
    make_lab();
    open_node(0, &(struct cluster_options){0});
    struct engine *e = engine_at(0);
    e->options.has_listen = false; /* it makes none of its own */
    AWAIT(has_settled, 0);
    AWAIT(leads, 0);
    char *closed = seal_close(key, nonce, SPAN("the key"));
    const struct roster_command c = {.type = ROSTER_MAKE,
                                     .incarnation = 1,
                                     .profile = profile_wanted,
                                     .uuid = {1},
                                     .authority = SPAN("the certificate"),
                                     .authority_key = span_from_str(closed)};
    assert_int_equal(engine_propose_roster(e, &c, NULL, NULL), 0);
    AWAIT(is_halted, 0);
    assert_false(roster_is_made(e->roster));
    free(closed);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_loop_turns_while_it_is_written),
        cmocka_unit_test(test_the_end_waits_for_it),
        cmocka_unit_test(test_a_failed_renewal_is_told_once_and_tried_again),
        cmocka_unit_test(test_one_that_cant_be_used_changes_nothing),
        cmocka_unit_test(test_an_older_one_is_refused),
        cmocka_unit_test(test_a_cluster_of_another_key_is_not_taken),
    };
    profile_wanted = ROSTER_WAN;    /* all nodes share one thread of a busy machine */
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
