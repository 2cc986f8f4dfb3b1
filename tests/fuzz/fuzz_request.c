/* Requests to the console: whatever comes, the verdict is one of a few, what is taken from it is
 * made of printable text that stood there, and nobody gets in who has not sent the token. */
#include "fuzz.h"

#include "debug/console_http.h"

#define TOKEN "0123456789abcdef"

static bool is_printable(const char *text, bool may_go_beyond_ascii)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if ((byte < ' ' && byte != '\t') || byte == 0x7f || (byte > 0x7f && !may_go_beyond_ascii)) {
            return false;
        }
    }
    return true;
}

static void check_value(const char *value)
{
    size_t length = value ? strlen(value) : 0;

    FUZZ_CHECK(!value || is_printable(value, true));
    FUZZ_CHECK(length == 0 || (value[0] != ' ' && value[length - 1] != ' '));
}

static void check_request(const struct coil__request *request)
{
    FUZZ_CHECK(request->path && request->path[0] == '/');
    FUZZ_CHECK(!strpbrk(request->path, " ?#\t") && is_printable(request->path, false));
    FUZZ_CHECK(!strpbrk(request->query, " #\t") && is_printable(request->query, false));
    check_value(request->host);
    check_value(request->cookie);
    check_value(request->authorization);
}

static void check_admit(const struct coil__request *request, bool has_token)
{
    struct coil__access access = {.token = TOKEN, .cookie = "c"};
    bool is_by_query;
    int status = coil__request_admit(&access, request, &is_by_query);

    FUZZ_CHECK(status == 401 || (status == 0 && has_token));
    FUZZ_CHECK(!is_by_query || strstr(request->query, "token=" TOKEN));
    access = (struct coil__access){.is_host_checked = true, .cookie = "c"};
    status = coil__request_admit(&access, request, &is_by_query);
    FUZZ_CHECK(status == 403 || (status == 0 && request->host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct coil__request request = {0};
    char *head = malloc(size > 0 ? size : 1);
    bool has_token = size > 0 && memmem(data, size, TOKEN, sizeof TOKEN - 1);
    int status;

    FUZZ_CHECK(head != NULL);
    memcpy(head, data, size);
    status = coil__request_parse(head, size, &request);
    FUZZ_CHECK(status == 0 || status == 400 || status == 405 || status == 413 || status == 505);
    if (status == 0) {
        check_request(&request);
        check_admit(&request, has_token);
    } else {
        FUZZ_CHECK(!request.path);
    }
    free(head);
    return 0;
}
