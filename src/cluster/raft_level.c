#include <string.h>

#include "cluster/raft_int.h"
#include "log/log.h"
#include "pool/levels.h"

/* The level of features that all members use (pool/levels.h). It is a part of the roster, which
 * has the levels that members know too: they say so when they join, and to the leader whenever
 * they have called it. The leader raises it when the last one knows more; a member that was
 * forgotten in a corner holds it back until it is upgraded, or removed. */

/* Nobody but this node is in the cluster: what it knows all know, agreed on or not, and who
 * knows less is not let in. */
static bool is_alone(const struct engine *e)
{
    const unsigned n = roster_member_n(e->roster);

    return n == 0 || (n == 1 && roster_member_at(e->roster, 0)->id == e->self.id);
}

uint8_t engine_level(const struct engine *e)
{
    return is_alone(e) ? e->options.level : roster_level(e->roster);
}

bool engine_level_is_settled(const struct engine *e)
{
    return roster_is_made(e->roster) && roster_member_n(e->roster) > 0 &&
           roster_level(e->roster) >= engine_level(e);
}

uint8_t engine_level_of(const struct engine *e, enum engine_entry_type type, struct span entry)
{
    const struct cluster_hooks *hooks = &e->cluster.hooks;

    if (type == ENGINE_ENTRY_ROSTER)
        return roster_command_level(entry);
    return hooks->level_of != NULL ? hooks->level_of(hooks->arg, entry) : 0;
}

/* All know this one; no members: 0. */
static uint8_t common_level(const struct engine *e)
{
    uint8_t least = roster_member_n(e->roster) > 0 ? UINT8_MAX : 0;

    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const uint8_t level = roster_member_at(e->roster, i)->level;

        if (level < least)
            least = level;
    }
    return least;
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;

    (void)index;
    e->is_leveling = false;
    /* UNSUPPORTED: a member has told less meanwhile. */
    if (error < 0 && error != WERR_UNSUPPORTED && !e->is_closing)
        log_debug("the level of features could not be noted", LOG_S("error", werr_text(error)));
}

static bool propose(struct engine *e, const struct roster_command *c)
{
    e->is_leveling = engine_propose_roster(e, c, on_done, e) == 0;
    return e->is_leveling;
}

/* Who leads has nobody to tell what it knows. */
static bool note_self(struct engine *e)
{
    const struct roster_member *known = roster_find(e->roster, e->self.id);
    struct roster_command c = {.type = ROSTER_TELL};

    if (known == NULL || e->options.level < roster_level(e->roster))
        return false;
    c.member.id = e->self.id;
    c.member.level = e->options.level;
    if (span_to_str(span_from_str(e->options.version), c.member.version,
                    sizeof(c.member.version)) < 0)
        return false;
    if (known->level == c.member.level && strcmp(known->version, c.member.version) == 0)
        return false;
    return propose(e, &c);
}

static bool raise_level(struct engine *e)
{
    const struct roster_command c = {.type = ROSTER_LEVEL,
                                     .member = {.level = common_level(e)}};

    return c.member.level > roster_level(e->roster) && propose(e, &c);
}

bool engine_level_tend(struct engine *e)
{
    return !e->is_leveling && (note_self(e) || raise_level(e));
}

int engine_level_judge(const struct engine *e, const struct roster_member *m)
{
    if (m->level >= roster_level(e->roster))
        return 0;
    log_warn("a member runs a Weldr that is too old for the cluster: it can't apply all that "
             "is agreed on",
             LOG_ID("id", m->id), LOG_S("version", m->version), LOG_U("knows", m->level),
             LOG_U("needs", roster_level(e->roster)));
    return WERR_UNSUPPORTED;
}

/* Applied. */
void engine_level_changed(const struct engine *e, uint8_t before)
{
    const char *text = level_text(roster_level(e->roster));

    if (e->has_started && roster_level(e->roster) > before)
        log_info("all members use another level of features from now on", LOG_U("from", before),
                 LOG_U("to", roster_level(e->roster)),
                 LOG_S("adds", text != NULL ? text : "-"));
}
