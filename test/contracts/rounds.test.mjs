// The RoundsManager alone: its siblings are stubs.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroHash, id, toBeHex } from 'ethers'
import { HISTORY, Stub, create, event_of, expect_event, expect_revert, run, start } from './lib/kit.mjs'

const LENGTH = 50
const DRAW = 'function setCurrentRoundTotalActiveStake(bytes32)'
const MINT = 'function setCurrentRewardTokens(address)'
const HISTORY_BLOCKS = 8191
let kit, rounds, bonding, minter, first, alice

before(async () => {
	// A chain that is older than the history is long.
	kit = await start({ accounts: 2, anvil: ['--number', 1000000], only: ['RoundsManager'], parameters: { RoundsManager: { roundLength: LENGTH } } })
	rounds = kit.sys.RoundsManager
	first = Number(await rounds.currentRoundStartBlock())
	bonding = await Stub.at(kit, kit.sys.at.BondingManager)
	minter = await Stub.at(kit, kit.sys.at.Minter)
	await bonding.answer(DRAW, [], { logged: true })
	await minter.answer(MINT, [], { logged: true })
	alice = kit.accounts[0]
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const hash_of = async n => (await kit.chain.provider.getBlock(Number(n))).hash
const start_of = round => first + (round - 1) * LENGTH
/* Mines so that calls see block n as theirs. */
const be_in = n => kit.chain.next_is(n + 1)

const forget_history = () => kit.chain.rpc('anvil_setCode', HISTORY, '0x')
/* As if block n, which was never mined here, had that hash: it lies in a ring of 8191 words. */
const remember = (n, hash) => kit.chain.rpc('anvil_setStorageAt', HISTORY, toBeHex(n % HISTORY_BLOCKS, 32), hash)

test('the first round is 1, begins with the deployment and is not initialised by it', async () => {
	assert.equal(await rounds.currentRound(), 1n)
	assert.equal(await rounds.currentRoundInitialized(), false)
	assert.equal(await rounds.lastInitializedRound(), 0n)
	assert.equal(await rounds.initializedRound(0), false)
	assert.equal(await rounds.initializedRound(1), false)
	assert.deepEqual([...await rounds.roundState()], [1n, false, false])
	assert.equal(await rounds.lastRoundLengthUpdateRound(), 1n)
	assert.equal(await rounds.lastRoundLengthUpdateStartBlock(), BigInt(first))
})

test('a round changes with its first block', async () => {
	await be_in(start_of(2) - 1)
	assert.equal(await rounds.blockNum(), BigInt(start_of(2) - 1))
	assert.equal(await rounds.currentRound(), 1n)
	await kit.mine(1)
	assert.equal(await rounds.currentRound(), 2n)
	assert.equal(await rounds.currentRoundStartBlock(), BigInt(start_of(2)))
	await kit.mine(3 * LENGTH)
	assert.equal(await rounds.currentRound(), 5n)
	assert.equal(await rounds.currentRoundStartBlock(), BigInt(start_of(5)))
})

test('weakness 21: initializeRound draws by the hash of the first block, then mints for its caller', async () => {
	await kit.chain.next_is(start_of(2) + 1)
	const receipt = await run(rounds.connect(alice).initializeRound())
	const hash = await hash_of(start_of(2))

	expect_event(receipt, rounds, 'NewRound', [2n, hash])
	assert.deepEqual([...bonding.calls_of(receipt, DRAW)[0]], [hash])
	assert.deepEqual([...minter.calls_of(receipt, MINT)[0]], [alice.address])
	assert.ok(receipt.logs[0].address === bonding.target && receipt.logs[1].address === minter.target, 'stake first')
	assert.deepEqual([...await rounds.roundState()], [2n, true, false])
	assert.equal(await rounds.currentRoundInitialized(), true)
	assert.equal(await rounds.lastInitializedRound(), 2n)
	assert.equal(await rounds.initializedRound(2), true)
	assert.equal(await rounds.initializedRound(1), false)
	assert.equal(await rounds.initializedRound(3), false)
})

test('not in the round\'s first block, whose hash is not there yet', async () => {
	await kit.chain.next_is(start_of(2))
	await expect_revert(rounds.initializeRound(), rounds, 'RoundNotDrawable', [2n, start_of(2) + 1])
	await kit.mine(1)
	await run(rounds.initializeRound())
})

test('once a round', async () => {
	await kit.next_round()
	await expect_revert(rounds.initializeRound(), rounds, 'RoundAlreadyInitialized', [2n])
	await be_in(start_of(3) - 2)
	await expect_revert(rounds.initializeRound(), rounds, 'RoundAlreadyInitialized', [2n])
	await kit.next_round()
	assert.equal(await rounds.lastInitializedRound(), 3n)
})

test('a failure of a sibling leaves the round uninitialised', async () => {
	await minter.fail(MINT)
	await be_in(start_of(2) + 1)
	await expect_revert(rounds.initializeRound(), rounds, '')
	assert.equal(await rounds.currentRoundInitialized(), false)
	await minter.answer(MINT, [])
	await run(rounds.initializeRound())
})

test('skipped rounds are lost, the next is initialised as any other', async () => {
	await kit.next_round()
	await be_in(start_of(5) + 7)
	assert.equal(await rounds.currentRoundInitialized(), false)
	await run(rounds.initializeRound())
	assert.deepEqual(await Promise.all([2, 3, 4, 5].map(r => rounds.initializedRound(r))), [true, false, false, true])
	assert.deepEqual(await Promise.all([0, 1, 2, 3, 4, 5, 6, 1000].map(r => rounds.lastInitializedUpTo(r))),
		[0n, 0n, 2n, 2n, 2n, 5n, 5n, 5n])
})

test('the last initialised round is found over hundreds of skipped ones', async () => {
	await run(rounds.setRoundLength(2))
	await run(rounds.setRoundLockAmount(0))
	const seen = []

	for (const skip of [1, 520, 2]) {
		await kit.chain.next_is(Number(await rounds.currentRoundStartBlock()) + 2 * skip + 1)
		const receipt = await run(rounds.initializeRound())
		seen.push(Number(event_of(receipt, rounds, 'NewRound').round))
	}
	assert.ok(seen[0] < 256 && seen[1] >= 512, 'a word of the bitmap between them is empty')
	for (const [i, round] of seen.entries()) {
		const before = i === 0 ? 0 : seen[i - 1]

		assert.equal(await rounds.lastInitializedUpTo(round), BigInt(round))
		assert.equal(await rounds.lastInitializedUpTo(round - 1), BigInt(seen.includes(round - 1) ? round - 1 : before))
	}
	for (const round of [255, 256, 257, 511, 512])
		assert.equal(await rounds.lastInitializedUpTo(round), BigInt(Math.max(0, ...seen.filter(r => r <= round))))
})

test('paused: no round begins', async () => {
	await run(kit.sys.Controller.pause())
	await be_in(start_of(2) + 1)
	await expect_revert(rounds.initializeRound(), rounds, 'ManagerPaused', [])
	await run(kit.sys.Controller.unpause())
	await run(rounds.initializeRound())
})

test('a round whose first block\'s hash is lost draws nobody', async () => {
	await forget_history()
	await run(rounds.setRoundLength(1000))
	await be_in(first + 300)
	const receipt = await run(rounds.initializeRound())

	expect_event(receipt, rounds, 'NewRound', [1n, ZeroHash])
	assert.deepEqual([...bonding.calls_of(receipt, DRAW)[0]], [ZeroHash])
})

test('a sealed first block still draws when its hash is lost', async () => {
	await forget_history()
	await run(rounds.setRoundLength(1000))
	await run(rounds.seal(first))
	const hash = await hash_of(first)

	await be_in(first + 300)
	expect_event(await run(rounds.initializeRound()), rounds, 'NewRound', [1n, hash])
})

test('the lock period is the last roundLockAmount of the round', async () => {
	await be_in(start_of(3) - 6)
	assert.equal(await rounds.currentRoundLocked(), false)
	await kit.mine(1)
	assert.equal(await rounds.currentRoundLocked(), true)
	assert.deepEqual([...await rounds.roundState()], [2n, false, true])
	await be_in(start_of(3) - 1)
	assert.equal(await rounds.currentRoundLocked(), true)
	await kit.mine(1)
	assert.equal(await rounds.currentRoundLocked(), false)
})

test('a lock of nothing and of all', async () => {
	await run(rounds.setRoundLockAmount(0))
	await be_in(start_of(2) - 1)
	assert.equal(await rounds.currentRoundLocked(), false)
	await run(rounds.setRoundLockAmount(1000000))
	assert.equal(await rounds.currentRoundStartBlock(), BigInt(start_of(2)))
	assert.equal(await rounds.currentRoundLocked(), true)
})

test('a new length counts from the current round\'s start', async () => {
	await be_in(start_of(3) + 9)
	const receipt = await run(rounds.setRoundLength(80))

	expect_event(receipt, rounds, 'ParameterUpdate', ['roundLength'])
	assert.equal(await rounds.roundLength(), 80n)
	assert.equal(await rounds.lastRoundLengthUpdateRound(), 3n)
	assert.equal(await rounds.lastRoundLengthUpdateStartBlock(), BigInt(start_of(3)))
	assert.equal(await rounds.currentRound(), 3n)
	await be_in(start_of(3) + 79)
	assert.equal(await rounds.currentRound(), 3n)
	await kit.mine(1)
	assert.equal(await rounds.currentRound(), 4n)
	assert.equal(await rounds.currentRoundStartBlock(), BigInt(start_of(3) + 80))
})

test('a shorter length ends rounds at once, and no round comes twice', async () => {
	await be_in(start_of(2) + 1)
	await run(rounds.initializeRound())
	await be_in(start_of(2) + 44)
	await run(rounds.setRoundLength(10))
	assert.deepEqual([...await rounds.roundState()], [6n, false, false])
	assert.equal(await rounds.currentRoundStartBlock(), BigInt(start_of(2) + 40))
	await run(rounds.initializeRound())
	assert.equal(await rounds.lastInitializedRound(), 6n)
	await run(rounds.setRoundLength(1000))
	assert.equal(await rounds.currentRound(), 6n)
	await expect_revert(rounds.initializeRound(), rounds, 'RoundAlreadyInitialized', [6n])
})

test('parameters: the owner\'s, within bounds', async () => {
	const r = rounds.connect(alice)

	await expect_revert(r.setRoundLength(10), rounds, 'OnlyControllerOwner', [alice])
	await expect_revert(r.setRoundLockAmount(10), rounds, 'OnlyControllerOwner', [alice])
	for (const bad of [0n, 1n, 1000001n, 1n << 40n])
		await expect_revert(rounds.setRoundLength(bad), rounds, 'InvalidParameter', ['roundLength', bad])
	await expect_revert(rounds.setRoundLockAmount(1000001), rounds, 'InvalidParameter', ['roundLockAmount', 1000001n])
	await run(rounds.setRoundLength(1000000))
	expect_event(await run(rounds.setRoundLockAmount(7)), rounds, 'ParameterUpdate', ['roundLockAmount'])
	assert.equal(await rounds.roundLockAmount(), 7n)
})

test('it is initialised once', async () => {
	await expect_revert(rounds.initialize(9, 9), rounds, 'InvalidInitialization', [])
	const again = await create(kit, 'RoundsManager', [kit.sys.at.Controller, bonding.target, minter.target])

	await expect_revert(again.initialize(9, 9), rounds, 'InvalidInitialization', [])
	await expect_revert(rounds.upgradeToAndCall(again.target, again.interface.encodeFunctionData('initialize', [9, 9])),
		rounds, 'InvalidInitialization', [])
})

test('hashes: of the last 256 blocks, of the history, and not beyond', async () => {
	await kit.mine(300)
	await kit.mine(300)
	const now = await kit.chain.block()

	for (const back of [1, 2, 255, 256, 257, 300, 590])
		assert.equal(await rounds.blockHash(now - back), await hash_of(now - back), `${back} back`)
	const oldest = now - HISTORY_BLOCKS

	await expect_revert(rounds.blockHash(oldest), rounds, 'BlockHashUnavailable', [oldest])
	await remember(oldest, id('oldest'))
	assert.equal(await rounds.blockHash(oldest), id('oldest'))
	for (const n of [oldest - 1, 1, now, now + 1, 2n ** 256n - 1n])
		await expect_revert(rounds.blockHash(n), rounds, 'BlockHashUnavailable', [n])
})

test('weakness 18: sealing keeps a hash for good', async () => {
	const n = await kit.chain.block()
	const hash = await hash_of(n)
	const receipt = await run(rounds.connect(alice).seal(n))

	expect_event(receipt, rounds, 'Sealed', [n, hash])
	assert.equal(await rounds.sealedHash(n), hash)
	await kit.mine(300)
	await forget_history()
	assert.equal(await rounds.blockHash(n), hash)
	const again = await run(rounds.seal(n))

	assert.equal(again.logs.length, 0, 'sealing again changes nothing')
	assert.equal(await rounds.seal.staticCall(n), hash)
})

test('weakness 18: sealing through the history, from 257 to 8191 blocks back', async () => {
	await kit.mine(300)
	await kit.mine(300)
	for (const back of [256, 257, 590]) {
		const n = await kit.chain.block() + 1 - back

		await run(rounds.seal(n))
		assert.equal(await rounds.sealedHash(n), await hash_of(n), `${back} back`)
	}
	const oldest = await kit.chain.block() + 1 - HISTORY_BLOCKS

	await remember(oldest, id('oldest'))
	await run(rounds.seal(oldest))
	assert.equal(await rounds.sealedHash(oldest), id('oldest'))
	await remember(oldest, id('older'))
	await expect_revert(rounds.seal(oldest - 1), rounds, 'BlockHashUnavailable', [oldest - 1])
	assert.equal(await rounds.sealedHash(oldest - 1), ZeroHash)
})

test('a block of the future, or the present one, is not sealed', async () => {
	const next = await kit.chain.block() + 1

	for (const n of [next, next + 1, 2n ** 256n - 1n])
		await expect_revert(rounds.seal(n), rounds, 'BlockHashUnavailable', [n])
})

test('zero hashes are never stored or answered', async () => {
	// A history that answers zeroes: PUSH1 32, PUSH0, RETURN.
	await kit.chain.rpc('anvil_setCode', HISTORY, '0x60205ff3')
	await kit.mine(400)
	const n = await kit.chain.block() - 300

	await expect_revert(rounds.seal(n), rounds, 'BlockHashUnavailable', [n])
	await expect_revert(rounds.blockHash(n), rounds, 'BlockHashUnavailable', [n])
	assert.equal(await rounds.sealedHash(n), ZeroHash)
})

test('a chain without the history serves 256 blocks', async () => {
	await forget_history()
	await kit.mine(400)
	const now = await kit.chain.block()

	assert.equal(await rounds.blockHash(now - 256), await hash_of(now - 256))
	await expect_revert(rounds.blockHash(now - 257), rounds, 'BlockHashUnavailable', [now - 257])
})

test('sealing goes on while paused: what is not sealed in time is lost', async () => {
	await run(kit.sys.Controller.pause())
	const n = await kit.chain.block()

	await run(rounds.seal(n))
	assert.equal(await rounds.sealedHash(n), await hash_of(n))
})

test('a sealed hash cannot be overwritten by what the history says later', async () => {
	await kit.mine(10)
	const n = await kit.chain.block() - 5
	const hash = await hash_of(n)

	await run(rounds.seal(n))
	await kit.mine(300)
	// A history that answers the same for all: PUSH1 1, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
	await kit.chain.rpc('anvil_setCode', HISTORY, '0x60015f5260205ff3')
	await run(rounds.seal(n))
	assert.equal(await rounds.blockHash(n), hash)
})
