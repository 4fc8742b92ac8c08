// The Minter alone: inflation, the round's tokens, who may ask for what.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { LPT, PERC, Stub, event_of, expect_event, expect_revert, random_from, run, seed, start } from './lib/kit.mjs'

const BONDED = 'function getTotalBonded() view returns (uint256)'
const SUPPLY = 10000000n * LPT
const SHARE = 1000n	// of the initialiser
let kit, minter, token, bonding, as_rounds, as_bonding, alice, bob

before(async () => {
	kit = await start({ accounts: 2, only: ['Minter', 'LivepeerToken'],
		options: { genesisSupply: SUPPLY, faucet: false },
		parameters: { Minter: { inflation: 400, inflationChange: 3, targetBondingRate: 500000, initializerShare: SHARE } } })
	minter = kit.sys.Minter
	token = kit.sys.LivepeerToken
	bonding = await Stub.at(kit, kit.sys.at.BondingManager)
	await bonding.answer(BONDED, [SUPPLY / 2n])
	as_rounds = minter.connect(kit.chain.as(kit.sys.at.RoundsManager))
	as_bonding = minter.connect(kit.chain.as(kit.sys.at.BondingManager))
	;[alice, bob] = kit.accounts
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const round = () => run(as_rounds.setCurrentRewardTokens(alice.address))
const left = async () => await minter.currentMintableTokens() - await minter.currentMintedTokens()

test('weakness 21: a round\'s tokens are supply x inflation, a share of them is the initialiser\'s', async () => {
	const receipt = await round()
	const tokens = SUPPLY * 400n / PERC
	const pay = tokens * SHARE / PERC

	expect_event(receipt, minter, 'SetCurrentRewardTokens', [tokens - pay, 400n])
	assert.equal(await minter.currentMintableTokens(), tokens - pay)
	assert.equal(await minter.currentMintedTokens(), 0n)
	assert.equal(await token.balanceOf(alice.address), pay)
	assert.equal(await token.balanceOf(minter.target), tokens - pay)
	assert.equal(await token.totalSupply(), SUPPLY + tokens)
})

test('only the RoundsManager begins a round', async () => {
	await expect_revert(minter.connect(alice).setCurrentRewardTokens(alice.address), minter, 'OnlyRoundsManager', [alice])
	await expect_revert(as_bonding.setCurrentRewardTokens(alice.address), minter, 'OnlyRoundsManager', [bonding])
})

test('only the BondingManager grants and pays', async () => {
	for (const who of [alice, kit.deployer, kit.chain.as(kit.sys.at.RoundsManager)]) {
		const from = await who.getAddress()

		await expect_revert(minter.connect(who).createReward(1, 2), minter, 'OnlyBondingManager', [from])
		await expect_revert(minter.connect(who).trustedTransferTokens(from, 1), minter, 'OnlyBondingManager', [from])
	}
})

test('inflation moves towards targetBondingRate and stays at it', async () => {
	await bonding.answer(BONDED, [SUPPLY / 2n - LPT])
	await round()
	assert.equal(await minter.inflation(), 403n)
	await bonding.answer(BONDED, [SUPPLY * 6n / 10n])
	await round()
	assert.equal(await minter.inflation(), 400n)
	await round()
	assert.equal(await minter.inflation(), 397n)
	const supply = await token.totalSupply() - await left()

	await bonding.answer(BONDED, [supply / 2n + 1n])
	await round()
	assert.equal(await minter.inflation(), 397n)
})

test('inflation stays within nothing and all', async () => {
	await run(minter.setInflation(2))
	await bonding.answer(BONDED, [SUPPLY])
	await round()
	assert.equal(await minter.inflation(), 0n)
	assert.equal(await minter.currentMintableTokens(), 0n)
	await round()
	assert.equal(await minter.inflation(), 0n)
	await run(minter.setInflation(999999))
	await bonding.answer(BONDED, [0])
	await round()
	assert.equal(await minter.inflation(), PERC)
})

test('rewards are parts of the round\'s tokens, and no more than those', async () => {
	await round()
	const mintable = await minter.currentMintableTokens()

	assert.equal(await as_bonding.createReward.staticCall(1, 3), mintable / 3n)
	await run(as_bonding.createReward(1, 3))
	await run(as_bonding.createReward(2, 3))
	const minted = mintable / 3n + mintable * 2n / 3n

	assert.equal(await minter.currentMintedTokens(), minted)
	await expect_revert(as_bonding.createReward(1, 3), minter, 'MintableExceeded', [mintable / 3n, mintable - minted])
	await expect_revert(as_bonding.createReward(3, 1), minter, 'MintableExceeded', [mintable * 3n, mintable - minted])
	await expect_revert(as_bonding.createReward(1, 0), null, 'Panic', [0x12n])
	assert.equal(await token.balanceOf(minter.target), mintable, 'granted tokens stay in escrow')
})

test('what nobody called for is not minted twice', async () => {
	await round()
	const first = await minter.currentMintableTokens()
	const supply = await token.totalSupply() - first

	await run(as_bonding.createReward(1, 4))
	const granted = first / 4n
	await round()
	const tokens = (supply + granted) * await minter.inflation() / PERC

	assert.equal(await minter.currentMintableTokens(), tokens - tokens * SHARE / PERC)
	assert.equal(await token.totalSupply(), supply + granted + tokens)
	assert.equal(await token.balanceOf(minter.target), granted + await left())
})

test('more left than the round has is burnt', async () => {
	await run(minter.setInflation(PERC / 2n))
	await round()
	await run(minter.setInflation(100))
	await run(minter.setInflationChange(0))
	const supply = await token.totalSupply() - await left()
	await round()
	const tokens = supply * 100n / PERC

	assert.equal(await token.totalSupply(), supply + tokens)
	assert.equal(await token.balanceOf(minter.target), tokens - tokens * SHARE / PERC)
})

test('no supply, no tokens, no failure', async () => {
	await run(token.connect(kit.deployer).burn(SUPPLY))
	await bonding.answer(BONDED, [0])
	await round()
	assert.equal(await minter.currentMintableTokens(), 0n)
	assert.equal(await token.totalSupply(), 0n)
})

test('escrow is paid where the BondingManager says', async () => {
	await run(token.transfer(minter.target, 10n * LPT))
	await run(as_bonding.trustedTransferTokens(bob.address, 4n * LPT))
	assert.equal(await token.balanceOf(bob.address), 4n * LPT)
	await expect_revert(as_bonding.trustedTransferTokens(bob.address, 7n * LPT), token,
		'ERC20InsufficientBalance', [minter, 6n * LPT, 7n * LPT])
})

test('weakness 20: nobody but the Minter mints, and it only for a round', async () => {
	assert.equal(await token.owner(), minter.target)
	await expect_revert(token.connect(kit.deployer).mint(alice.address, 1n), token, 'OwnableUnauthorizedAccount', [kit.deployer])
	const forbidden = ['mint', 'transferOwnership', 'renounceOwnership']

	minter.interface.forEachFunction(f => assert.ok(!forbidden.includes(f.name), f.name))
})

test('parameters: the owner\'s, parts of a million', async () => {
	for (const [set, get] of [['setInflation', 'inflation'], ['setInflationChange', 'inflationChange'],
		['setTargetBondingRate', 'targetBondingRate'], ['setInitializerShare', 'initializerShare']]) {
		await expect_revert(minter.connect(alice)[set](1), minter, 'OnlyControllerOwner', [alice])
		await expect_revert(minter[set](PERC + 1n), minter, 'InvalidParameter', [get, PERC + 1n])
		expect_event(await run(minter[set](PERC)), minter, 'ParameterUpdate', [get])
		assert.equal(await minter[get](), PERC)
		await run(minter[set](17))
		assert.equal(await minter[get](), 17n)
	}
	await expect_revert(minter.initialize(1, 1, 1, 1), minter, 'InvalidInitialization', [])
})

test(`tokens are conserved over random rounds (SEED=${seed})`, async () => {
	const random = random_from()
	const pick = n => BigInt(Math.floor(random() * Number(n)))
	let escrow = 0n

	for (let i = 0; i < 30; i++) {
		await bonding.answer(BONDED, [pick(100n) * SUPPLY / 100n])
		if (random() < 0.2) await run(minter.setInflation(pick(PERC / 50n)))
		const supply = await token.totalSupply() - await left()
		const paid = await token.balanceOf(alice.address)
		const event = event_of(await round(), minter, 'SetCurrentRewardTokens')
		const pay = await token.balanceOf(alice.address) - paid

		assert.equal(event[0] + pay, supply * event[1] / PERC)
		assert.equal(await token.totalSupply(), supply + event[0] + pay)
		let parts = 100n
		for (let part = pick(40n); part > 0n && part <= parts; parts -= part, part = pick(40n)) {
			escrow += await as_bonding.createReward.staticCall(part, 100n)
			await run(as_bonding.createReward(part, 100n))
		}
		assert.equal(await token.balanceOf(minter.target), escrow + await left(), `round ${i}`)
	}
})
