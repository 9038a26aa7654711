#include "cluster/orders.h"

#include <string.h>

uint64_t orders_add(struct orders *o, uint64_t to, uint64_t end_ms, cluster_text_fn done,
                    void *arg)
{
    MUST(to != 0 && done != NULL);
    for (unsigned i = 0; i < ORDERS_MAX; i++) {
        if (o->list[i].number != 0)
            continue;
        o->list[i] = (struct orders_one){
            .number = ++o->last, .to = to, .end_ms = end_ms, .done = done, .arg = arg};
        return o->last;
    }
    return 0;
}

static struct orders_one *find(struct orders *o, uint64_t number)
{
    for (unsigned i = 0; i < ORDERS_MAX; i++)
        if (number != 0 && o->list[i].number == number)
            return &o->list[i];
    return NULL;
}

void orders_drop(struct orders *o, uint64_t number)
{
    struct orders_one *one = find(o, number);

    MUST(one != NULL);
    one->number = 0;
}

/* The place is free before done is called, which may give another order. */
static void end(struct orders_one *one, int error, struct span text)
{
    const struct orders_one was = *one;

    one->number = 0;
    was.done(was.arg, error, text);
}

void orders_end(struct orders *o, uint64_t number, uint64_t from, int error, struct span text)
{
    struct orders_one *one = find(o, number);

    if (one != NULL && one->to == from)
        end(one, error, error == 0 ? text : SPAN_NONE);
}

void orders_end_all(struct orders *o, uint64_t to, int error)
{
    const uint64_t last = o->last;

    for (unsigned i = 0; i < ORDERS_MAX; i++) {
        struct orders_one *one = &o->list[i];

        if (one->number != 0 && one->number <= last && (to == 0 || one->to == to))
            end(one, error, SPAN_NONE);
    }
}

void orders_end_late(struct orders *o, uint64_t now_ms)
{
    for (unsigned i = 0; i < ORDERS_MAX; i++)
        if (o->list[i].number != 0 && now_ms >= o->list[i].end_ms)
            end(&o->list[i], WERR_TIMEOUT, SPAN_NONE);
}
