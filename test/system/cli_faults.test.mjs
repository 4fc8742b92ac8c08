// Commands over an endpoint that breaks, lies or forgets blocks, and commands that are killed: they
// end with an exit code and a line; typed again they end well; on chain it happened once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { encryptKeystoreJsonSync } from 'ethers';
import { start_chain } from '../contracts/lib/anvil.mjs';
import { below } from './lib/evm.mjs';
import { Devnet, ETH, LPT, PASSWORD } from './lib/devnet.mjs';
import { long, note, parallel, program, run, slow, sleep, test, until } from './lib/harness.mjs';
import { FOOLING, MODES, RpcProxy } from './lib/rpc_proxy.mjs';

parallel(6);

const RECOVERY_MS = 5000 * slow;
const FAULT_MS = 2500;
const WHO = 1;
const REQUESTS = { register: 45, bond: 32 };	/* so many a command has, about; the others 20 */
const requests = (name) => REQUESTS[name] ?? 20;

/* All chances are drawn before any test runs: SEED gives the same again. */
const sample = (n, list) => (long ? list : list.map((m) => [below(1e6), m]).sort((a, b) => a[0] - b[0]).slice(0, n).map(([, m]) => m));

// ---- what is typed, and what of it is on chain ----

const address = (net) => net.accounts[WHO].address;
const nonce = async (net) => Number(await net.send('eth_getTransactionCount', address(net), 'latest'));

async function events(net, name, event) {
	const c = net.contract(name);

	return (await c.queryFilter(c.filters[event](address(net)))).length;
}

const actions = {
	register: {
		args: ['transcoder', 'register', '-rewardCut', '10%', '-feeShare', '50%', '-price', '20 gwei', '-bond', '100'],
		nonces: 3, again: /registered already/,
		async once(net) {
			assert.equal((await net.contract('BondingManager').getDelegator(address(net))).bondedAmount, 100n * LPT);
			assert.equal(await net.lpt(WHO), 9900n * LPT);
			assert.equal(await events(net, 'BondingManager', 'TranscoderUpdate'), 1);
		},
	},
	bond: {
		args: (net) => ['bond', '100', '--to', net.accounts[2].address], nonces: 2,
		prepare: (net) => net.lp(2, ...actions.register.args, '--yes'),
		async once(net) {
			assert.equal((await net.contract('BondingManager').getDelegator(address(net))).bondedAmount, 100n * LPT);
			assert.equal(await net.lpt(WHO), 9900n * LPT);
			assert.equal((await net.contract('BondingManager').getDelegator(net.accounts[2].address)).delegatedAmount, 200n * LPT);
		},
	},
	'token transfer': {
		args: (net) => ['token', 'transfer', net.accounts[9].address, '5 LPT'], nonces: 1,
		async once(net) {
			assert.equal(await net.lpt(WHO), 9995n * LPT);
			assert.equal(await net.lpt(9), 10005n * LPT);
		},
	},
	deposit: {
		args: ['deposit', '1 ETH'], nonces: 1,
		async once(net) {
			assert.equal(await net.contract('JobsManager').broadcasters(address(net)), ETH);
			assert.equal(await events(net, 'JobsManager', 'Deposit'), 1);
		},
	},
	'initialize-round': {
		args: ['initialize-round'], nonces: 1, again: /initialised already/,
		prepare: (net) => net.nextRound(1, null),
		async once(net) {
			assert.equal(await net.contract('RoundsManager').currentRoundInitialized(), true);
		},
	},
	reward: {
		args: ['reward'], nonces: 1, again: /called for round \d+ already/,
		async prepare(net) {
			await net.lp(WHO, ...actions.register.args, '--yes');
			await net.nextRound();
		},
		async once(net) {
			assert.equal(await events(net, 'BondingManager', 'Reward'), 1);
		},
	},
};
const NAMES = Object.keys(actions);

/* A devnet behind a proxy, on which the action can be done. */
async function stage(t, name) {
	const net = await Devnet.start(t);

	/* Round 1 is nearly over: rates are locked. */
	await net.nextRound();
	await actions[name].prepare?.(net);
	/* The chain is known: what a lone endpoint says at the first contact of all is believed and pinned. */
	await net.lp(WHO, 'tx', 'list');
	const proxy = await RpcProxy.start(t, net.rpc);

	net.writeFile({ rpc: proxy.url });
	const action = { ...actions[name] };

	if (typeof action.args === 'function')
		action.args = action.args(net);
	return { net, proxy, action, before: await nonce(net) };
}

function type(t, net, action, ...more) {
	const words = action.args.findIndex((a) => /^-/.test(a));
	const at = words < 0 ? action.args.length : words;

	return t.spawn(program, [...action.args.slice(0, at), ...net.flags(WHO), ...action.args.slice(at), '--yes', ...more],
		{ env: { ...process.env, HOME: net.dir } });
}

/* As a person expects of any command: a code of cmd/cli.h and a line that says why. */
function assertClear(end) {
	assert.equal(end.signal, null, `${end.signal}: ${end.stderr}`);
	assert.ok(end.code >= 0 && end.code <= 5, `exit ${end.code}: ${end.stderr}`);
	assert.doesNotMatch(end.stderr, /Assertion|Sanitizer|runtime error|(^|\n)#\d+ 0x/);
	if (end.code !== 0)
		assert.match(end.stderr.trim().split('\n').at(-1), /^lpnode [a-z -]+: .{10,}/);
}

/* After `end`, all is well: typed again until it is told that it is done. */
async function assertEndsWell(t, { net, action, before }, end, { waits = false, gaps = false } = {}) {
	let told = end.code === 0;

	assertClear(end);
	for (let i = 0; i < 3 && !told; i++) {
		if (end.code === 5 && waits && action.nonces === 1) {
			end = await net.lp(WHO, 'tx', 'wait');
			told = true;
			continue;
		}
		end = await type(t, net, action).over;
		assertClear(end);
		told = end.code === 0 || (end.code === 3 && action.again?.test(end.stderr));
	}
	assert.ok(told, `typed again: exit ${end.code}: ${end.stderr}`);
	await net.lp(WHO, 'tx', 'wait');
	await action.once(net);
	if (!gaps)
		assert.equal(await nonce(net) - before, action.nonces);
	assert.deepEqual((await net.lp(WHO, 'tx', 'list', '-open', '--json')).json.transactions, []);
}

const asked = (proxy, n, child) => until(`request ${n}`, () => proxy.requests >= n || child.end, 60000, 2);

// ---- an endpoint that breaks ----

const honest = MODES.filter((m) => !FOOLING.includes(m));

for (const mode of sample(6, honest)) {
	const name = NAMES[below(NAMES.length)], at = below(requests(name)), waits = below(2) === 1;

	test(`${mode} at request ${at} of ${name}: done once`, async (t) => {
		const s = await stage(t, name);
		const child = type(t, s.net, s.action, ...(waits ? ['-waitTx', '2s'] : []));

		await asked(s.proxy, at, child);
		s.proxy.set(mode);
		await Promise.race([child.over, sleep(FAULT_MS)]);
		s.proxy.clear();
		const t0 = Date.now();
		/* What is to come of it takes its time too: three transactions, a slow machine. */
		const end = await Promise.race([child.over, sleep(RECOVERY_MS + 3000 * slow)]);

		assert.ok(end, `it goes on within 5 s: ${child.text()}`);
		note(`${mode} at ${at} of ${name}: exit ${end.code}, ${Date.now() - t0} ms after the fault${end.code ? `: ${end.stderr.trim().split('\n').at(-1)}` : ''}`);
		await assertEndsWell(t, s, end, { waits });
	});
}

test('what was done and could not be told is not done again', async (t) => {
	const s = await stage(t, 'deposit');
	const child = type(t, s.net, s.action);

	await until('it is sent', () => s.proxy.seen.eth_sendRawTransaction || child.end, 20000, 1);
	/* What it asks for when it is done, to tell what came of it. */
	const rule = s.proxy.set('timeout', { method: 'eth_call' });

	await until('it asks for the deposit', () => rule.hits > 0 || child.end, 20000, 5);
	child.kill('SIGKILL');
	assert.equal((await child.over).signal, 'SIGKILL');
	s.proxy.clear();
	const again = await type(t, s.net, s.action).over;

	assert.match(again.stdout, /#1 deposit 1 ETH was done before `lpnode deposit` was cut off: it is not sent again/);
	await assertEndsWell(t, s, again);
	/* Now it was told: who types it again wants it again. */
	await s.net.lp(WHO, ...s.action.args, '--yes');
	assert.equal(await s.net.contract('JobsManager').broadcasters(address(s.net)), 2n * ETH);
});

test('what was done of three transactions is not done again with the rest', async (t) => {
	const s = await stage(t, 'register');

	/* The third is not taken. */
	const child = type(t, s.net, s.action, '-waitTx', '2s');

	await until('the second is sent', () => s.proxy.seen.eth_sendRawTransaction === 2 || child.end, 20000, 1);
	s.proxy.set('pool_full');
	const end = await child.over;

	assert.equal(end.code, 5, end.stderr);
	s.proxy.clear();
	await assertEndsWell(t, s, end);
});

// ---- one that lies, beside one that does not ----

for (const [i, mode] of sample(2, FOOLING).entries())
	for (const first of long ? [true, false] : [below(2) === 1]) {
		const name = NAMES[(i + below(NAMES.length)) % NAMES.length];

		test(`${mode} of the ${first ? 'first' : 'second'} of two endpoints: ${name} is done once`, async (t) => {
			const s = await stage(t, name);

			s.net.writeFile({ rpc: first ? `${s.proxy.url},${s.net.rpc}` : `${s.net.rpc},${s.proxy.url}` });
			s.proxy.set(mode);
			const end = await type(t, s.net, s.action, '-waitTx', '4s').over;

			note(`${mode}: exit ${end.code} ${end.stderr.trim().split('\n').at(-1)}`);
			if (end.code === 0)
				await s.action.once(s.net);
			s.proxy.clear();
			await assertEndsWell(t, s, end, { gaps: mode === 'nonce_ahead' });
		});
	}

// ---- blocks that go away ----

for (const depth of sample(1, [1, 2, 3, 4, 5, 6, 7, 8])) {
	const name = ['deposit', 'register', 'bond'][below(3)];

	test(`${depth} blocks go away while ${name} waits: told, sent again, done once`, async (t) => {
		const s = await stage(t, name);

		await s.net.mine(10);
		const child = type(t, s.net, s.action, '-confirmations', String(depth + 2));

		await until('it is mined', () => /: mined, /.test(child.text()) || child.end, 20000, 5);
		if (depth > 1)
			await s.net.mine(depth - 1);
		await s.net.send('anvil_reorg', depth, []);
		await until('it says that it is sent again', () => /: mined, [^]*: sent, /.test(child.stderr_text?.() ?? child.text()) || child.end, RECOVERY_MS, 20);
		const timer = setInterval(() => s.net.mine().catch(() => {}), 300);

		t.after(() => clearInterval(timer));
		const end = await child.over;

		assert.equal(end.code, 0, end.stderr);
		await assertEndsWell(t, s, end);
	});
}

// ---- kill -9 ----

const kills = NAMES.flatMap((name) => Array.from({ length: requests(name) }, (_, k) => [name, k]));

for (const [name, k] of sample(5, kills)) {
	const twice = below(2) === 1;

	test(`${name} killed at request ${k}${twice ? ' and once more' : ''}: done once`, async (t) => {
		const s = await stage(t, name);

		for (let i = 0; i < 1 + twice; i++) {
			const child = type(t, s.net, s.action);

			await asked(s.proxy, s.proxy.requests + k, child);
			child.kill('SIGKILL');
			const end = await child.over;

			/* Too late: it was told. */
			if (end.signal === null)
				return assertEndsWell(t, s, end);
		}
		return assertEndsWell(t, s, await type(t, s.net, s.action).over);
	});
}

// ---- many transactions ----

async function emptyChain(t) {
	const chain = await start_chain();
	const dir = t.dir();
	const deployer = chain.account('deployer');

	t.after(() => chain.stop());
	await chain.fund(deployer.address, 10000n * ETH);
	fs.writeFileSync(path.join(dir, 'key.json'), encryptKeystoreJsonSync({ address: deployer.address, privateKey: deployer.privateKey },
		PASSWORD, { scrypt: { N: 4096, r: 8, p: 1 } }), { mode: 0o600 });
	fs.writeFileSync(path.join(dir, 'password'), PASSWORD, { mode: 0o600 });
	return { chain, dir, deployer };
}

for (const mode of sample(1, ['close_after', 'timeout_after', 'stale_head', '429', 'already_known', 'swallowed', 'wrong_id', 'receipt_missing'])) {
	const at = below(200);

	test(`${mode} at request ${at} of a deployment: each contract is made once`, async (t) => {
		const { chain, dir, deployer } = await emptyChain(t);
		const proxy = await RpcProxy.start(t, chain.url);
		const args = ['deploy', '-ethUrl', proxy.url, '-ethKeystorePath', path.join(dir, 'key.json'), '-ethPasswordFile',
			path.join(dir, 'password'), '-datadir', path.join(dir, 'lp'), '-profile', 'devnet', '--yes', '--json'];
		const child = t.spawn(program, args);

		await asked(proxy, at, child);
		proxy.set(mode);
		await Promise.race([child.over, sleep(FAULT_MS)]);
		proxy.clear();
		let end = await child.over;

		assertClear(end);
		note(`${mode}: exit ${end.code}`);
		for (let i = 0; i < 3 && end.code !== 0; i++)
			end = await run(program, args, { anyCode: true });
		assert.equal(end.code, 0, end.stderr);
		assert.equal(Number(await chain.rpc('eth_getTransactionCount', deployer.address, 'latest')), await chain.block());
		assert.notEqual(await chain.rpc('eth_getCode', JSON.parse(end.stdout).controller, 'latest'), '0x');
	}, { limitS: long ? 300 : 120 });
}
