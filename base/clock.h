#ifndef LP_BASE_CLOCK_H
#define LP_BASE_CLOCK_H
#include <stdint.h>

/*
 * Time.  Monotonic for waits and measures, wall for what people and playlists
 * see.  A test replaces both by clock_fake.  Any thread (faking: one thread).
 */

int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);	/* since 1970 UTC */

/* Tests only: from now on both clocks stand at these values; mono_ms < 0 ends it. */
void clock_fake(int64_t mono_ms, int64_t wall_ms);

/* "2026-11-22T04:31:00.123Z"; to has room for 25 chars. */
void clock_fmt_utc(char to[25], int64_t wall_ms);

#endif
