#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/span.h"
#include "manager/cgroup_text.h"
#include "manager/machine.h"

enum { MIB = 1024 * 1024 };

/* ---- texts ---- */

static void test_paths(void **state)
{
    static const struct {
        const char *text, *path; /* NULL: none */
    } rows[] = {
        {"0::/\n", ""},
        {"0::/system.slice/weldr.service\n", "/system.slice/weldr.service"},
        {"0::/a/\n", "/a"},
        {"9:name=systemd:/x\n4:memory:/y\n0::/z\n", "/z"},
        {"0::/no/line/end", "/no/line/end"},
        {"4:memory:/y\n", NULL},
        {"", NULL},
        {"0::\n", NULL},
        {"0::relative\n", NULL},
        {"10::/a\n", NULL},
        {"0::/../other\n", NULL},
        {"0::/a/..\n", NULL},
        {"0::/a..b/...\n", "/a..b/..."},
    };
    struct span path;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int rc = cgroup_path(span_from_str(rows[i].text), &path);

        assert_int_equal(rc, rows[i].path != NULL ? 0 : WERR_NOT_FOUND);
        assert_true(rows[i].path == NULL || span_is_equal(path, span_from_str(rows[i].path)));
    }
}

static void test_cpus(void **state)
{
    static const struct {
        const char *text;
        int n; /* -1: no such line */
    } rows[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"100001 100000\n", 2},
        {"1000 100000\n", 1},
        {"250000 100000", 3},
        {"200000 50000\n", 4},
        {"max\n", -1},
        {"\n", -1},
        {"", -1},
        {"0 100000\n", -1},
        {"100000 0\n", -1},
        {"-1 100000\n", -1},
        {"100000 100000 1\n", -1},
        {"max 0\n", -1},
        {"x 100000\n", -1},
    };
    unsigned n;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int rc = cgroup_cpus(span_from_str(rows[i].text), &n);

        assert_int_equal(rc, rows[i].n < 0 ? WERR_SYNTAX : 0);
        assert_true(rows[i].n < 0 || n == (unsigned)rows[i].n);
    }
    assert_int_equal(cgroup_cpus(SPAN("18446744069414584320 1"), &n), 0);
    assert_int_equal(n, UINT32_MAX);
}

static void test_bytes(void **state)
{
    uint64_t n;

    (void)state;
    assert_int_equal(cgroup_bytes(SPAN("max\n"), &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(cgroup_bytes(SPAN("536870912\n"), &n), 0);
    assert_int_equal(n, 536870912);
    assert_int_equal(cgroup_bytes(SPAN(""), &n), WERR_SYNTAX);
    assert_int_equal(cgroup_bytes(SPAN("512M\n"), &n), WERR_SYNTAX);
    assert_int_equal(cgroup_bytes(SPAN("99999999999999999999\n"), &n), WERR_SYNTAX);
}

/* ---- files ---- */

struct tree {
    char root[64], file[96];
};

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    static struct tree t;
    char folder[128];

    (void)snprintf(t.root, sizeof(t.root), "/tmp/weldr-machine-XXXXXX");
    assert_non_null(mkdtemp(t.root));
    (void)snprintf(folder, sizeof(folder), "%s/pod", t.root);
    assert_int_equal(mkdir(folder, 0755), 0);
    (void)snprintf(folder, sizeof(folder), "%s/pod/one", t.root);
    assert_int_equal(mkdir(folder, 0755), 0);
    (void)snprintf(t.file, sizeof(t.file), "%s/self", t.root);
    put(t.root, "self", "0::/pod/one\n");
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"pod/one/cpu.max",
                                        "pod/one/memory.max",
                                        "pod/cpu.max",
                                        "pod/memory.max",
                                        "cpu.max",
                                        "memory.max",
                                        "self",
                                        "pod/one",
                                        "pod"};
    const struct tree *t = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", t->root, names[i]);
        (void)remove(path);
    }
    return remove(t->root);
}

static struct machine look(const struct tree *t)
{
    struct machine x;

    machine_look(&x, t->file, t->root);
    return x;
}

static void test_without_limits(void **state)
{
    const struct machine x = look(*state);
    cpu_set_t cpus;

    assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    assert_int_equal(x.cpus, CPU_COUNT(&cpus));
    assert_int_equal(x.quota_cpus, 0);
    assert_int_equal(x.memory_bytes, 0);
}

/* The least on the way to the root. */
static void test_limits_of_all_above_hold(void **state)
{
    const struct tree *t = *state;

    put(t->root, "pod/one/cpu.max", "400000 100000\n");
    put(t->root, "pod/one/memory.max", "max\n");
    struct machine x = look(t);
    assert_int_equal(x.quota_cpus, 4);
    assert_int_equal(x.memory_bytes, 0);
    put(t->root, "pod/cpu.max", "150000 100000\n");
    put(t->root, "pod/memory.max", "1073741824\n");
    x = look(t);
    assert_int_equal(x.quota_cpus, 2);
    assert_int_equal(x.memory_bytes, 1073741824);
    put(t->root, "cpu.max", "max 100000\n");
    put(t->root, "memory.max", "268435456\n");
    x = look(t);
    assert_int_equal(x.quota_cpus, 2);
    assert_int_equal(x.memory_bytes, 268435456);
}

/* A container that sees nothing but its own group has the files of that at the root. */
static void test_an_own_view(void **state)
{
    const struct tree *t = *state;

    put(t->root, "cpu.max", "100000 100000\n");
    put(t->root, "self", "0::/../somewhere\n");
    assert_int_equal(look(t).quota_cpus, 1);
    put(t->root, "self", "");
    assert_int_equal(look(t).quota_cpus, 1);
}

/* ---- what is made of them ---- */

static void test_workers(void **state)
{
    (void)state;
    assert_int_equal(machine_workers(&(struct machine){.cpus = 8}, 0), 8);
    assert_int_equal(machine_workers(&(struct machine){.cpus = 8, .quota_cpus = 2}, 0), 2);
    assert_int_equal(machine_workers(&(struct machine){.cpus = 2, .quota_cpus = 8}, 0), 2);
    assert_int_equal(machine_workers(&(struct machine){.cpus = 8, .quota_cpus = 2}, 5), 5);
    assert_int_equal(machine_workers(&(struct machine){.cpus = 1024}, 0), 256);
}

static void test_queue_bytes(void **state)
{
    struct machine x = {.cpus = 4};

    (void)state;
    assert_int_equal(machine_queue_bytes(&x, 4, 64 * MIB, MIB), 64 * MIB);
    x.memory_bytes = 512 * MIB;
    assert_int_equal(machine_queue_bytes(&x, 4, 64 * MIB, MIB), 64 * MIB);
    x.memory_bytes = 256 * MIB;
    assert_int_equal(machine_queue_bytes(&x, 4, 64 * MIB, MIB), 32 * MIB);
    assert_int_equal(machine_queue_bytes(&x, 0, 64 * MIB, MIB), 64 * MIB);
    x.memory_bytes = 4 * MIB;
    assert_int_equal(machine_queue_bytes(&x, 4, 64 * MIB, MIB), MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test_setup_teardown(test_without_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_of_all_above_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_own_view, set_up, tear_down),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_queue_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
