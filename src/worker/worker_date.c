#include "worker/worker.h"

struct span worker_date(struct worker *w)
{
    uint64_t now_s = loop_wall_us(w->loop) / 1000000;

    if (now_s != w->date_s) {
        w->date_s = now_s;
        date_print(now_s, w->date);
    }
    return span_from(w->date, DATE_TEXT_LEN);
}
