#include "manager/keyring.h"

#include <string.h>
#include <sys/random.h>

#include "cluster/member_file.h"
#include "cluster/node_key.h"
#include "log/log.h"
#include "manager/publish.h"

/* In memory that is not dumped. */
struct keyring_tickets {
    unsigned own_n;
    char own[TLSIO_TICKET_KEYS][TLSIO_TICKET_KEY_BYTES]; /* the newest first */
    char published[TLSIO_TICKETS_MAX_BYTES];             /* own and shared ones */
};

static int choose(void *bytes, size_t n)
{
    return getrandom(bytes, n, 0) == (ssize_t)n ? 0 : WERR_IO;
}

/* ---- tickets ---- */

static const uint64_t period_us = (uint64_t)KEYRING_PERIOD_MS * 1000;

static int add_own_key(struct keyring_tickets *t)
{
    char next[TLSIO_TICKET_KEY_BYTES];
    const int rc = choose(next, sizeof(next));

    if (rc < 0)
        return rc;
    memmove(t->own[1], t->own[0], sizeof(t->own) - sizeof(next));
    memcpy(t->own[0], next, sizeof(next));
    explicit_bzero(next, sizeof(next));
    if (t->own_n < TLSIO_TICKET_KEYS)
        t->own_n++;
    return 0;
}

/* That of now makes tickets. */
static void derive_shared(const struct keyring *k, char *keys)
{
    const uint64_t periods[TLSIO_TICKET_SHARED_KEYS] = {k->period, k->period + 1, k->period - 1,
                                                        k->period - 2};

    for (unsigned i = 0; i < TLSIO_TICKET_SHARED_KEYS; i++)
        seal_derive(k->seal, "weldr session tickets", periods[i],
                    (unsigned char *)keys + (size_t)i * TLSIO_TICKET_KEY_BYTES,
                    TLSIO_TICKET_KEY_BYTES);
}

static void publish_tickets(struct keyring *k)
{
    struct keyring_tickets *t = k->tickets;
    const size_t own = t->own_n * sizeof(t->own[0]);

    memcpy(t->published, t->own, own);
    derive_shared(k, t->published + own);
    publish_bytes(k->publish, FRAME_TICKETS,
                  span_from(t->published,
                            own + (size_t)TLSIO_TICKET_SHARED_KEYS * TLSIO_TICKET_KEY_BYTES));
}

/* When the period is over. */
static void set_timer(struct keyring *k, uint64_t now_us)
{
    const uint64_t left_ms = (period_us - now_us % period_us) / 1000 + 1;

    loop_timer_in(k->loop, &k->look, left_ms < KEYRING_LOOK_MS ? left_ms : KEYRING_LOOK_MS);
}

static void on_look(struct timer *t)
{
    struct keyring *k = (struct keyring *)((char *)t - offsetof(struct keyring, look));
    const uint64_t now_us = loop_wall_us(k->loop);

    set_timer(k, now_us);
    if (now_us / period_us == k->period)
        return;
    k->period = now_us / period_us;
    if (add_own_key(k->tickets) < 0)
        log_warn("the own keys of session tickets stay: no randomness");
    publish_tickets(k);
    log_info("session tickets have a new key", LOG_U("keys", k->tickets->own_n));
}

/* ---- private keys ---- */

int keyring_close(const struct keyring *k, struct span plain, char **closed)
{
    unsigned char nonce[SEAL_NONCE_BYTES];

    if (plain.len > SEAL_PLAIN_MAX)
        return WERR_TOO_BIG;
    if (choose(nonce, sizeof(nonce)) < 0)
        return WERR_IO;
    *closed = seal_close(k->seal, nonce, plain);
    return *closed != NULL ? 0 : WERR_NOMEM;
}

bool keyring_opens(const struct keyring *k, const char *closed)
{
    struct seal_opened opened;

    if (seal_open(k->seal, span_from_str(closed), &opened) < 0)
        return false;
    seal_opened_free(&opened);
    return true;
}

static int close_with(const unsigned char *key, const unsigned char *plain, char **closed)
{
    unsigned char nonce[SEAL_NONCE_BYTES];

    if (choose(nonce, sizeof(nonce)) < 0)
        return WERR_IO;
    *closed = seal_close(key, nonce, span_from((const char *)plain, SEAL_KEY_BYTES));
    return *closed != NULL ? 0 : WERR_NOMEM;
}

int keyring_export(const struct keyring *k, const struct data_dir *dir,
                   const char *node_key_file, char **closed)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    if (dir == NULL)
        return WERR_UNSUPPORTED;
    unsigned char *node_key = seal_memory_new(SEAL_KEY_BYTES);
    if (node_key == NULL)
        return WERR_NOMEM;
    strb_init(&wrong, text, sizeof(text));
    int rc = node_key_open(dir, node_key_file, node_key, &wrong);
    if (rc < 0)
        log_error("the node's key can't be used", LOG_B("why", strb_span(&wrong)));
    else
        rc = close_with(node_key, k->seal, closed);
    seal_memory_free(node_key);
    return rc;
}

/* ---- life ---- */

static int read_member(struct keyring *k, const struct data_dir *dir,
                       const unsigned char *node_key, struct strb *wrong)
{
    struct member_file member;
    const int rc = member_file_open(dir, node_key, &member, wrong);

    if (rc == 0)
        memcpy(k->seal, member.cluster_key, SEAL_KEY_BYTES);
    member_file_fini(&member);
    return rc;
}

static int open_seal(struct keyring *k, const struct data_dir *dir, const char *node_key_file)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    if (dir == NULL)
        return choose(k->seal, SEAL_KEY_BYTES);
    unsigned char *node_key = seal_memory_new(SEAL_KEY_BYTES);
    if (node_key == NULL)
        return WERR_NOMEM;
    strb_init(&wrong, text, sizeof(text));
    int rc = node_key_open(dir, node_key_file, node_key, &wrong);
    if (rc == 0)
        rc = read_member(k, dir, node_key, &wrong);
    seal_memory_free(node_key);
    if (rc < 0)
        log_error("the cluster's key can't be used", LOG_B("why", strb_span(&wrong)));
    return rc;
}

static void publish_seal(struct keyring *k)
{
    publish_bytes(k->publish, FRAME_SEAL, span_from((const char *)k->seal, SEAL_KEY_BYTES));
}

void keyring_take(struct keyring *k, const unsigned char *key)
{
    memcpy(k->seal, key, SEAL_KEY_BYTES);
    publish_seal(k);
    publish_tickets(k);
}

struct span keyring_own_tickets(const struct keyring *k)
{
    return span_from(k->tickets->own[0], k->tickets->own_n * sizeof(k->tickets->own[0]));
}

void keyring_inherit(struct keyring *k, const unsigned char *key, struct span own_tickets)
{
    struct keyring_tickets *t = k->tickets;

    MUST(t != NULL); /* keyring_init was called */
    if (own_tickets.len > 0 && own_tickets.len <= sizeof(t->own) &&
        own_tickets.len % sizeof(t->own[0]) == 0) {
        t->own_n = (unsigned)(own_tickets.len / sizeof(t->own[0]));
        memcpy(t->own, own_tickets.ptr, own_tickets.len);
    }
    if (key != NULL)
        keyring_take(k, key);
    else
        publish_tickets(k);
}

int keyring_init(struct keyring *k, struct loop *loop, struct publish *publish,
                 const struct data_dir *dir, const char *node_key_file)
{
    *k = (struct keyring){.loop = loop, .publish = publish};
    timer_init(&k->look, on_look);
    k->seal = seal_memory_new(SEAL_KEY_BYTES);
    k->tickets = seal_memory_new(sizeof(*k->tickets)); /* zeroed */
    int rc = k->seal != NULL && k->tickets != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = open_seal(k, dir, node_key_file);
    if (rc == 0)
        rc = add_own_key(k->tickets);
    if (rc < 0) {
        keyring_fini(k);
        return rc;
    }
    k->period = loop_wall_us(loop) / period_us;
    publish_seal(k);
    publish_tickets(k);
    set_timer(k, loop_wall_us(loop));
    return 0;
}

void keyring_fini(struct keyring *k)
{
    if (k->loop != NULL)
        timer_stop(loop_timers(k->loop), &k->look);
    seal_memory_free(k->seal);
    seal_memory_free(k->tickets);
    *k = (struct keyring){0};
}
