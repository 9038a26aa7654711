/* Who is at the other end of a link: what both sides show and what is compared. */
#include <stdio.h>
#include <string.h>

#include "cluster/link_int.h"
#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"

#define DOMAIN     ".weldr.internal"
#define ANY_MEMBER "member" DOMAIN
#define DNS_LABEL  "DNS:"

enum {
    ID_DIGITS = 16,
    UUID_DIGITS = 2 * ROSTER_UUID_BYTES,
    NAME_MAX_BYTES = sizeof(DNS_LABEL) + ID_DIGITS + 1 + UUID_DIGITS + sizeof(DOMAIN),
    SHOWN_BYTES = 2048
};

static const char *const protocols[LINK_USES] = {
    [LINK_RAFT] = "weldr-raft/1", [LINK_CTL] = "weldr-ctl/1", [LINK_JOIN] = "weldr-join/1"};

const char *link_use_name(enum link_use use)
{
    static const char *const names[LINK_USES] = {
        [LINK_RAFT] = "raft", [LINK_CTL] = "ctl", [LINK_JOIN] = "join"};

    return use < LINK_USES ? names[use] : "none";
}

/* ---- contexts ---- */

static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    const struct link_self *s = arg;

    (void)name;
    chosen[0] = s->identity;
    return 1;
}

/* Whether a caller has to show one is known when it has said what it wants: link_judge_hello.
 */
static int make_accepts(struct link_self *s, struct span authority, struct tlsio_context **out)
{
    const struct tlsio_server_settings settings = {
        .profile = TLSIO_MODERN,
        .client_auth = TLSIO_CLIENT_OPTIONAL,
        .client_ca = authority,
        .choose = choose,
        .arg = s,
        .protocols = {protocols[LINK_RAFT], protocols[LINK_CTL], protocols[LINK_JOIN]},
    };

    return tlsio_context_new_server(&settings, out);
}

static int make_connects(struct tlsio_identity *identity, struct span authority,
                         struct tlsio_context **out)
{
    const struct tlsio_client_settings settings = {
        .is_unverified = authority.len == 0,
        .authorities = authority,
        .least_version = TLSIO_1_3,
        .identity = identity,
        .protocols = {protocols[LINK_RAFT], protocols[LINK_CTL], protocols[LINK_JOIN]},
    };

    return tlsio_context_new_client(&settings, out);
}

int link_join_context(struct span authority, struct tlsio_context **context)
{
    return make_connects(NULL, authority, context);
}

static int make_both(struct link_self *made, struct span certificate, struct span key,
                     struct span authority)
{
    int rc = conn_use_tls(made->conns);

    if (rc == 0)
        rc = tlsio_identity_new(certificate, key, SPAN_NONE, &made->identity);
    if (rc == 0)
        rc = make_connects(made->identity, authority, &made->connects);
    return rc;
}

int link_self_set(struct link_self *s, struct span certificate, struct span key,
                  struct span authority)
{
    struct link_self made = {.conns = s->conns};
    int rc = authority.len > 0 ? make_both(&made, certificate, key, authority) : WERR_INVALID;

    if (rc == 0)
        rc = make_accepts(s, authority, &made.accepts);
    if (rc < 0) {
        link_self_fini(&made);
        return rc == WERR_NOMEM ? WERR_NOMEM : WERR_INVALID;
    }
    link_self_fini(s);
    s->identity = made.identity;
    s->connects = made.connects;
    s->accepts = made.accepts;
    return 0;
}

void link_self_fini(struct link_self *s)
{
    tlsio_context_put(s->accepts);
    tlsio_context_put(s->connects);
    tlsio_identity_put(s->identity);
    s->accepts = s->connects = NULL;
    s->identity = NULL;
}

/* ---- where members are ---- */

static struct link_told *find_told(const struct link_self *s, uint64_t id)
{
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (s->told[i].id == id)
            return (struct link_told *)&s->told[i];
    return NULL;
}

const struct addr *link_self_told(const struct link_self *s, uint64_t id)
{
    const struct link_told *t = find_told(s, id);

    return t != NULL ? &t->address : NULL;
}

const struct addr *link_self_find(const struct link_self *s, uint64_t id)
{
    const struct roster_member *m = s->roster != NULL ? roster_find(s->roster, id) : NULL;
    const struct addr *told = link_self_told(s, id);

    if (told != NULL && (m == NULL || !roster_place_holds(m, told)))
        return told;
    return m != NULL && m->address.family != 0 ? &m->address : NULL;
}

void link_self_forget(struct link_self *s, uint64_t id)
{
    struct link_told *t = find_told(s, id);

    if (t != NULL)
        *t = (struct link_told){0};
}

/* Of members only, so that there is room: one that is none any more gives way. */
static void note_told(struct link_self *s, uint64_t id, const struct addr *address)
{
    struct link_told *t = find_told(s, id);

    if (s->roster == NULL || roster_find(s->roster, id) == NULL || address->family == 0 ||
        addr_is_wildcard(address))
        return;
    for (unsigned i = 0; t == NULL && i < ROSTER_MEMBERS_MAX; i++)
        if (s->told[i].id == 0 || roster_find(s->roster, s->told[i].id) == NULL)
            t = &s->told[i];
    if (t != NULL)
        *t = (struct link_told){id, *address};
}

struct tlsio_context *link_tls_context(struct conn *c)
{
    const struct link *l = (const struct link *)c;

    if (!(c->flags & CONN_ASKS))
        return l->self->accepts;
    return l->joins != NULL ? l->joins : l->self->connects;
}

/* ---- names ---- */

/* "DNS:<id>.<cluster>.weldr.internal", as certificates of members have it. */
static void print_name(const uint8_t *uuid, uint64_t id, char text[NAME_MAX_BYTES])
{
    int n = snprintf(text, NAME_MAX_BYTES, DNS_LABEL "%016llx.", (unsigned long long)id);

    for (int i = 0; i < ROSTER_UUID_BYTES; i++)
        n += snprintf(text + n, NAME_MAX_BYTES - (size_t)n, "%02x", uuid[i]);
    (void)snprintf(text + n, NAME_MAX_BYTES - (size_t)n, DOMAIN);
}

/* The library copies it. */
void link_tls_peer(struct conn *c, struct tlsio_peer_name *peer)
{
    static char text[NAME_MAX_BYTES];
    const struct link *l = (const struct link *)c;

    peer->protocol = protocols[l->use];
    peer->name = ANY_MEMBER;
    if (l->self == NULL)
        return;
    print_name(l->self->uuid, l->peer, text);
    peer->name = text + sizeof(DNS_LABEL) - 1;
}

static bool has_shown(const struct link *l, uint64_t id)
{
    char buf[SHOWN_BYTES], wanted[NAME_MAX_BYTES];
    struct tlsio_shown shown;
    struct span item;

    if (!tlsio_shown(l->conn.tls, buf, sizeof(buf), &shown))
        return false;
    print_name(l->self->uuid, id, wanted);
    while (span_next_item(&shown.names, &item))
        if (span_is_equal(item, span_from_str(wanted)))
            return true;
    return false;
}

/* ---- after the handshake ---- */

int link_find_use(struct link *l)
{
    const char *agreed = tlsio_facts(l->conn.tls).protocol;

    for (int use = 0; use < LINK_USES && agreed != NULL; use++) {
        if (strcmp(agreed, protocols[use]) != 0)
            continue;
        if (l->use != LINK_USES && l->use != use)
            return WERR_UNSUPPORTED;
        l->use = (uint8_t)use;
        return 0;
    }
    return WERR_UNSUPPORTED;
}

void link_say_hello(struct link *l, bool is_farewell)
{
    const struct link_self *s = l->self;
    struct hello h = {.incarnation = s->incarnation,
                      .id = s->id,
                      .meant = l->peer,
                      .address = s->address,
                      .is_farewell = is_farewell};
    char bytes[HELLO_BYTES];

    memcpy(h.uuid, s->uuid, sizeof(h.uuid));
    hello_write(&h, bytes);
    conn_send_body(&l->conn, span_from(bytes, sizeof(bytes)), 0);
    conn_flush(&l->conn);
}

bool link_may_be(const struct link_self *s, enum link_use use, uint64_t id)
{
    const struct roster *r = s->roster;

    if (id == s->id || id == 0)
        return false;
    if (r == NULL)
        return true;
    if (roster_was_removed(r, id))
        return false;
    return use == LINK_RAFT || roster_find(r, id) != NULL || roster_find(r, s->id) == NULL;
}

/* Whom we called is in l->peer; who calls says it now. A member's farewell counts in a later
 * incarnation too: the cluster may have been recovered without this node. */
static int judge(struct link *l, const struct hello *h)
{
    const bool asks = l->conn.flags & CONN_ASKS;
    struct link_self *s = l->self;

    if (memcmp(h->uuid, s->uuid, sizeof(h->uuid)) != 0 || h->meant != s->id)
        return WERR_DENIED;
    if (l->peer != 0 && h->id != l->peer)
        return WERR_DENIED;
    if (!has_shown(l, h->id))
        return WERR_DENIED;
    l->peer = h->id;
    if (!link_may_be(s, (enum link_use)l->use, h->id)) {
        l->owes_farewell = !asks && s->roster != NULL && roster_was_removed(s->roster, h->id);
        return WERR_DENIED;
    }
    if (h->is_farewell) {
        s->was_removed = s->was_removed || (asks && h->incarnation >= s->incarnation);
        return WERR_DENIED;
    }
    return h->incarnation == s->incarnation ? 0 : WERR_STALE;
}

int link_judge_hello(struct link *l, struct span bytes)
{
    struct hello h;
    int rc = hello_read(bytes, &h);

    if (rc == 0)
        rc = judge(l, &h);
    if (rc < 0)
        return rc;
    l->told = h.address;
    note_told(l->self, h.id, &h.address);
    return 0;
}
