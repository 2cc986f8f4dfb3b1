#!/bin/sh
# Tortures the tests of sys, loop, task, sync, io, tls and http: every allocation and every system
# call of each test fails once (see tests/harness/fault.h). COIL_TORTURE_MAX (300; for http 30)
# bounds the runs per test and kind, COIL_TORTURE_JOBS (8) says how many of a program's runs go on
# at a time.
exec "$(dirname "$0")/test.sh" torture
