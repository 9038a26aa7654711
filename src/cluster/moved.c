#include "cluster/moved.h"

bool moved_is(const struct roster_member *m, const struct addr *told)
{
    return told != NULL && told->family != 0 && !addr_is_wildcard(told) &&
           !addr_is_equal(told, &m->address);
}

static bool is_taken(const struct roster *r, const struct addr *address)
{
    for (unsigned i = 0; i < roster_member_n(r); i++)
        if (addr_is_equal(&roster_member_at(r, i)->address, address))
            return true;
    return false;
}

static unsigned place_behind(const struct roster *r, uint64_t id)
{
    unsigned i = 0;

    while (i < roster_member_n(r) && roster_member_at(r, i)->id <= id)
        i++;
    return i;
}

bool moved_find(const struct link_self *self, uint64_t after, struct roster_command *c)
{
    const struct roster *r = self->roster;
    const unsigned first = place_behind(r, after), n = roster_member_n(r);

    for (unsigned i = 0; i < n; i++) {
        const struct roster_member *m = roster_member_at(r, (first + i) % n);
        const struct addr *told =
            m->id == self->id ? &self->address : link_self_told(self, m->id);

        if (!moved_is(m, told) || is_taken(r, told))
            continue;
        *c = (struct roster_command){.type = ROSTER_MOVE,
                                     .member = {.id = m->id, .address = *told}};
        return true;
    }
    return false;
}
