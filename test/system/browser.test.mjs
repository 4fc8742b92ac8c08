// binary: plain
// The player page in headless Chromium: it lists, plays without a stall, switches
// quality, and tells how to publish when nobody does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { chromium } from 'playwright-core';
import { note, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { publish, source } from './lib/media.mjs';

const SHOTS = 'build/screenshots';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
	'--autoplay-policy=no-user-gesture-required'];

async function open(t, url) {
	const ctx = await chromium.launchPersistentContext(fs.mkdtempSync(`${t.dir()}/browser-`), {
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, args: FLAGS,
		viewport: { width: 1280, height: 860 },
	});

	t.after(() => ctx.close());
	const page = await ctx.newPage();
	const wrong = [];

	page.on('pageerror', (e) => wrong.push(e.message));
	page.on('console', (m) => m.type() === 'error' && wrong.push(m.text()));
	page.on('response', (r) => r.status() >= 400 && wrong.push(`${r.status()} ${r.url()}`));
	page.on('request', (r) => {
		const u = new URL(r.url());

		if (/^http/.test(u.protocol) && u.origin !== new URL(url).origin)
			wrong.push(`foreign host: ${u.origin}`);
	});
	t.diagnoses.push(() => `page said: ${wrong.join('; ')}`);
	await page.goto(url);
	fs.mkdirSync(SHOTS, { recursive: true });
	return { page, wrong };
}

const playerState = (page) => page.evaluate(() => {
	const v = document.getElementById('video');
	const q = v.getVideoPlaybackQuality();

	return { time: v.currentTime, ready: v.readyState, width: v.videoWidth, frames: q.totalVideoFrames,
		audio: v.webkitAudioDecodedByteCount };
});

test('the page plays a live stream for 10 s without a stall', async (t) => {
	const n = await Node.start(t);

	publish(t, await source({ seconds: 60, gop: 60 }), n.rtmp('cam'));
	await until('renditions come', async () => (await n.status()).totals.renditionsOut >= 4, 20000);
	const { page, wrong } = await open(t, n.url('/'));

	await until('it plays', async () => (await playerState(page)).time > 0.3 && (await playerState(page)).frames > 3, 15000);
	await page.evaluate(() => {
		window.stalls = 0;
		document.getElementById('video').addEventListener('waiting', () => window.stalls++);
	});
	const a = await playerState(page);
	const t0 = Date.now();

	await sleep(10000);
	const b = await playerState(page);
	const played = b.time - a.time, passed = (Date.now() - t0) / 1000;

	assert.equal(await page.evaluate(() => window.stalls), 0, 'no stall');
	assert.ok(played > passed * 0.93, `${played.toFixed(2)} s played in ${passed.toFixed(2)} s`);
	assert.ok(b.frames - a.frames > 200, `${b.frames - a.frames} frames shown`);
	assert.ok(b.audio > a.audio, 'sound is decoded');
	assert.match(await page.textContent('#streams'), /cam/);
	assert.match(await page.textContent('#latency'), /^\d+\.\d s behind live$/);
	note(await page.textContent('#latency'));
	const options = await page.$$eval('#quality option', (l) => l.map((o) => o.textContent));

	assert.equal(options.length, 4, `Auto and three qualities: ${options}`);
	await page.screenshot({ path: `${SHOTS}/playing.png`, fullPage: true });
	assert.deepEqual(wrong, []);
});

test('the quality menu switches the picture', async (t) => {
	const n = await Node.start(t);

	publish(t, await source({ seconds: 60, gop: 60 }), n.rtmp('cam'));
	await until('renditions come', async () => (await n.status()).totals.renditionsOut >= 4, 20000);
	const { page } = await open(t, n.url('/#cam'));

	await until('it plays', async () => (await playerState(page)).time > 0.3, 15000);
	const options = await page.$$eval('#quality option', (l) => l.map((o) => [o.value, o.textContent]));
	const low = options.find(([, text]) => text.startsWith('144p'));

	assert.ok(low, `a 144p quality: ${options}`);
	await page.selectOption('#quality', low[0]);
	await until('the picture is 256 wide', async () => (await playerState(page)).width === 256, 15000);
});

test('without streams the page tells how to publish, and plays when one comes', async (t) => {
	const n = await Node.start(t);
	const { page, wrong } = await open(t, n.url('/'));

	await until('the counters are there', async () => /0\s*live|live/.test(await page.textContent('#counters')), 5000);
	assert.ok(await page.isVisible('#how'));
	assert.match(await page.textContent('#how-ffmpeg'), /rtmp:\/\/.*\/live\/demo/);
	await page.screenshot({ path: `${SHOTS}/empty.png`, fullPage: true });
	publish(t, await source({ seconds: 20, gop: 60 }), n.rtmp('late'));
	await until('it plays', async () => (await playerState(page)).frames > 10, 20000);
	assert.ok(!await page.isVisible('#how'));
	await page.setViewportSize({ width: 390, height: 844 });
	await sleep(300);
	assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'fits a phone');
	await page.screenshot({ path: `${SHOTS}/phone.png`, fullPage: true });
	assert.deepEqual(wrong.filter((w) => !/404/.test(w)), []);
});
