#ifndef LP_CMD_RATES_H
#define LP_CMD_RATES_H
#include "cmd/candidate.h"

/* What a transcoder asks and gives: as flags, in words, and from when on. */
struct rates {
	uint64_t reward_cut, fee_share;	/* parts of a million */
	uint64_t price;			/* wei a unit */
};
struct rate_opts {
	char *reward_cut, *fee_share, *price, *bond, *match;
};

/* What is given of the flags, into r.  Exit code. */
int rates_parse(struct rates *r, const struct rate_opts *o, struct err *err);
bool rates_equal(const struct rates *a, const struct rates *b);
/* "20 gwei"; "rewardCut 10%, feeShare 50%, 20 gwei a unit" */
char *rates_fmt_price(char to[100], uint64_t wei);
char *rates_fmt(char to[200], const struct rates *r);
json_t *rates_json(const struct rates *r, uint64_t from_round);

/* The rates that wait for the round after the next, else the next round's. */
struct rates rates_last_set(const struct candidate *s);
/* What r would be, from when on. */
void rates_say(struct cli_plan *plan, const struct candidate *s, const struct rates *r);
/* What TranscoderUpdate says of it, one or two. */
void rates_tell(struct cli *c, const struct eth_receipt *receipt);
/* Exit code 3 when rates are locked before n transactions, each waited for, are mined; what: what
 * the remedy does later. */
int rates_must_not_be_locked(const struct cli *c, const struct round_now *r, size_t n, const char *what,
			     struct err *err);

#endif
