/* test_json_pattern.c - patterns: what they match, and what is none. */
#include "http/json.h"

#include "harness.h"

#include <stdlib.h>

static int try(const char *pattern, const char *text)
{
    return coil__json_matches(pattern, coil__slice_of(text));
}

static const struct {
    const char *pattern;
    const char *text;
    int result;
} cases[] = {
    {"", "", 1},
    {"", "abc", 1},
    {"^", "abc", 1},
    {"$", "abc", 1},
    {"^$", "", 1},
    {"^$", "a", 0},
    {"b", "abc", 1},
    {"^b", "abc", 0},
    {"b$", "abc", 0},
    {"c$", "abc", 1},
    {"^abc$", "abc", 1},
    {"^abc$", "abcd", 0},
    {"^abc$", "xabc", 0},
    {"^a.c$",
     "a\xc3\xa4"
     "c",
     1},
    {"^a.c$", "a\nc", 0},
    {"^a*$", "", 1},
    {"^a*$", "aaaa", 1},
    {"^a*$", "aab", 0},
    {"^a+$", "", 0},
    {"^a+$", "aa", 1},
    {"^ab?c$", "ac", 1},
    {"^ab?c$", "abc", 1},
    {"^ab?c$", "abbc", 0},
    {"^a{3}$", "aa", 0},
    {"^a{3}$", "aaa", 1},
    {"^a{3}$", "aaaa", 0},
    {"^a{2,}$", "a", 0},
    {"^a{2,}$", "aaaaaaa", 1},
    {"^a{0,2}$", "", 1},
    {"^a{0,2}$", "aa", 1},
    {"^a{0,2}$", "aaa", 0},
    {"^a{1,3}b$", "aaab", 1},
    {"^a{1,3}b$", "b", 0},
    {"^a{0,}$", "", 1},
    {"^(ab)+$", "ababab", 1},
    {"^(ab)+$", "aba", 0},
    {"^(ab|c)*d$", "abcabd", 1},
    {"^(ab|c)*d$", "d", 1},
    {"^(ab|c)*d$", "abad", 0},
    {"^(?:x|y){2}$", "xy", 1},
    {"^(a(b(c)?)?)?$", "ab", 1},
    {"^(a(b(c)?)?)?$", "ac", 0},
    {"^(a*)*$", "aaa", 1},
    {"^(a*)+b$", "aaab", 1},
    {"cat|dog", "hotdog!", 1},
    {"cat|dog", "cow", 0},
    {"a|", "x", 1},
    {"^[abc]$", "b", 1},
    {"^[abc]$", "d", 0},
    {"^[^abc]$", "d", 1},
    {"^[^abc]$", "b", 0},
    {"^[a-cx-z]$", "y", 1},
    {"^[a-cx-z]$", "m", 0},
    {"^[a-]$", "-", 1},
    {"^[-a]$", "-", 1},
    {"^[\\]\\\\]$", "]", 1},
    {"^[\\]\\\\]$", "\\", 1},
    {"^[\\d_]+$", "1_2", 1},
    {"^[^\\s]$", " ", 0},
    {"^[.*+?(){}|^$]+$", ".*+?(){}|^$", 1},
    {"^[\xc3\xa0-\xc3\xa6]$", "\xc3\xa4", 1},
    {"^[\xc3\xa0-\xc3\xa6]$", "\xc3\xb6", 0},
    {"^\xc3\xa4$", "\xc3\xa4", 1},
    {"^\\d\\D\\w\\W\\s\\S$", "1a_- x", 1},
    {"^\\d$", "\xd9\xa1", 0}, /* ARABIC-INDIC DIGIT ONE */
    {"^\\s$", "\xc2\xa0", 1},
    {"^\\.\\*\\$\\^\\/$", ".*$^/", 1},
    {"^\\n\\t\\r$", "\n\t\r", 1},
    {"^[0-9a-f]{8}-[0-9a-f]{4}$", "0123abcd-00ff", 1},
    {"^[0-9a-f]{64}$", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1},
    {"^[0-9a-f]{64}$", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", 0},
    {"^[A-Za-z_][A-Za-z0-9_]*$", "x_1", 1},
    {"^[A-Za-z_][A-Za-z0-9_]*$", "1x", 0},
};

COIL_TEST(json_pattern_matches)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(try(cases[i].pattern, cases[i].text) == cases[i].result, "%s on %s",
                  cases[i].pattern, cases[i].text);
    }
}

COIL_TEST(json_pattern_wrong)
{
    static const char *const wrong[] = {
        "*",
        "+",
        "?",
        "{2}",
        "a**",
        "a*?",
        "a+?",
        "a{",
        "a{2",
        "a{2,1}",
        "a{,2}",
        "a{0}",
        "a{x}",
        "a{0,0}",
        "a{129}",
        "a{99999999999999999999}",
        "a{1,2",
        "}",
        "]",
        "(",
        ")",
        "(a",
        "a)",
        "()",
        "(|a)",
        "(?=a)",
        "(?a)",
        "[",
        "[]",
        "[a",
        "[]a]",
        "[^]",
        "[z-a]",
        "[a-\\d]",
        "[\\d-z]",
        "[[:alpha:]]",
        "[a[b]",
        "\\",
        "\\b",
        "\\1",
        "\\x41",
        "\\u0041",
        "\\p{L}",
        "a^",
        "a$b",
        "(^a)",
        "(a$)",
        "^a|b",
        "a|b$",
        "a|^b",
        "^*",
        "^a$|b",
        "\xff",
        "[\xff]",
        "[a-",
        "[\\",
        "((((((((((((((((((a))))))))))))))))))",
        "(a{100}){2}",
        "[ab]{64}[cd]{65}",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_MSG(try(wrong[i], "a") == -EINVAL, "%s", wrong[i]);
    }
}

/* Patterns with which a matcher that goes back would take years. */
COIL_TEST(json_pattern_is_linear)
{
    enum { SIZE = 200000 };
    char *text = malloc(SIZE + 1);

    CHECK(text != NULL);
    memset(text, 'a', SIZE);
    text[SIZE] = '\0';
    CHECK_INT(try("^(a+)+$", text), ==, 1);
    CHECK_INT(try("^(a*)*b$", text), ==, 0);
    CHECK_INT(try("^(a|a|a)*b$", text), ==, 0);
    CHECK_INT(try("(a?){20}a{20}b", text), ==, 0);
    free(text);
}
