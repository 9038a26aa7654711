#include "cluster/cluster.h"
#include "cluster/raft_engine.h"

#include "pool/levels.h"

#ifdef WELDR_TEST_ENGINE
#include <stdlib.h>

#include "base/num.h"
#include "cluster/delayed.h"

/* The chosen engine, or NULL: none is. */
static int choose(struct loop *loop, const struct cluster_hooks *hooks, struct cluster **out)
{
    const char *text = getenv("WELDR_TEST_ENGINE");
    struct delayed_options options;

    *out = NULL;
    if (text == NULL || text[0] == '\0')
        return 0;
    int rc = delayed_options_from_text(span_from_str(text), &options);
    if (rc < 0)
        return rc;
    *out = cluster_delayed_new(loop, &options, hooks);
    return *out != NULL ? 0 : WERR_NOMEM;
}

enum { CERTIFICATE_MAX_S = 24 * 60 * 60 };

/* As the environment says, if it does and that is at most max. */
static uint64_t number_of(const char *name, uint64_t max, uint64_t standard)
{
    const char *text = getenv(name);
    uint64_t n;

    return text != NULL && num_from_dec(span_from_str(text), max, &n) == 0 ? n : standard;
}

/* Never more than it knows: what it does not know it can't be made to understand. */
static uint8_t known_level(void)
{
    return (uint8_t)number_of("WELDR_TEST_LEVEL", LEVEL_NEWEST, LEVEL_NEWEST);
}

static uint32_t certificate_s(void)
{
    return (uint32_t)number_of("WELDR_TEST_CERTIFICATE", CERTIFICATE_MAX_S, 0);
}
#else
static int choose(struct loop *loop, const struct cluster_hooks *hooks, struct cluster **out)
{
    (void)loop;
    (void)hooks;
    *out = NULL;
    return 0;
}

static uint8_t known_level(void)
{
    return LEVEL_NEWEST;
}

static uint32_t certificate_s(void)
{
    return 0;
}
#endif

static struct cluster *new_raft(struct loop *loop, struct data_dir *dir,
                                const struct cluster_options *options,
                                const struct cluster_hooks *hooks)
{
    struct cluster_options all = *options;

    all.level = known_level();
    all.certificate_s = certificate_s();
    return cluster_raft_new(loop, dir, &all, hooks);
}

int cluster_new(struct loop *loop, struct data_dir *dir, const struct cluster_options *options,
                const struct cluster_hooks *hooks, struct cluster **out)
{
    if (dir == NULL) {
        const int rc = choose(loop, hooks, out);

        if (rc < 0 || *out != NULL)
            return rc;
    }
    *out = dir != NULL ? new_raft(loop, dir, options, hooks) : cluster_solo_new(hooks);
    return *out != NULL ? 0 : WERR_NOMEM;
}
