#include "pool/kind_ops.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

const struct kind_ops *kind_ops(unsigned kind)
{
    static const struct kind_ops *const rows[KIND_N] = {
#define KIND(name, number, letter, word, list, family) [number] = &kind_ops_##family,
#include "pool/kinds.def"
#undef KIND
    };
    return kind < KIND_N ? rows[kind] : NULL;
}

/* Two objects that differ in nothing else must not hash alike, nor one that has moved: who it
 * is is the seed. */
int kind_hash(enum kind kind, uint64_t id, uint64_t owner, char *json, uint64_t *hash)
{
    if (json == NULL)
        return WERR_NOMEM;
    const uint64_t who[] = {kind, id, owner};
    *hash = XXH3_64bits_withSeed(json, strlen(json), XXH3_64bits(who, sizeof(who)));
    free(json);
    return 0;
}
