// lpnode transcoders: the table by which a delegator decides, compared with what the chain has;
// and how many requests it takes for a pool of 500.
import assert from 'node:assert/strict';
import { note, parallel, test } from './lib/harness.mjs';
import { Devnet, LPT } from './lib/devnet.mjs';
import { BROADCASTER, JobsNet } from './lib/jobs.mjs';
import { RpcProxy } from './lib/rpc_proxy.mjs';
import { crowd } from './lib/crowd.mjs';

parallel(3);

const bonding = (net) => net.contract('BondingManager');
const table = async (net, ...args) => (await net.lp(null, 'transcoders', ...args, '--json')).json;

async function register(net, i, amount, cut = '10%', price = '20 gwei') {
	await net.lp(i, 'transcoder', 'register', '-rewardCut', cut, '-feeShare', '50%', '-price', price, '-bond', String(amount), '--yes');
}

test('rows say what the chain says, with jobs and services from its logs', async (t) => {
	const w = await JobsNet.start(t), { net } = w;
	const job = await w.job();
	const by = job.ranked[0];

	for (const [first, n] of [[100, 30], [200, 10]])
		await w.json(by, 'claim', 'create', String(job.jobId), '--receipts', w.file(`r${first}`, w.receipts(job.jobId, by, first, n)));
	await net.lp(by, 'service-uri', 'old.example.org:8935', '--yes');
	await net.lp(by, 'service-uri', 'https://t.example.org:8935', '--yes');
	const got = await table(net);

	assert.deepEqual(got.transcoders.map((r) => r.address), [3, 2, 1].map((i) => net.accounts[i].address), 'by stake');
	for (const [k, r] of got.transcoders.entries()) {
		const i = await bonding(net).getTranscoderInfo(r.address);

		assert.equal(r.rank, k + 1);
		assert.deepEqual([BigInt(r.stake), BigInt(r.selfStake), BigInt(r.price)], [i.stake, i.selfStake, i.price]);
		assert.deepEqual([r.rewardCut, r.feeShare, r.lastRewardRound, r.missedRewards, r.slashes].map(BigInt),
			[i.rewardCut, i.feeShare, i.lastRewardRound, i.missedRewards, i.slashes]);
		assert.deepEqual([r.active, r.inPool, r.available], [i.active, i.inPool, i.available]);
		const mine = r.address === net.accounts[by].address;

		assert.deepEqual([r.jobs, r.segments, r.segmentsPerJob], mine ? [1, 40, 40] : [0, 0, 0]);
		assert.equal(r.serviceURI, mine ? 'https://t.example.org:8935' : '');
	}
	assert.deepEqual([got.poolSize, got.poolMax, got.waiting], [3, 10, 0]);
	assert.equal(BigInt(got.nextActiveStake), await bonding(net).nextRoundTotalActiveStake());

	// In the order that is asked for: account 3 is the cheapest, 1 the dearest.
	assert.equal((await table(net, '--sort', 'price')).transcoders[0].address, net.accounts[3].address);
	assert.equal((await table(net, '--sort', 'jobs')).transcoders[0].address, net.accounts[by].address);
	assert.equal((await table(net, '--sort', 'segments')).transcoders[0].address, net.accounts[by].address);
	const end = await net.lp(null, 'transcoders', '--sort', 'size', { code: 2 });

	assert.match(end.stderr, /--sort cannot be "size": write stake, yield, cut/);

	// An endpoint that keeps no logs of so long ago.
	const proxy = await RpcProxy.start(t, net.rpc);

	proxy.set('logs_range_limit', { blocks: 10 });
	net.writeFile({ rpc: proxy.url });
	const without = await table(net);

	assert.deepEqual([without.claimsKnown, without.servicesKnown], [false, false]);
	assert.deepEqual(without.transcoders.map((r) => [r.jobs, r.segments, r.serviceURI]), Array(3).fill([null, null, null]));
	assert.deepEqual(without.transcoders.map((r) => r.stake), got.transcoders.map((r) => r.stake));
	const { stdout } = await net.lp(null, 'transcoders');

	assert.match(stdout, /jobs and segments are not known: the endpoint gives no logs of so long ago/);
	assert.match(stdout, / \?  .* \?\n/);
});

test('the yield that is told is what stake gets', async (t) => {
	const net = await Devnet.start(t);

	await net.nextRound();
	await register(net, 1, 1000, '10%');
	await register(net, 2, 3000, '50%');
	await net.lp(3, 'bond', '100', '--to', '#1', '--yes');
	await net.lp(4, 'bond', '100', '--to', '#2', '--yes');
	const { transcoders, roundsPerYear, blockMs } = await table(net);
	const row = (i) => transcoders.find((r) => r.address === net.accounts[i].address);

	assert.equal((await table(net, '--sort', 'yield')).transcoders[0].address, net.accounts[1].address, 'the smaller cut');
	assert.equal((await table(net)).transcoders[0].address, net.accounts[2].address);
	await net.nextRound();
	for (const i of [1, 2]) {
		await net.lp(i, 'reward', '--yes');
		const earned = BigInt((await net.lp(i + 2, 'delegator', '--json')).json.earned);
		const told = 100n * LPT * BigInt(row(i).yieldPerRound) / 10n ** 12n;
		const off = earned > told ? earned - told : told - earned;

		// Inflation moves by 0.0003 points of 0.04 a round.
		assert.ok(earned > 0n && off * 50n < told, `${i}: ${told} was told, ${earned} earned`);
		const year = BigInt(row(i).yieldPerRound) * BigInt(roundsPerYear) / 10n ** 6n;

		assert.ok(BigInt(row(i).yieldPerYear) >= year && BigInt(row(i).yieldPerYear) < year + year / 100n);
	}
	assert.equal(roundsPerYear, Math.floor(31557600000 / (50 * blockMs)));
	assert.ok(!/NaN|inf|e\+/.test((await net.lp(null, 'transcoders')).stdout));
});

test('who waits is shown with --all, and so is what was announced', async (t) => {
	const net = await Devnet.start(t, { parameters: { BondingManager: { numActiveTranscoders: 2 } } });

	const none = await net.lp(null, 'transcoders');

	assert.match(none.stdout, /^none\n/);
	assert.match(none.stdout, /0 of 2 places in the pool are taken, 0 wait\./);
	await net.nextRound();
	for (const [i, amount] of [[1, 300], [2, 200], [3, 100]])
		await register(net, i, amount);
	const short = await table(net), all = await table(net, '--all');

	assert.deepEqual(short.transcoders.map((r) => r.rank), [1, 2]);
	assert.deepEqual(all.transcoders.map((r) => r.address), [1, 2, 3].map((i) => net.accounts[i].address));
	assert.deepEqual([all.poolSize, all.waiting, all.transcoders[2].inPool], [2, 1, false]);
	assert.match((await net.lp(null, 'transcoders')).stdout, /2 of 2 places in the pool are taken, 1 wait \(--all\)/);
	// Drawn for sure, being alone on the list.
	assert.equal(BigInt(all.transcoders[2].yieldPerRound), BigInt(all.nextTokens) * 900000n * 10n ** 6n / (600n * LPT));
	await net.nextRound();
	assert.deepEqual((await table(net)).transcoders.map((r) => [r.rank, r.active]), [[1, true], [2, true], [3, true]], 'drawn');
	await net.lp(1, 'transcoder', 'update', '-rewardCut', '30%', '--yes');
	const later = (await table(net)).transcoders[0];

	assert.deepEqual([later.rewardCut, later.laterRewardCut, later.laterRound], [100000, 300000, 5]);
	assert.match((await net.lp(null, 'transcoders')).stdout, /10%\*.*\n[^]*\*: worse rates have been announced/);
});

test('a pool of 500 takes no more requests than a small one', async (t) => {
	const net = await Devnet.start(t);

	await net.nextRound();
	const who = await crowd(net, 500);
	const proxy = await RpcProxy.start(t, net.rpc);

	net.writeFile({ rpc: proxy.url });
	const t0 = performance.now();
	const got = await table(net);
	const ms = Math.round(performance.now() - t0);

	note(`transcoders, pool of 500: ${ms} ms, ${proxy.requests} requests`);
	assert.ok(proxy.requests <= 5, `connecting included: ${proxy.requests}\n${proxy.text()}`);
	assert.equal(got.transcoders.length, 500);
	assert.deepEqual(got.transcoders.map((r) => r.address), [...who].reverse(), 'by stake');
	assert.deepEqual(got.transcoders.map((r) => r.rewardCut), who.map((_, i) => 1000 * i).reverse());
	assert.equal(got.transcoders.reduce((a, r) => a + BigInt(r.stake), 0n), await bonding(net).nextRoundTotalActiveStake());
});
