#include "net/inherited.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/fault.h"

struct inherited {
    TAILQ_ENTRY(inherited) entry;
    struct inherited_key key; /* its name is behind it */
    struct addr bound;
    int fd;
    char name[];
};

static TAILQ_HEAD(inherited_list, inherited) all = TAILQ_HEAD_INITIALIZER(all);

static struct {
    bool is_open;
    int fd;
    struct addr wanted;
} cluster;

static bool is_same(const struct inherited_key *a, const struct inherited_key *b)
{
    const bool is_same_address =
        a->wanted.family == 0 ? b->wanted.family == 0 : addr_is_equal(&a->wanted, &b->wanted);

    return a->use == b->use && a->slot == b->slot && is_same_address &&
           span_is_equal(a->name, b->name);
}

static struct inherited *find(const struct inherited_key *key)
{
    struct inherited *i;

    TAILQ_FOREACH (i, &all, entry)
        if (is_same(&i->key, key))
            return i;
    return NULL;
}

int inherited_add(const struct inherited_key *key, const struct addr *bound, int fd)
{
    struct inherited *i = fault_malloc(sizeof(*i) + key->name.len);

    if (i == NULL)
        return WERR_NOMEM;
    i->key = *key;
    i->bound = *bound;
    i->fd = fd;
    if (key->name.len > 0)
        memcpy(i->name, key->name.ptr, key->name.len);
    i->key.name = span_from(i->name, key->name.len);
    TAILQ_INSERT_TAIL(&all, i, entry);
    return 0;
}

bool inherited_has(const struct inherited_key *key)
{
    return find(key) != NULL;
}

int inherited_take(const struct inherited_key *key, struct addr *bound)
{
    struct inherited *i = find(key);

    if (i == NULL)
        return WERR_NOT_FOUND;
    const int fd = i->fd;

    *bound = i->bound;
    TAILQ_REMOVE(&all, i, entry);
    free(i);
    return fd;
}

void inherited_end(void)
{
    struct inherited *i;

    while ((i = TAILQ_FIRST(&all)) != NULL) {
        TAILQ_REMOVE(&all, i, entry);
        (void)close(i->fd);
        free(i);
    }
}

void inherited_note_cluster(int fd, const struct addr *wanted)
{
    cluster.is_open = fd >= 0;
    cluster.fd = fd;
    cluster.wanted = *wanted;
}

int inherited_cluster(struct addr *wanted)
{
    *wanted = cluster.wanted;
    return cluster.is_open ? cluster.fd : -1;
}
