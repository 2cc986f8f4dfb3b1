/* links.c - see links.h.
 *
 * A page is whatever a stranger sends. libgumbo copes with any HTML, but the tree that it makes of
 * a hostile page may be far larger than the page (formatting elements are made again in each
 * paragraph) or deeper than any stack (it frees its trees recursively). So it gets its memory from
 * an arena, which is dropped as a whole, and whose end, in bytes or in time, ends the parsing: the
 * arena jumps back to where it began. Nothing suspends in between.
 */
#include "links.h"

#include <coil.h>

#include <errno.h>
#include <gumbo.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BLOCK_SIZE = 64 * 1024,
    MAX_MEMORY = 128 * 1024 * 1024,
    CLOCK_EVERY = 256, /* allocations between two looks at the clock */
};
static const int64_t max_time_ns = 3 * COIL_SEC;

/* --- the arena --- */

struct block {
    struct block *next;
    size_t size;
    max_align_t data[];
};

struct arena {
    struct block *blocks; /* the first one is being filled */
    size_t used;          /* of it */
    size_t total;
    size_t calls;
    int64_t began;
    jmp_buf end; /* where parsing ends that takes too much */
};

static void *arena_get(void *user, size_t size)
{
    struct arena *arena = user;
    char *found;

    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (++arena->calls % CLOCK_EVERY == 0 && coil_now() - arena->began > max_time_ns) {
        longjmp(arena->end, 1);
    }
    if (!arena->blocks || size > arena->blocks->size - arena->used) {
        size_t block_size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        struct block *block = NULL;

        if (block_size <= MAX_MEMORY - arena->total) {
            block = malloc(sizeof *block + block_size);
        }
        if (!block) {
            longjmp(arena->end, 1);
        }
        *block = (struct block){.next = arena->blocks, .size = block_size};
        arena->blocks = block;
        arena->used = 0;
        arena->total += block_size;
    }
    found = (char *)arena->blocks->data + arena->used;
    arena->used += size;
    return found;
}

static void arena_put(void *user, void *ptr)
{
    (void)user;
    (void)ptr; /* it goes with all the others */
}

static void arena_deinit(struct arena *arena)
{
    while (arena->blocks) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}

/* --- the tree --- */

/* The next node in the order of the text; NULL: that was the last one. No recursion: a page may be
 * nested as deeply as it is long. */
static const GumboNode *next_node(const GumboNode *node)
{
    if (node->type == GUMBO_NODE_ELEMENT && node->v.element.children.length > 0) {
        return node->v.element.children.data[0];
    }
    while (node->parent && node->parent->type == GUMBO_NODE_ELEMENT) {
        const GumboVector *siblings = &node->parent->v.element.children;

        if (node->index_within_parent + 1 < siblings->length) {
            return siblings->data[node->index_within_parent + 1];
        }
        node = node->parent;
    }
    return NULL;
}

static const char *attribute(const GumboNode *node, const char *name)
{
    const GumboAttribute *found = gumbo_get_attribute(&node->v.element.attributes, name);

    return found ? found->value : NULL;
}

/* Whether a list of words, separated by blanks or commas, has one of these. */
static bool has_word(const char *list, const char *const *words)
{
    static const char between[] = " \t\r\n\f,";

    for (; list && *list != '\0'; list += strspn(list, between)) {
        size_t length = strcspn(list, between);

        for (size_t i = 0; words[i]; i++) {
            if (length == strlen(words[i]) && strncasecmp(list, words[i], length) == 0) {
                return true;
            }
        }
        list += length;
    }
    return false;
}

/* The attribute with a link that is to be followed; NULL: it has none. */
static const char *link_of(const GumboNode *node)
{
    static const char *const nofollow[] = {"nofollow", NULL};
    static const char *const hints[] = {"preconnect", "dns-prefetch", "nofollow", NULL};

    switch (node->v.element.tag) {
    case GUMBO_TAG_A:
    case GUMBO_TAG_AREA:
        return has_word(attribute(node, "rel"), nofollow) ? NULL : attribute(node, "href");
    case GUMBO_TAG_LINK: /* some name a host, and no page */
        return has_word(attribute(node, "rel"), hints) ? NULL : attribute(node, "href");
    case GUMBO_TAG_IMG:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_FRAME:
        return attribute(node, "src");
    default:
        return NULL;
    }
}

static bool forbids_all(const GumboNode *node, const char *product)
{
    static const char *const nofollow[] = {"nofollow", "none", NULL};
    const char *name = attribute(node, "name");

    return node->v.element.tag == GUMBO_TAG_META && name &&
           (strcasecmp(name, "robots") == 0 || strcasecmp(name, product) == 0) &&
           has_word(attribute(node, "content"), nofollow);
}

/* --- the links --- */

static int add(struct links *links, struct coil_http_url *url)
{
    struct coil_http_url **urls = links->urls;
    size_t count = links->count;

    if ((count & (count - 1)) == 0) { /* full at each power of two */
        urls = realloc(urls, (count > 0 ? 2 * count : 1) * sizeof *urls);
        if (!urls) {
            return -ENOMEM;
        }
        links->urls = urls;
    }
    urls[links->count++] = url;
    return 0;
}

static int add_text(struct links *links, const struct coil_http_url *base, const char *text)
{
    struct coil_http_url *url;
    struct coil_http_url *normal;
    int rc = coil_http_url_resolve(base, text, &url);

    if (rc == -EPROTONOSUPPORT) {
        return 0; /* "mailto:", "javascript:" */
    }
    if (rc == -COIL_EURL) {
        links->malformed++;
        return 0;
    }
    if (rc < 0) {
        return rc;
    }
    rc = coil_http_url_normalize(url, &normal);
    coil_http_url_free(url);
    if (rc == 0) {
        rc = add(links, normal);
        if (rc < 0) {
            coil_http_url_free(normal);
        }
    }
    return rc;
}

/* What holds for all links, wherever it stands (HTML, section 4.2.3: the first base counts). */
struct manner {
    const char *base;
    bool is_forbidden;
};

static struct manner manner_of(const GumboNode *root, const char *product)
{
    struct manner manner = {0};

    for (const GumboNode *node = root; node; node = next_node(node)) {
        if (node->type == GUMBO_NODE_ELEMENT) {
            if (node->v.element.tag == GUMBO_TAG_BASE && !manner.base) {
                manner.base = attribute(node, "href");
            }
            manner.is_forbidden |= forbids_all(node, product);
        }
    }
    return manner;
}

static int add_tree(struct links *links, const struct coil_http_url *page, const GumboNode *root,
                    const char *product, size_t max)
{
    struct manner manner = manner_of(root, product);
    struct coil_http_url *base = NULL;
    int rc = 0;

    if (manner.is_forbidden) {
        return 0;
    }
    if (manner.base && coil_http_url_resolve(page, manner.base, &base) == -ENOMEM) {
        return -ENOMEM;
    }
    for (const GumboNode *node = root; rc == 0 && node; node = next_node(node)) {
        const char *text = node->type == GUMBO_NODE_ELEMENT ? link_of(node) : NULL;

        if (text && links->count >= max) {
            links->is_cut = true;
            break;
        }
        if (text) {
            rc = add_text(links, base ? base : page, text);
        }
    }
    coil_http_url_free(base);
    return rc;
}

/* Apart from links_read, whose variables no jump can spoil. */
static int read_within(struct arena *arena, struct links *links, const struct coil_http_url *page,
                       const char *html, size_t size, const char *product, size_t max)
{
    GumboOptions options = kGumboDefaultOptions;
    const GumboOutput *output;

    options.allocator = arena_get;
    options.deallocator = arena_put;
    options.userdata = arena;
    options.max_errors = 0;
    if (setjmp(arena->end) != 0) {
        links->is_too_large = true;
        return 0;
    }
    output = gumbo_parse_with_options(&options, html, size);
    return add_tree(links, page, output->root, product, max);
}

int links_read(struct links *links, const struct coil_http_url *page, const char *html, size_t size,
               const char *product, size_t max)
{
    struct arena arena = {.began = coil_now()};
    int rc;

    *links = (struct links){0};
    rc = read_within(&arena, links, page, html, size, product, max);
    arena_deinit(&arena);
    return rc;
}

void links_deinit(struct links *links)
{
    for (size_t i = 0; i < links->count; i++) {
        coil_http_url_free(links->urls[i]);
    }
    free(links->urls);
    *links = (struct links){0};
}
