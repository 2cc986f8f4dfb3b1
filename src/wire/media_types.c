/* media_types.c - media types of files by their extension: what web servers serve (the registry of
 * IANA, and RFC 9239 for JavaScript). Sorted, for the search. */
#include "wire/media_type.h"

enum { LONGEST = 12 }; /* with a NUL */

static const struct {
    const char *extension;
    const char *type;
} types[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/octet-stream"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"h", "text/plain; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", "text/plain; charset=utf-8"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mid", "audio/midi"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"py", "text/x-python; charset=utf-8"},
    {"rar", "application/vnd.rar"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"sh", "application/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

/* What follows the last dot of the last part; empty: there is none. */
static struct coil__slice extension_of(struct coil__slice path)
{
    size_t size = 0;

    while (size < path.size && path.start[path.size - size - 1] != '/') {
        if (path.start[path.size - size - 1] == '.') {
            return (struct coil__slice){path.start + (path.size - size), size};
        }
        size++;
    }
    return (struct coil__slice){"", 0};
}

const char *coil__media_type_of(struct coil__slice path)
{
    struct coil__slice extension = extension_of(path);
    char lower[LONGEST] = {0};
    size_t low = 0;
    size_t high = sizeof types / sizeof *types;

    for (size_t i = 0; i < extension.size && i + 1 < sizeof lower; i++) {
        lower[i] = coil__to_lower(extension.start[i]);
    }
    while (low < high && extension.size < sizeof lower) {
        size_t middle = (low + high) / 2;
        int order = strcmp(lower, types[middle].extension);

        if (order == 0 && strlen(lower) == extension.size) {
            return types[middle].type;
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return "application/octet-stream";
}

bool coil__media_type_is_text(struct coil__slice type)
{
    static const char *const others[] = {
        "application/json",
        "application/xml",
        "application/javascript",
        "application/yaml",
        "application/toml",
        "application/wasm",
        "application/rtf",
        "application/x-sh",
        "application/vnd.ms-fontobject",
        "font/ttf",
        "font/otf",
        "image/bmp",
        "application/x-ndjson",
        "application/graphql",
        "image/vnd.microsoft.icon",
        "application/vnd.apple.mpegurl",
    };
    struct coil__slice rest = type;
    struct coil__slice value;

    if (!coil__slice_take_part(&rest, ';', &value)) {
        return false;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (coil__slice_is_like(value, others[i])) {
            return true;
        }
    }
    for (size_t i = value.size; i > 0; i--) {
        if (value.start[i - 1] == '+') { /* a structured syntax suffix (RFC 6838, section 4.2.8) */
            struct coil__slice suffix = {value.start + i, value.size - i};

            return coil__slice_is_like(suffix, "json") || coil__slice_is_like(suffix, "xml") ||
                   coil__slice_is_like(suffix, "yaml");
        }
    }
    return value.size > 5 && coil__slice_is_like((struct coil__slice){value.start, 5}, "text/");
}
