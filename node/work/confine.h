#ifndef LP_NODE_WORK_CONFINE_H
#define LP_NODE_WORK_CONFINE_H
#include <stdbool.h>
struct err;

/*
 * What a worker may still do once it decodes foreign media: compute, take memory,
 * start threads, and read and write the descriptors it has.  Irrevocable, for the
 * calling process; call with one thread only.  Not for sanitizer builds: they need
 * address space and system calls that are refused here.
 *
 * Source: facts/worker-spike.md 2.
 */

/* A confined worker's address space: 1080p needs 375 MB of it, or 580 with default
 * arenas and stacks. */
#define CONFINE_AS_BYTES (1536ull << 20)

/* All of the below in their order, and last in line for the OOM killer's mercy.
 * Fails with ERR_INTERNAL naming the step; the process must then end. */
int confine_process(struct err *err);

/* What a worker with a GPU's driver in it can live with: no new privileges, no core,
 * first choice of the OOM killer.  Fails as confine_process does. */
int confine_device_process(struct err *err);

/* No new privileges, and RLIMIT_AS, CPU, NOFILE, FSIZE and CORE. The CPU limit is
 * a soft one of a few seconds: whoever hands out work raises it. */
int confine_limits(struct err *err);

/* A Landlock domain without any rule: no file, no TCP, no signal and no abstract
 * socket outside of it.  *has false: the kernel has none, which is no failure. */
int confine_landlock(bool *has, struct err *err);

/* The list of system calls; others answer EPERM, clone3 ENOSYS, so that libc falls
 * back to clone, which may make threads only. */
int confine_syscalls(struct err *err);

#endif
