#include "manager/api_places.h"

#include <string.h>

#include "base/werr.h"

void places_init(struct places *p)
{
    memset(p, 0, sizeof(*p));
    for (unsigned state = 0; state < PLACE_STATES; state++) {
        TAILQ_INIT(&p->lists[state][false]);
        TAILQ_INIT(&p->lists[state][true]);
    }
}

static struct place_list *list_of(struct places *p, const struct place *who)
{
    MUST(who->state != PLACE_FREE && who->state < PLACE_STATES); /* FREE is in no list */
    return &p->lists[who->state][who->is_known];
}

static void put(struct places *p, struct place *who, enum place_state state, uint64_t now_ms)
{
    who->state = (uint8_t)state;
    who->since_ms = now_ms;
    TAILQ_INSERT_TAIL(list_of(p, who), who, entry);
}

void places_enter(struct places *p, struct place *who, bool is_known, uint64_t now_ms)
{
    MUST(who->state == PLACE_FREE);
    who->is_known = is_known;
    p->n++;
    p->stranger_n += !is_known;
    put(p, who, PLACE_IDLE, now_ms);
}

void places_move(struct places *p, struct place *who, enum place_state next, uint64_t now_ms)
{
    if (who->state == PLACE_FREE)
        return;
    TAILQ_REMOVE(list_of(p, who), who, entry);
    put(p, who, next, now_ms);
}

void places_know(struct places *p, struct place *who)
{
    if (who->state == PLACE_FREE || who->is_known)
        return;
    TAILQ_REMOVE(list_of(p, who), who, entry);
    who->is_known = true;
    p->stranger_n--;
    TAILQ_INSERT_TAIL(list_of(p, who), who, entry);
}

void places_leave(struct places *p, struct place *who)
{
    if (who->state == PLACE_FREE)
        return;
    MUST(p->n > 0 && (who->is_known || p->stranger_n > 0));
    TAILQ_REMOVE(list_of(p, who), who, entry);
    p->n--;
    p->stranger_n -= !who->is_known;
    who->state = PLACE_FREE;
}

/* ---- who gives way ---- */

static struct place *find_stuck(const struct places *p, bool is_known, uint64_t now_ms)
{
    struct place *first = TAILQ_FIRST(&p->lists[PLACE_SENDING][is_known]);

    return first != NULL && now_ms >= first->since_ms + API_STUCK_MS ? first : NULL;
}

static struct place *find_victim(const struct places *p, bool is_known, uint64_t now_ms)
{
    struct place *victim = TAILQ_FIRST(&p->lists[PLACE_IDLE][false]);

    if (victim == NULL)
        victim = find_stuck(p, false, now_ms);
    if (victim == NULL && is_known)
        victim = TAILQ_FIRST(&p->lists[PLACE_IDLE][true]);
    if (victim == NULL && is_known)
        victim = find_stuck(p, true, now_ms);
    return victim;
}

bool places_make_room(struct places *p, bool is_known, uint64_t now_ms, struct place **victim)
{
    const bool is_full =
        p->n >= API_CONNS_MAX || (!is_known && p->stranger_n >= API_STRANGERS_MAX);

    *victim = is_full ? find_victim(p, is_known, now_ms) : NULL;
    if (*victim != NULL)
        places_leave(p, *victim);
    return !is_full || *victim != NULL;
}
