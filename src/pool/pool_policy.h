/* pool_policy.h - how a pool chooses, as words: policy and hash_key. Pure. */
#ifndef WELDR_POOL_POOL_POLICY_H
#define WELDR_POOL_POOL_POLICY_H

#include "pool/pool.h"

#define POOL_POLICY_WISH \
    "policy must be \"round_robin\", \"least_outstanding\", \"p2c\" or \"hash\""
#define POOL_HASH_KEY_WISH \
    "hash_key must be \"address\", \"path\", \"header:NAME\" or \"cookie:NAME\""
const char *pool_policy_word(enum pool_policy policy); /* "round_robin" */
bool pool_policy_from_word(const char *word, uint8_t *policy);
enum { POOL_HASH_KEY_TEXT_MAX = POOL_NAME_MAX + 8 };
/* "header:X-User"; buf of POOL_HASH_KEY_TEXT_MAX. */
const char *pool_hash_key_print(const struct pool_hash_key *key, char *buf);
/* WERR_INVALID. */
int pool_hash_key_from_text(struct span text, struct pool_hash_key *key) MUST_USE;
bool pool_hash_key_is_valid(const struct pool_hash_key *key);

#endif
