#ifndef LP_NODE_WORK_CHILD_H
#define LP_NODE_WORK_CHILD_H
#include <stdbool.h>

/*
 * A worker: takes one task after the other from fd, a blocking socket, and answers
 * by the transcoder messages.  Returns the exit code when the other side is gone
 * (0) or breaks the protocol (1); errors about media are answers, not ends.
 * device: for the ladder, borrowed; NULL: CPU.
 */
int child_main(int fd, bool confine, const char *device);

#endif
