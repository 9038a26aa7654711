#include "pool/pool_policy.h"

#include <stdio.h>
#include <string.h>

static const char *const policy_words[POOL_POLICY_N] = {
    [POOL_POLICY_ROUND_ROBIN] = "round_robin",
    [POOL_POLICY_LEAST_OUTSTANDING] = "least_outstanding",
    [POOL_POLICY_P2C] = "p2c",
    [POOL_POLICY_HASH] = "hash",
};

static const char *const hash_words[] = {
    [POOL_HASH_ADDRESS] = "address",
    [POOL_HASH_HEADER] = "header:",
    [POOL_HASH_COOKIE] = "cookie:",
    [POOL_HASH_PATH] = "path",
};
enum { HASH_N = sizeof(hash_words) / sizeof(hash_words[0]) };

const char *pool_policy_word(enum pool_policy policy)
{
    return (unsigned)policy < POOL_POLICY_N ? policy_words[policy] : "round_robin";
}

bool pool_policy_from_word(const char *word, uint8_t *policy)
{
    for (unsigned i = 0; i < POOL_POLICY_N; i++) {
        if (strcmp(policy_words[i], word) == 0) {
            *policy = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool takes_name(unsigned by)
{
    return by == POOL_HASH_HEADER || by == POOL_HASH_COOKIE;
}

const char *pool_hash_key_print(const struct pool_hash_key *key, char *buf)
{
    snprintf(buf, POOL_HASH_KEY_TEXT_MAX, "%s%s", hash_words[key->by < HASH_N ? key->by : 0],
             takes_name(key->by) ? key->name : "");
    return buf;
}

/* A token (RFC 9110 section 5.6.2): the name of a field as well as of a cookie. */
static bool is_token(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool is_letter = (*c | 0x20) >= 'a' && (*c | 0x20) <= 'z';
        bool is_digit = *c >= '0' && *c <= '9';
        if (!is_letter && !is_digit && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    }
    return *name != '\0';
}

bool pool_hash_key_is_valid(const struct pool_hash_key *key)
{
    if (key->by >= HASH_N || memchr(key->name, '\0', sizeof(key->name)) == NULL)
        return false;
    return takes_name(key->by) ? is_token(key->name) : key->name[0] == '\0';
}

int pool_hash_key_from_text(struct span text, struct pool_hash_key *key)
{
    for (unsigned i = 0; i < HASH_N; i++) {
        struct span word = span_from_str(hash_words[i]);
        struct pool_hash_key read = {.by = (uint8_t)i};
        if (!span_has_prefix(text, word))
            continue;
        if (span_to_str(span_skip(text, word.len), read.name, sizeof(read.name)) != 0 ||
            !pool_hash_key_is_valid(&read))
            return WERR_INVALID;
        *key = read;
        return 0;
    }
    return WERR_INVALID;
}
