/* print.h - what coil_print_tasks prints, for a graph that was captured elsewhere. */
#ifndef COIL__DEBUG_PRINT_H
#define COIL__DEBUG_PRINT_H

#include <coil/inspect.h>

/* 0; -ENOMEM, -EIO (out has an error). */
int coil__graph_print(FILE *out, const struct coil_task_graph *graph);

#endif
