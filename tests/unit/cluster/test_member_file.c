#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "base/fault.h"
#include "cluster/member_file.h"
#include "disk_fixture.h"

struct place {
    struct disk disk;
    char path[80];
    struct data_dir d;
    unsigned char node_key[SEAL_KEY_BYTES];
};

static void open_place(struct place *p)
{
    assert_int_equal(data_dir_open(&p->d, p->path, disk_wrong(&p->disk)), 0);
}

static void make_place(struct place *p)
{
    *p = (struct place){0};
    disk_make(&p->disk);
    (void)snprintf(p->path, sizeof(p->path), "%s/node", p->disk.path);
    memset(p->node_key, 'k', sizeof(p->node_key));
    open_place(p);
}

static void remove_place(struct place *p)
{
    data_dir_close(&p->d);
    disk_remove(&p->disk);
}

static void settle(struct place *p)
{
    assert_int_equal(data_dir_settle(&p->d, disk_wrong(&p->disk)), 0);
}

static int read_it(struct place *p, struct member_file *f, bool *is_there)
{
    return member_file_read(&p->d, p->node_key, f, is_there, disk_wrong(&p->disk));
}

static int open_it(struct place *p, struct member_file *f)
{
    return member_file_open(&p->d, p->node_key, f, disk_wrong(&p->disk));
}

static void assert_zeroed(const struct member_file *f)
{
    static const struct member_file zeroed;

    assert_memory_equal(f, &zeroed, sizeof(zeroed));
}

static void assert_refused(struct place *p, int rc, const char *says)
{
    struct member_file f;
    bool is_there = true;

    assert_int_equal(read_it(p, &f, &is_there), rc);
    assert_false(is_there);
    assert_zeroed(&f);
    if (strstr(p->disk.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->disk.text, says);
    assert_non_null(strstr(p->disk.text, "/node/member: "));
}

static struct addr address_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static char *secret_of(const char *text)
{
    char *to = seal_memory_new(strlen(text) + 1);

    strcpy(to, text);
    return to;
}

/* As a node has that has joined others. */
static struct member_file joined(void)
{
    struct member_file f = {.incarnation = 3,
                            .id = UINT64_C(0x0123456789abcdef),
                            .profile = ROSTER_WAN,
                            .is_witness = true,
                            .has_joined = true,
                            .address = address_of("10.0.0.1:8688"),
                            .address_n = ROSTER_MEMBERS_MAX,
                            .key = {secret_of("-----BEGIN PRIVATE KEY-----\nx\n"), 30},
                            .certificate = strdup("-----BEGIN CERTIFICATE-----\na\n"),
                            .authority = strdup("-----BEGIN CERTIFICATE-----\nb\n")};

    memset(f.uuid, 0xab, sizeof(f.uuid));
    for (unsigned i = 0; i < f.address_n; i++)
        f.addresses[i] = address_of(i % 2 == 0 ? "10.0.0.2:8688" : "[2001:db8::1]:8688");
    f.key.len = strlen(f.key.ptr);
    f.cluster_key = seal_memory_new(SEAL_KEY_BYTES);
    memset(f.cluster_key, 'c', SEAL_KEY_BYTES);
    return f;
}

static int write_it(struct place *p, const struct member_file *f)
{
    return member_file_write(&p->d, p->node_key, f, disk_wrong(&p->disk));
}

static void write_joined(struct place *p)
{
    struct member_file f = joined();

    assert_int_equal(write_it(p, &f), 0);
    member_file_fini(&f);
}

static void assert_same(const struct member_file *a, const struct member_file *b)
{
    assert_memory_equal(a->uuid, b->uuid, sizeof(a->uuid));
    assert_int_equal(a->incarnation, b->incarnation);
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->profile, b->profile);
    assert_int_equal(a->is_witness, b->is_witness);
    assert_int_equal(a->has_joined, b->has_joined);
    assert_true(addr_is_equal(&a->address, &b->address));
    assert_memory_equal(a->cluster_key, b->cluster_key, SEAL_KEY_BYTES);
    assert_string_equal(a->key.ptr, b->key.ptr);
    assert_int_equal(a->key.len, b->key.len);
    assert_string_equal(a->certificate, b->certificate);
    assert_string_equal(a->authority, b->authority);
    assert_int_equal(a->address_n, b->address_n);
    for (unsigned i = 0; i < a->address_n; i++)
        assert_true(addr_is_equal(&a->addresses[i], &b->addresses[i]));
}

/* ---- what is kept ---- */

static void test_made_with_a_directory(void **state)
{
    static const unsigned char zeros[SEAL_KEY_BYTES];
    unsigned char key[SEAL_KEY_BYTES];
    struct member_file f;
    struct place p;
    struct stat st;

    (void)state;
    make_place(&p);
    assert_int_equal(open_it(&p, &f), 0);
    assert_memory_not_equal(f.cluster_key, zeros, sizeof(zeros));
    assert_memory_not_equal(f.cluster_key, p.node_key, sizeof(p.node_key));
    assert_null(f.certificate);
    assert_null(f.authority);
    assert_null(f.key.ptr);
    assert_int_equal(fstatat(p.d.fd, "member", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777U, 0600);
    memcpy(key, f.cluster_key, sizeof(key));
    member_file_fini(&f);
    assert_int_equal(open_it(&p, &f), 0); /* the same start once more */
    assert_memory_equal(f.cluster_key, key, sizeof(key));
    member_file_fini(&f);
    settle(&p);
    data_dir_close(&p.d);
    open_place(&p);
    assert_int_equal(open_it(&p, &f), 0);
    assert_memory_equal(f.cluster_key, key, sizeof(key));
    assert_int_equal(f.address.family, 0);
    assert_int_equal(f.address_n, 0);
    member_file_fini(&f);
    member_file_fini(&f);
    remove_place(&p);
}

static void test_all_of_it_comes_back(void **state)
{
    struct member_file f = joined(), again;
    struct place p;
    bool is_there;

    (void)state;
    make_place(&p);
    settle(&p);
    assert_int_equal(read_it(&p, &again, &is_there), 0);
    assert_false(is_there);
    assert_zeroed(&again);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(write_it(&p, &f), 0);
        assert_int_equal(read_it(&p, &again, &is_there), 0);
        assert_true(is_there);
        assert_same(&f, &again);
        member_file_fini(&again);
        f.incarnation++; /* and written over */
    }
    member_file_fini(&f);
    remove_place(&p);
}

static void test_secrets_are_closed(void **state)
{
    struct member_file f = joined();
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    assert_int_equal(write_it(&p, &f), 0);
    uint8_t *bytes = disk_get(p.d.fd, "member", &n);
    assert_null(memmem(bytes, n, "cccccccc", 8));
    assert_null(memmem(bytes, n, "PRIVATE", 7));
    assert_null(memmem(bytes, n, "Y2NjY2Nj", 8)); /* the first in base64 */
    assert_non_null(memmem(bytes, n, "weldr-member 1\n", 15));
    assert_non_null(memmem(bytes, n, "\naddress 10.0.0.1:8688\n", 23));
    free(bytes);
    member_file_fini(&f);
    remove_place(&p);
}

/* What a first start has left that was cut off: its identity was never written. */
static void test_leftover_of_a_start_that_was_cut_off(void **state)
{
    struct member_file f;
    struct place p;
    unsigned char key[SEAL_KEY_BYTES];
    bool is_there;

    (void)state;
    make_place(&p);
    assert_int_equal(open_it(&p, &f), 0);
    memcpy(key, f.cluster_key, sizeof(key));
    member_file_fini(&f);
    data_dir_close(&p.d);
    open_place(&p);
    assert_int_equal(read_it(&p, &f, &is_there), 0);
    assert_false(is_there);
    assert_int_equal(open_it(&p, &f), 0);
    assert_memory_not_equal(f.cluster_key, key, sizeof(key));
    member_file_fini(&f);
    disk_put(p.d.fd, "member", "torn", 4);
    assert_int_equal(open_it(&p, &f), 0);
    member_file_fini(&f);
    settle(&p);
    assert_int_equal(open_it(&p, &f), 0);
    member_file_fini(&f);
    remove_place(&p);
}

/* ---- what is refused ---- */

static void test_damaged_is_refused(void **state)
{
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    settle(&p);
    write_joined(&p);
    uint8_t *whole = disk_get(p.d.fd, "member", &n);
    for (size_t i = 0; i < n; i++) {
        disk_flip(p.d.fd, "member", i);
        assert_refused(&p, WERR_CORRUPT, "is damaged; put a copy of the directory back");
        disk_cut(p.d.fd, "member", i);
        assert_refused(&p, WERR_CORRUPT, "is damaged; put a copy of the directory back");
        disk_put(p.d.fd, "member", whole, n);
    }
    whole = realloc(whole, 64 * 1024);
    memset(whole + n, '\n', 64 * 1024 - n);
    disk_put(p.d.fd, "member", whole, n + 1);
    assert_refused(&p, WERR_CORRUPT, "is damaged");
    disk_put(p.d.fd, "member", whole, 64 * 1024);
    assert_refused(&p, WERR_CORRUPT, "is damaged");
    free(whole);
    remove_place(&p);
}

static void test_missing_is_refused(void **state)
{
    struct member_file f;
    struct place p;

    (void)state;
    make_place(&p);
    settle(&p);
    assert_int_equal(open_it(&p, &f), WERR_CORRUPT);
    assert_zeroed(&f);
    assert_non_null(strstr(p.disk.text, "/node/member: is missing; put a copy of"));
    remove_place(&p);
}

static void test_of_another_directory_or_key(void **state)
{
    struct place p, other;
    size_t n;

    (void)state;
    make_place(&p);
    settle(&p);
    make_place(&other);
    settle(&other);
    write_joined(&other);
    uint8_t *bytes = disk_get(other.d.fd, "member", &n);
    disk_put(p.d.fd, "member", bytes, n);
    assert_refused(&p, WERR_CORRUPT, "is of another directory");
    free(bytes);
    other.node_key[0] ^= 1;
    assert_refused(&other, WERR_CORRUPT, "another node key; put that key back");
    remove_place(&other);
    remove_place(&p);
}

static void test_unreadable(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    settle(&p);
    assert_int_equal(mkdirat(p.d.fd, "member", 0700), 0);
    assert_refused(&p, WERR_IO, werr_text(WERR_IO));
    remove_place(&p);
}

/* ---- writes that fail ---- */

static void test_failed_write_leaves_the_old_one(void **state)
{
    struct member_file f = joined(), again;
    struct place p;
    bool is_there;

    (void)state;
    make_place(&p);
    assert_int_equal(write_it(&p, &f), 0);
    f.incarnation = 4;
    assert_int_equal(mkdirat(p.d.fd, "member.new", 0700), 0);
    assert_true(write_it(&p, &f) < 0);
    assert_non_null(strstr(p.disk.text, "/node/member: can't write it: "));
    free(f.authority);
    f.authority = malloc(64 * 1024);
    memset(f.authority, 'a', 64 * 1024 - 1);
    f.authority[64 * 1024 - 1] = '\0';
    assert_int_equal(write_it(&p, &f), WERR_TOO_BIG);
    assert_int_equal(read_it(&p, &again, &is_there), 0);
    assert_true(is_there);
    assert_int_equal(again.incarnation, 3);
    member_file_fini(&again);
    member_file_fini(&f);
    remove_place(&p);
}

/* Killed between the temporary file and its new name: at each byte of the former. */
static void test_interrupted_write_leaves_the_old_one(void **state)
{
    struct member_file f;
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    settle(&p);
    write_joined(&p);
    uint8_t *bytes = disk_get(p.d.fd, "member", &n);
    for (size_t i = 0; i <= n; i += 97) {
        disk_put(p.d.fd, "member.new", bytes, i);
        assert_int_equal(open_it(&p, &f), 0);
        assert_int_equal(f.incarnation, 3);
        member_file_fini(&f);
        data_dir_close(&p.d);
        open_place(&p); /* it is no stranger in the directory */
        write_joined(&p);
        assert_false(disk_has(p.d.fd, "member.new"));
    }
    free(bytes);
    remove_place(&p);
}

/* At any time: what stands there is one of those that were written, whole. */
static void test_killed_writers(void **state)
{
    struct member_file f;
    struct place p;

    (void)state;
    make_place(&p);
    settle(&p);
    write_joined(&p);
    for (unsigned i = 0; i < 20; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            struct member_file mine = joined();

            for (mine.incarnation = 1;; mine.incarnation++)
                if (write_it(&p, &mine) < 0)
                    _exit(1);
        }
        (void)usleep(1000 + 700 * i);
        (void)kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(open_it(&p, &f), 0);
        assert_string_equal(f.key.ptr, "-----BEGIN PRIVATE KEY-----\nx\n");
        member_file_fini(&f);
    }
    remove_place(&p);
}

static void test_no_memory(void **state)
{
    struct member_file f = joined(), again;
    struct place p;
    bool is_there;
    int rc = WERR_NOMEM;

    (void)state;
    make_place(&p);
    settle(&p);
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        fault_countdown = n;
        rc = write_it(&p, &f);
        fault_countdown = 0;
    }
    assert_int_equal(rc, 0);
    rc = WERR_NOMEM;
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        fault_countdown = n;
        rc = read_it(&p, &again, &is_there);
        fault_countdown = 0;
        if (rc < 0)
            assert_zeroed(&again);
    }
    assert_int_equal(rc, 0);
    assert_same(&f, &again);
    member_file_fini(&again);
    member_file_fini(&f);
    remove_place(&p);
}

static void test_no_memory_for_a_new_one(void **state)
{
    struct member_file f;
    struct place p;
    int rc = WERR_NOMEM;

    (void)state;
    make_place(&p);
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        fault_countdown = n;
        rc = open_it(&p, &f);
        fault_countdown = 0;
    }
    assert_int_equal(rc, 0);
    member_file_fini(&f);
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_with_a_directory),
        cmocka_unit_test(test_all_of_it_comes_back),
        cmocka_unit_test(test_secrets_are_closed),
        cmocka_unit_test(test_leftover_of_a_start_that_was_cut_off),
        cmocka_unit_test(test_damaged_is_refused),
        cmocka_unit_test(test_missing_is_refused),
        cmocka_unit_test(test_of_another_directory_or_key),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_failed_write_leaves_the_old_one),
        cmocka_unit_test(test_interrupted_write_leaves_the_old_one),
        cmocka_unit_test(test_killed_writers),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
