#ifndef LP_CMD_JOB_WORDS_H
#define LP_CMD_JOB_WORDS_H
#include <stdint.h>
#include "base/u256.h"
#include "protocol/job_options.h"

/* How a job's order is said. */

/* fee x 60000 / longest segment: full segments without end. */
struct u256 job_fee_a_minute(const struct u256 *fee, uint64_t segment_ms);
/* "426x240@30 600k, 640x360 crf 28"; the caller frees it. */
char *job_fmt_renditions(const struct job_options *o);

#endif
