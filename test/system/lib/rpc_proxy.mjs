// A JSON-RPC proxy before an Ethereum node that misbehaves as it is told, in one of many
// ways, for all methods or for one, for some requests or until it is told to stop.
//
//	const proxy = await RpcProxy.start(t, 'http://127.0.0.1:8545');
//	const rule = proxy.set('429', { count: 3 });			// the next three requests
//	proxy.set('close_after', { method: 'eth_sendRawTransaction', count: 1 });
//	proxy.set('stale_head', { blocks: 10 });			// until proxy.clear()
//	rule.hits							// how often it struck so far
//	proxy.log							// what came and what was done with it
//
// MODES names all ways, so that a test can sweep over them.  FOOLING are those that nobody can
// see through who has only this endpoint: its lies fit together.
import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const LOG_MAX = 10000;
const hex = (n) => `0x${BigInt(n).toString(16)}`;
const error = (code, message, data) => ({ code, message, ...(data && { data }) });
const refusal = (id, code, message) => ({ jsonrpc: '2.0', id, error: error(code, message) });

/* Another hash that stays the same for the same one. */
const flip = (hash) => hash && hash.slice(0, -1) + (15 - parseInt(hash.at(-1), 16)).toString(16);

const HEAD_TAGS = ['latest', 'pending', 'safe', 'finalized'];
const isBlock = (r) => r && typeof r === 'object' && 'parentHash' in r;
const isReceipt = (r) => r && typeof r === 'object' && 'gasUsed' in r && 'status' in r;
const isLog = (r) => r && typeof r === 'object' && 'logIndex' in r;

/* Each object within a result, itself too. */
function eachObject(r, fn) {
	if (Array.isArray(r)) {
		r.forEach((e) => eachObject(e, fn));
	} else if (r && typeof r === 'object') {
		fn(r);
		Object.values(r).forEach((e) => eachObject(e, fn));
	}
}

function eachString(r, fn) {
	if (typeof r === 'string')
		return fn(r);
	if (Array.isArray(r))
		return r.map((e) => eachString(e, fn));
	if (r && typeof r === 'object')
		return Object.fromEntries(Object.entries(r).map(([k, v]) => [k, eachString(v, fn)]));
	return r;
}

const SENDS = ['eth_sendRawTransaction', 'eth_sendTransaction'];

/*
 * A mode has one or more of these; `o` is the rule with its options.
 *	methods		the calls it strikes when the rule names none; all, if not there
 *	http(res, o)	the answer to the whole request; the node does not hear of it
 *	instead(call, o)	{result} or {error} of one call; the node does not hear of it
 *	before(call, o)	changes a call on its way
 *	after(reply, call, o)	changes an answer with a result, its call beside it
 *	reply(reply, call, o)	changes any answer
 *	frame(replies, o)	changes what stands around the answers; an array or one object comes back
 *	last(res, body, o)	sends what the node answered in another way
 *	begin(o, proxy)	when the rule is set
 *	fools		see FOOLING
 */
const status = (code, headers = {}) => ({ http: (res, o) => {
	res.writeHead(code, typeof headers === 'function' ? headers(o) : headers);
	res.end(`${code}\n`);
} });
const text = (type, body) => ({ http: (res) => {
	res.writeHead(200, { 'Content-Type': type });
	res.end(typeof body === 'function' ? body() : body);
} });
const refused = (code, message, more = {}) => ({ instead: () => ({ error: error(code, message) }), methods: SENDS, ...more });

/* All that is above `head` is not there yet. */
const behind = {
	async before(call, o) {
		const limit = hex(await o.head());

		if (call.method === 'eth_getLogs') {
			const f = call.params[0];

			for (const k of ['fromBlock', 'toBlock'])
				if (HEAD_TAGS.includes(f[k] ?? 'latest') && !f.blockHash)
					f[k] = limit;
		}
		call.params = (call.params ?? []).map((p) => (HEAD_TAGS.includes(p) ? limit : p));
	},
	async after(reply, call, o) {
		const head = await o.head();
		const above = (r) => r && BigInt(r.number ?? r.blockNumber ?? 0) > head;

		if (call.method === 'eth_blockNumber')
			reply.result = hex(head);
		else if (isBlock(reply.result) || isReceipt(reply.result))
			reply.result = above(reply.result) ? null : reply.result;
		else if (Array.isArray(reply.result))
			reply.result = reply.result.filter((l) => !isLog(l) || !above(l));
	},
};

const modes = {
	// ---- nothing comes, or nothing that is HTTP ----
	timeout: { http: () => {} },
	timeout_after: { last: () => {} },
	slow: { last: async (res, body, o) => { await sleep(o.ms ?? 1500); o.send(res, body); } },
	drip: { last: async (res, body, o) => {
		res.writeHead(200, { 'Content-Length': Buffer.byteLength(body) });
		for (let i = 0; i < 20; i++) {
			res.write(body.slice(i * body.length / 20, (i + 1) * body.length / 20));
			await sleep((o.ms ?? 1000) / 20);
		}
		res.end();
	} },
	close: { http: (res) => res.socket.destroy() },
	close_after: { last: (res) => res.socket.destroy() },
	not_http: { http: (res) => res.socket.end('SSH-2.0-OpenSSH_9.2p1\r\n') },

	// ---- HTTP that is none of JSON-RPC ----
	429: status(429),
	'429_retry_after': status(429, (o) => ({ 'Retry-After': String(o.s ?? 1) })),
	500: status(500),
	502: status(502),
	503: status(503),
	'503_retry_after': status(503, (o) => ({ 'Retry-After': String(o.s ?? 1) })),
	401: status(401),
	404: status(404),
	redirect: status(302, { Location: '/' }),
	html: text('text/html', '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>\n'),
	garbage: text('application/json', () => Buffer.from(Array.from({ length: 500 }, () => Math.random() * 256))),
	empty: text('application/json', ''),
	deep: text('application/json', () => '['.repeat(200000)),
	brackets: text('application/json', () => `[${'{},'.repeat(2000000)}{}]`),
	truncated: { last: async (res, body) => {	// less than its Content-Length
		res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
		res.write(body.slice(0, body.length / 2), () => res.socket.destroy());
	} },
	cut_json: { last: (res, body, o) => o.send(res, body.slice(0, body.length / 2)) },
	huge: { last: async (res, body) => {		// 40 MB of blanks behind it
		const blanks = Buffer.alloc(1 << 20, 32);

		res.writeHead(200, { 'Content-Type': 'application/json' });
		res.write(body);
		for (let i = 0; i < 40 && !res.destroyed; i++)
			await new Promise((resolve) => { res.write(blanks, resolve); });
		res.end();
	} },

	// ---- JSON-RPC that is wrong ----
	wrong_id: { reply: (reply) => { reply.id += 1000; } },
	no_id: { reply: (reply) => { delete reply.id; } },
	string_id: { reply: (reply) => { reply.id = String(reply.id); } },
	duplicate_id: { frame: (replies) => [replies[0], { ...replies.at(-1), id: replies[0].id }, ...replies.slice(1, -1)] },
	missing_answer: { frame: (replies) => replies.slice(1) },
	extra_answer: { frame: (replies) => [...replies, { jsonrpc: '2.0', id: 987654321, result: '0x1' }] },
	neither: { reply: (reply) => { delete reply.result; delete reply.error; } },
	both: { reply: (reply) => { reply.result = '0x1'; reply.error = error(-32000, 'and an error'); } },
	batch_refused: { frame: (replies) => (replies.length > 1 ? refusal(null, -32600, 'batches are not supported') : replies) },
	busy_all: { frame: () => refusal(null, -32005, 'daily request count exceeded, request rate limited') },
	busy_one: { reply: (reply, call, o) => o.onlyOne(reply, () => o.fail(reply, -32005, 'rate limit')) },
	error_one: { reply: (reply, call, o) => o.onlyOne(reply, () => o.fail(reply, -32603, 'internal error')) },
	internal_error: { reply: (reply, call, o) => o.fail(reply, -32603, 'internal error') },
	reversed: { frame: (replies) => replies.reverse() },	// which is allowed
	null_result: { reply: (reply) => { delete reply.error; reply.result = null; } },
	number_result: { reply: (reply) => { delete reply.error; reply.result = 7; } },
	object_result: { reply: (reply) => { delete reply.error; reply.result = {}; } },
	bad_hex: { after: (reply) => { reply.result = eachString(reply.result, (s) => s.replace(/^0x./, '0xg')); } },
	long_hex: { after: (reply) => { reply.result = eachString(reply.result, (s) => s.replace(/^0x/, `0x${'f'.repeat(80)}`)); } },

	// ---- another chain, another head, other blocks ----
	wrong_chain_id: { methods: ['eth_chainId', 'net_version'], after: (reply, call) => {
		const other = BigInt(reply.result) + 1n;

		reply.result = call.method === 'eth_chainId' ? hex(other) : String(other);
	} },
	stale_head: { ...behind, begin: (o, proxy) => {	// o.blocks behind, always
		o.head = async () => {
			const n = await proxy.head() - BigInt(o.blocks ?? 8);

			return n < 0n ? 0n : n;
		};
	} },
	frozen_head: { ...behind, begin: (o, proxy) => {	// at where it is now
		const frozen = proxy.head();

		frozen.catch(() => {});
		o.head = () => frozen;
	} },
	head_ahead: { methods: ['eth_blockNumber'], after: (reply) => { reply.result = hex(BigInt(reply.result) + 1000000n); } },
	lying_hash: { after: (reply) => eachObject(reply.result, (r) => { if (isBlock(r)) r.hash = flip(r.hash); }) },
	lying_parent: { after: (reply) => eachObject(reply.result, (r) => { if (isBlock(r)) r.parentHash = flip(r.parentHash); }) },
	/* A branch of its own from o.depth blocks below the head on; it fits together. */
	fake_reorg: { fools: true, begin: (o, proxy) => {
		o.from = proxy.head().then((n) => n - BigInt(o.depth ?? 3));
		o.from.catch(() => {});
	}, after: async (reply, call, o) => {
		const from = await o.from;

		eachObject(reply.result, (r) => {
			if (isBlock(r) && BigInt(r.number) > from)
				r.hash = flip(r.hash);
			if (isBlock(r) && BigInt(r.number) > from + 1n)
				r.parentHash = flip(r.parentHash);
			if (r.blockHash && BigInt(r.blockNumber) > from)
				r.blockHash = flip(r.blockHash);
		});
	} },
	logs_of_other_block: { methods: ['eth_getLogs'], after: (reply) => eachObject(reply.result, (r) => { r.blockHash = flip(r.blockHash); }) },
	logs_dropped: { fools: true, methods: ['eth_getLogs'], after: (reply) => {
		if (Array.isArray(reply.result))
			reply.result = reply.result.filter((l, i) => i % 2);
	} },
	logs_out_of_order: { methods: ['eth_getLogs'], after: (reply) => { if (Array.isArray(reply.result)) reply.result.reverse(); } },
	logs_twice: { methods: ['eth_getLogs'], after: (reply) => {
		if (Array.isArray(reply.result))
			reply.result = reply.result.flatMap((l) => [l, l]);
	} },
	logs_removed: { methods: ['eth_getLogs'], after: (reply) => eachObject(reply.result, (r) => { r.removed = true; }) },
	logs_range_limit: { methods: ['eth_getLogs'], instead: async (call, o) => {
		const f = call.params[0], at = async (b) => (HEAD_TAGS.includes(b ?? 'latest') ? o.proxy.head() : BigInt(b));

		if (f.blockHash || await at(f.toBlock) - await at(f.fromBlock) < BigInt(o.blocks ?? 10))
			return null;
		return { error: error(-32005, 'query returned more than 10000 results') };
	} },

	// ---- transactions, their fees, nonces and receipts ----
	already_known: { methods: SENDS, reply: (reply, call, o) => o.fail(reply, -32000, 'already known') },
	nonce_too_low: refused(-32000, 'nonce too low'),
	replacement_underpriced: refused(-32000, 'replacement transaction underpriced'),
	insufficient_funds: refused(-32000, 'insufficient funds for gas * price + value'),
	pool_full: refused(-32000, 'txpool is full'),
	/* Says the hash that it knows, and forgets the transaction. */
	swallowed: { methods: SENDS, instead: async (call, o) => ({ result: await o.hashOf(call) }) },
	fee_spike: { after: (reply, call, o) => {
		const more = (v) => hex(BigInt(v) * BigInt(o.times ?? 1000));

		if (['eth_gasPrice', 'eth_maxPriorityFeePerGas'].includes(call.method) && reply.result)
			reply.result = more(reply.result);
		eachObject(reply.result, (r) => {
			if (typeof r.baseFeePerGas === 'string')
				r.baseFeePerGas = more(r.baseFeePerGas);
			else if (Array.isArray(r.baseFeePerGas))
				r.baseFeePerGas = r.baseFeePerGas.map(more);
		});
	} },
	nonce_behind: { methods: ['eth_getTransactionCount'], after: (reply) => {
		reply.result = hex(reply.result === '0x0' ? 0 : BigInt(reply.result) - 1n);
	} },
	nonce_ahead: { methods: ['eth_getTransactionCount'], fools: true, after: (reply) => { reply.result = hex(BigInt(reply.result) + 5n); } },
	estimate_fails: { methods: ['eth_estimateGas'], instead: () => ({ error: error(-32000, 'gas required exceeds allowance') }) },
	estimate_huge: { methods: ['eth_estimateGas'], instead: () => ({ result: '0x7fffffffffffffff' }) },
	call_reverts: { methods: ['eth_call'], fools: true, instead: () => ({ error: error(3, 'execution reverted', '0x') }) },
	receipt_missing: { methods: ['eth_getTransactionReceipt'], after: (reply) => { delete reply.error; reply.result = null; } },
	receipt_flipped: { methods: ['eth_getTransactionReceipt'], fools: true, after: (reply) => {
		if (!isReceipt(reply.result))
			return;
		reply.result.status = reply.result.status === '0x1' ? '0x0' : '0x1';
		reply.result.logs = [];
	} },
	receipt_of_other: { methods: ['eth_getTransactionReceipt'], after: (reply) => {
		if (isReceipt(reply.result))
			reply.result.transactionHash = flip(reply.result.transactionHash);
	} },
	receipt_without_block: { methods: ['eth_getTransactionReceipt'], after: (reply) => {
		if (isReceipt(reply.result))
			Object.assign(reply.result, { blockHash: null, blockNumber: null });
	} },
};

export const MODES = Object.keys(modes);
export const FOOLING = MODES.filter((m) => modes[m].fools);

/* A mode that was switched on, with its options and what its functions need. */
class Rule {
	hits = 0;

	constructor(proxy, mode, opts) {
		Object.assign(this, { proxy, mode, count: Infinity, ...opts });
		this.does = modes[mode];
		if (!this.does)
			throw new Error(`no such mode: ${mode}`);
		this.does.begin?.(this, proxy);
	}

	strikes(call) {
		const methods = this.method ? [this.method].flat() : this.does.methods;

		return !methods || methods.includes(call.method);
	}

	send(res, body) {
		if (res.destroyed)
			return;
		res.writeHead(200, { 'Content-Type': 'application/json' });
		res.end(body);
	}

	fail(reply, code, message) {
		delete reply.result;
		reply.error = error(code, message);
	}

	/* One answer of a request. */
	onlyOne(reply, fn) {
		if (this.struck === this.hits)
			return;
		this.struck = this.hits;
		fn();
	}

	/* What the node would answer to sending it: the hash of the bytes. */
	async hashOf(call) {
		const { keccak256 } = await import('ethers');

		return keccak256(call.params[0]);
	}
}

export class RpcProxy {
	log = [];		// {ms, methods, modes}; the oldest go
	seen = {};		// calls by method
	requests = 0;
	#rules = [];
	#sockets = new Set();
	#agent = new http.Agent({ keepAlive: true });

	constructor(upstream) {
		this.upstream = new URL(upstream);
		this.server = http.createServer((req, res) => this.#take(req, res));
		this.server.on('connection', (s) => {
			this.#sockets.add(s);
			s.on('close', () => this.#sockets.delete(s));
			s.on('error', () => {});
		});
	}

	/* Ends with the test t. */
	static async start(t, upstream) {
		const proxy = new RpcProxy(upstream);

		await proxy.listen();
		t.after(() => proxy.close());
		t.diagnoses?.push(() => `rpc proxy:\n${proxy.text()}`);
		return proxy;
	}

	async listen() {
		this.server.listen(0, '127.0.0.1');
		await once(this.server, 'listening');
		this.url = `http://127.0.0.1:${this.server.address().port}`;
	}

	async close() {
		for (const s of this.#sockets)
			s.destroy();
		this.#agent.destroy();
		if (this.server.listening) {
			this.server.close();
			await once(this.server, 'close');
		}
	}

	/* opts: method (a name or several), count (requests that it strikes), and the mode's own. */
	set(mode, opts = {}) {
		const rule = new Rule(this, String(mode), opts);

		this.#rules.push(rule);
		return rule;
	}

	/* Of one mode, or of all. */
	clear(mode) {
		this.#rules = mode === undefined ? [] : this.#rules.filter((r) => r.mode !== String(mode));
	}

	/* A point of view: the last n requests, one a line. */
	text(n = 40) {
		return this.log.slice(-n).map((e) => `${new Date(e.ms).toISOString().slice(11, 23)} ` +
			`${e.methods.join(' ')}${e.modes.length ? ` -> ${e.modes.join(' ')}` : ''}`).join('\n');
	}

	async head() {
		return BigInt(await this.ask('eth_blockNumber'));
	}

	/* Of the node itself. */
	async ask(method, ...params) {
		const reply = await this.#forward([{ jsonrpc: '2.0', id: 1, method, params }]);

		if (reply[0].error)
			throw new Error(`${method}: ${reply[0].error.message}`);
		return reply[0].result;
	}

	#forward(calls) {
		const body = JSON.stringify(calls);

		return new Promise((resolve, reject) => {
			const req = http.request(this.upstream, { method: 'POST', agent: this.#agent, headers: {
				'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } }, (res) => {
				const got = [];

				res.on('data', (d) => got.push(d));
				res.on('error', reject);
				res.on('end', () => {
					try {
						resolve(JSON.parse(Buffer.concat(got).toString()));
					} catch (e) {
						reject(e);
					}
				});
			});

			req.on('error', reject);
			req.end(body);
		});
	}

	#take(req, res) {
		const got = [];

		res.on('error', () => {});
		req.on('error', () => {});
		req.on('data', (d) => got.push(d));
		req.on('end', () => this.#answer(res, Buffer.concat(got).toString()).catch((e) => {
			this.#note([], [`proxy: ${e.message}`]);
			res.socket?.destroy();
		}));
	}

	#note(calls, what) {
		this.log.push({ ms: Date.now(), methods: calls.map((c) => c.method), modes: what });
		if (this.log.length > LOG_MAX)
			this.log.shift();
	}

	/* The rules that strike a request, each counted once. */
	#striking(calls) {
		const rules = this.#rules.filter((r) => r.hits < r.count && calls.some((c) => r.strikes(c)));

		rules.forEach((r) => { r.hits++; });
		return rules;
	}

	async #answer(res, body) {
		const asked = JSON.parse(body);
		const calls = [asked].flat();

		this.requests++;
		calls.forEach((c) => { this.seen[c.method] = (this.seen[c.method] ?? 0) + 1; });
		const rules = this.#striking(calls);

		this.#note(calls, rules.map((r) => r.mode));
		for (const r of rules)
			if (r.does.http)
				return r.does.http(res, r);
		const replies = await this.#replies(calls, rules);
		const out = JSON.stringify(this.#frame(replies, rules, Array.isArray(asked)));
		const last = rules.find((r) => r.does.last);

		if (last)
			return last.does.last(res, out, last);
		if (res.destroyed)
			return undefined;
		res.writeHead(200, { 'Content-Type': 'application/json' });
		return res.end(out);
	}

	/* Of all calls, in their order; only those nobody answers instead go to the node. */
	async #replies(calls, rules) {
		const ready = await Promise.all(calls.map((c) => this.#instead(c, rules)));
		const left = structuredClone(calls.filter((c, i) => !ready[i]));

		for (const c of left)
			for (const r of rules)
				if (r.strikes(c))
					await r.does.before?.(c, r);
		const said = left.length ? await this.#forward(left) : [];
		const replies = calls.map((c, i) => ready[i] ?? said.find((r) => r.id === c.id));

		for (const [i, reply] of replies.entries())
			for (const r of rules)
				if (r.strikes(calls[i]))
					await this.#change(reply, calls[i], r);
		return replies;
	}

	async #change(reply, call, r) {
		if (reply.result !== undefined && reply.result !== null)
			await r.does.after?.(reply, call, r);
		await r.does.reply?.(reply, call, r);
	}

	async #instead(call, rules) {
		for (const r of rules) {
			const said = r.strikes(call) && await r.does.instead?.(call, r);

			if (said)
				return { jsonrpc: '2.0', id: call.id, ...said };
		}
		return null;
	}

	#frame(replies, rules, isBatch) {
		const frames = rules.filter((r) => r.does.frame);
		const framed = frames.reduce((a, r) => (Array.isArray(a) ? r.does.frame(a, r) : a), replies);

		if (isBatch || !Array.isArray(framed))
			return framed;
		return framed.length === 1 ? framed[0] : framed;
	}
}
