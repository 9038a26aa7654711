#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/raft_int.h"
#include "cluster/rejoin.h"
#include "log/log.h"
#include "net/tlsio_issue.h"

/* Being a newcomer: the members whose addresses are known are asked one after the other until
 * one says yes, or one that leads says no. Two links each: the first one, to whoever responds,
 * brings the CA's certificate, which the token tells from any other; the second one believes
 * that CA alone.
 *
 *   AUTHORITY → ASK → granted: the engine begins; refused or nobody is there: on_lost */

enum {
    ASK_MS = 5000,  /* for a link and its response */
    AGAIN_MS = 500, /* before the next round */
    TRIES_MAX = 60  /* of links, in all */
};

enum join_phase { JOIN_AUTHORITY, JOIN_ASK, JOIN_PAUSE, JOIN_OVER };

struct joining {
    struct engine *engine;
    uint8_t phase; /* enum join_phase */
    struct token token;
    struct addr addresses[TOKEN_ADDRESSES_MAX + 1];
    unsigned address_n, at; /* whom to ask next */
    struct addr elsewhere;  /* family 0: nobody has sent us there */
    struct tlsio_issued own;
    char *authority;
    struct link *link;
    struct timer timer;
    unsigned try_n;
    char why[256]; /* what went wrong last */
};

static void ask_next(struct joining *j);

static const struct addr *target(const struct joining *j)
{
    return j->elsewhere.family != 0 ? &j->elsewhere : &j->addresses[j->at];
}

/* ---- one link ---- */

static void set_phase(struct joining *j, enum join_phase phase)
{
    j->phase = (uint8_t)phase;
}

static void drop_link(struct joining *j)
{
    if (j->link == NULL)
        return;
    link_set_user(j->link, NULL);
    link_abort(j->link);
    j->link = NULL;
}

static void fail(struct joining *j, int error, const char *why)
{
    drop_link(j);
    timer_stop(loop_timers(j->engine->loop.loop), &j->timer);
    set_phase(j, JOIN_OVER);
    engine_lose(j->engine, error, why);
}

static void again(struct joining *j, const char *why)
{
    char text[ADDR_TEXT_MAX];

    text[addr_print(target(j), text)] = '\0';
    log_warn("this member did not take us in", LOG_S("address", text), LOG_S("why", why));
    drop_link(j);
    j->elsewhere.family = 0;
    if (++j->at >= j->address_n)
        j->at = 0;
    set_phase(j, JOIN_PAUSE);
    loop_timer_in(j->engine->loop.loop, &j->timer, AGAIN_MS);
}

/* Which of our addresses the others see is known to whom we call. */
static struct addr own_address(const struct engine *e)
{
    struct addr at = *gate_address(e->gate);

    if (!addr_is_wildcard(&e->options.listen))
        at = e->member.address;
    return at;
}

static void on_open(struct link *l)
{
    struct joining *j = link_user(l);
    struct engine *e = j->engine;
    size_t len;

    if (j->phase == JOIN_AUTHORITY) {
        if (link_send(l, PEER_AUTHORITY_ASK, SPAN_NONE) < 0)
            link_close(l);
        return;
    }
    struct peer_ask ask = {.id = e->self.id,
                           .address = own_address(e),
                           .is_witness = e->options.is_witness,
                           .level = e->options.level,
                           .version = span_from_str(e->options.version),
                           .request = span_from_str(j->own.text)};
    memcpy(ask.token_id, j->token.id, sizeof(ask.token_id));
    memcpy(ask.secret, j->token.secret, sizeof(ask.secret));
    char *bytes = peer_ask_encode(&ask, &len);
    if (bytes == NULL || link_send(l, PEER_ASK, span_from(bytes, len)) < 0)
        link_close(l);
    seal_clear_and_free(bytes); /* it has the token's secret */
    explicit_bzero(ask.secret, sizeof(ask.secret));
}

/* The token tells the cluster's CA from any other. */
static void on_authority(struct joining *j, struct span pem)
{
    uint8_t digest[TLSIO_DIGEST_BYTES];

    if (tlsio_issue_fingerprint(pem, digest) < 0 ||
        memcmp(digest, j->token.authority, sizeof(digest)) != 0) {
        again(j, "it is of another cluster than the token");
        return;
    }
    free(j->authority);
    j->authority = strndup(pem.ptr, pem.len);
    drop_link(j);
    set_phase(j, JOIN_ASK);
    ask_next(j);
}

static int take_grant(struct joining *j, const struct peer_grant *m)
{
    struct engine *e = j->engine;
    struct member_file *f = &e->member;

    memcpy(f->uuid, m->uuid, sizeof(f->uuid));
    memcpy(e->self.uuid, m->uuid, sizeof(e->self.uuid));
    f->incarnation = e->self.incarnation = m->incarnation;
    f->profile = m->profile;
    f->address = m->address;
    f->is_witness = e->options.is_witness;
    f->has_joined = true;
    f->address_n = m->address_n;
    memcpy(f->addresses, m->addresses, sizeof(f->addresses));
    if (f->cluster_key == NULL)
        f->cluster_key = seal_memory_new(SEAL_KEY_BYTES);
    char *certificate = strndup(m->certificate.ptr, m->certificate.len);
    free(f->authority);
    f->authority = strndup(m->authority.ptr, m->authority.len);
    if (f->cluster_key == NULL || certificate == NULL || f->authority == NULL) {
        free(certificate);
        return WERR_NOMEM;
    }
    memcpy(f->cluster_key, m->cluster_key, SEAL_KEY_BYTES);
    const int rc = engine_peers_take_certificate(e, certificate, &j->own.key);
    /* A start that finds the token used must find what came of it. */
    return rc == 0 ? engine_member_save(e) : rc;
}

static void on_grant(struct joining *j, struct span payload)
{
    struct engine *e = j->engine;
    struct peer_grant grant;
    int rc = peer_grant_decode(payload, &grant);
    if (rc == 0)
        rc = take_grant(j, &grant);
    if (rc == 0)
        rc = rejoin_note_token(e->dir, &j->token);
    explicit_bzero(grant.cluster_key, sizeof(grant.cluster_key));
    drop_link(j);
    set_phase(j, JOIN_OVER);
    timer_stop(loop_timers(e->loop.loop), &j->timer);
    if (rc == 0 && e->cluster.hooks.on_key != NULL)
        e->cluster.hooks.on_key(e->cluster.hooks.arg, e->member.cluster_key);
    if (rc == 0)
        rc = engine_store_begin(e);
    if (rc < 0)
        engine_lose(e, rc, werr_text(rc));
    else
        log_info("this node has joined the cluster");
}

static void on_refused(struct joining *j, struct span payload)
{
    struct peer_refused m;

    if (peer_refused_decode(payload, &m) < 0) {
        again(j, "it responds what can't be read");
        return;
    }
    if (span_to_str(m.reason, j->why, sizeof(j->why)) < 0)
        (void)snprintf(j->why, sizeof(j->why), "%s", werr_text(m.error));
    if (m.error == WERR_NOT_LEADER)
        again(j, j->why);
    else
        fail(j, m.error, j->why);
}

static void on_elsewhere(struct joining *j, struct span payload)
{
    struct peer_elsewhere m;

    if (peer_elsewhere_decode(payload, &m) < 0) {
        again(j, "it responds what can't be read");
        return;
    }
    drop_link(j);
    j->elsewhere = m.address;
    set_phase(j, JOIN_ASK);
    ask_next(j);
}

static void on_message(struct link *l, uint8_t type, struct span payload)
{
    struct joining *j = link_user(l);

    if (j == NULL)
        return;
    if (type == PEER_AUTHORITY && j->phase == JOIN_AUTHORITY)
        on_authority(j, payload);
    else if (type == PEER_GRANT && j->phase == JOIN_ASK)
        on_grant(j, payload);
    else if (type == PEER_REFUSED)
        on_refused(j, payload);
    else if (type == PEER_ELSEWHERE && j->phase == JOIN_ASK)
        on_elsewhere(j, payload);
    else
        again(j, "it says what nobody asked for");
}

static void on_closed(struct link *l, int error)
{
    struct joining *j = link_user(l);

    if (j != NULL && j->link == l) {
        j->link = NULL;
        again(j, error < 0 ? werr_text(error) : "it closed the connection");
    }
    free(l);
}

static const struct link_ops ops = {
    .on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void ask_next(struct joining *j)
{
    struct engine *e = j->engine;
    const struct link_join wanted = {
        .loop = e->loop.loop,
        .conns = e->self.conns,
        .to = *target(j),
        .authority = j->phase == JOIN_ASK ? span_from_str(j->authority) : SPAN_NONE};
    struct link *l = calloc(1, sizeof(*l));

    if (++j->try_n > TRIES_MAX) {
        free(l);
        fail(j, WERR_UNREACHABLE,
             "no member of the cluster took this node in: see the warnings before this");
        return;
    }
    loop_timer_in(e->loop.loop, &j->timer, ASK_MS);
    const int rc = l != NULL ? link_connect_join(l, &wanted, &ops) : WERR_NOMEM;
    if (rc < 0) {
        free(l);
        again(j, werr_text(rc));
        return;
    }
    link_set_user(l, j);
    j->link = l;
}

static void on_timer(struct timer *t)
{
    struct joining *j = (struct joining *)((char *)t - offsetof(struct joining, timer));

    if (j->phase != JOIN_PAUSE) {
        again(j, "it does not respond");
        return;
    }
    set_phase(j, j->authority != NULL ? JOIN_ASK : JOIN_AUTHORITY);
    ask_next(j);
}

/* ---- start and end ---- */

static int read_token(struct joining *j, struct strb *wrong)
{
    struct engine *e = j->engine;
    const int rc = e->token_error;

    if (rc < 0) {
        strb_add_str(wrong, rc == WERR_CORRUPT
                                ? "--token: it is not whole: was it cut off or mistyped?"
                                : "--token: it is none: 'weldr cluster token create' on a "
                                  "member prints one");
        return WERR_INVALID;
    }
    j->token = e->token;
    j->addresses[j->address_n++] = e->options.join;
    for (unsigned i = 0; i < j->token.address_n; i++)
        if (!addr_is_equal(&j->token.addresses[i], &e->options.join))
            j->addresses[j->address_n++] = j->token.addresses[i];
    return 0;
}

int engine_join_start(struct engine *e, struct strb *wrong)
{
    struct joining *j = calloc(1, sizeof(*j));
    int rc;

    if (j == NULL)
        return WERR_NOMEM;
    j->engine = e;
    timer_init(&j->timer, on_timer);
    e->joining = j;
    rc = read_token(j, wrong);
    if (rc == 0)
        rc = tlsio_issue_request("member.weldr.internal", &j->own);
    if (rc < 0)
        return rc;
    set_phase(j, JOIN_AUTHORITY);
    ask_next(j);
    return 0;
}

void engine_join_stop(struct engine *e)
{
    struct joining *j = e->joining;

    if (j == NULL)
        return;
    timer_stop(loop_timers(e->loop.loop), &j->timer);
    drop_link(j);
    tlsio_issued_fini(&j->own);
    free(j->authority);
    seal_clear_and_free(j); /* it has the token */
    e->joining = NULL;
}
