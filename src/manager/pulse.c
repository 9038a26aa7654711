#include "manager/pulse.h"

#include "manager/supervisor.h"

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
                        span_from(buf, frame_put_ping(buf, ++slot->pulse.ping)));
}

static void look(struct slot *slot, bool is_late)
{
    struct pulse_of_slot *p = &slot->pulse;
    const uint64_t heard_n = slot->channel.heard_n;

    if (slot->pid == 0 || slot->is_condemned || !slot->channel.is_open)
        return;
    if (is_late || p->ping == 0 || p->heard_n != heard_n)
        p->silent_n = 0;
    else
        p->silent_n++;
    p->heard_n = heard_n;
    if (p->silent_n >= PULSE_SILENT_N && p->silent_n >= patience(slot))
        supervisor_replace(slot, "does not answer");
    else
        ask(slot);
}

static void on_pulse(struct timer *t)
{
    struct pulse *p = (struct pulse *)((char *)t - offsetof(struct pulse, timer));
    struct supervisor *s =
        (struct supervisor *)((char *)p - offsetof(struct supervisor, pulse));
    const uint64_t now_ms = loop_now_ms(s->loop);
    const bool is_late = now_ms > p->last_ms + PULSE_MS + LATE_MS;

    p->last_ms = now_ms;
    for (unsigned i = 0; i < s->slot_n; i++)
        look(&s->slots[i], is_late);
    stand_in_review(s);
    loop_timer_in(s->loop, t, PULSE_MS);
}

void pulse_heard(struct slot *slot)
{
    const bool was_doubtful = slot->pulse.silent_n >= PULSE_DOUBTFUL_N;

    slot->pulse.silent_n = 0;
    if (was_doubtful)
        stand_in_review(slot->owner);
}

void pulse_init(struct pulse *p)
{
    timer_init(&p->timer, on_pulse);
}

void pulse_start(struct supervisor *s)
{
    s->pulse.last_ms = loop_now_ms(s->loop);
    loop_timer_in(s->loop, &s->pulse.timer, PULSE_MS);
}

void pulse_stop(struct supervisor *s)
{
    timer_stop(loop_timers(s->loop), &s->pulse.timer);
}
