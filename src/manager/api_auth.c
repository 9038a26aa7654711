#include "manager/api_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/strb.h"
#include "manager/api_host.h"

/* ---- the token ---- */

static int take_token(struct api_auth *a, struct span text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL)
        text = span_skip(text, 1);
    return text.len == 0 || secret_set(&a->token, text) < 0 ? WERR_INVALID : 0;
}

static int read_token(struct api_auth *a, const char *path, char *error, size_t error_size)
{
    char text[2 * SECRET_MAX]; /* more than a token, so that one too long is seen */
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, text, sizeof(text));
        (void)close(fd);
    }
    if (n < 0) {
        snprintf(error, error_size, "--admin-token-file: can't read %s: %s", path,
                 werr_text(werr_from_errno(errno)));
        return WERR_INVALID;
    }
    if (take_token(a, span_from(text, (size_t)n)) < 0) {
        snprintf(error, error_size, "--admin-token-file: %s holds no token of 1 to %d bytes",
                 path, SECRET_MAX);
        return WERR_INVALID;
    }
    return 0;
}

int api_auth_load(struct api_auth *a, const struct config *config, char *error,
                  size_t error_size)
{
    memset(a, 0, sizeof(*a));
    if (config->admin_token_file != NULL)
        return read_token(a, config->admin_token_file, error, error_size);
    if (config->admin_token == NULL)
        return 0;
    if (take_token(a, span_from_str(config->admin_token)) < 0) {
        snprintf(error, error_size, "WELDR_ADMIN_TOKEN holds no token");
        return WERR_INVALID;
    }
    return 0;
}

int api_auth_generate(struct api_auth *a)
{
    unsigned char random[API_TOKEN_RANDOM_BYTES];
    char text[2 * API_TOKEN_RANDOM_BYTES + 1];
    struct strb b;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return WERR_IO;
    strb_init(&b, text, sizeof(text));
    for (size_t i = 0; i < sizeof(random); i++)
        strb_addf(&b, "%02x", random[i]);
    return secret_set(&a->token, strb_span(&b));
}

bool api_auth_is_allowed(const struct api_auth *a, const struct addr *peer,
                         struct span authorization)
{
    static const struct span scheme = {"Bearer ", 7};

    if (addr_is_loopback(peer))
        return true;
    if (!span_is_equal_nocase(span_first(authorization, scheme.len), scheme))
        return false;
    return secret_is(&a->token, span_trim(span_skip(authorization, scheme.len)));
}

/* ---- the origin ---- */

/* "localhost", an address that is a loopback one or ours, or a name of --admin-host. */
static bool is_own_host(const struct config *config, struct span host, const struct addr *local)
{
    struct addr a;

    if (span_is_equal_nocase(host, SPAN("localhost")) || api_host_is_named(config, host))
        return true;
    if (addr_from_ip(host, local->port, &a) < 0)
        return false;
    return addr_is_loopback(&a) || addr_is_equal(&a, local);
}

bool api_auth_is_own_origin(const struct config *config, struct span origin,
                            const struct addr *local)
{
    static const struct span scheme = {"http://", 7};
    uint64_t port = 80;
    struct span host;

    if (!span_has_prefix(origin, scheme) ||
        api_host_split(span_skip(origin, scheme.len), &host, &port) < 0)
        return false;
    return port == local->port && is_own_host(config, host, local);
}
