#!/bin/sh
# Tortures the tests of sys, loop, task and io: every allocation and every system call of each
# test fails once (see tests/harness/fault.h). COIL_TORTURE_MAX bounds the runs per test and kind.
exec "$(dirname "$0")/test.sh" torture
