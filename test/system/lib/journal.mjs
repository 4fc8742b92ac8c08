// test/tools/journal.c, and intents of which each pays an address of its own: what was mined
// twice shows in a balance.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { run, until } from './harness.mjs';
import { Evm } from './evm.mjs';

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'journal');
const secret = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
export const account = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

/* The n-th intent: n + 1 wei to the n-th address. */
export const address = (n) => `0x${(n + 0xabcdef00).toString(16).padStart(40, '0')}`;
export const intent = (n, more = {}) => ({ key: `pay/${n}`, what: `pay the ${n}th`, to: address(n), value: String(n + 1), ...more });
export const intents = (n) => Array.from({ length: n }, (_, i) => intent(i));

export class Journal {
	constructor(t, evm, opts = {}) {
		Object.assign(this, { t, evm, url: evm.url, opts: { depth: 1, poll: 50, try_ms: 1000, ...opts } });
		this.dir = fs.mkdtempSync(path.join(t.dir(), 'journal-'));
		fs.writeFileSync(path.join(this.dir, 'key'), secret);
	}

	#args(opts) {
		return [this.url, path.join(this.dir, 'store'), path.join(this.dir, 'key'),
			...Object.entries({ ...this.opts, ...opts }).map(([k, v]) => `${k}=${v}`)];
	}

	#input(lines) { return lines.map((l) => `${JSON.stringify(l)}\n`).join(''); }

	/* Runs on; lines() is what it said so far. */
	start(lines, opts = {}) {
		const child = this.t.spawn(tool, this.#args(opts), { input: this.#input(lines) });
		let text = '';

		child.stdout.on('data', (d) => { text += d; });
		child.lines = () => text.split('\n').slice(0, -1).map((l) => JSON.parse(l));
		child.told = (key, state, limitMs = 20000) => until(`${key} is ${state}`, () => child.lines().find((l) =>
			l.key === key && l.state === state) || (child.end && Promise.reject(new Error(child.text()))), limitMs, 20);
		this.t.diagnoses.push(() => child.text().slice(-4000));
		return child;
	}

	/* To its end; with a crash it may be killed. */
	async run(lines, opts = {}) {
		const end = await run(tool, this.#args(opts), { input: this.#input(lines), anyCode: true, limitS: 45 });
		const killed = /^killed at (\w+)$/m.exec(end.stderr)?.[1];

		assert.ok(end.code === 0 || (end.signal === 'SIGKILL' && killed), `${end.signal || end.code}: ${end.stderr.slice(-3000)}`);
		return { killed, said: end.stdout.split('\n').slice(0, -1).map((l) => JSON.parse(l)), log: end.stderr };
	}

	async list() { return (await this.run([], { list: 1 })).said; }
	async get(key) { return (await this.list()).findLast((e) => e.key === key); }
}

export async function automining(t, args) {
	const evm = await Evm.start(t, args);

	await evm.rpc('evm_setAutomine', true);
	return evm;
}

/* Each of n intents was mined once, and the account used no nonce for anything else. */
export async function assertOnce(evm, n, nonces = n) {
	for (let i = 0; i < n; i++)
		assert.equal(BigInt(await evm.rpc('eth_getBalance', address(i), 'latest')), BigInt(i + 1), `intent ${i}`);
	assert.equal(Number(await evm.rpc('eth_getTransactionCount', account, 'latest')), nonces);
}

export const last = (said, key) => said.findLast((l) => l.key === key);
