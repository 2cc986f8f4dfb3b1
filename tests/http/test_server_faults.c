#include "http_talk.h"
TASK_TEST(x)
{
    open_talk(NULL);
    say("x");
    check_answer(NULL, "", "");
    return 0;
}
