#ifndef LP_NODE_WORK_ZYGOTE_H
#define LP_NODE_WORK_ZYGOTE_H
#include <stdint.h>

/*
 * What the node and its zygote say to each other, over a SOCK_SEQPACKET pair: one
 * struct a packet, both ends being the same binary.  The zygote is trusted: it
 * never reads a byte of media.
 */
#define ZYGOTE_FD 3	/* the zygote's end, and in a child its own socket */

/* argv[2] of the zygote. */
#define ZYGOTE_CONFINED "confined"
#define ZYGOTE_OPEN "open"
/* argv[3], if there: the workers' device. */

enum zygote_op {
	ZYGOTE_FORK = 1,	/* node: fork child id, its socket comes along */
	ZYGOTE_KILL,		/* node: SIGKILL child id; unknown ids are ignored */
	ZYGOTE_CPU,		/* node: child id may use value more seconds of CPU */
	ZYGOTE_READY,		/* zygote: warm */
	ZYGOTE_FORKED,		/* zygote: child id has pid value */
	ZYGOTE_EXITED,		/* zygote: child id ended, value as from waitpid */
};

struct zygote_msg {
	uint32_t op;
	uint32_t id;	/* chosen by the node, never used twice: safer than a pid */
	int32_t value;
};

#endif
