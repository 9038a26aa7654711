#include "manager/api_json_cluster.h"

#include "base/clock.h"
#include "manager/api_links.h"
#include "manager/members.h"

static void put_id(struct jtext *t, const char *key, uint64_t id)
{
    char text[MEMBERS_ID_TEXT];

    members_print_id(id, text);
    jtext_str(t, key, text);
}

static void put_address(struct jtext *t, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    if (a->family == 0) {
        jtext_null(t, "address");
        return;
    }
    (void)addr_print(a, text);
    jtext_str(t, "address", text);
}

static void put_leader(struct jtext *t, const struct cluster *c)
{
    struct cluster_member leader;

    if (!c->ops->leader(c, &leader)) {
        jtext_null(t, "leader");
        return;
    }
    jtext_open(t, "leader", '{');
    put_id(t, "id", leader.id);
    put_address(t, &leader.address);
    jtext_close(t, '}');
}

static void put_member(struct jtext *t, const struct cluster_member *member)
{
    jtext_open(t, NULL, '{');
    put_id(t, "id", member->id);
    put_address(t, &member->address);
    jtext_bool(t, "is_address_set", member->is_placed);
    jtext_str(t, "role", members_word(member));
    jtext_bool(t, "is_self", member->is_self);
    if (member->has_lag)
        jtext_number(t, "lag", member->lag);
    else
        jtext_null(t, "lag");
    if (member->seen_ms_ago != UINT64_MAX)
        jtext_number(t, "last_contact_ms", member->seen_ms_ago);
    else
        jtext_null(t, "last_contact_ms");
    jtext_str(t, "version", member->version);
    jtext_number(t, "level", member->level);
    jtext_close(t, '}');
}

static void put_quorum(struct jtext *t, const struct cluster_status *s)
{
    jtext_open(t, "quorum", '{');
    jtext_number(t, "voters", s->voters);
    jtext_number(t, "needed", s->quorum);
    jtext_bool(t, "has", s->has_quorum);
    jtext_close(t, '}');
}

static void put_vip_times(struct jtext *t, const struct cluster_vip_times *times)
{
    jtext_number(t, "vip_lease_ms", times->lease_ms);
    jtext_number(t, "vip_holdoff_ms", times->holdoff_ms);
    jtext_number(t, "outage_typical_ms", times->outage_typical_ms);
    jtext_number(t, "outage_worst_ms", times->outage_worst_ms);
}

static void put_text(struct jtext *t, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        jtext_str(t, key, text);
    else
        jtext_null(t, key);
}

static void put_halt(struct jtext *t, const struct cluster_halt *halt)
{
    if (!halt->is_halted) {
        jtext_null(t, "halted");
        return;
    }
    jtext_open(t, "halted", '{');
    jtext_number(t, "index", halt->index);
    if (halt->level != 0)
        jtext_number(t, "level", halt->level);
    else
        jtext_null(t, "level");
    put_text(t, "version", halt->version);
    jtext_str(t, "reason", halt->why);
    jtext_close(t, '}');
}

static void put_members(struct jtext *t, const struct cluster *c)
{
    struct cluster_member list[MEMBERS_MAX];
    const unsigned n = c->ops->members(c, list, MEMBERS_MAX);

    jtext_open(t, "members", '[');
    for (unsigned i = 0; i < n && i < MEMBERS_MAX; i++)
        put_member(t, &list[i]);
    jtext_close(t, ']');
}

char *api_json_cluster(const struct cluster *c, const char *base)
{
    static const struct api_link links[] = {{"self", "/cluster", "GET"},
                                            {"token", "/cluster/tokens", "POST"},
                                            {"transfer", "/cluster/transfer", "POST"},
                                            {"leave", "/cluster/leave", "POST"}};
    struct cluster_status s;
    struct jtext t;

    c->ops->status(c, &s);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    put_text(&t, "id", s.id);
    put_address(&t, &s.address);
    jtext_str(&t, "role", members_own_word(c));
    put_leader(&t, c);
    jtext_number(&t, "term", s.term);
    jtext_number(&t, "applied", s.applied);
    put_quorum(&t, &s);
    jtext_str(&t, "profile", s.profile);
    put_vip_times(&t, &s.vip);
    jtext_number(&t, "level", s.level);
    jtext_number(&t, "known_level", s.known_level);
    put_halt(&t, &s.halt);
    jtext_number(&t, "incarnation", s.incarnation);
    put_text(&t, "warning", members_warning(c));
    put_members(&t, c);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}

char *api_json_member(const struct cluster_member *member)
{
    struct jtext t;

    jtext_init(&t);
    put_member(&t, member);
    return jtext_take(&t);
}

char *api_json_token(struct span token, uint64_t expires_us)
{
    char text[API_JSON_TOKEN_MAX], at[32];
    struct jtext t;

    if (span_to_str(token, text, sizeof(text)) < 0)
        return NULL;
    (void)clock_print_wall(expires_us, at);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "token", text);
    jtext_str(&t, "expires", at);
    jtext_close(&t, '}');
    return jtext_take(&t);
}
