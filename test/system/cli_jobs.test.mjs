// Jobs, claims, verification and slashes from the command line: what it says is compared with
// what the chain has.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { concat, keccak256, solidityPacked, toUtf8Bytes } from 'ethers';
import { split } from '../contracts/lib/jobs.mjs';
import { make_receipt, multiproof, receipt_tree, sign } from '../contracts/lib/eip712.mjs';
import { parallel, test } from './lib/harness.mjs';
import { BROADCASTER, ETH, FINDER, GWEI, JobsNet, LPT, PRICE, STRANGER, STREAM, TRANSCODERS } from './lib/jobs.mjs';

parallel(4);

const wei = (s) => BigInt(s);
const claimOf = (w, job, i, id = 0) => w.jobs.getClaim(job.jobId, w.net.accounts[i].address, id);
const addr = (w, i) => w.net.accounts[i].address;

/* A claim of transcoder i by the command line, whose challenge is known. */
async function claim(w, job, i, first = 100, n = 40) {
	const receipts = w.receipts(job.jobId, i, first, n);
	const file = w.file(`receipts-${job.jobId}-${i}-${first}.jsonl`, receipts);
	const made = await w.json(i, 'claim', 'create', String(job.jobId), '--receipts', file);

	await w.net.mine(2);
	return { ...made, file, receipts };
}

const packed = (first, n) => `0x${BigInt(first).toString(16).padStart(16, '0')}${n.toString(16).padStart(8, '0')}`;

test('a job from the deposit to the last wei', async (t) => {
	const w = await JobsNet.start(t);

	// The deposit.
	assert.equal((await w.json(BROADCASTER, 'deposit', '2', 'ETH')).deposit, String(2n * ETH));
	assert.equal(await w.jobs.broadcasters(addr(w, BROADCASTER)), 2n * ETH);
	assert.equal(await w.net.chain.balance(w.jobs), 2n * ETH);

	// The job.
	const job = await w.job({ deposit: '0.5 ETH' });
	const on = await w.jobs.getJob(job.jobId);
	const fee = 40n * PRICE;	// (426 x 240 + 640 x 360) x 30 a second x 4 s, in millions: 39.9

	assert.equal(on.broadcaster, addr(w, BROADCASTER));
	assert.equal(on.units, 40n);
	assert.equal(on.escrow, ETH);
	assert.deepEqual([job.units, wei(job.segmentFee), wei(job.pricePerMinute)], [40, fee, 15n * fee]);
	assert.equal(wei(job.deposit), 3n * ETH / 2n);
	assert.equal(Number(on.endBlock), job.endBlock);

	const show = await w.json(BROADCASTER, 'job', 'show', '1');
	const [seed, ranked] = await w.jobs.getElection(1);

	assert.equal(show.seed, seed);
	assert.deepEqual(show.election.map((e) => e.transcoder), [...ranked]);
	assert.deepEqual([show.status, show.seedState, show.streamId], ['active', 'recent', STREAM]);
	assert.deepEqual(show.renditions.map((r) => [r.width, r.height, r.milliFps]), [[426, 240, 30000], [640, 360, 30000]]);
	const list = await w.json(BROADCASTER, 'job', 'list');

	assert.deepEqual(list.jobs.map((j) => [j.jobId, j.escrow]), [[1, String(ETH)]]);

	// The claim.
	const by = job.ranked[0];
	const made = await claim(w, job, by);
	const k = await claimOf(w, job, by);

	assert.equal(made.claimId, 0);
	assert.equal(k.segments, 40n);
	assert.equal(k.fees, 40n * fee);
	assert.equal(wei(made.fees), 40n * fee);
	assert.equal((await w.jobs.getJob(1)).escrow, ETH - 40n * fee);

	const [row] = (await w.json(STRANGER, 'claims', '1')).claims;
	const [, challenged] = await w.jobs.getChallenges(1, addr(w, by), 0, packed(100, 40));

	assert.deepEqual(row.challenged, [...challenged].map(String));
	assert.deepEqual(row.unverified, row.challenged);
	assert.equal(row.phase, 'unverified');
	const [verifyUntil, slashUntil, payableFrom] = await w.jobs.claimDeadlines(1, addr(w, by), 0);

	assert.deepEqual([row.verifyUntil, row.slashUntil, row.payableFrom], [verifyUntil, slashUntil, payableFrom].map(Number));

	// Verified by what the drawn signed, in batches of five.
	const draws = await w.json(STRANGER, 'claim', 'draws', '1', '0', '--receipts', made.file, '--batch', '5',
		'--transcoder', addr(w, by));
	const verdicts = w.file('verdicts.jsonl', draws.batches.flatMap((b) => w.verdicts(job, 0, by, draws.draws, b)));
	const verified = await w.json(by, 'verify', '1', '0', '--receipts', made.file, '--verdicts', verdicts, '--batch', '5');

	assert.equal(verified.batches.length, Math.ceil(challenged.length / 5));
	assert.deepEqual(verified.batches.map((b) => b.verdict), verified.batches.map(() => 'PASS'));
	const after = await claimOf(w, job, by);

	assert.equal(Number(after.verified), challenged.length);
	const forVerifiers = BigInt(challenged.length) * fee * 3n / 10n;

	assert.equal(after.fees, 40n * fee - forVerifiers);
	await w.refused(3, 'there is nothing to verify of claim 0', by, 'verify', '1', '0', '--receipts', made.file);

	// Paid.
	await w.refused(3, ['claim 0 cannot be paid now', `payable from block ${payableFrom}`], STRANGER, 'distribute-fees', '1', '0',
		'--transcoder', addr(w, by));
	await w.net.mine(75);
	await w.net.nextRound();
	const paid = await w.json(STRANGER, 'distribute-fees', '1', 'all', '--transcoder', addr(w, by));

	assert.equal(wei(paid.fees), after.fees);
	assert.equal(wei(paid.paid[0].delegatorsFees), after.fees / 2n);
	assert.equal((await claimOf(w, job, by)).status, 3n);
	assert.ok(await w.bonding.pendingFees(addr(w, by), 0) >= after.fees - 2n, 'all of it is its own: nobody else is bonded to it');
	await w.refused(3, 'there is nothing to pay on job 1', STRANGER, 'distribute-fees', '1', 'all', '--transcoder', addr(w, by));
	assert.equal((await w.json(STRANGER, 'claims', '1', addr(w, by))).claims[0].phase, 'paid');

	// The end, and all that is left.
	const ended = await w.json(BROADCASTER, 'job', 'end', '1');

	assert.equal(Number((await w.jobs.getJob(1)).endBlock), ended.endBlock);
	await w.refused(3, 'ended with block', BROADCASTER, 'job', 'end', '1');
	await w.refused(3, ['is not over', String(ended.claimsUntil)], BROADCASTER, 'job', 'refund', '1');
	await w.net.mine(101);
	assert.equal(wei((await w.json(STRANGER, 'job', 'refund', '1')).refunded), ETH - 40n * fee);
	await w.refused(3, 'nothing is left', STRANGER, 'job', 'refund', '1');
	await w.refused(3, 'is over', BROADCASTER, 'job', 'topup', '1', '0.1');
	const before = await w.net.balance(BROADCASTER);
	const back = await w.json(BROADCASTER, 'withdraw-deposit');
	const all = 5n * ETH / 2n - 40n * fee;

	assert.equal(wei(back.withdrawn), all);
	assert.equal(await w.net.balance(BROADCASTER), before + all - wei(back.transactions[0].cost));
	await w.refused(3, 'the deposit is empty', BROADCASTER, 'withdraw-deposit');
	// Nothing of a wei is lost: what is still held is owed to verifiers.
	assert.equal(await w.net.chain.balance(w.jobs) + await w.net.chain.balance(w.verifier), forVerifiers);
}, { limitS: 120 });

test('what cannot be is told before anything is sent', async (t) => {
	const w = await JobsNet.start(t);
	const spent = async () => [await w.net.balance(BROADCASTER), await w.net.balance(1), await w.net.balance(2), await w.net.balance(3)];
	const create = (...more) => ['job', 'create', '--price', '10 gwei', '--escrow', '1 ETH', '--streamId', STREAM, ...more];

	await w.refused(2, 'price AMOUNT is missing', BROADCASTER, 'job', 'create', '--escrow', '1 ETH');
	await w.refused(2, 'escrow AMOUNT is missing', BROADCASTER, 'job', 'create', '--price', '1 gwei');
	await w.refused(2, 'is no amount of ETH', BROADCASTER, 'job', 'create', '--price', '1 LPT', '--escrow', '1');
	await w.refused(2, 'no preset "P999"', BROADCASTER, ...create('--transcodingOptions', 'P999'));
	await w.refused(2, 'write it like 1920x1080@30', BROADCASTER, ...create('--source', '1080p'));
	await w.refused(2, 'give one of them', BROADCASTER, ...create('--blocks', '5', '--endBlock', '900'));
	await w.refused(2, 'no later than the job\'s own block', BROADCASTER, ...create('--endBlock', '7'));
	await w.refused(3, ['needs 1 ETH more than the deposit of 0 ETH', '--deposit "1 ETH"'], BROADCASTER, ...create());
	await w.refused(2, 'nothing to deposit', BROADCASTER, 'deposit', '0');
	await w.refused(3, 'the deposit is empty', BROADCASTER, 'withdraw-deposit');
	await w.refused(3, 'there is no job 1', STRANGER, 'job', 'show', '1');
	await w.refused(2, 'is no number of a job', STRANGER, 'job', 'show', 'mine');

	const nobody = await w.lp(BROADCASTER, ...create('--deposit', '1 ETH').map((a) => a === '10 gwei' ? '1 gwei' : a), { code: 2 });

	assert.match(nobody.stdout, /NOBODY is eligible at this price: the lowest asked for is 3\.333333 gwei a unit/);
	assert.equal(await w.jobs.numJobs(), 0n);

	const job = await w.job();
	const [first, second, last] = job.ranked;
	const receipts = w.receipts(1, first, 100, 40);	// of so many one is challenged but once in 10^7
	const file = w.file('r.jsonl', receipts);
	const alter = (name, f) => w.file(name, receipts.map((r, i) => i === 3 ? f({ ...r }) : r));
	const money = await spent();
	const start = (...args) => ['claim', 'create', '1', '--receipts', ...args];

	await w.refused(2, 'receipts FILE is missing', first, 'claim', 'create', '1');
	await w.refused(2, /no-such.jsonl: No such file/, first, ...start('no-such.jsonl'));
	await w.refused(2, 'line 4: sequence: not a number', first, ...start(alter('a', (r) => ({ ...r, sequence: -1 }))));
	await w.refused(2, 'line 4: dataHash: not 0x and 64 hex digits', first, ...start(alter('b', (r) => ({ ...r, dataHash: '0x12' }))));
	await w.refused(2, 'sequence 102 stands in it twice', first, ...start(alter('c', (r) => ({ ...r, sequence: '102' }))));
	await w.refused(3, 'segment 103: broadcasterSig', first, ...start(alter('d', (r) => ({ ...r, durationMs: 1999 }))));
	await w.refused(3, 'segment 103: transcoderSig', first, ...start(alter('e', (r) => ({ ...r, transcodedHash: r.dataHash }))));
	await w.refused(3, 'segment 103 lasts 4001 ms, the job\'s longest is 4000', first,
		...start(alter('f', (r) => ({ ...r, durationMs: 4001 }))));
	await w.refused(3, ['you have rank 1', addr(w, first), '--fallback'], second, ...start(w.file('s', w.receipts(1, second, 100, 3))));
	await w.refused(3, 'you are not eligible for job 1', STRANGER, ...start(file));
	await w.refused(2, 'not 0x and 148 hex digits', last, ...start(file, '--fallback', '0x01'));
	await w.refused(3, 'not yours to end', STRANGER, 'job', 'end', '1');
	await w.refused(3, 'is not yours', STRANGER, 'job', 'topup', '1', '1');
	await w.refused(3, 'no claim 0 of this transcoder', first, 'verify', '1', '0', '--receipts', file);
	await w.refused(3, 'nothing to pay', first, 'distribute-fees', '1', 'all');
	await w.refused(3, 'it has made no claim', FINDER, 'slash', 'refute-election', '1', addr(w, first));
	await w.refused(3, 'nothing to show', FINDER, 'slash', 'missed-reward', addr(w, first));
	await w.refused(2, 'write them like 5-7', FINDER, 'slash', 'missed-reward', addr(w, first), 'seven');
	assert.deepEqual(await spent(), money, 'nothing was sent');

	// Receipts that were not claimed do not verify; the escrow is as large as it is.
	const made = await claim(w, job, first, 100, 40);

	await w.refused(3, 'no receipt of sequence 139', first, 'verify', '1', '0', '--receipts', w.file('g', receipts.slice(0, 39)));
	const others = w.receipts(1, first, 100, 40);

	others[0] = w.receipts(1, first, 100, 1, 'b'.repeat(72))[0];
	await w.refused(3, 'their tree has another root', first, 'verify', '1', '0', '--receipts', w.file('h', others));
	await w.refused(3, 'nothing is left to claim', first, ...start(made.file));
	await w.refused(3, 'may still be verified until', FINDER, 'slash', 'missed-verification', '1', addr(w, first), '0');

	const poor = await w.job({ escrow: '800 gwei', deposit: '800 gwei' });
	const rest = w.file('poor', w.receipts(poor.jobId, poor.ranked[0], 7, 3));

	await w.refused(3, ['3 segments cost 1200 gwei, the job\'s escrow has 800 gwei', '--max 2'], poor.ranked[0], 'claim', 'create',
		String(poor.jobId), '--receipts', rest);
	assert.equal((await w.json(poor.ranked[0], 'claim', 'create', String(poor.jobId), '--receipts', rest, '--max', '2')).segments, 2);
	assert.equal((await w.jobs.getJob(poor.jobId)).escrow, 0n);
	// One that takes no more part.
	await w.json(second, 'job', 'end', String(poor.jobId));
	assert.equal((await w.jobs.progress(poor.jobId, addr(w, second))).relinquished, true);
}, { limitS: 120 });

test('the broadcaster\'s word lets the next one in; a claim without statements waits for verdicts', async (t) => {
	const w = await JobsNet.start(t);
	const job = await w.job();
	const second = job.ranked[1];
	const word = (rank, who) => `0x0${rank}${(100).toString(16).padStart(16, '0')}${sign(w.wallets[BROADCASTER], w.jobs, 'Fallback',
		{ jobId: 1, rank, transcoder: addr(w, who), fromSequence: 100 }).slice(2)}`;
	const file = w.file('r.jsonl', w.receipts(1, second, 90, 40));

	await w.refused(2, '-fallback: ', second, 'claim', 'create', '1', '--receipts', file, '--fallback',
		word(1, job.ranked[2]));
	const made = await w.json(second, 'claim', 'create', '1', '--receipts', file, '--fallback', word(1, second));

	assert.deepEqual([made.segments, made.rank], [30, 1]);
	assert.equal((await w.jobs.progress(1, addr(w, second))).rank, 1n);
	await w.refused(3, 'its election holds', FINDER, 'slash', 'refute-election', '1', addr(w, second));
	await w.refused(3, 'wait for', second, 'verify', '1', '0', '--receipts', file);
	await w.net.mine(2);

	const draws = await w.json(second, 'claim', 'draws', '1', '0', '--receipts', file);
	const lines = (options) => draws.batches.flatMap((b) => w.verdicts(job, 0, second, draws.draws, b, options));
	const verify = (...args) => ['verify', '1', '0', '--receipts', file, ...args];

	await w.refused(3, 'has 1 signatures over the batch', second, ...verify('--verdicts', w.file('v1', lines({ n: 1 }))));
	await w.refused(3, 'did not answer PASS on every segment', second, ...verify('--verdicts', w.file('v2', lines({ answers: 1n }))));
	await w.refused(3, /draw \d+: .*0x/, second, ...verify('--verdicts', w.file('v3', lines({}).map((l) => ({ ...l, salt: l.work })))));
	await w.refused(2, 'give one of them', second, ...verify('--verdicts', 'x', '--statements', 'y'));
	await w.refused(2, 'line 1: k: missing', second, ...verify('--statements', w.file('v4', [{ work: draws.batches[0].work }])));

	const said = await w.json(second, ...verify('--statements', w.file('s', lines({ stored: true }))));

	assert.deepEqual(said.batches.map((b) => b.verdict), ['awaited']);
	const [row] = (await w.json(second, 'claims', '1')).claims;

	assert.deepEqual([row.phase, row.verdictsAwaited], ['judged', true]);
	assert.equal(row.verified, row.challenged.length);
}, { limitS: 120 });

test('finders: a missed verification, a false election, missed rewards', async (t) => {
	const w = await JobsNet.start(t, { parameters: { BondingManager: { missedRewardRounds: 2 }, JobsManager: { slashingPeriod: 120 } } });
	const job = await w.job({ blocks: 150 });
	const [first, second] = job.ranked;
	const stake = (i) => w.bonding.transcoderTotalStake(addr(w, i));
	const found = async (i, perc, ...args) => {
		const [had, lpt] = [await stake(i), await w.net.lpt(FINDER)];
		const said = await w.json(FINDER, 'slash', ...args);
		const taken = had * BigInt(perc) / 1000000n;

		assert.equal(had - await stake(i), taken, args[0]);
		assert.equal(wei(said.taken), taken);
		assert.equal(wei(said.finderReward), taken / 20n);
		assert.equal(await w.net.lpt(FINDER) - lpt, taken / 20n, 'the finder\'s part');
		return said;
	};

	// Who is not elected claims behind the command's back.
	const seg = { jobId: 1, streamId: STREAM, sequence: 1, durationMs: 2000, dataHash: `0x${'01'.repeat(32)}`, transcodedHash: `0x${'02'.repeat(32)}` };
	const tree = receipt_tree([make_receipt(w.jobs, w.wallets[BROADCASTER], w.wallets[second], seg)]);
	const [seed] = await w.jobs.getElection(1);

	await (await w.jobs.connect(w.net.signer(second)).claimWork(1, packed(1, 1), tree.root, seed, '0x')).wait();
	const escrow = (await w.jobs.getJob(1)).escrow;

	await found(second, 50000, 'refute-election', '1', addr(w, second));
	assert.equal((await w.jobs.progress(1, addr(w, second))).refuted, true);
	assert.equal((await w.jobs.getJob(1)).escrow, escrow + 40n * PRICE);
	await w.refused(3, 'was refuted already', FINDER, 'slash', 'refute-election', '1', addr(w, second));
	await w.refused(3, 'it has made no claim', FINDER, 'slash', 'refute-election', '1', addr(w, first));
	assert.equal((await w.json(FINDER, 'claims', '1')).claims[0].void, 'another is elected');

	// A claim of which only a part is verified.
	const made = await claim(w, job, first);
	const draws = await w.json(first, 'claim', 'draws', '1', '0', '--receipts', made.file, '--batch', '2');
	const some = w.file('some', w.verdicts(job, 0, first, draws.draws, draws.batches[0]));
	const wanted = draws.batches[0].sequences.map(Number);

	assert.ok(draws.batches.length > 1);
	await w.refused(3, 'has 0 signatures over the batch', first, 'verify', '1', '0', '--receipts', made.file, '--verdicts', some,
		'--batch', '3');
	const openings = fs.readFileSync(some, 'utf8').trim().split('\n').map(JSON.parse);

	await verifyFirst(w, first, made, wanted, openings);
	const [verifyUntil] = await w.jobs.claimDeadlines(1, addr(w, first), 0);

	await w.net.chain.next_is(verifyUntil + 1n);
	await w.net.nextRound();
	const [row] = (await w.json(FINDER, 'claims', '1', addr(w, first))).claims;

	assert.deepEqual([row.phase, row.verified], ['missed', wanted.length]);
	const missed = await found(first, 100000, 'missed-verification', '1', addr(w, first), '0');

	assert.equal(missed.sequence, row.unverified[0]);
	assert.equal((await claimOf(w, job, first)).status, 2n);
	await w.refused(3, 'nothing was missed on claim 0', FINDER, 'slash', 'missed-verification', '1', addr(w, first), '0');

	// Nobody called reward.
	await w.net.nextRound(2);
	const third = TRANSCODERS.find((i) => i !== first && i !== second);
	const said = await found(third, 30000, 'missed-reward', addr(w, third));

	assert.equal(said.rounds.length, 2);
	assert.equal((await w.bonding.getTranscoderInfo(addr(w, third))).missedRewards, 2n);
	await w.refused(3, 'nothing to show', FINDER, 'slash', 'missed-reward', addr(w, STRANGER));
}, { limitS: 120 });

test('a claim whose challenge nobody sealed goes back to the escrow', async (t) => {
	const w = await JobsNet.start(t);
	const job = await w.job({ blocks: 20 });
	const by = job.ranked[0];

	await claim(w, job, by, 100, 5);
	await w.refused(3, 'claim 0 is not void of itself', STRANGER, 'claim', 'void', '1', addr(w, by), '0');
	await w.net.mine(8200);
	assert.equal((await w.json(STRANGER, 'claims', '1')).claims[0].phase, 'lost');
	await w.refused(3, 'there is nothing to verify', by, 'verify', '1', '0', '--receipts', w.file('r', w.receipts(1, by, 100, 5)));
	assert.equal(wei((await w.json(STRANGER, 'claim', 'void', '1', addr(w, by), '0')).refunded), 200n * PRICE);
	assert.equal((await w.jobs.getJob(1)).escrow, ETH);
	assert.equal((await w.json(STRANGER, 'claims', '1')).claims[0].void, 'its challenge block was never sealed');
}, { limitS: 120 });

/* The first batch alone is verified, by ethers. */
async function verifyFirst(w, by, made, wanted, openings) {
	const event = (await w.jobs.queryFilter(w.jobs.filters.NewJob))[0].args;
	const details = { streamIdHash: keccak256(toUtf8Bytes(STREAM)), optionsHash: keccak256(event.options), maxSegmentMs: 4000,
		plantCommitment: `0x${'00'.repeat(32)}`, broadcaster: addr(w, BROADCASTER), segmentFee: 40n * PRICE };
	const tree = receipt_tree(made.receipts.map((r) => make_receipt(w.jobs, w.wallets[BROADCASTER], w.wallets[by],
		{ ...r, jobId: 1, streamId: STREAM })));
	const { proof, flagBits, flagCount } = multiproof(tree, wanted.map((s) => s - 100));
	const bytes = concat(openings.map((o) => solidityPacked(['uint16', 'uint128', 'bytes32', 'bytes32', 'bytes'],
		[o.k, o.answers, o.workHash, o.salt, o.signature])));
	const segments = wanted.map((s) => made.receipts[s - 100]).map((r) => ({ ...r, broadcasterSig: split(r.broadcasterSig),
		transcoderSig: split(r.transcoderSig) }));

	await (await w.jobs.connect(w.net.signer(by)).verifyWithVerdicts({ jobId: 1, transcoder: addr(w, by), claimId: 0 }, segments,
		{ details, ranges: packed(100, made.receipts.length), root: tree.root, proof, flagBits, flagCount }, bytes)).wait();
}
