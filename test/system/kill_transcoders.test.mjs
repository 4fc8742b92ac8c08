// One of two transcoders is killed again and again under a live stream: every rendition
// of every segment is there.  One minute; five in `make test-long`.
import assert from 'node:assert/strict';
import { long, note, random, sleep, test, until } from './lib/harness.mjs';
import { Farm } from './lib/farm.mjs';
import { Recorder } from './lib/hls.mjs';
import { publish, source } from './lib/media.mjs';

const SECONDS = long ? 300 : 60;
const EVERY_MS = 10000;

test(`one of two transcoders is killed every 10 s for ${SECONDS} s, no rendition is lost`, async (t) => {
	const farm = await Farm.start(t, { transcoders: 2 });
	const rec = new Recorder(t, farm.b, 'cam').start();
	const ff = publish(t, await source({ seconds: SECONDS, size: '640x360' }), farm.b.rtmp('cam'));
	let killed = 0;

	await until('it is live', async () => (await farm.b.stream('cam'))?.state === 'live');
	for (let at = EVERY_MS / 2; at + EVERY_MS / 2 <= SECONDS * 1000; at += EVERY_MS) {
		const wait = random() * 2000;

		await sleep(wait + (killed ? EVERY_MS / 2 : 0));
		// The one at work, every other time the other one.
		const works = await farm.working();
		const victim = killed % 2 ? farm.transcoders.find((n) => n !== works) : works;

		note(`kill -9 of node ${victim.number}, ${victim === works ? 'at work' : 'idle'}`);
		await victim.kill9();
		killed++;
		await sleep(EVERY_MS / 2 - wait);
		victim.killed = false;
		await victim.launch();
		await farm.ready(2);
	}
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	const src = await rec.checkBriefly(['low', 'mid']);
	const totals = (await farm.b.status()).totals;

	note(`${killed} kills, ${src.segments.length} segments, ${totals.renditionsOut} renditions, ${totals.retries} retries`);
	assert.ok(killed >= (long ? 25 : 5));
	assert.equal(totals.renditionsLost, 0);
	assert.equal(totals.renditionsOut, 2 * totals.segmentsIn);
}, { limitS: SECONDS + 90 });
