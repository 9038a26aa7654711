#include "codec/codec.h"

#include <stdlib.h>

#include "base/fault.h"
#include "codec/h1.h"

enum { KIB = 1024 };

const struct codec_limits codec_limits_request = {
    .line_bytes = 8 * KIB,
    .head_bytes = 32 * KIB,
    .fields = 100,
    .chunk_extension_bytes = 4 * KIB,
    .trailer_bytes = 8 * KIB,
};

const struct codec_limits codec_limits_response = {
    .line_bytes = 8 * KIB,
    .head_bytes = 64 * KIB,
    .fields = MSG_FIELDS_MAX,
    .chunk_extension_bytes = 4 * KIB,
    .trailer_bytes = 8 * KIB,
};

static const struct codec_kind *const kinds[CODEC_PROTOCOLS] = {[CODEC_H1] = &h1_kind};

struct codec_shared {
    struct bufq_store *store;
    struct {
        const struct codec_kind *kind;
        void *shared; /* of this kind; NULL: not there yet */
    } of[CODEC_PROTOCOLS];
};

static int put(struct codec_shared *s, enum codec_protocol protocol,
               const struct codec_kind *kind)
{
    void *shared = kind->shared_new(s->store);

    if (shared == NULL)
        return WERR_NOMEM;
    s->of[protocol].kind = kind;
    s->of[protocol].shared = shared;
    return 0;
}

struct codec_shared *codec_shared_new(struct bufq_store *store)
{
    struct codec_shared *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (struct codec_shared){.store = store};
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++) {
        if (put(s, i, kinds[i]) < 0) {
            codec_shared_free(s);
            return NULL;
        }
    }
    return s;
}

static void drop(struct codec_shared *s, enum codec_protocol protocol)
{
    if (s->of[protocol].shared != NULL)
        s->of[protocol].kind->shared_free(s->of[protocol].shared);
}

void codec_shared_free(struct codec_shared *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++)
        drop(s, i);
    free(s);
}

int codec_shared_put(struct codec_shared *s, enum codec_protocol protocol,
                     const struct codec_kind *kind)
{
    const struct codec_kind *old_kind = s->of[protocol].kind;
    void *old_shared = s->of[protocol].shared;
    int rc;

    MUST(old_kind->live_n(old_shared) == 0);
    rc = put(s, protocol, kind);
    if (rc == 0)
        old_kind->shared_free(old_shared);
    return rc;
}

unsigned codec_shared_live_n(const struct codec_shared *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++)
        n += s->of[i].kind->live_n(s->of[i].shared);
    return n;
}

void codec_shared_settle(struct codec_shared *s)
{
    for (unsigned i = 0; i < CODEC_PROTOCOLS; i++)
        s->of[i].kind->settle(s->of[i].shared);
}

struct codec *codec_new(struct codec_shared *s, enum codec_protocol protocol,
                        enum codec_role role, const struct codec_limits *limits)
{
    MUST(protocol < CODEC_PROTOCOLS);
    return s->of[protocol].kind->make(s->of[protocol].shared, role, limits);
}
