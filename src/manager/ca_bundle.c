#include "manager/ca_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "log/log.h"

/* ---- finding it ---- */

static const char *const usual_paths[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Red Hat, Fedora, Amazon */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem", /* SUSE */
    "/etc/ssl/cert.pem",      /* Alpine without ca-certificates, BSD */
    "/etc/pki/tls/cert.pem"};

static char *read_all(int fd, size_t size, size_t *len)
{
    char *text = fault_malloc(size + 1);

    *len = 0;
    while (text != NULL && *len < size) {
        const ssize_t n = read(fd, text + *len, size - *len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (text != NULL)
        text[*len] = '\0';
    return text;
}

/* NULL: not there, can't be read, or no file of a fit size. */
static char *read_file(const char *path, size_t *len)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text = NULL;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        st.st_size <= CA_BUNDLE_BYTES_MAX)
        text = read_all(fd, (size_t)st.st_size, len);
    (void)close(fd);
    return text;
}

static unsigned count_certificates(const char *text)
{
    static const char mark[] = "-----BEGIN CERTIFICATE-----";
    unsigned n = 0;

    for (const char *at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark))
        n++;
    return n;
}

static bool take(struct ca_bundle *b, const char *path)
{
    size_t len = 0;
    char *text = read_file(path, &len);
    const unsigned n = text != NULL ? count_certificates(text) : 0;

    if (n == 0) {
        free(text);
        return false;
    }
    b->pem = text;
    b->len = len;
    b->version++;
    b->is_published = false;
    log_info("authorities for https servers", LOG_S("file", path), LOG_U("roots", n));
    return true;
}

void ca_bundle_look(struct ca_bundle *b)
{
    const char *named = getenv("SSL_CERT_FILE");

    if (b->pem != NULL)
        return;
    if (named != NULL && named[0] != '\0') {
        (void)take(b, named);
        return;
    }
    for (size_t i = 0; i < sizeof(usual_paths) / sizeof(usual_paths[0]); i++)
        if (take(b, usual_paths[i]))
            return;
}

void ca_bundle_fini(struct ca_bundle *b)
{
    free(b->pem);
    b->pem = NULL;
}

/* ---- who needs it ---- */

static bool believes_machine(const struct pool *p)
{
    return p->tls_settings.verify && p->tls.ca == NULL;
}

static bool has_https(const struct pool *p)
{
    for (uint32_t i = 0; i < p->server_n; i++)
        if (p->servers[i]->is_tls)
            return true;
    return false;
}

bool ca_bundle_is_needed(const struct pool *p)
{
    return believes_machine(p) && has_https(p);
}

static bool brings_https(const struct pool_command *c)
{
    if (c->type == POOL_ADD_SERVER)
        return c->server.is_tls;
    for (uint32_t i = 0; i < c->list_n; i++)
        if (c->list[i].is_tls)
            return true;
    return false;
}

/* Will the pool believe the machine, when this has changed it? A PUT begins with the defaults.
 */
static bool will_believe_machine(const struct pool *p, const struct pool_command *c)
{
    const bool keeps_ca = !c->is_put && (c->set & POOL_SET_TLS_CA) == 0;
    struct pool_settings next = p->settings;

    if (c->is_put)
        settings_init(&pool_settings_table, &next);
    settings_merge(&pool_settings_table, &next, &c->settings, c->given);
    return next.tls_settings.verify && (keeps_ca ? p->tls.ca : c->tls.ca) == NULL;
}

static int refuse(struct pool_error *error, const char *field)
{
    *error = (struct pool_error){.code = "no_authorities"};
    (void)snprintf(error->field, sizeof(error->field), "%s", field);
    (void)snprintf(error->detail, sizeof(error->detail),
                   "no file of authorities was found, so that no https server can be verified: "
                   "install ca-certificates, name a file in SSL_CERT_FILE, or give the pool "
                   "tls.ca");
    return WERR_INVALID;
}

/* The member that makes the machine's authorities necessary; NULL: none does. A pool that needs
 * them already can be changed all the same. */
static const char *needy_field(const struct pool *p, const struct pool_command *c)
{
    if (brings_https(c))
        return believes_machine(p) ? "url" : NULL;
    if (pool_command_kind(c->type) != KIND_POOL || c->type == POOL_REMOVE_POOL ||
        !has_https(p) || believes_machine(p) || !will_believe_machine(p, c))
        return NULL;
    return p->tls_settings.verify ? "tls.ca" : "tls.verify";
}

int ca_bundle_check(struct ca_bundle *b, const struct pool_state *state,
                    const struct pool_command *c, struct pool_error *error)
{
    const struct pool *p = pool_find(state, span_from_str(c->pool));
    const char *field = p != NULL ? needy_field(p, c) : NULL;

    if (field == NULL)
        return 0;
    ca_bundle_look(b);
    return b->pem != NULL ? 0 : refuse(error, field);
}
