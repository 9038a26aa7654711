#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cluster/node_key.h"
#include "cluster/raft_int.h"
#include "cluster/small_file.h"
#include "log/log.h"
#include "net/listen.h"
#include "net/tlsio_issue.h"

/* Who this node is among others: its member file, its certificate, and where others call. */

enum {
    DAYS_MAX = 90,
    LIFE_MAX_S = DAYS_MAX * 24 * 60 * 60,
    RENEW_PARTS = 3, /* with one of so many parts left */
    DEFAULT_PORT = 8688
};

static const char any_member[] = "member.weldr.internal";

uint64_t engine_wall_s(const struct engine *e)
{
    return loop_wall_us(e->loop.loop) / 1000000;
}

void engine_uuid_text(const uint8_t *uuid, char text[CLUSTER_HEX_ID_MAX])
{
    for (unsigned i = 0; i < ROSTER_UUID_BYTES; i++)
        (void)snprintf(text + (size_t)2 * i, 3, "%02x", uuid[i]);
}

void engine_id_text(uint64_t id, char text[ENGINE_ID_TEXT_MAX])
{
    (void)snprintf(text, ENGINE_ID_TEXT_MAX, "%016llx", (unsigned long long)id);
}

void engine_peers_name(const uint8_t *uuid, uint64_t id, char *text)
{
    char cluster[CLUSTER_HEX_ID_MAX];

    engine_uuid_text(uuid, cluster);
    (void)snprintf(text, ENGINE_NAME_MAX, "%016llx.%s.weldr.internal", (unsigned long long)id,
                   cluster);
}

/* ---- certificates ---- */

static int use_certificate(struct engine *e, const char *certificate,
                           const struct seal_opened *key)
{
    const struct span pem = span_from_str(certificate);
    const int rc = link_self_set(&e->self, pem, span_from(key->ptr, key->len),
                                 span_from_str(e->member.authority));

    /* Read once: it is looked at ten times a second. */
    if (rc == 0 && tlsio_issue_end(pem, &e->certificate_end_s) < 0)
        e->certificate_end_s = UINT64_MAX;
    return rc;
}

int engine_peers_take_certificate(struct engine *e, char *certificate, struct seal_opened *key)
{
    const int rc = use_certificate(e, certificate, key);

    if (rc < 0) {
        free(certificate);
        return rc;
    }
    free(e->member.certificate);
    seal_opened_free(&e->member.key);
    e->member.certificate = certificate;
    e->member.key = *key;
    *key = (struct seal_opened){NULL, 0};
    e->must_save = true;
    return 0;
}

int engine_peers_check_key(const struct engine *e, struct span closed)
{
    struct seal_opened opened = {0};
    const int rc = seal_open(e->member.cluster_key, closed, &opened);

    seal_opened_free(&opened);
    return rc == WERR_SYNTAX ? WERR_CORRUPT : rc;
}

/* Of a certificate. A shorter one has begun earlier: orders count in days. */
static uint64_t life_s(const struct engine *e)
{
    return e->options.certificate_s != 0 ? e->options.certificate_s : LIFE_MAX_S;
}

/* With the CA's key, which is open for so long. */
int engine_peers_sign(struct engine *e, uint64_t id, struct span request, char **certificate)
{
    struct seal_opened key = {0};
    char own[ENGINE_NAME_MAX];
    const char *const names[] = {any_member, own};
    int rc = seal_open(e->member.cluster_key, roster_authority_key(e->roster), &key);

    engine_peers_name(e->member.uuid, id, own);
    const struct tlsio_order order = {.authority = roster_authority(e->roster),
                                      .authority_key = span_from(key.ptr, key.len),
                                      .request = request,
                                      .names = names,
                                      .name_n = 2,
                                      .now_s = engine_wall_s(e) + life_s(e) - LIFE_MAX_S,
                                      .days = DAYS_MAX};
    if (rc == 0)
        rc = tlsio_issue_sign(&order, certificate);
    seal_opened_free(&key);
    return rc;
}

static int issue(struct engine *e)
{
    struct tlsio_issued asked = {0};
    char *certificate;
    int rc = tlsio_issue_request(any_member, &asked);

    if (rc == 0)
        rc = engine_peers_sign(e, e->self.id, span_from_str(asked.text), &certificate);
    if (rc == 0)
        rc = engine_peers_take_certificate(e, certificate, &asked.key);
    tlsio_issued_fini(&asked);
    return rc;
}

static void renew(struct engine *e)
{
    const int rc = issue(e);

    if (rc == 0) {
        retry_has_succeeded(&e->renewal);
        log_info("this node's certificate is new");
    } else if (retry_has_failed(&e->renewal, rc, loop_now_ms(e->loop.loop))) {
        log_warn("this node's certificate can't be renewed", LOG_S("error", werr_text(rc)),
                 LOG_S("next", "it is tried again, after ever longer pauses"));
    }
}

static bool is_due(const struct engine *e)
{
    return e->member.certificate == NULL ||
           e->certificate_end_s < engine_wall_s(e) + life_s(e) / RENEW_PARTS;
}

/* ---- a cluster that others can join ---- */

static void on_made(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;

    (void)index;
    e->is_making = false;
    if (error < 0 && !e->is_closing)
        log_warn("the cluster can't be made", LOG_S("error", werr_text(error)));
}

static int propose_cluster(struct engine *e, const struct tlsio_issued *authority)
{
    unsigned char nonce[SEAL_NONCE_BYTES];
    struct roster_command c = {.type = ROSTER_MAKE,
                               .incarnation = 1,
                               .profile = e->member.profile,
                               .authority = span_from_str(authority->text)};

    if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
        return WERR_IO;
    char *closed = seal_close(e->member.cluster_key, nonce,
                              span_from(authority->key.ptr, authority->key.len));
    if (closed == NULL)
        return WERR_NOMEM;
    memcpy(c.uuid, e->member.uuid, sizeof(c.uuid));
    c.authority_key = span_from_str(closed);
    const int rc = engine_propose_roster(e, &c, on_made, e);
    free(closed);
    return rc;
}

static int make(struct engine *e)
{
    char uuid[CLUSTER_HEX_ID_MAX], name[64];
    struct tlsio_issued authority = {0};

    if (getrandom(e->member.uuid, sizeof(e->member.uuid), 0) != sizeof(e->member.uuid))
        return WERR_IO;
    engine_uuid_text(e->member.uuid, uuid);
    (void)snprintf(name, sizeof(name), "Weldr cluster %s", uuid);
    int rc = tlsio_issue_authority(name, engine_wall_s(e), &authority);
    if (rc == 0)
        rc = propose_cluster(e, &authority);
    tlsio_issued_fini(&authority);
    return rc;
}

static int admit_self(struct engine *e)
{
    struct roster_command c = {.type = ROSTER_ADMIT, .now_us = loop_wall_us(e->loop.loop)};

    c.member = (struct roster_member){.id = e->self.id,
                                      .address = e->member.address,
                                      .is_witness = e->options.is_witness,
                                      .level = e->options.level,
                                      .joined_us = c.now_us};
    (void)snprintf(c.member.version, sizeof(c.member.version), "%s", e->options.version);
    return engine_propose_roster(e, &c, on_made, e);
}

/* One step a time: the cluster, this node in it. A cut-off one is gone on with. */
void engine_peers_make_cluster(struct engine *e)
{
    int rc = 0;

    if (e->is_making || e->role != CLUSTER_LEADER || !e->has_settled ||
        !e->options.has_listen || engine_is_halted(e))
        return;
    if (!roster_is_made(e->roster))
        rc = make(e);
    else if (roster_member_n(e->roster) == 0 && e->gate != NULL)
        rc = admit_self(e);
    else
        return;
    e->is_making = rc == 0;
}

/* ---- what the roster says of this node ---- */

static void take_cluster(struct engine *e)
{
    const uint8_t *uuid = roster_uuid(e->roster);
    const uint32_t incarnation = roster_incarnation(e->roster);

    e->must_save = e->must_save || e->member.incarnation != incarnation ||
                   e->member.authority == NULL ||
                   memcmp(e->member.uuid, uuid, sizeof(e->member.uuid)) != 0;
    memcpy(e->self.uuid, uuid, sizeof(e->self.uuid));
    memcpy(e->member.uuid, uuid, sizeof(e->member.uuid));
    e->self.incarnation = e->member.incarnation = incarnation;
    if (e->member.authority == NULL) {
        const struct span pem = roster_authority(e->roster);

        e->member.authority = strndup(pem.ptr, pem.len);
    }
}

static void note_address(struct engine *e, unsigned at, const struct addr *address)
{
    struct addr *known = &e->member.addresses[at];

    e->must_save = e->must_save || at >= e->member.address_n || !addr_is_equal(known, address);
    *known = *address;
}

static void note_addresses(struct engine *e)
{
    unsigned n = 0;

    for (unsigned i = 0; i < roster_member_n(e->roster); i++)
        if (roster_member_at(e->roster, i)->id != e->self.id)
            note_address(e, n++, &roster_member_at(e->roster, i)->address);
    e->must_save = e->must_save || n != e->member.address_n;
    e->member.address_n = n;
}

static bool is_about_self(const struct engine *e, const struct roster_command *c, uint8_t type)
{
    return c != NULL && c->type == type && c->member.id == e->self.id;
}

/* For the next start and for who looks at the directory: its own log may never have it. */
void engine_peers_note_removed(struct engine *e)
{
    const int rc = data_dir_has(e->dir, DATA_DIR_REMOVED)
                       ? 0
                       : small_file_write(e->dir->fd, DATA_DIR_REMOVED, SPAN_NONE);

    if (rc < 0)
        log_warn("that this node was removed can't be kept", LOG_S("error", werr_text(rc)));
}

void engine_peers_changed(struct engine *e, const struct roster_command *c)
{
    if (!roster_is_made(e->roster))
        return;
    take_cluster(e);
    note_addresses(e);
    e->has_news = true;
    engine_vips_touch(e);
    if (is_about_self(e, c, ROSTER_REMOVE) || roster_was_removed(e->roster, e->self.id)) {
        e->was_removed = true;
        engine_peers_note_removed(e);
    } else if (c != NULL && c->type == ROSTER_REMOVE) {
        engine_forward_tell_removed(e, c->member.id);
    }
}

void engine_peers_tell_news(struct engine *e)
{
    if (!e->has_news || e->member.cluster_key == NULL)
        return;
    e->has_news = false;
    if (e->cluster.hooks.on_members != NULL)
        e->cluster.hooks.on_members(e->cluster.hooks.arg);
}

/* Outside of libraft's callbacks. */
void engine_peers_tend(struct engine *e)
{
    if (engine_was_removed(e) && !e->is_lost) {
        engine_peers_note_removed(e);
        engine_lose(e, WERR_DENIED, "it was removed from the cluster");
    }
    if (!roster_is_made(e->roster) || e->member.cluster_key == NULL)
        return;
    if (is_due(e) && retry_may_begin(&e->renewal, loop_now_ms(e->loop.loop)))
        renew(e);
    engine_member_tend(e);
}

/* ---- where others call ---- */

static const struct link_ops *on_link(void *arg, struct link *l)
{
    struct engine *e = arg;

    if (e->is_closing || e->raft.data == NULL)
        return NULL;
    switch (link_use(l)) {
    case LINK_RAFT:
        return engine_transport_take(e->peers, l);
    case LINK_CTL:
        return engine_forward_take(e, l);
    case LINK_JOIN:
        return engine_admit_take(e, l);
    case LINK_USES:
        break;
    }
    return NULL;
}

/* From the start on, so that an address that is taken ends it; who calls before there is a
 * certificate is closed at once. */
static int listen_for_others(struct engine *e, struct strb *wrong)
{
    const struct gate_ops ops = {.on_link = on_link, .arg = e};
    const struct addr *at = e->options.has_listen ? &e->options.listen : &e->member.address;
    char text[ADDR_TEXT_MAX];

    if (at->family == 0 || e->options.recovers)
        return 0;
    const int rc = gate_new(&e->self, at, &ops, &e->gate);
    text[addr_print(at, text)] = '\0';
    if (rc < 0) {
        e->gate = NULL;
        strb_addf(wrong, "--cluster-ip %s: %s", text, werr_text(rc));
        return rc;
    }
    if (e->member.address.family == 0)
        e->member.address = *at;
    if (e->member.address.port == 0)
        e->member.address.port = gate_address(e->gate)->port;
    e->self.address = e->member.address;
    text[addr_print(&e->member.address, text)] = '\0';
    log_info("other nodes can call", LOG_S("address", text));
    engine_testament_listen(e);
    e->must_save = true; /* its own address may be another one than before */
    return 0;
}

/* ---- start and end ---- */

static int read_own(struct engine *e, struct strb *wrong)
{
    e->node_key = seal_memory_new(SEAL_KEY_BYTES);
    if (e->node_key == NULL)
        return WERR_NOMEM;
    int rc = node_key_open(e->dir, e->options.node_key_file, e->node_key, wrong);
    if (rc == 0)
        rc = member_file_open(e->dir, e->node_key, &e->member, wrong);
    return rc;
}

/* A newcomer that does not say where it is reached: where it calls from, and nowhere else. */
static int choose_address(struct engine *e, struct strb *wrong)
{
    char text[ADDR_TEXT_MAX];
    const int rc = listen_source(&e->options.join, &e->options.listen);

    if (rc < 0) {
        text[addr_print(&e->options.join, text)] = '\0';
        strb_addf(wrong, "--join %s: %s; is --cluster-ip missing?", text, werr_text(rc));
        return rc;
    }
    e->options.listen.port = DEFAULT_PORT;
    e->options.has_listen = true;
    return 0;
}

/* What the flags say counts until others know it. */
static int take_flags(struct engine *e, struct strb *wrong)
{
    int rc = 0;

    if (!e->options.has_listen && e->dir->is_new && e->options.join.family != 0)
        rc = choose_address(e, wrong);
    if (rc < 0)
        return rc;
    if (!e->member.has_joined && e->member.certificate == NULL)
        e->member.profile = e->options.profile;
    if (e->options.has_listen && !addr_is_wildcard(&e->options.listen))
        e->member.address = e->options.listen;
    e->member.id = e->self.id;
    return 0;
}

int engine_peers_open(struct engine *e, struct strb *wrong)
{
    int rc = read_own(e, wrong);

    if (rc == 0)
        rc = take_flags(e, wrong);
    if (rc < 0)
        return rc;
    memcpy(e->self.uuid, e->member.uuid, sizeof(e->self.uuid));
    e->self.incarnation = e->member.incarnation;
    if (e->member.certificate != NULL)
        rc = use_certificate(e, e->member.certificate, &e->member.key);
    if (rc < 0) {
        strb_addf(wrong, "%s/member: its certificate can't be used: %s; %s", e->dir->path,
                  werr_text(rc), data_dir_way_out);
        return rc;
    }
    return listen_for_others(e, wrong);
}

void engine_peers_close(struct engine *e)
{
    if (e->gate != NULL)
        gate_close(e->gate, NULL, NULL);
    link_self_fini(&e->self);
    member_file_fini(&e->member);
    seal_memory_free(e->node_key);
    roster_free(e->roster);
}
