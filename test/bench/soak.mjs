// A farm under streams that come and go, and whether any of its processes grows.
//   SOAK_SECONDS (3600), SOAK_KIND (remote: see startFarm), SEED, SOAK_STREAMS (3) at once
//   build/bench/soak.csv: time, process, RSS and its parts, descriptors, threads
//
// RSS is the sum of anonymous memory (the heap), shared memory (media in memfds that is
// mapped: the windows of the streams that can be watched now) and pages of files
// (programs, databases), which the kernel takes back as it likes.  Anonymous memory is
// judged apart, for a leak there must not hide behind the coming and going of the other
// two; those are told, so that what made RSS grow is seen.
//
// Six times, evenly and at the end, the streams are let end and their windows expire: at
// such a rest a process holds what it always holds, to the descriptor, while under load
// that follows how many streams there just are.  Growth is a line fitted through the rests;
// the first, after a sixth of the time, is when caches and pools are filled.  Fails when
// memory grows by 1 MiB an hour or more, or descriptors or threads by 1 an hour or more,
// and the 95 % confidence interval of the slope lies above 0.  "not sure" is told when
// the interval is too wide to exclude that growth.  Below 30 minutes there are no rests and
// nothing is judged: slopes under load are printed only.  Also fails when a process ended
// or keeps streams.
import fs from 'node:fs';
import { publish, sizeOf, sleep, startFarm, until, zygoteOf } from './lib/farm.mjs';
import { fit, median } from './lib/stats.mjs';

const SECONDS = Number(process.env.SOAK_SECONDS || 3600);
const STREAMS = Number(process.env.SOAK_STREAMS || 3);
const SAMPLE_MS = SECONDS >= 600 ? 10000 : Math.max(500, SECONDS * 1000 / 60);
const JUDGED = SECONDS >= 1800;
const RESTS = 6;
const REST_EVERY_MS = SECONDS * 1000 / RESTS;
const GONE_MS = 150000;	// a stream's last seconds, a publisher's grace, the window: 115 s
const SETTLE_MS = 8000;	// workers without work are replaced, our own connections close
const REST_SAMPLES = 5;
const LIMITS = { rssKb: 1024, anonKb: 1024, fds: 1, threads: 1 };	// an hour
const TOLD = ['shmemKb', 'fileKb'];
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
let resting = false;

/* One publisher after the other: half of them end in order, half vanish. */
async function comeAndGo(k) {
	for (let i = 0; !over(); i++) {
		while (resting)
			await sleep(200);
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

csv.write('seconds,rest,process,pid,rss_kb,anon_kb,shmem_kb,file_kb,fds,threads\n');
function sample(rest = 0) {
	const ms = Date.now() - t0;

	for (const { name, pid } of processes()) {
		const s = sizeOf(pid);

		if (!s)
			continue;
		samples.push({ ms, rest, name, ...s });
		csv.write([(ms / 1000).toFixed(1), rest, name, pid, s.rssKb, s.anonKb, s.shmemKb, s.fileKb, s.fds, s.threads].join() + '\n');
	}
}

/* Growth an hour of one process's figure, at rests if there were any: {slope, low, high}. */
function growth(name, key) {
	const mine = samples.filter((s) => s.name === name);
	const groups = JUDGED ? Array.from({ length: RESTS }, (_, i) => mine.filter((s) => s.rest === i + 1)) : mine.map((s) => [s]);
	const points = groups.filter((g) => g.length);

	return fit(points.map((g) => g[0].ms / 3600000), points.map((g) => median(g.map((s) => s[key]))));
}

function verdict(g, limit) {
	if (!JUDGED)
		return 'not judged';
	if (g.slope >= limit && g.low > 0)
		return 'GROWS';
	return g.high < limit ? 'steady' : 'not sure';
}

async function progress() {
	const t = (await farm.broadcaster.status()).totals;

	return `${nStreams} streams, ${t.segmentsIn} segments, renditions ${t.renditionsOut}, lost ${t.renditionsLost}`;
}

/* No streams, nothing of them kept. */
async function rest(n) {
	resting = true;
	await until('all streams are let go', async () => (await farm.broadcaster.status()).streams.length === 0, GONE_MS, 1000);
	await sleep(SETTLE_MS);
	for (let i = 0; i < REST_SAMPLES; i++) {
		sample(n);
		await sleep(1000);
	}
	console.log(`rest ${n}, ${Math.round((Date.now() - t0) / 1000)} s: ${await progress()}`);
	resting = false;
}

console.log(`${SECONDS} s, seed ${seed}, ${STREAMS} streams at once, ${farm.kind}`);
let broken = null;	// no load is no soak
const isWhole = () => !broken && farm.all.every((p) => p.alive);

for (let k = 0; k < STREAMS; k++)
	comeAndGo(k).catch((e) => { broken = e; });
try {
	for (let n = 1; n <= RESTS; n++) {
		while (Date.now() - t0 < n * REST_EVERY_MS && isWhole()) {
			sample();
			await sleep(SAMPLE_MS);
		}
		if (JUDGED && isWhole())
			await rest(n);
	}
} catch (e) {
	broken = e;
}
const dead = farm.all.filter((p) => !p.alive).map((p) => p.name);
const end = dead.length ? null : await progress();
let failed = dead.length > 0 || broken;

console.log('process | figure | first | last | growth an hour (95 % between) | verdict');
for (const name of new Set(samples.map((s) => s.name))) {
	const mine = samples.filter((s) => s.name === name);

	for (const key of [...Object.keys(LIMITS), ...TOLD]) {
		const g = growth(name, key), v = key in LIMITS ? verdict(g, LIMITS[key]) : 'told only';

		failed = failed || v === 'GROWS';
		console.log(`${name} | ${key} | ${mine[0][key]} | ${mine.at(-1)[key]} | ${g.slope.toFixed(1)} ` +
			`(${g.low.toFixed(1)} to ${g.high.toFixed(1)}) | ${v}`);
	}
}
if (end)
	console.log(end);
if (broken)
	console.log(`it broke off: ${broken.stack}`);
for (const name of dead)
	console.log(`${name} ended by itself`);
csv.end();
await Promise.race([farm.stop(), sleep(15000)]);
process.exit(failed ? 1 : 0);
