/*
 * What a node says by JSON-RPC, by a node that lies.  The first byte is the number of calls
 * that were asked ('1' to '9'); their ids begin at 1.  What is accepted keeps the rules that
 * the header promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_err(const struct err *err)
{
	const char *p;

	if (err->code != ERR_INVALID && err->code != ERR_LIMIT && err->code != ERR_NOT_FOUND &&
	    err->code != ERR_BUSY)
		abort();
	if (!err->msg[0])
		abort();
	for (p = err->msg; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			abort();
}

static void check_logs(const struct eth_logs *logs)
{
	size_t i;

	if (logs->n > RPC_LOGS_MAX)
		abort();
	for (i = 0; i < logs->n; i++) {
		const struct eth_log *l = &logs->l[i], *before = l - 1;

		if (l->n_topics > 4 || l->n_data > RPC_LOG_DATA_MAX || !l->data != !l->n_data)
			abort();
		if (i && (l->block < before->block || (l->block == before->block && l->index <= before->index)))
			abort();
	}
}

static void read_values(const json_t *j)
{
	struct err err = { 0 };
	struct hash32 hash;
	struct eth_addr addr;
	struct u256 wide, again;
	uint64_t small;
	uint8_t *bytes;
	size_t n;

	if (rpc_u256(&wide, j, "field", &err) < 0)
		check_err(&err);
	if (rpc_u64(&small, j, "field", &err) < 0)
		check_err(&err);
	else if (again = u256_of(small), u256_cmp(&wide, &again) != 0)
		abort();
	if (rpc_hash(&hash, j, "field", &err) < 0)
		check_err(&err);
	if (rpc_addr(&addr, j, "field", &err) < 0)
		check_err(&err);
	if (rpc_bytes(&bytes, &n, j, 64, "field", &err) < 0)
		check_err(&err);
	else if (n > 64 || !bytes != !n)
		abort();
	free(bytes);
}

static void read_result(const json_t *j)
{
	struct eth_receipt receipt;
	struct err err = { 0 };
	struct eth_header h;
	struct eth_logs logs;

	if (!rpc_equal(j, j))
		abort();
	read_values(j);
	if (rpc_header(&h, j, &err) < 0)
		check_err(&err);
	if (rpc_logs(&logs, j, &err) < 0)
		check_err(&err);
	else
		check_logs(&logs);
	if (logs.n && !logs.l)
		abort();
	eth_logs_fini(&logs);
	if (rpc_receipt(&receipt, j, &err) < 0) {
		check_err(&err);
		return;
	}
	check_logs(&receipt.logs);
	if (!receipt.ok && receipt.logs.n)
		abort();
	eth_receipt_fini(&receipt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpc_reply replies[9];
	struct err err = { 0 };
	size_t i, n = len && data[0] > '0' && data[0] <= '9' ? data[0] - '0' : 1;

	if (rpc_read(replies, n, 1, data + (len > 0), len - (len > 0), &err) < 0) {
		check_err(&err);
		for (i = 0; i < n; i++)
			if (replies[i].result || replies[i].data)
				abort();
		return 0;
	}
	for (i = 0; i < n; i++) {
		rpc_is_busy(&replies[i]);
		if (replies[i].n_data > RPC_ERROR_DATA_MAX || memchr(replies[i].message, 0, 200) == NULL)
			abort();
		if (replies[i].result)
			read_result(replies[i].result);
		rpc_reply_fini(&replies[i]);
	}
	return 0;
}
