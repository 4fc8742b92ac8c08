// Jobs, claims, verification and fees as the contracts count them (docs/contracts.md 5 and 6).
// Election and challenges draw from the run's luck where the contracts draw from a block hash.
import { perc, PERC } from './model.mjs'
import { TAG } from './luck.mjs'

export const ANSWER = { pass: 0, fail: 1 }
const COMMITTEE = 5
const MAJORITY = 3
const EXTENSIONS = 3
const JURY = 15
const JURY_MAJORITY = 8
const FAILURE_ROUNDS = 30

// Seats, committees, verdicts and appeals.  A seat's `judge(batch)` gives its answer, or null
// for silence.
export class Verifiers {
	constructor(params, bonding, u) {
		this.params = params
		this.bonding = bonding
		this.u = u
		this.seats = []
		this.eth_held = 0n
		this.lpt_held = 0n
		this.fees = new Map()
		this.answers = 0
	}

	add_seat(holder, judge) {
		this.bonding.pay(holder, -this.params.seat_stake)
		this.lpt_held += this.params.seat_stake
		this.seats.push({ holder, judge, stake: this.params.seat_stake, judged: 0 })
	}

	// Distinct seats with stake left whose holders are no party, in the order drawn.
	*draw(tag, batch) {
		const seen = new Set()
		for (let k = 0; k < 8 * this.seats.length; k++) {
			const seat = this.seats[Math.floor(this.u(tag, batch.job.id, batch.who, batch.piece * 4096 + k) * this.seats.length)]
			if (seen.has(seat) || batch.parties.includes(seat.holder)) continue
			if (seat.stake * 2n < this.params.seat_stake) continue
			seen.add(seat)
			yield seat
		}
	}

	// { answer, signers } of the verdict, answer null if there is none.
	verdict(batch) {
		const drawn = this.draw(TAG.seat, batch)
		const said = [[], []]
		for (let n = 0; n <= EXTENSIONS; n++) {
			for (let k = 0; k < COMMITTEE; k++) {
				const seat = drawn.next().value
				if (!seat) return { answer: null, said }
				this.ask(seat, batch, said)
				const answer = said.findIndex(s => s.length >= MAJORITY)
				if (answer >= 0) return { answer, said, signers: said[answer] }
			}
		}
		return { answer: null, said }
	}

	ask(seat, batch, said) {
		const answer = seat.judge(batch)
		seat.judged++
		if (answer === null) return void (this.bonding.common_pool += this.take(seat, this.params.silence_amount))
		said[answer].push(seat)
		this.answers++
	}

	take(seat, part) {
		const amount = perc(seat.stake, part)
		seat.stake -= amount
		this.lpt_held -= amount
		return amount
	}

	// Wei for each of them, out of the claim's fees.
	pay(signers, amount) {
		for (const seat of signers) this.fees.set(seat.holder, (this.fees.get(seat.holder) ?? 0n) + amount)
		this.eth_held += amount * BigInt(signers.length)
	}

	// A larger jury.  True if it overturned.
	appeal(batch, verdict, appellant) {
		const said = [[], []]
		let n = 0
		for (const seat of this.draw(TAG.jury, batch)) {
			const answer = seat.judge(batch)
			if (answer !== null) said[answer].push(seat)
			if (++n === JURY) break
		}
		this.bonding.pay(appellant, -this.params.appeal_bond)
		const other = 1 - verdict.answer
		if (said[other].length < JURY_MAJORITY) {
			this.share_out(this.params.appeal_bond, said.flat())
			return false
		}
		const taken = verdict.signers.reduce((sum, seat) => sum + this.take(seat, this.params.overturned_slash), 0n)
		this.bonding.pay(appellant, this.params.appeal_bond + taken / 2n)
		this.share_out(taken - taken / 2n, said[other])
		return true
	}

	share_out(amount, seats) {
		const each = seats.length ? amount / BigInt(seats.length) : 0n
		for (const seat of seats) this.bonding.pay(seat.holder, each)
		this.bonding.common_pool += amount - each * BigInt(seats.length)
	}

	// Who answered PASS on a planted segment: half of what it loses is the broadcaster's.
	punish(passed, broadcaster) {
		const taken = passed.reduce((sum, seat) => sum + this.take(seat, this.params.overturned_slash), 0n)
		this.bonding.pay(broadcaster, taken / 2n)
		this.bonding.common_pool += taken - taken / 2n
		return taken
	}

	withdraw_fees(holder) {
		const amount = this.fees.get(holder) ?? 0n
		this.fees.delete(holder)
		this.eth_held -= amount
		return amount
	}
}

export class Jobs {
	constructor(params, bonding, verifiers, u) {
		this.params = params
		this.bonding = bonding
		this.verifiers = verifiers
		this.u = u
		this.eth_held = 0n
		this.eth = new Map()		// outside the contracts
		this.jobs = new Map()
		this.pending = []		// claims not final yet
		this.next_id = 0
		this.history = new Map()	// transcoder -> [{ round, verified, failed }]
		this.agreed = new Map()		// transcoder -> round of its last wrong rendition
		this.treasury_eth = 0n
		this.counts = { jobs: 0, claims: 0, segments: 0, challenged: 0, failed: 0, missed: 0, slashed: 0, void: 0, overturned: 0 }
	}

	spend(who, amount) {
		this.eth.set(who, (this.eth.get(who) ?? 0n) - amount)
	}

	open(broadcaster, price, escrow, planted = false, id = this.next_id) {
		this.spend(broadcaster, escrow)
		this.eth_held += escrow
		const job = { id, broadcaster, price, escrow, planted, round: this.bonding.round, pending: 0 }
		this.next_id = id + 1
		this.jobs.set(id, job)
		job.ranked = this.elect(job)
		this.counts.jobs++
		return job
	}

	// Ranks 0..3 of the stake-weighted rendezvous: smallest -log2(h) / stake first.
	elect(job) {
		const scored = []
		for (const [who, entry] of this.bonding.entries.get(job.round)) {
			if (entry.price > job.price || entry.stake === 0n) continue
			scored.push({ who, score: -Math.log2(this.u(TAG.election, job.id, who)) / Number(entry.stake) })
		}
		return scored.sort((a, b) => a.score - b.score || a.who - b.who).slice(0, 4).map(s => s.who)
	}

	// work: { claimed, received, bad }: segments on the claim, those with a broadcaster's
	// signature, and the part of these whose output is wrong.  piece tells a job's claims apart.
	claim(job, who, work, piece = 0) {
		const fees = BigInt(work.claimed) * job.price
		if (fees > job.escrow) return null
		job.escrow -= fees
		job.pending++
		const claim = { id: this.counts.claims++, job, who, fees, work, piece, round: this.bonding.round, planted: this.plant_of(job, who),
			parties: [who, job.broadcaster], verdict: null, outcome: 'paid', passed: [] }
		claim.challenged = this.challenges(claim)
		this.counts.segments += work.claimed
		this.counts.challenged += claim.challenged.length
		this.pending.push(claim)
		return claim
	}

	// A wrong rendition counts as its transcoder's failure when it is found: it agrees to one in the
	// rounds that failures are counted in, and only if it has none.
	plant_of(job, who) {
		if (job.planted !== 'rendition') return job.planted
		if (this.bonding.round < (this.agreed.get(who) ?? -Infinity) + FAILURE_ROUNDS || this.recent(who).failed) return false
		this.agreed.set(who, this.bonding.round)
		return job.planted
	}

	// Positions of one in so many, by gaps of the geometric distribution.
	challenges(claim) {
		const list = []
		const miss = Math.log(1 - 1 / this.params.verification_rate)
		for (let at = -1, k = 0; ; k++) {
			at += 1 + Math.floor(Math.log(this.u(TAG.challenge, claim.job.id, claim.who, claim.piece * 4096 + k)) / miss)
			if (at >= claim.work.claimed) return list
			list.push(at)
		}
	}

	is_bad(claim, at) {
		return claim.planted === 'hash' || claim.planted === 'rendition' || this.u(TAG.bad, claim.job.id, claim.who, claim.piece * 4096 + at) < claim.work.bad
	}

	// All that happens to a claim until it is final: it takes effect in settle_due.
	verify(claim, finder, notices) {
		if (claim.challenged.some(at => at >= claim.work.received)) return this.missed(claim, finder)
		if (!claim.challenged.length) return
		const truth = claim.challenged.some(at => this.is_bad(claim, at)) ? ANSWER.fail : ANSWER.pass
		const batch = { ...claim, truth, claim }
		const verdict = this.verifiers.verdict(batch)
		claim.verdict = verdict
		// Wrong renditions come in claims so small that one segment of them is challenged.
		claim.failures = claim.planted === 'rendition' ? 1 : claim.challenged.filter(at => this.is_bad(claim, at)).length
		if (verdict.answer === null) return void (claim.outcome = 'no verdict')
		this.pay_verifiers(claim, verdict)
		this.contest(claim, batch, verdict, notices)
		claim.outcome = verdict.answer === ANSWER.pass ? 'paid' : 'failed'
		if (claim.planted && claim.planted !== 'rendition') this.reveal(claim, verdict)
	}

	missed(claim, finder) {
		claim.outcome = 'missed'
		claim.finder = finder
	}

	pay_verifiers(claim, verdict) {
		const n = BigInt(verdict.signers.length)
		const asked = perc(claim.job.price, this.params.verifier_fee) * BigInt(claim.challenged.length)
		const each = asked * n * 2n > claim.fees ? claim.fees / (2n * n) : asked
		claim.fees -= each * n
		this.eth_held -= each * n
		this.verifiers.pay(verdict.signers, each)
	}

	// A transcoder that did well always appeals; of a bad output somebody must take notice.
	contest(claim, batch, verdict, notices) {
		if (verdict.answer === batch.truth) return
		const wronged = batch.truth === ANSWER.pass ? claim.who : claim.job.broadcaster
		if (batch.truth === ANSWER.fail && !notices) return
		if (!this.verifiers.appeal(batch, verdict, wronged)) return
		this.counts.overturned++
		verdict.answer = batch.truth
		verdict.overturned = true
	}

	// What shows that a plant is one: 'none', its broadcaster's word; 'hash', the result is the hash
	// of salt and sequence (VerifierExtension), which no right one is.
	reveal(claim, verdict) {
		if (this.params.plant_proof === 'hash' && claim.planted === 'right') return
		claim.outcome = 'planted'
		const pass = verdict.overturned ? [] : verdict.said[ANSWER.pass]
		this.verifiers.punish(pass, claim.job.broadcaster)
	}

	// ---- a round later ----

	settle_due() {
		const due = this.pending.filter(c => c.round < this.bonding.round)
		this.pending = this.pending.filter(c => c.round >= this.bonding.round)
		for (const claim of due) this.settle(claim)
		for (const [id, job] of this.jobs) if (job.round < this.bonding.round && job.pending === 0) this.refund(id, job)
	}

	settle(claim) {
		claim.job.pending--
		if (claim.outcome === 'paid') return this.distribute(claim)
		this.counts.void++
		if (claim.outcome === 'planted') return this.forfeit(claim)
		claim.job.escrow += claim.fees
		if (claim.outcome === 'missed') {
			this.counts.missed++
			this.slash(claim, this.params.missed_verification_slash, claim.finder)
		}
		if (claim.outcome === 'failed') this.fail(claim)
	}

	distribute(claim) {
		this.record(claim.who, claim.challenged.length, 0)
		this.eth_held -= claim.fees
		this.bonding.add_fees(claim.who, claim.fees, claim.job.round)
	}

	// The whole escrow goes to those that answered FAIL, or to the Treasury.
	forfeit(claim) {
		const amount = claim.fees + claim.job.escrow
		claim.job.escrow = 0n
		this.eth_held -= amount
		const said_fail = claim.verdict.said[ANSWER.fail]
		const each = said_fail.length ? amount / BigInt(said_fail.length) : 0n
		this.verifiers.pay(said_fail, each)
		this.treasury_eth += amount - each * BigInt(said_fail.length)
	}

	fail(claim) {
		this.counts.failed++
		this.record(claim.who, claim.challenged.length, claim.failures)
		const { verified, failed } = this.recent(claim.who)
		const allowed = Math.max(this.params.free_failures, verified * Number(this.params.verification_failure_threshold) / Number(PERC))
		if (failed > allowed) this.slash(claim, this.params.failed_verification_slash, null)
	}

	slash(claim, part, finder) {
		this.counts.slashed++
		this.bonding.slash(claim.who, part, finder)
		this.on_slash?.(claim.who, part)
	}

	record(who, verified, failed) {
		if (!this.history.has(who)) this.history.set(who, [])
		this.history.get(who).push({ round: this.bonding.round, verified, failed })
	}

	recent(who) {
		const list = (this.history.get(who) ?? []).filter(h => h.round > this.bonding.round - FAILURE_ROUNDS)
		this.history.set(who, list)
		return list.reduce((sum, h) => ({ verified: sum.verified + h.verified, failed: sum.failed + h.failed }), { verified: 0, failed: 0 })
	}

	refund(id, job) {
		this.eth_held -= job.escrow
		this.spend(job.broadcaster, -job.escrow)
		this.jobs.delete(id)
	}

	// Deposits are not modelled apart: what a job does not need is refunded at once.
	sums() {
		let owed = 0n
		for (const job of this.jobs.values()) owed += job.escrow
		for (const claim of this.pending) owed += claim.fees
		return { owed, held: this.eth_held }
	}
}
