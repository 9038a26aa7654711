#include "cluster/moved.h"

static bool says_something(const struct addr *told)
{
    return told != NULL && told->family != 0 && !addr_is_wildcard(told);
}

bool moved_is(const struct roster_member *m, const struct addr *told)
{
    if (!says_something(told) || addr_is_equal(told, &m->address))
        return false;
    return !m->is_placed || !addr_is_equal(told, &m->told);
}

static bool is_taken(const struct roster *r, uint64_t id, const struct addr *address)
{
    for (unsigned i = 0; i < roster_member_n(r); i++) {
        const struct roster_member *m = roster_member_at(r, i);

        if (m->id != id && addr_is_equal(&m->address, address))
            return true;
    }
    return false;
}

static unsigned place_behind(const struct roster *r, uint64_t id)
{
    unsigned i = 0;

    while (i < roster_member_n(r) && roster_member_at(r, i)->id <= id)
        i++;
    return i;
}

static const struct addr *told_of(const struct link_self *self, uint64_t id)
{
    const struct addr *told = id == self->id ? &self->address : link_self_told(self, id);

    return says_something(told) ? told : NULL;
}

static struct roster_command move_to(uint64_t id, const struct addr *address)
{
    return (struct roster_command){.type = ROSTER_MOVE,
                                   .member = {.id = id, .address = *address}};
}

/* told: NULL, not known. */
static struct roster_command place_at(uint64_t id, const struct addr *address,
                                      const struct addr *told)
{
    struct roster_command c = move_to(id, address);

    c.type = ROSTER_PLACE;
    if (told != NULL)
        c.member.told = *told;
    return c;
}

/* A member that tells what the operator has said is placed no more. */
static bool has_to_change(const struct roster_member *m, const struct addr *told)
{
    return moved_is(m, told) ||
           (m->is_placed && told != NULL && addr_is_equal(told, &m->address));
}

bool moved_find(const struct link_self *self, uint64_t after, struct roster_command *c)
{
    const struct roster *r = self->roster;
    const unsigned first = place_behind(r, after), n = roster_member_n(r);

    for (unsigned i = 0; i < n; i++) {
        const struct roster_member *m = roster_member_at(r, (first + i) % n);
        const struct addr *told = told_of(self, m->id);

        if (!has_to_change(m, told))
            continue;
        const bool is_first_told = m->is_placed && m->told.family == 0;
        if (is_first_told && !addr_is_equal(told, &m->address))
            *c = place_at(m->id, &m->address, told);
        else if (!is_taken(r, m->id, told))
            *c = move_to(m->id, told);
        else
            continue;
        return true;
    }
    return false;
}

/* Of a member that says nothing it is what it said, as far as that is known. */
static const struct addr *own_word(const struct roster_member *m, const struct addr *told)
{
    if (told != NULL)
        return told;
    return m->is_placed && m->told.family != 0 ? &m->told : &m->address;
}

int moved_place(const struct link_self *self, uint64_t id, const struct addr *address,
                bool is_live, struct roster_command *c)
{
    const struct roster_member *m = roster_find(self->roster, id);
    const struct addr *told = m != NULL ? told_of(self, id) : NULL;

    if (m == NULL)
        return WERR_NOT_FOUND;
    if (!is_live && id != self->id && address != NULL)
        told = NULL;
    const struct addr *to = address != NULL ? address : own_word(m, told);
    if (is_taken(self->roster, id, to))
        return WERR_EXISTS;
    *c = address == NULL || (told != NULL && addr_is_equal(told, address))
             ? move_to(id, to)
             : place_at(id, to, told);
    return 0;
}
