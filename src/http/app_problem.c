/* app_problem.c - replies: text, redirects, and problem documents (RFC 9457). */
#include "http/app.h"

#include "base/memory.h"

#include <errno.h>

int coil_app_reply_text(struct coil_http_exchange *exchange, unsigned status, const char *text)
{
    return text ? coil_http_reply(exchange, status, "text/plain; charset=utf-8", text, strlen(text))
                : -EINVAL;
}

int coil_app_redirect(struct coil_http_exchange *exchange, unsigned status, const char *location)
{
    bool is_redirect = (status >= 301 && status <= 303) || status == 307 || status == 308;
    int rc = is_redirect ? coil_http_add_field(exchange, "Location", location) : -EINVAL;

    return rc < 0 ? rc : coil_http_reply(exchange, status, NULL, NULL, 0);
}

void coil__app_begin_problem(struct coil__app_text *text, unsigned status, const char *title,
                             const char *detail)
{
    coil__app_text_add(text, "{\"type\":\"about:blank\"");
    coil__app_text_member(text, "title", title ? title : coil__http1_reason(status));
    coil__app_text_key(text, "status");
    coil__app_text_number(text, status);
    coil__app_text_member(text, "detail", detail);
}

int coil__app_reply_problem(struct coil_http_exchange *exchange, unsigned status,
                            struct coil__app_text *text)
{
    int rc = text->has_failed ? -ENOMEM
                              : coil_http_reply(exchange, status, "application/problem+json",
                                                text->data, text->size);

    coil__app_text_deinit(text);
    return rc;
}

int coil_app_problem(struct coil_http_exchange *exchange, unsigned status, const char *title,
                     const char *detail)
{
    struct coil__app_text text = {0};

    if (!exchange || status < 200 || status > 599) {
        return -EINVAL;
    }
    if (coil_http_is_begun(exchange)) {
        return -COIL_EINVALIDSTATE;
    }
    coil__app_begin_problem(&text, status, title, detail);
    coil__app_text_add(&text, "}");
    return coil__app_reply_problem(exchange, status, &text);
}
