/* service.c - the settings of a server, and what its connections share. */
#include "http/http2.h"

#include "base/memory.h"

#include <errno.h>

enum { DATE_SIZE = sizeof "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" - 1 };

static int64_t time_of(int64_t given, int64_t usual)
{
    return given == 0 ? usual : given;
}

static uint32_t rate_of(uint32_t given)
{
    enum { USUAL = 240 }; /* Kestrel's */

    return given == 0 ? USUAL : given == COIL_HTTP_ANY_RATE ? 0 : given;
}

static void take_settings(struct coil__http_settings *settings,
                          const struct coil_http_server_options *options)
{
    size_t max_head =
        options->max_head < COIL__HTTP1_MAX_HEAD ? options->max_head : COIL__HTTP1_MAX_HEAD;

    *settings = (struct coil__http_settings){
        .limits.head = (uint32_t)max_head,
        .limits.field = max_head > COIL__HTTP1_DEFAULT_HEAD ? (uint32_t)max_head : 0,
        .max_fields = options->max_fields > 0 ? options->max_fields : 100,
        .max_body = options->max_body > 0 ? options->max_body : 1024 * 1024,
        .head_timeout_ns = time_of(options->head_timeout_ns, 10 * COIL_SEC),
        .idle_timeout_ns = time_of(options->idle_timeout_ns, 75 * COIL_SEC),
        .body_timeout_ns = time_of(options->body_timeout_ns, 30 * COIL_SEC),
        .write_timeout_ns = time_of(options->write_timeout_ns, 30 * COIL_SEC),
        .min_body_rate = rate_of(options->min_body_rate),
        .min_write_rate = rate_of(options->min_write_rate),
        .max_requests = options->max_requests,
        .max_streams = options->max_streams > 0 ? options->max_streams : 100,
        .has_connect = !options->refuse_connect,
        .stack_size = options->server.stack_size,
        .log = options->log,
        .log_user = options->log_user,
        .metrics = options->metrics,
    };
}

/* The lines that each response has; the Date's value comes later. 0, -EINVAL, -ENOMEM. */
static int make_lines(struct coil__http_service *service, const char *name)
{
    size_t room = DATE_SIZE + sizeof "Server: \r\n" + strlen(name);
    struct coil__http1_writer writer;
    int64_t length = 0;

    service->lines = coil__malloc(room);
    if (!service->lines) {
        return -ENOMEM;
    }
    memcpy(service->lines, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", DATE_SIZE);
    coil__http1_writer_init(&writer, service->lines + DATE_SIZE, room - DATE_SIZE);
    if (*name) {
        coil__http1_write_field(&writer, coil__slice_of("Server"), coil__slice_of(name));
        length = coil__http1_writer_end(&writer);
    }
    service->date_size = DATE_SIZE;
    service->lines_size = DATE_SIZE + (size_t)length;
    return length < 0 ? -EINVAL : 0;
}

int coil__http_service_init(struct coil__http_service *service,
                            const struct coil_http_server_options *options,
                            coil_http_handler handler, void *user)
{
    static const struct coil_http_server_options none;
    int rc;

    options = options ? options : &none;
    *service = (struct coil__http_service){.handler = handler, .user = user, .tls = options->tls};
    if (!handler || options->head_timeout_ns < 0 || options->idle_timeout_ns < 0 ||
        options->body_timeout_ns < 0 || options->write_timeout_ns < 0) {
        return -EINVAL;
    }
    take_settings(&service->settings, options);
    coil__list_init(&service->connections);
    rc = make_lines(service, options->server_name ? options->server_name : "coil");
    if (rc == 0) {
        service->scratch =
            coil__realloc_array(NULL, service->settings.max_fields, sizeof *service->scratch);
        rc = service->scratch ? 0 : -ENOMEM;
    }
    if (rc < 0) {
        coil__http_service_deinit(service);
    }
    return rc;
}

void coil__http_service_deinit(struct coil__http_service *service)
{
    coil__http2_shared_free(service->http2);
    coil__free(service->lines);
    coil__free(service->scratch);
    service->http2 = NULL;
    service->lines = NULL;
    service->scratch = NULL;
}
