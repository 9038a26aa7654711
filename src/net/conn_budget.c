#include "net/conn_int.h"

/* How much a read may bring while so much of the budget is used: what it brings may have to be
 * queued whole, with a head in front of it, and shall still fit in a block of 16 and 4 KiB. */
enum {
    READ_SPARING_BYTES = 15 * 1024,
    READ_LEAST_BYTES = 4096 - 512,
    HEAD_BYTES = 512,
    SHARE_FREE = 4,   /* below a quarter one read may use up another one … */
    SHARE_SPARING = 2 /* … from a half on as little as can be */
};

/* Queued whole, it fills a block, which is a power of two, of no more than a quarter: one read
 * alone does not take the budget from those who come after it. */
static uint32_t read_max_free(size_t quarter)
{
    size_t block = (size_t)1 << (63 - __builtin_clzl(quarter | READ_SPARING_BYTES));

    return block > LOOP_SCRATCH_BYTES ? LOOP_SCRATCH_BYTES : (uint32_t)(block - HEAD_BYTES);
}

static uint32_t read_max(size_t held, size_t budget)
{
    if (budget == 0)
        return LOOP_SCRATCH_BYTES;
    if (held < budget / SHARE_FREE)
        return read_max_free(budget / SHARE_FREE);
    return held < budget / SHARE_SPARING ? READ_SPARING_BYTES : READ_LEAST_BYTES;
}

static void follow(struct conn_shared *s)
{
    loop_set_read_max(s->loop, read_max(s->queued_bytes, s->queue_budget_bytes));
}

void conn_set_queue_budget(struct conn_shared *s, size_t bytes)
{
    s->queue_budget_bytes = bytes;
    follow(s);
}

void conn_note_queued(struct conn_shared *s)
{
    size_t held = bufq_store_held_bytes(s->store);

    if (held == s->queued_bytes)
        return;
    s->queued_bytes = held;
    if (s->queued_gauge != NULL)
        __atomic_store_n(s->queued_gauge, held, __ATOMIC_RELAXED);
    follow(s);
}

bool conn_queues_are_full(const struct conn_shared *s)
{
    return s->queue_budget_bytes > 0 &&
           bufq_store_held_bytes(s->store) + conn_tls_counted_bytes(s->tls) >=
               s->queue_budget_bytes;
}

size_t conn_read_max(const struct conn *c)
{
    return sock_read_max(&c->sock);
}
