// An Anvil for what follows chains: mines only when told, has contracts that log what they
// are told, and branches at will.  Its answers are also the oracle: what a follower should
// have derived is computed here from eth_getLogs.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { createRequire } from 'node:module';
import { random, sleep, until } from './harness.mjs';

const require = createRequire(path.resolve('node_modules/x.js'));
const { keccak256 } = require('ethers');
const binary = 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil';
const sender = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
/* Logs its calldata under the topics that are its first two words. */
const emitterCode = '0x600d600a5f39600d5ff3365f5f376020355f35365fa200';

export const hex = (n) => `0x${n.toString(16)}`;
export const below = (n) => Math.floor(random() * n);
const word = (n) => n.toString(16).padStart(64, '0');

function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer().on('error', reject);

		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();

			server.close(() => resolve(port));
		});
	});
}

/* One call; throws what the node answered. */
export async function call(url, method, ...params) {
	const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
	const { result, error } = await answer.json();

	if (error)
		throw new Error(`${method}: ${error.message}`);
	return result;
}

export class Evm {
	emitters = [];

	/* Before the Prague fork: with its history of hashes Anvil needs seconds for each
	 * hundred blocks mined at once. */
	static async start(t, args = []) {
		for (let i = 0; i < 5; i++) {
			const evm = new Evm();
			const port = await freePort();
			const child = t.spawn('setpriv', ['--pdeathsig', 'KILL', binary, '--silent', '--no-mining',
				'--host', '127.0.0.1', '--port', port, '--hardfork', 'cancun', '--prune-history', '256',
				...args].map(String));

			evm.url = `http://127.0.0.1:${port}`;
			evm.child = child;
			if (await evm.#answers(child))
				return evm;
		}
		throw new Error('anvil did not start in five attempts');
	}

	/* Ours, not somebody else's who was faster on that port: then ours has ended. */
	async #answers(child) {
		await until('anvil answers', () => child.end || this.rpc('eth_chainId'), 30000, 20).catch(() => null);
		await sleep(50);
		return !child.end;
	}

	rpc(method, ...params) { return call(this.url, method, ...params); }
	async head() { return Number(await this.rpc('eth_blockNumber')); }
	async hash(number = 'latest') {
		return (await this.rpc('eth_getBlockByNumber', typeof number === 'number' ? hex(number) : number, false)).hash;
	}

	async deployEmitters(n) {
		for (let i = 0; i < n; i++) {
			const tx = await this.rpc('eth_sendTransaction', { from: sender, data: emitterCode, gas: hex(200000) });

			await this.rpc('evm_mine');
			this.emitters.push((await this.rpc('eth_getTransactionReceipt', tx)).contractAddress);
		}
	}

	/* A log of one of the contracts, with one of three topics. */
	#logTx() {
		return { from: sender, to: this.emitters[below(this.emitters.length)], gas: hex(100000),
			data: `0x${word(below(3))}${word(below(1000))}${'ab'.repeat(below(40))}` };
	}

	/* n blocks, some with logs. */
	async mine(n = 1, logsMax = 3) {
		for (let i = 0; i < n; i++) {
			for (let k = below(logsMax + 1); k > 0; k--)
				await this.rpc('eth_sendTransaction', this.#logTx());
			await this.rpc('evm_mine');
		}
	}

	/* n blocks at once, without logs but in the last ones. */
	async burst(n, withLogs = 5) {
		await this.rpc('anvil_mine', hex(n - withLogs));
		await this.mine(withLogs);
	}

	/* The last `depth` blocks are replaced by as many others, some with logs, and the first in
	 * any case: an empty block in place of an empty one would be the same. */
	async reorg(depth) {
		const txs = [];

		for (let i = 0; i < depth; i++) {
			for (let k = below(3) + (i === 0); k > 0 && txs.length < 40; k--)
				txs.push([this.#logTx(), i]);
		}
		await this.rpc('anvil_reorg', depth, txs);
	}

	async #logs(from, to) {
		const logs = [];

		for (let i = from; i <= to; i += 1000)
			logs.push(...await this.rpc('eth_getLogs', { address: this.emitters, fromBlock: hex(i),
				toBlock: hex(Math.min(to, i + 999)) }));
		return logs;
	}

	/* The rows that test/tools/follow.c derives. */
	async rows(start = 0) {
		const logs = [], counts = new Map();

		for (const l of await this.#logs(start, await this.head())) {
			const topic = l.topics[0] || `0x${word(0)}`;
			const count = l.address.toLowerCase() + topic.slice(2);

			logs.push([`0x${BigInt(l.blockNumber).toString(16).padStart(16, '0')}${Number(l.logIndex).toString(16).padStart(8, '0')}`,
				`0x${[l.blockHash, l.address, l.transactionHash, keccak256(l.data), ...l.topics]
					.map((s) => s.slice(2)).join('').toLowerCase()}`]);
			counts.set(count, (counts.get(count) || 0) + 1);
		}
		return { logs, counts: [...counts].sort().map(([key, n]) => [key, `0x${n.toString(16).padStart(16, '0')}`]) };
	}
}

export function assertSameRows(got, want) {
	assert.deepEqual(got.counts, want.counts);
	assert.equal(got.logs.length, want.logs.length);
	got.logs.forEach((row, i) => assert.deepEqual(row, want.logs[i], `log ${i}`));
}
