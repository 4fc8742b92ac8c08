// What tests of contracts share: a chain, the system on it, and checks of what it did.
//
//	const kit = await start({ accounts: 8 })    // anvil + eth/deploy.json, profile devnet
//	after(() => kit.stop())
//	beforeEach(() => kit.reset())               // back to just after the deployment
//	await kit.sys.RoundsManager.connect(kit.accounts[1]).initializeRound()
//	await expect_revert(promise, 'RoundsManager', 'RoundAlreadyInitialized', [1n])
import assert from 'node:assert/strict'
import { ContractFactory, Interface, isAddress, toBeHex } from 'ethers'
import { revert_data, start_chain } from './anvil.mjs'
import { artifact, artifact_names, deploy } from './deploy.mjs'

export * from './anvil.mjs'
export * from './deploy.mjs'
export * from './eip712.mjs'

export const LPT = 10n ** 18n
export const PERC = 1000000n
/* In a list of expected arguments: any value will do. */
export const ANY = Symbol('any')

/* A seed that is in the log: a failure with it can be had again by SEED=N. */
export const seed = Number(process.env.SEED || Math.floor(Math.random() * 1e9))
/* A generator of [0, 1) from `from`: mulberry32. */
export function random_from(from = seed) {
	let state = from >>> 0
	return () => {
		state = (state + 0x6d2b79f5) | 0
		let t = Math.imul(state ^ (state >>> 15), 1 | state)
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296
	}
}

/* ---- reverts ---- */

const builtin = new Interface(['error Error(string)', 'error Panic(uint256)'])
let errors = null
function all_errors() {
	if (errors) return errors
	errors = new Map()
	for (const i of [builtin, ...artifact_names().map(n => artifact(n).interface)])
		i.forEachError(fragment => errors.set(fragment.selector, { fragment, interface: i }))
	return errors
}

function interface_of(contract) {
	if (!contract) return null
	return typeof contract === 'string' ? artifact(contract).interface : contract.interface ?? contract
}

/* { name, args } of revert data, by the contract's ABI or any other of ours; null if unknown. */
export function decode_error(data, contract) {
	const own = interface_of(contract)?.parseError(data)
	if (own) return { name: own.name, args: [...own.args] }
	const found = all_errors().get(data.slice(0, 10))
	return found ? { name: found.fragment.name, args: [...found.interface.decodeErrorResult(found.fragment, data)] } : null
}

function explain(data) {
	if (data === '0x') return 'without data'
	const e = decode_error(data)
	return e ? `${e.name}(${e.args.join(', ')})` : data
}

/* Values as they compare: numbers as BigInt, addresses in lower case, contracts and accounts by
 * their address, structs as lists. */
function plain(v) {
	if (typeof v === 'number') return BigInt(v)
	if (typeof v === 'string') return v.startsWith('0x') || isAddress(v) ? v.toLowerCase() : v
	if (v?.target || v?.address) return plain(v.target ?? v.address)
	if (Array.isArray(v)) return [...v].map(plain)
	return v
}

/* Asserts that arguments of an event or error are those expected; ANY fits all. */
export function same_args(actual, expected, what) {
	const a = [...actual].map(plain)
	const e = [...expected].map((v, i) => v === ANY ? a[i] : plain(v))
	assert.deepEqual(a, e, what)
}

async function failure_of(promise) {
	try {
		const answer = await (typeof promise === 'function' ? promise() : promise)
		if (answer?.wait) await answer.wait()
	} catch (e) {
		return e
	}
	return null
}

/* The call reverts with that custom error and, if given, those arguments.  contract: a Contract,
 * an Interface or a name, whose ABI is tried before all others.  'Error' is a require's text,
 * 'Panic' the compiler's; name '' a revert without data. */
export async function expect_revert(promise, contract, name, args) {
	const e = await failure_of(promise)
	assert.ok(e, `${name} was expected, the call succeeded`)
	const data = revert_data(e)
	if (data === null) throw e
	if (data === '0x') {
		assert.equal('', name, `reverted without data: ${e.message}`)
		return
	}
	const error = decode_error(data, contract)
	assert.ok(error, `${name} was expected, reverted with unknown ${data.slice(0, 138)}`)
	assert.equal(error.name, name, `reverted with ${error.name}(${error.args.join(', ')})`)
	if (args) same_args(error.args, args, `arguments of ${name}`)
}

/* ---- transactions and events ---- */

/* Sends and waits: await run(contract.f(...)) is the receipt. */
export async function run(sending) {
	return (await sending).wait()
}

/* Arguments of all events `name` of a contract in a receipt, in order. */
export function events_of(receipt, contract, name) {
	const i = interface_of(contract)
	return receipt.logs
		.filter(l => !contract.target || l.address.toLowerCase() === contract.target.toLowerCase())
		.map(l => i.parseLog(l))
		.filter(l => l?.name === name)
		.map(l => l.args)
}

/* The only such event. */
export function event_of(receipt, contract, name) {
	const found = events_of(receipt, contract, name)
	assert.equal(found.length, 1, `${found.length} events ${name}`)
	return found[0]
}

/* There is exactly one such event, with these arguments. */
export function expect_event(receipt, contract, name, args) {
	same_args(event_of(receipt, contract, name), args, `arguments of ${name}`)
}

/* ---- the system ---- */

export class Kit {
	constructor(chain, sys, accounts) {
		this.chain = chain
		this.sys = sys
		this.accounts = accounts
		this.deployer = sys.deployer
	}

	stop() { this.chain.stop() }
	mine(n) { return this.chain.mine(n) }
	snapshot() { return this.chain.snapshot() }
	revert(snapshot) { return this.chain.revert(snapshot) }

	/* Makes the present state the one that reset() goes back to. */
	async keep() { this.base = await this.chain.snapshot() }
	async reset() {
		await this.chain.revert(this.base)
		await this.keep()
	}

	/* Mines up to the next round's first block and initialises that round (in its second). */
	async next_round(by = this.deployer) {
		const rounds = this.sys.RoundsManager
		const start = await rounds.currentRoundStartBlock() + await rounds.roundLength()
		await this.chain.next_is(start + 1n)
		return run(rounds.connect(by).initializeRound())
	}

	async next_rounds(n, by) {
		for (let i = 0; i < n; i++) await this.next_round(by)
	}

	/* The round of the next transaction is initialised when this returns. */
	async ensure_round(by = this.deployer) {
		const rounds = this.sys.RoundsManager
		const pending = { blockTag: 'pending' }
		if (await rounds.currentRoundInitialized(pending)) return
		const start = Number(await rounds.currentRoundStartBlock(pending))
		if (await this.chain.block() < start) await this.chain.next_is(start + 1)
		await run(rounds.connect(by).initializeRound())
	}

	/* LPT from the deployer's genesis supply. */
	give(to, amount) { return run(this.sys.LivepeerToken.connect(this.deployer).transfer(to.target ?? to.address ?? to, amount)) }

	/* As the Controller's owner, whoever that is: parameters in tests that are not about votes. */
	async as_owner() { return this.chain.as(await this.sys.Controller.owner()) }
}

/* Starts Anvil and deploys.  accounts: how many are funded.  anvil: options of it.  deploy: false
 * for a bare chain.  What else: see deploy() in deploy.mjs. */
export async function start({ accounts = 10, anvil = [], deploy: wanted = true, ...rest } = {}) {
	const chain = await start_chain(anvil)
	try {
		chain.provider.explain = explain
		const funded = await chain.accounts(accounts)
		const sys = wanted ? await deploy(chain, rest) : { deployer: chain.account('deployer'), skipped: [] }
		if (!wanted) await chain.fund(sys.deployer.address, 10n ** 22n)
		for (const line of rest.only ? [] : sys.skipped) console.log(`# left out: ${line}`)
		const kit = new Kit(chain, sys, funded)
		await kit.keep()
		return kit
	} catch (e) {
		chain.stop()
		throw e
	}
}

/* Creates a contract of build/contracts (or a { abi, bytecode }) that is no part of the plan. */
export async function create(kit, name, args = [], by = kit.deployer) {
	const a = typeof name === 'string' ? artifact(name) : name
	const contract = await new ContractFactory(a.abi, a.bytecode.object ?? a.bytecode, by).deploy(...args)
	await contract.deploymentTransaction().wait()
	return contract
}

/* A contract that answers what it is told to (test/contracts/sol/Stub.sol), in place of what is
 * at `address` or, without one, at an address of its own. */
export class Stub {
	static async at(kit, address) {
		const stub = new Stub()
		stub.contract = await create(kit, 'Stub')
		if (address) {
			await kit.chain.rpc('anvil_setCode', address, await kit.chain.rpc('eth_getCode', stub.contract.target, 'latest'))
			stub.contract = stub.contract.attach(address)
		}
		stub.target = stub.contract.target
		return stub
	}

	/* 'function f(uint256) view returns (uint256)' answers `values` from now on; with args only
	 * calls with them.  logged: not for views; calls leave events (see calls_of). */
	answer(signature, values = [], { args, logged = false } = {}) {
		const i = new Interface([signature])
		const f = i.fragments[0]
		const call = args ? i.encodeFunctionData(f, args) : f.selector
		return run(this.contract.stubAnswer(call, i.encodeFunctionResult(f, values), false, logged))
	}

	/* It reverts with these bytes. */
	fail(signature, data = '0x') {
		return run(this.contract.stubAnswer(new Interface([signature]).fragments[0].selector, data, true, false))
	}

	/* Arguments (and .value) of logged calls in a receipt. */
	calls_of(receipt, signature) {
		const i = new Interface([signature])
		return events_of(receipt, this.contract, 'Called')
			.filter(c => c.data.startsWith(i.fragments[0].selector))
			.map(c => Object.assign([...i.decodeFunctionData(i.fragments[0], c.data)], { value: c.value }))
	}
}

/* Code of an account that, given ETH, calls the giver with `data`, and takes nothing if that fails. */
export function calling_back(data) {
	const length = toBeHex((data.length - 2) / 2, 2).slice(2)
	return `0x61${length}602060003960006000` + `61${length}60006000335af1601e5760006000fd5b00${data.slice(2)}`
}

/* A number as 32 bytes: what stands for a hash in tests. */
export const word = v => toBeHex(v, 32)
