/* Users by name and number; what a process gives up is gone, which children try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cage/cage.h"

static void test_users(void **state)
{
    static const struct {
        const char *name;
        int rc;
        uid_t uid;
        gid_t gid;
    } cases[] = {
        {"root", 0, 0, 0},
        {"0", 0, 0, 0},
        {"12", 0, 12, 12},
        {"12:34", 0, 12, 34},
        {"no such user", WERR_NOT_FOUND, 0, 0},
        {"", WERR_NOT_FOUND, 0, 0},
        {"12:", WERR_NOT_FOUND, 0, 0},
        {":12", WERR_NOT_FOUND, 0, 0},
        {"12:x", WERR_NOT_FOUND, 0, 0},
        {"-1", WERR_NOT_FOUND, 0, 0},
        {"4294967295", WERR_NOT_FOUND, 0, 0},
        {"1:4294967295", WERR_NOT_FOUND, 0, 0},
        {"roo", WERR_NOT_FOUND, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cage_user user = {0, 0};

        if (cage_find_user(cases[i].name, &user) != cases[i].rc ||
            (cases[i].rc == 0 && (user.uid != cases[i].uid || user.gid != cases[i].gid)))
            fail_msg("%s: %u %u", cases[i].name, user.uid, user.gid);
    }
}

/* What the child finds wrong: 0 for nothing. */
static int in_child(int (*run)(void))
{
    int status;
    const pid_t pid = fork();

    if (pid == 0)
        _exit(run());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int become(void)
{
    const struct cage_user user = {12345, 12346};

    if (!cage_can_change_user())
        return cage_become(&user) == WERR_DENIED ? 0 : 1;
    if (cage_become(&user) < 0)
        return 2;
    if (getuid() != 12345 || geteuid() != 12345 || getgid() != 12346 || getegid() != 12346)
        return 3;
    if (getgroups(0, NULL) != 0)
        return 4;
    if (setuid(0) == 0 || setgid(0) == 0 || cage_can_change_user())
        return 5;
    return 0;
}

static void test_no_way_back(void **state)
{
    (void)state;
    assert_int_equal(in_child(become), 0);
}

static int look_at_namespaces(void)
{
    const struct cage_user root = {0, 0}, other = {12345, 12346};

    if (cage_check_namespace(&root) != 0)
        return 1;
    if (cage_can_change_user() && cage_check_namespace(&other) != 0)
        return 2;
    if (unshare(CLONE_NEWUSER) < 0)
        return 3;
    /* Nobody is mapped there yet. */
    return cage_check_namespace(&other) == WERR_DENIED && cage_check_namespace(&root) < 0 ? 0
                                                                                          : 4;
}

static void test_namespaces(void **state)
{
    (void)state;
    assert_int_equal(in_child(look_at_namespaces), 0);
}

static int keep_some(void)
{
    const uint64_t kept = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID;
    const bool could = cage_can_change_user();

    if (cage_keep_capabilities(kept) < 0 || cage_can_change_user() != could)
        return 1;
    if (could && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
        return 2;
    return sethostname("x", 1) == 0 ? 3 : 0;
}

static int keep_none(void)
{
    if (cage_keep_capabilities(0) < 0 || cage_can_change_user())
        return 1;
    if (cage_keep_capabilities(1ULL << CAP_SETUID | 1ULL << CAP_SETGID) < 0)
        return 2;
    return cage_can_change_user() ? 3 : 0; /* what is gone does not come back */
}

static void test_capabilities(void **state)
{
    (void)state;
    assert_int_equal(in_child(keep_some), 0);
    assert_int_equal(in_child(keep_none), 0);
}

static int end_privileges(void)
{
    return cage_end_privileges() == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static void test_no_new_privileges(void **state)
{
    (void)state;
    assert_int_equal(in_child(end_privileges), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_no_way_back),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_no_new_privileges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
