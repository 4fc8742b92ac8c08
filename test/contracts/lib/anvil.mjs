// An Anvil of one's own: started on a free port, killed by its pid; accounts without end, gas
// that costs nothing (so balances in tests are exact), snapshots, blocks at will.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BaseWallet, FetchRequest, JsonRpcProvider, Network, SigningKey, TransactionResponse, id, toQuantity } from 'ethers'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const binary = join(root, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
export const CHAIN_ID = 31337
/* EIP-2935: the contract that answers hashes of the last 8191 blocks. */
export const HISTORY = '0x0000F90827F1C53a10cb7A02335B175320002935'
/* EIP-7825: no transaction on the real network may have more. */
export const GAS_MAX = 16777216

/* A call or transaction that the chain reverts; `data` says why, in the ABI's words. */
export class Reverted extends Error {
	constructor(data, message) {
		super(message)
		this.data = data
	}
}

const running = new Set()
function kill(pid) {
	if (running.delete(pid) && pid > 1) {
		try { process.kill(pid, 'SIGKILL') } catch { /* gone already */ }
	}
}
process.on('exit', () => [...running].forEach(kill))

/* An account whose transactions the chain takes without a signature (as for any address), and
 * that can sign messages when its key is known. */
class Account extends BaseWallet {
	constructor(chain, name) {
		super(new SigningKey(id(`account ${name}`)), chain.provider)
		this.chain = chain
		this.label = name
	}

	sendTransaction(tx) { return this.chain.send_from(this.address, tx) }
}

/* Acts as an address of which there is no key: a contract. */
class Impostor extends BaseWallet {
	constructor(chain, address) {
		super(new SigningKey(id(`impostor of ${address}`)), chain.provider)
		this.chain = chain
		this.acts_as = address
	}

	async getAddress() { return this.acts_as }
	sendTransaction(tx) { return this.chain.send_from(this.acts_as, tx) }
	connect() { return this }
}

/* A transaction is mined when its sending is over: asked for later, its receipt is there already.  (ethers, told that there is none yet, waits for one more block: for ever, when this
 * block was mined meanwhile.) */
class Provider extends JsonRpcProvider {
	#receipts = new Map()
	explain = data => data	// what a revert's bytes mean: who knows the ABIs sets it

	async send(method, params) {
		const known = method === 'eth_getTransactionReceipt' && this.#receipts.get(params[0])
		if (known) {
			this.#receipts.delete(params[0])
			return known
		}
		if (method === 'eth_sendRawTransaction') return this.#send_raw(params)
		try {
			return await super.send(method, params)
		} catch (e) {
			const data = method === 'eth_call' ? revert_data(e) : null
			if (data === null) throw e
			throw new Reverted(data, `reverted: ${this.explain(data)}`)
		}
	}

	/* Signed by who sends it.  Blocks may come by time, or not at all: then it is not waited for
	 * any longer. */
	async #send_raw(params) {
		const hash = await super.send('eth_sendRawTransaction', params)
		for (const until = Date.now() + 3000; Date.now() < until; await sleep(1)) {
			const receipt = await super.send('eth_getTransactionReceipt', [hash])
			if (!receipt) continue
			this.#receipts.set(hash, receipt)
			break
		}
		return hash
	}

	async send_and_mine(call) {
		const hash = await super.send('eth_sendTransaction', [call])
		for (const until = Date.now() + 60000; Date.now() < until; await sleep(1)) {
			const receipt = await super.send('eth_getTransactionReceipt', [hash])
			if (!receipt) continue
			this.#receipts.set(hash, receipt)
			return hash
		}
		throw new Error(`${hash} was not mined in 60 s`)
	}
}

export class Chain {
	#accounts = new Map()
	#last = Promise.resolve()	// the sending before the next one

	constructor(pid, url) {
		const network = Network.from(CHAIN_ID)
		this.pid = pid
		this.url = url
		const request = new FetchRequest(url)
		request.timeout = 60000		// ms: an answer that never comes is a failure, not a hang
		// No cache and no batches: both answer late, one of them with what was true before.
		this.provider = new Provider(request, network,
			{ staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1, pollingInterval: 50 })
	}

	rpc(method, ...params) { return this.provider.send(method, params) }

	/* Ends the process; the provider is of no more use. */
	stop() {
		this.provider.destroy()
		kill(this.pid)
	}

	/* The account of that name or number: the same address in every run, with 10,000 ETH once
	 * it was funded (accounts() does). */
	account(name) {
		if (!this.#accounts.has(`${name}`)) this.#accounts.set(`${name}`, new Account(this, `${name}`))
		return this.#accounts.get(`${name}`)
	}

	/* Accounts 0 to n-1 or those of `names`, funded. */
	async accounts(names) {
		const list = Array.isArray(names) ? names : Array.from({ length: names }, (_, i) => i)
		const all = list.map(n => this.account(n))
		await Promise.all(all.map(a => this.fund(a.address, 10000n * 10n ** 18n)))
		return all
	}

	fund(address, wei) { return this.rpc('anvil_setBalance', address, toQuantity(wei)) }
	/* A signer that acts as `address`, a contract's too. */
	as(address) { return new Impostor(this, address.target ?? address) }
	balance(address) { return this.provider.getBalance(address.target ?? address) }
	async block() { return Number(await this.rpc('eth_blockNumber')) }
	async time() { return (await this.provider.getBlock('latest')).timestamp }

	/* Sends what would not revert, in a block of its own.  What would is refused before it
	 * makes a block: throws Reverted.  gasLimit 16,777,216 unless told.  One at a time, in the
	 * order of the calls: two at once may get one nonce, and one of them is never mined. */
	send_from(from, tx) {
		const sending = this.#last.then(() => this.#send_now(from, tx))
		this.#last = sending.catch(() => {})
		return sending
	}

	async #send_now(from, tx) {
		const call = {
			from,
			to: tx.to ? await tx.to : null,
			data: tx.data ?? '0x',
			value: toQuantity(tx.value ?? 0),
			gas: toQuantity(tx.gasLimit ?? GAS_MAX),
			gasPrice: '0x0',
		}
		if (call.to?.getAddress) call.to = await call.to.getAddress()
		await this.rpc('eth_call', call, 'pending')
		// Of no interest but to who computes a new contract's address from it.
		const nonce = call.to ? 0 : Number(await this.rpc('eth_getTransactionCount', from, 'latest'))
		const hash = await this.provider.send_and_mine(call)
		return new TransactionResponse({
			hash, from, to: call.to, data: call.data, value: BigInt(call.value), gasLimit: BigInt(call.gas),
			gasPrice: 0n, chainId: BigInt(CHAIN_ID), type: 0, nonce, index: 0,
			blockNumber: null, blockHash: null, signature: null, accessList: null,
		}, this.provider)
	}

	/* n blocks, `seconds` apart.  Of more than 300 only the last 300 get into the history of
	 * hashes (EIP-2935): Anvil needs seconds for each hundred blocks that are in it. */
	async mine(n = 1, seconds = 1) {
		const fast = Number(n) - 300
		if (fast > 0) {
			const code = await this.rpc('eth_getCode', HISTORY, 'latest')
			await this.rpc('anvil_setCode', HISTORY, '0x')
			await this.rpc('anvil_mine', toQuantity(fast), toQuantity(seconds))
			await this.rpc('anvil_setCode', HISTORY, code)
		}
		await this.rpc('anvil_mine', toQuantity(Math.min(Number(n), 300)), toQuantity(seconds))
	}

	/* Mines so that the next transaction is in block n. */
	async next_is(n) {
		const missing = Number(n) - 1 - await this.block()
		if (missing < 0) throw new Error(`block ${n} is past`)
		if (missing > 0) await this.mine(missing)
	}

	/* The next block's time is `seconds` later than the last one's. */
	async pass(seconds) { await this.rpc('evm_setNextBlockTimestamp', await this.time() + Number(seconds)) }

	snapshot() { return this.rpc('evm_snapshot') }

	/* Back to a snapshot, which is used up by it. */
	async revert(snapshot) {
		if (!await this.rpc('evm_revert', snapshot)) throw new Error(`snapshot ${snapshot} is gone`)
	}
}

/* The bytes a failed call returned, wherever the error carries them; null if it has none. */
export function revert_data(e) {
	const found = [e?.data, e?.info?.error?.data, e?.error?.data, e?.info?.error?.data?.data]
	return found.find(d => typeof d === 'string' && d.startsWith('0x')) ?? null
}

function free_port() {
	return new Promise((done, fail) => {
		const server = createServer().on('error', fail)
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address()
			server.close(() => done(port))
		})
	})
}

async function answers(chain) {
	try {
		return BigInt(await chain.rpc('eth_chainId')) === BigInt(CHAIN_ID)
	} catch {
		return false
	}
}

// Somebody else may take the port before Anvil does: then it ends at once, and we try another.
async function start_once(args) {
	const port = await free_port()
	// The kernel ends it when this process dies in whatever way.
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, '--silent', '--host', '127.0.0.1',
		'--port', port, '--auto-impersonate', '--base-fee', 0, '--gas-price', 0,
		'--gas-limit', 30000000, '--enable-tx-gas-limit', '--accounts', 1,
		// Else it writes a state a block to disk: 77 GB in an hour of tests.
		'--prune-history', 256, ...args].map(String), { stdio: 'ignore' })
	let ended = null
	child.on('error', e => { ended = e })
	child.on('exit', code => { ended ??= new Error(`anvil ended with ${code}`); running.delete(child.pid) })
	if (child.pid) running.add(child.pid)
	child.unref()
	const chain = new Chain(child.pid, `http://127.0.0.1:${port}`)
	for (const until = Date.now() + 60000; Date.now() < until && !ended; await sleep(20))
		if (await answers(chain)) return chain
	chain.stop()
	if (!ended) throw new Error('anvil does not answer in 60 s')
	return null
}

/* Starts one.  args: more of its options.  The caller stops it; it does not outlive us. */
export async function start_chain(args = []) {
	for (let i = 0; i < 5; i++) {
		const chain = await start_once(args)
		if (chain) return chain
	}
	throw new Error('anvil did not start in five attempts')
}
