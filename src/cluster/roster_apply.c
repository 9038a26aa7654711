#include <string.h>

#include "cluster/roster_int.h"
#include "pool/levels.h"

static void keep_pem(struct roster_pem *pem, struct span s)
{
    memcpy(pem->bytes, s.ptr, s.len);
    pem->len = s.len;
}

static int apply_make(struct roster *r, const struct roster_command *c)
{
    if (roster_is_made(r))
        return WERR_EXISTS;
    memcpy(r->uuid, c->uuid, sizeof(r->uuid));
    r->incarnation = c->incarnation;
    r->profile = c->profile;
    keep_pem(&r->authority, c->authority);
    keep_pem(&r->authority_key, c->authority_key);
    return 0;
}

static struct roster_member *find_member(struct roster *r, uint64_t id)
{
    const struct roster_member *m = roster_find(r, id);

    return m != NULL ? &r->members[m - r->members] : NULL;
}

static struct roster_token *find_token(struct roster *r, const uint8_t *id)
{
    const struct roster_token *t = roster_find_token(r, id);

    return t != NULL ? &r->tokens[t - r->tokens] : NULL;
}

/* Of another member than id. */
static bool address_is_taken(const struct roster *r, uint64_t id, const struct addr *a)
{
    for (unsigned i = 0; i < r->member_n; i++) {
        if (r->members[i].id != id && addr_is_equal(&r->members[i].address, a))
            return true;
    }
    return false;
}

static void insert_member(struct roster *r, const struct roster_member *m)
{
    unsigned at = r->member_n++;

    for (; at > 0 && r->members[at - 1].id > m->id; at--)
        r->members[at] = r->members[at - 1];
    r->members[at] = *m;
    /* What stands behind the zero came from outside. */
    memset(r->members[at].version, 0, sizeof(m->version));
    memcpy(r->members[at].version, m->version, strlen(m->version));
}

static void forget_token(struct roster *r, const struct roster_token *t)
{
    const size_t at = (size_t)(t - r->tokens);

    r->token_n--;
    memmove(&r->tokens[at], &r->tokens[at + 1], (r->token_n - at) * sizeof(*t));
}

/* Without a token the first member is admitted, and nobody else. */
static int judge_tokenless(const struct roster *r, uint64_t id)
{
    if (roster_find(r, id) != NULL)
        return WERR_EXISTS;
    return r->member_n > 0 ? WERR_DENIED : 0;
}

static int judge_token(const struct roster_token *t, const struct roster_command *c)
{
    if (t == NULL)
        return WERR_NOT_FOUND;
    if (memcmp(t->digest, c->token.digest, sizeof(t->digest)) != 0)
        return WERR_DENIED;
    if (t->used_by != 0 || c->now_us >= t->expiry_us)
        return WERR_STALE;
    return 0;
}

static int judge_member(const struct roster *r, const struct roster_member *m)
{
    if (roster_find(r, m->id) != NULL || address_is_taken(r, m->id, &m->address))
        return WERR_EXISTS;
    if (m->level < r->level)
        return WERR_UNSUPPORTED;
    return r->member_n == ROSTER_MEMBERS_MAX ? WERR_TOO_BIG : 0;
}

/* The same member comes with the token that it has used: its first request was done, and it has
 * not heard of it. */
static bool is_retry(const struct roster *r, const struct roster_token *t,
                     const struct roster_command *c)
{
    return t != NULL && t->used_by == c->member.id && roster_find(r, c->member.id) != NULL &&
           memcmp(t->digest, c->token.digest, sizeof(t->digest)) == 0;
}

int roster_judge_admit(const struct roster *r, const struct roster_command *c)
{
    const bool has_token = !roster_is_zero(c->token.id, sizeof(c->token.id));
    const struct roster_token *t = has_token ? roster_find_token(r, c->token.id) : NULL;

    if (roster_was_removed(r, c->member.id))
        return WERR_DENIED;
    if (is_retry(r, t, c))
        return 0;
    const int rc = has_token ? judge_token(t, c) : judge_tokenless(r, c->member.id);
    return rc == 0 ? judge_member(r, &c->member) : rc;
}

static int apply_admit(struct roster *r, const struct roster_command *c)
{
    struct roster_token *t = find_token(r, c->token.id);
    const int rc = roster_judge_admit(r, c);

    if (rc < 0 || is_retry(r, t, c))
        return rc;
    insert_member(r, &c->member);
    if (t != NULL)
        t->used_by = c->member.id;
    return 0;
}

static void remember_removed(struct roster *r, uint64_t id)
{
    if (r->removed_n == ROSTER_REMOVED_MAX) {
        r->removed_n--;
        memmove(r->removed, r->removed + 1, r->removed_n * sizeof(r->removed[0]));
    }
    r->removed[r->removed_n++] = id;
}

static int apply_remove(struct roster *r, const struct roster_command *c)
{
    const struct roster_member *m = roster_find(r, c->member.id);

    if (m == NULL)
        return WERR_NOT_FOUND;
    if (r->member_n == 1)
        return WERR_GUARD;
    const size_t at = (size_t)(m - r->members);
    r->member_n--;
    memmove(&r->members[at], &r->members[at + 1], (r->member_n - at) * sizeof(*m));
    remember_removed(r, c->member.id);
    return 0;
}

static void forget_tokens_over(struct roster *r, uint64_t now_us)
{
    for (unsigned i = r->token_n; i-- > 0;) {
        if (r->tokens[i].expiry_us <= now_us)
            forget_token(r, &r->tokens[i]);
    }
}

static int apply_token(struct roster *r, const struct roster_command *c)
{
    if (roster_find_token(r, c->token.id) != NULL)
        return WERR_EXISTS;
    if (c->now_us >= c->token.expiry_us)
        return WERR_STALE;
    if (r->token_n == ROSTER_TOKENS_MAX)
        forget_tokens_over(r, c->now_us);
    if (r->token_n == ROSTER_TOKENS_MAX)
        return WERR_TOO_BIG;
    r->tokens[r->token_n++] = c->token;
    return 0;
}

static int apply_revoke(struct roster *r, const struct roster_command *c)
{
    const struct roster_token *t = roster_find_token(r, c->token.id);

    if (t == NULL)
        return WERR_NOT_FOUND;
    forget_token(r, t);
    return 0;
}

static int apply_move(struct roster *r, const struct roster_command *c)
{
    struct roster_member *m = find_member(r, c->member.id);

    if (m == NULL)
        return WERR_NOT_FOUND;
    if (address_is_taken(r, m->id, &c->member.address))
        return WERR_EXISTS;
    m->address = c->member.address;
    m->is_placed = false;
    m->told = (struct addr){0};
    return 0;
}

bool roster_has_places(const struct roster *r)
{
    return r->level >= LEVEL_PLACES;
}

/* In a snapshot there is no room for it below that level. */
static int apply_place(struct roster *r, const struct roster_command *c)
{
    struct roster_member *m = find_member(r, c->member.id);

    if (m == NULL)
        return WERR_NOT_FOUND;
    if (!roster_has_places(r))
        return WERR_UNSUPPORTED;
    if (address_is_taken(r, m->id, &c->member.address))
        return WERR_EXISTS;
    m->address = c->member.address;
    m->is_placed = true;
    m->told = c->member.told;
    return 0;
}

bool roster_has_vips(const struct roster *r)
{
    return r->level >= LEVEL_VIPS;
}

static void forget_vip(struct roster *r, const struct roster_vip *v)
{
    const size_t at = (size_t)(v - r->vips);

    if (v->epoch > r->forgotten_epoch)
        r->forgotten_epoch = v->epoch;
    r->vip_n--;
    memmove(&r->vips[at], &r->vips[at + 1], (r->vip_n - at) * sizeof(*v));
}

static int judge_vip(const struct roster *r, const struct roster_vip *v)
{
    const struct roster_member *m = roster_find(r, v->holder);
    const struct roster_vip *known = roster_find_vip(r, &v->address);

    if (!roster_has_vips(r))
        return WERR_UNSUPPORTED;
    if (v->holder == 0 ? known == NULL : m == NULL)
        return WERR_NOT_FOUND;
    if (m != NULL && m->is_witness)
        return WERR_GUARD;
    if (v->epoch != roster_next_epoch(r, &v->address))
        return WERR_STALE;
    return known == NULL && r->vip_n == ROSTER_VIPS_MAX ? WERR_TOO_BIG : 0;
}

static int apply_vip(struct roster *r, const struct roster_command *c)
{
    const struct roster_vip *known = roster_find_vip(r, &c->vip.address);
    const int rc = judge_vip(r, &c->vip);

    if (rc < 0)
        return rc;
    if (c->vip.holder == 0) {
        forget_vip(r, known);
        return 0;
    }
    struct roster_vip *v = &r->vips[known != NULL ? (size_t)(known - r->vips) : r->vip_n++];
    *v = c->vip;
    v->since_us = c->now_us;
    return 0;
}

static int apply_tell(struct roster *r, const struct roster_command *c)
{
    struct roster_member *m = find_member(r, c->member.id);

    if (m == NULL)
        return WERR_NOT_FOUND;
    if (c->member.level < r->level)
        return WERR_UNSUPPORTED;
    memset(m->version, 0, sizeof(m->version));
    memcpy(m->version, c->member.version, strlen(c->member.version));
    m->level = c->member.level;
    return 0;
}

static int apply_level(struct roster *r, const struct roster_command *c)
{
    if (c->member.level < r->level)
        return WERR_INVALID;
    for (unsigned i = 0; i < r->member_n; i++) {
        if (r->members[i].level < c->member.level)
            return WERR_UNSUPPORTED;
    }
    r->level = c->member.level;
    return 0;
}

static int apply_profile(struct roster *r, const struct roster_command *c)
{
    r->profile = c->profile;
    return 0;
}

/* Tokens end too: the members that have handed them out may still be there, in the incarnation
 * before. */
static int apply_recover(struct roster *r, const struct roster_command *c)
{
    const struct roster_member *found = roster_find(r, c->member.id);

    if (found == NULL)
        return WERR_NOT_FOUND;
    if (r->incarnation == UINT32_MAX)
        return WERR_TOO_BIG;
    const struct roster_member stays = *found;
    for (unsigned i = 0; i < r->member_n; i++) {
        if (r->members[i].id != stays.id)
            remember_removed(r, r->members[i].id);
    }
    r->members[0] = stays;
    r->member_n = 1;
    r->token_n = 0;
    r->incarnation++;
    return 0;
}

int roster_apply(struct roster *r, const struct roster_command *c)
{
    static int (*const apply[])(struct roster * r, const struct roster_command *c) = {
        [ROSTER_MAKE] = apply_make,       [ROSTER_ADMIT] = apply_admit,
        [ROSTER_REMOVE] = apply_remove,   [ROSTER_TOKEN] = apply_token,
        [ROSTER_REVOKE] = apply_revoke,   [ROSTER_MOVE] = apply_move,
        [ROSTER_TELL] = apply_tell,       [ROSTER_LEVEL] = apply_level,
        [ROSTER_PROFILE] = apply_profile, [ROSTER_RECOVER] = apply_recover,
        [ROSTER_PLACE] = apply_place,     [ROSTER_VIP] = apply_vip,
    };

    if (!roster_command_is_valid(c))
        return WERR_INVALID;
    if (c->type != ROSTER_MAKE && !roster_is_made(r))
        return WERR_NOT_FOUND;
    return apply[c->type](r, c);
}
