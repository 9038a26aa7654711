#include "cage/cage.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "base/span.h"

/* ---- the user ---- */

/* -1 is no user: it means "as it is" to the system calls. */
static bool is_id(struct span text, uint32_t *id)
{
    uint64_t n = 0;

    if (num_from_dec(text, UINT32_MAX - 1, &n) < 0)
        return false;
    *id = (uint32_t)n;
    return true;
}

static bool is_numeric(const char *name, struct cage_user *user)
{
    const struct span text = span_from_str(name);
    const size_t colon = span_find(text, ':');

    if (!is_id(span_first(text, colon), &user->uid))
        return false;
    user->gid = user->uid;
    return colon == text.len || is_id(span_skip(text, colon + 1), &user->gid);
}

/* getpwnam would load modules of the C library, which a static program does not have. */
static int find_in_file(const char *name, struct cage_user *user)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *entry = NULL;

    if (file == NULL)
        return WERR_NOT_FOUND;
    while ((entry = fgetpwent(file)) != NULL && strcmp(entry->pw_name, name) != 0)
        ;
    if (entry != NULL)
        *user = (struct cage_user){entry->pw_uid, entry->pw_gid};
    (void)fclose(file);
    return entry != NULL ? 0 : WERR_NOT_FOUND;
}

int cage_find_user(const char *name, struct cage_user *user)
{
    return is_numeric(name, user) ? 0 : find_in_file(name, user);
}

int cage_become(const struct cage_user *user)
{
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return werr_from_errno(errno);
    return 0;
}

/* ---- the user namespace ---- */

static uint32_t next_number(struct span *line)
{
    uint64_t n = 0;

    while (line->len > 0 && line->ptr[0] == ' ')
        *line = span_skip(*line, 1);
    if (num_from_dec(span_cut(line, ' '), UINT32_MAX, &n) < 0)
        return 0; /* no id is in an empty range */
    return (uint32_t)n;
}

/* Lines of three numbers: the first id in here, outside, how many (user_namespaces(7)). */
static bool is_mapped(const char *path, uint32_t id)
{
    FILE *file = fopen(path, "re");
    bool is_there = file == NULL;
    char text[64];

    while (!is_there && fgets(text, sizeof(text), file) != NULL) {
        struct span line =
            span_first(span_from_str(text), span_find(span_from_str(text), '\n'));
        const uint32_t first = next_number(&line);

        (void)next_number(&line);
        is_there = id - first < next_number(&line);
    }
    if (file != NULL)
        (void)fclose(file);
    return is_there;
}

static bool keeps_groups(void)
{
    FILE *file = fopen("/proc/self/setgroups", "re");
    char word[8];

    if (file == NULL)
        return false;
    const bool is_denied =
        fgets(word, sizeof(word), file) != NULL && strcmp(word, "deny\n") == 0;

    (void)fclose(file);
    return is_denied;
}

int cage_check_namespace(const struct cage_user *user)
{
    return is_mapped("/proc/self/uid_map", user->uid) &&
                   is_mapped("/proc/self/gid_map", user->gid) && !keeps_groups()
               ? 0
               : WERR_DENIED;
}

/* ---- capabilities ---- */

struct held {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

/* Without libcap, for four lines: the calls have no wrapper in the C library. */
static int get_held(struct held *h)
{
    h->header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &h->header, h->data) < 0 ? werr_from_errno(errno) : 0;
}

bool cage_has_capabilities(uint64_t mask)
{
    struct held h;

    if (get_held(&h) < 0)
        return false;
    return (mask & ~(h.data[0].effective | (uint64_t)h.data[1].effective << 32)) == 0;
}

bool cage_can_change_user(void)
{
    return cage_has_capabilities(1ULL << CAP_SETUID | 1ULL << CAP_SETGID);
}

/* What it can't hold any more it can't execute itself into either. */
static void shrink_bound(uint64_t mask)
{
    for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if ((mask >> cap & 1) == 0)
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* Ambient are those that are permitted and inheritable: the kernel takes them away with either
 * (capabilities(7)). */
int cage_keep_capabilities(uint64_t mask)
{
    struct held h;
    int rc = get_held(&h);

    if (rc < 0)
        return rc;
    shrink_bound(mask); /* needs one that goes below; none to drop without */
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        const uint32_t kept = (uint32_t)(mask >> (32 * i));

        h.data[i].permitted &= kept;
        h.data[i].effective = h.data[i].permitted;
        h.data[i].inheritable &= kept;
    }
    return syscall(SYS_capset, &h.header, h.data) < 0 ? werr_from_errno(errno) : 0;
}

int cage_end_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? werr_from_errno(errno) : 0;
}
