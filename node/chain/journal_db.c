#include "node/chain/journal_db.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/tx.h"

#define INTENTS "intents"
#define KEYS "intent_keys"
#define ATTEMPTS "attempts"
#define NONCES "nonces"
#define NEXT "next_nonces"
#define OPEN "open_intents"

/* ---- keys ---- */

#define ACCOUNT_ID_LEN (20 + 8)

static void put_u64(uint8_t to[8], uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		to[i] = (uint8_t)v;
}

static uint64_t get_u64(const void *p)
{
	struct rd r = rd_of(p, 8);

	return rd_u64(&r);
}

static void account_id(uint8_t to[ACCOUNT_ID_LEN], const struct eth_addr *account, uint64_t id)
{
	memcpy(to, account->b, 20);
	put_u64(to + 20, id);
}

static size_t account_key(uint8_t to[20 + JOURNAL_KEY_MAX], const struct tx_info *tx)
{
	size_t n = strlen(tx->key);

	memcpy(to, tx->from.b, 20);
	memcpy(to + 20, tx->key, n);
	return 20 + n;
}

static void attempt_key(uint8_t to[10], uint64_t id, size_t number)
{
	put_u64(to, id);
	to[8] = (uint8_t)(number >> 8);
	to[9] = (uint8_t)number;
}

/* ---- reading ---- */

void journal_entry_fini(struct journal_entry *e)
{
	journal_row_fini(&e->row);
	free(e->raw);
	e->raw = NULL;
}

struct attempts {
	uint64_t id;
	struct journal_entry *e;
};

static int add_attempt(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct attempts *a = arg;
	struct tx_info *tx = &a->e->row.tx;
	const uint8_t *raw;
	size_t n_raw;

	if (key.n != 10 || get_u64(key.p) != a->id)
		return 1;
	if (tx->n_attempts == JOURNAL_ATTEMPTS_MAX)
		return err_set(err, ERR_INVALID, "the journal is damaged: too many attempts");
	if (journal_attempt_unpack(&tx->attempts[tx->n_attempts], &raw, &n_raw, value.p, value.n, err) < 0)
		return -1;
	tx->n_attempts++;
	free(a->e->raw);
	a->e->raw = xmalloc(n_raw);
	memcpy(a->e->raw, raw, n_raw);
	a->e->n_raw = n_raw;
	return 0;
}

/* From signed to displaced there is a nonce, and bytes that were signed for it. */
static int check_whole(const struct journal_entry *e, struct err *err)
{
	const struct tx_info *tx = &e->row.tx;
	const bool needs = tx->state != TX_PLANNED && tx->state != TX_REFUSED;

	if (needs && (!tx->has_nonce || tx->n_attempts == 0))
		return err_set(err, ERR_INVALID, "the journal is damaged: intent %llu has no signed transaction",
			       (unsigned long long)tx->id);
	return 0;
}

int journal_db_get(struct store_txn *t, uint64_t id, struct journal_entry *e, struct err *err)
{
	struct attempts a = { id, e };
	struct store_bytes v;
	uint8_t key[10];

	memset(e, 0, sizeof(*e));
	attempt_key(key, id, 0);
	if (store_get(t, INTENTS, key, 8, &v, err) < 0 || journal_row_unpack(&e->row, v.p, v.n, err) < 0)
		return -1;
	e->row.tx.id = id;
	if (store_each(t, ATTEMPTS, key, sizeof(key), add_attempt, &a, err) == 0 && check_whole(e, err) == 0)
		return 0;
	journal_entry_fini(e);
	return -1;
}

/* ---- all that is open ---- */

struct ids {
	const struct eth_addr *account;
	uint64_t id[JOURNAL_LOAD_MAX];
	size_t n;
};

static int add_id(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct ids *ids = arg;

	if (key.n != ACCOUNT_ID_LEN || memcmp(key.p, ids->account->b, 20) != 0)
		return 1;
	ids->id[ids->n++] = get_u64((const uint8_t *)key.p + 20);
	return ids->n == JOURNAL_LOAD_MAX ? 1 : 0;
}

static bool has_id(const struct ids *ids, uint64_t id)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->id[i] == id)
			return true;
	}
	return false;
}

static int load_one(struct store_txn *t, struct journal_load *l, uint64_t id, struct err *err)
{
	struct journal_entry *e = &l->e[l->n];

	if (journal_db_get(t, id, e, err) < 0)
		return -1;
	l->n++;
	if (e->row.chain_id != l->chain_id)
		return err_set(err, ERR_INVALID, "the journal is of chain %llu, not %llu",
			       (unsigned long long)e->row.chain_id, (unsigned long long)l->chain_id);
	return 0;
}

/* The first nonce above all that this journal gave; 0 before the first. */
static int get_next_nonce(struct store_txn *t, const struct eth_addr *account, uint64_t *next, struct err *err)
{
	struct store_bytes v;
	struct err miss;

	*next = 0;
	if (store_get(t, NEXT, account->b, 20, &v, &miss) < 0) {
		if (miss.code == ERR_NOT_FOUND)
			return 0;
		*err = miss;
		return -1;
	}
	if (v.n != 8)
		return err_set(err, ERR_INVALID, "the journal is damaged: the next nonce");
	*next = get_u64(v.p);
	return 0;
}

static int put_next_nonce(struct store_txn *t, const struct eth_addr *account, uint64_t next, struct err *err)
{
	uint8_t v[8];

	put_u64(v, next);
	return store_put(t, NEXT, account->b, 20, v, sizeof(v), err);
}

static int load_all(struct store_txn *t, struct journal_load *l, const struct ids *ids, struct err *err)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (load_one(t, l, ids->id[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < l->n_more; i++) {
		if (!has_id(ids, l->more[i]) && load_one(t, l, l->more[i], err) < 0)
			return -1;
	}
	return get_next_nonce(t, &l->account, &l->next_nonce, err);
}

int journal_db_load(struct store_txn *t, struct journal_load *l, struct err *err)
{
	struct ids *ids = xcalloc(1, sizeof(*ids));
	int rc;

	ids->account = &l->account;
	l->n = 0;
	rc = store_each(t, OPEN, l->account.b, 20, add_id, ids, err);
	if (rc == 0) {
		l->e = xcalloc(ids->n + l->n_more + 1, sizeof(*l->e));
		rc = load_all(t, l, ids, err);
	}
	free(ids);
	if (rc < 0)
		journal_load_fini(l);
	return rc;
}

void journal_load_fini(struct journal_load *l)
{
	for (size_t i = 0; i < l->n; i++)
		journal_entry_fini(&l->e[i]);
	free(l->e);
	l->e = NULL;
	l->n = 0;
}

/* ---- writing ---- */

static int put_row(struct store_txn *t, const struct journal_row *row, struct err *err)
{
	uint8_t key[8];
	struct buf b;
	int rc;

	buf_init(&b, JOURNAL_ROW_MAX);
	journal_row_pack(&b, row);
	assert(!b.failed);
	put_u64(key, row->tx.id);
	rc = store_put(t, INTENTS, key, sizeof(key), b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

static int set_open(struct store_txn *t, const struct tx_info *tx, bool open, struct err *err)
{
	uint8_t key[ACCOUNT_ID_LEN];

	account_id(key, &tx->from, tx->id);
	return open ? store_put(t, OPEN, key, sizeof(key), "", 0, err) :
		store_del(t, OPEN, key, sizeof(key), err);
}

static int note_last(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	if (key.n != 8)
		return err_set(err, ERR_INVALID, "the journal is damaged: an intent's key");
	*(uint64_t *)arg = get_u64(key.p);
	return 1;
}

/* May the key be used anew?  Its last intent was never sent, or never can be mined. */
static bool is_free(const struct journal_row *old)
{
	return old->tx.state == TX_REFUSED || old->tx.state == TX_DISPLACED;
}

/* -1: failed; 0: the key is free; 1: plan->row.tx.id says by which it is taken. */
static int find_key(struct store_txn *t, struct journal_plan *plan, const void *key, size_t n_key, struct err *err)
{
	struct journal_entry e;
	struct store_bytes v;
	struct err miss;
	bool is_used;
	uint64_t id;

	if (store_get(t, KEYS, key, n_key, &v, &miss) < 0) {
		if (miss.code == ERR_NOT_FOUND)
			return 0;
		*err = miss;
		return -1;
	}
	if (v.n != 8)
		return err_set(err, ERR_INVALID, "the journal is damaged: a key's id");
	id = get_u64(v.p);
	if (journal_db_get(t, id, &e, err) < 0)
		return -1;
	is_used = !is_free(&e.row);
	journal_entry_fini(&e);
	if (is_used)
		plan->row.tx.id = id;
	return is_used;
}

int journal_db_plan(struct store_txn *t, struct journal_plan *plan, struct err *err)
{
	struct tx_info *tx = &plan->row.tx;
	uint8_t key[20 + JOURNAL_KEY_MAX], id[8];
	size_t n_key = account_key(key, tx);
	uint64_t last = 0;
	int rc = find_key(t, plan, key, n_key, err);

	plan->is_new = rc == 0;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (store_each_down(t, INTENTS, note_last, &last, err) < 0)
		return -1;
	tx->id = last + 1;
	put_u64(id, tx->id);
	if (put_row(t, &plan->row, err) < 0 || set_open(t, tx, true, err) < 0)
		return -1;
	return store_put(t, KEYS, key, n_key, id, sizeof(id), err);
}

int journal_db_fill(struct store_txn *t, struct journal_plan *plan, struct err *err)
{
	struct tx_info *tx = &plan->row.tx;
	uint8_t key[ACCOUNT_ID_LEN];
	struct store_bytes v;
	struct err miss;

	account_id(key, &tx->from, tx->nonce);
	if (store_get(t, NONCES, key, sizeof(key), &v, &miss) < 0) {
		if (miss.code == ERR_NOT_FOUND)
			return journal_db_plan(t, plan, err);
		*err = miss;
		return -1;
	}
	if (v.n != 8)
		return err_set(err, ERR_INVALID, "the journal is damaged: a nonce's id");
	tx->id = get_u64(v.p);
	return set_open(t, tx, true, err);
}

static bool is_as_seen(const struct journal_row *row, const struct journal_seen *seen)
{
	return row->tx.state == seen->state && row->tx.n_attempts == seen->n_attempts;
}

/* ---- signing ---- */

/* Above all that this journal gave, and above all that the chain has used; or that of a gap
 * that the intent is to fill. */
static int choose_nonce(struct store_txn *t, struct tx_info *tx, uint64_t count, struct err *err)
{
	uint64_t next;

	if (get_next_nonce(t, &tx->from, &next, err) < 0)
		return -1;
	if (!tx->has_nonce)
		tx->nonce = next > count ? next : count;
	if (tx->nonce >= UINT64_MAX - 1)
		return err_set(err, ERR_LIMIT, "the account's nonces are used up");
	return tx->nonce < next ? 0 : put_next_nonce(t, &tx->from, tx->nonce + 1, err);
}

static struct tx transaction_of(const struct journal_row *row, const struct journal_sign *s)
{
	struct tx tx = {
		.legacy = s->legacy, .chain_id = row->chain_id, .nonce = row->tx.nonce,
		.max_fee = s->offer.max_fee, .max_tip = s->offer.max_tip, .gas = s->gas,
		.creates = row->tx.creates, .to = row->tx.to, .value = row->tx.value,
		.data = row->data, .n_data = row->n_data,
	};

	if (s->cancels) {
		tx.creates = false;
		tx.to = row->tx.from;
		tx.value = u256_zero;
		tx.n_data = 0;
	}
	return tx;
}

static int put_attempt(struct store_txn *t, const struct journal_row *row, const struct tx_attempt *a,
		       const struct buf *raw, struct err *err)
{
	uint8_t key[10];
	struct buf b;
	int rc;

	buf_init(&b, JOURNAL_ROW_MAX);
	journal_attempt_pack(&b, a, raw->data, raw->len);
	assert(!b.failed);
	attempt_key(key, row->tx.id, row->tx.n_attempts);
	rc = store_put_new(t, ATTEMPTS, key, sizeof(key), b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

static int sign(struct store_txn *t, const struct journal_row *row, const struct journal_sign *s, struct err *err)
{
	struct tx_attempt a = { .offer = s->offer, .gas = s->gas, .signed_ms = s->now_ms, .cancels = s->cancels };
	struct tx tx = transaction_of(row, s);
	struct buf raw;
	int rc;

	buf_init(&raw, JOURNAL_ROW_MAX);
	rc = tx_sign(&raw, &a.hash, &tx, s->key, err);
	if (rc == 0)
		rc = put_attempt(t, row, &a, &raw, err);
	buf_fini(&raw);
	return rc;
}

static int give_nonce(struct store_txn *t, struct journal_row *row, const struct journal_sign *s, struct err *err)
{
	struct tx_info *tx = &row->tx;
	uint8_t key[ACCOUNT_ID_LEN], id[8];

	if (choose_nonce(t, tx, s->count, err) < 0)
		return -1;
	tx->has_nonce = true;
	tx->state = TX_SIGNED;
	tx->why[0] = 0;
	row->signed_block = s->head;
	account_id(key, &tx->from, tx->nonce);
	put_u64(id, tx->id);
	return store_put_new(t, NONCES, key, sizeof(key), id, sizeof(id), err);
}

int journal_db_sign(struct store_txn *t, struct journal_sign *s, struct err *err)
{
	struct journal_entry e;
	int rc = 0;

	s->changed = false;
	if (journal_db_get(t, s->seen.id, &e, err) < 0)
		return -1;
	if (is_as_seen(&e.row, &s->seen) && e.row.tx.n_attempts < JOURNAL_ATTEMPTS_MAX) {
		if (e.row.tx.state == TX_PLANNED)
			rc = give_nonce(t, &e.row, s, err);
		if (rc == 0)
			rc = sign(t, &e.row, s, err);
		if (rc == 0)
			rc = put_row(t, &e.row, err);
		s->changed = rc == 0;
	}
	journal_entry_fini(&e);
	return rc;
}

/* ---- changing ---- */

static void apply(struct tx_info *tx, const struct journal_change *c)
{
	tx->state = c->to;
	tx->tx_hash = c->tx_hash;
	tx->block_hash = c->block_hash;
	tx->block = c->block;
	tx->gas_used = c->gas_used;
	tx->gas_price = c->gas_price;
	tx->ended_ms = tx_state_is_final(c->to) ? c->now_ms : 0;
	snprintf(tx->why, sizeof(tx->why), "%s", c->why);
}

int journal_db_change(struct store_txn *t, struct journal_change *c, struct err *err)
{
	struct journal_entry e;
	int rc = 0;

	c->changed = false;
	if (journal_db_get(t, c->seen.id, &e, err) < 0)
		return -1;
	if (is_as_seen(&e.row, &c->seen)) {
		if (!c->settled)
			apply(&e.row.tx, c);
		rc = c->settled ? 0 : put_row(t, &e.row, err);
		if (rc == 0)
			rc = set_open(t, &e.row.tx, !c->settled, err);
		c->changed = rc == 0;
	}
	journal_entry_fini(&e);
	return rc;
}

/* ---- for people ---- */

struct list_of {
	const struct eth_addr *account;
	uint64_t *id;
	size_t n, max;
};

static int add_of(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct list_of *l = arg;
	struct journal_row row;

	if (key.n != 8 || journal_row_unpack(&row, value.p, value.n, err) < 0)
		return key.n == 8 ? -1 : err_set(err, ERR_INVALID, "the journal is damaged: an intent's key");
	journal_row_fini(&row);
	if (memcmp(row.tx.from.b, l->account->b, 20) == 0)
		l->id[l->n++] = get_u64(key.p);
	return l->n == l->max ? 1 : 0;
}

struct list_job {
	struct list_of of;
	struct tx_info *to;
};

static int get_info(struct store_txn *t, uint64_t id, struct tx_info *to, struct err *err)
{
	struct journal_entry e;

	if (journal_db_get(t, id, &e, err) < 0)
		return -1;
	*to = e.row.tx;
	journal_entry_fini(&e);
	return 0;
}

static int list(struct store_txn *t, void *arg, struct err *err)
{
	struct list_job *l = arg;

	if (store_each_down(t, INTENTS, add_of, &l->of, err) < 0)
		return -1;
	for (size_t i = 0; i < l->of.n; i++) {
		if (get_info(t, l->of.id[i], &l->to[i], err) < 0)
			return -1;
	}
	return 0;
}

size_t journal_list(struct store *s, const struct eth_addr *account, struct tx_info *to, size_t max,
		    struct err *err)
{
	struct list_job l = { { account, xcalloc(max + 1, sizeof(uint64_t)), 0, max }, to };
	size_t n = max > 0 && store_read(s, list, &l, err) == 0 ? l.of.n : 0;

	free(l.of.id);
	return n;
}

struct get_job {
	uint64_t id;
	struct tx_info *to;
};

static int get(struct store_txn *t, void *arg, struct err *err)
{
	struct get_job *g = arg;

	return get_info(t, g->id, g->to, err);
}

int journal_get(struct store *s, uint64_t id, struct tx_info *to, struct err *err)
{
	struct get_job g = { id, to };

	return store_read(s, get, &g, err);
}
