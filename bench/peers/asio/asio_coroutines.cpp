/*
 * bench/peers/asio/asio_coroutines.cpp - the work items on Asio (libasio-dev), C++20 coroutines.
 *
 *     asio_coroutines yield|create|handover [ops]   ns per operation
 *     asio_coroutines sleep N                       N coroutines wait 1 s, all awaited; wall, RSS
 *     asio_coroutines echo PORT                     TCP echo, one coroutine per connection
 *
 * One thread and the hint that says so (no locks inside Asio), and the concrete executor type
 * instead of the type-erased one throughout, which is the fast way to use it. The yield is
 * co_await post(); create is co_await co_spawn(); the channel is asio::experimental::channel with
 * one slot, tried without suspending first.
 */
#include <sys/resource.h>

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using executor = asio::io_context::executor_type;
using use_awaitable = asio::use_awaitable_t<executor>;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using steady_timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                                asio::wait_traits<std::chrono::steady_clock>,
                                                executor>;
using channel = asio::experimental::channel<executor, void(asio::error_code, int)>;
using steady = std::chrono::steady_clock;

template <typename T = void> using task = asio::awaitable<T, executor>;

static void report(const char *item, steady::time_point start, long ops)
{
    std::chrono::duration<double, std::nano> took = steady::now() - start;
    std::printf("item=%s ns=%.3f\n", item, took.count() / static_cast<double>(ops));
}

static task<> yield_loop(executor ex, long count)
{
    for (long i = 0; i < count; i++) {
        co_await asio::post(ex, use_awaitable{});
    }
}

static void item_yield(asio::io_context &context, long ops)
{
    executor ex = context.get_executor();
    auto start = steady::now();

    asio::co_spawn(ex, yield_loop(ex, ops / 2), asio::detached);
    asio::co_spawn(ex, yield_loop(ex, ops / 2), asio::detached);
    context.run();
    report("yield", start, ops / 2 * 2);
}

static task<> count_one(long &count)
{
    count++;
    co_return;
}

static task<> create_loop(executor ex, long ops, long &count)
{
    for (long i = 0; i < ops; i++) {
        co_await asio::co_spawn(ex, count_one(count), use_awaitable{});
    }
}

static void item_create(asio::io_context &context, long ops)
{
    executor ex = context.get_executor();
    long count = 0;
    auto start = steady::now();

    asio::co_spawn(ex, create_loop(ex, ops, count), asio::detached);
    context.run();
    report("create", start, ops);
    if (count != ops) {
        std::exit(1);
    }
}

static task<> handover_send(channel &ch, long ops)
{
    for (long i = 0; i < ops; i++) {
        if (!ch.try_send(asio::error_code(), static_cast<int>(i))) {
            co_await ch.async_send(asio::error_code(), static_cast<int>(i), use_awaitable{});
        }
    }
}

static task<> handover_receive(channel &ch, long ops)
{
    for (long i = 0; i < ops; i++) {
        int value = -1;

        if (!ch.try_receive([&value](asio::error_code, int v) { value = v; })) {
            value = co_await ch.async_receive(use_awaitable{});
        }
        if (value != static_cast<int>(i)) {
            std::abort();
        }
    }
}

static void item_handover(asio::io_context &context, long ops)
{
    executor ex = context.get_executor();
    channel ch(ex, 1);
    auto start = steady::now();

    asio::co_spawn(ex, handover_send(ch, ops), asio::detached);
    asio::co_spawn(ex, handover_receive(ch, ops), asio::detached);
    context.run();
    report("handover", start, ops);
}

static task<> sleep_one(executor ex)
{
    steady_timer timer(ex, std::chrono::seconds(1));
    co_await timer.async_wait(use_awaitable{});
}

static void item_sleep(asio::io_context &context, long n)
{
    executor ex = context.get_executor();
    struct rusage usage;
    long done = 0;
    auto start = steady::now();

    asio::post(ex, [&] {
        for (long i = 0; i < n; i++) {
            asio::co_spawn(ex, sleep_one(ex), [&done](std::exception_ptr) { done++; });
        }
    });
    context.run();
    std::chrono::duration<double> took = steady::now() - start;
    getrusage(RUSAGE_SELF, &usage);
    std::printf("item=sleep n=%ld wall_s=%.3f rss_kib=%ld\n", done, took.count(),
                usage.ru_maxrss);
}

static task<> serve(tcp_socket socket)
{
    auto buf = std::make_unique_for_overwrite<char[]>(64 * 1024);
    socket.set_option(asio::ip::tcp::no_delay(true));
    try {
        for (;;) {
            std::size_t size = co_await socket.async_read_some(
                asio::buffer(buf.get(), 64 * 1024), use_awaitable{});
            co_await asio::async_write(socket, asio::buffer(buf.get(), size), use_awaitable{});
        }
    } catch (const asio::system_error &) {
        /* the peer is gone */
    }
}

static task<> accept_loop(executor ex, unsigned short port)
{
    tcp_acceptor acceptor(ex, {asio::ip::address_v4::loopback(), port});
    acceptor.listen(4096);
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        tcp_socket socket = co_await acceptor.async_accept(use_awaitable{});
        asio::co_spawn(ex, serve(std::move(socket)), asio::detached);
    }
}

int main(int argc, char **argv)
{
    const char *item = argc > 1 ? argv[1] : "";
    long count = argc > 2 ? std::atol(argv[2]) : 0;
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (!std::strcmp(item, "yield")) {
        item_yield(context, count > 0 ? count : 5000000);
    } else if (!std::strcmp(item, "create")) {
        item_create(context, count > 0 ? count : 3000000);
    } else if (!std::strcmp(item, "handover")) {
        item_handover(context, count > 0 ? count : 5000000);
    } else if (!std::strcmp(item, "sleep")) {
        item_sleep(context, count > 0 ? count : 100000);
    } else if (!std::strcmp(item, "echo") && count > 0) {
        asio::co_spawn(context.get_executor(),
                       accept_loop(context.get_executor(), static_cast<unsigned short>(count)),
                       asio::detached);
        context.run();
    } else {
        std::fprintf(stderr,
                     "usage: asio_coroutines yield|create|handover|sleep [count] | echo PORT\n");
        return 2;
    }
    return 0;
}
