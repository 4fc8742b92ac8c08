// The faucet of devnets.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { LPT, create, expect_event, expect_revert, run, start } from './lib/kit.mjs'

let kit, token, faucet, alice, bob
before(async () => {
	kit = await start({ accounts: 2, deploy: false })
	token = await create(kit, 'LivepeerToken')
	faucet = await create(kit, 'LivepeerTokenFaucet', [token.target, 10n * LPT, 2])
	;[alice, bob] = kit.accounts
	await run(token.mint(faucet.target, 25n * LPT))
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

test('it says what it gives, of what, how often', async () => {
	assert.equal(await faucet.token(), token.target)
	assert.equal(await faucet.requestAmount(), 10n * LPT)
	assert.equal(await faucet.requestWait(), 2n)
})

test('once in requestWait hours', async () => {
	const receipt = await run(faucet.connect(alice).request())
	const then = BigInt(await kit.chain.time())

	expect_event(receipt, faucet, 'Request', [alice, 10n * LPT])
	assert.equal(await token.balanceOf(alice.address), 10n * LPT)
	assert.equal(await faucet.nextValidRequest(alice.address), then + 7200n)
	await expect_revert(faucet.connect(alice).request(), faucet, 'RequestTooEarly', [alice, then + 7200n])
	await run(faucet.connect(bob).request())
	await kit.chain.rpc('evm_setNextBlockTimestamp', Number(then) + 7200)
	await expect_revert(faucet.connect(alice).request(), token, 'ERC20InsufficientBalance', [faucet, 5n * LPT, 10n * LPT])
	await run(token.mint(faucet.target, 5n * LPT))
	await run(faucet.connect(alice).request())
	assert.equal(await token.balanceOf(alice.address), 20n * LPT)
})

test('those on the whitelist do not wait', async () => {
	await run(faucet.addToWhitelist(alice.address))
	assert.equal(await faucet.isWhitelisted(alice.address), true)
	await run(faucet.connect(alice).request())
	await run(faucet.connect(alice).request())
	assert.equal(await faucet.nextValidRequest(alice.address), 0n)
	await run(faucet.removeFromWhitelist(alice.address))
	assert.equal(await faucet.isWhitelisted(alice.address), false)
	await run(token.mint(faucet.target, 10n * LPT))
	await run(faucet.connect(alice).request())
	await expect_revert(faucet.connect(alice).request(), faucet, 'RequestTooEarly')
})

test('the whitelist is the owner\'s', async () => {
	for (const f of ['addToWhitelist', 'removeFromWhitelist'])
		await expect_revert(faucet.connect(alice)[f](alice.address), faucet, 'OwnableUnauthorizedAccount', [alice])
})
