#include "toy_tlsio.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "base/rand.h"
#include "net/tlsio.h"
#include "net/tlsio_context.h"

enum {
    HEAD_BYTES = 3,
    RECORD_MAX = 2000,
    WIRE_BYTES = 4 * 1024 * 1024,
    ROUNDS_MAX = 3,
    FIRST_STEP_US = 400,
    STEP_US = 50,
    IN_MAX = 1024 * 1024
};

/* Types of records. */
enum { HELLO = 'H', DATA = 'D', ASIDE = 'T', BYE = 'B' };

struct tlsio_shared {
    struct tlsio *writer;
    size_t wire_n, plain_bytes;
    char *wire, *plain;
};

struct tlsio {
    struct tlsio_shared *shared;
    struct tlsio_context *context;
    uint8_t state;
    bool asks, is_shut;
    uint8_t rounds; /* of the handshake, still to come */
    struct span lent;
    char *in; /* what came; in_n bytes from in_at on were not handed on */
    size_t in_at, in_n, in_cap;
};

static const struct fsm_state states[TLSIO_STATES] = {
    [TLSIO_HANDSHAKE] = {"HANDSHAKE", FSM_TO(TLSIO_OPEN) | FSM_TO(TLSIO_FAILED)},
    [TLSIO_OPEN] = {"OPEN", FSM_TO(TLSIO_ENDED) | FSM_TO(TLSIO_FAILED)},
    [TLSIO_ENDED] = {"ENDED", FSM_TO(TLSIO_FAILED)},
    [TLSIO_FAILED] = {"FAILED", 0},
};
static const struct fsm machine = {"toy tlsio", states, TLSIO_STATES};

static struct rand_state chance;
static uint64_t asides_n;
static bool is_calm;

void toy_tlsio_seed(uint64_t seed)
{
    rand_seed(&chance, seed);
    asides_n = 0;
    is_calm = false;
}

void toy_tlsio_calm(void)
{
    is_calm = true;
}

uint64_t toy_tlsio_asides(void)
{
    return asides_n;
}

static size_t up_to(size_t n)
{
    return 1 + (size_t)rand_below(&chance, n);
}

static void move(struct tlsio *t, enum tlsio_state next, const char *why)
{
    fsm_move(&machine, &t->state, next, (uint64_t)(uintptr_t)t, why);
}

/* ---- life ---- */

struct tlsio_shared *tlsio_shared_new(size_t plain_bytes)
{
    struct tlsio_shared *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (struct tlsio_shared){
        .plain_bytes = plain_bytes, .wire = malloc(WIRE_BYTES), .plain = malloc(plain_bytes)};
    MUST(s->wire != NULL && s->plain != NULL);
    return s;
}

void tlsio_shared_free(struct tlsio_shared *s)
{
    if (s == NULL)
        return;
    MUST(s->wire_n == 0);
    free(s->wire);
    free(s->plain);
    free(s);
}

void tlsio_shared_wipe(struct tlsio_shared *s)
{
    (void)s; /* nothing is secret here */
}

static struct tlsio *make(struct tlsio_shared *s, struct tlsio_context *context, bool asks)
{
    struct tlsio *t = fault_malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    *t = (struct tlsio){.shared = s,
                        .context = tlsio_context_get(context),
                        .state = TLSIO_HANDSHAKE,
                        .asks = asks,
                        .rounds = (uint8_t)up_to(ROUNDS_MAX),
                        .lent = SPAN_NONE};
    return t;
}

struct tlsio *tlsio_new_server(struct tlsio_shared *s, struct tlsio_context *context)
{
    return make(s, context, false);
}

struct tlsio *tlsio_new_client(struct tlsio_shared *s, struct tlsio_context *context,
                               const struct tlsio_peer_name *peer)
{
    (void)peer;
    return make(s, context, true);
}

void tlsio_free(struct tlsio *t)
{
    if (t == NULL)
        return;
    MUST(t->shared->writer != t);
    tlsio_context_put(t->context);
    free(t->in);
    free(t);
}

/* ---- records ---- */

static void put_record(struct tlsio *t, char type, const char *bytes, size_t n)
{
    struct tlsio_shared *s = t->shared;
    char *to = s->wire + s->wire_n;

    MUST(s->writer == NULL || s->writer == t);
    MUST(s->wire_n + HEAD_BYTES + n <= WIRE_BYTES);
    s->writer = t;
    to[0] = type;
    to[1] = (char)(n >> 8);
    to[2] = (char)n;
    for (size_t i = 0; i < n; i++)
        to[HEAD_BYTES + i] = (char)~bytes[i];
    s->wire_n += HEAD_BYTES + n;
}

static void say_aside(struct tlsio *t)
{
    if (is_calm || rand_below(&chance, 4) != 0 || t->is_shut)
        return;
    put_record(t, ASIDE, "aside", up_to(5));
    asides_n++;
}

static char *in_of(const struct tlsio *t)
{
    return t->in + t->in_at;
}

/* The length of the first record, if it is whole; else 0. */
static size_t first_record(const char *in, size_t n)
{
    if (n < HEAD_BYTES)
        return 0;
    const size_t len = HEAD_BYTES + ((size_t)(uint8_t)in[1] << 8 | (uint8_t)in[2]);

    return n >= len ? len : 0;
}

int64_t tlsio_gate(struct span in)
{
    if (in.len > 0 && in.ptr[0] != HELLO)
        return WERR_SYNTAX;
    return (int64_t)first_record(in.ptr, in.len);
}

struct span tlsio_gate_alert(struct span in, int error)
{
    (void)in;
    (void)error;
    return SPAN_NONE;
}

static void drop(struct tlsio *t, size_t n)
{
    t->in_at += n;
    t->in_n -= n;
}

static void keep_lent(struct tlsio *t)
{
    if (t->lent.len == 0)
        return;
    if (t->in_n > 0)
        memmove(t->in, in_of(t), t->in_n);
    t->in_at = 0;
    if (t->in_n + t->lent.len > t->in_cap) {
        t->in_cap = (t->in_n + t->lent.len) * 2;
        MUST(t->in_cap <= IN_MAX);
        t->in = realloc(t->in, t->in_cap);
        MUST(t->in != NULL);
    }
    memcpy(t->in + t->in_n, t->lent.ptr, t->lent.len);
    t->in_n += t->lent.len;
    t->lent = SPAN_NONE;
}

void tlsio_give(struct tlsio *t, struct span in)
{
    MUST(t->lent.len == 0);
    if (t->state != TLSIO_ENDED)
        t->lent = in;
}

bool tlsio_has_more(const struct tlsio *t)
{
    return t->lent.len > 0 || t->in_n > 0;
}

/* ---- the handshake: hellos in turn; the last is the one who accepts ---- */

static void say_hello(struct tlsio *t)
{
    const char last = t->asks ? 0 : (char)(t->rounds == 0);

    put_record(t, HELLO, &last, 1);
}

static int hear_hello(struct tlsio *t, bool is_last)
{
    if (t->asks && is_last) {
        move(t, TLSIO_OPEN, "handshake done");
        return 0;
    }
    if (!t->asks)
        t->rounds--;
    say_hello(t);
    if (t->asks || t->rounds > 0)
        return WERR_AGAIN;
    move(t, TLSIO_OPEN, "handshake done");
    return 0;
}

/* As with the real ones: the first step of who accepts is dear. */
uint32_t tlsio_step_cost_us(const struct tlsio *t)
{
    return !t->asks && t->in == NULL ? FIRST_STEP_US : STEP_US;
}

int tlsio_handshake(struct tlsio *t)
{
    MUST(t->state == TLSIO_HANDSHAKE);
    const bool is_first = t->asks && t->in == NULL && t->lent.len == 0;

    keep_lent(t);
    const size_t n = t->in_n > 0 ? first_record(in_of(t), t->in_n) : 0;

    if (is_first)
        say_hello(t);
    if (n == 0)
        return WERR_AGAIN;
    const bool is_last = (char)~in_of(t)[HEAD_BYTES] != 0;

    MUST(in_of(t)[0] == HELLO);
    drop(t, n);
    return hear_hello(t, is_last);
}

/* ---- plain bytes ---- */

/* Adds to plain a part of what the first record has left; the record goes with its last byte.
 * Its head moves along with its rest. */
static void take_part(struct tlsio *t, size_t record_n, struct span *plain)
{
    const char *in = in_of(t);
    const size_t there = record_n - HEAD_BYTES;
    const size_t n = there > 0 && !is_calm ? up_to(there) : there;
    const size_t left = there - n;
    char *to = t->shared->plain + plain->len;

    for (size_t i = 0; i < n; i++)
        to[i] = (char)~in[HEAD_BYTES + i];
    *plain = span_from(t->shared->plain, plain->len + n);
    drop(t, left > 0 ? n : record_n);
    if (left == 0)
        return;
    in_of(t)[0] = DATA;
    in_of(t)[1] = (char)(left >> 8);
    in_of(t)[2] = (char)left;
}

/* One piece is enough; who is calm takes all that there is, and has room for. */
static bool is_enough(const struct tlsio *t, struct span plain)
{
    return plain.len > 0 && (!is_calm || plain.len + RECORD_MAX > t->shared->plain_bytes);
}

int tlsio_read(struct tlsio *t, struct span *plain)
{
    size_t n;

    *plain = SPAN_NONE;
    if (t->state == TLSIO_ENDED)
        return 0;
    MUST(t->state == TLSIO_OPEN);
    keep_lent(t);
    say_aside(t);
    while (!is_enough(t, *plain) && t->in_n > 0 && (n = first_record(in_of(t), t->in_n)) > 0) {
        if (in_of(t)[0] == DATA) {
            take_part(t, n, plain);
            continue;
        }
        MUST(in_of(t)[0] == ASIDE || in_of(t)[0] == BYE);
        if (in_of(t)[0] == BYE) {
            if (plain->len > 0)
                return 0; /* with the next call */
            move(t, TLSIO_ENDED, "bye");
            t->in_n = 0;
            return 0;
        }
        drop(t, n);
    }
    return 0;
}

bool tlsio_can_write(const struct tlsio *t, size_t bytes)
{
    return t->shared->wire_n + bytes * (1 + HEAD_BYTES) + RECORD_MAX <= WIRE_BYTES;
}

static void write_piece(struct tlsio *t, struct span piece)
{
    while (piece.len > 0) {
        const size_t most = piece.len < RECORD_MAX ? piece.len : RECORD_MAX;
        const size_t n = is_calm ? most : up_to(most);

        put_record(t, DATA, piece.ptr, n);
        piece = span_skip(piece, n);
    }
}

int tlsio_write(struct tlsio *t, const struct iovec *iov, unsigned n)
{
    MUST((t->state == TLSIO_OPEN || t->state == TLSIO_ENDED) && !t->is_shut);
    for (unsigned i = 0; i < n; i++)
        write_piece(t, span_from(iov[i].iov_base, iov[i].iov_len));
    say_aside(t);
    return 0;
}

void tlsio_shut(struct tlsio *t)
{
    if (t->is_shut || t->state == TLSIO_HANDSHAKE || t->state == TLSIO_FAILED)
        return;
    t->is_shut = true;
    put_record(t, BYE, NULL, 0);
}

struct span tlsio_output(const struct tlsio *t)
{
    return t->shared->writer == t ? span_from(t->shared->wire, t->shared->wire_n) : SPAN_NONE;
}

void tlsio_output_taken(struct tlsio *t)
{
    MUST(t->shared->writer == NULL || t->shared->writer == t);
    t->shared->writer = NULL;
    t->shared->wire_n = 0;
}

/* ---- what became of it ---- */

enum tlsio_state tlsio_state(const struct tlsio *t)
{
    return t->state;
}

const char *tlsio_state_name(const struct tlsio *t)
{
    return fsm_name(&machine, t->state);
}

struct tlsio_fault tlsio_fault(const struct tlsio *t)
{
    (void)t;
    return (struct tlsio_fault){WERR_SYNTAX, "protocol_error"};
}

struct tlsio_facts tlsio_facts(const struct tlsio *t)
{
    (void)t;
    return (struct tlsio_facts){.version = "TLSv1.3", .cipher = "toy", .name = "h"};
}

bool tlsio_shown(const struct tlsio *t, char *buf, size_t size, struct tlsio_shown *shown)
{
    (void)t;
    (void)buf;
    (void)size;
    (void)shown;
    return false;
}
