/* When a directory begins anew by itself, and what is left in it then. */
#include "../base/cm.h"

#include "cluster/rejoin.h"
#include "cluster/small_file.h"
#include "disk_fixture.h"

static struct disk disk;
static struct data_dir dir;

/* The directory of a node that has something. */
static void make(void)
{
    char path[96];

    disk_make(&disk);
    (void)snprintf(path, sizeof(path), "%s/node", disk.path);
    assert_int_equal(data_dir_open(&dir, path, disk_wrong(&disk)), 0);
    assert_int_equal(data_dir_settle(&dir, disk_wrong(&disk)), 0);
    disk_put(dir.fd, "member", "something", 9);
    assert_int_equal(mkdirat(dir.fd, "log", 0700), 0);
}

static void end(void)
{
    data_dir_close(&dir);
    disk_remove(&disk);
}

static struct token token_of(uint8_t number)
{
    struct token t = {.id = {number}, .expiry_s = 1000, .address_n = 1};

    t.addresses[0] = (struct addr){.family = AF_INET, .port = 8688, .ip = {10, 0, 0, 1}};
    return t;
}

static bool is_wanted(uint8_t number)
{
    const struct token t = token_of(number);
    char text[TOKEN_TEXT_MAX];

    (void)token_write(&t, text);
    return rejoin_is_wanted(&dir, span_from_str(text));
}

static void put_mark(void)
{
    assert_int_equal(small_file_write(dir.fd, DATA_DIR_REMOVED, SPAN_NONE), 0);
}

static void test_a_member_joins_nothing_else(void **state)
{
    (void)state;
    make();
    assert_false(is_wanted(1));
    put_mark();
    assert_true(is_wanted(1));
    end();
}

static void test_a_token_that_is_used_up_moves_nothing(void **state)
{
    const struct token used = token_of(1);

    (void)state;
    make();
    put_mark();
    assert_int_equal(rejoin_note_token(&dir, &used), 0);
    assert_false(is_wanted(1));
    assert_true(is_wanted(2));
    disk_flip(dir.fd, DATA_DIR_TOKEN, 20); /* nobody knows which one it was */
    assert_true(is_wanted(1));
    end();
}

static void test_what_is_no_token_moves_nothing(void **state)
{
    (void)state;
    make();
    put_mark();
    assert_false(rejoin_is_wanted(&dir, SPAN_NONE));
    assert_false(rejoin_is_wanted(&dir, SPAN("weldr1.mistyped")));
    end();
}

static void test_it_begins_anew(void **state)
{
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];
    char name[SET_ASIDE_NAME_MAX], path[96];

    (void)state;
    make();
    put_mark();
    memcpy(identity, dir.identity, sizeof(identity));
    assert_int_equal(rejoin_begin(&dir, 1, name, disk_wrong(&disk)), 0);
    assert_string_equal(name, "old-19700101T000001Z");
    assert_true(dir.is_new);
    assert_memory_not_equal(identity, dir.identity, sizeof(identity));
    assert_false(disk_has(dir.fd, "member") || disk_has(dir.fd, "log") ||
                 disk_has(dir.fd, "identity") || disk_has(dir.fd, DATA_DIR_REMOVED));
    const int old = openat(dir.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(disk_has(old, "member") && disk_has(old, "log") && disk_has(old, "identity") &&
                disk_has(old, DATA_DIR_REMOVED));
    (void)close(old);
    assert_false(is_wanted(1));

    /* As any new one, if the join is cut off and begins again. */
    (void)snprintf(path, sizeof(path), "%s", dir.path);
    assert_int_equal(rejoin_note_token(&dir, &(struct token){.id = {1}}), 0);
    data_dir_close(&dir);
    assert_int_equal(data_dir_open(&dir, path, disk_wrong(&disk)), 0);
    assert_true(dir.is_new);
    end();
}

/* Killed before all has moved: it is wanted still, and moves the rest. */
static void test_cut_off_it_goes_on(void **state)
{
    char name[SET_ASIDE_NAME_MAX];
    int fd;

    (void)state;
    make();
    put_mark();
    assert_int_equal(rejoin_note_token(&dir, &(struct token){.id = {1}}), 0);
    assert_int_equal(set_aside_enter(&dir, 1, name, &fd, disk_wrong(&disk)), 0);
    assert_int_equal(renameat(dir.fd, "member", fd, "member"), 0);
    (void)close(fd);
    assert_true(is_wanted(2));
    assert_int_equal(rejoin_begin(&dir, 2, name, disk_wrong(&disk)), 0);
    assert_true(dir.is_new);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_joins_nothing_else),
        cmocka_unit_test(test_a_token_that_is_used_up_moves_nothing),
        cmocka_unit_test(test_what_is_no_token_moves_nothing),
        cmocka_unit_test(test_it_begins_anew),
        cmocka_unit_test(test_cut_off_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
