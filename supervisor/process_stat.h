#ifndef SUPERVISOR_PROCESS_STAT_H
#define SUPERVISOR_PROCESS_STAT_H

#include <sys/types.h>

#include "proto/processes.h"

/* CPU time, resident memory and open fds of a worker, from /proc, into the supervisor's page.
 * A process that is gone leaves no series. */
void process_stat_publish(pid_t pid, struct process_id who);

#endif
