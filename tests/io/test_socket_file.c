/* The files of unix sockets: stale ones, other people's, our own; abstract names. E10. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"
#include "server_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char where[128] = "unix:"; /* where + 5: the path */

static void choose_path(void)
{
    if (test_backend_is("sim")) {
        test_skip("simulated unix sockets have no files");
    }
    test_temp_path(where + 5, sizeof where - 5, "socket");
}

static ino_t inode(void)
{
    struct stat status;

    return lstat(where + 5, &status) < 0 ? 0 : status.st_ino;
}

/* What a process leaves behind that was killed. */
static void leave_stale_file(void)
{
    int fd = -1;

    CHECK_INT(coil_listen(where, 0, NULL, &fd, 1), ==, 1);
    CHECK_OK(coil_close(fd));
    CHECK(inode() != 0);
}

static struct coil_server *serve_there(const struct coil_server_options *options)
{
    struct coil_server *server = NULL;

    seen = (struct log){0};
    CHECK_OK(coil_start_server(where, 0, options, echo, NULL, &server));
    return server;
}

static void say_there(void)
{
    struct coil_stream *stream = NULL;

    CHECK_OK(coil_open_connection(where, 0, NULL, &stream));
    say(stream);
    CHECK_OK(coil_stream_close(stream));
}

TASK_TEST(socket_file_stale_is_removed)
{
    struct coil_server *server;

    choose_path();
    leave_stale_file();
    server = serve_there(NULL);
    say_there();
    CHECK_OK(coil_server_close(server));
    CHECK_INT(inode(), ==, 0); /* and our own at the end */
    return 0;
}

TASK_TEST(socket_file_in_use_stays)
{
    struct coil_server *server;
    struct coil_server *second = NULL;

    choose_path();
    server = serve_there(NULL);
    CHECK_ERR(coil_start_server(where, 0, NULL, echo, NULL, &second), -EADDRINUSE);
    say_there();
    coil_server_stop(server);
    CHECK_OK(coil_server_close(server));
    CHECK_INT(inode(), ==, 0);
    return 0;
}

TASK_TEST(socket_file_of_another_kind_stays)
{
    struct coil_server *server = NULL;
    int fd;

    choose_path();
    fd = open(where + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK_OK(fd);
    close(fd);
    CHECK_ERR(coil_start_server(where, 0, NULL, echo, NULL, &server), -EADDRINUSE);
    CHECK(inode() != 0);
    unlink(where + 5);
    CHECK_OK(symlink("/nowhere", where + 5));
    CHECK_ERR(coil_start_server(where, 0, NULL, echo, NULL, &server), -EADDRINUSE);
    CHECK(inode() != 0);
    return 0;
}

TASK_TEST(socket_file_replaced_is_not_ours)
{
    struct coil_server *server;
    struct coil_server *second;
    char aside[160];

    choose_path();
    server = serve_there(NULL);
    snprintf(aside, sizeof aside, "%s.old", where + 5);
    CHECK_OK(rename(where + 5, aside)); /* keeps the inode's number in use */
    second = serve_there(NULL);
    CHECK_OK(coil_server_close(server));
    CHECK(inode() != 0);
    say_there();
    CHECK_OK(coil_server_close(second));
    CHECK_INT(inode(), ==, 0);
    return 0;
}

TASK_TEST(socket_file_mode)
{
    struct coil_server_options options = {.mode = 0640};
    struct coil_server *server;
    struct stat status;

    choose_path();
    server = serve_there(&options);
    CHECK_OK(lstat(where + 5, &status));
    CHECK_INT(status.st_mode & 07777, ==, 0640);
    CHECK_OK(coil_server_close(server));
    return 0;
}

TASK_TEST(socket_file_of_a_datagram)
{
    struct coil_datagram_options options = {.mode = 0600};
    struct coil_address address;
    struct coil_datagram *one = NULL;
    struct coil_datagram *two = NULL;
    struct coil_server *server = NULL;
    struct stat status;

    choose_path();
    CHECK_OK(coil_address_parse(where, &address));
    leave_stale_file();
    CHECK_OK(coil_datagram_open(&address, NULL, &options, &one));
    CHECK_OK(lstat(where + 5, &status));
    CHECK_INT(status.st_mode & 07777, ==, 0600);
    CHECK_ERR(coil_datagram_open(&address, NULL, NULL, &two), -EADDRINUSE);
    CHECK_ERR(coil_start_server(where, 0, NULL, echo, NULL, &server), -EADDRINUSE);
    coil_datagram_close(one);
    CHECK_INT(inode(), ==, 0);
    return 0;
}

TASK_TEST(socket_file_none_for_abstract_names)
{
    struct coil_server *server = NULL;
    struct coil_server *second = NULL;
    char name[64];

    snprintf(name, sizeof name, "unix:@coil.test.%d", (int)getpid());
    snprintf(where, sizeof where, "%s", name);
    server = serve_there(NULL);
    CHECK_ERR(coil_start_server(name, 0, NULL, echo, NULL, &second), -EADDRINUSE);
    say_there();
    CHECK_OK(coil_server_close(server));
    return 0;
}
