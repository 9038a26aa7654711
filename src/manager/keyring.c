#include "manager/keyring.h"

#include <string.h>
#include <sys/random.h>

#include "cluster/node_key.h"
#include "log/log.h"
#include "manager/publish.h"

enum { TICKETS_BYTES = TLSIO_TICKET_KEYS * TLSIO_TICKET_KEY_BYTES };

static int choose(void *bytes, size_t n)
{
    return getrandom(bytes, n, 0) == (ssize_t)n ? 0 : WERR_IO;
}

/* ---- tickets ---- */

static int add_ticket_key(struct keyring *k)
{
    char next[TLSIO_TICKET_KEY_BYTES];
    const int rc = choose(next, sizeof(next));

    if (rc < 0)
        return rc;
    memmove(k->tickets + sizeof(next), k->tickets, TICKETS_BYTES - sizeof(next));
    memcpy(k->tickets, next, sizeof(next));
    explicit_bzero(next, sizeof(next));
    if (k->ticket_n < TLSIO_TICKET_KEYS)
        k->ticket_n++;
    publish_bytes(k->publish, FRAME_TICKETS,
                  span_from(k->tickets, (size_t)k->ticket_n * TLSIO_TICKET_KEY_BYTES));
    return 0;
}

static void on_rotation(struct timer *t)
{
    struct keyring *k = (struct keyring *)((char *)t - offsetof(struct keyring, rotation));

    if (add_ticket_key(k) < 0)
        log_warn("session tickets keep their key: no randomness");
    else
        log_info("session tickets have a new key", LOG_U("keys", k->ticket_n));
    loop_timer_in(k->loop, &k->rotation, KEYRING_ROTATION_MS);
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

/* ---- life ---- */

static int open_seal(struct keyring *k, const struct data_dir *dir)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    if (dir == NULL)
        return choose(k->seal, SEAL_KEY_BYTES);
    strb_init(&wrong, text, sizeof(text));
    const int rc = node_key_open(dir, NULL, k->seal, &wrong);
    if (rc < 0)
        log_error("the node's key can't be used", LOG_B("why", strb_span(&wrong)));
    return rc;
}

int keyring_init(struct keyring *k, struct loop *loop, struct publish *publish,
                 const struct data_dir *dir)
{
    *k = (struct keyring){.loop = loop, .publish = publish};
    timer_init(&k->rotation, on_rotation);
    k->seal = seal_memory_new(SEAL_KEY_BYTES);
    k->tickets = seal_memory_new(TICKETS_BYTES);
    int rc = k->seal != NULL && k->tickets != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = open_seal(k, dir);
    if (rc == 0)
        rc = add_ticket_key(k);
    if (rc < 0) {
        keyring_fini(k);
        return rc;
    }
    publish_bytes(publish, FRAME_SEAL, span_from((const char *)k->seal, SEAL_KEY_BYTES));
    loop_timer_in(loop, &k->rotation, KEYRING_ROTATION_MS);
    return 0;
}

void keyring_fini(struct keyring *k)
{
    if (k->loop != NULL)
        timer_stop(loop_timers(k->loop), &k->rotation);
    seal_memory_free(k->seal);
    seal_memory_free(k->tickets);
    *k = (struct keyring){0};
}
