/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#define HASH_FUNCTION(key, len, value)             \
    do {                                           \
        (value) = (unsigned)XXH3_64bits(key, len); \
    } while (0)
#define XXH_INLINE_ALL
#include "worker/certificates.h"

#include <string.h>
#include <sys/queue.h>
#include <uthash.h>
#include <xxhash.h>

#include "base/base64.h"
#include "base/fault.h"
#include "base/seal.h"
#include "base/search.h"
#include "log/log.h"
#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"
#include "net/tlsio_staple.h"
#include "net/tlsio_tickets.h"
#include "pool/certificate.h"
#include "worker/worker.h"

/* That a certificate is for a name. */
struct certificate_link {
    struct certificate_entry *entry;
    struct certificate_name *name;
    LIST_ENTRY(certificate_link) of_name;
};

struct certificate_name {
    LIST_HEAD(, certificate_link) links;
    UT_hash_handle hh;
    char text[];
};

struct certificate_entry {
    uint64_t id;
    uint64_t digest;
    int64_t not_before_s, not_after_s;
    struct tlsio_identity *identity; /* NULL: not needed yet */
    bool is_bad;                     /* it can't be opened */
    bool is_rsa;
    uint32_t link_n;
    struct certificate_link *links;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size,readability-function-cognitive-complexity,clang-analyzer-core.NullDereference)
 */
static struct certificate_entry *find_entry(const struct certificates *all, uint64_t id)
{
    struct certificate_entry *e;

    HASH_FIND(hh, all->entries, &id, sizeof(id), e);
    return e;
}

static bool put_entry(struct certificates *all, struct certificate_entry *e)
{
    HASH_ADD(hh, all->entries, id, sizeof(e->id), e);
    return e->hh.tbl != NULL;
}

static void delete_entry(struct certificates *all, struct certificate_entry *e)
{
    HASH_DEL(all->entries, e);
}

static struct certificate_name *find_name(const struct certificates *all, struct span text)
{
    struct certificate_name *n;

    HASH_FIND(hh, all->names, text.ptr, text.len, n);
    return n;
}

static bool put_name(struct certificates *all, struct certificate_name *n)
{
    HASH_ADD_KEYPTR(hh, all->names, n->text, strlen(n->text), n);
    return n->hh.tbl != NULL;
}

static void delete_name(struct certificates *all, struct certificate_name *n)
{
    HASH_DEL(all->names, n);
}
/* NOLINTEND(readability-function-size,readability-function-cognitive-complexity,clang-analyzer-core.NullDereference)
 */

/* ---- what the manager sends ---- */

static void drop_identity(struct certificate_entry *e)
{
    tlsio_identity_put(e->identity);
    e->identity = NULL;
    e->is_bad = false;
}

/* What could not be opened before may be opened with this one. */
int certificates_set_seal(struct worker *w, struct span key)
{
    struct certificates *all = &w->certificates;
    struct certificate_entry *e, *next;

    if (key.len != SEAL_KEY_BYTES)
        return WERR_CORRUPT;
    if (all->seal_key == NULL)
        all->seal_key = seal_memory_new(SEAL_KEY_BYTES);
    if (all->seal_key == NULL)
        return WERR_NOMEM;
    memcpy(all->seal_key, key.ptr, SEAL_KEY_BYTES);
    HASH_ITER (hh, all->entries, e, next)
        e->is_bad = false;
    return 0;
}

int certificates_set_tickets(struct worker *w, struct span keys)
{
    struct certificates *all = &w->certificates;

    if (!tlsio_tickets_are_keys(keys))
        return WERR_CORRUPT;
    if (all->ticket_keys == NULL)
        all->ticket_keys = seal_memory_new(TLSIO_TICKETS_MAX_BYTES);
    if (all->ticket_keys == NULL)
        return WERR_NOMEM;
    memcpy(all->ticket_keys, keys.ptr, keys.len);
    all->ticket_bytes = keys.len;
    return all->tickets != NULL ? tlsio_tickets_set(all->tickets, keys) : 0;
}

struct tlsio_tickets *certificates_tickets(struct worker *w)
{
    struct certificates *all = &w->certificates;

    if (all->tickets != NULL)
        return all->tickets;
    /* Nothing of the library is called before it has its memory. */
    all->tickets = tlsio_start() == 0 ? tlsio_tickets_new() : NULL;
    if (all->tickets != NULL && all->ticket_bytes > 0)
        MUST(tlsio_tickets_set(all->tickets, span_from(all->ticket_keys, all->ticket_bytes)) ==
             0);
    return all->tickets;
}

/* ---- entries and their names ---- */

static struct certificate_name *find_or_new_name(struct certificates *all, const char *text)
{
    const size_t len = strlen(text);
    struct certificate_name *n = find_name(all, span_from(text, len));

    if (n != NULL)
        return n;
    n = fault_malloc(sizeof(*n) + len + 1);
    if (n == NULL)
        return NULL;
    memset(n, 0, sizeof(*n));
    memcpy(n->text, text, len + 1);
    if (put_name(all, n))
        return n;
    free(n);
    return NULL;
}

static void drop_link(struct certificates *all, struct certificate_link *link)
{
    struct certificate_name *n = link->name;

    LIST_REMOVE(link, of_name);
    if (!LIST_EMPTY(&n->links))
        return;
    delete_name(all, n);
    free(n);
}

static void drop_links(struct certificates *all, struct certificate_link *links, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        drop_link(all, &links[i]);
    free(links);
}

/* The names of the certificate as it is described now. NULL: no memory. */
static struct certificate_link *link_names(struct certificates *all,
                                           struct certificate_entry *e,
                                           const struct certificate_facts *facts)
{
    struct certificate_link *links = fault_malloc((facts->name_n + 1) * sizeof(*links));

    for (uint32_t i = 0; links != NULL && i < facts->name_n; i++) {
        links[i].entry = e;
        links[i].name = find_or_new_name(all, facts->names[i]);
        if (links[i].name == NULL) {
            drop_links(all, links, i);
            return NULL;
        }
        LIST_INSERT_HEAD(&links[i].name->links, &links[i], of_name);
    }
    return links;
}

static struct certificate_entry *find_or_new_entry(struct certificates *all, uint64_t id)
{
    struct certificate_entry *e = find_entry(all, id);

    if (e != NULL)
        return e;
    e = fault_malloc(sizeof(*e));
    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof(*e));
    e->id = id;
    if (put_entry(all, e))
        return e;
    free(e);
    return NULL;
}

int certificates_follow(struct worker *w, const struct certificate *described)
{
    struct certificates *all = &w->certificates;
    const struct certificate_facts *facts = &described->facts;
    struct certificate_entry *e = find_or_new_entry(all, described->id);

    if (e == NULL)
        return WERR_NOMEM;
    if (e->links != NULL && e->digest == described->digest)
        return 0;
    struct certificate_link *links = link_names(all, e, facts);
    if (links == NULL)
        return WERR_NOMEM;
    drop_links(all, e->links, e->link_n);
    drop_identity(e);
    e->links = links;
    e->link_n = facts->name_n;
    e->digest = described->digest;
    e->not_before_s = facts->not_before_s;
    e->not_after_s = facts->not_after_s;
    e->is_rsa = facts->key_type == CERTIFICATE_RSA;
    return 0;
}

static void free_entry(struct certificates *all, struct certificate_entry *e)
{
    drop_links(all, e->links, e->link_n);
    drop_identity(e);
    delete_entry(all, e);
    free(e);
}

void certificates_forget(struct worker *w, uint64_t id)
{
    struct certificate_entry *e = find_entry(&w->certificates, id);

    if (e != NULL)
        free_entry(&w->certificates, e);
}

/* The analyzer does not see that HASH_DEL unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void certificates_forget_absent(struct worker *w)
{
    struct certificate_entry *e, *next;

    HASH_ITER (hh, w->certificates.entries, e, next)
        if (certificate_find_id(w->pool_state, e->id) == NULL)
            free_entry(&w->certificates, e);
}

void certificates_fini(struct certificates *all)
{
    struct certificate_entry *e, *next;

    HASH_ITER (hh, all->entries, e, next)
        free_entry(all, e);
    seal_memory_free(all->seal_key);
    seal_memory_free(all->ticket_keys);
    tlsio_tickets_free(all->tickets);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* ---- opening ---- */

/* What is sent with a certificate: DER; empty: nothing is. */
struct staple {
    char *bytes;
    size_t n;
    int64_t ends_s;
};

static int judge_staple(const struct certificate *c, struct staple *s,
                        struct tlsio_refusal *why)
{
    const int rc = base64_decode(span_from_str(c->staple), s->bytes, &s->n);

    *why = (struct tlsio_refusal){.text = "it is no base64"};
    return rc < 0 ? rc
                  : tlsio_staple_read(span_from(s->bytes, s->n), span_from_str(c->chain),
                                      &s->ends_s, why);
}

/* One that can't be read costs the staple, not the certificate. The manager refuses it, but did
 * not do so before this version. */
static int read_staple(const struct certificate *c, struct staple *s)
{
    struct tlsio_refusal why;

    *s = (struct staple){.ends_s = TLSIO_STAPLE_ENDLESS};
    if (c->staple == NULL)
        return 0;
    s->bytes = fault_malloc(strlen(c->staple) + 1);
    if (s->bytes == NULL)
        return WERR_NOMEM;
    const int rc = judge_staple(c, s, &why);

    if (rc == 0 || rc == WERR_NOMEM)
        return rc;
    s->n = 0;
    log_warn("an OCSP response is not stapled", LOG_S("certificate", c->name),
             LOG_S("error", why.text));
    return 0;
}

static int open_identity(const unsigned char *seal_key, const struct certificate *c,
                         struct tlsio_identity **identity)
{
    struct seal_opened key = {0};
    struct staple staple = {0};
    int rc = seal_key != NULL ? seal_open(seal_key, span_from_str(c->key), &key) : WERR_SYNTAX;

    if (rc == 0)
        rc = read_staple(c, &staple);
    if (rc == 0)
        rc = tlsio_identity_new(span_from_str(c->chain), span_from(key.ptr, key.len),
                                span_from(staple.bytes, staple.n), identity);
    if (rc == 0)
        tlsio_identity_end_staple(*identity, staple.ends_s);
    free(staple.bytes);
    seal_opened_free(&key);
    return rc;
}

/* For want of memory it is tried again. */
static void note_bad(struct worker *w, struct certificate_entry *e, const struct certificate *c,
                     int rc)
{
    e->is_bad = rc != WERR_NOMEM;
    if (!e->is_bad)
        return;
    stats_add(w->stats, STATS_certificates_unusable, 1);
    log_error("a certificate can't be used", LOG_S("certificate", c->name),
              LOG_S("error", werr_text(rc)));
}

static struct tlsio_identity *identity_of(struct worker *w, struct certificate_entry *e)
{
    if (e->identity != NULL || e->is_bad)
        return e->identity;
    const struct certificate *c = certificate_find_id(w->pool_state, e->id);
    if (c == NULL)
        return NULL;
    const int rc = open_identity(w->certificates.seal_key, c, &e->identity);
    if (rc < 0)
        note_bad(w, e, c, rc);
    return e->identity;
}

struct tlsio_identity *certificates_identity(struct worker *w, uint64_t id)
{
    struct certificate_entry *e = find_entry(&w->certificates, id);

    return e != NULL ? identity_of(w, e) : NULL;
}

bool certificates_is_bad(const struct worker *w, uint64_t id)
{
    const struct certificate_entry *e = find_entry(&w->certificates, id);

    return e != NULL && e->is_bad;
}

/* ---- choosing ---- */

static uint64_t id_at(const void *ids, uint32_t i)
{
    return ((const uint64_t *)ids)[i];
}

static bool has_id(const struct certificate_set *set, uint64_t id)
{
    if (set->has_all)
        return true;
    const uint32_t i = search_place(set->ids, set->n, id_at, id);
    return i < set->n && set->ids[i] == id;
}

static bool is_valid(const struct certificate_entry *e, int64_t now_s)
{
    return e->not_before_s <= now_s && now_s < e->not_after_s;
}

/* One that is valid now before one that is not; of those the one that lasts longer, then the
 * newer one. */
static bool is_better(const struct certificate_entry *a, const struct certificate_entry *b,
                      int64_t now_s)
{
    if (is_valid(a, now_s) != is_valid(b, now_s))
        return is_valid(a, now_s);
    if (a->not_after_s != b->not_after_s)
        return a->not_after_s > b->not_after_s;
    return a->id > b->id;
}

/* What is chosen from, and what has been. */
struct choice {
    struct worker *w;
    const struct certificate_set *set;
    int64_t now_s;
    bool must_be_valid;             /* now */
    bool is_short;                  /* of memory: one could not be opened for want of it */
    struct tlsio_identity **chosen; /* n of them */
    int n;
};

static struct choice choice_begin(struct worker *w, const struct certificate_set *set,
                                  struct tlsio_identity **chosen)
{
    return (struct choice){.w = w,
                           .set = set,
                           .now_s = (int64_t)(loop_wall_us(w->loop) / 1000000),
                           .chosen = chosen};
}

static int choice_end(const struct choice *c)
{
    return c->n == 0 && c->is_short ? WERR_NOMEM : c->n;
}

static bool can_choose(const struct choice *c, const struct certificate_entry *e)
{
    return !e->is_bad && has_id(c->set, e->id) && (!c->must_be_valid || is_valid(e, c->now_s));
}

static struct certificate_entry *find_best(const struct choice *c,
                                           const struct certificate_name *name, bool is_rsa)
{
    struct certificate_entry *best = NULL;
    const struct certificate_link *link;

    LIST_FOREACH (link, &name->links, of_name) {
        struct certificate_entry *e = link->entry;

        if (e->is_rsa == is_rsa && can_choose(c, e) &&
            (best == NULL || is_better(e, best, c->now_s)))
            best = e;
    }
    return best;
}

static void choose_entry(struct choice *c, struct certificate_entry *e)
{
    struct tlsio_identity *identity = identity_of(c->w, e);

    if (identity != NULL)
        c->chosen[c->n++] = identity;
    else if (!e->is_bad)
        c->is_short = true;
}

/* Until one can be opened: one that can't is not found again. */
static void choose_kind(struct choice *c, const struct certificate_name *name, bool is_rsa)
{
    struct certificate_entry *e;

    do {
        e = find_best(c, name, is_rsa);
        if (e != NULL)
            choose_entry(c, e);
    } while (e != NULL && e->is_bad);
}

static void choose_of_name(struct choice *c, const struct certificate_name *name)
{
    for (int is_rsa = 0; name != NULL && is_rsa < 2; is_rsa++)
        choose_kind(c, name, is_rsa == 1);
}

/* A "*" stands for one label, the first. */
static const struct certificate_name *find_wildcard(const struct certificates *all,
                                                    struct span name)
{
    enum { NAME_BYTES_MAX = 256 };
    const size_t dot = span_find(name, '.');
    char text[NAME_BYTES_MAX] = {'*'};

    if (dot == 0 || dot >= name.len || name.len - dot >= sizeof(text))
        return NULL;
    memcpy(text + 1, name.ptr + dot, name.len - dot);
    return find_name(all, span_from(text, 1 + name.len - dot));
}

/* An outdated one is shown only if there is none that is valid: neither of the other kind of
 * key, which the client might have taken, nor for the wildcard. */
int certificates_choose(struct worker *w, const struct certificate_set *set, struct span name,
                        struct tlsio_identity **chosen)
{
    const struct certificate_name *exact = find_name(&w->certificates, name);
    const struct certificate_name *wildcard = find_wildcard(&w->certificates, name);
    struct choice c = choice_begin(w, set, chosen);

    for (int any = 0; choice_end(&c) == 0 && any < 2; any++) {
        c.must_be_valid = any == 0;
        choose_of_name(&c, exact);
        if (choice_end(&c) == 0)
            choose_of_name(&c, wildcard);
    }
    return choice_end(&c);
}

int certificates_choose_beside(struct worker *w, const struct certificate_set *set, uint64_t id,
                               struct tlsio_identity **chosen)
{
    struct certificate_entry *e = find_entry(&w->certificates, id);
    struct choice c = choice_begin(w, set, chosen);

    if (e == NULL || !has_id(set, id))
        return 0;
    for (int any = 0; choice_end(&c) == 0 && any < 2; any++) {
        c.must_be_valid = any == 0;
        if (can_choose(&c, e))
            choose_entry(&c, e);
        if (e->link_n > 0)
            choose_kind(&c, e->links[0].name, !e->is_rsa);
    }
    return choice_end(&c);
}
