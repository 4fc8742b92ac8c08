#ifndef LP_MEDIA_AV_LIBAV_H
#define LP_MEDIA_AV_LIBAV_H
#include <stdint.h>

/* What all users of the codec libraries in a process need first.  Cheap; any
 * thread. */

/* Silence their logs (reasons come back as errors) and bound single allocations. */
void libav_setup(void);

/* CPU time of the calling thread, of the process. */
uint64_t thread_cpu_us(void);
uint64_t process_cpu_us(void);

#endif
