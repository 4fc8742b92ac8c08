#include "node/chain/journal_step.h"

#include <string.h>

bool journal_receipt_is_news(const struct tx_info *tx, const struct eth_receipt *r)
{
	return memcmp(tx->tx_hash.b, r->tx_hash.b, sizeof(r->tx_hash.b)) != 0 ||
	       memcmp(tx->block_hash.b, r->block_hash.b, sizeof(r->block_hash.b)) != 0 ||
	       (tx->state == TX_FAILED && r->ok) || (tx->state == TX_DONE && !r->ok);
}

static bool is_deep(uint64_t block, uint64_t depth, uint64_t head)
{
	return head >= block && head - block + 1 >= depth;
}

static enum journal_step planned(const struct journal_row *row, const struct row_hot *hot,
				 const struct chain_now *chain, const struct step_rules *rules, int64_t now_ms)
{
	if (row->until_block && chain->head > row->until_block)
		return STEP_EXPIRE;
	return rules->can_sign && now_ms >= hot->try_ms ? STEP_PREPARE : STEP_WAIT;
}

static bool wants_replacing(const struct journal_row *row, const struct row_hot *hot,
			    const struct chain_now *chain, int64_t now_ms)
{
	const struct tx_attempt *newest = &row->tx.attempts[row->tx.n_attempts - 1];

	if (row->tx.n_attempts == JOURNAL_ATTEMPTS_MAX || now_ms < hot->bump_ms)
		return false;
	return hot->outbid || !fee_covers(&newest->offer, &chain->market);
}

/* Signed or sent.  Once the nonce is used nothing of it is sent any more. */
static enum journal_step underway(const struct journal_row *row, const struct row_hot *hot,
				  const struct chain_now *chain, const struct row_told *told,
				  const struct step_rules *rules, int64_t now_ms)
{
	bool wish = (hot->want_cancel || hot->want_dearer) && row->tx.n_attempts < JOURNAL_ATTEMPTS_MAX;

	if (told->receipt)
		return STEP_MINED;
	if (chain->count > row->tx.nonce)
		return told->asked && now_ms >= hot->ask_ms ? STEP_WHO : STEP_WAIT;
	if (!rules->can_sign)
		return STEP_WAIT;
	/* What is journalled is sent before it is replaced. */
	if ((row->tx.state == TX_SENT || now_ms < hot->send_ms) && now_ms >= hot->try_ms &&
	    (wish || wants_replacing(row, hot, chain, now_ms)))
		return STEP_REPLACE;
	return now_ms >= hot->send_ms || (told->lost && now_ms >= hot->lost_ms) ? STEP_SEND : STEP_WAIT;
}

/* An endpoint that is behind the block cannot know its receipts. */
static bool is_missing(const struct journal_row *row, const struct chain_now *chain,
		       const struct row_told *told)
{
	return told->asked && !told->receipt && chain->head >= row->tx.block;
}

static enum journal_step mined(const struct journal_row *row, const struct row_hot *hot,
			       const struct chain_now *chain, const struct row_told *told,
			       const struct step_rules *rules, int64_t now_ms)
{
	if (told->receipt && journal_receipt_is_news(&row->tx, told->receipt))
		return STEP_MINED;
	if (is_missing(row, chain, told))
		return STEP_UNMINED;
	if (told->receipt && is_deep(row->tx.block, rules->depth, chain->head) && now_ms >= hot->ask_ms)
		return STEP_CONFIRM;
	return STEP_WAIT;
}

static enum journal_step final(const struct journal_row *row, const struct row_hot *hot,
			       const struct chain_now *chain, const struct row_told *told,
			       const struct step_rules *rules)
{
	uint64_t depth = rules->depth > JOURNAL_SETTLED_DEPTH ? rules->depth : JOURNAL_SETTLED_DEPTH;

	if (told->receipt && journal_receipt_is_news(&row->tx, told->receipt))
		return STEP_MINED;
	if (is_missing(row, chain, told))
		return hot->n_missing >= JOURNAL_MISSING_MAX ? STEP_UNMINED : STEP_WAIT;
	return told->receipt && is_deep(row->tx.block, depth, chain->head) ? STEP_SETTLE : STEP_WAIT;
}

enum journal_step journal_step(const struct journal_row *row, const struct row_hot *hot,
			       const struct chain_now *chain, const struct row_told *told,
			       const struct step_rules *rules, int64_t now_ms)
{
	if (row->tx.state == TX_PLANNED && hot->want_cancel)
		return STEP_DROP;
	if (!chain->known)
		return STEP_WAIT;
	switch (row->tx.state) {
	case TX_PLANNED:
		return planned(row, hot, chain, rules, now_ms);
	case TX_SIGNED:
	case TX_SENT:
		return underway(row, hot, chain, told, rules, now_ms);
	case TX_MINED:
		return mined(row, hot, chain, told, rules, now_ms);
	case TX_DONE:
	case TX_FAILED:
	case TX_CANCELLED:
		return final(row, hot, chain, told, rules);
	case TX_REFUSED:
	case TX_DISPLACED:
		return STEP_SETTLE;
	}
	return STEP_WAIT;
}
