// BondingVotes alone: which round's stake votes.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroAddress, ZeroHash } from 'ethers'
import { Stub, expect_revert, start } from './lib/kit.mjs'

const ROUND = 'function currentRound() view returns (uint256)'
const FIXED = 'function lastInitializedUpTo(uint256) view returns (uint256)'
const ACTIVE = 'function isActiveTranscoderAt(address,uint256) view returns (bool)'
const ENTRY = 'function entryAt(address,uint256) view returns (uint32,uint96,uint64,uint24,uint24,bool)'
const TOTAL = 'function totalActiveStakeAt(uint256) view returns (uint256)'
const DELEGATOR = 'function getDelegator(address) view returns (uint256,uint256,address,uint256,uint256,uint256,uint256)'
let kit, votes, rounds, bonding, alice, bob

before(async () => {
	kit = await start({ accounts: 2, only: ['BondingVotes'] })
	votes = kit.sys.BondingVotes
	rounds = await Stub.at(kit, kit.sys.at.RoundsManager)
	bonding = await Stub.at(kit, kit.sys.at.BondingManager)
	;[alice, bob] = kit.accounts
	await rounds.answer(ROUND, [9])
	for (let r = 1; r <= 9; r++) await rounds.answer(FIXED, [r], { args: [r] })
	await stake(alice, 7, 70)
	await stake(alice, 8, 80)
	await stake(alice, 9, 90)
	await bonding.answer(ACTIVE, [false])
	for (const [r, total] of [[7, 700], [8, 800], [9, 900]])
		await bonding.answer(TOTAL, [total], { args: [r] })
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

async function stake(who, round, amount) {
	await bonding.answer(ACTIVE, [true], { args: [who.address, round] })
	await bonding.answer(ENTRY, [round, amount, 1, 0, 0, true], { args: [who.address, round] })
}

test('the clock counts rounds', async () => {
	assert.equal(await votes.clock(), 9n)
	assert.equal(await votes.CLOCK_MODE(), 'mode=livepeer_round')
})

test('votes of a round are the stake of that round', async () => {
	assert.equal(await votes.getPastVotes(alice.address, 7), 70n)
	assert.equal(await votes.getPastVotes(alice.address, 8), 80n)
	assert.equal(await votes.getVotes(alice.address), 90n)
	assert.equal(await votes.getPastTotalSupply(7), 700n)
	assert.equal(await votes.getPastTotalSupply(8), 800n)
})

test('who was not active has no vote, whatever is bonded to it', async () => {
	await bonding.answer(ENTRY, [7, 1000, 1, 0, 0, false], { args: [bob.address, 7] })
	assert.equal(await votes.getPastVotes(bob.address, 7), 0n)
	assert.equal(await votes.getVotes(bob.address), 0n)
})

test('the present round and the future are not past', async () => {
	for (const round of [9n, 10n, 2n ** 48n]) {
		await expect_revert(votes.getPastVotes(alice.address, round), votes, 'ERC5805FutureLookup', [round, 9n])
		await expect_revert(votes.getPastTotalSupply(round), votes, 'ERC5805FutureLookup', [round, 9n])
	}
})

test('a round that nobody initialised votes as the last one that was, votes and total alike', async () => {
	await rounds.answer(FIXED, [7], { args: [8] })
	await rounds.answer(FIXED, [7], { args: [9] })
	assert.equal(await votes.getPastVotes(alice.address, 8), 70n)
	assert.equal(await votes.getPastTotalSupply(8), 700n)
	assert.equal(await votes.getVotes(alice.address), 70n)
})

test('votes are delegated by bonding only', async () => {
	await bonding.answer(DELEGATOR, [1, 0, alice.address, 1, 0, 0, 0], { args: [bob.address] })
	assert.equal(await votes.delegates(bob.address), alice.address)
	await expect_revert(votes.delegate(alice.address), votes, 'UseBondingManager', [])
	await expect_revert(votes.delegateBySig(ZeroAddress, 0, 0, 27, ZeroHash, ZeroHash), votes, 'UseBondingManager', [])
})
