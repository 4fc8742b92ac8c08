// A remote transcoder against a local one: how much later renditions come, and what
// the orchestrator spends on passing work on.
//   ROUNDS (6) of each, interleaved, SECONDS (20) of a live 360p stream each
//   KINDS (local,remote)   the two that are compared: see startFarm
//
// Latency: as the broadcaster logs it, "segment transcoded: ms=", from a segment's end
// until its renditions are checked; the first two of each stream warm the workers and
// are left out.  Pairs are in time beside each other and the order turns, so that what
// else the machine does falls on both.
// CPU: of the orchestrator's own process over the rounds (for a remote one that is
// dispatching alone), and of the worker processes wherever they are.
import { clip360, latencies, logSize, publish, sleep, startFarm } from './lib/farm.mjs';
import { median, told } from './lib/stats.mjs';

const ROUNDS = Number(process.env.ROUNDS || 6);
const SECONDS = Number(process.env.SECONDS || 20);
const KINDS = (process.env.KINDS || 'local,remote').split(',');

class Side {
	constructor(kind, farm) {
		Object.assign(this, { kind, farm, ms: [], medians: [], work: [], own: 0, passed: 0, worked: 0 });
	}

	cost() {
		const own = this.farm.orchestrators.reduce((s, p) => s + p.cpu().own, 0);
		const work = this.farm.workers.reduce((s, p) => s + p.cpu().work, 0);

		const passed = this.farm.workers.filter((p) => !this.farm.orchestrators.includes(p))
			.reduce((s, p) => s + p.cpu().own, 0);

		return { own, passed, work };
	}

	async round(i) {
		const from = logSize(this.farm.broadcaster), before = this.cost();

		await (await publish(this.farm.broadcaster, `${this.kind}${i}`, SECONDS)).over;
		await sleep(2000);
		const got = latencies(this.farm.broadcaster, from).slice(2), after = this.cost();

		this.ms.push(...got.map((l) => l.ms));
		this.work.push(...got.map((l) => l.workMs));
		if (got.length)
			this.medians.push(median(got.map((l) => l.ms)));
		this.own += after.own - before.own;
		this.passed += after.passed - before.passed;
		this.worked += after.work - before.work;
	}
}

await clip360();
const sides = [];

for (const kind of KINDS)
	sides.push(new Side(kind, await startFarm({ kind, transcoders: 1 })));
for (let i = 0; i < ROUNDS; i++)
	for (const side of i % 2 ? [...sides].reverse() : sides)
		await side.round(i);
console.log(`live 360p, 2 s segments, 2 renditions, ${ROUNDS} rounds of ${SECONDS} s each, interleaved`);
for (const s of sides) {
	console.log(`${s.kind}: ms to renditions ${told(s.ms, 0)}`);
	console.log(`${s.kind}: of it work      ${told(s.work, 0)}`);
	console.log(`${s.kind}: CPU of the orchestrator's own process ${s.own} ms, of workers ${s.worked} ms: ` +
		`${(100 * s.own / s.worked).toFixed(2)} %${s.passed ? `; of the transcoder's own process ${s.passed} ms` : ''}`);
}
const [a, b] = sides;
const diffs = b.medians.map((m, i) => m - a.medians[i]).filter(Number.isFinite);

console.log(`${b.kind} less ${a.kind}, medians of paired rounds, ms: ${told(diffs, 1)}`);
console.log(`BENCH ${KINDS.map((k, i) => `${k}_ms=${median(sides[i].ms)} ${k}_n=${sides[i].ms.length} ` +
	`${k}_own_to_work=${(sides[i].own / sides[i].worked).toFixed(4)}`).join(' ')} diff_ms=${median(diffs)}`);
await Promise.all(sides.map((s) => s.farm.stop()));
process.exit(sides.some((s) => s.ms.length < 20 && !process.env.ROUNDS) ? 1 : 0);
