#include "harness.h"
COIL_TEST(dummy){}
