// Stake: when a transcoder's rates take effect.  What gets worse for delegators holds a round
// later than all else; each round's fees, rewards and elections read what held in it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { key, pay_fees, start_bonding } from './lib/bonding.mjs'
import { LPT, PERC, events_of, expect_revert, run, same_args } from './lib/kit.mjs'

const STAKE = 1000n * LPT
const FIRST = [100000n, 500000n, 10n]
const GREEDY = [300000n, 200000n, 12n]
let kit, b, alice, bob, carol, round

before(async () => {
	kit = await start_bonding({ accounts: 3, round_length: 24, parameters: { numActiveTranscoders: 2, slashablePeriod: 20, unbondingPeriod: 1 } })
	;[alice, bob, carol] = kit.accounts
	b = kit.bonding
	await run(b.connect(alice).bond(STAKE, alice))
	await set_rates(...FIRST)
	await run(b.connect(bob).bond(STAKE, alice))
	await kit.next_round()
	await kit.keep()
})
after(() => kit.stop())
beforeEach(async () => {
	await kit.reset()
	round = await kit.sys.RoundsManager.currentRound()
})

const set_rates = (...rates) => run(b.connect(alice).transcoder(...rates))
const next_round = async () => {
	await kit.next_round()
	round++
}

/* Cut, share and price that hold in a round. */
async function rates_in(r) {
	const e = await b.entryAt(alice, r)
	return [e.rewardCut, e.feeShare, e.price]
}
/* As rows tell them: next round's; what comes later. */
async function told() {
	const i = await b.getTranscoderInfo(alice)
	return [[i.rewardCut, i.feeShare, i.price], [i.laterRound, i.laterRewardCut, i.laterFeeShare]]
}
const none = [0n, 0n, 0n]
const expect_updates = (receipt, ...updates) => {
	const events = events_of(receipt, b, 'TranscoderUpdate')
	assert.equal(events.length, updates.length)
	updates.forEach((u, i) => same_args(events[i], [alice, ...u]))
}

test('the first rates hold next round, whatever they are', async () => {
	await run(b.connect(carol).bond(STAKE, carol))
	const receipt = await run(b.connect(carol).transcoder(PERC, 0n, 7n))
	same_args(events_of(receipt, b, 'TranscoderUpdate')[0], [carol, PERC, 0n, 7n, round + 1n])
	const e = await b.entryAt(carol, round + 1n)
	assert.deepEqual([e.rewardCut, e.feeShare, e.price], [PERC, 0n, 7n])
})

test('worse rates hold a round later, the price of the same call does not', async () => {
	const receipt = await set_rates(...GREEDY)
	expect_updates(receipt, [100000n, 500000n, 12n, round + 1n], [...GREEDY, round + 2n])
	assert.deepEqual(await rates_in(round), FIRST)
	assert.deepEqual(await rates_in(round + 1n), [100000n, 500000n, 12n])
	assert.deepEqual(await rates_in(round + 2n), GREEDY)
	assert.equal((await b.entryAt(alice, round + 3n)).fromRound, round + 2n)
	assert.deepEqual(await told(), [[100000n, 500000n, 12n], [round + 2n, 300000n, 200000n]])
	await next_round()
	assert.deepEqual(await told(), [GREEDY, none])
	await next_round()
	assert.deepEqual(await rates_in(round), GREEDY)
})

test('worse in one rate: both wait', async () => {
	await set_rates(100001n, 900000n, 10n)
	assert.deepEqual(await rates_in(round + 1n), FIRST)
	assert.deepEqual(await rates_in(round + 2n), [100001n, 900000n, 10n])
	await set_rates(0n, 499999n, 10n)
	assert.deepEqual(await rates_in(round + 1n), FIRST)
	assert.deepEqual(await rates_in(round + 2n), [0n, 499999n, 10n])
})

test('better rates hold next round', async () => {
	const receipt = await set_rates(0n, PERC, 10n)
	expect_updates(receipt, [0n, PERC, 10n, round + 1n])
	assert.deepEqual(await rates_in(round + 1n), [0n, PERC, 10n])
	assert.deepEqual((await told())[1], none)
})

test('a bait taken back holds for the round it was shown for', async () => {
	await set_rates(0n, PERC, 10n)
	await set_rates(...GREEDY)
	assert.deepEqual(await rates_in(round + 1n), [0n, PERC, 12n])
	assert.deepEqual(await rates_in(round + 2n), GREEDY)
})

test('what is not worse than next round cancels what waits', async () => {
	await set_rates(...GREEDY)
	const receipt = await set_rates(...FIRST)
	expect_updates(receipt, [...FIRST, round + 1n])
	assert.deepEqual(await rates_in(round + 2n), FIRST)
	assert.deepEqual(await told(), [FIRST, none])
	await set_rates(...GREEDY)
	await set_rates(50000n, 500000n, 12n)
	await next_round()
	await next_round()
	assert.deepEqual(await rates_in(round), [50000n, 500000n, 12n])
})

test('set before it has come, better rates take its place', async () => {
	await set_rates(...GREEDY)
	await next_round()
	const receipt = await set_rates(200000n, 300000n, 12n)
	expect_updates(receipt, [200000n, 300000n, 12n, round + 1n])
	assert.deepEqual(await rates_in(round), [100000n, 500000n, 12n])
	assert.deepEqual(await rates_in(round + 1n), [200000n, 300000n, 12n])
})

test('worse again each round: each a round later', async () => {
	await set_rates(...GREEDY)
	await next_round()
	await set_rates(400000n, 100000n, 12n)
	assert.deepEqual(await told(), [GREEDY, [round + 2n, 400000n, 100000n]])
	await next_round()
	assert.deepEqual(await rates_in(round), GREEDY)
	assert.deepEqual(await rates_in(round + 1n), [400000n, 100000n, 12n])
	await set_rates(500000n, 0n, 12n)
	await next_round()
	assert.deepEqual(await rates_in(round - 1n), GREEDY)
	assert.deepEqual(await rates_in(round), [400000n, 100000n, 12n])
	assert.deepEqual(await rates_in(round + 1n), [500000n, 0n, 12n])
})

test('stake that changes in between does not bring them forward or back', async () => {
	const bond = () => run(b.connect(bob).bond(LPT, alice))
	const expect_entry = async (r, cut, stake) => {
		const e = await b.entryAt(alice, r)
		assert.deepEqual([e.rewardCut, e.stake, e.inPool], [cut, 2n * STAKE + stake * LPT, true], `round ${r}`)
	}
	const at = round
	await set_rates(...GREEDY)
	await bond()
	await expect_entry(at + 1n, 100000n, 1n)
	await expect_entry(at + 2n, 300000n, 1n)
	await next_round()
	await bond()
	await expect_entry(at + 1n, 100000n, 1n)
	await expect_entry(at + 2n, 300000n, 2n)
	await next_round()
	await bond()
	for (const [i, cut] of [100000n, 100000n, 300000n, 300000n].entries()) await expect_entry(at + BigInt(i), cut, BigInt(i))
})

test('nobody touches it for rounds: the record is made when somebody does, and from its round on', async () => {
	const at = round
	await set_rates(...GREEDY)
	for (let i = 0; i < 4; i++) await next_round()
	assert.deepEqual(await rates_in(round), GREEDY)
	assert.equal((await b.entryAt(alice, round)).fromRound, at + 2n)
	await run(b.connect(bob).bond(LPT, alice))
	for (const [r, from, cut] of [[at + 1n, at + 1n, 100000n], [at + 2n, at + 2n, 300000n], [at + 4n, at + 2n, 300000n], [at + 5n, at + 5n, 300000n]]) {
		const e = await b.entryAt(alice, r)
		assert.deepEqual([e.fromRound, e.rewardCut], [from, cut], `round ${r}`)
	}
})

test('a job sees the price of its round, and fees are shared by the rates of theirs', async () => {
	const at = round
	const block = await kit.chain.block()
	await set_rates(...GREEDY)
	assert.equal(await b.eligibleStake(alice, at, block, 10n), 2n * STAKE)
	assert.equal(await b.eligibleStake(alice, at + 1n, block, 11n), 0n)
	assert.equal(await b.eligibleStake(alice, at + 2n, block, 12n), 2n * STAKE)
	for (let i = 0; i < 2; i++) await next_round()
	for (const [r, share] of [[at, 500000n], [at + 1n, 500000n], [at + 2n, 200000n]]) {
		const receipt = await pay_fees(kit, alice, 1000000n, r)
		same_args(events_of(receipt, b, 'FeesReceived')[0], [alice, 1000000n, share, r])
	}
	// Once more when they are on record.
	await run(b.connect(bob).bond(LPT, alice))
	same_args(events_of(await pay_fees(kit, alice, 1000000n, at + 1n), b, 'FeesReceived')[0], [alice, 1000000n, 500000n, at + 1n])
})

test('a reward is cut by the rate of its round', async () => {
	const cut_of = async () => {
		const stake_of = () => b.pendingStake(bob, round)
		const [before, total] = [await stake_of(), await b.transcoderTotalStake(alice)]
		const [{ amount }] = events_of(await run(b.connect(alice).reward()), b, 'Reward')
		const others = Number(await stake_of() - before) * Number(total) / Number(before)
		return 1 - others / Number(amount)
	}
	await set_rates(...GREEDY)
	const cuts = []
	for (let i = 0; i < 3; i++) {
		cuts.push(await cut_of())
		await next_round()
	}
	for (const [i, cut] of [0.1, 0.1, 0.3].entries()) assert.ok(Math.abs(cuts[i] - cut) < 1e-6, `round ${i}: ${cuts[i]}`)
})

test('resigning and coming back is no way around it', async () => {
	await run(b.connect(alice).resignAsTranscoder())
	await set_rates(...GREEDY)
	assert.deepEqual(await told(), [[100000n, 500000n, 12n], [round + 2n, 300000n, 200000n]])
	await run(b.connect(alice).resignAsTranscoder())
	assert.deepEqual(await rates_in(round + 2n), GREEDY)
	for (let i = 0; i < 3; i++) await next_round()
	// Its rates held while it was away: the same again are not worse.
	await set_rates(...GREEDY)
	assert.deepEqual(await told(), [GREEDY, none])
	await run(b.connect(alice).resignAsTranscoder())
	await next_round()
	await set_rates(PERC, 0n, 12n)
	assert.deepEqual(await rates_in(round + 1n), GREEDY)
	assert.deepEqual(await rates_in(round + 2n), [PERC, 0n, 12n])
})

test('nor is unbonding all and bonding anew', async () => {
	await run(b.connect(alice).unbond(STAKE))
	await run(b.connect(alice).bond(STAKE, alice))
	await set_rates(PERC, 0n, 10n)
	assert.deepEqual(await rates_in(round + 1n), FIRST)
	assert.deepEqual(await rates_in(round + 2n), [PERC, 0n, 10n])
})

test('lowering the price leaves what waits, and tells it again', async () => {
	await run(b.connect(carol).bond(STAKE, carol))
	await run(b.connect(carol).transcoder(0n, 0n, 5n))
	await set_rates(...GREEDY)
	const receipt = await run(b.connect(alice).lowerPrice(6n, carol))
	expect_updates(receipt, [100000n, 500000n, 6n, round + 1n], [300000n, 200000n, 6n, round + 2n])
	assert.deepEqual(await rates_in(round + 2n), [300000n, 200000n, 6n])
	await next_round()
	await expect_revert(b.connect(alice).lowerPrice(6n, carol), b, 'PriceNotLower', [6n, 6n])
	expect_updates(await run(b.connect(alice).lowerPrice(5n, carol)), [300000n, 200000n, 5n, round + 1n])
})

test('in the lock period rates cannot be set', async () => {
	await run(kit.sys.RoundsManager.connect(await kit.as_owner()).setRoundLockAmount(PERC))
	await expect_revert(b.connect(alice).transcoder(...GREEDY), b, 'RoundLocked', [round])
})

test('one that is back within 30 rounds has no new grace', async () => {
	const since = async () => (await b.getTranscoderInfo(alice)).activeSince
	const first = await since()
	const back = async () => {
		await run(b.connect(alice).resignAsTranscoder())
		await next_round()
		await next_round()
		await set_rates(...FIRST)
	}
	await back()
	assert.equal(await since(), first)
	while (round + 2n < first + 28n) await next_round()
	await back()
	assert.equal(round + 1n, first + 29n)
	assert.equal(await since(), first)
	await back()
	assert.equal(await since(), round + 1n)
	// Out and in again within a round is to have stayed.
	while (round < first + 62n) await next_round()
	const second = await since()
	await run(b.connect(alice).resignAsTranscoder())
	await set_rates(...FIRST)
	assert.equal(await since(), second)
	assert.equal((await b.getDelegator(key(bob))).delegateAddress, alice.address)
})
