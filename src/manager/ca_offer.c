#include "manager/ca_offer.h"

#include "net/tlsio_certificate.h"

static int check_text(const char *pem, const char *field, struct pool_error *error)
{
    struct tlsio_refusal why;
    const int n = tlsio_certificate_count(span_from_str(pem), field, &why);

    if (n == WERR_INVALID)
        pool_error_set(error, "invalid_value", field, "%s", why.text);
    return n < 0 ? n : 0;
}

int ca_offer_check(const struct pool_command *c, struct pool_error *error)
{
    const char *of_clients = c->wanted.tls.client_ca;
    const char *of_servers = c->tls.ca;
    int rc = of_clients != NULL ? check_text(of_clients, "tls.client_ca", error) : 0;

    if (rc == 0 && of_servers != NULL)
        rc = check_text(of_servers, "tls.ca", error);
    return rc;
}
