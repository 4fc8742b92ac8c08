#ifndef LP_BASE_FD_H
#define LP_BASE_FD_H
#include <stddef.h>

/* Plain descriptors.  Any thread. */

/* Write all of it to a blocking descriptor, however many calls and signals that takes.
 * Returns -1 with errno; some of it may have been written then. */
int fd_write_all(int fd, const void *data, size_t len);

/* Make the name `path` itself durable, after a rename or a first write: syncs its folder.
 * Returns -1 with errno. */
int fd_sync_folder(const char *path);

#endif
