#include "manager/holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INODES_MAX = 128, PATH_BYTES = 512, LINE_BYTES = 512, TCP_LISTENS = 0x0A };

struct inodes {
    unsigned long at[INODES_MAX];
    unsigned n;
};

/* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
enum { FIELD_LOCAL = 1, FIELD_STATE = 3, FIELD_INODE = 9, FIELDS = 10 };

static unsigned split(char *line, char **fields)
{
    char *rest = NULL;
    unsigned n = 0;

    for (char *field = strtok_r(line, " ", &rest); field != NULL && n < FIELDS;
         field = strtok_r(NULL, " ", &rest))
        fields[n++] = field;
    return n;
}

static void note_line(struct inodes *found, char *line, uint16_t port)
{
    char *fields[FIELDS];

    if (split(line, fields) < FIELDS || found->n == INODES_MAX)
        return;
    const char *colon = strrchr(fields[FIELD_LOCAL], ':');
    if (colon != NULL && strtoul(colon + 1, NULL, 16) == port &&
        strtoul(fields[FIELD_STATE], NULL, 16) == TCP_LISTENS)
        found->at[found->n++] = strtoul(fields[FIELD_INODE], NULL, 10);
}

static void note_file(struct inodes *found, const char *path, uint16_t port)
{
    FILE *f = fopen(path, "re");
    char line[LINE_BYTES];

    if (f == NULL)
        return;
    while (fgets(line, sizeof(line), f) != NULL)
        note_line(found, line, port);
    (void)fclose(f);
}

static bool is_one_of(const struct inodes *found, const char *link)
{
    static const char kind[] = "socket:[";

    if (strncmp(link, kind, sizeof(kind) - 1) != 0)
        return false;
    unsigned long inode = strtoul(link + sizeof(kind) - 1, NULL, 10);
    for (unsigned i = 0; i < found->n; i++)
        if (found->at[i] == inode)
            return true;
    return false;
}

static bool holds(long pid, const struct inodes *found)
{
    char path[PATH_BYTES], link[64];
    const struct dirent *entry;
    bool yes = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    dir = opendir(path);
    if (dir == NULL)
        return false;
    while (!yes && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%ld/fd/%s", pid, entry->d_name);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        yes = is_one_of(found, link);
    }
    (void)closedir(dir);
    return yes;
}

static size_t read_file(long pid, const char *name, char *buf, size_t size)
{
    char path[PATH_BYTES];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
    f = fopen(path, "re");
    if (f != NULL) {
        n = fread(buf, 1, size - 1, f);
        (void)fclose(f);
    }
    buf[n] = '\0';
    return n;
}

static void describe(long pid, struct holder *out)
{
    char stat[LINE_BYTES];

    *out = (struct holder){.pid = (pid_t)pid, .state = "?"};
    size_t n = read_file(pid, "cmdline", out->command, sizeof(out->command));

    for (size_t i = 0; i + 1 < n; i++)
        if (out->command[i] == '\0')
            out->command[i] = ' ';
    (void)read_file(pid, "stat", stat, sizeof(stat));
    const char *state = strrchr(stat, ')'); /* the name before it may hold anything */
    if (state != NULL && state[1] == ' ')
        out->state[0] = state[2];
}

bool holder_find(uint16_t port, struct holder *out)
{
    struct inodes found = {.n = 0};
    const struct dirent *entry;
    long best = 0;
    DIR *dir;

    note_file(&found, "/proc/net/tcp", port);
    note_file(&found, "/proc/net/tcp6", port);
    dir = found.n > 0 ? opendir("/proc") : NULL;
    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL) {
        const long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0 && (best == 0 || pid < best) && holds(pid, &found))
            best = pid;
    }
    (void)closedir(dir);
    if (best > 0)
        describe(best, out);
    return best > 0;
}
