#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "base/poison.h"
#include "world.h"

/* ---- the seed on every failing line ---- */

static uint64_t seed_now;
static bool has_failed;

/* A failing test leaves its world behind: that is no leak worth pages of report. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return has_failed;
}

static void print_seed(void)
{
    (void)fprintf(stderr, "SIM_SEED=%" PRIu64 "\n", seed_now);
}

static void on_panic(void *arg)
{
    (void)arg;
    print_seed();
}

void world_watch_failures(uint64_t seed)
{
    seed_now = seed;
    werr_set_panic_hook(on_panic, NULL);
#if POISON_IS_ON
    void __sanitizer_set_death_callback(void (*callback)(void));
    __sanitizer_set_death_callback(print_seed);
#endif
}

void world_fail(const char *file, int line, const char *what)
{
    has_failed = true;
    print_seed();
    print_error("%s\n", what);
    _fail(file, line);
    abort();
}

void world_check_text(const char *got, const char *want, const char *file, int line)
{
    if (strcmp(got, want) == 0)
        return;
    print_error("got:\n%s\n---- instead of:\n%s\n", got, want);
    world_fail(file, line, "texts differ");
}

uint64_t world_seed(uint64_t otherwise, bool *given)
{
    const char *text = getenv("SIM_SEED");

    *given = text != NULL;
    return text ? strtoull(text, NULL, 10) : otherwise;
}
