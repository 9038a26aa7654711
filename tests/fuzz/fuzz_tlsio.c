/* TLS among bad peers. The input is a script: who is tested (a server or a client, TLS 1.2 or
 * 1.3, before or behind a handshake with the library itself), and then what the peer does:
 * goes on, cut and changed at will, or says records of any type and content, in clear or under
 * the connection's keys. Whatever comes, what is sent are whole records, nothing of it stays in
 * the output, whoever fails says why, and nobody fails of what was only cut. */
#include "base/werr.h"

/* What tls_bad.h asks of cmocka is to hold here too. */
#define WELDR_TESTS_CM_H
#define COUNT(array)              (sizeof(array) / sizeof((array)[0]))
#define assert_true(x)            MUST(x)
#define assert_non_null(x)        MUST((x) != NULL)
#define assert_int_equal(a, b)    MUST((int64_t)(a) == (int64_t)(b))
#define assert_in_range(x, a, b)  MUST((x) >= (a) && (x) <= (b))
#define assert_string_equal(a, b) MUST(strcmp(a, b) == 0)

#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method has no other form */
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>

#include "../unit/net/tls_bad.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAID_MAX = 64 * 1024, FORGED_MAX = 17 * 1024, STEPS_MAX = 64 };

/* ---- chance, the same in each run ---- */

static uint64_t chance;

static int random_bytes(unsigned char *to, int n)
{
    for (int i = 0; i < n; i++) {
        chance = chance * 6364136223846793005U + 1442695040888963407U;
        to[i] = (unsigned char)(chance >> 56);
    }
    return 1;
}

static int is_random(void)
{
    return 1;
}

static const RAND_METHOD no_chance = {
    .bytes = random_bytes, .pseudorand = random_bytes, .status = is_random};

static void begin(void)
{
    static bool has_begun;

    if (!has_begun) {
        has_begun = true;
        MUST(tlsio_start() == 0);
        MUST(RAND_set_rand_method(&no_chance) == 1);
        (void)bad_set_up(NULL);
    }
    chance = 1;
}

/* ---- the script ---- */

struct script {
    struct span rest;
    struct bad *b;
    char said[SAID_MAX]; /* of the peer, not given yet */
    size_t said_n;
    bool is_clean; /* nothing was damaged, forged, left out */
};

static uint8_t next(struct script *s)
{
    const uint8_t byte = s->rest.len > 0 ? (uint8_t)s->rest.ptr[0] : 0;

    s->rest = span_skip(s->rest, s->rest.len > 0 ? 1 : 0);
    return byte;
}

static struct span next_bytes(struct script *s)
{
    const size_t wish = next(s);
    const struct span bytes = span_first(s->rest, wish < s->rest.len ? wish : s->rest.len);

    s->rest = span_skip(s->rest, bytes.len);
    return bytes;
}

static void hear(struct script *s)
{
    if (s->said_n < SAID_MAX)
        s->said_n += bad_hear(s->b, s->said + s->said_n, SAID_MAX - s->said_n);
}

static void give_said(struct script *s, size_t n)
{
    if (n > s->said_n)
        n = s->said_n;
    bad_give(s->b, s->said, n);
    memmove(s->said, s->said + n, s->said_n - n);
    s->said_n -= n;
}

static void damage(struct script *s)
{
    const size_t at = (size_t)next(s) << 8 | next(s);
    const uint8_t by = next(s);

    if (s->said_n == 0 || by == 0)
        return;
    s->said[at % s->said_n] ^= (char)by;
    s->is_clean = false;
}

static void drop(struct script *s)
{
    const size_t n = next(s);

    s->is_clean = s->is_clean && (n == 0 || s->said_n == 0);
    memmove(s->said, s->said + (n < s->said_n ? n : s->said_n),
            s->said_n - (n < s->said_n ? n : s->said_n));
    s->said_n -= n < s->said_n ? n : s->said_n;
}

/* Bytes n times over, so that records get long. */
static void forge(struct script *s)
{
    static char bytes[FORGED_MAX];
    static unsigned char record[FORGED_MAX + 64];
    const int type = next(s);
    const size_t times = 1 + (size_t)next(s) * 8;
    const struct span piece = next_bytes(s);
    size_t n = 0;

    if (s->b->secret_n == 0 || tlsio_state(s->b->t) != TLSIO_OPEN)
        return;
    for (size_t i = 0; i < times && n + piece.len <= sizeof(bytes) && piece.len > 0; i++) {
        memcpy(bytes + n, piece.ptr, piece.len);
        n += piece.len;
    }
    bad_give(s->b, record, bad_record(s->b, type, bytes, n, record));
    s->is_clean = false;
}

static void say(struct script *s)
{
    const struct span bytes = next_bytes(s);

    if (SSL_is_init_finished(s->b->peer) && bytes.len > 0)
        (void)SSL_write(s->b->peer, bytes.ptr, (int)bytes.len);
    ERR_clear_error();
}

static void answer(struct script *s)
{
    const struct span bytes = next_bytes(s);
    const struct iovec iov = {(void *)(uintptr_t)bytes.ptr, bytes.len};
    const enum tlsio_state state = tlsio_state(s->b->t);

    if ((state == TLSIO_OPEN || state == TLSIO_ENDED) && bytes.len > 0)
        MUST(tlsio_write(s->b->t, &iov, 1) == 0);
    bad_drain(s->b);
}

static void say_of_itself(struct script *s)
{
    SSL *peer = s->b->peer;

    if (!SSL_is_init_finished(peer))
        return;
    s->is_clean = false; /* it may give up by itself */
    switch (next(s) % 4) {
    case 0:
        (void)SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED);
        break;
    case 1:
        (void)SSL_new_session_ticket(peer);
        break;
    case 2:
        (void)SSL_renegotiate(peer);
        break;
    default:
        (void)SSL_shutdown(peer);
    }
    (void)SSL_do_handshake(peer);
    ERR_clear_error();
}

static void step(struct script *s)
{
    switch (next(s) % 9) {
    case 0:
        give_said(s, 1 + (size_t)next(s));
        break;
    case 1:
        give_said(s, SAID_MAX);
        break;
    case 2: {
        const struct span raw = next_bytes(s);

        bad_give(s->b, raw.ptr, raw.len);
        s->is_clean = false;
        break;
    }
    case 3:
        damage(s);
        break;
    case 4:
        drop(s);
        break;
    case 5:
        forge(s);
        break;
    case 6:
        say(s);
        break;
    case 7:
        answer(s);
        break;
    default:
        say_of_itself(s);
    }
}

/* ---- what must hold ---- */

/* An alert may have the version that the peer has offered, whatever that is. */
static bool is_head(const unsigned char *p)
{
    return p[0] >= RECORD_CCS && p[0] <= RECORD_DATA && (p[0] == RECORD_ALERT || p[1] == 3);
}

static void check_records(const struct bad *b)
{
    const unsigned char *p = (const unsigned char *)b->sent;
    size_t at = 0;

    while (at < b->sent_n) {
        MUST(at + 5 <= b->sent_n && is_head(p + at));
        const size_t len = (size_t)(p[at + 3] << 8 | p[at + 4]);

        MUST(len > 0 && len <= TLSIO_RECORD_BYTES + 256);
        at += 5 + len;
    }
    MUST(at == b->sent_n);
}

static void check(const struct script *s)
{
    const enum tlsio_state state = tlsio_state(s->b->t);

    MUST(tlsio_output(s->b->t).len == 0);
    if (state == TLSIO_FAILED) {
        const struct tlsio_fault fault = tlsio_fault(s->b->t);

        MUST(fault.error < 0 && fault.error != WERR_AGAIN && fault.word[0] != '\0');
        MUST(!s->is_clean);
    } else if (state == TLSIO_OPEN) {
        MUST(tlsio_facts(s->b->t).version != NULL);
    }
}

static void run(struct script *s)
{
    for (unsigned i = 0; i < STEPS_MAX && s->rest.len > 0; i++) {
        step(s);
        hear(s);
        check(s);
    }
    check_records(s->b);
}

enum { IS_CLIENT = 1, IS_12 = 2, IS_OPEN = 4, IS_BARE = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    struct script *s = &script;

    begin();
    s->rest = span_from((const char *)data, size);
    s->said_n = 0;
    const uint8_t how = next(s);

    s->b = how & IS_CLIENT ? bad_client() : bad_server();
    if (how & IS_BARE) {
        bad_give(s->b, s->rest.ptr, s->rest.len);
        check_records(s->b);
        bad_free(s->b);
        return 0;
    }
    s->is_clean = true;
    bad_meet(s->b, (how & IS_CLIENT) != 0, how & IS_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    if (how & IS_OPEN)
        bad_talk(s->b);
    hear(s);
    run(s);
    bad_free(s->b);
    return 0;
}
