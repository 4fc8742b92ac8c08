// Stake: every function, its numbers by hand, and what it refuses.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AbiCoder, ZeroAddress, ZeroHash, id, keccak256 } from 'ethers'
import { key, pay_fees, register, slash, start_bonding } from './lib/bonding.mjs'
import { LPT, calling_back, event_of, events_of, expect_event, expect_revert, run, word } from './lib/kit.mjs'

const MAX96 = 2n ** 96n - 1n
let kit, b, accounts, rounds, minter, t, u, w, d, e, f
before(async () => {
	kit = await start_bonding({
		accounts: 9, round_length: 60,
		parameters: {
			numActiveTranscoders: 2, minTranscoderStake: LPT, slashablePeriod: 20, unbondingPeriod: 2, missedRewardRounds: 2,
			missedRewardSlashAmount: 30000, finderFee: 50000, competitivenessGrace: 1, competitivenessFloor: 1000,
			competitivenessTolerance: 500000,
		},
	})
	b = kit.bonding
	rounds = kit.sys.RoundsManager
	minter = kit.sys.Minter
	accounts = kit.accounts;
	[t, u, w, d, e, f] = accounts
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const as = who => b.connect(who)
const round = () => rounds.currentRound()
const stake = who => b.pendingStake(who, 0)
const fees = who => b.pendingFees(who, 0)
const balance = who => kit.token.balanceOf(who)
const refuses = (promise, name, args) => expect_revert(promise, b, name, args)

/* t and u in the pool with 100 and 200 LPT, w waits with 50; d and e bonded to t with 100 and 300.
 * The round after that. */
async function settled({ cut = 0n, share = 500000n } = {}) {
	await register(kit, t, 100n * LPT, { cut, share })
	await register(kit, u, 600n * LPT, { cut, share, price: 20n })
	await run(as(d).bond(100n * LPT, t))
	await run(as(e).bond(300n * LPT, t))
	await register(kit, w, 50n * LPT, { cut, share, price: 30n })
	await kit.next_round()
}

describe('bond', () => {
	test('to oneself: pending, then bonded', async () => {
		const before_ = await balance(kit.sys.Minter)
		const receipt = await run(as(t).bond(5n * LPT, t))
		expect_event(receipt, b, 'Bond', [t, ZeroAddress, t, 5n * LPT, 5n * LPT])
		assert.equal(await b.delegatorStatus(t), 0n)
		assert.equal(await b.delegateOf(t), t.address)
		assert.equal(await balance(kit.sys.Minter) - before_, 5n * LPT)
		assert.equal(await b.getTotalBonded(), 5n * LPT)
		await kit.next_round()
		assert.equal(await b.delegatorStatus(t), 1n)
		const g = await b.getDelegator(t)
		assert.deepEqual([...g], [5n * LPT, 0n, t.address, 5n * LPT, 3n, 2n, 0n])
	})

	test('to a transcoder, more later', async () => {
		await settled()
		const receipt = await run(as(d).bond(LPT, t))
		expect_event(receipt, b, 'Bond', [t, t, d, LPT, 101n * LPT])
		assert.equal(await b.transcoderTotalStake(t), 501n * LPT)
		assert.equal((await b.entryAt(t, await round())).stake, 500n * LPT)
		assert.equal((await b.entryAt(t, await round() + 1n)).stake, 501n * LPT)
		assert.equal(await b.nextRoundTotalActiveStake(), 1101n * LPT)
		// u and t, and w, which was drawn.
		assert.equal(await b.currentRoundTotalActiveStake(), 1150n * LPT)
	})

	test('refused', async () => {
		await settled()
		await refuses(as(f).bond(1, ZeroAddress), 'ZeroAddress', [])
		await refuses(as(f).bond(1, e), 'DelegateNotRegistered', [e])
		await refuses(as(f).bond(MAX96 + 1n, f), 'AmountTooLarge', [MAX96 + 1n, MAX96])
		await refuses(as(t).bond(1, u), 'TranscoderCannotMove', [t])
		await refuses(as(d).bond(0, t), 'ZeroAmount', [])
	})

	test('nothing at all, in a new place: refuses nothing, binds nothing', async () => {
		await settled()
		await run(as(f).bond(0, t))
		assert.equal(await stake(f), 0n)
		assert.equal(await b.delegatorStatus(f), 2n)
	})
})

test('what is bonded in a round earns nothing in it', async () => {
	await settled()
	await run(as(f).bond(500n * LPT, t))
	await run(as(t).reward())
	await pay_fees(kit, t, LPT)
	assert.equal(await stake(f), 500n * LPT)
	assert.equal(await fees(f), 0n)
	await kit.next_round()
	const before_ = await stake(f)
	assert.ok(before_ <= 500n * LPT && before_ >= 500n * LPT - 1n)
	await run(as(t).reward())
	assert.ok(await stake(f) > 500n * LPT)
})

describe('unbond', () => {
	test('a part, then all: lock, periods, withdrawal', async () => {
		await settled()
		const r = await round()
		const receipt = await run(as(d).unbond(40n * LPT))
		expect_event(receipt, b, 'Unbond', [t, d, 0n, 40n * LPT, r + 2n])
		const until = BigInt(receipt.blockNumber) + 20n
		assert.deepEqual([...await b.getLock(d, 0)], [40n * LPT, r + 2n, until, t.address, ZeroAddress])
		assert.deepEqual([...await b.getDelegatorUnbondingLock(d, 0)], [40n * LPT, r + 2n])
		assert.equal(await b.isValidUnbondingLock(d, 0), true)
		assert.equal(await b.isValidUnbondingLock(d, 1), false)
		assert.equal(await stake(d), 60n * LPT)
		await run(as(d).unbond(60n * LPT))
		assert.equal(await b.delegateOf(d), ZeroAddress)
		assert.equal(await b.delegatorStatus(d), 2n)
		await refuses(as(d).withdrawStake(0), 'LockNotMature', [0n, r + 2n, until])
		await kit.next_rounds(2)
		const had = await balance(d)
		expect_event(await run(as(d).withdrawStake(0)), b, 'WithdrawStake', [d, 0n, 40n * LPT, r + 2n])
		assert.equal(await balance(d) - had, 40n * LPT)
		await refuses(as(d).withdrawStake(0), 'InvalidLock', [d, 0n])
	})

	test('is not paid out before its block, though the round is there', async () => {
		await settled()
		// A contract that answers 90 to everything.
		await kit.chain.rpc('anvil_setCode', kit.sys.JobsManager.target, '0x605a5f5260205ff3')
		await run(b.setSlashablePeriod(200))
		const until = BigInt((await run(as(d).unbond(LPT))).blockNumber) + 200n
		const [, from] = await b.getLock(d, 0)
		await kit.next_rounds(2)
		assert.equal(await round(), from)
		await refuses(as(d).withdrawStake(0), 'LockNotMature', [0n, from, until])
		await kit.chain.next_is(until)
		await refuses(as(d).withdrawStake(0), 'LockNotMature', [0n, from, until])
		await kit.mine(1)
		await run(as(d).withdrawStake(0))
	})

	test('refused', async () => {
		await settled()
		await refuses(as(d).unbond(0), 'ZeroAmount', [])
		await refuses(as(d).unbond(100n * LPT + 1n), 'InsufficientBond', [100n * LPT + 1n, 100n * LPT])
		await refuses(as(f).unbond(1), 'NotBonded', [f])
	})

	test('of all that a transcoder has resigns it, its delegators stay', async () => {
		await settled()
		const r = await round()
		const receipt = await run(as(t).unbond(100n * LPT))
		expect_event(receipt, b, 'TranscoderResigned', [t, r + 1n])
		expect_event(receipt, b, 'TranscoderDeactivated', [t, r + 1n])
		assert.equal(await b.isRegisteredTranscoder(t), false)
		assert.equal(await b.isActiveTranscoder(t), true)
		assert.equal(await stake(e), 300n * LPT)
		assert.equal(await b.nextRoundTotalActiveStake(), 600n * LPT)
		// The place is free: anyone may call in who waits.
		await run(as(f).promote(w))
		assert.equal(await b.nextRoundTotalActiveStake(), 650n * LPT)
		await kit.next_round()
		assert.equal(await b.isActiveTranscoder(t), false)
		assert.equal(await b.isActiveTranscoder(w), true)
		await run(as(e).unbond(300n * LPT))
		await run(as(d).unbond(100n * LPT))
		assert.equal(await b.transcoderTotalStake(t), 0n)
	})
})

describe('locks', () => {
	test('can be slashed until their block, and no longer', async () => {
		await settled()
		const receipt = await run(as(d).unbond(100n * LPT))
		await kit.chain.next_is(receipt.blockNumber + 20)
		await slash(kit, t, 100000n)
		assert.equal((await b.getLock(d, 0)).amount, 90n * LPT)
		await slash(kit, t, 500000n)
		assert.equal((await b.getLock(d, 0)).amount, 90n * LPT)
		await kit.next_rounds(2)
		const [had, pool] = [await balance(d), await balance(kit.treasury)]
		await run(as(d).withdrawStake(0))
		assert.equal(await balance(d) - had, 90n * LPT)
		assert.equal(await balance(kit.treasury) - pool, 10n * LPT)
	})

	test('of a delegate that lost everything are lost too', async () => {
		await settled()
		await run(as(d).unbond(100n * LPT))
		await slash(kit, t, 1000000n)
		await kit.next_rounds(2)
		const had = await balance(d)
		await run(as(d).withdrawStake(0))
		assert.equal(await balance(d), had)
	})

	test('rebond', async () => {
		await settled()
		await run(as(d).unbond(30n * LPT))
		await slash(kit, t, 100000n)
		const receipt = await run(as(d).rebond(0))
		expect_event(receipt, b, 'Rebond', [t, d, 0n, 27n * LPT])
		assert.equal(await stake(d), 90n * LPT)
		await refuses(as(d).rebond(0), 'InvalidLock', [d, 0n])
		await run(as(d).unbond(90n * LPT))
		await refuses(as(d).rebond(1), 'NotBonded', [d])
		await refuses(as(d).rebondFromUnbonded(u, 1), 'LockOfOtherDelegate', [1n, t])
		await refuses(as(d).rebondFromUnbonded(f, 1), 'DelegateNotRegistered', [f])
		await refuses(as(d).rebondFromUnbonded(ZeroAddress, 1), 'ZeroAddress', [])
		await run(as(d).rebondFromUnbonded(t, 1))
		assert.equal(await stake(d), 90n * LPT)
		await run(as(d).unbond(LPT))
		await refuses(as(d).rebondFromUnbonded(t, 2), 'StillBonded', [d, 89n * LPT])
		await kit.mine(20)
		await run(as(d).unbond(89n * LPT))
		await refuses(as(t).rebondFromUnbonded(u, 0), 'TranscoderCannotMove', [t])
		expect_event(await run(as(d).rebondFromUnbonded(u, 2)), b, 'Rebond', [u, d, 2n, LPT])
		await refuses(as(d).rebond(3), 'LockOfOtherDelegate', [3n, t])
		await run(as(u).resignAsTranscoder())
		await kit.mine(20)
		await refuses(as(d).rebond(3), 'DelegateNotRegistered', [u])
	})
})

describe('a move', () => {
	test('is a lock that anyone completes', async () => {
		await settled()
		const r = await round()
		const receipt = await run(as(d).bond(10n * LPT, u))
		const until = BigInt(receipt.blockNumber) + 20n
		expect_event(receipt, b, 'MoveStarted', [t, u, d, 0n, 100n * LPT, until])
		expect_event(receipt, b, 'Bond', [u, t, d, 10n * LPT, 10n * LPT])
		assert.deepEqual([...await b.getLock(d, 0)], [100n * LPT, r + 2n, until, t.address, u.address])
		assert.equal(await b.isValidUnbondingLock(d, 0), false)
		await refuses(as(f).completeMove(d, 0), 'LockNotMature', [0n, r + 2n, until])
		await refuses(as(f).completeMove(d, 1), 'InvalidLock', [d, 1n])
		await refuses(as(d).withdrawStake(0), 'LockHasDestination', [0n, u])
		await refuses(as(d).rebond(0), 'LockHasDestination', [0n, u])
		// Misdeeds of the old delegate still reach it, those of the new one only what is there.
		await slash(kit, t, 50000n)
		await slash(kit, u, 100000n)
		await kit.mine(20)
		expect_event(await run(as(f).completeMove(d, 0)), b, 'MoveCompleted', [u, d, 0n, 95n * LPT])
		assert.equal(await stake(d), 104n * LPT)
		await refuses(as(f).completeMove(d, 0), 'InvalidLock', [d, 0n])
		await run(as(d).unbond(LPT))
		await refuses(as(f).completeMove(d, 1), 'InvalidLock', [d, 1n])
	})

	test('to one that resigned meanwhile becomes an unbonding lock', async () => {
		await settled()
		await run(as(d).bond(0, u))
		await run(as(u).resignAsTranscoder())
		await kit.mine(20)
		expect_event(await run(as(f).completeMove(d, 0)), b, 'MoveCompleted', [ZeroAddress, d, 0n, 0n])
		assert.equal(await b.isValidUnbondingLock(d, 0), true)
		await kit.next_rounds(2)
		const had = await balance(d)
		await run(as(d).withdrawStake(0))
		assert.equal(await balance(d) - had, 100n * LPT)
	})

	test('to nobody tells what was earned meanwhile once', async () => {
		await settled()
		await run(as(d).bond(100n * LPT, u))
		await kit.next_round()
		const r = await round()
		await pay_fees(kit, u, LPT)
		const got = await fees(d)
		assert.ok(got > 0n)
		await run(as(u).resignAsTranscoder())
		await kit.mine(20)
		const receipt = await run(as(f).completeMove(d, 0))
		expect_event(receipt, b, 'MoveCompleted', [ZeroAddress, d, 0n, 0n])
		expect_event(receipt, b, 'EarningsClaimed', [u, d, 0n, got, r, r])
		assert.equal(await fees(d), got)
		assert.equal((await b.getDelegator(d)).lastClaimRound, r)
		assert.equal(events_of(await run(as(d).claimEarnings(r)), b, 'EarningsClaimed').length, 0)
	})

	test('goes where its owner went since', async () => {
		await settled()
		await run(as(d).bond(LPT, u))
		await run(as(d).bond(LPT, w))
		await kit.mine(20)
		for (const lock of [0, 1]) await run(as(f).completeMove(d, lock))
		assert.equal(await b.delegateOf(d), w.address)
		assert.equal(await stake(d), 102n * LPT)
	})
})

describe('transcoder', () => {
	test('registers, changes rates from the next round on', async () => {
		await run(as(t).bond(10n * LPT, t))
		const r = await round()
		const receipt = await run(as(t).transcoder(100000, 200000, 7))
		expect_event(receipt, b, 'TranscoderUpdate', [t, 100000n, 200000n, 7n, r + 1n])
		expect_event(receipt, b, 'TranscoderActivated', [t, r + 1n])
		assert.equal(await b.transcoderStatus(t), 1n)
		assert.equal(await b.isActiveTranscoderAt(t, r), false)
		assert.deepEqual([...await b.entryAt(t, r)], [0n, 0n, 0n, 0n, 0n, false])
		await kit.next_round()
		await run(as(t).transcoder(50000, 300000, 8))
		assert.deepEqual([...await b.entryAt(t, r + 1n)], [r + 1n, 10n * LPT, 7n, 100000n, 200000n, true])
		assert.deepEqual([...await b.entryAt(t, r + 2n)], [r + 2n, 10n * LPT, 8n, 50000n, 300000n, true])
		assert.equal(await b.transcoderStatus(d), 0n)
	})

	test('refused', async () => {
		await refuses(as(t).transcoder(1000001, 0, 0), 'InvalidRate', ['rewardCut', 1000001n, 1000000n])
		await refuses(as(t).transcoder(0, 1000001, 0), 'InvalidRate', ['feeShare', 1000001n, 1000000n])
		await refuses(as(t).transcoder(0, 0, 2n ** 64n), 'InvalidRate', ['pricePerSegment', 2n ** 64n, 2n ** 64n - 1n])
		await refuses(as(t).transcoder(0, 0, 0), 'NotBonded', [t])
		await run(as(t).bond(LPT - 1n, t))
		await refuses(as(t).transcoder(0, 0, 0), 'StakeTooSmall', [LPT - 1n, LPT])
		await settled()
		await refuses(as(d).transcoder(0, 0, 0), 'NotBonded', [d])
	})

	test('the lock period: only down, to what another offers', async () => {
		await settled()
		await kit.chain.next_is(await rounds.currentRoundStartBlock() + 54n)
		const r = await round()
		await refuses(as(t).transcoder(0, 0, 1), 'RoundLocked', [r])
		await refuses(as(u).lowerPrice(20, t), 'PriceNotLower', [20n, 20n])
		await refuses(as(u).lowerPrice(9, t), 'PriceBelowMatched', [9n, 10n])
		await refuses(as(u).lowerPrice(9, u), 'NotRegistered', [u])
		await refuses(as(u).lowerPrice(9, f), 'NotRegistered', [f])
		await refuses(as(f).lowerPrice(9, t), 'NotRegistered', [f])
		// Registered, but with too little to be chosen: its offer is none.
		await run(as(w).unbond(49n * LPT + 1n))
		await refuses(as(u).lowerPrice(19, w), 'NotRegistered', [w])
		expect_event(await run(as(u).lowerPrice(10, t)), b, 'TranscoderUpdate', [u, 0n, 500000n, 10n, r + 1n])
		assert.equal((await b.entryAt(u, r)).price, 20n)
		assert.equal((await b.entryAt(u, r + 1n)).price, 10n)
	})

	test('resign', async () => {
		await settled()
		await refuses(as(f).resignAsTranscoder(), 'NotRegistered', [f])
		const r = await round()
		expect_event(await run(as(w).resignAsTranscoder()), b, 'TranscoderResigned', [w, r + 1n])
		assert.equal(await b.getWaitingListSize(), 0n)
		await run(as(t).resignAsTranscoder())
		assert.equal(await b.getTranscoderPoolSize(), 1n)
		assert.equal((await b.entryAt(t, r + 1n)).inPool, false)
		// It may move now, or come back; it is on the roster once.
		await run(as(t).transcoder(0, 0, 1))
		const [list] = await b.getCandidates(r, await kit.chain.block(), 100n)
		assert.deepEqual([...list].map(key).sort(), [t, u, w].map(key).sort())
		await run(as(w).bond(0, t))
	})

	test('availability counts from the next block on, for ever', async () => {
		await settled()
		const r = await round()
		await refuses(as(f).transcodeAvailability(true), 'NotRegistered', [f])
		const receipt = await run(as(t).transcodeAvailability(false))
		const at = receipt.blockNumber
		expect_event(receipt, b, 'TranscoderAvailability', [t, false, BigInt(at) + 1n])
		assert.equal(await b.eligibleStake(t, r, at, 10), 500n * LPT)
		assert.equal(await b.eligibleStake(t, r, at + 1, 10), 0n)
		assert.equal((await b.getTranscoderInfo(t)).available, false)
		await run(as(t).transcodeAvailability(true))
		assert.equal(await b.eligibleStake(t, r, at + 1, 10), 0n)
		assert.equal(await b.eligibleStake(t, r, at + 2, 10), 500n * LPT)
		assert.equal(await b.eligibleStake(t, r, at + 2, 9), 0n)
	})
})

describe('the pool', () => {
	test('takes who has more than the smallest, from the next round on', async () => {
		await settled()
		const r = await round()
		assert.equal(await b.getFirstTranscoderInPool(), u.address)
		assert.equal(await b.getNextTranscoderInPool(u), t.address)
		assert.equal(await b.getNextTranscoderInPool(t), ZeroAddress)
		assert.equal(await b.getNextTranscoderInPool(w), ZeroAddress)
		// Equal is not more.
		await run(as(f).bond(450n * LPT, w))
		assert.equal((await b.getTranscoderInfo(w)).inPool, false)
		await refuses(b.promote(w), 'NoPlaceInPool', [500n * LPT, 500n * LPT])
		const receipt = await run(as(f).bond(1, w))
		expect_event(receipt, b, 'TranscoderActivated', [w, r + 1n])
		expect_event(receipt, b, 'TranscoderDeactivated', [t, r + 1n])
		assert.equal(await b.nextRoundTotalActiveStake(), 1100n * LPT + 1n)
		assert.equal(await b.isActiveTranscoder(t), true)
		const { rows, total } = await b.getTranscoders(2, 10)
		assert.deepEqual([total, rows.length, rows[0].transcoder], [3n, 1, t.address])
		await refuses(b.promote(u), 'NotWaiting', [u])
		await refuses(b.promote(f), 'NotWaiting', [f])
	})

	test('grows by vote, never shrinks', async () => {
		await settled()
		await run(b.setNumActiveTranscoders(3))
		await run(as(f).promote(w))
		assert.equal(await b.getTranscoderPoolSize(), 3n)
		assert.equal(await b.getTranscoderPoolMaxSize(), 3n)
	})

	test('who falls below the minimum is not on the waiting list', async () => {
		await settled()
		await run(as(w).unbond(49n * LPT + 1n))
		assert.equal(await b.getWaitingListSize(), 0n)
		assert.equal(await b.hasStake(w), false)
		await refuses(b.promote(w), 'StakeTooSmall', [LPT - 1n, LPT])
		await run(as(w).bond(1, w))
		assert.equal(await b.getWaitingListSize(), 1n)
		assert.equal(await b.hasStake(w), true)
	})

	test('one of the waiting is drawn by the hash', async () => {
		await settled()
		await register(kit, f, 10n * LPT)
		for (let i = 0; i < 6; i++) {
			const receipt = await kit.next_round()
			const { blockHash } = event_of(receipt, rounds, 'NewRound')
			const expected = [w, f][Number(BigInt(blockHash) % 2n)]
			const r = await round()
			expect_event(receipt, b, 'TranscoderDrawn', [expected, r])
			assert.equal(await b.drawnTranscoder(r), expected.address)
			assert.equal(await b.isActiveTranscoder(expected), true)
			assert.equal(await b.currentRoundTotalActiveStake(), 1100n * LPT + (expected === w ? 50n : 10n) * LPT)
		}
		// Unless the minimum was raised since.
		await run(b.setMinTranscoderStake(60n * LPT))
		await kit.next_round()
		assert.equal(await b.drawnTranscoder(await round()), ZeroAddress)
		assert.equal(await b.totalActiveStakeAt(await round()), 1100n * LPT)
		assert.equal(await b.totalActiveStakeAt(await round() + 5n), 1100n * LPT)
		assert.equal(await b.totalActiveStakeAt(1), 0n)
	})
})

describe('reward', () => {
	test('by stake of the round; the cut to the transcoder', async () => {
		await settled({ cut: 100000n })
		const r = await round()
		const mintable = await minter.currentMintableTokens()
		const tokens = mintable * 500n / 1150n
		const receipt = await run(as(t).reward())
		expect_event(receipt, b, 'Reward', [t, tokens])
		const cut = tokens / 10n
		const near = (a, x) => assert.ok(a <= x && a >= x - 2n, `${a}, not ${x}`)
		near(await stake(t), 100n * LPT + (tokens - cut) / 5n + cut)
		near(await stake(d), 100n * LPT + (tokens - cut) / 5n)
		near(await stake(e), 300n * LPT + (tokens - cut) * 3n / 5n)
		assert.equal(await b.transcoderTotalStake(t), 500n * LPT + tokens)
		assert.equal(await b.getTotalBonded(), 1150n * LPT + tokens)
		assert.equal((await b.entryAt(t, r)).stake, 500n * LPT)
		assert.equal((await b.entryAt(t, r + 1n)).stake, 500n * LPT + tokens)
		assert.equal(await minter.currentMintedTokens(), tokens)
		await refuses(as(t).reward(), 'AlreadyRewarded', [t, r])
		await refuses(as(f).reward(), 'NotActive', [f, r])
		// The drawn one has its part.
		expect_event(await run(as(w).reward()), b, 'Reward', [w, mintable * 50n / 1150n])
	})

	test('of a vault that nobody is in goes to the CommonPool', async () => {
		await settled()
		for (const who of [d, e, t]) await run(as(who).unbond(await stake(who)))
		const before_ = await balance(kit.treasury)
		expect_event(await run(as(t).reward()), b, 'Reward', [t, 0n])
		assert.equal(await balance(kit.treasury) - before_, await minter.currentMintableTokens() * 500n / 1150n)
		assert.equal(await b.transcoderTotalStake(t), 0n)
	})

	test('on dust cannot take later bonds away', async () => {
		await settled()
		for (const [who, left] of [[d, 0n], [e, 0n], [t, 10n ** 6n]]) await run(as(who).unbond(await stake(who) - left))
		await run(as(t).reward())
		// A share is worth a base unit at most: 10^9 a base unit were there.
		assert.equal(await b.transcoderTotalStake(t), 10n ** 15n)
		await run(as(d).bond(19n * LPT / 10n, t))
		await kit.next_round()
		assert.equal(await stake(d), 19n * LPT / 10n)
	})

	test('CompetitivenessTolerance: half of its part is enough, less is not', async () => {
		await settled({ share: 1000000n })
		await kit.next_round()
		// In grace, and with hardly any work in the network, nobody is judged.
		await pay_fees(kit, u, 999n)
		assert.ok(event_of(await run(as(t).reward()), b, 'Reward').amount > 0n)
		await kit.next_round()
		await pay_fees(kit, u, 10n ** 12n)
		expect_event(await run(as(t).reward()), b, 'Reward', [t, 0n])
		assert.ok(event_of(await run(as(u).reward()), b, 'Reward').amount > 0n)
		await kit.next_round()
		// x of all work, o + x, is half of t's part of the stake when x = o stake / (2 total - stake).
		const [{ stake: part }, total] = [await b.entryAt(t, await round()), await b.currentRoundTotalActiveStake()]
		const others = (999n * 29n / 30n + 10n ** 12n) * 29n / 30n
		const enough = others * part / (2n * total - part)
		const before_ = await kit.snapshot()
		await pay_fees(kit, t, enough - 10n)
		expect_event(await run(as(t).reward()), b, 'Reward', [t, 0n])
		await kit.revert(before_)
		await pay_fees(kit, t, enough + 10n)
		assert.ok(event_of(await run(as(t).reward()), b, 'Reward').amount > 0n)
		assert.equal((await b.getTranscoderInfo(u)).work, others)
	})

	test('fees of which delegators got nothing are no work', async () => {
		await settled({ share: 0n })
		await pay_fees(kit, t, LPT)
		assert.equal((await b.getTranscoderInfo(t)).work, 0n)
		assert.equal(await fees(t), LPT)
	})
})

describe('fees', () => {
	test('feeShare of the round of the job to all, by shares', async () => {
		await settled()
		const r = await round()
		await run(as(t).transcoder(0, 0, 10))
		const receipt = await pay_fees(kit, t, 1000n)
		expect_event(receipt, b, 'FeesReceived', [t, 1000n, 500n, r])
		assert.deepEqual(await Promise.all([t, d, e].map(fees)), [599n, 99n, 299n])
		// A feeShare that is lower holds a round later.
		await kit.next_rounds(2)
		// A late job of that round: its rates then.
		await pay_fees(kit, t, 1000n, r)
		assert.deepEqual(await Promise.all([t, d, e].map(fees)), [1199n, 199n, 599n])
		await pay_fees(kit, t, 1000n)
		assert.equal(await fees(t), 2199n)
	})

	test('are claimed and withdrawn, in the pause too', async () => {
		await settled()
		await pay_fees(kit, t, LPT)
		const r = await round()
		await refuses(as(d).claimEarnings(r - 1n), 'InvalidParameter', ['endRound', r - 1n])
		await refuses(as(f).claimEarnings(r), 'NotBonded', [f])
		const got = LPT / 10n - 1n
		expect_event(await run(as(d).claimEarnings(r)), b, 'EarningsClaimed', [t, d, 0n, got, r, r])
		assert.equal((await b.getDelegator(d)).lastClaimRound, r)
		await run(kit.sys.Controller.pause())
		const had = await kit.chain.balance(f.address)
		await refuses(as(d).withdrawFees(f, got + 1n), 'InsufficientFees', [got + 1n, got])
		await refuses(as(d).withdrawFees(ZeroAddress, 1n), 'ZeroAddress', [])
		await refuses(as(d).withdrawFees(kit.sys.LivepeerToken, 1n), 'FeeTransferFailed', [kit.sys.LivepeerToken, 1n])
		await kit.chain.rpc('anvil_setCode', w.address, calling_back(b.interface.encodeFunctionData('withdrawFees', [w.address, 0n])))
		await refuses(as(d).withdrawFees(w, 1n), 'FeeTransferFailed', [w, 1n])
		expect_event(await run(as(d).withdrawFees(f, got)), b, 'WithdrawFees', [d, f, got])
		assert.equal(await kit.chain.balance(f.address) - had, got)
		assert.equal(await fees(d), 0n)
	})

	test('with no shares are the transcoder\'s', async () => {
		await settled()
		for (const who of [d, e, t]) await run(as(who).unbond(await stake(who)))
		await run(as(f).bond(LPT, f))
		await pay_fees(kit, t, 1000n)
		await pay_fees(kit, f, 1000n)
		assert.deepEqual([await fees(t), await fees(f)], [1000n, 1000n])
		await run(as(t).withdrawFees(t, 1000n))
	})

	test('only from the JobsManager, with the ETH', async () => {
		await refuses(as(t).updateTranscoderWithFees(t, 0, 1), 'OnlyJobsManager', [t])
		await refuses(as(kit.jobs).updateTranscoderWithFees(t, 5, 1, { value: 4n }), 'InvalidParameter', ['fees', 5n])
	})
})

describe('slash', () => {
	test('takes its part of all, settled in this round or not, pending or not', async () => {
		await settled()
		await run(as(d).claimEarnings(await round()))
		await run(as(f).bond(40n * LPT, t))
		const [pool, had] = [await balance(kit.treasury), await balance(w)]
		const receipt = await slash(kit, t, 250000n, w.address, 50000n)
		expect_event(receipt, b, 'TranscoderSlashed', [t, w, 135n * LPT, 6750000000000000000n])
		assert.deepEqual(await Promise.all([t, d, e, f].map(stake)), [75n * LPT, 75n * LPT, 225n * LPT, 30n * LPT])
		assert.equal(await balance(w) - had, 6750000000000000000n)
		assert.equal(await balance(kit.treasury) - pool, 128250000000000000000n)
		// What comes after it is whole.
		await run(as(f).bond(40n * LPT, t))
		assert.equal(await stake(f), 70n * LPT)
		assert.equal((await b.getTranscoderInfo(t)).slashes, 1n)
		assert.equal(await b.nextRoundTotalActiveStake(), 1045n * LPT)
		await kit.next_round()
		// Less than a base unit is lost when tokens become shares.
		assert.equal(await stake(f), 70n * LPT - 1n)
		assert.equal(await b.isActiveTranscoder(t), true)
	})

	test('of everything begins an epoch; fees of the old one are not lost', async () => {
		await settled()
		await pay_fees(kit, t, LPT)
		await run(as(f).bond(LPT, t))
		await slash(kit, t, 1000000n)
		assert.deepEqual(await Promise.all([t, d, e, f].map(stake)), [0n, 0n, 0n, 0n])
		assert.equal(await fees(d), LPT / 10n - 1n)
		await run(as(d).bond(7n * LPT, t))
		await kit.next_round()
		await pay_fees(kit, t, LPT)
		assert.equal(await stake(d), 7n * LPT)
		assert.ok(await fees(d) > LPT * 599n / 1000n)
		assert.equal(await fees(e), LPT * 3n / 10n - 1n)
		assert.equal(await stake(e), 0n)
		await run(as(e).withdrawFees(e, LPT * 3n / 10n - 1n))
		await run(as(e).bond(LPT, u))
		assert.equal(await stake(e), LPT)
	})

	test('refused', async () => {
		await refuses(as(t).slashTranscoder(t, ZeroAddress, 1, 0), 'OnlyJobsManager', [t])
		await refuses(as(kit.jobs).slashTranscoder(t, ZeroAddress, 1000001, 0), 'InvalidParameter', ['slashAmount', 1000001n])
		await refuses(as(kit.jobs).slashTranscoder(t, ZeroAddress, 1, 1000001), 'InvalidParameter', ['finderFee', 1000001n])
	})
})

describe('finders', () => {
	const commitment = (finder, salt, action) =>
		keccak256(AbiCoder.defaultAbiCoder().encode(['address', 'bytes32', 'bytes32'], [finder, salt, action]))
	const missed = (who, list) => keccak256(AbiCoder.defaultAbiCoder().encode(['bytes4', 'address', 'uint256[]'],
		[b.interface.getFunction('missedRewardSlash').selector, who, list]))

	test('a commitment of an earlier block, once', async () => {
		const c = commitment(f.address, word(1), id('x'))
		expect_event(await run(as(d).commitFinding(c)), b, 'FindingCommitted', [d, c])
		await refuses(as(f).takeFinding(f, word(1), id('x')), 'OnlyJobsManager', [f])
		const jobs = as(kit.jobs)
		const taken = (finder, salt, at = 'pending') => jobs.takeFinding.staticCall(finder, salt, id('x'), { blockTag: at })
		assert.equal(await taken(f, word(1), 'latest'), false, 'in the same block')
		assert.equal(await taken(f, word(2)), false)
		assert.equal(await taken(d, word(1)), false)
		assert.equal(await taken(f, word(1)), true)
		// Made again it is no younger.
		await run(as(f).commitFinding(c))
		assert.equal(await taken(f, word(1), 'latest'), true)
		await run(jobs.takeFinding(f, word(1), id('x')))
		assert.equal(await taken(f, word(1)), false)
	})

	test('missed rewards: with a commitment the finder is paid', async () => {
		await settled()
		const r = await round()
		await run(as(t).reward())
		await kit.next_rounds(3)
		const list = [r + 1n, r + 2n]
		await run(as(f).commitFinding(commitment(f.address, word(9), missed(t.address, list))))
		await refuses(as(f).missedRewardSlash(t, [r + 1n], ZeroHash), 'InvalidParameter', ['rounds', 1n])
		await refuses(as(f).missedRewardSlash(t, [r, r + 1n], ZeroHash), 'NoMissedRewards', [t, r])
		await refuses(as(f).missedRewardSlash(t, [r + 2n, r + 3n], ZeroHash), 'NoMissedRewards', [t, r + 3n])
		await refuses(as(f).missedRewardSlash(t, [r + 1n, r + 1n], ZeroHash), 'NoMissedRewards', [t, r + 1n])
		await refuses(as(f).missedRewardSlash(d, list, ZeroHash), 'NoMissedRewards', [d, r + 1n])
		const had = await balance(f)
		const total = await b.transcoderTotalStake(t)
		const taken = total * 30000n / 1000000n
		expect_event(await run(as(f).missedRewardSlash(t, list, word(9))), b, 'TranscoderSlashed', [t, f, taken, taken / 20n])
		assert.equal(await balance(f) - had, taken / 20n)
		assert.equal((await b.getTranscoderInfo(t)).missedRewards, 2n)
		await refuses(as(f).missedRewardSlash(t, list, word(9)), 'NoMissedRewards', [t, r + 1n])
	})

	test('missed rewards: without one it all goes to the CommonPool; a round that never began is no miss', async () => {
		await settled()
		const r = await round()
		await kit.mine(120)
		await kit.next_round()
		await kit.next_round()
		const now = await round()
		await refuses(as(f).missedRewardSlash(u, [r, r + 1n], ZeroHash), 'NoMissedRewards', [u, r + 1n])
		await refuses(as(f).missedRewardSlash(u, [r - 1n, r], ZeroHash), 'NoMissedRewards', [u, r - 1n])
		expect_event(await run(as(f).missedRewardSlash(u, [r, now - 1n], ZeroHash)), b, 'TranscoderSlashed', [u, ZeroAddress, 18n * LPT, 0n])
	})
})

describe('everything waits for its round, and for the pause', () => {
	const calls = () => [
		['bond', [1, t]], ['unbond', [1]], ['rebond', [0]], ['rebondFromUnbonded', [t, 0]], ['claimEarnings', [1]],
		['transcoder', [0, 0, 0]], ['lowerPrice', [0, u]], ['resignAsTranscoder', []], ['transcodeAvailability', [true]],
		['promote', [t]], ['reward', []], ['completeMove', [t, 0]], ['missedRewardSlash', [t, [1], ZeroHash]],
	]

	test('RoundNotInitialized', async () => {
		await run(as(d).bond(LPT, d))
		await run(as(d).unbond(LPT))
		await settled()
		await kit.mine(120)
		const r = await round()
		for (const [name, args] of calls()) await refuses(as(t)[name](...args), 'RoundNotInitialized', [r])
		const jobs = as(kit.jobs)
		await refuses(jobs.slashTranscoder(t, ZeroAddress, 1, 0), 'RoundNotInitialized', [r])
		await refuses(jobs.updateTranscoderWithFees(t, 0, 1), 'RoundNotInitialized', [r])
		// What is owed is paid.
		await run(as(d).withdrawStake(0))
	})

	test('ManagerPaused', async () => {
		await settled()
		await run(kit.sys.Controller.pause())
		for (const [name, args] of calls()) await refuses(as(t)[name](...args), 'ManagerPaused', [])
	})

	test('a round\'s total is set by the RoundsManager only', async () => {
		await refuses(as(f).setCurrentRoundTotalActiveStake(word(1)), 'OnlyRoundsManager', [f])
	})
})

describe('parameters', () => {
	const setters = [
		['setUnbondingPeriod', 'unbondingPeriod', 5n, [0n, 10001n]],
		['setNumActiveTranscoders', 'numActiveTranscoders', 3n, [2n, 65536n]],
		['setMinTranscoderStake', 'minTranscoderStake', 5n, [0n, 2n ** 96n]],
		['setMissedRewardSlashAmount', 'missedRewardSlashAmount', 1000000n, [1000001n]],
		['setMissedRewardRounds', 'missedRewardRounds', 4n, [0n, 101n]],
		['setFinderFee', 'finderFee', 70000n, [1000001n]],
	]

	test('are set by the owner of the Controller, within bounds', async () => {
		for (const [setter, getter, good, bad] of setters) {
			expect_event(await run(b[setter](good)), b, 'ParameterUpdate', [getter])
			assert.equal(await b[getter](), good)
			for (const v of bad) await refuses(b[setter](v), 'InvalidParameter', [getter, v])
			await refuses(as(t)[setter](good), 'OnlyControllerOwner', [t])
		}
		await run(b.setCompetitiveness(1, 2, 3))
		assert.deepEqual([await b.competitivenessTolerance(), await b.competitivenessGrace(), await b.competitivenessFloor()], [1n, 2n, 3n])
		await refuses(b.setCompetitiveness(1000001, 0, 0), 'InvalidParameter', ['competitivenessTolerance', 1000001n])
		await refuses(b.setCompetitiveness(0, 2n ** 32n, 0), 'InvalidParameter', ['competitivenessGrace', 2n ** 32n])
		await refuses(b.setCompetitiveness(0, 0, 2n ** 128n), 'InvalidParameter', ['competitivenessFloor', 2n ** 128n])
		await refuses(as(t).setCompetitiveness(1, 2, 3), 'OnlyControllerOwner', [t])
	})

	test('the slashable period covers what JobsManager may still do', async () => {
		// A contract that answers 90 to everything.
		await kit.chain.rpc('anvil_setCode', kit.sys.JobsManager.target, '0x605a5f5260205ff3')
		await refuses(b.setSlashablePeriod(89), 'InvalidParameter', ['slashablePeriod', 89n])
		await refuses(b.setSlashablePeriod(2n ** 32n), 'InvalidParameter', ['slashablePeriod', 2n ** 32n])
		await refuses(as(t).setSlashablePeriod(90), 'OnlyControllerOwner', [t])
		await run(b.setSlashablePeriod(90))
		assert.equal(await b.slashablePeriod(), 90n)
	})

	test('initialize works once', async () => {
		await refuses(b.initialize([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), 'InvalidInitialization', [])
	})
})
