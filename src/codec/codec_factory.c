/* Makes codecs by protocol: the one place that names them all. */
#include <stdlib.h>

#include "base/fault.h"
#include "codec/codec.h"
#include "codec/h1.h"
#include "codec/raw.h"

static const struct codec_kind *const kinds[CODEC_PROTOCOLS] = {
    [CODEC_H1] = &h1_kind, [CODEC_RAW] = &raw_kind};

struct maker {
    const struct codec_kind *kind;
    void *shared; /* of this kind; NULL: not there yet */
};

struct codec_shared {
    struct bufq_store *store;
    struct maker of[CODEC_PROTOCOLS];
    struct maker instead[CODEC_PROTOCOLS][CODEC_ROLES]; /* shared NULL: of[] it is */
};

static int put(const struct codec_shared *s, struct maker *at, const struct codec_kind *kind)
{
    void *shared = kind->shared_new(s->store);

    if (shared == NULL)
        return WERR_NOMEM;
    *at = (struct maker){.kind = kind, .shared = shared};
    return 0;
}

struct codec_shared *codec_shared_new(struct bufq_store *store)
{
    struct codec_shared *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (struct codec_shared){.store = store};
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++) {
        if (put(s, &s->of[i], kinds[i]) < 0) {
            codec_shared_free(s);
            return NULL;
        }
    }
    return s;
}

static void drop(const struct maker *at)
{
    if (at->shared != NULL)
        at->kind->shared_free(at->shared);
}

void codec_shared_free(struct codec_shared *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++) {
        drop(&s->of[i]);
        for (unsigned role = 0; role < CODEC_ROLES; role++)
            drop(&s->instead[i][role]);
    }
    free(s);
}

int codec_shared_put(struct codec_shared *s, enum codec_protocol protocol, enum codec_role role,
                     const struct codec_kind *kind)
{
    struct maker *at = &s->instead[protocol][role];

    MUST(at->shared == NULL && codec_shared_live_n(s) == 0);
    return put(s, at, kind);
}

static unsigned live_n(const struct maker *at)
{
    return at->shared != NULL ? at->kind->live_n(at->shared) : 0;
}

unsigned codec_shared_live_n(const struct codec_shared *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++) {
        n += live_n(&s->of[i]);
        for (unsigned role = 0; role < CODEC_ROLES; role++)
            n += live_n(&s->instead[i][role]);
    }
    return n;
}

static void settle(const struct maker *at)
{
    if (at->shared != NULL)
        at->kind->settle(at->shared);
}

void codec_shared_settle(struct codec_shared *s)
{
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++) {
        settle(&s->of[i]);
        for (unsigned role = 0; role < CODEC_ROLES; role++)
            settle(&s->instead[i][role]);
    }
}

struct codec *codec_new(struct codec_shared *s, enum codec_protocol protocol,
                        enum codec_role role, const struct codec_limits *limits)
{
    MUST(protocol < CODEC_PROTOCOLS && role < CODEC_ROLES);
    const struct maker *at = &s->instead[protocol][role];

    if (at->shared == NULL)
        at = &s->of[protocol];
    return at->kind->make(at->shared, role, limits);
}
