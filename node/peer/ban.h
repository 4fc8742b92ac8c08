#ifndef LP_NODE_PEER_BAN_H
#define LP_NODE_PEER_BAN_H
#include <stdbool.h>
#include <stdint.h>

/*
 * Who keeps failing is kept out for a while.  Each failure adds to the score of the
 * address; a score halves in a minute; at BAN_SCORE the address is out until its
 * score has sunk to half of that.  Bounded: the address with the lowest score makes
 * room.  Plain value, pure.  Source: facts/reliability C7.
 */
#define BAN_SCORE 10.0
#define BAN_HALF_LIFE_MS 60000
#define BAN_ENTRIES 256

struct ban_table {
	struct ban_entry {
		uint8_t key[16];
		double score;		/* at at_ms; 0: free */
		uint64_t at_ms;
		bool is_out;
	} e[BAN_ENTRIES];
};

void ban_add(struct ban_table *t, const uint8_t key[16], double points, uint64_t now_ms);
bool ban_is_out(struct ban_table *t, const uint8_t key[16], uint64_t now_ms);

#endif
