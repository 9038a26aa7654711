#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"
#include "cluster/node_key.h"
#include "disk_fixture.h"

struct place {
    struct disk disk;
    char file[80]; /* of --node-key-file */
    struct data_dir d;
    unsigned char key[SEAL_KEY_BYTES];
};

static void make_place(struct place *p)
{
    char path[80];

    *p = (struct place){0};
    disk_make(&p->disk);
    (void)snprintf(path, sizeof(path), "%s/node", p->disk.path);
    (void)snprintf(p->file, sizeof(p->file), "%s/given.key", p->disk.path);
    assert_int_equal(data_dir_open(&p->d, path, disk_wrong(&p->disk)), 0);
}

static void remove_place(struct place *p)
{
    data_dir_close(&p->d);
    disk_remove(&p->disk);
}

static int open_key(struct place *p, const char *file)
{
    return node_key_open(&p->d, file, p->key, disk_wrong(&p->disk));
}

static void assert_refused(struct place *p, const char *file, int rc, const char *says)
{
    unsigned char key[SEAL_KEY_BYTES];

    memcpy(key, p->key, sizeof(key));
    assert_int_equal(open_key(p, file), rc);
    if (strstr(p->disk.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->disk.text, says);
    assert_non_null(strstr(p->disk.text, file != NULL ? file : "/node/node.key"));
    assert_memory_equal(key, p->key, sizeof(key));
}

static void test_made_once(void **state)
{
    static const unsigned char zeros[SEAL_KEY_BYTES];
    struct place p;
    unsigned char key[SEAL_KEY_BYTES];
    struct stat st;

    (void)state;
    make_place(&p);
    assert_int_equal(open_key(&p, NULL), 0);
    assert_memory_not_equal(p.key, zeros, sizeof(zeros));
    assert_int_equal(fstatat(p.d.fd, "node.key", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777U, 0600);
    memcpy(key, p.key, sizeof(key));
    memset(p.key, 0, sizeof(p.key));
    assert_int_equal(data_dir_settle(&p.d, disk_wrong(&p.disk)), 0);
    assert_int_equal(open_key(&p, NULL), 0);
    assert_memory_equal(key, p.key, sizeof(key));
    remove_place(&p);
}

static void test_damaged_or_missing(void **state)
{
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    assert_int_equal(open_key(&p, NULL), 0);
    assert_int_equal(data_dir_settle(&p.d, disk_wrong(&p.disk)), 0);
    uint8_t *whole = disk_get(p.d.fd, "node.key", &n);
    for (size_t i = 0; i < n; i++) {
        disk_flip(p.d.fd, "node.key", i);
        assert_refused(&p, NULL, WERR_CORRUPT, "damaged");
        disk_cut(p.d.fd, "node.key", i);
        assert_refused(&p, NULL, WERR_CORRUPT, "damaged");
        disk_put(p.d.fd, "node.key", whole, n);
    }
    assert_int_equal(unlinkat(p.d.fd, "node.key", 0), 0);
    assert_refused(&p, NULL, WERR_CORRUPT, "is missing");
    free(whole);
    remove_place(&p);
}

static void test_others_can_read_it(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    assert_int_equal(open_key(&p, NULL), 0);
    assert_int_equal(fchmodat(p.d.fd, "node.key", 0640, 0), 0);
    assert_refused(&p, NULL, WERR_DENIED, "mode 0640");
    assert_int_equal(fchmodat(p.d.fd, "node.key", 0604, 0), 0);
    assert_refused(&p, NULL, WERR_DENIED, "mode 0604");
    remove_place(&p);
}

static void test_file_that_is_named(void **state)
{
    static const char raw[] = "01234567890123456789012345678901";
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    assert_refused(&p, p.file, WERR_NOT_FOUND, "can't open it");
    disk_put(p.disk.fd, "given.key", raw, SEAL_KEY_BYTES);
    assert_int_equal(open_key(&p, p.file), 0);
    assert_memory_equal(p.key, raw, SEAL_KEY_BYTES);
    assert_false(disk_has(p.d.fd, "node.key"));
    assert_int_equal(chmod(p.file, 0440), 0); /* a credential, by an access list */
    assert_int_equal(open_key(&p, p.file), 0);
    assert_int_equal(chmod(p.file, 0444), 0);
    assert_refused(&p, p.file, WERR_DENIED, "mode 0444");
    assert_int_equal(chmod(p.file, 0620), 0);
    assert_refused(&p, p.file, WERR_DENIED, "mode 0620");
    assert_int_equal(chmod(p.file, 0600), 0);
    disk_put(p.disk.fd, "given.key", raw, SEAL_KEY_BYTES - 1);
    assert_refused(&p, p.file, WERR_CORRUPT, "32 bytes");

    assert_int_equal(open_key(&p, NULL), 0);
    uint8_t *line = disk_get(p.d.fd, "node.key", &n);
    disk_put(p.disk.fd, "given.key", line, n);
    memset(p.key, 0, sizeof(p.key));
    assert_int_equal(open_key(&p, p.file), 0);
    assert_memory_not_equal(p.key, raw, SEAL_KEY_BYTES);
    free(line);
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_damaged_or_missing),
        cmocka_unit_test(test_others_can_read_it),
        cmocka_unit_test(test_file_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
