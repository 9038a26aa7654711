#include "manager/pulse.h"

enum { LATE_MS = 500, OWED_BYTES_A_PULSE = 1024 * 1024 };

static unsigned patience(const struct slot *slot)
{
    const bool is_new = slot->state == SLOT_STARTING || slot->state == SLOT_SYNCING;
    const size_t owed = manager_channel_owed_bytes(&slot->channel);

    return (is_new ? PULSE_NEW_SILENT_N : PULSE_SILENT_N) +
           (unsigned)(owed / OWED_BYTES_A_PULSE);
}

static void ask(struct slot *slot)
{
    char buf[FRAME_FIXED_MAX];

    manager_channel_say(&slot->channel, CHANNEL_PING,
                        span_from(buf, frame_put_ping(buf, ++slot->ping)));
}

static void look(const struct pulse *p, struct slot *slot, bool is_late)
{
    const uint64_t heard_n = slot->channel.heard_n;

    if (slot->pid == 0 || slot->is_condemned || !slot->channel.is_open)
        return;
    MUST(heard_n >= slot->heard_n); /* a process's channel and its pulse begin together */
    if (is_late || slot->ping == 0 || slot->heard_n != heard_n)
        slot->silent_n = 0;
    else
        slot->silent_n++;
    slot->heard_n = heard_n;
    if (slot->silent_n >= PULSE_SILENT_N && slot->silent_n >= patience(slot))
        p->hooks.on_silent(p->hooks.arg, slot);
    else
        ask(slot);
}

static void on_pulse(struct timer *t)
{
    struct pulse *p = (struct pulse *)((char *)t - offsetof(struct pulse, timer));
    const uint64_t now_ms = loop_now_ms(p->slots->loop);
    const bool is_late = now_ms > p->last_ms + PULSE_MS + LATE_MS;

    p->last_ms = now_ms;
    for (unsigned i = 0; i < p->slots->n; i++)
        look(p, &p->slots->list[i], is_late);
    p->hooks.on_change(p->hooks.arg);
    loop_timer_in(p->slots->loop, t, PULSE_MS);
}

void pulse_heard(struct pulse *p, struct slot *slot)
{
    const bool was_doubtful = slot_is_doubtful(slot);

    MUST(slot->owner == p->slots);
    slot->silent_n = 0;
    if (was_doubtful)
        p->hooks.on_change(p->hooks.arg);
}

void pulse_init(struct pulse *p, struct slots *slots, const struct pulse_hooks *hooks)
{
    *p = (struct pulse){.slots = slots, .hooks = *hooks};
    timer_init(&p->timer, on_pulse);
}

void pulse_start(struct pulse *p)
{
    p->last_ms = loop_now_ms(p->slots->loop);
    loop_timer_in(p->slots->loop, &p->timer, PULSE_MS);
}

void pulse_stop(struct pulse *p)
{
    timer_stop(loop_timers(p->slots->loop), &p->timer);
}
