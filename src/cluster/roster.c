#include "cluster/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "cluster/roster_int.h"

static const struct {
    const char *name;
    unsigned election_ms, heartbeat_ms, lease_ms, holdoff_ms;
} profiles[ROSTER_PROFILES] = {
    [ROSTER_LAN] = {"lan", 500, 100, 400, 450},
    [ROSTER_FAST] = {"fast", 300, 50, 240, 280},
    [ROSTER_WAN] = {"wan", 2000, 250, 1600, 1800},
};

struct roster *roster_new(void)
{
    struct roster *r = fault_malloc(sizeof(*r));

    if (r != NULL)
        memset(r, 0, sizeof(*r));
    return r;
}

void roster_free(struct roster *r)
{
    free(r);
}

void roster_copy(struct roster *to, const struct roster *from)
{
    *to = *from;
}

bool roster_is_made(const struct roster *r)
{
    return r->incarnation != 0;
}

const uint8_t *roster_uuid(const struct roster *r)
{
    return r->uuid;
}

uint32_t roster_incarnation(const struct roster *r)
{
    return r->incarnation;
}

enum roster_profile roster_profile(const struct roster *r)
{
    return (enum roster_profile)r->profile;
}

uint8_t roster_level(const struct roster *r)
{
    return r->level;
}

struct span roster_authority(const struct roster *r)
{
    return span_from(r->authority.bytes, r->authority.len);
}

struct span roster_authority_key(const struct roster *r)
{
    return span_from(r->authority_key.bytes, r->authority_key.len);
}

unsigned roster_member_n(const struct roster *r)
{
    return r->member_n;
}

const struct roster_member *roster_member_at(const struct roster *r, unsigned i)
{
    MUST(i < r->member_n);
    return &r->members[i];
}

const struct roster_member *roster_find(const struct roster *r, uint64_t id)
{
    for (unsigned i = 0; i < r->member_n; i++) {
        if (r->members[i].id == id)
            return &r->members[i];
    }
    return NULL;
}

bool roster_place_holds(const struct roster_member *m, const struct addr *told)
{
    return m->is_placed &&
           (told == NULL || m->told.family == 0 || addr_is_equal(told, &m->told));
}

bool roster_was_removed(const struct roster *r, uint64_t id)
{
    for (unsigned i = 0; i < r->removed_n; i++) {
        if (r->removed[i] == id)
            return true;
    }
    return false;
}

unsigned roster_token_n(const struct roster *r)
{
    return r->token_n;
}

const struct roster_token *roster_token_at(const struct roster *r, unsigned i)
{
    MUST(i < r->token_n);
    return &r->tokens[i];
}

const struct roster_token *roster_find_token(const struct roster *r, const uint8_t *id)
{
    for (unsigned i = 0; i < r->token_n; i++) {
        if (memcmp(r->tokens[i].id, id, ROSTER_TOKEN_ID_BYTES) == 0)
            return &r->tokens[i];
    }
    return NULL;
}

unsigned roster_vip_n(const struct roster *r)
{
    return r->vip_n;
}

const struct roster_vip *roster_vip_at(const struct roster *r, unsigned i)
{
    MUST(i < r->vip_n);
    return &r->vips[i];
}

const struct roster_vip *roster_find_vip(const struct roster *r, const struct addr *address)
{
    for (unsigned i = 0; i < r->vip_n; i++) {
        if (addr_is_equal(&r->vips[i].address, address))
            return &r->vips[i];
    }
    return NULL;
}

uint64_t roster_next_epoch(const struct roster *r, const struct addr *address)
{
    const struct roster_vip *v = roster_find_vip(r, address);

    return 1 + (v != NULL ? v->epoch : r->forgotten_epoch);
}

const char *roster_profile_name(enum roster_profile p)
{
    MUST(p < ROSTER_PROFILES);
    return profiles[p].name;
}

int roster_profile_from_text(struct span text, enum roster_profile *p)
{
    for (unsigned i = 0; i < ROSTER_PROFILES; i++) {
        if (span_is_equal(text, span_from_str(profiles[i].name))) {
            *p = (enum roster_profile)i;
            return 0;
        }
    }
    return WERR_NOT_FOUND;
}

unsigned roster_election_ms(enum roster_profile p)
{
    MUST(p < ROSTER_PROFILES);
    return profiles[p].election_ms;
}

unsigned roster_heartbeat_ms(enum roster_profile p)
{
    MUST(p < ROSTER_PROFILES);
    return profiles[p].heartbeat_ms;
}

unsigned roster_lease_ms(enum roster_profile p)
{
    MUST(p < ROSTER_PROFILES);
    return profiles[p].lease_ms;
}

unsigned roster_holdoff_ms(enum roster_profile p)
{
    MUST(p < ROSTER_PROFILES);
    return profiles[p].holdoff_ms;
}
