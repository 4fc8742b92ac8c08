// A farm under streams that come and go, and whether any of its processes grows.
//   SOAK_SECONDS (3600), SOAK_KIND (remote: see startFarm), SEED, SOAK_STREAMS (3) at once
//   build/bench/soak.csv: time, process, RSS, anonymous memory, descriptors, threads
//
// Sampled each 10 s.  Growth is judged after the first 10 minutes (a sixth of a shorter
// run), when caches and pools are filled: a line is fitted through the median of each
// minute, since samples of one minute depend on each other.  Fails when memory grows by
// 1 MiB an hour or more, or descriptors or threads by 1 an hour or more, and the 95 %
// confidence interval of the slope lies above 0.  "not sure" is told when the interval
// is too wide to exclude that growth.  Below 10 minutes nothing is judged: slopes are
// printed only.  Also fails when a process ended.
import fs from 'node:fs';
import { publish, sizeOf, sleep, startFarm, zygoteOf } from './lib/farm.mjs';
import { fit, median } from './lib/stats.mjs';

const SECONDS = Number(process.env.SOAK_SECONDS || 3600);
const STREAMS = Number(process.env.SOAK_STREAMS || 3);
const SAMPLE_MS = SECONDS >= 600 ? 10000 : Math.max(500, SECONDS * 1000 / 60);
const WINDOW_MS = 6 * SAMPLE_MS;
const WARM_UP_MS = Math.min(600000, SECONDS * 1000 / 6);
const JUDGED = SECONDS >= 600;
const LIMITS = { rssKb: 1024, fds: 1, threads: 1 };	// an hour
const seed = Number(process.env.SEED || Math.floor(Math.random() * 1e9));
let state = seed >>> 0;

function random() {		// mulberry32
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);

	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const farm = await startFarm({ kind: process.env.SOAK_KIND || 'remote' });
const t0 = Date.now();
const over = () => Date.now() - t0 > SECONDS * 1000;
let nStreams = 0;

/* One publisher after the other: half of them end in order, half vanish. */
async function comeAndGo(k) {
	for (let i = 0; !over(); i++) {
		const seconds = 5 + random() * 25;
		const p = await publish(farm.broadcaster, `cam${k}x${i % 50}`, seconds + 5);

		nStreams++;
		if (random() < 0.5)
			setTimeout(() => p.end || p.kill('SIGKILL'), seconds * 1000);
		await p.over;
		await sleep(random() * 4000);
	}
}

/* Long-lived processes: the nodes and their zygotes (workers come and go). */
function processes() {
	return farm.all.flatMap((p) => {
		const z = p.alive ? zygoteOf(p.pid) : 0;

		return [{ name: p.name, pid: p.pid }, ...(z ? [{ name: `${p.name}/zygote`, pid: z }] : [])];
	});
}

fs.mkdirSync('build/bench', { recursive: true });
const csv = fs.createWriteStream('build/bench/soak.csv');
const samples = [];

csv.write('seconds,process,pid,rss_kb,anon_kb,fds,threads\n');
function sample() {
	const ms = Date.now() - t0;

	for (const { name, pid } of processes()) {
		const s = sizeOf(pid);

		if (!s)
			continue;
		samples.push({ ms, name, ...s });
		csv.write(`${(ms / 1000).toFixed(1)},${name},${pid},${s.rssKb},${s.anonKb},${s.fds},${s.threads}\n`);
	}
}

/* Growth an hour of one process's figure: {slope, low, high}. */
function growth(name, key) {
	const windows = new Map();

	for (const s of samples) {
		const w = Math.floor((s.ms - WARM_UP_MS) / WINDOW_MS);

		if (s.name === name && w >= 0)
			windows.set(w, [...(windows.get(w) || []), s[key]]);
	}
	const xs = [...windows.keys()];

	return fit(xs.map((w) => (w + 0.5) * WINDOW_MS / 3600000), xs.map((w) => median(windows.get(w))));
}

function verdict(g, limit) {
	if (!JUDGED)
		return 'not judged';
	if (g.slope >= limit && g.low > 0)
		return 'GROWS';
	return g.high < limit ? 'steady' : 'not sure';
}

console.log(`${SECONDS} s, seed ${seed}, ${STREAMS} streams at once, ${farm.kind}`);
const loads = Array.from({ length: STREAMS }, (_, k) => comeAndGo(k));

while (!over() && farm.all.every((p) => p.alive)) {
	sample();
	await sleep(SAMPLE_MS);
}
const dead = farm.all.filter((p) => !p.alive).map((p) => p.name);
const st = dead.length ? null : (await farm.broadcaster.status()).totals;
let failed = dead.length > 0;

console.log('process | figure | first | last | growth an hour (95 % between) | verdict');
for (const name of new Set(samples.map((s) => s.name))) {
	const mine = samples.filter((s) => s.name === name);

	for (const [key, limit] of Object.entries(LIMITS)) {
		const g = growth(name, key), v = verdict(g, limit);

		failed = failed || v === 'GROWS';
		console.log(`${name} | ${key} | ${mine[0][key]} | ${mine.at(-1)[key]} | ${g.slope.toFixed(1)} ` +
			`(${g.low.toFixed(1)} to ${g.high.toFixed(1)}) | ${v}`);
	}
}
if (st)
	console.log(`${nStreams} streams, ${st.segmentsIn} segments, renditions ${st.renditionsOut}, lost ${st.renditionsLost}`);
for (const name of dead)
	console.log(`${name} ended by itself`);
csv.end();
await Promise.race([farm.stop(), sleep(15000)]);
process.exit(failed ? 1 : 0);
