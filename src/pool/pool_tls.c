#include "base/ascii.h"
#include "pool/pool.h"
#include "pool/pool_command.h"
#include "pool/pool_mem.h"

/* ---- words ---- */

static const char *const versions[POOL_TLS_VERSION_N] = {
    [POOL_TLS_1_2] = "1.2",
    [POOL_TLS_1_3] = "1.3",
};

const char *pool_tls_version_word(enum pool_tls_version version)
{
    return (unsigned)version < POOL_TLS_VERSION_N ? versions[version] : versions[0];
}

bool pool_tls_version_from_word(struct span word, uint8_t *version)
{
    for (unsigned i = 0; i < POOL_TLS_VERSION_N; i++) {
        if (span_is_equal(word, span_from_str(versions[i]))) {
            *version = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool is_name_character(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == ':';
}

/* No label is empty: to a library a name with a dot in front means all names below. */
bool pool_tls_name_is_valid(struct span name)
{
    char last = '.';
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (c == '.' ? last == '.' : !is_name_character(c))
            return false;
        last = c;
    }
    return last != '.' && name.len <= POOL_TLS_NAME_MAX;
}

/* ---- life ---- */

void pool_tls_fini(struct pool_tls *tls)
{
    free(tls->ca);
    free(tls->server_name);
    free(tls->certificate);
    *tls = (struct pool_tls){0};
}

static int copy_text(char **to, const char *from)
{
    *to = from != NULL ? pool_strdup(from) : NULL;
    return from == NULL || *to != NULL ? 0 : WERR_NOMEM;
}

/* Who says what this member shall be. */
static const struct pool_tls *pick(const struct pool_tls *now, const struct pool_tls *wanted,
                                   uint32_t set, uint32_t bit)
{
    return (set & bit) != 0 ? wanted : now;
}

int pool_tls_merge(struct pool_tls *to, const struct pool_tls *now,
                   const struct pool_tls *wanted, uint32_t set)
{
    struct pool_tls made = {.min_version =
                                pick(now, wanted, set, POOL_SET_TLS_MIN_VERSION)->min_version};
    int rc = copy_text(&made.ca, pick(now, wanted, set, POOL_SET_TLS_CA)->ca);
    if (rc == 0)
        rc = copy_text(&made.server_name,
                       pick(now, wanted, set, POOL_SET_TLS_SERVER_NAME)->server_name);
    if (rc == 0)
        rc = copy_text(&made.certificate,
                       pick(now, wanted, set, POOL_SET_TLS_CERTIFICATE)->certificate);
    if (rc == 0)
        *to = made;
    else
        pool_tls_fini(&made);
    return rc;
}
