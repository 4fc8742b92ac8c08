// LPT: an ERC-20 with permits that only its owner mints.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Signature, ZeroAddress } from 'ethers'
import { CHAIN_ID, LPT, create, expect_event, expect_revert, run, start } from './lib/kit.mjs'

let kit, token, alice, bob
before(async () => {
	kit = await start({ accounts: 2, deploy: false })
	token = await create(kit, 'LivepeerToken')
	;[alice, bob] = kit.accounts
	await run(token.mint(alice.address, 100n * LPT))
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

test('its name, symbol and decimals', async () => {
	assert.deepEqual([await token.name(), await token.symbol(), await token.decimals()], ['Livepeer Token', 'LPT', 18n])
})

test('the owner mints, nobody else', async () => {
	const receipt = await run(token.mint(bob.address, 5n))

	expect_event(receipt, token, 'Transfer', [ZeroAddress, bob, 5n])
	assert.equal(await token.totalSupply(), 100n * LPT + 5n)
	await expect_revert(token.connect(alice).mint(alice.address, 1n), token, 'OwnableUnauthorizedAccount', [alice])
	await expect_revert(token.mint(ZeroAddress, 1n), token, 'ERC20InvalidReceiver', [ZeroAddress])
	await run(token.transferOwnership(bob.address))
	await expect_revert(token.mint(bob.address, 1n), token, 'OwnableUnauthorizedAccount', [kit.deployer])
	await run(token.connect(bob).mint(bob.address, 1n))
})

test('transfers move what there is', async () => {
	const t = token.connect(alice)

	await run(t.transfer(bob.address, 40n * LPT))
	assert.equal(await token.balanceOf(alice.address), 60n * LPT)
	assert.equal(await token.balanceOf(bob.address), 40n * LPT)
	await expect_revert(t.transfer(bob.address, 61n * LPT), token, 'ERC20InsufficientBalance', [alice, 60n * LPT, 61n * LPT])
	await expect_revert(t.transfer(ZeroAddress, 1n), token, 'ERC20InvalidReceiver', [ZeroAddress])
})

test('an allowance is used up', async () => {
	await run(token.connect(alice).approve(bob.address, 10n))
	await run(token.connect(bob).transferFrom(alice.address, bob.address, 7n))
	assert.equal(await token.allowance(alice.address, bob.address), 3n)
	await expect_revert(token.connect(bob).transferFrom(alice.address, bob.address, 4n), token,
		'ERC20InsufficientAllowance', [bob, 3n, 4n])
})

test('holders burn their own, others with an allowance', async () => {
	const receipt = await run(token.connect(alice).burn(LPT))

	expect_event(receipt, token, 'Transfer', [alice, ZeroAddress, LPT])
	assert.equal(await token.totalSupply(), 99n * LPT)
	await expect_revert(token.connect(bob).burn(1n), token, 'ERC20InsufficientBalance', [bob, 0n, 1n])
	await expect_revert(token.connect(bob).burnFrom(alice.address, 1n), token, 'ERC20InsufficientAllowance', [bob, 0n, 1n])
	await run(token.connect(alice).approve(bob.address, LPT))
	await run(token.connect(bob).burnFrom(alice.address, LPT))
	assert.equal(await token.balanceOf(alice.address), 98n * LPT)
})

async function permit(value, deadline) {
	const nonce = await token.nonces(alice.address)
	const sig = await alice.signTypedData(
		{ name: 'Livepeer Token', version: '1', chainId: CHAIN_ID, verifyingContract: token.target },
		{ Permit: ['owner', 'spender'].map(name => ({ name, type: 'address' }))
			.concat(['value', 'nonce', 'deadline'].map(name => ({ name, type: 'uint256' }))) },
		{ owner: alice.address, spender: bob.address, value, nonce, deadline })
	return Signature.from(sig)
}

test('a permit is good once, until its deadline, for what it says', async () => {
	const deadline = BigInt(await kit.chain.time()) + 1000n
	const s = await permit(9n, deadline)
	const use = (value, until) => token.connect(bob).permit(alice.address, bob.address, value, until, s.v, s.r, s.s)

	await expect_revert(use(10n, deadline), token, 'ERC2612InvalidSigner')
	await run(use(9n, deadline))
	assert.equal(await token.allowance(alice.address, bob.address), 9n)
	await expect_revert(use(9n, deadline), token, 'ERC2612InvalidSigner')
	await kit.chain.pass(2000)
	await kit.mine(1)
	await expect_revert(use(9n, deadline), token, 'ERC2612ExpiredSignature', [deadline])
})
