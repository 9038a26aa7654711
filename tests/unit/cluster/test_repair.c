/* Damaged directories of a node that is alone are made to start again, with the engine that
 * wrote them and starts on them. */
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/log_files.h"
#include "cluster/repair.h"
#include "cluster_fixture.h"

enum { ENTRIES = 40, NOW_S = 86400 };
#define ASIDE "old-19700102T000000Z"

static struct repair said;

static int open_at(const char *name)
{
    char path[200];

    (void)snprintf(path, sizeof(path), "%s%s%s", lab.nodes[0].path, name[0] != '\0' ? "/" : "",
                   name);
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s can't be opened", path);
    return fd;
}

static unsigned entry_n;

static void add_many(unsigned n)
{
    char text[TEXT_MAX];
    const unsigned before = lab.done_n;

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", entry_n++);
        assert_int_equal(propose(0, text), 0);
    }
    AWAIT(is_done, before + n);
}

/* A node that has so many entries, stopped. */
static void make_node(unsigned n)
{
    make_first();
    entry_n = 0;
    add_many(n);
    close_node(0);
}

/* How many files of that kind there are, and the name of the last one. */
static unsigned find_files(enum log_file_kind kind, char name[LOG_FILE_NAME_MAX])
{
    struct log_files l = {.dir_fd = open_at("log")};
    unsigned n = 0;

    assert_int_equal(log_files_list(&l), 0);
    for (size_t i = 0; i < l.n; i++)
        if (l.files[i].kind == kind) {
            memcpy(name, l.files[i].name, LOG_FILE_NAME_MAX);
            n++;
        }
    (void)close(l.dir_fd);
    log_files_free(&l);
    return n;
}

static bool has_snapshots(unsigned n)
{
    char name[LOG_FILE_NAME_MAX];

    return find_files(LOG_FILE_META, name) >= n;
}

/* … with two snapshots. */
static unsigned make_node_with_snapshots(void)
{
    enum { ROUND = 1100 };

    make_first();
    entry_n = 0;
    for (unsigned i = 1; i <= 2; i++) {
        add_many(ROUND);
        AWAIT(has_snapshots, i);
    }
    close_node(0);
    return entry_n;
}

static int repair(bool may_lose)
{
    return repair_run(lab.nodes[0].path, may_lose, NOW_S, &said, disk_wrong(&lab.disk));
}

static void assert_repaired(bool may_lose)
{
    if (repair(may_lose) < 0)
        fail_msg("not repaired: %s", lab.disk.text);
    assert_false(said.is_whole);
}

/* It is refused at a start. */
static void assert_damaged(void)
{
    struct data_dir dir;
    const struct cluster_hooks hooks = {.on_role = on_role, .arg = &lab.nodes[0]};
    const struct cluster_options options = {.conns = &lab.conns, .version = "1.0"};

    if (data_dir_open(&dir, lab.nodes[0].path, disk_wrong(&lab.disk)) < 0)
        return;
    struct cluster *c = cluster_raft_new(lab.loop, &dir, &options, &hooks);
    assert_int_equal(c->ops->start(c), WERR_CORRUPT);
    c->ops->free(c);
    data_dir_close(&dir);
}

/* It starts with the first n entries, and takes another one. */
static void assert_starts(unsigned n)
{
    char text[TEXT_MAX];

    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    assert_int_equal(lab.nodes[0].text_n, n);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_string_equal(lab.nodes[0].texts[i], text);
    }
    add(0, "more");
    close_node(0);
    assert_int_equal(repair(false), 0);
    assert_true(said.is_whole);
}

static size_t size_of(const char *dir, const char *name)
{
    const int fd = open_at(dir);
    struct stat st;

    assert_int_equal(fstatat(fd, name, &st, 0), 0);
    (void)close(fd);
    return (size_t)st.st_size;
}

static void flip(const char *dir, const char *name, size_t offset)
{
    const int fd = open_at(dir);

    disk_flip(fd, name, offset);
    (void)close(fd);
}

static void unlink_at(const char *dir, const char *name)
{
    const int fd = open_at(dir);

    assert_int_equal(unlinkat(fd, name, 0), 0);
    (void)close(fd);
}

static bool has(const char *dir, const char *name)
{
    const int fd = open_at(dir);
    const bool is_there = disk_has(fd, name);

    (void)close(fd);
    return is_there;
}

static void test_nothing_is_damaged(void **state)
{
    (void)state;
    make_node(ENTRIES);
    assert_int_equal(repair(false), 0);
    assert_true(said.is_whole);
    assert_true(said.last >= ENTRIES);
    assert_starts(ENTRIES);
    end_lab();
}

static void test_damage_in_the_log(void **state)
{
    char name[LOG_FILE_NAME_MAX];

    (void)state;
    make_node(ENTRIES);
    assert_true(find_files(LOG_FILE_CLOSED, name) > 0);
    const size_t size = size_of("log", name);
    const size_t at = size / 2;
    flip("log", name, at);
    assert_damaged();

    assert_int_equal(repair(false), WERR_GUARD);
    assert_true(said.lost_from == said.last + 1 && said.lost_to > said.lost_from);
    const struct repair asked = said;
    assert_false(has("", ASIDE));
    assert_int_equal(size_of("log", name), size);

    assert_repaired(true);
    assert_int_equal(said.last, asked.last);
    assert_int_equal(said.lost_to, asked.lost_to);
    assert_string_equal(said.aside, ASIDE);
    assert_int_equal(size_of(ASIDE "/log", name), size);
    assert_true(has(ASIDE, "high_water"));
    /* Before them are entries of the engine and the roster: so many are lost at the end. */
    const unsigned lost = (unsigned)(said.lost_to - said.last);
    assert_true(lost > 0 && lost < ENTRIES);
    assert_starts(ENTRIES - lost);
    end_lab();
}

static void put_back(const char *from, const char *to, const char *name)
{
    const int from_fd = open_at(from), to_fd = open_at(to);

    (void)unlinkat(to_fd, name, 0);
    assert_int_equal(linkat(from_fd, name, to_fd, name, 0), 0);
    (void)close(from_fd);
    (void)close(to_fd);
}

/* As it stands when it was killed behind the first file that it wrote. */
static void test_cut_off_it_is_done_again(void **state)
{
    char name[LOG_FILE_NAME_MAX];

    (void)state;
    make_node(ENTRIES);
    assert_true(find_files(LOG_FILE_CLOSED, name) > 0);
    flip("log", name, size_of("log", name) * 2 / 3);
    assert_repaired(true);
    const struct repair first = said;
    put_back(ASIDE "/log", "log", name);
    put_back(ASIDE, "", "high_water");
    assert_damaged();
    assert_repaired(true);
    assert_int_equal(said.last, first.last);
    assert_int_equal(said.lost_to, first.lost_to);
    assert_starts(ENTRIES - (unsigned)(said.lost_to - said.last));
    end_lab();
}

static void test_a_vote_is_made_anew(void **state)
{
    (void)state;
    make_node(ENTRIES);
    unlink_at("log", "metadata1");
    assert_damaged();
    assert_repaired(false);
    assert_int_equal(said.lost_from, 0);
    assert_starts(ENTRIES);
    end_lab();

    make_node(ENTRIES);
    flip("log", "metadata1", 17); /* another term than the noted one */
    assert_damaged();
    assert_repaired(false);
    assert_starts(ENTRIES);
    end_lab();
}

/* Nobody can tell how much there was. */
static void test_the_mark_is_lost(void **state)
{
    (void)state;
    make_node(ENTRIES);
    unlink_at("", "high_water");
    assert_damaged();
    assert_int_equal(repair(false), WERR_GUARD);
    assert_true(said.is_unknown && said.lost_from == 0);
    assert_repaired(true);
    assert_starts(ENTRIES);
    end_lab();
}

static void test_the_identity_is_lost(void **state)
{
    (void)state;
    make_node(ENTRIES);
    unlink_at("", "identity");
    assert_damaged();
    assert_repaired(false);
    assert_starts(ENTRIES);
    flip("", "identity", 20);
    assert_damaged();
    assert_repaired(false);
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    assert_int_equal(lab.nodes[0].text_n, ENTRIES + 1);
    end_lab();
}

static void test_snapshots(void **state)
{
    char name[LOG_FILE_NAME_MAX];

    (void)state;
    const unsigned n = make_node_with_snapshots();
    assert_int_equal(find_files(LOG_FILE_SNAPSHOT, name), 2);
    flip("log", name, 100);
    assert_damaged();
    assert_repaired(false); /* the one before it, and the log, have all */
    assert_int_equal(said.lost_from, 0);
    assert_true(said.snapshot > 0 && said.snapshot < said.last);
    assert_true(has(ASIDE "/log", name));
    assert_starts(n);
    end_lab();
}

static void test_nothing_is_left(void **state)
{
    struct log_files l = {.dir_fd = -1};

    (void)state;
    (void)make_node_with_snapshots();
    l.dir_fd = open_at("log");
    assert_int_equal(log_files_list(&l), 0);
    for (size_t i = 0; i < l.n; i++)
        if (l.files[i].kind == LOG_FILE_SNAPSHOT)
            disk_flip(l.dir_fd, l.files[i].name, 60);
    (void)close(l.dir_fd);
    log_files_free(&l);
    assert_int_equal(repair(true), WERR_CORRUPT);
    assert_non_null(strstr(lab.disk.text, "no entry and no snapshot in it is whole"));
    assert_false(has("", ASIDE));
    end_lab();
}

static void test_keys_are_nowhere_else(void **state)
{
    static const char *const names[] = {"member", "node.key"};

    (void)state;
    make_node(ENTRIES);
    for (unsigned i = 0; i < 2; i++) {
        flip("", names[i], 25);
        assert_int_equal(repair(true), WERR_CORRUPT);
        assert_non_null(strstr(lab.disk.text, names[i]));
        assert_non_null(strstr(lab.disk.text, "what it holds is in no other file"));
        flip("", names[i], 25);
    }
    unlink_at("", "identity");
    flip("", "member", 25);
    assert_int_equal(repair(true), WERR_CORRUPT);
    flip("", "member", 25);
    assert_repaired(false);
    assert_starts(ENTRIES);
    end_lab();
}

/* What it has told the others that it has stored must not be forgotten. */
static void test_one_of_several_is_refused(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    add(1, "one");
    assert_equal(2, 1);
    close_node(0);
    close_node(1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            repair_run(lab.nodes[i].path, true, NOW_S, &said, disk_wrong(&lab.disk)),
            WERR_DENIED);
        assert_non_null(strstr(lab.disk.text, "weldr cluster rejoin"));
    }
    assert_false(has("", ASIDE));
    end_lab();
}

static void test_what_is_refused(void **state)
{
    (void)state;
    make_first();
    assert_int_equal(repair(true), WERR_IN_USE);
    assert_int_equal(
        repair_run("/nonexistent/weldr", true, NOW_S, &said, disk_wrong(&lab.disk)),
        WERR_NOT_FOUND);
    assert_int_equal(repair_run(lab.disk.path, true, NOW_S, &said, disk_wrong(&lab.disk)),
                     WERR_EXISTS); /* somebody else's */
    end_lab();
}

/* Moved aside can be what is beyond repair, too. */
static void test_a_damaged_one_is_moved_aside(void **state)
{
    char name[SET_ASIDE_NAME_MAX];

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        make_node(ENTRIES);
        if (turn == 0)
            flip("", "identity", 20);
        else
            unlink_at("", "identity");
        assert_int_equal(set_aside_run(lab.nodes[0].path, NOW_S, name, disk_wrong(&lab.disk)),
                         0);
        assert_string_equal(name, ASIDE);
        assert_true(has(ASIDE, "member") && !has("", "member") && !has("", "log"));
        assert_int_equal(set_aside_run(lab.nodes[0].path, NOW_S, name, disk_wrong(&lab.disk)),
                         WERR_NOT_FOUND);
        open_node(0, &(struct cluster_options){0});
        AWAIT(has_settled, 0);
        assert_int_equal(lab.nodes[0].text_n, 0);
        end_lab();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_damaged),
        cmocka_unit_test(test_damage_in_the_log),
        cmocka_unit_test(test_cut_off_it_is_done_again),
        cmocka_unit_test(test_a_vote_is_made_anew),
        cmocka_unit_test(test_the_mark_is_lost),
        cmocka_unit_test(test_the_identity_is_lost),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_keys_are_nowhere_else),
        cmocka_unit_test(test_one_of_several_is_refused),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_a_damaged_one_is_moved_aside),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
