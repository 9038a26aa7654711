#include <string.h>

#include "base/ascii.h"
#include "base/num.h"
#include "config/config_int.h"

/* Visible ASCII only: what a URL, a file name and a token have in common. */
bool config_is_word(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] <= ' ' || value.ptr[i] > '~')
            return false;
    }
    return value.len > 0;
}

/* A host name, without a port: letters, digits, hyphens, dots, and underscores, which names in
 * containers have. */
bool config_is_host_name(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];

        if (!ascii_is_alnum(c) && strchr("-._", c) == NULL)
            return false;
    }
    return value.len > 0;
}

/* Readers of the settings of a cluster, for the table of config.c. */

enum { COMMAND_MAX = 4096 };

int config_read_cluster_ip(struct config *c, struct span value, const char **wish)
{
    struct addr a;

    *wish = "must be an address of this machine at which other nodes reach it, such as "
            "10.0.0.1:8688";
    if (addr_from_ip(value, CONFIG_CLUSTER_PORT, &a) < 0 && addr_from_text(value, &a) < 0)
        return WERR_INVALID;
    if (addr_is_wildcard(&a) || addr_is_multicast(&a) || a.port == 0)
        return WERR_INVALID;
    c->cluster_ip = a;
    return 0;
}

/* The last colon: an IPv6 address has more of them. */
int config_read_join(struct config *c, struct span value, const char **wish)
{
    size_t at = value.len;
    uint64_t port;

    *wish = "must be host:port of a member of the cluster, such as 10.0.0.1:8688";
    while (at > 0 && value.ptr[at - 1] != ':')
        at--;
    if (at == 0 || num_from_dec(span_skip(value, at), UINT16_MAX, &port) < 0 || port == 0)
        return WERR_INVALID;
    const struct span host = span_first(value, at - 1);
    struct addr ip;
    if (!config_is_host_name(host) && addr_from_ip(host, 0, &ip) < 0)
        return WERR_INVALID;
    c->join_port = (uint16_t)port;
    return config_store(&c->join_host, host);
}

int config_read_join_token(struct config *c, struct span value, const char **wish)
{
    *wish = "must hold visible ASCII characters only";
    return config_is_word(value) ? config_store(&c->join_token, value) : WERR_INVALID;
}

int config_read_join_token_file(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->join_token_file, value, wish);
}

int config_read_witness(struct config *c, struct span value, const char **wish)
{
    *wish = "must be yes or no";
    c->is_witness = span_is_equal(value, SPAN("yes"));
    return c->is_witness || span_is_equal(value, SPAN("no")) ? 0 : WERR_INVALID;
}

int config_read_cluster_profile(struct config *c, struct span value, const char **wish)
{
    static const char *const words[] = {
        [CONFIG_LAN] = "lan", [CONFIG_FAST] = "fast", [CONFIG_WAN] = "wan"};

    *wish = "must be lan, fast or wan";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_is_equal(value, span_from_str(words[i]))) {
            c->cluster_profile = (uint8_t)i;
            return 0;
        }
    }
    return WERR_INVALID;
}

int config_read_ready_passive(struct config *c, struct span value, const char **wish)
{
    *wish = "must be 200 or 503";
    c->ready_passive = span_is_equal(value, SPAN("503")) ? 503 : 200;
    return c->ready_passive == 503 || span_is_equal(value, SPAN("200")) ? 0 : WERR_INVALID;
}

/* It becomes a line of /bin/sh, in which a newline is no accident. */
static int read_command(char **to, struct span value, const char **wish)
{
    *wish = "must be a command of 1 to 4096 bytes";
    return value.len > 0 && value.len <= COMMAND_MAX && memchr(value.ptr, 0, value.len) == NULL
               ? config_store(to, value)
               : WERR_INVALID;
}

int config_read_on_active(struct config *c, struct span value, const char **wish)
{
    return read_command(&c->on_active, value, wish);
}

int config_read_on_passive(struct config *c, struct span value, const char **wish)
{
    return read_command(&c->on_passive, value, wish);
}
