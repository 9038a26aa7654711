#include <stdio.h>

#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"

/* What "tls" of a listener holds beside the settings of listener_settings.def. */

/* ---- reading ---- */

static int read_profile(struct reading *r, json_t *value)
{
    struct listener_tls *tls = &r->c->wanted.tls;
    r->c->set |= POOL_SET_TLS_PROFILE;
    if (json_is_null(value) || (json_is_string(value) && listener_tls_profile_from_word(
                                                             code_text(value), &tls->profile)))
        return 0;
    return code_refuse_value(r, "tls.profile",
                             "profile must be \"intermediate\" or \"modern\"");
}

static int read_client_certificate(struct reading *r, json_t *value)
{
    struct listener_tls *tls = &r->c->wanted.tls;
    r->c->set |= POOL_SET_TLS_CLIENT_CERTIFICATE;
    if (json_is_null(value) ||
        (json_is_string(value) &&
         listener_client_certificate_from_word(code_text(value), &tls->client_certificate)))
        return 0;
    return code_refuse_value(r, "tls.client_certificate",
                             "client_certificate must be \"none\", \"optional\" or "
                             "\"require\"");
}

int code_read_pem(struct reading *r, const char *field, json_t *value, size_t most, char **to)
{
    char wish[120];
    const char *text = json_string_value(value);
    if (json_is_null(value))
        return 0;
    if (text != NULL && *text != '\0' && json_string_length(value) <= most) {
        *to = pool_strdup(text);
        return *to != NULL ? 0 : WERR_NOMEM;
    }
    snprintf(wish, sizeof(wish), "%s must be null or certificates in PEM, at most %zu bytes",
             field, most);
    return code_refuse_value(r, field, wish);
}

static int read_client_ca(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_CLIENT_CA;
    return code_read_pem(r, "tls.client_ca", value, LISTENER_CLIENT_CA_BYTES_MAX,
                         &r->c->wanted.tls.client_ca);
}

int code_read_certificate_name(struct reading *r, const char *field, json_t *value, char **to)
{
    if (!json_is_string(value) || !pool_name_is_valid(code_text(value)))
        return code_refuse_value(r, field, "a certificate is named by its name or its id");
    *to = pool_strdup(json_string_value(value));
    return *to != NULL ? 0 : WERR_NOMEM;
}

static int read_default_certificate(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_DEFAULT_CERTIFICATE;
    return json_is_null(value)
               ? 0
               : code_read_certificate_name(r, "tls.default_certificate", value,
                                            &r->c->wanted.tls.default_certificate);
}

static bool is_there_before(const json_t *list, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (json_equal(json_array_get(list, k), json_array_get(list, i)) != 0)
            return true;
    }
    return false;
}

static int read_one(struct reading *r, struct listener_tls *tls, const json_t *list, size_t i)
{
    char field[48];
    snprintf(field, sizeof(field), "tls.certificates[%zu]", i);
    if (is_there_before(list, i))
        return code_refuse_value(r, field, "the certificate is in the list twice");
    int rc =
        code_read_certificate_name(r, field, json_array_get(list, i), &tls->certificates[i]);
    tls->certificate_n += rc == 0;
    return rc;
}

/* null: all that there are. */
static int read_certificates(struct reading *r, json_t *value)
{
    struct listener_tls *tls = &r->c->wanted.tls;
    const size_t n = json_array_size(value);
    r->c->set |= POOL_SET_TLS_CERTIFICATES;
    if (json_is_null(value))
        return 0;
    if (n == 0 || n > LISTENER_CERTIFICATES_MAX)
        return code_refuse_value(r, "tls.certificates",
                                 "certificates must be null, which means all, or a list of 1 "
                                 "to 1024 names");
    tls->certificates = pool_calloc(n, sizeof(char *));
    int rc = tls->certificates != NULL ? 0 : WERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_one(r, tls, value, i);
    return rc;
}

const struct member code_listener_tls[] = {
    {"profile", read_profile, 0},
    {"certificates", read_certificates, 0},
    {"default_certificate", read_default_certificate, 0},
    {"client_certificate", read_client_certificate, 0},
    {"client_ca", read_client_ca, 0},
    {NULL, NULL, 0},
};

/* ---- writing ---- */

static void write_certificates(struct jtext *t, const struct listener_tls *tls)
{
    if (tls->certificate_n == 0) {
        jtext_null(t, "certificates");
        return;
    }
    jtext_open(t, "certificates", '[');
    for (uint32_t i = 0; i < tls->certificate_n; i++)
        jtext_str(t, NULL, tls->certificates[i]);
    jtext_close(t, ']');
}

void code_write_listener_tls(struct jtext *t, const void *of, uint32_t set)
{
    const struct listener_tls *tls = of;
    if ((set & POOL_SET_TLS_PROFILE) != 0)
        jtext_str(t, "profile",
                  listener_tls_profile_word((enum listener_tls_profile)tls->profile));
    if ((set & POOL_SET_TLS_CERTIFICATES) != 0)
        write_certificates(t, tls);
    if ((set & POOL_SET_TLS_DEFAULT_CERTIFICATE) != 0)
        code_write_text(t, "default_certificate", tls->default_certificate);
    if ((set & POOL_SET_TLS_CLIENT_CERTIFICATE) != 0)
        jtext_str(t, "client_certificate",
                  listener_client_certificate_word(
                      (enum listener_client_certificate)tls->client_certificate));
    if ((set & POOL_SET_TLS_CLIENT_CA) != 0)
        code_write_text(t, "client_ca", tls->client_ca);
}
