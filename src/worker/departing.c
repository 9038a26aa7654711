#include "worker/departing.h"

#include "log/log.h"
#include "worker/client.h"
#include "worker/departures.h"
#include "worker/limits.h"

/* To be told may close a client, which is in the list until it has gone. */
static void tell_clients(struct worker *w, struct departure *d)
{
    struct client *c, *next;

    for (c = LIST_FIRST(&w->clients); c != NULL; c = next) {
        next = LIST_NEXT(c, entry);
        if (c->departure == 0)
            c->departure = departures_enter_before(w, d, &c->conn.sock);
        if (c->departure != 0 && departures_at(w, c->departure) == d)
            client_drain(c);
    }
}

static struct departure *begin(struct worker *w, const struct frame_part *part)
{
    const uint32_t half_ms = part->limit_ms / 2;
    struct departure *d = departures_add(w, &part->address, (enum frame_part_phase)part->phase);

    if (d == NULL)
        return NULL;
    d->jitter_ms = half_ms < LIMIT_DRAIN_JITTER_MS ? half_ms : LIMIT_DRAIN_JITTER_MS;
    tell_clients(w, d);
    return d;
}

static void stay(struct worker *w, struct departure *d)
{
    struct client *c;

    LIST_FOREACH (c, &w->clients, entry) {
        if (c->departure == 0 || departures_at(w, c->departure) != d)
            continue;
        c->departure = 0;
        client_stay(c);
    }
    departures_remove(w, d);
}

static void note(const struct frame_part *part, const struct departure *d)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print_ip(&part->address, text);
    log_debug("an address leaves", LOG_S("address", text),
              LOG_S("phase", frame_part_word((enum frame_part_phase)part->phase)),
              LOG_U("before", d != NULL ? d->before_n : 0),
              LOG_U("later", d != NULL ? d->later_n : 0));
}

int departing_take(struct worker *w, const struct frame_part *part)
{
    struct departure *d = departures_find(w, &part->address);

    if (part->phase == FRAME_PART_STAY) {
        note(part, d);
        if (d != NULL)
            stay(w, d);
        return 0;
    }
    if (d == NULL)
        d = begin(w, part);
    if (d == NULL)
        return WERR_NO_SPACE;
    d->phase = (uint8_t)part->phase;
    d->number = part->number;
    d->is_told = true;
    note(part, d);
    departures_tell(w, d);
    return 0;
}

void departing_forget_told(struct worker *w)
{
    for (unsigned i = 0; i < DEPARTURES_MAX; i++)
        w->departures.list[i].is_told = false;
}

void departing_stay_untold(struct worker *w)
{
    for (unsigned i = 0; i < DEPARTURES_MAX; i++) {
        struct departure *d = &w->departures.list[i];

        if (d->phase != FRAME_PART_STAY && !d->is_told)
            stay(w, d);
    }
}
