// What operators and voters type: protocol, round, initialize-round, seal; transcoder, availability,
// reward, service-uri; propose, vote, queue, execute.  What the chain says afterwards is asked by
// ethers, not taken from what was printed.
import assert from 'node:assert/strict';
import { LPT, Devnet } from './lib/devnet.mjs';
import { parallel, test } from './lib/harness.mjs';

// Each has a chain of its own, and waits for it most of the time.
parallel(6);

const RATES = ['-rewardCut', '10%', '-feeShare', '50%', '-price', '20 gwei'];
const GWEI = 10n ** 9n;

/* lpnode refuses: exit code and words on standard error. */
async function refuses(net, i, args, code, ...words) {
	const before = await net.block();
	const end = await net.lp(i, ...args, { code });

	for (const w of words)
		assert.match(end.stderr, w);
	assert.equal(end.stderr.trim().split('\n').filter((l) => l.startsWith('lpnode')).length, 1, 'one line says it');
	assert.equal(await net.block(), before, 'nothing was sent');
}

const register = (net, i, amount, ...more) => net.lp(i, 'transcoder', 'register', ...RATES, '-bond', amount, '--yes', ...more);
const bonding = (net) => net.contract('BondingManager');
const info = (net, i) => bonding(net).getTranscoderInfo(net.accounts[i].address);
const entry = (net, i, round) => bonding(net).entryAt(net.accounts[i].address, round);

/* In the second block of round 2: most of round 1 went by with the deployment. */
async function start(t, options) {
	const net = await Devnet.start(t, options);

	await net.nextRound();
	return net;
}

/* All LPT there are, wherever they lie. */
async function lpt_everywhere(net) {
	const token = net.contract('LivepeerToken');
	const held = await Promise.all([...net.accounts.map((a) => a.address), ...Object.values(net.contracts), net.deployer.address]
		.map((a) => token.balanceOf(a)));

	assert.equal(held.reduce((a, b) => a + b, 0n), await token.totalSupply(), 'every LPT is somewhere');
}

test('protocol tells each parameter as the contracts have it', async (t) => {
	const net = await Devnet.start(t);
	const { json } = await net.lp(null, 'protocol', '--json');
	const value = (name) => BigInt(json.parameters.find((p) => p.name === name).value);
	const [rounds, minter, jobs, governor] = ['RoundsManager', 'Minter', 'JobsManager', 'LivepeerGovernor'].map((n) => net.contract(n));
	const verifier = await net.contract('Verifier').parameters();

	for (const [contract, names] of [[rounds, ['roundLength', 'roundLockAmount']],
		[minter, ['inflation', 'inflationChange', 'targetBondingRate', 'initializerShare']],
		[bonding(net), ['numActiveTranscoders', 'unbondingPeriod', 'slashablePeriod', 'minTranscoderStake', 'missedRewardSlashAmount',
			'missedRewardRounds', 'competitivenessTolerance', 'competitivenessGrace', 'competitivenessFloor', 'finderFee']],
		[jobs, ['verificationRate', 'verificationPeriod', 'slashingPeriod', 'claimPeriod', 'failedVerificationSlashAmount',
			'missedVerificationSlashAmount', 'verificationFailureThreshold', 'verifierFee']],
		[governor, ['votingDelay', 'votingPeriod', 'proposalThreshold']]]) {
		for (const name of names)
			assert.equal(value(name), BigInt(await contract[name]()), name);
	}
	for (const p of json.parameters.filter((x) => x.contract === 'Verifier'))
		assert.equal(BigInt(p.value), verifier[p.name], p.name);
	assert.equal(value('quorumNumerator'), await governor['quorumNumerator()']());
	assert.equal(value('minDelay'), await net.contract('Treasury').getMinDelay());
	const { Vacant, ...known } = net.contracts;		// no part of the system

	assert.deepEqual(json.contracts, known);
	// The devnet's owner is its deployer.
	assert.equal(json.changedByVote, false);
	assert.equal(json.owner, net.deployer.address);
	const text = (await net.lp(null, 'protocol')).stdout;

	assert.match(text, /ParticipationRate/);
	assert.match(text, new RegExp(`${net.deployer.address} alone`));
	assert.ok(text.split('\n').every((l) => l.length <= 120), 'lines are not endless');
});

test('a round is told, initialised once, and its caller paid', async (t) => {
	const net = await Devnet.start(t);
	const rounds = net.contract('RoundsManager');
	const first = (await net.lp(null, 'round', '--json')).json;

	assert.equal(BigInt(first.round), await rounds.currentRound());
	assert.equal(BigInt(first.firstBlock), await rounds.currentRoundStartBlock());
	assert.equal(first.lastBlock, first.firstBlock + 49);
	assert.equal(first.lockBegins, first.firstBlock + 45);
	assert.equal(BigInt(first.mintable), await net.contract('Minter').currentMintableTokens());
	assert.equal(first.block, await net.block());
	assert.equal(first.blocksLeft, first.lastBlock - first.block);
	await refuses(net, 0, ['initialize-round', '--yes'], 3, /round 1 is initialised already; next is round 2 \(block \d+/);

	await net.nextRound(1, null);
	assert.equal((await net.lp(null, 'round', '--json')).json.initialized, false);
	await refuses(net, 1, ['reward', '--yes'], 3, /round 2 is not initialised: run `lpnode initialize-round`/);
	const before = await net.lpt(1);
	const done = (await net.lp(1, 'initialize-round', '--yes', '--json')).json;

	assert.equal(await rounds.currentRoundInitialized(), true);
	assert.equal((await net.lpt(1)) - before, BigInt(done.paid));
	assert.ok(BigInt(done.paid) > 0n);
	assert.equal(done.round, 2);
	assert.equal(done.transactions[0].state, 'done');
	await lpt_everywhere(net);

	// In a round's first block it cannot be: its hash is what draws.
	await net.mine(done.lastBlock + 1 - await net.block());
	await refuses(net, 1, ['initialize-round', '--yes', '-waitTx', '1s'], 3, /round 3 has just begun: try again when block \d+ is there/);
	const waiting = net.lp(1, 'initialize-round', '--yes', '--json');

	await new Promise((r) => setTimeout(r, 300));
	await net.mine(1);
	assert.equal((await waiting).json.round, 3, 'it waits for the second');
	assert.equal(await rounds.currentRoundInitialized(), true);

	await (await net.asDeployer('Controller')).pause();
	await net.nextRound(1, null);
	await refuses(net, 1, ['initialize-round', '--yes'], 3, /the system is paused/);
});

test('what initialising pays is told before', async (t) => {
	const net = await Devnet.start(t);

	await net.nextRound(1, null);
	const end = await net.lp(1, 'initialize-round', '--yes');
	const told = /pays you ([\d.]+) LPT/.exec(end.stdout)[1], got = /paid to you +([\d.]+) LPT/.exec(end.stdout)[1];

	assert.equal(told, got);
});

test('a block hash is sealed once, and while it can be had', async (t) => {
	const net = await Devnet.start(t);
	const rounds = net.contract('RoundsManager');
	const { hash } = await net.provider.getBlock(5);

	await refuses(net, 1, ['seal', 'five', '--yes'], 2, /BLOCK cannot be "five": write a block's number/);
	await refuses(net, 1, ['seal', '99999', '--yes'], 3, /block 99999 is not there yet/);
	const { json } = await net.lp(1, 'seal', '5', '--yes', '--json');

	assert.equal(json.hash, hash);
	assert.equal(await rounds.sealedHash(5), hash);
	await refuses(net, 1, ['seal', '5', '--yes'], 3, new RegExp(`sealed already, with ${hash}`));
});

test('a transcoder registers with stake of its own in one plan', async (t) => {
	const net = await start(t);
	const token = net.contract('LivepeerToken');
	const before = await net.lpt(1);

	await refuses(net, 1, ['transcoder', 'register', '--yes'], 2, /-rewardCut is missing/);
	await refuses(net, 1, ['transcoder', 'register', '-rewardCut', '101%', ...RATES.slice(2), '--yes'], 2, /-rewardCut/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES.slice(0, 4), '-price', '20', '--yes'], 2, /no unit: write "20 gwei"/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES.slice(0, 4), '-price', '19 ETH', '--yes'], 2, /more than a price can be/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '-bond', 'x', '--yes'], 2, /-bond/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '--yes'], 3, /must be bonded to itself: add -bond/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '-bond', '0.25', '--yes'], 3, /needs 1 LPT: bond 0.75 LPT more/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '-bond', '20000', '--yes'], 3, /more than you have: 10000 LPT/);
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '-bond', '100'], 2, /add --yes/);

	const { stdout } = await register(net, 1, '500');
	const now = await info(net, 1);

	assert.match(stdout, /500 LPT of your 10000 LPT go to the Minter/);
	assert.match(stdout, /From round 3 \(block \d+.*\) on: rewardCut 10%, feeShare 50%, 20 gwei a unit/);
	assert.match(stdout, /slashed while it is bonded and for 400 blocks after/);
	assert.deepEqual([now.registered, now.inPool, now.active, now.stake], [true, true, false, 500n * LPT]);
	assert.deepEqual([now.rewardCut, now.feeShare, now.price], [100000n, 500000n, 20n * GWEI]);
	assert.equal(await net.lpt(1), before - 500n * LPT);
	assert.equal(await token.allowance(net.accounts[1].address, net.contracts.BondingManager), 0n, 'approved exactly');
	await refuses(net, 1, ['transcoder', 'register', ...RATES, '-bond', '5', '--yes'], 3, /registered already/);
	const { json } = await register(net, 2, '1.5 LPT', '--json');

	assert.equal(json.transactions.length, 3);
	assert.deepEqual(json.rates, [{ fromRound: 3, rewardCut: 100000, feeShare: 500000, price: '20000000000' }]);
	assert.equal(json.stake, '1500000000000000000');
	assert.equal(json.activeFrom, 3);
	await lpt_everywhere(net);
});

test('who is bonded elsewhere moves to itself, and is told what that locks', async (t) => {
	const net = await start(t);

	await register(net, 1, '500');
	await (await net.contract('LivepeerToken', 3).approve(net.contracts.BondingManager, 100n * LPT)).wait();
	await (await net.contract('BondingManager', 3).bond(100n * LPT, net.accounts[1].address)).wait();
	await refuses(net, 3, ['transcoder', 'register', ...RATES, '--yes'], 3, /must be bonded to itself/);
	const { stdout } = await register(net, 3, '50');

	assert.match(stdout, new RegExp(`Your 100 LPT at ${net.accounts[1].address} leave it too`));
	assert.match(stdout, /400 blocks, until when its misdeeds can slash them/);
	assert.deepEqual([(await info(net, 3)).stake, (await info(net, 1)).stake], [50n * LPT, 500n * LPT]);
	const lock = await bonding(net).getLock(net.accounts[3].address, 0);

	assert.deepEqual([lock.amount, lock.destination], [100n * LPT, net.accounts[3].address]);
});

test('rates that are worse wait a round, and no rate moves in the lock', async (t) => {
	const net = await start(t);
	const rounds = net.contract('RoundsManager');

	await refuses(net, 1, ['transcoder', 'update', '-rewardCut', '5%', '--yes'], 3, /you are no transcoder/);
	await register(net, 1, '500');
	await register(net, 2, '300');
	await net.nextRound();
	await refuses(net, 1, ['transcoder', 'update', '--yes'], 2, /say what changes/);
	await refuses(net, 1, ['transcoder', 'update', '-price', '20 gwei', '--yes'], 3, /set already: rewardCut 10%, feeShare 50%, 20 gwei/);
	const worse = await net.lp(1, 'transcoder', 'update', '-feeShare', '40%', '--yes', '--json');

	assert.deepEqual(worse.json.rates.map((r) => [r.fromRound, r.feeShare]), [[4, 500000], [5, 400000]]);
	// A price alone does not take back what waits.
	await net.lp(1, 'transcoder', 'update', '-price', '15 gwei', '--yes');
	assert.deepEqual([...await entry(net, 1, 4)].slice(2, 5), [15n * GWEI, 100000n, 500000n]);
	assert.deepEqual([(await info(net, 1)).laterRound, (await info(net, 1)).laterFeeShare], [5n, 400000n]);
	// A better one does.
	await net.lp(1, 'transcoder', 'update', '-feeShare', '60', '--yes');
	assert.deepEqual([(await info(net, 1)).laterRound, (await info(net, 1)).feeShare], [0n, 600000n]);

	const lock = Number(await rounds.currentRoundStartBlock()) + 45;

	await net.mine(lock - 1 - await net.block());
	await refuses(net, 1, ['transcoder', 'update', '-feeShare', '70%', '--yes'], 3, /locked from block \d+ on, too soon for 1 transaction/);
	await net.mine(1);
	assert.equal(await rounds.currentRoundLocked(), true);
	await refuses(net, 1, ['transcoder', 'update', '-feeShare', '70%', '--yes'], 3, /locked since block \d+ until the round ends/);
	await refuses(net, 3, ['transcoder', 'register', ...RATES, '-bond', '10', '--yes'], 3, /register from round 4 \(block \d+/);
	// The other asks 20 gwei: it may go down to 15, no further.
	await refuses(net, 2, ['transcoder', 'update', '-price', '15 gwei', '--yes'], 3, new RegExp(`add -match ${net.accounts[1].address}`));
	await refuses(net, 2, ['transcoder', 'update', '-price', '10 gwei', '-match', net.accounts[1].address, '--yes'], 3, /15 gwei, and no further/);
	await refuses(net, 2, ['transcoder', 'update', '-price', '16 gwei', '-match', net.accounts[5].address, '--yes'], 3, /is no transcoder/);
	await refuses(net, 2, ['transcoder', 'update', '-price', '30 gwei', '-match', net.accounts[1].address, '--yes'], 3, /not below your 20 gwei/);
	await refuses(net, 2, ['transcoder', 'update', '-rewardCut', '1', '-match', net.accounts[1].address, '--yes'], 2, /-match is for -price alone/);
	await net.lp(2, 'transcoder', 'update', '-price', '16 gwei', '-match', net.accounts[1].address, '--yes');
	assert.equal((await entry(net, 2, 4)).price, 16n * GWEI);
});

test('reward, availability, service-uri and resigning', async (t) => {
	const net = await start(t);
	const registry = net.contract('ServiceRegistry');

	await register(net, 1, '500');
	await refuses(net, 1, ['reward', '--yes'], 3, /not active in round 2: you are from round 3/);
	await refuses(net, 3, ['reward', '--yes'], 3, /you are no transcoder/);
	await net.nextRound();
	const mintable = await net.contract('Minter').currentMintableTokens();
	const done = await net.lp(1, 'reward', '--yes', '--json');

	assert.equal(BigInt(done.json.reward), mintable, 'the only one gets all of it');
	assert.equal((await info(net, 1)).selfStake, 500n * LPT + mintable);
	assert.equal(BigInt(done.json.selfStake), 500n * LPT + mintable);
	await refuses(net, 1, ['reward', '--yes'], 3, /called for round 3 already; next is round 4/);

	await refuses(net, 1, ['availability', 'perhaps', '--yes'], 2, /write on or off/);
	await refuses(net, 1, ['availability', 'on', '--yes'], 3, /on already/);
	await refuses(net, 3, ['availability', 'off', '--yes'], 3, /no transcoder/);
	await net.lp(1, 'availability', 'off', '--yes');
	assert.equal((await info(net, 1)).available, false);

	for (const bad of ['node', 'node:0', 'node:70000', 'ftp://node:1', 'no de:1', 'https://', 'user@host:1', `https://${'a'.repeat(260)}`])
		await refuses(net, 1, ['service-uri', bad, '--yes'], 2, /write host:port|has a space|at most 256/);
	assert.match((await net.lp(1, 'service-uri', 'https://t.example:8935', '--yes')).stdout,
		/transaction 1 of 1: tell your service's address, https:\/\/t\.example:8935\n/);
	assert.equal(await registry.getServiceURI(net.accounts[1].address), 'https://t.example:8935');
	await refuses(net, 1, ['service-uri', 'https://t.example:8935', '--yes'], 3, /already/);
	assert.equal((await net.lp(1, 'service-uri', '--json')).json.serviceURI, 'https://t.example:8935');
	const shown = (await net.lp(null, 'transcoder', 'show', net.accounts[1].address, '--json')).json;

	assert.deepEqual([shown.status, shown.available, shown.lastRewardRound, shown.serviceURI], ['active', false, 3, 'https://t.example:8935']);
	assert.equal(shown.nextStep, 'lpnode availability on, to be elected for jobs');

	await refuses(net, 1, ['transcoder', 'promote', '--yes'], 3, /in the pool already/);
	const left = await net.lp(1, 'transcoder', 'resign', '--yes', '--json');

	assert.equal(left.json.resignedFrom, 4);
	assert.equal((await info(net, 1)).registered, false);
	assert.equal((await info(net, 1)).active, true, 'to the end of this round');
	await refuses(net, 1, ['transcoder', 'resign', '--yes'], 3, /no transcoder/);
	await lpt_everywhere(net);
});

test('a full pool: who has more takes a place, who has less waits, and is promoted later', async (t) => {
	const net = await start(t, { parameters: { BondingManager: { numActiveTranscoders: 1 } } });

	await register(net, 1, '100');
	const waiting = await register(net, 2, '50');

	assert.match(waiting.stdout, /waiting list, of which one is drawn a round/);
	assert.equal((await info(net, 2)).inPool, false);
	await refuses(net, 2, ['transcoder', 'promote', '--yes'], 3, /more than the smallest has, 100 LPT/);
	const taking = await register(net, 3, '200');

	assert.match(taking.stdout, new RegExp(`takes the place of ${net.accounts[1].address} \\(100 LPT\\)`));
	assert.deepEqual([(await info(net, 3)).inPool, (await info(net, 1)).inPool], [true, false]);
	await net.lp(3, 'transcoder', 'resign', '--yes');
	assert.match((await net.lp(2, 'transcoder', 'show')).stdout, /lpnode transcoder promote/);
	await net.lp(5, 'transcoder', 'promote', net.accounts[2].address, '--yes');
	assert.equal((await info(net, 2)).inPool, true);
});

/* Two transcoders with stake, active, and the Controller in the hands of the Treasury. */
async function governed(t) {
	const net = await start(t);

	await (await net.asDeployer('Controller')).transferOwnership(net.contracts.Treasury);
	await register(net, 1, '500');
	await register(net, 2, '100');
	await net.nextRound(2);
	return net;
}

test('a parameter is changed by propose, vote, queue, execute', async (t) => {
	const net = await governed(t);
	const governor = net.contract('LivepeerGovernor');
	const why = ['-description', 'longer rounds', '--yes'];

	await refuses(net, 1, ['propose', ...why], 2, /say what changes/);
	await refuses(net, 1, ['propose', 'roundLength=60', '--yes'], 2, /-description is missing/);
	await refuses(net, 1, ['propose', 'roundLength', ...why], 2, /write NAME=VALUE/);
	await refuses(net, 1, ['propose', 'roundLenght=60', ...why], 2, /did you mean roundLength\?/);
	await refuses(net, 1, ['propose', 'roundLength=60', 'RoundLength=70', ...why], 2, /given twice/);
	await refuses(net, 1, ['propose', 'roundLength=1', ...why], 2, /from 2 blocks/);
	await refuses(net, 1, ['propose', 'roundLength=50', ...why], 3, /nothing would change/);
	await refuses(net, 1, ['propose', 'N=10', ...why], 3, /can only be raised/);
	await refuses(net, 1, ['propose', 'quorum=7', 'committee=6', ...why], 3, /of a committee of 6/);
	await refuses(net, 1, ['propose', 'claimPeriod=4000', ...why], 3, /setClaimPeriod would fail: slashablePeriod \(400 blocks\) must cover/);
	await refuses(net, 5, ['propose', 'roundLength=60', ...why], 3, /who proposes needs 1 LPT of votes, you had 0 LPT/);
	const made = await net.lp(1, 'propose', 'roundLength=60', 'UnbondingPeriod=5', 'appealPeriod=25', ...why, '--json');
	const p = made.json.proposal;

	assert.equal(await governor.state(p.id), 0n);
	assert.deepEqual(p.calls.map((c) => c.text), [
		'RoundsManager.setRoundLength(60): roundLength 60 blocks',
		'BondingManager.setUnbondingPeriod(5): unbondingPeriod 5 rounds',
		'Verifier.setPeriods(10, 25, 10): verdictPeriod 10 blocks, appealPeriod 25 blocks, juryPeriod 10 blocks']);
	assert.equal(BigInt(p.snapshotRound), await governor.proposalSnapshot(p.id));
	await refuses(net, 1, ['propose', 'roundLength=60', 'UnbondingPeriod=5', 'appealPeriod=25', ...why], 3, /proposed already, and is pending/);
	await refuses(net, 1, ['vote', p.id, 'for', '--yes'], 3, /not voted on now: pending: voting begins in round 6/);
	await refuses(net, 1, ['queue', p.id, '--yes'], 3, /only what was adopted/);

	await net.nextRound(2);
	const short = p.id.slice(0, 8);

	await refuses(net, 1, ['vote', p.id, 'yes', '--yes'], 2, /write for, against or abstain/);
	await refuses(net, 1, ['vote', '12', 'for', '--yes'], 2, /first digits \(4 or more\)/);
	await refuses(net, 1, ['vote', '99999999', 'for', '--yes'], 3, /no proposal 99999999|begin with/);
	await refuses(net, 5, ['vote', short, 'for', '--yes'], 3, /no votes on it: you were no active transcoder in round 5/);
	await net.lp(1, 'vote', short, 'for', '-reason', 'more time', '--yes');
	const against = await net.lp(2, 'vote', p.id, 'against', '--yes', '--json');

	assert.equal(against.json.weight, `${100n * LPT}`);
	assert.deepEqual([...await governor.proposalVotes(p.id)], [100n * LPT, 500n * LPT, 0n]);
	assert.equal(await governor.hasVoted(p.id, net.accounts[1].address), true);
	await refuses(net, 1, ['vote', short, 'against', '--yes'], 3, /voted on it already/);

	await net.nextRound(2);
	const listed = (await net.lp(null, 'proposals', '--json')).json.proposals;

	assert.equal(listed.length, 1);
	assert.deepEqual([listed[0].state, listed[0].forVotes, listed[0].quorumReached], ['succeeded', `${500n * LPT}`, true]);
	await refuses(net, 1, ['execute', short, '--yes'], 3, /lpnode queue/);
	await net.lp(5, 'queue', short, '--yes');
	assert.equal(await governor.state(p.id), 5n);
	await refuses(net, 5, ['queue', short, '--yes'], 3, /in the queue already/);
	await refuses(net, 5, ['execute', short, '--yes'], 3, /it can be executed in a block from 20/);
	assert.equal(await net.contract('RoundsManager').roundLength(), 50n);
	await net.mine(6);
	const done = await net.lp(5, 'execute', short, '--yes', '--json');

	assert.equal(await net.contract('RoundsManager').roundLength(), 60n);
	assert.equal(await bonding(net).unbondingPeriod(), 5n);
	assert.equal((await net.contract('Verifier').parameters()).appealPeriod, 25n);
	assert.equal((await net.contract('Verifier').parameters()).verdictPeriod, 10n);
	assert.equal(done.json.parameters.roundLength, '60');
	assert.equal(done.json.proposal.state, 'executed');
	await refuses(net, 5, ['execute', short, '--yes'], 3, /adopted and executed/);
}, { limitS: 120 });

test('the Governor changes itself, and spends the CommonPool, by a vote', async (t) => {
	const net = await governed(t);
	const token = net.contract('LivepeerToken');
	const calldata = token.interface.encodeFunctionData('transfer', [net.accounts[7].address, 30n * LPT]);

	await refuses(net, 1, ['propose', '-target', 'LivepeerToken', '-calldata', calldata, '-description', 'a gift', '--yes'], 3,
		/the call would fail: /);
	await (await net.contract('LivepeerToken', 0).transfer(net.contracts.Treasury, 50n * LPT)).wait();
	await refuses(net, 1, ['propose', '-target', 'Nothing', '-calldata', '0x', '-description', 'x', '--yes'], 2, /-target=Nothing/);
	await refuses(net, 1, ['propose', '-target', 'Minter', '-calldata', '0x123', '-description', 'x', '--yes'], 2, /even number of hex digits/);
	await refuses(net, 1, ['propose', '-calldata', '0x12', '-description', 'x', '--yes'], 2, /say what changes|need -target/);
	const gift = (await net.lp(1, 'propose', '-target', 'LivepeerToken', '-calldata', calldata, '-description', 'a gift', '--yes', '--json')).json.proposal;
	const self = (await net.lp(1, 'propose', 'votingPeriod=3', 'quorumNumerator=20%', 'minDelay=9', '-description', 'own rules', '--yes', '--json')).json.proposal;

	assert.match(gift.calls[0].text, new RegExp(`LivepeerToken.transfer\\(${net.accounts[7].address}, ${30n * LPT}\\)`));
	await net.nextRound(2);
	for (const p of [gift, self])
		await net.lp(1, 'vote', p.id, 'for', '--yes');
	await net.nextRound(2);
	for (const p of [gift, self])
		await net.lp(0, 'queue', p.id, '--yes');
	await net.mine(6);
	const before = await net.lpt(7);

	for (const p of [gift, self])
		await net.lp(0, 'execute', p.id, '--yes');
	assert.equal(await net.lpt(7) - before, 30n * LPT);
	const governor = net.contract('LivepeerGovernor');

	assert.deepEqual([await governor.votingPeriod(), await governor['quorumNumerator()'](), await net.contract('Treasury').getMinDelay()], [3n, 20n, 9n]);
	await lpt_everywhere(net);
}, { limitS: 120 });

test('what is not adopted says why, and a vote cannot change what is not the Treasury\'s', async (t) => {
	const net = await start(t);

	await register(net, 1, '500');
	await register(net, 2, '100');
	await net.nextRound(2);
	await refuses(net, 1, ['propose', 'roundLength=60', '-description', 'x', '--yes'], 3,
		new RegExp(`a vote cannot change roundLength: the Controller belongs to ${net.deployer.address}`));
	const quiet = (await net.lp(2, 'propose', 'votingDelay=2', '-description', 'few', '--yes', '--json')).json.proposal;
	const unloved = (await net.lp(2, 'propose', 'votingDelay=3', '-description', 'a line\nand \u001b[31mred', '--yes', '--json')).json.proposal;

	assert.equal(unloved.description, 'a line\nand \u001b[31mred');
	await net.nextRound(2);
	await net.lp(2, 'vote', quiet.id, 'for', '--yes');
	await net.lp(1, 'vote', unloved.id, 'against', '--yes');
	await net.lp(2, 'vote', unloved.id, 'abstain', '--yes');
	await net.nextRound(2);
	const { stdout } = await net.lp(null, 'proposals');

	assert.ok(!stdout.includes('\u001b'), 'nobody colours our terminal');
	assert.match((await net.lp(null, 'proposals', quiet.id)).stdout, /not adopted: fewer votes than the quorum/);
	assert.match((await net.lp(null, 'proposals', unloved.id)).stdout, /not adopted/);
	await refuses(net, 1, ['queue', quiet.id, '--yes'], 3, /only what was adopted can be queued: not adopted: fewer votes than the quorum/);
	await refuses(net, 1, ['execute', unloved.id, '--yes'], 3, /it cannot be executed now: not adopted/);
});
