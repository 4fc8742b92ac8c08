#ifndef LP_NODE_FARM_INTAKE_H
#define LP_NODE_FARM_INTAKE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "protocol/peer_msg.h"
struct blob;
struct err;

/*
 * Reads what a transcoder answers to one task: renditions in turns, each with its
 * trailer, then TaskDone.  A transcoder is not trusted: whatever is out of order, too
 * much, unasked or does not fit its own hash is refused (ERR_INVALID, ERR_LIMIT), and
 * the answer with it.  Whether it is what was asked for beyond its size on paper is
 * check.h's.  Bytes in, renditions out; no I/O.
 */
struct intake;

#define INTAKE_BYTES_MAX (4 * (size_t)RENDITION_BYTES_MAX)	/* of all renditions together */

struct intake *intake_new(const struct profile_list *profiles);
void intake_free(struct intake *in);

/* TaskEnd was sent: from here on renditions may end. */
void intake_input_ended(struct intake *in);

int intake_header(struct intake *in, const uint8_t *data, size_t len, struct err *err);
/* Tells whose bytes these are and where they go. */
int intake_data(struct intake *in, const uint8_t *data, size_t len, size_t *index,
		uint64_t *offset, struct err *err);
int intake_trailer(struct intake *in, const uint8_t *data, size_t len, struct err *err);
/* out: its reason is printable ASCII.  With code 0 all renditions are there. */
int intake_done(struct intake *in, const uint8_t *data, size_t len, struct msg_task_done *out,
		struct err *err);

struct intake_rendition {
	struct blob *data;	/* owned by the intake */
	struct msg_rendition_trailer trailer;
};
/* After intake_done with code 0; index below the number of profiles. */
const struct intake_rendition *intake_get(const struct intake *in, size_t index);

#endif
