/*
 * bench/peers/asio/asio_callbacks.cpp - TCP echo on Asio (libasio-dev) with completion handlers.
 * Handlers are not tasks, so the other work items are in asio_coroutines.cpp only.
 *
 *     asio_callbacks echo PORT
 *
 * One thread and the hint that says so (no locks inside Asio), the concrete executor type instead
 * of the type-erased one, one object and one 64 KiB buffer per connection.
 */
#include <sys/resource.h>

#include <asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;

class session {
public:
    explicit session(tcp_socket socket) : socket_(std::move(socket))
    {
        socket_.set_option(asio::ip::tcp::no_delay(true));
    }

    void read()
    {
        socket_.async_read_some(asio::buffer(buf_), [this](asio::error_code ec, std::size_t size) {
            if (ec) {
                delete this;
            } else {
                write(size);
            }
        });
    }

private:
    void write(std::size_t size)
    {
        asio::async_write(socket_, asio::buffer(buf_, size),
                          [this](asio::error_code ec, std::size_t) {
                              if (ec) {
                                  delete this;
                              } else {
                                  read();
                              }
                          });
    }

    tcp_socket socket_;
    char buf_[64 * 1024];
};

static void accept_next(tcp_acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](asio::error_code ec, tcp_socket socket) {
        if (!ec) {
            (new session(std::move(socket)))->read();
        }
        accept_next(acceptor);
    });
}

int main(int argc, char **argv)
{
    struct rlimit limit;

    if (argc != 3 || std::strcmp(argv[1], "echo") != 0) {
        std::fprintf(stderr, "usage: asio_callbacks echo PORT\n");
        return 2;
    }
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                                     static_cast<unsigned short>(std::atoi(argv[2])));
    tcp_acceptor acceptor(context.get_executor(), endpoint);
    acceptor.listen(4096);
    accept_next(acceptor);
    std::puts("ready");
    std::fflush(stdout);
    context.run();
    return 0;
}
