// The misbehaving JSON-RPC proxy of the other tests does what its modes say: before a node
// that is a table, each mode is struck once and looked at.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { parallel, test, until } from './lib/harness.mjs';
import { FOOLING, MODES, RpcProxy } from './lib/rpc_proxy.mjs';

parallel(2);

const HEAD = 20;
const hex = (n) => `0x${n.toString(16)}`;
const hash = (n) => `0x${n.toString(16).padStart(64, '0')}`;
const num = (s) => (['latest', 'pending'].includes(s) ? HEAD : Number(s));

const block = (n) => (n > HEAD ? null : { number: hex(n), hash: hash(n), parentHash: hash(n - 1 >>> 0), baseFeePerGas: '0x7' });
const log = (n, i) => ({ blockNumber: hex(n), blockHash: hash(n), logIndex: hex(i), removed: false });
const logs = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (e, i) => [log(from + i, 0), log(from + i, 1)]).flat();
const receipt = (n) => (n > HEAD ? null : { transactionHash: hash(n), blockNumber: hex(n), blockHash: hash(n), status: '0x1',
	gasUsed: '0x5208', logs: [log(n, 0)] });

const answers = {
	eth_chainId: () => '0x7a69',
	eth_blockNumber: () => hex(HEAD),
	eth_getBlockByNumber: (n) => block(num(n)),
	eth_getLogs: (f) => logs(num(f.fromBlock), num(f.toBlock)),
	eth_getTransactionReceipt: (h) => receipt(Number(h)),
	eth_getTransactionCount: () => '0x3',
	eth_gasPrice: () => '0x9',
	eth_feeHistory: () => ({ baseFeePerGas: ['0x1', '0x2'] }),
	eth_estimateGas: () => '0x5208',
	eth_call: (tx, at) => at,
	eth_sendRawTransaction: () => hash(7),
};

/* A node that keeps what it was sent. */
async function node(t) {
	const sent = [];
	const server = http.createServer(async (req, res) => {
		const got = [];

		for await (const d of req)
			got.push(d);
		res.end(JSON.stringify(JSON.parse(Buffer.concat(got)).map(({ id, method, params }) => {
			if (method === 'eth_sendRawTransaction')
				sent.push(params[0]);
			return answers[method] ? { jsonrpc: '2.0', id, result: answers[method](...params) } :
				{ jsonrpc: '2.0', id, error: { code: -32601, message: 'not found' } };
		})));
	});

	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => { server.closeAllConnections(); server.close(); });
	return { url: `http://127.0.0.1:${server.address().port}`, sent };
}

async function start(t) {
	const n = await node(t);
	const proxy = await RpcProxy.start(t, n.url);

	return { proxy, sent: n.sent, ask: (...calls) => ask(proxy, 10000, ...calls), askBriefly: (...calls) => ask(proxy, 400, ...calls) };
}

/* calls: [method, ...params].  {status, headers, text, json}; rejects when it breaks off. */
function ask(proxy, timeout, ...calls) {
	const all = calls.map(([method, ...params], i) => ({ jsonrpc: '2.0', id: i + 1, method, params }));

	return new Promise((resolve, reject) => {
		const req = http.request(proxy.url, { method: 'POST', agent: false, timeout }, (res) => {
			const got = [];

			res.on('data', (d) => got.push(d));
			res.on('error', reject);
			res.on('end', () => {
				const text = Buffer.concat(got);
				let json;

				try {
					json = JSON.parse(text);
				} catch { /* it is none */ }
				resolve({ status: res.statusCode, headers: res.headers, text, json });
			});
		});

		req.on('timeout', () => req.destroy(new Error('timeout')));
		req.on('error', reject);
		req.end(JSON.stringify(all.length === 1 ? all[0] : all));
	});
}

const RAW = '0x02f801';
const HTTP = ([status, header]) => async (p) => {
	const a = await p.ask(['eth_chainId']);

	assert.equal(a.status, status);
	assert.equal(a.headers['retry-after'], header);
};
const breaks = (why, sent) => async (p) => {
	await assert.rejects(p.askBriefly(['eth_sendRawTransaction', RAW]), why);
	assert.deepEqual(p.sent, sent);
};
const body = (check) => async (p) => {
	const a = await p.ask(['eth_chainId']);

	assert.equal(a.status, 200);
	check(a);
};
const batch = (check) => async (p) => check((await p.ask(['eth_chainId'], ['eth_gasPrice'], ['eth_blockNumber'])).json);
const result = (call, check) => async (p) => {
	const a = (await p.ask(call)).json;

	if (typeof check === 'function')
		check(a.result, a);
	else
		assert.deepEqual(a.result, check);
};
const fails = (call, code, message, sent = []) => async (p) => {
	const a = (await p.ask(call)).json;

	assert.equal(a.error.code, code);
	assert.match(a.error.message, message);
	assert.ok(!('result' in a));
	assert.deepEqual(p.sent, sent);
};
const SEND = ['eth_sendRawTransaction', RAW], LOGS = ['eth_getLogs', { fromBlock: '0x1', toBlock: '0x2' }];
const BLOCK = ['eth_getBlockByNumber', '0x5', false], RECEIPT = ['eth_getTransactionReceipt', hash(5)];
const NONCE = ['eth_getTransactionCount', '0x1', 'latest'];

/* The head is at n for everything that one can ask. */
const headIs = (n) => async (p) => {
	const all = (await p.ask(['eth_blockNumber'], ['eth_getBlockByNumber', 'latest', false],
		['eth_getBlockByNumber', hex(n + 1), false], ['eth_getTransactionReceipt', hash(n + 1)],
		['eth_getLogs', { fromBlock: hex(n), toBlock: hex(HEAD) }], ['eth_call', {}, 'latest'],
		['eth_getLogs', { fromBlock: hex(n), toBlock: 'latest' }])).json.map((a) => a.result);

	assert.deepEqual(all, [hex(n), block(n), null, null, logs(n, n), hex(n), logs(n, n)]);
};

const looks = {
	timeout: breaks(/timeout/, []),
	timeout_after: breaks(/timeout/, [RAW]),
	slow: async (p) => {
		const begun = Date.now();

		p.rule.ms = 150;
		await p.ask(['eth_chainId']);
		assert.ok(Date.now() - begun >= 140);
	},
	drip: async (p) => {
		p.rule.ms = 200;
		assert.equal((await p.ask(['eth_chainId'])).json.result, '0x7a69');
	},
	close: breaks(/hang up|ECONNRESET/, []),
	close_after: breaks(/hang up|ECONNRESET/, [RAW]),
	not_http: breaks(/Parse Error/, []),
	429: HTTP([429]),
	'429_retry_after': HTTP([429, '1']),
	500: HTTP([500]),
	502: HTTP([502]),
	503: HTTP([503]),
	'503_retry_after': HTTP([503, '1']),
	401: HTTP([401]),
	404: HTTP([404]),
	redirect: HTTP([302]),
	html: body((a) => assert.match(a.text.toString(), /^<!DOCTYPE html>/)),
	garbage: body((a) => assert.ok(a.text.length === 500 && !a.json)),
	empty: body((a) => assert.equal(a.text.length, 0)),
	deep: body((a) => assert.equal(a.text.length, 200000)),
	brackets: body((a) => assert.ok(a.text.length > 6e6)),
	truncated: breaks(/aborted/, [RAW]),
	cut_json: body((a) => assert.ok(a.text.length > 5 && !a.json)),
	huge: body((a) => assert.ok(a.text.length > 40e6 && a.json.result === '0x7a69')),
	wrong_id: batch((all) => assert.deepEqual(all.map((a) => a.id), [1001, 1002, 1003])),
	no_id: batch((all) => assert.ok(all.every((a) => !('id' in a) && a.result))),
	string_id: batch((all) => assert.deepEqual(all.map((a) => a.id), ['1', '2', '3'])),
	duplicate_id: batch((all) => assert.deepEqual(all.map((a) => a.id).sort(), [1, 1, 2])),
	missing_answer: batch((all) => assert.deepEqual(all.map((a) => a.id), [2, 3])),
	extra_answer: batch((all) => assert.equal(all.length, 4)),
	neither: batch((all) => assert.ok(all.every((a) => a.id && !('result' in a) && !('error' in a)))),
	both: batch((all) => assert.ok(all.every((a) => a.result && a.error))),
	batch_refused: async (p) => {
		assert.equal((await p.ask(['eth_chainId'], ['eth_gasPrice'])).json.error.code, -32600);
		p.proxy.clear();
		p.proxy.set('batch_refused');
		assert.equal((await p.ask(['eth_chainId'])).json.result, '0x7a69');
	},
	busy_all: batch((a) => assert.equal(a.error.code, -32005)),
	busy_one: batch((all) => assert.deepEqual(all.map((a) => a.error?.code), [-32005, undefined, undefined])),
	error_one: batch((all) => assert.deepEqual(all.map((a) => a.error?.code), [-32603, undefined, undefined])),
	internal_error: batch((all) => assert.ok(all.every((a) => a.error.code === -32603 && !('result' in a)))),
	reversed: batch((all) => assert.deepEqual(all.map((a) => a.id), [3, 2, 1])),
	null_result: batch((all) => assert.ok(all.every((a) => a.result === null))),
	number_result: batch((all) => assert.ok(all.every((a) => a.result === 7))),
	object_result: batch((all) => assert.deepEqual(all[1].result, {})),
	bad_hex: result(BLOCK, (r) => assert.deepEqual([r.number, r.hash.slice(0, 4)], ['0xg', '0xg0'])),
	long_hex: result(BLOCK, (r) => assert.equal(r.number, `0x${'f'.repeat(80)}5`)),
	wrong_chain_id: result(['eth_chainId'], '0x7a6a'),
	stale_head: headIs(HEAD - 8),
	frozen_head: headIs(HEAD),
	head_ahead: result(['eth_blockNumber'], hex(HEAD + 1000000)),
	lying_hash: result(BLOCK, (r) => assert.deepEqual([r.hash === hash(5), r.parentHash], [false, hash(4)])),
	lying_parent: result(BLOCK, (r) => assert.deepEqual([r.hash, r.parentHash === hash(4)], [hash(5), false])),
	fake_reorg: async (p) => {
		const [a, b, c, l] = (await p.ask(...[17, 18, 19].map((n) => ['eth_getBlockByNumber', hex(n), false]),
			['eth_getLogs', { fromBlock: '0x11', toBlock: '0x12' }])).json.map((r) => r.result);

		assert.deepEqual([a.hash, b.parentHash], [hash(17), hash(17)]);
		assert.notEqual(b.hash, hash(18));
		assert.equal(c.parentHash, b.hash);
		assert.notEqual(c.hash, hash(19));
		assert.deepEqual(l.map((e) => e.blockHash), [a.hash, a.hash, b.hash, b.hash]);
	},
	logs_of_other_block: result(LOGS, (r) => assert.ok(r.length === 4 && r[0].blockHash !== hash(1))),
	logs_dropped: result(LOGS, [log(1, 1), log(2, 1)]),
	logs_out_of_order: result(LOGS, logs(1, 2).reverse()),
	logs_twice: result(LOGS, (r) => assert.equal(r.length, 8)),
	logs_removed: result(LOGS, (r) => assert.ok(r.every((l) => l.removed === true))),
	logs_range_limit: async (p) => {
		const range = (from, to) => ['eth_getLogs', { fromBlock: hex(from), toBlock: to }];
		const all = (await p.ask(range(1, hex(10)), range(1, hex(11)), range(1, 'latest'))).json;

		assert.deepEqual(all.map((a) => a.result?.length), [20, undefined, undefined]);
		assert.match(all[1].error.message, /more than 10000 results/);
	},
	already_known: fails(SEND, -32000, /already known/, [RAW]),
	nonce_too_low: fails(SEND, -32000, /nonce too low/),
	replacement_underpriced: fails(SEND, -32000, /replacement transaction underpriced/),
	insufficient_funds: fails(SEND, -32000, /insufficient funds/),
	pool_full: fails(SEND, -32000, /txpool is full/),
	swallowed: async (p) => {
		assert.match((await p.ask(SEND)).json.result, /^0x[0-9a-f]{64}$/);
		assert.deepEqual(p.sent, []);
	},
	fee_spike: async (p) => {
		const all = (await p.ask(['eth_gasPrice'], BLOCK, ['eth_feeHistory'])).json.map((a) => a.result);

		assert.deepEqual([all[0], all[1].baseFeePerGas, all[2].baseFeePerGas], [hex(9000), hex(7000), [hex(1000), hex(2000)]]);
	},
	nonce_behind: result(NONCE, '0x2'),
	nonce_ahead: result(NONCE, '0x8'),
	estimate_fails: fails(['eth_estimateGas', {}], -32000, /exceeds allowance/),
	estimate_huge: result(['eth_estimateGas', {}], '0x7fffffffffffffff'),
	call_reverts: fails(['eth_call', {}, 'latest'], 3, /reverted/),
	receipt_missing: result(RECEIPT, null),
	receipt_flipped: result(RECEIPT, (r) => assert.deepEqual([r.status, r.logs], ['0x0', []])),
	receipt_of_other: result(RECEIPT, (r) => assert.notEqual(r.transactionHash, hash(5))),
	receipt_without_block: result(RECEIPT, (r) => assert.deepEqual([r.blockHash, r.blockNumber, r.status], [null, null, '0x1'])),
};

test('without a mode everything passes', async (t) => {
	const p = await start(t);

	assert.equal((await p.ask(['eth_chainId'])).json.result, '0x7a69');
	assert.equal((await p.ask(['eth_nothing'])).json.error.code, -32601);
	assert.deepEqual((await p.ask(['eth_gasPrice'], SEND)).json.map((a) => a.result), ['0x9', hash(7)]);
	assert.deepEqual(p.sent, [RAW]);
	assert.equal(p.proxy.requests, 3);
	assert.deepEqual(p.proxy.seen, { eth_chainId: 1, eth_nothing: 1, eth_gasPrice: 1, eth_sendRawTransaction: 1 });
});

test('each mode does what it says', async (t) => {
	assert.deepEqual(Object.keys(looks).sort(), [...MODES].sort());
	assert.ok(FOOLING.includes('receipt_flipped') && !FOOLING.includes('timeout'));
	for (const mode of MODES) {
		const p = await start(t);

		p.rule = p.proxy.set(mode);
		try {
			await looks[mode](p);
		} catch (e) {
			e.message = `${mode}: ${e.message}`;
			throw e;
		}
		assert.ok(p.rule.hits > 0, mode);
		assert.ok(p.proxy.log[0].modes.includes(mode), mode);
		await p.proxy.close();
	}
});

test('modes are for a method, for a number of requests, until cleared', async (t) => {
	const p = await start(t);
	const rule = p.proxy.set('internal_error', { method: ['eth_gasPrice', 'eth_call'], count: 2 });
	const codes = async () => (await p.ask(['eth_chainId'], ['eth_gasPrice'])).json.map((a) => a.error?.code);

	assert.equal((await p.ask(['eth_chainId'])).json.result, '0x7a69');
	assert.deepEqual(await codes(), [undefined, -32603]);
	assert.deepEqual(await codes(), [undefined, -32603]);
	assert.deepEqual(await codes(), [undefined, undefined]);
	assert.equal(rule.hits, 2);
	p.proxy.set(500);
	p.proxy.set('internal_error');
	assert.equal((await p.ask(['eth_chainId'])).status, 500);
	p.proxy.clear(500);
	assert.deepEqual(await codes(), [-32603, -32603]);
	p.proxy.clear();
	assert.deepEqual(await codes(), [undefined, undefined]);
	assert.match(p.proxy.text(), /eth_chainId eth_gasPrice -> internal_error\n[^]* eth_chainId -> 500 internal_error\n/);
	assert.throws(() => p.proxy.set('nothing'), /no such mode/);
});

test('modes add up', async (t) => {
	const p = await start(t);

	p.proxy.set('receipt_flipped');
	p.proxy.set('fee_spike', { times: 10 });
	p.proxy.set('wrong_id');
	const [a, b] = (await p.ask(RECEIPT, ['eth_gasPrice'])).json;

	assert.deepEqual([a.id, a.result.status, b.result], [1001, '0x0', hex(90)]);
});

test('a node that is gone is a closed connection', async (t) => {
	const proxy = await RpcProxy.start(t, 'http://127.0.0.1:9');

	await assert.rejects(ask(proxy, 10000, ['eth_chainId']), /hang up|ECONNRESET/);
	await until('the log says so', () => /proxy: connect ECONNREFUSED/.test(proxy.text()));
});
