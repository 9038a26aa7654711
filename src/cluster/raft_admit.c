#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cluster/raft_int.h"
#include "log/log.h"
#include "net/tlsio_issue.h"

/* Newcomers on weldr-join/1: what a member says to a node that shows a token. Nothing is
 * believed but that: the link has no certificate. */

/* A newcomer's link, from its question to the response. */
struct guest {
    struct engine *engine;
    struct link *link; /* NULL: closed */
    bool is_asking;    /* its admission is under way */
    struct roster_member member;
    char *request; /* PEM */
};

static void release(struct guest *g)
{
    if (g->link != NULL || g->is_asking)
        return;
    free(g->request);
    free(g);
}

static void say(struct guest *g, uint8_t type, char *bytes, size_t len)
{
    if (g->link != NULL &&
        (bytes == NULL || link_send(g->link, type, span_from(bytes, len)) < 0))
        link_close(g->link);
    seal_clear_and_free(bytes); /* a grant has the cluster key */
}

static void refuse(struct guest *g, int error, const char *reason)
{
    const struct peer_refused m = {.error = error, .reason = span_from_str(reason)};
    size_t len;

    log_warn("a node may not join", LOG_ID("id", g->member.id), LOG_S("why", reason));
    char *bytes = peer_refused_encode(&m, &len); /* before len is read */
    say(g, PEER_REFUSED, bytes, len);
}

static const char *reason_of(int error)
{
    switch (error) {
    case WERR_NOT_FOUND:
        return "the token is not known here: was it made by this cluster, and not long ago?";
    case WERR_STALE:
        return "the token was used already, or its time is over: make another one with "
               "'weldr cluster token create'";
    case WERR_DENIED:
        return "the token's secret is wrong, or this node was removed from the cluster before: "
               "wipe its data directory";
    case WERR_EXISTS:
        return "another member has this address or this id";
    case WERR_TOO_BIG:
        return "the cluster has as many members as it may have";
    case WERR_NOT_LEADER:
        return "no node leads the cluster now: try again";
    default:
        return werr_text(error);
    }
}

/* ---- the response ---- */

static void grant(struct guest *g)
{
    struct engine *e = g->engine;
    struct peer_grant m = {.incarnation = roster_incarnation(e->roster),
                           .profile = (uint8_t)roster_profile(e->roster),
                           .address = g->member.address,
                           .authority = roster_authority(e->roster)};
    char *certificate;
    size_t len;

    if (engine_peers_sign(e, g->member.id, span_from_str(g->request), &certificate) < 0) {
        refuse(g, WERR_INVALID, "its certificate signing request can't be signed");
        return;
    }
    memcpy(m.uuid, roster_uuid(e->roster), sizeof(m.uuid));
    memcpy(m.cluster_key, e->member.cluster_key, sizeof(m.cluster_key));
    m.certificate = span_from_str(certificate);
    for (unsigned i = 0; i < roster_member_n(e->roster); i++)
        m.addresses[m.address_n++] = roster_member_at(e->roster, i)->address;
    char *bytes = peer_grant_encode(&m, &len);
    explicit_bzero(m.cluster_key, sizeof(m.cluster_key));
    free(certificate);
    say(g, PEER_GRANT, bytes, len);
    log_info("a node joins", LOG_ID("id", g->member.id));
}

static void refuse_level(struct guest *g)
{
    char reason[PEER_REASON_MAX];

    (void)snprintf(
        reason, sizeof(reason),
        "the members use level %u of features, and the Weldr of this node (%s) knows "
        "%u: start a later one",
        engine_level(g->engine), g->member.version, g->member.level);
    refuse(g, WERR_UNSUPPORTED, reason);
}

static void on_admitted(void *arg, int error, uint64_t index)
{
    struct guest *g = arg;

    (void)index;
    g->is_asking = false;
    if (g->link != NULL && !g->engine->is_closing) {
        if (error == 0)
            grant(g);
        else if (error == WERR_UNSUPPORTED)
            refuse_level(g);
        else
            refuse(g, error, reason_of(error));
    }
    release(g);
}

/* ---- its question ---- */

static void send_elsewhere(struct guest *g)
{
    const struct engine *e = g->engine;
    const struct roster_member *m = roster_find(e->roster, e->leader_id);
    size_t len;

    if (m == NULL) {
        refuse(g, WERR_NOT_LEADER, reason_of(WERR_NOT_LEADER));
        return;
    }
    const struct peer_elsewhere elsewhere = {.address = m->address};
    char *bytes = peer_elsewhere_encode(&elsewhere, &len);
    say(g, PEER_ELSEWHERE, bytes, len);
}

/* Its version is told when it has come (PEER_TELL): who has none has never been here. */
static void take_member(struct guest *g, const struct peer_ask *ask)
{
    struct addr address = ask->address;

    if (addr_is_wildcard(&address)) {
        const uint16_t port = address.port;

        address = *link_address(g->link);
        address.port = port;
    }
    g->member = (struct roster_member){.id = ask->id,
                                       .address = address,
                                       .is_witness = ask->is_witness,
                                       .level = ask->level,
                                       .joined_us = loop_wall_us(g->engine->loop.loop)};
}

static int propose(struct guest *g, const struct peer_ask *ask)
{
    struct roster_command c = {
        .type = ROSTER_ADMIT, .member = g->member, .now_us = g->member.joined_us};

    memcpy(c.token.id, ask->token_id, sizeof(c.token.id));
    tlsio_digest(span_from(ask->secret, sizeof(ask->secret)), c.token.digest);
    /* A stranger writes nothing to the log. */
    int rc = roster_judge_admit(g->engine->roster, &c);
    if (rc == 0 && g->member.level < engine_level(g->engine))
        rc = WERR_UNSUPPORTED;
    return rc == 0 ? engine_propose_roster(g->engine, &c, on_admitted, g) : rc;
}

static void on_ask(struct guest *g, struct span payload)
{
    struct peer_ask ask;

    if (g->is_asking || g->request != NULL || peer_ask_decode(payload, &ask) < 0) {
        link_close(g->link);
        return;
    }
    take_member(g, &ask);
    if (raft_state(&g->engine->raft) != RAFT_LEADER) {
        send_elsewhere(g);
        return;
    }
    g->request = strndup(ask.request.ptr, ask.request.len);
    g->is_asking = true;
    const int rc = g->request != NULL ? propose(g, &ask) : WERR_NOMEM;
    explicit_bzero(ask.secret, sizeof(ask.secret));
    if (rc < 0)
        on_admitted(g, rc, 0);
}

static void on_message(struct link *l, uint8_t type, struct span payload)
{
    struct guest *g = link_user(l);

    if (type == PEER_AUTHORITY_ASK) {
        if (link_send(l, PEER_AUTHORITY, roster_authority(g->engine->roster)) < 0)
            link_close(l);
    } else if (type == PEER_ASK) {
        on_ask(g, payload);
    } else {
        link_close(l);
    }
}

static void on_closed(struct link *l, int error)
{
    struct guest *g = link_user(l);

    (void)error;
    g->link = NULL;
    release(g);
}

static const struct link_ops guest_ops = {.on_message = on_message, .on_closed = on_closed};

const struct link_ops *engine_admit_take(struct engine *e, struct link *l)
{
    struct guest *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    *g = (struct guest){.engine = e, .link = l};
    link_set_user(l, g);
    return &guest_ops;
}

/* ---- tokens ---- */

static void on_noted(void *arg, int error, uint64_t index)
{
    engine_request_end(arg, error, index);
}

static int fill(const struct engine *e, uint32_t lifetime_s, struct token *t)
{
    *t = (struct token){.expiry_s = engine_wall_s(e) + lifetime_s};
    memcpy(t->uuid, roster_uuid(e->roster), sizeof(t->uuid));
    if (getrandom(t->id, sizeof(t->id), 0) != sizeof(t->id) ||
        getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret))
        return WERR_IO;
    for (unsigned i = 0; i < roster_member_n(e->roster) && t->address_n < TOKEN_ADDRESSES_MAX;
         i++)
        t->addresses[t->address_n++] = roster_member_at(e->roster, i)->address;
    return tlsio_issue_fingerprint(roster_authority(e->roster), t->authority);
}

int engine_admit_token(struct engine *e, uint32_t lifetime_s, struct request *q)
{
    struct roster_command c = {.type = ROSTER_TOKEN, .now_us = loop_wall_us(e->loop.loop)};
    struct token t;

    if (e->gate == NULL)
        return WERR_INVALID;
    /* Soon; a newcomer that knows less would be let in. */
    if (!engine_level_is_settled(e))
        return WERR_NOT_LEADER;
    const int rc = fill(e, lifetime_s, &t);
    if (rc < 0)
        return rc;
    memcpy(c.token.id, t.id, sizeof(c.token.id));
    tlsio_digest(span_from(t.secret, sizeof(t.secret)), c.token.digest);
    c.token.expiry_us = t.expiry_s * 1000000;
    (void)token_write(&t, q->text);
    explicit_bzero(&t, sizeof(t));
    return engine_propose_roster(e, &c, on_noted, q);
}
