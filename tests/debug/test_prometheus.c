/* The text for Prometheus: names, types, labels, numbers. That a parser other than ours takes it,
 * tests/examples/test_scrape.py shows. */
#include "harness.h"

#include <coil.h>

#include <errno.h>
#include <stdio.h>

static char page[1 << 16];

static const char *write_page(const struct coil_metrics *metrics, size_t count)
{
    FILE *out = fmemopen(page, sizeof page - 1, "w");

    memset(page, 0, sizeof page);
    CHECK_PTR(out, !=, NULL);
    CHECK_OK(coil_metrics_write_prometheus(metrics, count, out));
    fclose(out);
    return page;
}

COIL_TEST(prometheus_counters_and_gauges)
{
    struct coil_metrics metrics = {
        .backend = "epoll",
        .iterations = 12,
        .polls = 7,
        .tasks_created = UINT64_MAX,
        .tasks_alive = 3,
        .operations = 2,
        .stacks = 5,
        .stack_bytes = 327680,
        .stack_bytes_mapped = 1048576,
        .workers = {.jobs = 9, .queued = 1, .threads = 4, .idle = 3},
        .resolvers = {.jobs = 8, .queued = 6, .threads = 2, .idle = 1},
        .is_timed = true,
    };
    const char *text = write_page(&metrics, 1);

    CHECK_CONTAINS(text, "# HELP coil_iterations_total Rounds of the ready queue.\n"
                         "# TYPE coil_iterations_total counter\n"
                         "coil_iterations_total{backend=\"epoll\"} 12\n"
                         "# HELP coil_polls_total ");
    CHECK_CONTAINS(text, "\ncoil_polls_total{backend=\"epoll\"} 7\n");
    CHECK_CONTAINS(text, "\ncoil_tasks_created_total{backend=\"epoll\"} 18446744073709551615\n");
    CHECK_CONTAINS(text, "\n# TYPE coil_tasks gauge\ncoil_tasks{backend=\"epoll\"} 3\n");
    CHECK_CONTAINS(text, "\ncoil_operations{backend=\"epoll\"} 2\n");
    CHECK_CONTAINS(text, "\ncoil_stacks{backend=\"epoll\"} 5\n");
    CHECK_CONTAINS(text, "\ncoil_stack_bytes{backend=\"epoll\"} 327680\n");
    CHECK_CONTAINS(text, "\ncoil_stack_mapped_bytes{backend=\"epoll\"} 1048576\n");
    CHECK_CONTAINS(text, "\n# TYPE coil_pool_jobs_total counter\n"
                         "coil_pool_jobs_total{backend=\"epoll\",pool=\"workers\"} 9\n"
                         "coil_pool_jobs_total{backend=\"epoll\",pool=\"resolvers\"} 8\n#");
    CHECK_CONTAINS(text, "\ncoil_pool_queued_jobs{backend=\"epoll\",pool=\"workers\"} 1\n"
                         "coil_pool_queued_jobs{backend=\"epoll\",pool=\"resolvers\"} 6\n#");
    CHECK_CONTAINS(text, "\ncoil_pool_threads{backend=\"epoll\",pool=\"workers\"} 4\n"
                         "coil_pool_threads{backend=\"epoll\",pool=\"resolvers\"} 2\n#");
    CHECK_CONTAINS(text, "\ncoil_pool_idle_threads{backend=\"epoll\",pool=\"workers\"} 3\n"
                         "coil_pool_idle_threads{backend=\"epoll\",pool=\"resolvers\"} 1\n#");
    CHECK_CONTAINS(text, "\ncoil_is_timed{backend=\"epoll\"} 1\n");
}

/* Cumulative, with the sum in seconds, exact. */
COIL_TEST(prometheus_histogram)
{
    struct coil_metrics metrics = {
        .backend = "sim",
        .io_wait = {.count = 6, .sum_ns = 21 * COIL_SEC + 5, .buckets = {3, 0, 2, [25] = 1}},
    };
    const char *text = write_page(&metrics, 1);

    CHECK_CONTAINS(text, "\n# TYPE coil_io_wait_seconds histogram\n"
                         "coil_io_wait_seconds_bucket{backend=\"sim\",le=\"0.000001000\"} 3\n"
                         "coil_io_wait_seconds_bucket{backend=\"sim\",le=\"0.000002000\"} 3\n"
                         "coil_io_wait_seconds_bucket{backend=\"sim\",le=\"0.000004000\"} 5\n"
                         "coil_io_wait_seconds_bucket{backend=\"sim\",le=\"0.000008000\"} 5\n");
    CHECK_CONTAINS(text, "\ncoil_io_wait_seconds_bucket{backend=\"sim\",le=\"16.777216000\"} 5\n"
                         "coil_io_wait_seconds_bucket{backend=\"sim\",le=\"+Inf\"} 6\n"
                         "coil_io_wait_seconds_sum{backend=\"sim\"} 21.000000005\n"
                         "coil_io_wait_seconds_count{backend=\"sim\"} 6\n");
    CHECK_CONTAINS(text, "\ncoil_step_seconds_count{backend=\"sim\"} 0\n");
    CHECK_CONTAINS(text, "\ncoil_ready_wait_seconds_count{backend=\"sim\"} 0\n");
    CHECK_CONTAINS(text, "\ncoil_timer_late_seconds_sum{backend=\"sim\"} 0.000000000\n");
}

COIL_TEST(prometheus_labels_of_loops)
{
    struct coil_metrics metrics[3] = {
        {.backend = "uring", .polls = 1, .loop = "main"},
        {.backend = "epoll", .polls = 2},
        {.polls = 3, .loop = "a \"b\" \\c\nd"},
    };

    CHECK_CONTAINS(write_page(metrics, 3),
                   "\n# TYPE coil_polls_total counter\n"
                   "coil_polls_total{loop=\"main\",backend=\"uring\"} 1\n"
                   "coil_polls_total{loop=\"1\",backend=\"epoll\"} 2\n"
                   "coil_polls_total{loop=\"a \\\"b\\\" \\\\c\\nd\",backend=\"\"} 3\n"
                   "# HELP");
    CHECK_CONTAINS(write_page(metrics, 1), "\ncoil_polls_total{loop=\"main\",backend=\"uring\"} 1");
    CHECK_CONTAINS(write_page(metrics + 1, 1), "\ncoil_polls_total{backend=\"epoll\"} 2");
}

/* Each name has its group: its type is said once, and nothing stands between its samples. */
COIL_TEST(prometheus_groups)
{
    struct coil_metrics metrics[2] = {{.backend = "uring"}, {.backend = "uring"}};
    char *line;
    char *rest = page;
    char group[64] = "";
    int groups = 0;

    write_page(metrics, 2);
    while ((line = strsep(&rest, "\n")) && *line) {
        size_t size = strcspn(line + 7, " ");

        if (strncmp(line, "# HELP ", 7) == 0) {
            CHECK_INT(size, <, sizeof group);
            memcpy(group, line + 7, size);
            group[size] = '\0';
            groups++;
        } else {
            CHECK_CONTAINS(line, group);
        }
    }
    CHECK_PTR(line, !=, NULL);
    CHECK_INT(groups, ==, 17);
}

COIL_TEST(prometheus_errors)
{
    struct coil_metrics metrics = {.backend = "uring"};
    FILE *out = fopen("/dev/full", "w");

    CHECK_ERR(coil_metrics_write_prometheus(&metrics, 1, NULL), -EINVAL);
    if (test_made(out)) {
        CHECK_ERR(coil_metrics_write_prometheus(NULL, 1, out), -EINVAL);
        CHECK_ERR(coil_metrics_write_prometheus(&metrics, 0, out), -EINVAL);
        CHECK_ERR(coil_metrics_write_prometheus(&metrics, 1, out), -EIO);
        fclose(out);
    }
}
