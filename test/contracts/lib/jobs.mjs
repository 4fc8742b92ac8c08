// A JobsManager among a real RoundsManager and mocks of the BondingManager and the Verifier, and
// the way of jobs and claims on it.
import { AbiCoder, Contract, ZeroHash, concat, dataSlice, getAddress, getBytes, hexlify, id, keccak256, toBeHex, toUtf8Bytes } from 'ethers'
import { abi_hash, artifact, create, event_of, events_of, make_receipt, multiproof, receipt_tree, run, sign, start } from './kit.mjs'

const coder = AbiCoder.defaultAbiCoder()
export const ETH = 10n ** 18n
/* Long enough to be what a node makes: 78 characters. */
export const STREAM_ID = 'a'.repeat(72) + '/hello'
export const VOID = { Missed: 1n, Failed: 2n, Invalid: 3n, Unavailable: 4n, NoVerdict: 5n, Unsealed: 6n, Planted: 8n }
export const STATUS = { None: 0n, Pending: 1n, Void: 2n, Paid: 3n }

/* What tests run with: every segment is challenged. */
export const PARAMETERS = {
	verificationRate: 1, verificationPeriod: 50, slashingPeriod: 20, claimPeriod: 100,
	failedVerificationSlashAmount: 50000, missedVerificationSlashAmount: 100000,
	verificationFailureThreshold: 200000, verifierFee: 300000,
}

const field = (v, bytes) => toBeHex(BigInt.asUintN(8 * bytes, BigInt(v)), bytes)

/* The options of a job as bytes (docs/contracts.md 5). */
export function options({ version = 1, width = 1920, height = 1080, rate = 30000, ms = 2000, renditions = [{}] } = {}) {
	const record = ({ width = 426, height = 240, rate = 0, bitrate = 400000, encoder = 0, profile = 0, gop = 0, quality = -1 }) =>
		[field(width, 2), field(height, 2), field(rate, 4), field(bitrate, 4), field(encoder, 1), field(profile, 1), field(gop, 4), field(quality, 1)]
	return concat([field(version, 1), field(width, 2), field(height, 2), field(rate, 4), field(ms, 2), ...renditions.flatMap(record)])
}

/* [[start, length], ...] as bytes. */
export function pack(ranges) {
	return concat(ranges.map(([start, length]) => concat([field(start, 8), field(length, 4)])))
}

export function sequences_of(ranges) {
	return ranges.flatMap(([start, length]) => Array.from({ length: Number(length) }, (_, i) => BigInt(start) + BigInt(i)))
}

export class World {
	/* transcoders: accounts 1 to 4 with stakes 100, 200, 300, 400; 0 is the broadcaster. */
	static async start({ parameters = {}, ...rest } = {}) {
		const only = ['RoundsManager', 'Minter', 'LivepeerToken', 'Treasury', 'JobsManager']
		const kit = await start({ accounts: 8, only, parameters: { JobsManager: { ...PARAMETERS, ...parameters } }, ...rest })
		const w = new World()
		w.kit = kit
		w.chain = kit.chain
		w.jobs = kit.sys.JobsManager
		w.rounds = kit.sys.RoundsManager
		;[w.broadcaster, ...w.transcoders] = kit.accounts.slice(0, 5)
		;[w.finder, w.stranger] = kit.accounts.slice(5)
		w.bonding = await w.mock('BondingManager', 'MockBonding')
		w.verifier = await w.mock('Verifier', 'MockVerifier')
		await run(w.bonding.setFinderFee(50000))
		await run(w.bonding.setSlashablePeriod(1000))
		await run(w.verifier.setFinality(60))
		await run(w.verifier.setHeirs([JUDGES[0].address]))
		for (const [i, t] of w.transcoders.entries()) await w.stake(t, BigInt(i + 1) * 100n * ETH)
		await kit.ensure_round()
		await kit.keep()
		return w
	}

	async mock(proxy, name) {
		const target = await create(this.kit, name, [this.kit.sys.Controller.target])
		const at = this.kit.sys[proxy].target
		await run(new Contract(at, artifact('Vacant').abi, this.kit.deployer).upgradeToAndCall(target.target, '0x'))
		return new Contract(at, artifact(name).abi, this.kit.deployer)
	}

	stake(who, amount, price = 1n, from = 0) { return run(this.bonding.set(who.address ?? who, amount, price, from)) }
	async owner() { return this.jobs.connect(await this.kit.as_owner()) }
	/* The JobsManager as the Verifier sees it. */
	as_verifier() { return this.jobs.connect(this.chain.as(this.verifier.target)) }

	/* ---- jobs ---- */

	async job({ by = this.broadcaster, stream = STREAM_ID, opts = {}, price = 10n, blocks = 200, escrow = ETH, value = escrow, salt, planted } = {}) {
		const bytes = options(opts)
		const plantCommitment = planted ? abi_hash(['bytes32', 'uint64[]'], [salt, planted]) : toBeHex(0, 32)
		const endBlock = await this.chain.block() + 1 + blocks
		const receipt = await run(this.jobs.connect(by).job(stream, bytes, price, endBlock, escrow, plantCommitment, { value }))
		const made = event_of(receipt, this.jobs, 'NewJob')
		const details = {
			streamIdHash: keccak256(toUtf8Bytes(stream)), optionsHash: keccak256(bytes), maxSegmentMs: BigInt(opts.ms ?? 2000),
			plantCommitment, broadcaster: by.address, segmentFee: made.units * price,
		}
		return { id: made.jobId, by, stream, details, price, units: made.units, block: Number(made.creationBlock), endBlock, receipt, fee: made.units * price }
	}

	/* The election's seed and order; needs a block after the next. */
	async election(job) {
		if (await this.chain.block() <= job.block) await this.chain.mine(1)
		const [seed, ranked, scores] = await this.jobs.getElection(job.id, { blockTag: 'pending' })
		return { seed, scores, ranked: [...ranked].map(a => this.kit.accounts.find(x => x.address === a)) }
	}

	fallback(job, rank, transcoder, fromSequence, by = job.by) {
		const sig = sign(by, this.jobs, 'Fallback', { jobId: job.id, rank, transcoder: transcoder.address, fromSequence })
		return concat([field(rank, 1), field(fromSequence, 8), sig])
	}

	/* ---- claims ---- */

	receipts(job, transcoder, ranges) {
		const seg = sequence => ({
			jobId: job.id, streamId: job.stream, sequence, durationMs: 2000n,
			dataHash: id(`data ${sequence}`), transcodedHash: id(`out ${sequence}`),
		})
		return sequences_of(ranges).map(s => make_receipt(this.jobs, job.by, transcoder, seg(s)))
	}

	/* Claims ranges by the elected, or by who is named. */
	async claim(job, { by, ranges = [[0, 4]], fallback = '0x', receipts } = {}) {
		const e = await this.election(job)
		by ??= e.ranked[0]
		receipts ??= this.receipts(job, by, ranges)
		const tree = receipt_tree(receipts)
		const receipt = await run(this.jobs.connect(by).claimWork(job.id, pack(ranges), tree.root, e.seed, fallback))
		const { claimId } = event_of(receipt, this.jobs, 'NewClaim')
		const ref = { jobId: job.id, transcoder: by.address, claimId }
		return { ref, job, by, ranges, bytes: pack(ranges), receipts, tree, root: tree.root, block: receipt.blockNumber, receipt }
	}

	/* The hash that challenges; mines its block if need be. */
	async challenge_hash(claim) {
		if (await this.chain.block() <= claim.block) await this.chain.mine(1)
		return (await this.chain.provider.getBlock(claim.block + 1)).hash
	}

	async challenged(claim, rate) {
		const hash = await this.challenge_hash(claim)
		const drawn = s => BigInt(abi_hash(['uint256', 'bytes32', 'uint256'], [claim.block + 1, hash, s])) % BigInt(rate) === 0n
		return sequences_of(claim.ranges).filter(drawn)
	}

	/* Arguments of verify and verifyWithVerdicts, without the last. */
	evidence(claim, sequences) {
		const all = sequences_of(claim.ranges)
		const indices = sequences.map(s => all.indexOf(BigInt(s)))
		const segments = indices.map(i => claim.receipts[i]).map(r => ({
			sequence: r.sequence, durationMs: r.durationMs, dataHash: r.dataHash, transcodedHash: r.transcodedHash,
			broadcasterSig: split(r.broadcasterSig), transcoderSig: split(r.transcoderSig),
		}))
		const { proof, flagBits, flagCount } = multiproof(claim.tree, indices)
		return [claim.ref, segments, { details: claim.job.details, ranges: claim.bytes, root: claim.root, proof, flagBits, flagCount }]
	}

	/* In one transaction; judges: who passes it, as the mock answers. */
	async verify(claim, sequences, judges = JUDGES) {
		await this.challenge_hash(claim)
		return this.note(claim, await run(this.jobs.connect(claim.by).verifyWithVerdicts(...this.evidence(claim, sequences), passed_by(judges))))
	}

	async request(claim, sequences) {
		await this.challenge_hash(claim)
		return this.note(claim, await run(this.jobs.connect(claim.by).verify(...this.evidence(claim, sequences), '0x')))
	}

	/* claim.batches: what transactions verified of it, as finders and record() want it. */
	note(claim, receipt) {
		for (const name of ['VerifyWithVerdicts', 'Verify']) {
			for (const e of events_of(receipt, this.jobs, name)) {
				const signers = name === 'Verify' ? [] : [...e.signers]
				claim.batches = [...claim.batches ?? [], { sequences: [...e.sequences], work: e.work, signers }]
			}
		}
		return receipt
	}

	get_claim({ ref }) { return this.jobs.getClaim(ref.jobId, ref.transcoder, ref.claimId) }
	distribute({ ref }, by = this.stranger) { return run(this.jobs.connect(by).distributeFees(ref.jobId, ref.transcoder, ref.claimId)) }
	/* The next transaction is in the claim's block + n. */
	after(claim, n) { return this.chain.next_is(claim.block + n) }

	/* ---- money ---- */

	/* What the JobsManager holds is deposits, escrows, fees reserved and owed to verifiers, and
	 * (not in this sum) fees of batches that await a verdict: nothing more or less. */
	async held(accounts, claims) {
		let sum = 0n
		for (const a of accounts) sum += await this.jobs.broadcasters(a.address) + await this.jobs.verifierFees(a.address)
		const n = await this.jobs.numJobs()
		for (let i = 1n; i <= n; i++) sum += (await this.jobs.getJob(i)).escrow
		for (const c of claims) sum += (await this.get_claim(c)).fees
		return sum
	}
}

/* Verifiers of whom the mock says that they passed a batch. */
export const JUDGES = [1, 2, 3].map(n => ({ address: getAddress(toBeHex(0xa0 + n, 20)) }))
/* A word each of those who settled a batch: account, seat, k. */
export const signers_of = list => list.map((a, k) => BigInt(a.address) | BigInt(k + 1) << 160n | BigInt(k) << 208n)
export const passed_by = list => coder.encode(['uint256[]'], [signers_of(list)])
export const work_hash = list => abi_hash(['tuple(uint64,bytes32,bytes32)[]'], [list.map(r => [r.sequence, r.dataHash, r.transcodedHash])])
/* The chain that a claim keeps of its batches, { sequences, work, signers } each: 17 bytes. */
export const chain_hash = (claim, seed, batches) => batches.reduce((h, b) => dataSlice(abi_hash(
	['bytes17', 'bytes32', 'bytes32', 'bytes32', 'bytes32'],
	[h, seed, words_hash(b.sequences), b.work, b.signers.length ? words_hash(b.signers) : ZeroHash]), 0, 17),
dataSlice(abi_hash(['bytes32', 'bytes32'], [claim.root, keccak256(claim.bytes)]), 0, 17))
const words_hash = list => keccak256(concat(list.map(x => toBeHex(x, 32))))
/* The 65 bytes of a signature as the contracts' struct. */
export const split = sig => ({ r: dataSlice(sig, 0, 32), s: dataSlice(sig, 32, 64), v: BigInt(dataSlice(sig, 64, 65)) })
export const with_high_s = sig => {
	const b = getBytes(sig)
	const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
	const s = order - BigInt(hexlify(b.slice(32, 64)))
	return concat([b.slice(0, 32), toBeHex(s, 32), toBeHex(55n - BigInt(b[64]), 1)])
}
