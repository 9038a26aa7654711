/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "worker/listener_runtime.h"

#include "base/fault.h"
#include "worker/worker.h"

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size) */
struct listener_runtime *listener_runtime_find(const struct worker *w, uint64_t id)
{
    struct listener_runtime *l;

    HASH_FIND(hh, w->listeners, &id, sizeof(id), l);
    return l;
}

static int link_listener(struct worker *w, struct listener_runtime *l)
{
    HASH_ADD(hh, w->listeners, id, sizeof(l->id), l);
    return l->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void unlink_listener(struct worker *w, struct listener_runtime *l)
{
    HASH_DEL(w->listeners, l);
}
/* NOLINTEND(readability-function-size) */

struct listener_runtime *listener_runtime_find_or_new(struct worker *w, uint64_t id)
{
    struct listener_runtime *l = listener_runtime_find(w, id);

    if (l != NULL)
        return l;
    l = fault_malloc(sizeof(*l));
    if (l == NULL)
        return NULL;
    *l = (struct listener_runtime){
        .magic = LISTENER_RUNTIME_MAGIC,
        .id = id,
        .worker = w,
        .limits = codec_limits_request,
        .stats = worker_listener_stats(w, id),
        .classes = worker_listener_classes(w, id),
    };
    if (link_listener(w, l) == 0)
        return l;
    free(l);
    return NULL;
}

/* ---- the description ---- */

_Static_assert((int)POOL_FIELDS_MAX <= (int)MSG_FIELDS_MAX, "the codec takes what may be set");

static void follow_bounds(struct listener_runtime *l)
{
    enum { EMPTY_LINE_BYTES = 2 };
    const struct listener_bounds *b = &l->settings.bounds;

    l->limits = (struct codec_limits){
        .line_bytes = b->request_line_bytes,
        .head_bytes = b->head_bytes,
        .fields = (uint16_t)b->fields,
        .chunk_extension_bytes = b->chunk_extension_bytes,
        .trailer_bytes =
            b->trailer_bytes > EMPTY_LINE_BYTES ? b->trailer_bytes : EMPTY_LINE_BYTES,
    };
}

static int name_it(struct listener_runtime *l, const char *name)
{
    size_t bytes = strlen(name) + 1;

    l->name = fault_malloc(bytes);
    if (l->name == NULL)
        return WERR_NOMEM;
    memcpy(l->name, name, bytes);
    return 0;
}

/* Only the listener "default" has what the command line says. */
static void follow_trust(struct listener_runtime *l, const struct listener *described)
{
    const struct cidr_list none = {0};

    if (described->has_trusted)
        l->trusted = described->trusted;
    else
        l->trusted = l->id == 0 ? l->worker->trusted : none;
    l->names_trusted = described->has_trusted || l->trusted.n > 0;
}

int listener_runtime_follow(struct worker *w, const struct listener *described)
{
    struct listener_runtime *l = listener_runtime_find_or_new(w, described->id);

    if (l == NULL || (l->name == NULL && name_it(l, described->name) < 0))
        return WERR_NOMEM;
    MUST(l->magic == LISTENER_RUNTIME_MAGIC);
    l->settings = described->settings;
    l->proxy_protocol = described->proxy_protocol;
    l->stats = worker_listener_stats(w, l->id);
    l->classes = worker_listener_classes(w, l->id);
    follow_trust(l, described);
    follow_bounds(l);
    if (routing_follow(&l->routing, w, described) < 0 ||
        listener_secure_follow(&l->secure, w, described) < 0)
        return WERR_NOMEM;
    l->is_described = true;
    return 0;
}

static void free_listener(struct listener_runtime *l)
{
    if (l->on_free != NULL)
        l->on_free(l);
    routing_fini(&l->routing);
    listener_secure_fini(&l->secure);
    unlink_listener(l->worker, l);
    free(l->name);
    l->magic = 0;
    free(l);
}

static void check_done(struct listener_runtime *l)
{
    if (!l->is_described && l->client_n == 0 && l->acceptor_n == 0)
        free_listener(l);
}

/* The analyzer does not see that HASH_DEL unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void listener_runtime_each_absent(struct worker *w, void (*leave)(struct listener_runtime *l))
{
    struct listener_runtime *l, *next;

    HASH_ITER (hh, w->listeners, l, next)
        if (l->is_described && listener_find_id(w->pool_state, l->id) == NULL)
            leave(l);
}

void listener_runtime_free_all(struct worker *w)
{
    struct listener_runtime *l, *next;

    HASH_ITER (hh, w->listeners, l, next) {
        MUST(l->client_n == 0 && l->hosts == NULL && l->locals == NULL);
        free_listener(l);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* ---- who needs it ---- */

void listener_runtime_join(struct listener_runtime *l,
                           void (*on_free)(const struct listener_runtime *l))
{
    MUST(l->on_free == NULL || l->on_free == on_free); /* all are of one kind */
    l->on_free = on_free;
    l->acceptor_n++;
}

void listener_runtime_part(struct listener_runtime *l)
{
    MUST(l->magic == LISTENER_RUNTIME_MAGIC && l->acceptor_n > 0);
    l->acceptor_n--;
    check_done(l);
}

void listener_runtime_enter(struct listener_runtime *l)
{
    l->client_n++;
}

void listener_runtime_leave(struct listener_runtime *l)
{
    MUST(l->magic == LISTENER_RUNTIME_MAGIC && l->client_n > 0);
    l->client_n--;
    check_done(l);
}
