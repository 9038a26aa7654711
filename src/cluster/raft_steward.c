#include <stdio.h>
#include <string.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* Who votes: the leader brings libraft's configuration, one change at a time, to what the
 * roster says. What is to be done is found anew each time, so that it does not matter who began
 * it and what became of that. */

enum {
    LIVE_MS = 1000,           /* heard of within this: fit to vote */
    DEAD_MS = 60 * 1000,      /* not heard of for so long: a standby takes its place */
    JOIN_LIMIT_MS = 30 * 1000 /* a newcomer that was never heard of is none */
};

/* ---- who was heard of ---- */

/* A new leader has heard of nobody yet. */
static uint64_t silent_while_leading_ms(const struct engine *e, uint64_t id)
{
    const uint64_t silent = engine_contact_silent_ms(e, id);
    const uint64_t leads = loop_now_ms(e->loop.loop) - e->led_since_ms;

    return silent < leads ? silent : leads;
}

/* ---- libraft's configuration ---- */

static const struct raft_configuration *configuration(const struct engine *e)
{
    return &e->raft.configuration;
}

static const struct raft_server *find_server(const struct engine *e, uint64_t id)
{
    const struct raft_configuration *c = configuration(e);

    for (unsigned i = 0; e->raft.data != NULL && i < c->n; i++)
        if (c->servers[i].id == id)
            return &c->servers[i];
    return NULL;
}

static unsigned voter_n(const struct engine *e)
{
    const struct raft_configuration *c = configuration(e);
    unsigned n = 0;

    for (unsigned i = 0; e->raft.data != NULL && i < c->n; i++)
        n += c->servers[i].role == RAFT_VOTER;
    return n;
}

static void on_changed(struct raft_change *req, int status)
{
    struct engine *e = req->data;

    e->is_changing = false;
    if (status != 0)
        log_warn("a change of who votes did not come about",
                 LOG_S("why", raft_strerror(status)));
    if (!e->is_closing && e->cluster.hooks.on_members != NULL)
        e->cluster.hooks.on_members(e->cluster.hooks.arg);
}

static void begin_change(struct engine *e)
{
    e->is_changing = true;
    e->change.data = e;
    uv_update_time(&e->loop.uv);
}

/* libraft keeps one that it has refused, and ends it when the lead is lost. */
static void forget_change(struct engine *e, const struct raft_change *req)
{
    e->is_changing = false;
    if (e->raft.legacy.change == req)
        e->raft.legacy.change = NULL;
}

static void taken(struct engine *e, int code)
{
    if (code != 0) {
        forget_change(e, &e->change);
        log_warn("who votes can't be changed now", LOG_S("why", raft_strerror(code)));
    }
    engine_kick(e);
}

static void add(struct engine *e, const struct roster_member *m)
{
    log_info("a member is taken into the log", LOG_ID("id", m->id));
    char name[ENGINE_ID_TEXT_MAX];

    engine_id_text(m->id, name);
    begin_change(e);
    taken(e, raft_add(&e->raft, &e->change, m->id, name, on_changed));
}

static void assign(struct engine *e, uint64_t id, int role)
{
    log_info(role == RAFT_VOTER ? "a member votes from now on"
                                : "a member is a standby from now on",
             LOG_ID("id", id));
    begin_change(e);
    taken(e, raft_assign(&e->raft, &e->change, id, role, on_changed));
}

static void take_out(struct engine *e, uint64_t id)
{
    log_info("who is no member any more is taken out of the log", LOG_ID("id", id));
    begin_change(e);
    taken(e, raft_remove(&e->raft, &e->change, id, on_changed));
}

static void on_left(void *arg, int error, uint64_t index)
{
    (void)arg;
    (void)error;
    (void)index;
}

/* ---- what is to be done ---- */

static bool remove_strangers(struct engine *e)
{
    const struct raft_configuration *c = configuration(e);

    for (unsigned i = 0; i < c->n; i++) {
        const uint64_t id = c->servers[i].id;

        if (roster_find(e->roster, id) != NULL)
            continue;
        if (id != e->self.id)
            take_out(e, id);
        else if (engine_steward_transfer(e, 0, on_left, NULL) < 0)
            log_debug("nobody can lead in place of this node yet");
        return true;
    }
    return false;
}

static bool add_newcomers(struct engine *e)
{
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);
        const struct raft_server *s = find_server(e, m->id);

        if (s != NULL && s->role != RAFT_SPARE)
            continue;
        if (s == NULL)
            add(e, m);
        else
            assign(e, m->id, RAFT_STANDBY);
        return true;
    }
    return false;
}

/* A newcomer that never came. One that has told its version was here once, and is away: that
 * this leader has not heard of it means nothing. */
static bool forget_no_shows(struct engine *e)
{
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);
        const struct raft_server *s = find_server(e, m->id);
        const uint64_t age_us = loop_wall_us(e->loop.loop) - m->joined_us;
        struct roster_command c = {.type = ROSTER_REMOVE, .member = {.id = m->id}};

        if (m->version[0] != '\0' || s == NULL || s->role == RAFT_VOTER ||
            engine_contact_silent_ms(e, m->id) != UINT64_MAX ||
            age_us < JOIN_LIMIT_MS * 1000ULL ||
            silent_while_leading_ms(e, m->id) < JOIN_LIMIT_MS)
            continue;
        log_warn("a node that was admitted has not come: it is removed", LOG_ID("id", m->id));
        return engine_propose_roster(e, &c, on_left, NULL) == 0;
    }
    return false;
}

/* It could lead in the place of this node: it votes, has all and is there. */
static bool could_lead(const struct engine *e, const struct roster_member *m)
{
    const struct raft_server *s = find_server(e, m->id);
    raft_index stored;

    return m->id != e->self.id && s != NULL && s->role == RAFT_VOTER &&
           engine_contact_is_live(e, m->id, LIVE_MS) &&
           raft_match_index((struct raft *)&e->raft, m->id, &stored) == 0 &&
           stored >= raft_last_index((struct raft *)&e->raft);
}

/* A witness that came to lead gives that to one that serves. Not at once: a leader that is new
 * has heard of nobody. */
static bool hand_over(struct engine *e)
{
    if (!e->member.is_witness || loop_now_ms(e->loop.loop) - e->led_since_ms < LIVE_MS)
        return false;
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);

        if (m->is_witness || !could_lead(e, m))
            continue;
        log_info("a witness need not lead: another one does", LOG_ID("id", m->id));
        return engine_steward_transfer(e, m->id, on_left, NULL) == 0;
    }
    return false;
}

/* To one that can read what this node can't, as far as it can be told: what is damaged here is
 * not so there. */
static bool can_go_on(const struct engine *e, const struct roster_member *m)
{
    return e->halt_error == WERR_CORRUPT ||
           (m->level > e->options.level && m->level >= e->halt.level);
}

/* A leader that has halted is of no use. Who serves comes before a witness. */
static void give_up_the_lead(struct engine *e)
{
    const struct roster_member *best = NULL;

    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);

        if (could_lead(e, m) && can_go_on(e, m) && (best == NULL || best->is_witness))
            best = m;
    }
    if (best == NULL)
        return;
    log_warn("this node has halted: another one is to lead", LOG_ID("id", best->id));
    if (engine_steward_transfer(e, best->id, on_left, NULL) < 0)
        log_debug("the other one can't lead yet");
}

/* How many are to vote: an odd number, so that no vote more is needed than helps. */
static unsigned wanted_n(unsigned members)
{
    return members >= 5 ? 5 : members >= 3 ? 3 : 1;
}

static const struct roster_member *pick_standby(const struct engine *e)
{
    const struct roster_member *best = NULL;

    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);
        const struct raft_server *s = find_server(e, m->id);

        if (s == NULL || s->role != RAFT_STANDBY || !engine_contact_is_live(e, m->id, LIVE_MS))
            continue;
        if (best == NULL || (m->is_witness && !best->is_witness))
            best = m;
    }
    return best;
}

/* Somebody wants it to vote, and another one to give way. */
static bool was_promoted(const struct engine *e, uint64_t id)
{
    return e->promoted.id == id && loop_now_ms(e->loop.loop) - e->promoted.at_ms < DEAD_MS;
}

/* The one that is silent for the longest; never this node. */
static uint64_t pick_voter(const struct engine *e, uint64_t *silent)
{
    const struct raft_configuration *c = configuration(e);
    uint64_t id = 0;

    for (unsigned i = 0; i < c->n; i++) {
        const uint64_t ms = silent_while_leading_ms(e, c->servers[i].id);

        if (c->servers[i].role != RAFT_VOTER || c->servers[i].id == e->self.id ||
            was_promoted(e, c->servers[i].id) || (id != 0 && ms < *silent))
            continue;
        id = c->servers[i].id;
        *silent = ms;
    }
    return id;
}

static bool balance_voters(struct engine *e)
{
    const unsigned wanted = wanted_n(roster_member_n(e->roster)), n = voter_n(e);
    const struct roster_member *standby = pick_standby(e);
    uint64_t silent = 0;
    const uint64_t voter = pick_voter(e, &silent);

    if (n > wanted && voter != 0)
        assign(e, voter, RAFT_STANDBY);
    else if (standby != NULL && (n < wanted || (n == wanted && voter != 0 && silent > DEAD_MS)))
        assign(e, standby->id, RAFT_VOTER);
    else
        return false;
    return true;
}

/* This node has lost the lead while it gave it away: libraft keeps the request until somebody
 * leads, which is never where this node is cut off. A leader ends it after one time of an
 * election. */
static void expire_transfer(struct engine *e)
{
    const uint64_t election_ms = roster_election_ms((enum roster_profile)e->member.profile);
    const struct raft_transfer *req = e->raft.transfer;

    if (req == NULL || raft_state(&e->raft) == RAFT_LEADER ||
        loop_now_ms(e->loop.loop) - req->start < 2 * election_ms)
        return;
    e->raft.transfer = NULL;
    engine_request_end(req->data, WERR_TIMEOUT, e->index);
}

void engine_steward(struct engine *e)
{
    expire_transfer(e);
    if (raft_state(&e->raft) != RAFT_LEADER || e->is_closing || !roster_is_made(e->roster) ||
        roster_member_n(e->roster) == 0 || raft_transferee(&e->raft) != 0)
        return;
    if (engine_is_halted(e))
        give_up_the_lead(e);
    else if (!e->is_changing)
        (void)(remove_strangers(e) || add_newcomers(e) || forget_no_shows(e) ||
               balance_voters(e) || hand_over(e) || engine_level_tend(e));
}

/* ---- what is asked for ---- */

static bool votes(const struct engine *e, uint64_t id)
{
    const struct raft_server *s = find_server(e, id);

    return s != NULL && s->role == RAFT_VOTER;
}

/* Without the only one that votes the others could do nothing any more. */
int engine_steward_remove(struct engine *e, uint64_t id, cluster_done_fn done, void *arg)
{
    const struct roster_command c = {.type = ROSTER_REMOVE, .member = {.id = id}};

    if (roster_member_n(e->roster) <= 1)
        return id == e->self.id ? WERR_INVALID : WERR_NOT_FOUND;
    if (roster_find(e->roster, id) == NULL)
        return WERR_NOT_FOUND;
    if (votes(e, id) && voter_n(e) == 1)
        return WERR_GUARD;
    return engine_propose_roster(e, &c, done, arg);
}

static void on_promoted(struct raft_change *req, int status)
{
    struct request *q = req->data;
    struct engine *e = q->engine;

    e->is_changing = false;
    if (status != 0)
        e->promoted.id = 0;
    engine_request_end(q, engine_store_error(status), e->index);
}

int engine_steward_promote(struct engine *e, uint64_t id, cluster_done_fn done, void *arg)
{
    const struct raft_server *s = find_server(e, id);

    if (s == NULL)
        return WERR_NOT_FOUND;
    if (s->role == RAFT_VOTER)
        return WERR_EXISTS;
    if (engine_is_halted(e))
        return WERR_NOT_LEADER;
    /* This node's vote is the only one, and stays. */
    if (wanted_n(roster_member_n(e->roster)) == 1)
        return WERR_GUARD;
    if (e->is_changing)
        return WERR_IN_USE;
    struct request *q = engine_request_new(e, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    e->is_changing = true;
    e->promoted = (struct contact){id, loop_now_ms(e->loop.loop)};
    q->change.data = q;
    uv_update_time(&e->loop.uv);
    const int code = raft_assign(&e->raft, &q->change, id, RAFT_VOTER, on_promoted);
    if (code != 0) {
        forget_change(e, &q->change);
        engine_request_end(q, engine_store_error(code), 0);
    }
    engine_kick(e);
    return 0;
}

static void on_transferred(struct raft_transfer *req)
{
    struct request *q = req->data;
    struct engine *e = q->engine;
    const bool is_done = raft_state(&e->raft) != RAFT_LEADER;

    engine_request_end(q, is_done ? 0 : WERR_TIMEOUT, e->index);
}

static int transfer_error(int code)
{
    return code == RAFT_NOTFOUND || code == RAFT_BADID ? WERR_GUARD : engine_store_error(code);
}

/* To itself it is done. Who has no vote can't lead. */
int engine_steward_transfer(struct engine *e, uint64_t id, cluster_done_fn done, void *arg)
{
    if (id == e->self.id || (id == 0 && !engine_has_peers(e))) {
        done(arg, 0, e->index);
        return 0;
    }
    if (id != 0 && roster_find(e->roster, id) == NULL)
        return WERR_NOT_FOUND;
    if (id != 0 && !votes(e, id))
        return WERR_GUARD;
    struct request *q = engine_request_new(e, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    q->transfer.data = q;
    q->transfer.start = loop_now_ms(e->loop.loop); /* libraft has it, and no use for it */
    uv_update_time(&e->loop.uv);
    const int code = raft_transfer(&e->raft, &q->transfer, id, on_transferred);
    if (code != 0)
        engine_request_drop(q);
    engine_kick(e);
    return transfer_error(code);
}

/* ---- who is there ---- */

static uint8_t place_of(const struct raft_server *s)
{
    if (s == NULL || s->role == RAFT_SPARE)
        return CLUSTER_JOINING;
    return s->role == RAFT_VOTER ? CLUSTER_VOTER : CLUSTER_STANDBY;
}

/* Of those who vote there are as many as may: this will stay so. */
static void tell_standby(unsigned wanted)
{
    const bool is_pair = wanted == 1;

    log_warn("this node is a standby: it has no vote and does not take over",
             LOG_U("voters", wanted),
             LOG_S("why", is_pair ? "two members can't outvote each other: with two votes the "
                                    "loss of either would stop all changes"
                                  : "as many members vote as may"),
             LOG_S("way_out", is_pair
                                  ? "a third member, or one with --witness: then all vote"
                                  : "it takes the place of a voter that is silent for 60 s, "
                                    "or of another one after 'weldr cluster promote'"));
}

void engine_standby_tend(struct engine *e)
{
    const uint8_t place = place_of(find_server(e, e->self.id));
    const unsigned wanted = wanted_n(roster_member_n(e->roster));

    if (place == CLUSTER_VOTER && e->standby_is_told) {
        e->standby_is_told = false;
        log_info("this node votes, and is no standby any more");
    }
    if (place != CLUSTER_STANDBY || e->standby_is_told || !e->has_settled ||
        voter_n(e) < wanted)
        return;
    e->standby_is_told = true;
    tell_standby(wanted);
}

static void look(const struct engine *e, const struct roster_member *m,
                 struct cluster_member *out)
{
    raft_index stored;

    *out = (struct cluster_member){.id = m->id,
                                   .address = m->address,
                                   .is_self = m->id == e->self.id,
                                   .is_leader = m->id == e->leader_id,
                                   .is_witness = m->is_witness,
                                   .is_placed = m->is_placed,
                                   .level = m->level,
                                   .place = place_of(find_server(e, m->id)),
                                   .seen_ms_ago = UINT64_MAX};
    (void)snprintf(out->version, sizeof(out->version), "%s", m->version);
    if (out->is_self)
        out->seen_ms_ago = 0;
    if (e->role != CLUSTER_LEADER)
        return;
    out->seen_ms_ago = engine_contact_silent_ms(e, m->id);
    if (raft_match_index(&e->raft, m->id, &stored) == 0) {
        const raft_index last = raft_last_index((struct raft *)&e->raft);

        out->has_lag = true;
        out->lag = out->is_self || stored > last ? 0 : last - stored;
    }
}

unsigned engine_steward_members(const struct engine *e, struct cluster_member *out,
                                unsigned max)
{
    const unsigned n = roster_member_n(e->roster);

    for (unsigned i = 0; i < n && i < max; i++)
        look(e, roster_member_at(e->roster, i), &out[i]);
    if (n > 0)
        return n;
    if (max > 0) {
        out[0] = (struct cluster_member){.id = e->self.id,
                                         .address = engine_own_address(e),
                                         .is_self = true,
                                         .is_leader = e->role == CLUSTER_LEADER,
                                         .level = e->options.level,
                                         .place = CLUSTER_VOTER};
        (void)snprintf(out[0].version, sizeof(out[0].version), "%s", e->options.version);
    }
    return 1;
}

void engine_steward_status(const struct engine *e, struct cluster_status *out)
{
    const unsigned n = voter_n(e);

    *out = (struct cluster_status){
        .incarnation = roster_incarnation(e->roster),
        .term = e->term,
        .applied = e->index,
        .voters = n,
        .quorum = n / 2 + 1,
        .has_quorum = e->leader_id != 0,
        .was_removed = engine_was_removed(e),
        .was_recovered = e->was_recovered,
        .is_witness = e->member.is_witness,
        .profile = roster_profile_name((enum roster_profile)e->member.profile),
        .vip = cluster_vip_times(e->member.profile),
        .election_ms = roster_election_ms((enum roster_profile)e->member.profile),
        .silent_ms = engine_contact_alone_ms(e),
        .level = engine_level(e),
        .known_level = e->options.level,
        .halt = e->halt,
        .address = engine_own_address(e),
        .tally = e->tally.told};
    if (roster_is_made(e->roster))
        engine_uuid_text(roster_uuid(e->roster), out->id);
}

void engine_steward_init(struct engine *e)
{
    memset(e->contacts, 0, sizeof(e->contacts));
}
