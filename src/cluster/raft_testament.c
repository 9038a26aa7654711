#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/raft_int.h"
#include "cluster/testament.h"
#include "log/log.h"
#include "net/listen.h"
#include "net/tlsio_issue.h"

/* A manager that was killed: its helper lets the virtual IPs go and says so by datagrams
 * (testament.h), so that nobody waits for the end of a lease.
 *
 * Who leads knows the digests of all members' secrets by their questions; of the leader's own
 * the others know it by its responses. Of those who hear that their leader has died one stands
 * for election at once. It keeps that for the term behind only: whoever led between may have
 * let that node hold again. */

enum { DATAGRAMS_MAX = 16 }; /* in a turn of the loop: a flood takes no more of it */

/* ---- its own ---- */

static void make_secret(struct engine_testament *t)
{
    if (getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret))
        return;
    t->has_secret = true;
    tlsio_digest(span_from((const char *)t->secret, sizeof(t->secret)), t->digest);
}

void engine_testament_write(const struct cluster *c, struct cluster_testament *out)
{
    const struct engine *e = (const struct engine *)c;
    struct testament t = {.incarnation = e->self.incarnation, .member = e->self.id};

    *out = (struct cluster_testament){0};
    if (!e->testament.has_secret || engine_vips_is_alone(e))
        return;
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const uint64_t id = roster_member_at(e->roster, i)->id;
        const struct addr *at = id != e->self.id ? link_self_find(&e->self, id) : NULL;

        if (at != NULL && out->to_n < CLUSTER_TESTAMENT_TO_MAX)
            out->to[out->to_n++] = *at;
    }
    memcpy(t.uuid, e->self.uuid, sizeof(t.uuid));
    memcpy(t.secret, e->testament.secret, sizeof(t.secret));
    testament_encode(&t, out->bytes);
    out->len = TESTAMENT_BYTES;
}

/* ---- the leader has died ---- */

static bool is_voter(const struct raft_server *s, uint64_t dead)
{
    return s->role == RAFT_VOTER && s->id != dead;
}

static raft_term last_term(const struct raft_trail *t)
{
    return t->front == t->back ? t->snapshot.term
                               : t->records[(t->back + t->size - 1) % t->size].term;
}

/* As if the leader had given the lead away (Raft, section 3.10): who stands so is voted for by
 * those who still know of that leader, for they may hear later, or hear of it once more from
 * what it had sent. */
static void stand(struct engine *e, uint64_t dead)
{
    struct raft *r = &e->raft;
    struct raft_message message = {.type = RAFT_TIMEOUT_NOW,
                                   .server_id = dead,
                                   .timeout_now = {.term = raft_current_term(r),
                                                   .last_log_index = raft_last_index(r),
                                                   .last_log_term = last_term(&r->trail)}};

    uv_update_time(&e->loop.uv);
    e->recv(&e->io, &message);
}

/* One of those who vote: if all stood, nobody would win. Should that one be away or behind, the
 * election timers of the others run as ever. */
static bool is_to_stand(const struct engine *e, uint64_t dead)
{
    const struct raft_configuration *c = &e->raft.configuration;
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < c->n; i++)
        if (is_voter(&c->servers[i], dead) && c->servers[i].id < first)
            first = c->servers[i].id;
    return first == e->self.id && raft_state((struct raft *)&e->raft) == RAFT_FOLLOWER;
}

static void hear_of_leader(struct engine *e, const struct testament *t, const uint8_t *digest)
{
    const struct holding *h = &e->vips.holding;
    const uint64_t term = raft_current_term(&e->raft);

    if (t->member != e->leader_id || h->stamp_term != term || e->testament.dead_term == term ||
        memcmp(digest, h->leader_digest, sizeof(h->leader_digest)) != 0)
        return;
    e->testament.dead_term = term;
    e->testament.dead = t->member;
    memcpy(e->testament.dead_digest, digest, sizeof(e->testament.dead_digest));
    log_info("the leader has died, as its helper says", LOG_ID("id", t->member));
    if (is_to_stand(e, t->member))
        stand(e, t->member);
    engine_kick(e);
}

void engine_testament_lead(struct engine *e)
{
    const struct engine_testament *t = &e->testament;

    if (t->dead_term != 0 && t->dead_term + 1 == e->term)
        grantor_bury_predecessor(&e->vips.grantor, t->dead, t->dead_digest);
}

/* ---- datagrams ---- */

static void hear(struct engine *e, struct span datagram)
{
    uint8_t digest[TLSIO_DIGEST_BYTES];
    struct testament t;

    if (testament_decode(datagram, &t) < 0 || t.incarnation != e->self.incarnation ||
        memcmp(t.uuid, e->self.uuid, sizeof(t.uuid)) != 0 ||
        roster_find(e->roster, t.member) == NULL || e->raft.data == NULL || e->is_closing)
        return;
    tlsio_digest(span_from((const char *)t.secret, sizeof(t.secret)), digest);
    if (e->vips.grantor.term == 0) {
        hear_of_leader(e, &t, digest);
    } else if (grantor_bury(&e->vips.grantor, t.member, digest, clock_boot_ns())) {
        log_info("a member's manager has died, as its helper says", LOG_ID("id", t.member));
        engine_vips_touch(e);
    }
}

static void on_datagrams(struct loop_watch *w, bool can_read, bool can_write)
{
    struct engine *e =
        (struct engine *)(void *)((char *)w - offsetof(struct engine, testament.watch));
    char buf[TESTAMENT_BYTES + 1]; /* what is longer is cut, and still too long */

    (void)can_read;
    (void)can_write;
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
        const ssize_t n = recv(e->testament.fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n < 0)
            break;
        hear(e, span_from(buf, (size_t)n));
    }
}

void engine_testament_listen(struct engine *e)
{
    struct engine_testament *t = &e->testament;
    const int fd = listen_open_datagrams(gate_address(e->gate));

    if (fd < 0) {
        log_warn("the cluster's port can't be had for UDP: that a node has died is noticed "
                 "when its lease ends",
                 LOG_S("why", werr_text(fd)));
        return;
    }
    t->fd = fd;
    t->watch = (struct loop_watch){.on_ready = on_datagrams};
    loop_watch_start(e->loop.loop, &t->watch, fd);
    loop_watch_set(&t->watch, true, false);
}

void engine_testament_init(struct engine *e)
{
    e->testament.fd = -1;
    make_secret(&e->testament);
}

void engine_testament_stop(struct engine *e)
{
    struct engine_testament *t = &e->testament;

    if (t->fd < 0)
        return;
    loop_watch_stop(&t->watch);
    (void)close(t->fd);
    t->fd = -1;
}
