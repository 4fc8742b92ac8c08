// A devnet with people on it who make jobs, do them, and judge them: account 0 is the
// broadcaster, 1 to 3 are transcoders with 100, 200 and 300 LPT, 4 to 7 verifiers with a seat
// each, 8 a finder, 9 a stranger.  What they sign is made by the contract tests' libraries.
import fs from 'node:fs';
import path from 'node:path';
import { MaxUint256, BaseWallet, SigningKey, id } from 'ethers';
import { make_receipt } from '../../contracts/lib/eip712.mjs';
import { opening, statement } from '../../contracts/lib/court.mjs';
import { Devnet, ETH, GWEI, LPT } from './devnet.mjs';

export { ETH, GWEI, LPT };
export const BROADCASTER = 0, FINDER = 8, STRANGER = 9;
export const TRANSCODERS = [1, 2, 3], VERIFIERS = [4, 5, 6, 7];
export const PRICE = 10n * GWEI;	// a unit
export const STREAM = 'a'.repeat(72);

const sent = async (tx) => (await tx).wait();

export class JobsNet {
	static async start(t, { parameters = {}, ...options } = {}) {
		const w = new JobsNet();

		w.t = t;
		w.net = await Devnet.start(t, { ...options,
			parameters: { ...parameters, JobsManager: { verificationRate: 3, ...parameters.JobsManager } } });
		w.jobs = w.net.contract('JobsManager');
		w.bonding = w.net.contract('BondingManager');
		w.verifier = w.net.contract('Verifier');
		w.wallets = w.net.accounts.map((a) => new BaseWallet(new SigningKey(a.key)));
		await w.net.nextRound();	// prices cannot be set in the lock at a round's end
		for (const i of TRANSCODERS)
			await w.#register(i, BigInt(i) * 100n * LPT);
		for (const i of VERIFIERS)
			await w.#seat(i);
		await w.net.nextRound();
		return w;
	}

	async #register(i, amount) {
		const from = this.net.signer(i);

		await sent(this.net.contract('LivepeerToken').connect(from).approve(this.bonding.target, MaxUint256));
		await sent(this.bonding.connect(from).bond(amount, this.net.accounts[i].address));
		await sent(this.bonding.connect(from).transcoder(100000n, 500000n, PRICE / BigInt(i)));
	}

	async #seat(i) {
		const from = this.net.signer(i);

		await sent(this.net.contract('LivepeerToken').connect(from).approve(this.verifier.target, MaxUint256));
		await sent(this.verifier.connect(from).joinSeats(1));
	}

	/* lpnode ARGS --json of account i: what it printed. */
	async json(i, ...args) { return (await this.lp(i, ...args, '--yes', '--json')).json; }
	lp(i, ...args) { return this.net.lp(i, ...args); }
	/* It is refused with these words (all on one line). */
	async refused(code, words, i, ...args) {
		const end = await this.lp(i, ...args, '--yes', { code });

		for (const w of [words].flat())
			if (!(w instanceof RegExp ? w.test(end.stderr) : end.stderr.includes(w)))
				throw new Error(`${args.join(' ')}: "${w}" was expected, it says\n${end.stderr}${end.stdout}`);
		return end.stderr;
	}

	number(address) { return this.net.accounts.findIndex((a) => a.address === address); }
	file(name, lines) {
		const at = path.join(this.net.dir, name);

		fs.writeFileSync(at, lines.map((l) => `${JSON.stringify(l)}\n`).join(''));
		return at;
	}

	/* Receipts of segments first to first + n - 1 as transcoder i makes them. */
	receipts(jobId, i, first, n, stream = STREAM) {
		return Array.from({ length: n }, (_, k) => {
			const sequence = String(first + k);
			const r = make_receipt(this.jobs, this.wallets[BROADCASTER], this.wallets[i], {
				jobId, streamId: stream, sequence, durationMs: 2000,
				dataHash: id(`data ${sequence}`), transcodedHash: id(`out ${sequence}`),
			});

			return { sequence, durationMs: 2000, dataHash: r.dataHash, transcodedHash: r.transcodedHash,
				broadcasterSig: r.broadcasterSig, transcoderSig: r.transcoderSig };
		});
	}

	/* A job of the command line's, and who is elected for it (a number of an account). */
	async job({ blocks = 200, escrow = '1 ETH', deposit = '1 ETH', price = '10 gwei' } = {}) {
		const made = await this.json(BROADCASTER, 'job', 'create', '--streamId', STREAM, '--price', price,
			'--escrow', escrow, '--deposit', deposit, '--blocks', String(blocks),
			'--transcodingOptions', 'P240p30fps16x9,P360p30fps16x9');

		await this.net.mine(2);
		const [, ranked] = await this.jobs.getElection(made.jobId);

		return { ...made, ranked: [...ranked].map((a) => this.number(a)) };
	}

	/* What the drawn sign of a batch: lines of a --verdicts or --statements file. */
	verdicts(job, claimId, i, draws, batch, { answers = 0n, n = 2, stored = false } = {}) {
		const ref = { jobId: BigInt(job.jobId), transcoder: this.net.accounts[i].address, claimId };
		const seated = draws.filter((d) => !d.empty).slice(0, n);

		return seated.map((d) => {
			const who = this.wallets[this.number(d.verifier)];
			const bytes = stored ? statement(this.jobs, who, d.k, { ref, work: batch.work }) :
				opening(this.jobs, who, d.k, answers, { ref, work: batch.work });
			const at = (from, to) => `0x${bytes.slice(2 + 2 * from, 2 + 2 * to)}`;

			return stored ? { work: batch.work, k: d.k, signature: at(2, 67) } :
				{ work: batch.work, k: d.k, answers: String(answers), workHash: at(18, 50), salt: at(50, 82), signature: at(82, 147) };
		});
	}
}
